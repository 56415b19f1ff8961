/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is saved comes back as it was, and nothing else does. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "state-scene.h"

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

/* What the first builds did not write. */
static void its_beginning_and_where_it_listens(struct world *world, gconstpointer data)
{
	struct example example;

	(void)data;
	make_example(&example);
	example.connection.begin_ms = 0x123456789aULL;
	example.announced[0].want.listen = addr("10.0.7.1:4711");
	example.announced[1].want.listen = addr("[2001:db8::7]:99");
	example.announced[1].want.held = true;
	state_save(world->state, &example.connection);
	reopen(world);
	check_connection(world, &example.connection);
	g_assert_cmpuint(event_of(world, EVENT_SAVED_CONNECTION, 0)->saved_connection.begin_ms, ==,
			 0x123456789aULL);
	for (size_t i = 0; i < 2; i++) {
		const struct event_saved_announced *saved =
			&event_of(world, EVENT_SAVED_ANNOUNCED, i)->saved_announced;

		g_assert_true(addr_equal(&saved->listen, &example.announced[i].want.listen));
		g_assert_cmpint(saved->held, ==, i);
	}
}

static void the_largest_connection(struct world *world, gconstpointer data)
{
	g_autofree struct subflow *subflows = g_new0(struct subflow, 255);
	g_autofree struct mptcpd_peer_address *peers = g_new0(struct mptcpd_peer_address, 255);
	g_autofree struct announced *announced = g_new0(struct announced, 255);
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
	example.more.peers = peers;
	example.more.announced = announced;
	example.connection.n_subflows = example.more.n_peers = example.more.n_announced = 255;
	g_assert_cmpuint(record_encode(&example.connection, bytes), <, RECORD_MAX * 2 / 3);
	/* memory that does not fit is left out, not the rest */
	memory->size = RECORD_MAX;
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
	size_t size, whole = 0;

	(void)data;
	make_example(&example);
	size = record_encode(&example.connection, good);
	for (size_t cut = 0; cut < size; cut++) {
		g_autofree uint8_t *bytes = g_memdup2(good, cut ? cut : 1);

		whole += record_decode(bytes, cut, TOKEN, 1, on_event, world) == 0;
		g_assert_cmpint(world->n_events > 0, ==, whole > 0);
	}
	/* A record may end behind each part but the last, which is memory and told in two. */
	g_assert_cmpuint(whole, ==, 1 + 2 + 3 + 2);
	world->n_events = 0;
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
		.limits_held = ENGINE_LIMIT_ADD_ADDR_ACCEPTED,
	};

	(void)data;
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_UNKNOWN);
	for (size_t i = 0; i < 255; i++)
		endpoints[i] = (struct event_endpoint){.addr = addr("2001:db8::1"),
						       .flags = MPTCPD_FLAG_SIGNAL,
						       .ifindex = (uint32_t)i,
						       .id = (uint8_t)(i + 1)};
	g_assert_cmpint(state_deny_join(world->state), ==, DENY_JOIN_KEEP);
	state_set_path_manager(world->state, PATH_MANAGER_KERNEL);
	state_set_deny_join(world->state, DENY_JOIN_NO);
	state_set_host(world->state, &host);
	reopen(world);
	g_assert_cmpint(state_deny_join(world->state), ==, DENY_JOIN_NO);
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_KERNEL);
	host = state_host(world->state);
	g_assert_cmpuint(host.n_endpoints, ==, 255);
	g_assert_cmpuint(host.endpoints[254].id, ==, 255);
	g_assert_cmpuint(host.endpoints[254].ifindex, ==, 254);
	g_assert_true(host.has_limits);
	g_assert_cmpuint(host.limits_before.subflows, ==, 2);
	g_assert_cmpuint(host.limits_set.add_addr_accepted, ==, 8);
	g_assert_cmpuint(host.limits_held, ==, ENGINE_LIMIT_ADD_ADDR_ACCEPTED);
	for (size_t i = 0; i < 5; i++) {
		host.endpoints = endpoints;
		host.n_endpoints = i;
		state_set_host(world->state, &host);
		reopen(world);
		g_assert_cmpuint(state_host(world->state).n_endpoints, ==, i);
		g_assert_cmpint(state_deny_join(world->state), ==, DENY_JOIN_NO);
	}
	state_set_path_manager(world->state, PATH_MANAGER_UNKNOWN);
	reopen(world);
	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_UNKNOWN);
}

static void host_that_is_damaged_is_not_known(struct world *world, gconstpointer data)
{
	g_autofree char *bytes = NULL;
	gsize size;

	(void)data;
	g_assert_false(state_knows_host(world->state)); /* nobody wrote into the new file */
	reopen(world);
	g_assert_true(state_knows_host(world->state)); /* somebody had nothing to write */
	state_set_path_manager(world->state, PATH_MANAGER_KERNEL);
	state_set_path_manager(world->state, PATH_MANAGER_USERSPACE);
	state_set_path_manager(world->state, PATH_MANAGER_KERNEL);
	reopen(world);
	g_assert_true(state_knows_host(world->state));
	state_close(world->state);
	g_assert_true(g_file_get_contents(world->path, &bytes, &size, NULL));
	g_assert_cmpuint(size, >=, 4096 + 2 * 8192);
	/* one copy, then both */
	for (size_t at = 4096 + 8192, n = 0; n < 2; n++, at -= 8192) {
		memset(bytes + at + 8, 0xa5, 8);
		g_assert_true(g_file_set_contents_full(world->path, bytes, (gssize)size,
						       G_FILE_SET_CONTENTS_NONE, 0600, NULL));
		open_state(world);
		g_assert_cmpint(state_knows_host(world->state), ==, at > 4096);
		state_close(world->state);
	}
	open_state(world);
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
	ADD("connection/its-beginning-and-where-it-listens", its_beginning_and_where_it_listens);
	ADD("connection/the-largest-fits", the_largest_connection);
	ADD("connection/a-wrong-record-tells-nothing", wrong_records_tell_nothing);
	ADD("host/comes-back", host_comes_back);
	ADD("host/damaged-is-not-known", host_that_is_damaged_is_not_known);
	ADD("file/of-another-boot-is-dropped", other_boot);
	ADD("file/of-another-namespace-is-dropped", other_namespace);
	ADD("file/that-is-foreign-is-dropped", foreign_files);
	ADD("file/flipped-bits-of-its-head", flipped_bits_of_the_head);
	ADD("file/is-for-us-alone", only_for_us_to_read);
	return g_test_run();
}
