/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What other builds wrote, earlier ones and later ones. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "state-scene.h"

/* What a later build says more is read over: an unknown part, and more bytes in a known one. */
static void parts_that_are_not_known(struct world *world, gconstpointer data)
{
	static const uint8_t unknown[] = {200, 3, 0, 1, 2, 3};
	uint8_t bytes[RECORD_MAX + 16], longer;
	struct example example;
	size_t size;

	(void)data;
	make_example(&example);
	size = record_encode(&example.connection, bytes);
	memcpy(bytes + size, unknown, sizeof(unknown));
	size += sizeof(unknown);
	/* The first part is the connection's; its size follows mark and kind. */
	longer = bytes[2];
	memmove(bytes + 4 + longer + 2, bytes + 4 + longer, size - 4 - longer);
	bytes[2] = (uint8_t)(longer + 2);
	size += 2;
	g_assert_cmpint(record_decode(bytes, size, TOKEN, 0, on_event, world), ==, 0);
	check_connection(world, &example.connection);
	check_subflows(world, &example);
	check_rest(world, &example);
	/* A size that leads outside, and a part that is too short for what it is. */
	bytes[size - 4] = 1;
	g_assert_cmpint(record_decode(bytes, size, TOKEN, 0, NULL, NULL), ==, -EBADMSG);
	bytes[size - 4] = 0;
	bytes[2] = 3;
	g_assert_cmpint(record_decode(bytes, size, TOKEN, 0, NULL, NULL), ==, -EBADMSG);
}

/* Put a file there that another build wrote, and be whom it belongs to. */
static void put_file(struct world *world, const char *name)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "corpus", name, NULL);
	g_autofree char *bytes = NULL;
	gsize size;

	g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
	g_assert_cmpuint(size, >, 16 + sizeof(world->identity));
	memcpy(&world->identity, bytes + 16, sizeof(world->identity));
	state_close(world->state);
	g_assert_true(g_file_set_contents(world->path, bytes, (gssize)size, NULL));
	g_assert_cmpint(chmod(world->path, 0600), ==, 0);
	open_state(world);
	load(world);
}

static void check_host(const struct world *world)
{
	struct engine_host host = state_host(world->state);

	g_assert_cmpint(state_path_manager(world->state), ==, PATH_MANAGER_KERNEL);
	g_assert_cmpuint(host.n_endpoints, ==, 2);
	g_assert_cmpuint(host.endpoints[0].id, ==, 1);
	g_assert_cmpuint(host.endpoints[0].flags, ==, MPTCPD_FLAG_SUBFLOW);
	g_assert_cmpuint(host.endpoints[1].ifindex, ==, 3);
	g_assert_cmpuint(host.endpoints[1].flags, ==, MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_BACKUP);
	g_assert_true(host.has_limits);
	g_assert_cmpuint(host.limits_before.subflows, ==, 2);
	g_assert_cmpuint(host.limits_set.add_addr_accepted, ==, 4);
}

/* The same example, written by an earlier build. */
static void earlier_files(struct world *world, gconstpointer data)
{
	struct example example;

	(void)data;
	make_example(&example);
	put_file(world, "state-1-later.bin");
	check_host(world);
	g_assert_cmpuint(world->n_events, ==, 1 + 2 + 3 + 2 + 2);
	example.connection.saved_slot =
		event_of(world, EVENT_SAVED_CONNECTION, 0)->saved_connection.slot;
	check_connection(world, &example.connection);
	check_subflows(world, &example);
	check_rest(world, &example);
	/* The first build knew less of it. */
	put_file(world, "state-1-first.bin");
	check_host(world);
	g_assert_cmpint(state_deny_join(world->state), ==, DENY_JOIN_KEEP);
	g_assert_cmpuint(world->n_events, ==, 1 + 2 + 3 + 2 + 2);
	check_subflows(world, &example);
	g_assert_false(event_of(world, EVENT_SAVED_ANNOUNCED, 0)->saved_announced.banned);
	/* Written anew, it is the same, and one of today. */
	state_save(world->state, &example.connection);
	reopen(world);
	check_host(world);
	check_subflows(world, &example);
	check_rest(world, &example);
}

/* The earliest build reads the host up to its end, and wants nothing behind it. */
static void host_for_an_earlier_build(struct world *world, gconstpointer data)
{
	static struct state_host host = {.path_manager = PATH_MANAGER_KERNEL,
					 .has_limits = true,
					 .limits_before = {2, 0},
					 .limits_set = {8, 4},
					 .n_endpoints = 1};
	static const uint8_t expected[] = {PATH_MANAGER_KERNEL,
					   1,
					   2,
					   0,
					   0,
					   0,
					   0,
					   0,
					   0,
					   0,
					   8,
					   0,
					   0,
					   0,
					   4,
					   0,
					   0,
					   0,
					   1,
					   0,
					   4,
					   10,
					   0,
					   1,
					   1,
					   0,
					   0,
					   MPTCPD_FLAG_SIGNAL,
					   0,
					   0,
					   0,
					   3,
					   0,
					   0,
					   0,
					   9};
	uint8_t bytes[RECORD_HOST_MAX];

	(void)world;
	(void)data;
	if (G_BYTE_ORDER != G_LITTLE_ENDIAN) {
		g_test_skip("the bytes are those of a little-endian machine");
		return;
	}
	host.endpoints[0] = (struct event_endpoint){.addr = addr("10.0.1.1"),
						    .flags = MPTCPD_FLAG_SIGNAL,
						    .ifindex = 3,
						    .id = 9};
	g_assert_cmpmem(bytes, record_encode_host(&host, bytes), expected, sizeof(expected));
}

#define ADD(path, function)                                                                        \
	g_test_add("/state/" path, struct world, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("builds/unknown-parts-are-skipped", parts_that_are_not_known);
	ADD("builds/files-of-earlier-ones-are-taken-over", earlier_files);
	ADD("builds/the-host-is-written-as-the-earliest-reads-it", host_for_an_earlier_build);
	return g_test_run();
}
