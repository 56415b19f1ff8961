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
	fake->limits.subflows = 2;
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

/* Which buffer an event of this type waits in: each has one of its own. */
static enum snapshot_kind kind_of(enum event_type type)
{
	return type < EVENT_LINK ? SNAPSHOT_CONNECTIONS : SNAPSHOT_HOST;
}

void fake_queue(struct fake_kernel *fake, const struct event *event)
{
	if (fake->limit_events && fake->n_events >= fake->limit_events) {
		fake->lost[kind_of(event->type)] = true;
		return;
	}
	if (fake->n_events == fake->room_events) {
		fake->room_events = fake->room_events ? 2 * fake->room_events : 64;
		fake->events = g_renew(struct event, fake->events, fake->room_events);
	}
	fake->events[fake->n_events++] = *event;
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
		.mapped = connection->mapped,
		.fallback = connection->fallback,
		.closing = type == EVENT_SNAPSHOT_CONNECTION && connection->shut,
		.idle_ms = connection->is_busy ? 0 : UINT32_MAX,
		.owner = {.mark = type == EVENT_SNAPSHOT_CONNECTION ? connection->mark : 0,
			  .uid = connection->uid,
			  .cgroup = connection->cgroup},
		.orphan = connection->is_orphan,
		.bytes_sent = connection->bytes_sent,
		.bytes_received = MPTCPD_BYTES_UNKNOWN,
	};
	fake_queue(fake, &event);
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
		.uid = 1000,
		.side = side,
		.path_manager = fake->path_manager,
		.mapped = fake->wide,
		.local = fake_addr(local),
		.remote = fake_addr(remote),
	};
	connection->subflows[0] = (struct fake_subflow){
		.used = true,
		.initial = true,
		.ours = side == MPTCPD_SIDE_CLIENT,
		.mapped = fake->wide,
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
		fake_queue(fake, &(struct event){.type = EVENT_CONNECTION_CLOSED, .token = token});
}

void fake_announced(struct fake_kernel *fake, uint32_t token, uint8_t id, const char *remote)
{
	struct fake_connection *connection = fake_find(fake, token);
	struct event event = {.type = EVENT_ADDRESS_ANNOUNCED, .token = token};

	event.peer_address.addr = fake_addr(remote);
	event.peer_address.id = id;
	if (connection)
		connection->peers[id] = event.peer_address.addr;
	fake_queue(fake, &event);
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
		.mapped = subflow->mapped,
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
	fake_queue(fake, &event);
}

/* The peer tells it with its answer; what had none gets the first that is free. */
static uint8_t peer_id(struct fake_connection *connection, const struct mptcpd_addr *remote)
{
	uint8_t id;

	if (addr_equal_host(&connection->remote, remote))
		return 0;
	for (size_t i = 1; i < G_N_ELEMENTS(connection->peers); i++)
		if (addr_equal_host(&connection->peers[i], remote))
			return (uint8_t)i;
	for (id = 1; connection->peers[id].family; id++)
		g_assert_cmpuint(id, <, UINT8_MAX);
	connection->peers[id] = *remote;
	return id;
}

void fake_join(struct fake_kernel *fake, uint32_t token, const char *local, const char *remote)
{
	struct fake_connection *connection = fake_find(fake, token);
	struct fake_subflow *subflow;
	size_t i = 0;

	while (connection->subflows[i].used)
		g_assert_cmpuint(++i, <, FAKE_SUBFLOWS);
	subflow = &connection->subflows[i];
	*subflow = (struct fake_subflow){
		.used = true,
		.mapped = connection->mapped,
		.local = fake_addr(local),
		.remote = fake_addr(remote),
	};
	subflow->local_id = fake_own_id(connection, &subflow->local);
	subflow->remote_id = peer_id(connection, &subflow->remote);
	queue_subflow(fake, connection, subflow, EVENT_SUBFLOW_ESTABLISHED, 0);
}

void fake_priority(struct fake_kernel *fake, struct fake_connection *connection, size_t i,
		   bool backup)
{
	connection->subflows[i].peer_backup = backup;
	queue_subflow(fake, connection, &connection->subflows[i], EVENT_SUBFLOW_PRIORITY, 0);
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
	fake_queue(fake, &event);
	if (!connection)
		g_assert_not_reached();
	connection->peers[id] = (struct mptcpd_addr){0};
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (connection->subflows[i].used && connection->subflows[i].remote_id == id)
			fake_reset(fake, connection, i, 0);
}

void fake_answer_subflow(struct fake_kernel *fake, struct fake_connection *connection, size_t i,
			 int error)
{
	struct fake_subflow *subflow = &connection->subflows[i];

	if (error) {
		fake_reset(fake, connection, i, error);
		return;
	}
	subflow->syn_sent = false;
	subflow->remote_id = peer_id(connection, &subflow->remote);
	queue_subflow(fake, connection, subflow, EVENT_SUBFLOW_ESTABLISHED, 0);
}

void fake_answer(struct fake_kernel *fake, int error)
{
	for (size_t c = 0; c < FAKE_CONNECTIONS; c++) {
		struct fake_connection *connection = &fake->connections[c];

		for (size_t i = 0; connection->used && i < FAKE_SUBFLOWS; i++) {
			if (connection->subflows[i].used && connection->subflows[i].doomed)
				fake_reset(fake, connection, i, 0);
			if (connection->subflows[i].used && connection->subflows[i].syn_sent)
				fake_answer_subflow(fake, connection, i, error);
		}
	}
}

