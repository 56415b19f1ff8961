/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay.h"

#include <string.h>

#include "clock.h"
#include "schema.h"

void replay_stamp(struct mptcpctl_event *event, enum mptcpctl_event_type type)
{
	event->type = type;
	event->name = schema_kind(type)->name;
	if (!event->time_us)
		event->time_us = clock_real_us();
}

static void present_subflow(const struct mptcpctl_connection *connection,
			    const struct mptcpctl_subflow *subflow, replay_func *tell, void *data)
{
	struct mptcpctl_event event = {
		.token = connection->token,
		.side = connection->side,
		.policy = connection->policy,
		.local = subflow->local,
		.remote = subflow->remote,
		.local_id = subflow->local_id,
		.remote_id = subflow->remote_id,
		.backup = subflow->backup,
		.peer_backup = subflow->peer_backup,
		.interface = subflow->interface,
	};

	/* The initial one has no event of its own; a pending one will have it. */
	if (!subflow->initial && strcmp(subflow->state, "pending") != 0)
		tell(data, MPTCPCTL_SUBFLOW_ESTABLISHED, &event);
}

void replay_connection(const struct mptcpctl_connection *connection, replay_func *tell, void *data)
{
	struct mptcpctl_event event = {
		.token = connection->token,
		.side = connection->side,
		.policy = connection->policy,
		.local = connection->local,
		.remote = connection->remote,
		.deny_join_id0 = connection->deny_join_id0,
	};
	const struct mptcpctl_subflow *subflow;
	const struct mptcpctl_address *address;

	tell(data, MPTCPCTL_CONNECTION_CREATED, &event);
	if (strcmp(connection->state, "created") != 0)
		tell(data, MPTCPCTL_CONNECTION_ESTABLISHED, &event);
	for (subflow = connection->subflows; subflow; subflow = subflow->next)
		present_subflow(connection, subflow, tell, data);
	event.local = (struct mptcpctl_addr){0};
	for (address = connection->peer_addresses; address; address = address->next) {
		event.remote = address->addr;
		event.remote_id = address->id;
		tell(data, MPTCPCTL_ADDRESS_ANNOUNCED, &event);
	}
}

void replay_interface(const struct mptcpctl_interface *interface, replay_func *tell, void *data)
{
	struct mptcpctl_event event = {.interface = interface->name, .interface_now = interface};

	tell(data, MPTCPCTL_INTERFACE_ADDED, &event);
}

void replay_endpoint(const struct mptcpctl_endpoint *endpoint, replay_func *tell, void *data)
{
	tell(data, MPTCPCTL_ENDPOINT_ADDED, &(struct mptcpctl_event){.endpoint = endpoint});
}
