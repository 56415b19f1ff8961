/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's side of the fake: its state, its events, its answers. */
#include "fake-kernel.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"

struct mptcpd_addr fake_addr(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

struct fake_kernel *fake_new(void)
{
	struct fake_kernel *fake = g_new0(struct fake_kernel, 1);

	fake->path_manager = PATH_MANAGER_USERSPACE;
	fake->next_port = 40000;
	return fake;
}

void fake_free(struct fake_kernel *fake)
{
	g_free(fake->events);
	g_free(fake);
}

void fake_forget_log(struct fake_kernel *fake)
{
	fake->n_log = fake->n_commands = 0;
	memset(fake->counts, 0, sizeof(fake->counts));
}

static void queue(struct fake_kernel *fake, const struct event *event)
{
	if (fake->limit_events && fake->n_events >= fake->limit_events) {
		fake->lost = true;
		return;
	}
	if (fake->n_events == fake->room_events) {
		fake->room_events = fake->room_events ? 2 * fake->room_events : 64;
		fake->events = g_renew(struct event, fake->events, fake->room_events);
	}
	fake->events[fake->n_events++] = *event;
}

/* ---- the network ---- */

static void queue_link(struct fake_kernel *fake, const struct event_link *link, bool dumped)
{
	queue(fake, &(struct event){.type = EVENT_LINK, .dumped = dumped, .link = *link});
}

struct event_link *fake_find_link(struct fake_kernel *fake, uint32_t ifindex)
{
	for (size_t i = 0; i < FAKE_LINKS; i++)
		if (fake->links[i].ifindex == ifindex)
			return &fake->links[i];
	return NULL;
}

void fake_link(struct fake_kernel *fake, uint32_t ifindex, const char *name, bool up, bool carrier)
{
	struct event_link *link = fake_find_link(fake, ifindex);

	if (!link) {
		link = fake_find_link(fake, 0);
		g_assert_nonnull(link);
		fake->routes[link - fake->links] = ROUTE_UNICAST;
	}
	*link = (struct event_link){.ifindex = ifindex,
				    .type = MPTCPD_LINK_ETHERNET,
				    .prefers_temporary = link->prefers_temporary,
				    .up = up,
				    .carrier = carrier};
	g_strlcpy(link->name, name, sizeof(link->name));
	queue_link(fake, link, false);
}

void fake_link_gone(struct fake_kernel *fake, uint32_t ifindex)
{
	struct event_link *link = fake_find_link(fake, ifindex);

	g_assert_nonnull(link);
	for (size_t i = 0; i < FAKE_LOCALS; i++)
		if (fake->locals[i].ifindex == ifindex)
			fake->locals[i] = (struct event_local){0};
	*link = (struct event_link){0};
	queue(fake, &(struct event){.type = EVENT_LINK_GONE, .link.ifindex = ifindex});
}

struct event_local *fake_find_local(struct fake_kernel *fake, uint32_t ifindex,
				    const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < FAKE_LOCALS; i++) {
		struct event_local *local = &fake->locals[i];

		if (ifindex ? local->ifindex == ifindex : local->addr.family != 0)
			if (addr_equal_host(&local->addr, addr))
				return local;
	}
	return NULL;
}

void fake_address(struct fake_kernel *fake, uint32_t ifindex, const char *address)
{
	struct event_local local = {.addr = fake_addr(address), .ifindex = ifindex, .prefix = 24};

	for (size_t i = 0; i < FAKE_LOCALS; i++) {
		if (fake->locals[i].ifindex)
			continue;
		fake->locals[i] = local;
		queue(fake, &(struct event){.type = EVENT_LOCAL, .local = local});
		return;
	}
	g_assert_not_reached();
}

void fake_temporary(struct fake_kernel *fake, uint32_t ifindex, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	struct event_local *local = fake_find_local(fake, ifindex, &addr);
	bool is_there = local != NULL;

	if (!is_there) {
		fake_address(fake, ifindex, address);
		fake->n_events--;
		local = fake_find_local(fake, ifindex, &addr);
	}
	g_assert(local);
	local->temporary = true;
	local->deprecated = is_there;
	local->prefix = 64;
	queue(fake, &(struct event){.type = EVENT_LOCAL, .local = *local});
}

