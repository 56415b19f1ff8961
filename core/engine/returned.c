/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "returned.h"

#include "engine-private.h"

/* So few fit into the room that the kernel has for what waits for a neighbour. */
#define FEW 24
/* So long is a neighbour waited for, and so often asked about. */
#define LONGEST_MS 100
#define LOOK_MS 2
/* It is sought anew after so long, and then whenever as much time has gone by again. */
#define AGAIN_MS 4

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
static enum neighbour neighbour_of(struct engine *engine, const struct local *local, bool anew)
{
	const struct mptcpd_addr *peer = peer_of_family(&engine->model, local->is.addr.family);
	int r = NEIGHBOUR_NONE;

	if (local->interface->is.point_to_point)
		return NEIGHBOUR_KNOWN; /* the kernel has one for all, by no address */
	if (peer)
		r = engine->ops->neighbour_known(engine->kernel, &local->is.addr,
						 local->interface->is.ifindex, peer, anew);
	return r < 0 ? NEIGHBOUR_KNOWN : (enum neighbour)r;
}

/* What is still fresh of a link, and of all: the most that is found counts. */
enum left { LEFT_NOTHING, LEFT_NO_NEIGHBOUR, LEFT_SOUGHT };

static enum left look_at(struct engine *engine, const struct interface *interface)
{
	enum left left = LEFT_NOTHING;

	for (struct local *local = interface->locals; local; local = local->next) {
		enum neighbour neighbour;

		if (!local->fresh || local->usability != USABLE)
			continue;
		neighbour = neighbour_of(engine, local, false);
		local->fresh = neighbour != NEIGHBOUR_KNOWN;
		if (local->fresh && neighbour == NEIGHBOUR_SOUGHT)
			left = LEFT_SOUGHT;
		else if (local->fresh && left == LEFT_NOTHING)
			left = LEFT_NO_NEIGHBOUR;
	}
	return left;
}

/* All that have not answered; and where they are too many, those that are waited for. */
static void seek_again(struct engine *engine, const struct interface *interface)
{
	int r = engine->ops->neighbours_seek(engine->kernel, interface->is.ifindex);

	for (struct local *local = interface->locals; local && r == SEEK_SOME; local = local->next)
		if (local->fresh && local->usability == USABLE)
			neighbour_of(engine, local, true);
}

static void look_no_more(const struct interface *interface)
{
	for (struct local *local = interface->locals; local; local = local->next)
		local->fresh &= local->usability != USABLE;
}

/* Is one of them still sought? Those that were looked at for long enough are so no longer. */
static bool look(struct engine *engine, uint64_t now_ms)
{
	struct returned *returned = &engine->returned;
	struct table_entry *entry = table_first(&engine->model.interfaces);
	bool is_late = now_ms - returned->since_ms >= LONGEST_MS;
	bool is_again = now_ms >= returned->again_ms;
	enum left most = LEFT_NOTHING;

	for (; entry; entry = table_next(entry)) {
		const struct interface *interface = (struct interface *)entry;
		enum left left = look_at(engine, interface);

		if (is_again && left == LEFT_SOUGHT)
			seek_again(engine, interface); /* also where there was no time before */
		if (is_late)
			look_no_more(interface);
		else if (left > most)
			most = left;
	}
	if (is_again)
		returned->again_ms = now_ms + (now_ms - returned->since_ms);
	returned->due_ms = most != LEFT_NOTHING ? now_ms + LOOK_MS : 0;
	return most == LEFT_SOUGHT;
}

static void start(struct returned *returned, uint64_t now_ms)
{
	returned->since_ms = returned->due_ms = now_ms;
	returned->again_ms = now_ms + AGAIN_MS;
}

void returned_see(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	struct returned *returned = &engine->returned;

	if (change->returned) {
		engine->ops->neighbours_seek(engine->kernel, change->ifindex);
		walk_seek(engine, now_ms); /* meanwhile */
		start(returned, now_ms);
	} else if (change->type == CHANGE_INTERFACE_CHANGED ||
		   change->type == CHANGE_INTERFACE_REMOVED ||
		   change->type == CHANGE_INTERFACE_ADDRESS_REMOVED) {
		if (returned->due_ms)
			engine->host_due_ms = now_ms;
		returned->lost = true;
	}
}

void returned_settle(struct engine *engine, uint64_t now_ms)
{
	if (engine->returned.due_ms && now_ms >= engine->returned.due_ms)
		look(engine, now_ms);
}

uint64_t returned_next(const struct engine *engine)
{
	return engine->returned.due_ms ? engine->returned.due_ms : ENGINE_NEVER;
}

bool returned_wait(struct engine *engine, uint64_t now_ms)
{
	struct returned *returned = &engine->returned;
	uint64_t held_ms = returned->held_ms ? returned->held_ms : now_ms;
	bool may_wait = !engine->passive && !returned->lost &&
			table_count(&engine->model.connections) > FEW;

	returned->lost = false;
	returned->held_ms = 0;
	if (!may_wait)
		return false;
	if (!returned->due_ms)
		start(returned, now_ms);
	/* Links may return in turn, so that one of them is always sought. */
	if (!look(engine, now_ms) || now_ms - held_ms >= LONGEST_MS)
		return false;
	returned->held_ms = held_ms;
	engine->host_due_ms = returned->due_ms;
	return true;
}
