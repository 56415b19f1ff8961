/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is saved comes back as it was, and nothing else does. */
#include "state.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "saved.h"
#include "scratch.h"
#include "state-record.h"

#define TOKEN 0xf1aceb40U

struct world {
	char *directory;
	const char *path;
	struct state_identity identity;
	struct state *state;
	struct event events[64];
	size_t n_events;
};

static struct mptcpd_addr addr(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

static void open_state(struct world *world)
{
	g_assert_cmpint(state_open(world->directory, &world->identity, &world->state), ==, 0);
}

static void on_event(void *data, const struct event *event)
{
	struct world *world = data;

	g_assert_cmpuint(world->n_events, <, G_N_ELEMENTS(world->events));
	world->events[world->n_events++] = *event;
}

static void load(struct world *world)
{
	world->n_events = 0;
	state_load(world->state, on_event, world);
}

static void reopen(struct world *world)
{
	state_close(world->state);
	open_state(world);
	load(world);
}

static void set_up(struct world *world, gconstpointer data)
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

static void tear_down(struct world *world, gconstpointer data)
{
	(void)data;
	state_close(world->state);
	scratch_free(world->directory);
}

/* ---- one connection with everything ---- */

static const struct mptcpd_plugin plugin = {.name = "thinker", .memory_size = 100};
static struct policy_plugin stack[] = {{.plugin = &plugin}};
static char policy_name[] = "thinking";
static struct policy policy = {.name = policy_name,
			       .plugins = stack,
			       .n_plugins = 1,
			       .memory_size = 100};
static uint8_t memory[100];

struct example {
	struct connection connection;
	struct mptcpd_peer_address peers[2];
	struct subflow subflows[4];
	struct announced announced[2];
};

static void make_example(struct example *example)
{
	struct connection *connection = &example->connection;

	*example = (struct example){0};
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = (uint8_t)(i + 1);
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
		.memory = memory,
		.peers = example->peers,
		.n_peers = 2,
		.subflows = example->subflows,
		.n_subflows = 4,
		.announced = example->announced,
		.n_announced = 2,
	};
	example->peers[0] = (struct mptcpd_peer_address){.addr = addr("10.9.0.2:5000"), .id = 3};
	example->peers[1] = (struct mptcpd_peer_address){.addr = addr("[2001:db8::9]:80"), .id = 7};
	example->subflows[0] = (struct subflow){.local = connection->local,
						.remote = connection->remote,
						.state = SUBFLOW_ESTABLISHED,
						.origin = MPTCPD_ORIGIN_APPLICATION,
						.wanted_by = WANTED_BY_NONE,
						.asked_port = 1000,
						.initial = true,
						.mapped = true,
						.origin_known = true};
	example->subflows[1] = (struct subflow){.local = addr("[2001:db8::1]:40000"),
						.remote = addr("[2001:db8::9]:80"),
						.state = SUBFLOW_PENDING,
						.origin = MPTCPD_ORIGIN_ADMIN,
						.wanted_by = WANTED_BY_ADMIN,
						.ifindex = 77,
						.instance = 2,
						.local_id = 9,
						.remote_id = 4,
						.backup = true,
						.want_backup = true,
						.pinned = true,
						.fixed_id = true,
						.origin_known = true};
	example->subflows[2] = (struct subflow){.local = addr("10.0.2.1"),
						.remote = addr("10.9.0.2:5000"),
						.state = SUBFLOW_WANTED,
						.origin = MPTCPD_ORIGIN_POLICY,
						.wanted_by = WANTED_BY_NONE,
						.banned = true};
	/* a policy's wish: planned again, and so not saved */
	example->subflows[3] = (struct subflow){.local = addr("10.0.3.1"),
						.remote = addr("10.9.0.2:5000"),
						.state = SUBFLOW_WANTED,
						.origin = MPTCPD_ORIGIN_POLICY};
	example->announced[0] = (struct announced){.addr = addr("10.0.2.1:99"),
						   .ifindex = 2,
						   .id = 5,
						   .wanted_by = WANTED_BY_ADMIN,
						   .sent = true,
						   .listening = true,
						   .is_local = true,
						   .banned = true};
	example->announced[1] = (struct announced){.addr = addr("10.0.3.1"), .id = 6};
}

static const struct event *event_of(const struct world *world, enum event_type type, size_t n)
{
	for (size_t i = 0; i < world->n_events; i++)
		if (world->events[i].type == type && n-- == 0)
			return &world->events[i];
	g_assert_not_reached();
}

static void check_connection(const struct world *world, const struct connection *connection)
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

static void check_subflows(const struct world *world, const struct example *example)
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