void fake_prefer_temporary(struct fake_kernel *fake, uint32_t ifindex, bool prefer)
{
	struct event_link *link = fake_find_link(fake, ifindex);

	g_assert(link);
	link->prefers_temporary = prefer;
}

void fake_address_gone(struct fake_kernel *fake, uint32_t ifindex, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	struct event_local *local = fake_find_local(fake, ifindex, &addr);

	g_assert_nonnull(local);
	queue(fake, &(struct event){.type = EVENT_LOCAL_GONE, .local = *local});
	*local = (struct event_local){0};
}

void fake_route(struct fake_kernel *fake, uint32_t ifindex, bool routed)
{
	fake->routes[fake_find_link(fake, ifindex) - fake->links] =
		routed ? ROUTE_UNICAST : ROUTE_NONE;
	queue(fake, &(struct event){.type = EVENT_ROUTES});
}

void fake_site(struct fake_kernel *fake, uint32_t ifindex)
{
	fake->routes[fake_find_link(fake, ifindex) - fake->links] = ROUTE_SITE;
	queue(fake, &(struct event){.type = EVENT_ROUTES});
}

/* ---- connections ---- */

struct fake_connection *fake_find(struct fake_kernel *fake, uint32_t token)
{
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		if (fake->connections[i].used && fake->connections[i].token == token)
			return &fake->connections[i];
	return NULL;
}

size_t fake_count_subflows(const struct fake_connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		n += connection->subflows[i].used && !connection->subflows[i].syn_sent;
	return n;
}

static void queue_connection(struct fake_kernel *fake, const struct fake_connection *connection,
			     enum event_type type)
{
	struct event event = {.type = type, .token = connection->token};

	event.connection = (struct event_connection){
		.local = connection->local,
		.remote = connection->remote,
		.side = type == EVENT_SNAPSHOT_CONNECTION ? MPTCPD_SIDE_UNKNOWN : connection->side,
		.deny_join_id0 = type != EVENT_SNAPSHOT_CONNECTION && connection->deny_join_id0,
		.fallback = connection->fallback,
		.closing = type == EVENT_SNAPSHOT_CONNECTION && connection->shut,
		.so_mark = type == EVENT_SNAPSHOT_CONNECTION ? connection->mark : 0,
	};
	queue(fake, &event);
}

struct fake_connection *fake_connect(struct fake_kernel *fake, uint32_t token,
				     enum mptcpd_side side, const char *local, const char *remote)
{
	struct fake_connection *connection = NULL;

	for (size_t i = 0; i < FAKE_CONNECTIONS && !connection; i++)
		if (!fake->connections[i].used)
			connection = &fake->connections[i];
	g_assert_nonnull(connection);
	*connection = (struct fake_connection){
		.used = true,
		.token = token,
		.side = side,
		.path_manager = fake->path_manager,
		.local = fake_addr(local),
		.remote = fake_addr(remote),
	};
	connection->subflows[0] = (struct fake_subflow){
		.used = true,
		.initial = true,
		.ours = side == MPTCPD_SIDE_CLIENT,
		.local = connection->local,
		.remote = connection->remote,
	};
	queue_connection(fake, connection, EVENT_CONNECTION_CREATED);
	return connection;
}

void fake_establish(struct fake_kernel *fake, uint32_t token)
{
	struct fake_connection *connection = fake_find(fake, token);

	if (!connection)
		g_assert_not_reached();
	connection->established = true;
	queue_connection(fake, connection, EVENT_CONNECTION_ESTABLISHED);
}

void fake_close(struct fake_kernel *fake, uint32_t token, bool in_silence)
{
	struct fake_connection *connection = fake_find(fake, token);

	if (!connection)
		g_assert_not_reached();
	connection->used = false;
	if (!in_silence)
		queue(fake, &(struct event){.type = EVENT_CONNECTION_CLOSED, .token = token});
}

