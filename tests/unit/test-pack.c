/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listings in bytes: what was packed is read back, and nothing else is read, whatever the bytes are. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "parse.h"
#include "unpack.h"
#include "wire.h"
#include "writer.h"

/* A variant of a later version. */
#define STRANGE "a(ya{sv}sas)"

static void append_strange(struct writer *writer)
{
	writer_open_extra(writer, "of a later version", STRANGE);
	writer_open(writer, 'a', "(ya{sv}sas)");
	writer_append(writer, "(ya{sv}sas)", 1, 0, "x", 0);
	writer_close(writer);
	writer_close_extra(writer);
	writer_open_extra(writer, "rtt-us", "(q(t)v)"); /* not the type of this one */
	writer_append(writer, "(q(t)", 1, UINT64_C(2));
	writer_open(writer, 'v', "b");
	writer_append(writer, "b", 1);
	writer_close(writer);
	writer_close_extra(writer);
}

static void append_subflow(struct writer *writer, const char *local)
{
	writer_open(writer, 'r', WIRE_IN_SUBFLOW);
	writer_append(writer, WIRE_ADDR WIRE_ADDR "yys", local, 5, "", 0, 6, 7, "");
	writer_append(writer, "sbbbss", "established", 1, 0, 1, "peer", "gone");
	writer_open(writer, 'a', "{sv}");
	append_strange(writer);
	writer_extra(writer, "bytes-sent", "t", UINT64_MAX);
	writer_close(writer);
	writer_close(writer);
}

/* A page with one connection. */
static struct pack page(void)
{
	struct pack pack = {0};
	struct writer writer = {.pack = &pack};

	writer_open(&writer, 'a', WIRE_CONNECTION);
	writer_open(&writer, 'r', WIRE_IN_CONNECTION);
	writer_append(&writer, "usssbs", 0xf1aceb40, "created", "client", "kernel", 1, "web");
	writer_append(&writer, WIRE_ADDR WIRE_ADDR, "10.0.0.1", 65535, "::1", 1);
	writer_open(&writer, 'a', WIRE_SUBFLOW);
	append_subflow(&writer, "192.168.100.200");
	append_subflow(&writer, "1.2.3.4");
	writer_close(&writer);
	writer_append(&writer, "a" WIRE_ADDRESS, 0);
	writer_open(&writer, 'a', WIRE_ADDRESS);
	writer_append(&writer, WIRE_ADDRESS, "10.0.0.2", 0, 255, 0);
	writer_close(&writer);
	writer_open(&writer, 'a', "{sv}");
	writer_extra(&writer, "deny-join-id0", "b", 1);
	writer_close(&writer);
	writer_close(&writer);
	writer_close(&writer);
	g_assert_cmpint(writer.error, >=, 0);
	return pack;
}

/* How many connections there are, and how the reading ended. The bytes have an end that is watched. */
static size_t read_page(const uint8_t *bytes, size_t size, int *ret_error,
			void (*look)(const struct mptcpctl_connection *connection))
{
	g_autofree uint8_t *exact = g_memdup2(bytes, size);
	struct unpack unpack = {.bytes = exact, .end = size};
	struct arena arena = {0};
	struct reader reader = {.unpack = &unpack, .arena = &arena};
	struct mptcpctl_connection connection;
	size_t n = 0;

	if (reader_enter(&reader, 'a', WIRE_CONNECTION))
		for (; parse_record(&reader, &schema_connection, &connection); n++)
			if (look)
				look(&connection);
	reader_exit(&reader);
	arena_done(&arena);
	*ret_error = reader.error;
	return n;
}

static void expect_connection(const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *first = connection->subflows, *second = first->next;

	g_assert_cmpuint(connection->token, ==, 0xf1aceb40);
	g_assert_cmpstr(connection->path_manager, ==, "kernel");
	g_assert_true(connection->fallback);
	g_assert_true(connection->deny_join_id0);
	g_assert_cmpstr(connection->remote.address, ==, "::1");
	g_assert_cmpuint(connection->local.port, ==, 65535);
	g_assert_null(connection->announced);
	g_assert_cmpuint(connection->peer_addresses->id, ==, 255);
	g_assert_null(connection->peer_addresses->next);
	g_assert_cmpstr(first->local.address, ==, "192.168.100.200");
	g_assert_null(first->remote.address);
	g_assert_cmpuint(first->remote_id, ==, 7);
	g_assert_true(first->initial && !first->backup && first->peer_backup);
	g_assert_cmpstr(first->error, ==, "gone");
	g_assert_cmpuint(first->rtt_us, ==, 0);
	g_assert_cmpuint(first->bytes_sent, ==, UINT64_MAX);
	g_assert_cmpstr(second->local.address, ==, "1.2.3.4");
	g_assert_null(second->next);
}

static void test_round_trip(void)
{
	struct pack pack = page();
	int error;

	g_assert_cmpuint(read_page(pack.bytes, pack.size, &error, expect_connection), ==, 1);
	g_assert_cmpint(error, ==, 0);
	pack_done(&pack);
}

static void test_cut(void)
{
	struct pack pack = page();
	int error;

	for (size_t size = 0; size < pack.size; size++) {
		g_assert_cmpuint(read_page(pack.bytes, size, &error, NULL), ==, 0);
		g_assert_cmpint(error, ==, -EBADMSG);
	}
	pack_done(&pack);
}

/* Whatever a byte is: it ends, and reads no more than there is. */
static void test_changed(void)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff, 'a', '(', 'v'};
	struct pack pack = page();
	int error;

	for (size_t at = 0; at < pack.size; at++)
		for (size_t i = 0; i < sizeof(values); i++) {
			uint8_t before = pack.bytes[at];

			pack.bytes[at] = values[i];
			g_assert_cmpuint(read_page(pack.bytes, pack.size, &error, NULL), <=, 8);
			g_assert_true(error == 0 || error == -EBADMSG);
			pack.bytes[at] = before;
		}
	pack_done(&pack);
}

/* Variants of variants of variants … */
static void test_nested(void)
{
	uint8_t bytes[3 * 1000];
	struct unpack unpack = {.bytes = bytes, .end = sizeof(bytes)};

	for (size_t i = 0; i < sizeof(bytes); i += 3)
		memcpy(bytes + i, "\1v", 3);
	g_assert_cmpint(unpack_skip(&unpack, "v"), ==, -EBADMSG);
}

static void test_types(void)
{
	struct pack pack = {0};
	struct writer writer = {.pack = &pack};

	writer_append(&writer, "a" WIRE_ADDR, 1, "10.0.0.1",
		      80); /* elements are opened and closed */
	g_assert_cmpint(writer.error, ==, -EINVAL);
	writer.error = 0;
	writer_append(&writer, "d", 1.5);
	g_assert_cmpint(writer.error, ==, -EINVAL);
	writer.error = 0;
	writer_close(&writer);
	g_assert_cmpint(writer.error, ==, -EINVAL);
	pack_done(&pack);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pack/is-read-back", test_round_trip);
	g_test_add_func("/pack/cut-anywhere-is-an-error", test_cut);
	g_test_add_func("/pack/changed-anywhere-stays-inside", test_changed);
	g_test_add_func("/pack/nesting-is-bounded", test_nested);
	g_test_add_func("/pack/what-it-cannot-write-is-an-error", test_types);
	return g_test_run();
}