static void check_rest(const struct world *world, const struct example *example)
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
		g_assert_cmpuint(announced->ifindex, ==, example->announced[i].ifindex);
		g_assert_cmpint(announced->sent && announced->listening && announced->is_local &&
					announced->banned && announced->wanted_by_admin,
				==, i == 0);
	}
	for (size_t i = 0; got < sizeof(memory); i++) {
		const struct event_saved_memory *part =
			&event_of(world, EVENT_SAVED_MEMORY, i)->saved_memory;

		g_assert_cmpuint(part->layout, ==, saved_layout(&policy));
		g_assert_cmpuint(part->size, ==, sizeof(memory));
		g_assert_cmpmem(part->bytes, part->n, memory + part->offset, part->n);
		g_assert_cmpuint(part->offset, ==, got);
		got += part->n;
	}
}

static void all_of_a_connection(struct world *world, gconstpointer data)
{
	struct example example;

	(void)data;
	make_example(&example);
	state_save(world->state, &example.connection);
	g_assert_cmpuint(example.connection.saved_slot, !=, 0);
	reopen(world);
	g_assert_cmpuint(world->n_events, ==, 1 + 2 + 3 + 2 + 2);
	for (size_t i = 0; i < world->n_events; i++)
		g_assert_cmpuint(world->events[i].token, ==, TOKEN);
	check_connection(world, &example.connection);
	check_subflows(world, &example);
	check_rest(world, &example);
	state_forget(world->state, &example.connection);
	reopen(world);
	g_assert_cmpuint(world->n_events, ==, 0);
}

static void the_largest_connection(struct world *world, gconstpointer data)
{
	g_autofree struct subflow *subflows = g_new0(struct subflow, 255);
	g_autofree struct mptcpd_peer_address *peers = g_new0(struct mptcpd_peer_address, 255);
	g_autofree struct announced *announced = g_new0(struct announced, 255);
	struct policy large = policy;
	struct example example;
	uint8_t bytes[RECORD_MAX];

	(void)data;
	make_example(&example);
	for (size_t i = 0; i < 255; i++) {
		subflows[i] = example.subflows[1];
		peers[i] = example.peers[1];
		announced[i] = example.announced[0];
		announced[i].addr = peers[i].addr;
	}
	example.connection.local = example.connection.remote = peers[0].addr;
	example.connection.subflows = subflows;
	example.connection.peers = peers;
	example.connection.announced = announced;
	example.connection.n_subflows = example.connection.n_peers =
		example.connection.n_announced = 255;
	g_assert_cmpuint(record_encode(&example.connection, bytes), <, RECORD_MAX / 2 + 1000);
	/* memory that does not fit is left out, not the rest */
	large.memory_size = RECORD_MAX;
	example.connection.policy = &large;
	state_save(world->state, &example.connection);
	g_assert_cmpuint(example.connection.saved_slot, !=, 0);
	g_assert_cmpint(record_decode(bytes, record_encode(&example.connection, bytes), 1, 1, NULL,
				      NULL),
			==, 0);
}

/* Every record that decodes does so to the end; a wrong one tells nothing. */
static void wrong_records_tell_nothing(struct world *world, gconstpointer data)
{
	uint8_t good[RECORD_MAX];
	struct example example;
	size_t size;

	(void)data;
	make_example(&example);
	size = record_encode(&example.connection, good);
	for (size_t cut = 0; cut < size; cut++) {
		g_autofree uint8_t *bytes = g_memdup2(good, cut ? cut : 1);

		g_assert_cmpint(record_decode(bytes, cut, TOKEN, 1, on_event, world), ==, -EBADMSG);
	}
	for (size_t i = 0; i < size; i++) {
		for (int value = 0; value < 256; value++) {
			g_autofree uint8_t *bytes = g_memdup2(good, size);

			bytes[i] = (uint8_t)value;
			if (record_decode(bytes, size, TOKEN, 1, on_event, world) < 0)
				g_assert_cmpuint(world->n_events, ==, 0);
			world->n_events = 0;
		}
	}
	g_assert_cmpint(record_decode(good, size, 0, 1, on_event, world), ==, -EBADMSG);
}

/* ---- the host ---- */