void fake_announced(struct fake_kernel *fake, uint32_t token, uint8_t id, const char *remote)
{
	struct event event = {.type = EVENT_ADDRESS_ANNOUNCED, .token = token};

	event.peer_address.addr = fake_addr(remote);
	event.peer_address.id = id;
	queue(fake, &event);
}

static void queue_subflow(struct fake_kernel *fake, const struct fake_connection *connection,
			  const struct fake_subflow *subflow, enum event_type type, int error)
{
	struct event event = {.type = type, .token = connection->token};

	event.subflow = (struct event_subflow){
		.local = subflow->local,
		.remote = subflow->remote,
		.local_id = subflow->local_id,
		.remote_id = subflow->remote_id,
		.ifindex = subflow->ifindex,
		.peer_backup = subflow->peer_backup,
		.error = (uint8_t)error,
	};
	if (type == EVENT_SNAPSHOT_SUBFLOW) {
		event.subflow.backup = subflow->backup;
		event.subflow.syn_sent = subflow->syn_sent;
		event.subflow.initial = subflow->initial;
		event.subflow.joined_here = subflow->ours;
		event.subflow.fully_established = connection->established;
		event.subflow.fallback = connection->fallback;
	}
	queue(fake, &event);
}

/* By the id of the address, as the connection has it; that of the initial one is 0 whatever it has. */
static uint8_t join_id(const struct fake_connection *connection, const struct mptcpd_addr *local)
{
	for (size_t i = 0; i < FAKE_ADDRESSES; i++)
		if (addr_equal_host(&connection->addresses[i].addr, local) &&
		    !addr_equal_host(&connection->local, local))
			return connection->addresses[i].id;
	return 0;
}

void fake_join(struct fake_kernel *fake, uint32_t token, const char *local, const char *remote)
{
	struct fake_connection *connection = fake_find(fake, token);
	size_t i = 0;

	while (connection->subflows[i].used)
		g_assert_cmpuint(++i, <, FAKE_SUBFLOWS);
	connection->subflows[i] = (struct fake_subflow){
		.used = true,
		.local = fake_addr(local),
		.remote = fake_addr(remote),
	};
	connection->subflows[i].local_id = join_id(connection, &connection->subflows[i].local);
	queue_subflow(fake, connection, &connection->subflows[i], EVENT_SUBFLOW_ESTABLISHED, 0);
}

void fake_reset(struct fake_kernel *fake, struct fake_connection *connection, size_t i, int error)
{
	struct fake_subflow *subflow = &connection->subflows[i];

	g_assert_true(subflow->used);
	queue_subflow(fake, connection, subflow, EVENT_SUBFLOW_CLOSED, error);
	subflow->used = false;
}

void fake_removed(struct fake_kernel *fake, uint32_t token, uint8_t id)
{
	struct fake_connection *connection = fake_find(fake, token);
	struct event event = {.type = EVENT_ADDRESS_REMOVED, .token = token};

	event.peer_address.id = id;
	queue(fake, &event);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (connection->subflows[i].used && connection->subflows[i].remote_id == id)
			fake_reset(fake, connection, i, 0);
}

void fake_answer(struct fake_kernel *fake, int error)
{
	for (size_t c = 0; c < FAKE_CONNECTIONS; c++) {
		struct fake_connection *connection = &fake->connections[c];

		for (size_t i = 0; connection->used && i < FAKE_SUBFLOWS; i++) {
			struct fake_subflow *subflow = &connection->subflows[i];

			if (subflow->used && subflow->doomed)
				fake_reset(fake, connection, i, 0);
			if (!subflow->used || !subflow->syn_sent)
				continue;
			if (error) {
				fake_reset(fake, connection, i, error);
				continue;
			}
			subflow->syn_sent = false;
			queue_subflow(fake, connection, subflow, EVENT_SUBFLOW_ESTABLISHED, 0);
		}
	}
}

/* ---- delivery ---- */

static void dump_host(struct fake_kernel *fake)
{
	for (size_t i = 0; i < FAKE_LINKS; i++)
		if (fake->links[i].ifindex)
			queue_link(fake, &fake->links[i], true);
	for (size_t i = 0; i < FAKE_LOCALS; i++)
		if (fake->locals[i].ifindex)
			queue(fake, &(struct event){.type = EVENT_LOCAL,
						    .dumped = true,
						    .local = fake->locals[i]});
}

