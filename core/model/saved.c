/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "checksum.h"
#include "connection.h"
#include "peer.h"

/* More than any stack of plugins can ask for. */
#define MEMORY_MAX 65536

/* ---- memory of policies ---- */

uint64_t saved_layout(const struct policy *policy)
{
	uint64_t size = policy->memory_size;
	uint64_t h = checksum_add(CHECKSUM_START, policy->name, strlen(policy->name) + 1);

	h = checksum_add(h, &size, sizeof(size));
	for (size_t i = 0; i < policy->n_plugins; i++) {
		const struct policy_plugin *plugin = &policy->plugins[i];
		uint64_t offset = plugin->memory_offset;

		h = checksum_add(h, plugin->plugin->name, strlen(plugin->plugin->name) + 1);
		h = checksum_add(h, &offset, sizeof(offset));
	}
	return h;
}

void saved_take_memory(struct connection *connection)
{
	struct saved_memory *saved = connection->memory;
	const struct policy *policy = connection->policy;

	connection->memory = NULL;
	if (policy && policy->memory_size) {
		connection->memory = calloc(1, policy->memory_size);
		if (!connection->memory)
			abort();
		if (saved && saved->size == policy->memory_size &&
		    saved->layout == saved_layout(policy))
			memcpy(connection->memory, saved->bytes, saved->size);
	}
	free(saved);
}

static int apply_memory(struct connection *connection, const struct event_saved_memory *event)
{
	struct saved_memory *memory = connection->memory;

	if (event->size == 0 || event->size > MEMORY_MAX || event->n > sizeof(event->bytes) ||
	    event->offset > event->size || event->n > event->size - event->offset)
		return -EINVAL;
	if (!memory) {
		memory = calloc(1, sizeof(*memory) + event->size);
		if (!memory)
			abort();
		memory->layout = event->layout;
		memory->size = event->size;
		connection->memory = memory;
	}
	if (memory->layout != event->layout || memory->size != event->size)
		return -EINVAL;
	memcpy(memory->bytes + event->offset, event->bytes, event->n);
	return 0;
}

/* ---- connections ---- */

static int apply_connection(struct model *model, uint32_t token,
			    const struct event_saved_connection *event)
{
	struct connection *connection;

	if (!event->local.family || !event->remote.family || event->side > MPTCPD_SIDE_SERVER ||
	    connection_find(model, token))
		return -EINVAL;
	connection = connection_add(model, token);
	connection->adopted = connection->saved = true;
	connection->saved_slot = event->slot;
	connection->local = event->local;
	connection->remote = event->remote;
	connection->side = event->side & 3;
	connection->deny_join_id0 = event->deny_join_id0;
	connection->remote_removed = event->remote_removed;
	connection->mapped = event->mapped;
	connection->local_removed = event->local_removed;
	connection->temporary = event->temporary;
	return 0;
}

static int apply_subflow(struct connection *connection, const struct event_saved_subflow *event)
{
	struct subflow *subflow;

	if (!event->local.family || event->local.family != event->remote.family ||
	    event->origin > MPTCPD_ORIGIN_ADMIN)
		return -EINVAL;
	subflow = connection_add_subflow(connection);
	if (!subflow)
		return -EINVAL;
	/* Not in the kernel, for all we know: the snapshot makes of it what it is. */
	*subflow = (struct subflow){
		.state = SUBFLOW_WANTED,
		.saved = event->seen,
		.local = event->local,
		.remote = event->remote,
		.ifindex = event->ifindex,
		.asked_port = event->asked_port,
		.instance = event->instance,
		.local_id = event->local_id,
		.remote_id = event->remote_id,
		.origin = event->origin & 7,
		.origin_known = event->origin_known,
		.wanted_by = event->wanted_by_admin ? WANTED_BY_ADMIN : WANTED_BY_NONE,
		.initial = event->initial,
		.mapped = event->mapped,
		.backup = event->backup,
		.want_backup = event->want_backup,
		.banned = event->banned,
		.pinned = event->pinned,
		.fixed_id = event->fixed_id,
		.stale = event->stale,
	};
	return 0;
}

static int apply_announced(struct connection *connection, const struct event_saved_announced *event)
{
	struct announced *announced;

	if (!event->addr.family || !event->id)
		return -EINVAL;
	announced = connection_add_announced(connection);
	if (!announced)
		return -EINVAL;
	announced->addr = event->addr;
	announced->ifindex = event->ifindex;
	announced->id = event->id;
	announced->sent = event->sent;
	announced->is_local = event->is_local;
	announced->banned = event->banned;
	announced->saved_listening = event->listening;
	announced->wanted_by = event->wanted_by_admin ? WANTED_BY_ADMIN : WANTED_BY_NONE;
	return 0;
}

int saved_apply(struct model *model, const struct event *event)
{
	struct connection *connection;

	if (!event->token)
		return -EINVAL;
	if (event->type == EVENT_SAVED_CONNECTION)
		return apply_connection(model, event->token, &event->saved_connection);
	connection = connection_find(model, event->token);
	if (!connection || !connection->saved)
		return -EINVAL;
	switch ((int)event->type) {
	case EVENT_SAVED_PEER:
		return peer_keep(connection, &event->peer_address);
	case EVENT_SAVED_SUBFLOW:
		return apply_subflow(connection, &event->saved_subflow);
	case EVENT_SAVED_ANNOUNCED:
		return apply_announced(connection, &event->saved_announced);
	case EVENT_SAVED_MEMORY:
		return apply_memory(connection, &event->saved_memory);
	default:
		return -EINVAL;
	}
}

static bool is_same(const struct connection *connection, const struct event_connection *event)
{
	return addr_equal(&connection->local, &event->local) &&
	       addr_equal(&connection->remote, &event->remote);
}

bool saved_meet(struct model *model, struct connection *connection, const struct event *event,
		struct change *change)
{
	switch ((int)event->type) {
	case EVENT_CONNECTION_CREATED: /* it is younger than this life */
		connection_free(model, connection);
		return false;
	case EVENT_CONNECTION_ESTABLISHED:
	case EVENT_SNAPSHOT_CONNECTION:
		if (!event->connection.local.family)
			return false; /* a bad event, and refused as such */
		if (!is_same(connection, &event->connection)) {
			connection_free(model, connection);
			return false;
		}
		break;
	case EVENT_CONNECTION_CLOSED:
		connection_free(model, connection);
		return true;
	default:
		break;
	}
	if (event->type == EVENT_SNAPSHOT_CONNECTION) {
		connection->saved = false;
		change->type = CHANGE_CONNECTION_CREATED;
		return false;
	}
	/* What no snapshot can tell is taken in, for the rest one is due that knows of this event. */
	if (event->type == EVENT_ADDRESS_ANNOUNCED || event->type == EVENT_ADDRESS_REMOVED)
		return false;
	change->resync = event->type != EVENT_SNAPSHOT_SUBFLOW;
	change->snapshot = SNAPSHOT_CONNECTIONS;
	return true;
}

void saved_settle_subflow(struct subflow *subflow)
{
	subflow->saved = false;
	if (subflow->initial)
		subflow->asked_port = 0; /* the application chose it; nobody else needs it */
	subflow->initial = false;
}