static void host_comes_back(struct world *world, gconstpointer data)
{
	struct event_endpoint endpoints[255] = {0};
	struct engine_host host = {
		.endpoints = endpoints,
		.n_endpoints = 255,
		.has_limits = true,
		.limits_before = {2, 0},
		.limits_set = {8, 8},
	};

	(void)data;
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_UNKNOWN);
	for (size_t i = 0; i < 255; i++)
		endpoints[i] = (struct event_endpoint){.addr = addr("2001:db8::1"),
						       .flags = MPTCPD_FLAG_SIGNAL,
						       .ifindex = (uint32_t)i,
						       .id = (uint8_t)(i + 1)};
	state_set_path_manager(world->state, PATH_MANAGER_KERNEL);
	state_set_host(world->state, &host);
	reopen(world);
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_KERNEL);
	host = state_host(world->state);
	g_assert_cmpuint(host.n_endpoints, ==, 255);
	g_assert_cmpuint(host.endpoints[254].id, ==, 255);
	g_assert_cmpuint(host.endpoints[254].ifindex, ==, 254);
	g_assert_true(host.has_limits);
	g_assert_cmpuint(host.limits_before.subflows, ==, 2);
	g_assert_cmpuint(host.limits_set.add_addr_accepted, ==, 8);
	for (size_t i = 0; i < 5; i++) {
		host.endpoints = endpoints;
		host.n_endpoints = i;
		state_set_host(world->state, &host);
		reopen(world);
		g_assert_cmpuint(state_host(world->state).n_endpoints, ==, i);
	}
	state_set_path_manager(world->state, PATH_MANAGER_UNKNOWN);
	reopen(world);
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_UNKNOWN);
}

/* ---- files that are not ours ---- */

static void fill(struct world *world)
{
	struct example example;

	make_example(&example);
	state_save(world->state, &example.connection);
	state_set_path_manager(world->state, PATH_MANAGER_KERNEL);
	state_close(world->state);
	world->state = NULL;
}

static void is_dropped(struct world *world)
{
	open_state(world);
	load(world);
	g_assert_cmpuint(world->n_events, ==, 0);
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_UNKNOWN);
	/* and the new one works */
	fill(world);
	open_state(world);
	load(world);
	g_assert_cmpuint(world->n_events, >, 0);
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_KERNEL);
}

static void other_boot(struct world *world, gconstpointer data)
{
	(void)data;
	fill(world);
	world->identity.boot_id[0] = (char)(world->identity.boot_id[0] ^ 1);
	is_dropped(world);
}

static void other_namespace(struct world *world, gconstpointer data)
{
	(void)data;
	fill(world);
	world->identity.netns++;
	is_dropped(world);
}

static void foreign_files(struct world *world, gconstpointer data)
{
	g_autofree char *noise = g_malloc(100000);

	(void)data;
	for (size_t i = 0; i < 100000; i++)
		noise[i] = (char)g_test_rand_int();
	for (size_t size = 0; size < 100000; size += 12345) {
		fill(world);
		g_assert_true(g_file_set_contents(world->path, noise, (gssize)size, NULL));
		g_assert_cmpint(chmod(world->path, 0600), ==, 0);
		is_dropped(world);
	}
	fill(world);
	g_assert_cmpint(chmod(world->path, 0660), ==, 0);
	is_dropped(world);
	fill(world);
	g_assert_cmpint(unlink(world->path), ==, 0);
	g_assert_cmpint(symlink("/etc/passwd", world->path), ==, 0);
	is_dropped(world);
	fill(world);
	g_assert_cmpint(unlink(world->path), ==, 0);
	g_assert_cmpint(mkfifo(world->path, 0600), ==, 0);
	is_dropped(world);
}

/* A damaged header or host copy: the old value, or none, and never a wrong one. */
static void flipped_bits_of_the_head(struct world *world, gconstpointer data)
{
	struct stat st;

	(void)data;
	for (off_t at = 0; at < 20480; at += at < 128 || (at >= 4096 && at < 4200) ? 1 : 97) {
		uint8_t byte;
		int fd, before;

		fill(world);
		fd = open(world->path, O_RDWR | O_CLOEXEC);
		g_assert_cmpint(pread(fd, &byte, 1, at), ==, 1);
		byte ^= 4;
		g_assert_cmpint(pwrite(fd, &byte, 1, at), ==, 1);
		close(fd);
		open_state(world);
		before = (int)state_path_manager(world->state);
		g_assert_true(before == PATH_MANAGER_KERNEL || before == PATH_MANAGER_UNKNOWN);
		load(world);
		g_assert_cmpint(stat(world->path, &st), ==, 0);
	}
}

static void only_for_us_to_read(struct world *world, gconstpointer data)
{
	struct stat st;

	(void)data;
	g_assert_cmpint(stat(world->path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
}

#define ADD(path, function)                                                                        \
	g_test_add("/state/" path, struct world, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("connection/comes-back-with-all-it-had", all_of_a_connection);
	ADD("connection/the-largest-fits", the_largest_connection);
	ADD("connection/a-wrong-record-tells-nothing", wrong_records_tell_nothing);
	ADD("host/comes-back", host_comes_back);
	ADD("file/of-another-boot-is-dropped", other_boot);
	ADD("file/of-another-namespace-is-dropped", other_namespace);
	ADD("file/that-is-foreign-is-dropped", foreign_files);
	ADD("file/flipped-bits-of-its-head", flipped_bits_of_the_head);
	ADD("file/is-for-us-alone", only_for_us_to_read);
	return g_test_run();
}