/* ---- delivery ---- */

static void dump_host(struct fake_kernel *fake)
{
	for (size_t i = 0; i < FAKE_LINKS; i++)
		if (fake->links[i].ifindex)
			fake_queue(fake, &(struct event){.type = EVENT_LINK,
							 .dumped = true,
							 .link = fake->links[i]});
	for (size_t i = 0; i < FAKE_LOCALS; i++)
		if (fake->locals[i].ifindex)
			fake_queue(fake, &(struct event){.type = EVENT_LOCAL,
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
			fake_queue(fake, &(struct event){.type = EVENT_ENDPOINT,
							 .dumped = true,
							 .endpoint = fake->endpoints[i]});
	fake_queue(fake,
		   &(struct event){.type = EVENT_LIMITS, .dumped = true, .limits = fake->limits});
	fake_queue(fake,
		   &(struct event){.type = EVENT_PATH_MANAGER, .path_manager = fake->path_manager});
}

/* To whom the events go. */
struct hearer {
	fake_hearer *hear;
	void *data;
};

static void hand_over(struct fake_kernel *fake, const struct hearer *to)
{
	/* Handling one may queue more. */
	for (size_t i = 0; i < fake->n_events; i++) {
		struct event event = fake->events[i];

		to->hear(to->data, &event);
		if (fake->between)
			fake->between(fake->between_data);
	}
	fake->n_events = 0;
}

static void dump(struct fake_kernel *fake, enum snapshot_kind kind, bool brief)
{
	int r;

	fake_queue(fake,
		   &(struct event){.type = EVENT_SNAPSHOT_BEGIN, .brief = brief, .snapshot = kind});
	if (kind == SNAPSHOT_HOST)
		dump_host(fake);
	else if (kind == SNAPSHOT_CONNECTIONS)
		dump_connections(fake, brief);
	else if (kind == SNAPSHOT_ROUTING)
		fake_dump_routing(fake, brief);
	else
		dump_endpoints(fake);
	r = fake_answer_command(fake, &(struct fake_record){.command = FAKE_DUMP}, 0);
	fake->n_events /= r < 0 ? 2 : 1; /* not all of it */
	fake_queue(fake, &(struct event){.type = r < 0 ? EVENT_SNAPSHOT_FAILED : EVENT_SNAPSHOT_END,
					 .error = (uint8_t)-r,
					 .snapshot = kind});
}

static bool is_asked(const struct fake_kernel *fake)
{
	for (size_t kind = 0; kind < SNAPSHOT_KINDS; kind++)
		if (fake->brief_wanted[kind] || fake->snapshot_wanted[kind] || fake->lost[kind])
			return true;
	return false;
}

void fake_tell(struct fake_kernel *fake, fake_hearer *hear, void *data)
{
	struct hearer to = {.hear = hear, .data = data};
	size_t limit = fake->limit_events;
	bool lost[SNAPSHOT_KINDS];

	memcpy(lost, fake->lost, sizeof(lost));
	hand_over(fake, &to);
	memset(fake->lost, 0, sizeof(fake->lost));
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++)
		if (lost[kind])
			hear(data, &(struct event){.type = EVENT_LOST, .snapshot = kind});
	fake->limit_events = 0; /* dumps have sockets of their own */
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++) {
		bool brief = fake->brief_wanted[kind] && !fake->snapshot_wanted[kind];

		if (!fake->snapshot_wanted[kind] && !brief)
			continue;
		fake->snapshot_wanted[kind] = fake->brief_wanted[kind] = false;
		dump(fake, kind, brief);
		hand_over(fake, &to);
	}
	if (fake->looks) {
		fake_tell_evidence(fake);
		hand_over(fake, &to);
	}
	fake->limit_events = limit;
}

/* An engine, and what time it is there. */
struct present {
	struct fake_kernel *fake;
	struct engine *engine;
	uint64_t now_ms;
};

static void tell_engine(void *data, const struct event *event)
{
	const struct present *present = data;
	struct event stamped = *event;

	if (event->type == EVENT_SNAPSHOT_SUBFLOW && present->fake->measure)
		present->fake->measure(present->fake->hook_data, &stamped);
	else if (event->type == EVENT_SNAPSHOT_SUBFLOW)
		stamped.subflow.measure =
			(struct mptcpd_measure){.taken_ms = present->now_ms, .rtt_us = 1000};
	engine_event(present->engine, &stamped, present->now_ms);
}

void fake_deliver(struct fake_kernel *fake, struct engine *engine, uint64_t now_ms)
{
	for (size_t i = 0; i < fake->n_refused; i++)
		engine_refused(engine, fake->refused[i], now_ms);
	fake->n_refused = 0;
	for (size_t i = 0; i < fake->n_events; i++)
		if (fake->events[i].type == EVENT_CONNECTION_ESTABLISHED)
			engine_early(engine, &fake->events[i]);
	fake_tell(fake, tell_engine, &(struct present){fake, engine, now_ms});
}

uint64_t fake_run(struct fake_kernel *fake, struct engine *engine, uint64_t now_ms)
{
	uint64_t next;

	for (int rounds = 0; rounds < 1000; rounds++) {
		fake_deliver(fake, engine, now_ms);
		next = engine_settle(engine, now_ms);
		if (next > now_ms && !fake->n_events && !fake->n_refused && !is_asked(fake) &&
		    !fake->looks)
			return next;
	}
	g_assert_not_reached();
}
