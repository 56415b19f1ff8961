/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a change is about, in values. */
#include "change.h"

#include "entry.h"

void connection_describe(const struct connection *connection, struct change *change)
{
	change->token = connection->token;
	change->connection_serial = connection->serial;
	change->side = connection->side;
	change->local = connection->local;
	change->remote = connection->remote;
	change->deny_join_id0 = connection->deny_join_id0;
	change->policy = connection->policy;
}

void subflow_describe(const struct connection *connection, const struct subflow *subflow,
		      struct change *change)
{
	connection_describe(connection, change);
	change->local = subflow->local;
	change->remote = subflow->remote;
	change->local_id = subflow->is.local_id;
	change->remote_id = subflow->is.remote_id;
	change->ifindex = subflow->ifindex;
	change->initial = subflow->is.initial;
	change->backup = subflow->is.backup;
	change->peer_backup = subflow->is.peer_backup;
	change->error = subflow->try.error;
	change->reset = subflow->try.reset;
}

struct local model_changed_local(const struct model *model, const struct change *change)
{
	const struct local *now = model_find_local(model, &change->local, change->ifindex);
	struct local local = {.is.addr = change->local,
			      .is.prefix = change->prefix,
			      .usability = UNUSABLE_PRESENT};

	if (now && change->type != CHANGE_INTERFACE_ADDRESS_REMOVED)
		local = *now;
	local.next = NULL;
	return local;
}

const char *model_changed_interface(const struct model *model, const struct change *change)
{
	return change->interface[0] ? change->interface : model_interface_name(model, change->ifindex);
}
