/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of the model: found, made and let go. */
#include "entry.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "hot.h"
#include "measure.h"
#include "more.h"

/*
 * Room for the usual connection, so that the way from event to command allocates nothing: a subflow
 * from each usable address of a family, within these bounds.
 */
#define ROOM_FIRST_MIN 2
#define ROOM_FIRST_MAX 4
#define ROOM_MAX 255

/* ---- this host ---- */

struct interface *model_find_interface(const struct model *model, uint32_t ifindex)
{
	return table_owner(table_find(&model->interfaces, &ifindex, sizeof(ifindex)),
			   struct interface);
}

const char *model_interface_name(const struct model *model, uint32_t ifindex)
{
	struct interface *interface = ifindex ? model_find_interface(model, ifindex) : NULL;

	return interface ? interface->is.name : "";
}

struct local *model_next_local(const struct model *model, const struct mptcpd_addr *addr,
			       const struct local *after)
{
	struct mptcpd_addr host = addr_host(addr);
	struct table_entry *entry;

	if (model->n_double_locals == 0)
		return after ? NULL
			     : table_owner(table_find(&model->locals, &host, sizeof(host)),
					   struct local);
	for (entry = after ? table_next(&after->entry) : table_first(&model->locals); entry;
	     entry = table_next(entry))
		if (addr_equal_host(&table_owner(entry, struct local)->is.addr, &host))
			return table_owner(entry, struct local);
	return NULL;
}

struct local *model_sole_local(const struct model *model, const struct mptcpd_addr *addr)
{
	struct local *local = model_next_local(model, addr, NULL);

	return local && !model_next_local(model, addr, local) ? local : NULL;
}

struct local *model_find_local(const struct model *model, const struct mptcpd_addr *addr,
			       uint32_t ifindex)
{
	struct mptcpd_addr host = addr_host(addr);
	struct table_entry *entry = table_find(&model->locals, &host, sizeof(host));
	struct local *local = table_owner(entry, struct local), *found = NULL;

	/* An interface may have thousands, of which hardly any is on another one, too. */
	if (!local || (ifindex && local->interface->is.ifindex == ifindex))
		return local;
	if (ifindex) {
		struct interface *interface = model_find_interface(model, ifindex);

		for (local = interface ? interface->locals : NULL; local; local = local->next)
			if (addr_equal_host(&local->is.addr, addr))
				return local;
		return NULL;
	}
	local = NULL;
	while ((local = model_next_local(model, addr, local))) {
		found = local;
		if (local->usability == USABLE)
			break;
	}
	return found;
}

/* ---- connections ---- */

HOT struct connection *model_find_connection(const struct model *model, uint32_t token)
{
	if (model->recent && model->recent->token == token)
		return model->recent;
	return table_owner(table_find(&model->connections, &token, sizeof(token)),
			   struct connection);
}

void model_expect(const struct model *model, uint32_t token)
{
	const struct connection *connection = model_find_connection(model, token);

	if (!connection)
		return;
	__builtin_prefetch(connection->subflows);
	__builtin_prefetch(connection->more);
}

struct connection *model_next_connection(const struct model *model, uint64_t serial)
{
	return order_find(&model->order, serial);
}

struct connection *connection_next(const struct connection *connection)
{
	return table_owner(table_next(&connection->entry), struct connection);
}

static uint8_t first_room(const struct model *model)
{
	size_t v4 = model->n_usable_v4, v6 = model->n_usable_v6;
	size_t room = v4 > v6 ? v4 : v6;

	if (room < ROOM_FIRST_MIN)
		return ROOM_FIRST_MIN;
	return room > ROOM_FIRST_MAX ? ROOM_FIRST_MAX : (uint8_t)room;
}

/* In one piece with the connection: where its subflows are until there are more than usual. */
static struct subflow *first_subflows(struct connection *connection)
{
	return (struct subflow *)(connection + 1);
}

struct connection *connection_new(const struct model *model, uint32_t token)
{
	uint8_t room = first_room(model);
	struct connection *connection =
		calloc(1, sizeof(*connection) + room * sizeof(*connection->subflows));

	if (!connection)
		abort();
	connection->token = token;
	connection->subflows = first_subflows(connection);
	connection->room_subflows = room;
	more_init(connection);
	return connection;
}

void connection_enter(struct model *model, struct connection *connection)
{
	connection->serial = model->next_serial++;
	connection->touched = model->mark;
	table_add(&model->connections, &connection->entry, &connection->token,
		  sizeof(connection->token));
	order_add(&model->order, connection);
	model->recent = connection;
}

struct connection *connection_add(struct model *model, uint32_t token)
{
	struct connection *connection = connection_new(model, token);

	connection_enter(model, connection);
	return connection;
}

/* No token of a connection: those are random, and one that has it is found by its address. */
#define SUPPOSED_TOKEN UINT32_MAX

