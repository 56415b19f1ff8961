/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state-scene.h"

#include <string.h>

#include "addr.h"

struct mptcpd_addr addr(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

void open_state(struct world *world)
{
	g_assert_cmpint(state_open(world->directory, &world->identity, &world->state), ==, 0);
}

void on_event(void *data, const struct event *event)
{
	struct world *world = data;

	g_assert_cmpuint(world->n_events, <, G_N_ELEMENTS(world->events));
	world->events[world->n_events++] = *event;
}

void load(struct world *world)
{
	world->n_events = 0;
	state_load(world->state, on_event, world);
}

void reopen(struct world *world)
{
	state_close(world->state);
	open_state(world);
	load(world);
}

void set_up(struct world *world, gconstpointer data)
{
	(void)data;
	memset(world, 0, sizeof(*world));
	world->directory = scratch_new();
	world->path = scratch_path(world->directory, "state");
	g_assert_cmpint(state_identify(&world->identity), ==, 0);
	open_state(world);
	load(world);
	g_assert_cmpuint(world->n_events, ==, 0);
}

void tear_down(struct world *world, gconstpointer data)
{
	(void)data;
	state_close(world->state);
	scratch_free(world->directory);
}

/* ---- one connection with everything ---- */

static const struct mptcpd_plugin plugin = {.name = "thinker", .memory_size = 100};
static struct policy_plugin stack[] = {{.plugin = &plugin}};
static char policy_name[] = "thinking";
struct policy policy = {.name = policy_name, .plugins = stack, .n_plugins = 1, .memory_size = 100};
static uint64_t memory_room[(sizeof(struct policy_memory) + 100) / 8 + 1];
struct policy_memory *const memory = (struct policy_memory *)memory_room;

void make_example(struct example *example)
{
	struct connection *connection = &example->connection;

	*example = (struct example){0};
	memory->layout = policy_memory_layout(&policy);
	memory->size = policy.memory_size;
	for (size_t i = 0; i < memory->size; i++)
		memory->bytes[i] = (uint8_t)(i + 1);
	*connection = (struct connection){
		.token = TOKEN,
		.local = addr("10.0.1.1:1000"),
		.remote = addr("10.9.0.1:5000"),
		.side = MPTCPD_SIDE_CLIENT,
		.deny_join_id0 = true,
		.remote_removed = true,
		.local_removed = true,
		.mapped = true,
		.temporary = true,
		.policy = &policy,
		.policy_known = true,
		.subflows = example->subflows,
		.n_subflows = 4,
		.more = &example->more,
	};
	example->more = (struct connection_more){
		.memory = memory,
		.peers = example->peers,
		.n_peers = 2,
		.announced = example->announced,
		.n_announced = 2,
	};
	example->peers[0] = (struct mptcpd_peer_address){.addr = addr("10.9.0.2:5000"), .id = 3};
	example->peers[1] = (struct mptcpd_peer_address){.addr = addr("[2001:db8::9]:80"), .id = 7};
	example->subflows[0] = (struct subflow){.local = connection->local,
						.remote = connection->remote,
						.is.state = SUBFLOW_ESTABLISHED,
						.is.origin = MPTCPD_ORIGIN_APPLICATION,
						.want.by = WANTED_BY_NONE,
						.want.port = 1000,
						.is.initial = true,
						.is.mapped = true,
						.is.origin_known = true};
	example->subflows[1] = (struct subflow){.local = addr("[2001:db8::1]:40000"),
						.remote = addr("[2001:db8::9]:80"),
						.is.state = SUBFLOW_PENDING,
						.is.origin = MPTCPD_ORIGIN_ADMIN,
						.want.by = WANTED_BY_ADMIN,
						.ifindex = 77,
						.want.instance = 2,
						.is.local_id = 9,
						.is.remote_id = 4,
						.is.backup = true,
						.want.backup = true,
						.want.pinned = true,
						.want.fixed_id = true,
						.is.origin_known = true};
	example->subflows[2] = (struct subflow){.local = addr("10.0.2.1"),
						.remote = addr("10.9.0.2:5000"),
						.is.state = SUBFLOW_ABSENT,
						.is.origin = MPTCPD_ORIGIN_POLICY,
						.want.by = WANTED_BY_NONE,
						.want.banned = true};
	/* a policy's wish: planned again, and so not saved */
	example->subflows[3] = (struct subflow){.local = addr("10.0.3.1"),
						.remote = addr("10.9.0.2:5000"),
						.is.state = SUBFLOW_ABSENT,
						.is.origin = MPTCPD_ORIGIN_POLICY};
	example->announced[0] = (struct announced){
		.addr = addr("10.0.2.1:99"),
		.ifindex = 2,
		.id = 5,
		.is = {.sent = true, .listening = true, .local = true},
		.want = {.by = WANTED_BY_ADMIN, .listen = addr("10.0.2.1:99"), .banned = true}};
	example->announced[1] = (struct announced){.addr = addr("10.0.3.1"), .id = 6};
}

const struct event *event_of(const struct world *world, enum event_type type, size_t n)
{
	for (size_t i = 0; i < world->n_events; i++)
		if (world->events[i].type == type && n-- == 0)
			return &world->events[i];
	g_assert_not_reached();
}

void check_connection(const struct world *world, const struct connection *connection)
{
	const struct event_saved_connection *saved =
		&event_of(world, EVENT_SAVED_CONNECTION, 0)->saved_connection;

	g_assert_true(addr_equal(&saved->local, &connection->local));
	g_assert_true(addr_equal(&saved->remote, &connection->remote));
	g_assert_cmpuint(saved->slot, ==, connection->saved_slot);
	g_assert_cmpuint(saved->side, ==, MPTCPD_SIDE_CLIENT);
	g_assert_true(saved->deny_join_id0 && saved->remote_removed && saved->local_removed &&
		      saved->mapped);
	g_assert_true(saved->temporary);
}

void check_subflows(const struct world *world, const struct example *example)
{
	const struct event_saved_subflow *initial =
		&event_of(world, EVENT_SAVED_SUBFLOW, 0)->saved_subflow;
	const struct event_saved_subflow *admins =
		&event_of(world, EVENT_SAVED_SUBFLOW, 1)->saved_subflow;
	const struct event_saved_subflow *banned =
		&event_of(world, EVENT_SAVED_SUBFLOW, 2)->saved_subflow;

	g_assert_true(addr_equal(&initial->local, &example->subflows[0].local));
	g_assert_true(initial->initial && initial->seen && initial->mapped);
	g_assert_false(initial->wanted_by_admin || initial->banned || initial->pinned);
	g_assert_cmpuint(initial->asked_port, ==, 1000);
	g_assert_true(addr_equal(&admins->local, &example->subflows[1].local));
	g_assert_true(addr_equal(&admins->remote, &example->subflows[1].remote));
	g_assert_true(admins->wanted_by_admin && admins->pinned && admins->fixed_id &&
		      admins->backup && admins->want_backup && admins->seen);
	g_assert_cmpuint(admins->origin, ==, MPTCPD_ORIGIN_ADMIN);
	g_assert_cmpuint(admins->ifindex, ==, 77);
	g_assert_cmpuint(admins->instance, ==, 2);
	g_assert_cmpuint(admins->local_id, ==, 9);
	g_assert_cmpuint(admins->remote_id, ==, 4);
	g_assert_true(addr_equal(&banned->local, &example->subflows[2].local));
	g_assert_true(banned->banned);
	g_assert_false(banned->seen || banned->wanted_by_admin || banned->initial);
}

void check_rest(const struct world *world, const struct example *example)
{
	size_t got = 0;

	for (size_t i = 0; i < 2; i++) {
		const struct event *peer = event_of(world, EVENT_SAVED_PEER, i);
		const struct event_saved_announced *announced =
			&event_of(world, EVENT_SAVED_ANNOUNCED, i)->saved_announced;

		g_assert_true(addr_equal(&peer->peer_address.addr, &example->peers[i].addr));
		g_assert_cmpuint(peer->peer_address.id, ==, example->peers[i].id);
		g_assert_true(addr_equal(&announced->addr, &example->announced[i].addr));
		g_assert_cmpuint(announced->id, ==, example->announced[i].id);
		g_assert_true(addr_equal(&announced->listen, &example->announced[i].want.listen));
		g_assert_cmpuint(announced->ifindex, ==, example->announced[i].ifindex);
		g_assert_cmpint(announced->sent && announced->listening && announced->is_local &&
					announced->banned && announced->wanted_by_admin,
				==, i == 0);
	}
	for (size_t i = 0; got < memory->size; i++) {
		const struct event_saved_memory *part =
			&event_of(world, EVENT_SAVED_MEMORY, i)->saved_memory;

		g_assert_cmpuint(part->layout, ==, memory->layout);
		g_assert_cmpuint(part->size, ==, memory->size);
		g_assert_cmpmem(part->bytes, part->n, memory->bytes + part->offset, part->n);
		g_assert_cmpuint(part->offset, ==, got);
		got += part->n;
	}
}