static void dump_connections(struct fake_kernel *fake, bool brief)
{
	for (size_t c = 0; c < FAKE_CONNECTIONS; c++)
		if (fake->connections[c].used)
			queue_connection(fake, &fake->connections[c], EVENT_SNAPSHOT_CONNECTION);
	for (size_t c = 0; c < FAKE_CONNECTIONS && !brief; c++)
		for (size_t i = 0; fake->connections[c].used && i < FAKE_SUBFLOWS; i++)
			if (fake->connections[c].subflows[i].used)
				queue_subflow(fake, &fake->connections[c],
					      &fake->connections[c].subflows[i],
					      EVENT_SNAPSHOT_SUBFLOW, 0);
}

static void dump_endpoints(struct fake_kernel *fake)
{
	for (size_t i = 0; i < FAKE_ENDPOINTS; i++)
		if (fake->endpoints[i].id)
			queue(fake, &(struct event){.type = EVENT_ENDPOINT,
						    .dumped = true,
						    .endpoint = fake->endpoints[i]});
	queue(fake, &(struct event){.type = EVENT_LIMITS, .dumped = true, .limits = fake->limits});
	queue(fake,
	      &(struct event){.type = EVENT_PATH_MANAGER, .path_manager = fake->path_manager});
}

static void hand_over(struct fake_kernel *fake, struct engine *engine, uint64_t now_ms)
{
	/* Handling one may queue more. */
	for (size_t i = 0; i < fake->n_events; i++) {
		struct event event = fake->events[i];

		engine_event(engine, &event, now_ms);
		if (fake->between)
			fake->between(fake->between_data);
	}
	fake->n_events = 0;
}

void fake_deliver(struct fake_kernel *fake, struct engine *engine, uint64_t now_ms)
{
	size_t limit = fake->limit_events;
	bool lost = fake->lost;

	hand_over(fake, engine, now_ms);
	fake->lost = false;
	if (lost)
		for (size_t kind = 0; kind < SNAPSHOT_KINDS; kind++)
			engine_event(engine, &(struct event){.type = EVENT_LOST, .snapshot = kind},
				     now_ms);
	fake->limit_events = 0; /* dumps have sockets of their own */
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++) {
		bool brief = kind == SNAPSHOT_CONNECTIONS && fake->brief_wanted &&
			     !fake->snapshot_wanted[kind];
		int r;

		if (!fake->snapshot_wanted[kind] && !brief)
			continue;
		fake->snapshot_wanted[kind] = fake->brief_wanted = false;
		queue(fake, &(struct event){.type = EVENT_SNAPSHOT_BEGIN,
					    .brief = brief,
					    .snapshot = kind});
		if (kind == SNAPSHOT_HOST)
			dump_host(fake);
		else if (kind == SNAPSHOT_CONNECTIONS)
			dump_connections(fake, brief);
		else
			dump_endpoints(fake);
		r = fake_answer_command(fake, &(struct fake_record){.command = FAKE_DUMP}, 0);
		fake->n_events /= r < 0 ? 2 : 1; /* not all of it */
		queue(fake,
		      &(struct event){.type = r < 0 ? EVENT_SNAPSHOT_FAILED : EVENT_SNAPSHOT_END,
				      .error = (uint8_t)-r,
				      .snapshot = kind});
		hand_over(fake, engine, now_ms);
	}
	fake->limit_events = limit;
}

uint64_t fake_run(struct fake_kernel *fake, struct engine *engine, uint64_t now_ms)
{
	uint64_t next;

	for (int rounds = 0; rounds < 1000; rounds++) {
		fake_deliver(fake, engine, now_ms);
		next = engine_settle(engine, now_ms);
		if (next > now_ms && !fake->n_events && !fake->lost && !fake->brief_wanted &&
		    !fake->snapshot_wanted[0] && !fake->snapshot_wanted[1] &&
		    !fake->snapshot_wanted[2])
			return next;
	}
	g_assert_not_reached();
}