struct connection *connection_suppose(const struct model *model, const struct subject *subject,
				      uint32_t ifindex, uint64_t now_ms)
{
	struct connection *connection = connection_new(model, SUPPOSED_TOKEN);
	struct connection_more *more = connection_more(connection);
	struct subflow *initial = connection_add_subflow(connection);

	if (!initial)
		abort();
	connection->side = subject->side & 3;
	connection->state = MPTCPD_CONNECTION_ESTABLISHED;
	connection->path_manager = PATH_MANAGER_USERSPACE;
	connection->begin_ms = now_ms;
	connection->local = initial->local = subject->local;
	connection->remote = initial->remote = subject->remote;
	connection->ifindex = initial->ifindex = ifindex;
	initial->is.initial = initial->is.origin_known = true;
	initial->is.origin = MPTCPD_ORIGIN_APPLICATION;
	initial->is.state = SUBFLOW_ESTABLISHED;
	initial->is.since_ms = now_ms;
	more->owner = (struct mptcpd_owner){.uid = subject->uid, .mark = subject->mark};
	more->has_owner = true;
	return connection;
}

void connection_dismiss(struct connection *connection)
{
	if (connection->subflows != first_subflows(connection))
		free(connection->subflows);
	more_done(connection);
	free(connection);
}

void connection_free(struct model *model, struct table *table, struct connection *connection)
{
	if (model->on_forget)
		model->on_forget(model->on_forget_data, connection);
	table_remove(table, &connection->entry);
	connection_dismiss(connection);
}

void connection_remove(struct model *model, struct connection *connection)
{
	if (model->sweep_next == connection)
		model->sweep_next = connection_next(connection);
	if (model->recent == connection)
		model->recent = NULL;
	order_remove(&model->order, connection);
	connection_free(model, &model->connections, connection);
}

bool connection_is_ipv4_only(const struct connection *connection)
{
	return connection->local.family == AF_INET && !connection->mapped;
}

/* ---- what a connection has ---- */

/* Room for another one. NULL for `array`: there is none, or it is not on the heap. */
static void *grow(void *array, size_t *room, size_t size)
{
	*room = *room ? *room * 2 : ROOM_FIRST_MIN;
	if (*room > ROOM_MAX)
		*room = ROOM_MAX;
	array = realloc(array, *room * size);
	if (!array)
		abort();
	return array;
}

static void grow_subflows(struct connection *connection)
{
	struct subflow *first = first_subflows(connection);
	bool is_first = connection->subflows == first;
	size_t room = connection->room_subflows;

	connection->subflows =
		grow(is_first ? NULL : connection->subflows, &room, sizeof(*connection->subflows));
	if (is_first)
		memcpy(connection->subflows, first,
		       connection->n_subflows * sizeof(*connection->subflows));
	connection->room_subflows = (uint8_t)room;
}

struct subflow *connection_add_subflow(struct connection *connection)
{
	struct subflow *subflow;

	if (connection->n_subflows == ROOM_MAX)
		return NULL;
	if (connection->n_subflows == connection->room_subflows)
		grow_subflows(connection);
	subflow = &connection->subflows[connection->n_subflows++];
	*subflow = (struct subflow){.want.by = WANTED_BY_NONE};
	measure_forget(connection, subflow);
	return subflow;
}

void connection_remove_subflow(struct connection *connection, struct subflow *subflow)
{
	struct subflow *last = &connection->subflows[connection->n_subflows - 1];

	measure_move(connection, subflow, last);
	*subflow = *last;
	connection->n_subflows--;
}

struct announced *connection_add_announced(struct connection *connection)
{
	struct connection_more *more = connection_more(connection);
	size_t room = more->room_announced;
	struct announced *announced;

	if (more->n_announced == ROOM_MAX)
		return NULL;
	if (more->n_announced == room) {
		more->announced = grow(more->announced, &room, sizeof(*more->announced));
		more->room_announced = (uint8_t)room;
	}
	announced = &more->announced[more->n_announced++];
	*announced = (struct announced){.want.by = WANTED_BY_NONE};
	return announced;
}

void connection_remove_announced(struct connection *connection, struct announced *announced)
{
	struct connection_more *more = connection_more(connection);

	*announced = more->announced[--more->n_announced];
}

struct mptcpd_peer_address *connection_add_peer(struct connection *connection)
{
	struct connection_more *more = connection_more(connection);
	size_t room = more->room_peers;

	if (more->n_peers == ROOM_MAX)
		return NULL;
	if (more->n_peers == room) {
		more->peers = grow(more->peers, &room, sizeof(*more->peers));
		more->room_peers = (uint8_t)room;
	}
	return &more->peers[more->n_peers++];
}

void connection_remove_peer(struct connection *connection, struct mptcpd_peer_address *peer)
{
	struct connection_more *more = connection_more(connection);

	*peer = more->peers[--more->n_peers];
}

bool subflow_is_seen(const struct subflow *subflow)
{
	return subflow->is.state != SUBFLOW_ABSENT;
}

size_t connection_count_established(const struct connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++)
		n += connection->subflows[i].is.state == SUBFLOW_ESTABLISHED;
	return n;
}

size_t connection_count_joins(const struct connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++)
		n += subflow_is_seen(&connection->subflows[i]) &&
		     !connection->subflows[i].is.initial;
	return n;
}

void model_set_subflow_state(struct model *model, struct subflow *subflow, enum subflow_state state,
			     uint64_t now_ms)
{
	bool was = subflow->is.state == SUBFLOW_ESTABLISHED;

	subflow->touched = model->mark;
	if (subflow->is.state != state) {
		subflow->is.since_ms = now_ms;
		subflow->is.found = false;
	}
	subflow->is.state = state;
	subflow->want.dropped &= state == SUBFLOW_PENDING || state == SUBFLOW_ESTABLISHED;
	model->n_subflows += (state == SUBFLOW_ESTABLISHED) - was;
}
