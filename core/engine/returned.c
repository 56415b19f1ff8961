/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "returned.h"

#include "engine-private.h"

/* The other end of a cable has its carrier so much later, and what comes before that is lost. */
#define BOTH_ENDS_MS 10
/* So few fit into the room that the kernel has for what waits for a neighbour. */
#define FEW 24
/* So long is a neighbour waited for, and so often asked about. */
#define LONGEST_MS 100
#define LOOK_MS 2

static const struct mptcpd_addr *peer_of_family(const struct model *model, uint8_t family)
{
	const struct connection *connection = model_next_connection(model, 0);

	for (size_t i = 0; connection && i < FEW; i++) {
		if (connection->remote.family == family)
			return &connection->remote;
		connection = connection_next(connection);
	}
	return NULL;
}

/* What cannot be found out is not waited for. */
static enum neighbour neighbour_of(struct engine *engine, const struct local *local)
{
	const struct mptcpd_addr *peer = peer_of_family(&engine->model, local->is.addr.family);
	int r = NEIGHBOUR_NONE;

	if (peer)
		r = engine->ops->neighbour_known(engine->kernel, &local->is.addr,
						 local->interface->is.ifindex, peer);
	return r < 0 ? NEIGHBOUR_KNOWN : (enum neighbour)r;
}

static bool seek(struct engine *engine, bool is_late)
{
	struct table_entry *entry = table_first(&engine->model.locals);
	bool is_sought = false;

	for (; entry; entry = table_next(entry)) {
		struct local *local = (struct local *)entry;
		enum neighbour neighbour = NEIGHBOUR_NONE;

		if (local->fresh && local->usability == USABLE)
			neighbour = neighbour_of(engine, local);
		if (neighbour == NEIGHBOUR_KNOWN || (neighbour == NEIGHBOUR_SOUGHT && is_late))
			local->fresh = false;
		else
			is_sought |= neighbour == NEIGHBOUR_SOUGHT;
	}
	return is_sought;
}

/* What was lost has no time to wait. */
void returned_see(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	struct returned *returned = &engine->returned;

	if (change->returned) {
		engine->ops->link_returned(engine->kernel, change->ifindex);
		walk_seek(engine, now_ms); /* meanwhile */
		returned->both_ms = now_ms + BOTH_ENDS_MS;
	} else if (change->type == CHANGE_INTERFACE_CHANGED ||
		   change->type == CHANGE_INTERFACE_REMOVED ||
		   change->type == CHANGE_INTERFACE_ADDRESS_REMOVED) {
		if (returned->until_ms || now_ms < returned->both_ms)
			engine->host_due_ms = now_ms;
		returned->both_ms = 0;
		returned->until_ms = now_ms;
	}
}

bool returned_wait(struct engine *engine, uint64_t now_ms)
{
	struct returned *returned = &engine->returned;

	if (engine->passive || table_count(&engine->model.connections) <= FEW)
		return false;
	if (now_ms < returned->both_ms) {
		engine->host_due_ms = returned->both_ms;
		return true;
	}
	if (!seek(engine, returned->until_ms && now_ms >= returned->until_ms)) {
		returned->until_ms = 0;
		return false;
	}
	if (!returned->until_ms)
		returned->until_ms = now_ms + LONGEST_MS;
	engine->host_due_ms = now_ms + LOOK_MS;
	return true;
}
