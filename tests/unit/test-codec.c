/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages as a kernel sent them: what they decode to, and that no part of one can do harm. Buffers
 * are exactly as long as their message, so that AddressSanitizer sees a read beyond it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <glib.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>

#include "addr.h"
#include "codec-captured.h"
#include "codec.h"

/* The bytes of a captured message, on the heap; `size` is its length. */
static void *unhex(const char *hex, size_t *size)
{
	guint8 *bytes = g_malloc(strlen(hex) / 2);

	for (*size = 0; hex[*size * 2]; (*size)++)
		bytes[*size] = (guint8)(g_ascii_xdigit_value(hex[*size * 2]) << 4 |
					g_ascii_xdigit_value(hex[*size * 2 + 1]));
	return bytes;
}

/* Captured bytes are those of a little-endian machine. */
static bool skip_big_endian(void)
{
	if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
		return false;
	g_test_skip("captured on a little-endian machine");
	return true;
}

static int decode_pm(const char *hex, struct event *event)
{
	size_t size;
	g_autofree void *bytes = unhex(hex, &size);

	return codec_pm_event(bytes, size, event);
}

static int decode_link_hex(const char *hex, struct event *event)
{
	size_t size;
	g_autofree void *bytes = unhex(hex, &size);

	return codec_link_event(bytes, size, event);
}

static int decode_subflow_hex(const char *hex, struct event *event)
{
	size_t size;
	g_autofree void *bytes = unhex(hex, &size);

	return codec_diag_subflow(bytes, size, 5, event);
}

static int decode_connection_hex(const char *hex, struct event *event)
{
	size_t size;
	g_autofree void *bytes = unhex(hex, &size);

	return codec_diag_connection(bytes, size, event);
}

/* What is said of a connection whose socket is in this state, and whose program has it or closed it. */
static int decode_connection_in(uint8_t state, bool orphan, struct event *event)
{
	size_t size;
	g_autofree char *bytes = unhex(diag_connection, &size);
	struct inet_diag_msg *socket = (struct inet_diag_msg *)(void *)(bytes + NLMSG_HDRLEN);

	socket->idiag_state = state;
	socket->idiag_inode = orphan ? 0 : 1;
	return codec_diag_connection(bytes, size, event);
}

static void assert_addr(const struct mptcpd_addr *addr, const char *expected)
{
	char text[ADDR_TEXT_SIZE];

	g_assert_cmpstr(addr_format(addr, text), ==, expected);
}

/* --- events as captured --------------------------------------------------------------------- */

#define TOKEN_CLIENT 0x64e83835
#define TOKEN_SERVER 0xc7e99ddc

static void captured_connection(void)
{
	struct event event;

	if (skip_big_endian())
		return;
	g_assert_cmpint(decode_pm(created_client, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_CONNECTION_CREATED);
	g_assert_cmphex(event.token, ==, TOKEN_CLIENT);
	g_assert_cmpint(event.connection.side, ==, MPTCPD_SIDE_CLIENT);
	g_assert_false(event.connection.mapped);
	g_assert_false(event.connection.deny_join_id0);
	assert_addr(&event.connection.local, "127.0.0.1:37994");
	assert_addr(&event.connection.remote, "127.0.0.1:4711");
	g_assert_cmpint(decode_pm(created_server, &event), ==, 0);
	g_assert_cmphex(event.token, ==, TOKEN_SERVER);
	g_assert_cmpint(event.connection.side, ==, MPTCPD_SIDE_SERVER);
	g_assert_true(event.connection.mapped);
	assert_addr(&event.connection.local, "127.0.0.1:4711");
	g_assert_cmpint(decode_pm(established_client, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_CONNECTION_ESTABLISHED);
	g_assert_cmpint(decode_pm(closed, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_CONNECTION_CLOSED);
	g_assert_cmphex(event.token, ==, TOKEN_CLIENT);
}

static void captured_subflow(void)
{
	struct event event;

	if (skip_big_endian())
		return;
	g_assert_cmpint(decode_pm(joined, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_SUBFLOW_ESTABLISHED);
	assert_addr(&event.subflow.local, "127.0.0.2:41065");
	assert_addr(&event.subflow.remote, "127.0.0.1:4711");
	g_assert_cmpuint(event.subflow.local_id, ==, 7);
	g_assert_cmpuint(event.subflow.remote_id, ==, 0);
	g_assert_cmpuint(event.subflow.ifindex, ==, 1);
	g_assert_false(event.subflow.peer_backup);
	g_assert_cmpint(decode_pm(joined_mapped, &event), ==, 0);
	g_assert_true(event.subflow.mapped);
	assert_addr(&event.subflow.remote, "127.0.0.2:41065");
	g_assert_cmpuint(event.subflow.remote_id, ==, 7);
	g_assert_cmpint(decode_pm(refused, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_SUBFLOW_CLOSED);
	g_assert_cmpuint(event.subflow.error, ==, ECONNREFUSED);
	g_assert_cmpuint(event.subflow.reset, ==, 0);
}

static void captured_addresses_and_listeners(void)
{
	struct event event;

	if (skip_big_endian())
		return;
	g_assert_cmpint(decode_pm(announced, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_ADDRESS_ANNOUNCED);
	g_assert_cmpuint(event.peer_address.id, ==, 9);
	assert_addr(&event.peer_address.addr, "127.0.0.3:4711");
	g_assert_cmpint(decode_pm(removed, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_ADDRESS_REMOVED);
	g_assert_cmpuint(event.peer_address.id, ==, 9);
	g_assert_cmpint(decode_pm(listener_created, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_LISTENER_CREATED);
	assert_addr(&event.listener.addr, "[::]:4711");
	g_assert_cmpint(decode_pm(listener_closed, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_LISTENER_CLOSED);
}

static void captured_diag(void)
{
	struct event event;

	if (skip_big_endian())
		return;
	g_assert_cmpint(decode_connection_hex(diag_connection, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_SNAPSHOT_CONNECTION);
	g_assert_cmphex(event.token, ==, TOKEN_CLIENT);
	assert_addr(&event.connection.local, "127.0.0.1:37994");
	assert_addr(&event.connection.remote, "127.0.0.1:4711");
	g_assert_false(event.connection.mapped);
	g_assert_false(event.connection.fallback);
	g_assert_false(event.connection.closing);
	g_assert_cmpint(event.connection.side, ==, MPTCPD_SIDE_UNKNOWN);
	/* It may still send, or be read from; but all was delivered of one that was closed. */
	g_assert_cmpint(decode_connection_in(TCP_FIN_WAIT1, true, &event), ==, 0);
	g_assert_true(event.connection.closing);
	g_assert_cmpint(decode_connection_in(TCP_FIN_WAIT2, false, &event), ==, 0);
	g_assert_cmpint(decode_connection_in(TCP_FIN_WAIT2, true, &event), ==, CODEC_IGNORED);
	g_assert_cmpint(decode_connection_hex(diag_mapped, &event), ==, 0);
	g_assert_cmphex(event.token, ==, TOKEN_SERVER);
	g_assert_true(event.connection.mapped);
	g_assert_cmpint(decode_subflow_hex(diag_initial, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_SNAPSHOT_SUBFLOW);
	g_assert_cmphex(event.token, ==, TOKEN_CLIENT);
	g_assert_true(event.subflow.initial);
	g_assert_true(event.subflow.joined_here);
	g_assert_true(event.subflow.fully_established);
	g_assert_false(event.subflow.fallback);
	g_assert_cmpuint(event.subflow.measure.taken_ms, ==, 5);
	g_assert_cmpuint(event.subflow.measure.rtt_us, ==, 24);
	g_assert_cmpuint(event.subflow.measure.rto_us, ==, 204000);
	g_assert_cmpint(decode_subflow_hex(diag_join, &event), ==, 0);
	g_assert_false(event.subflow.initial);
	g_assert_true(event.subflow.joined_here);
	g_assert_cmpuint(event.subflow.local_id, ==, 7);
	g_assert_cmpuint(event.subflow.ifindex, ==, 1);
	assert_addr(&event.subflow.local, "127.0.0.2:41065");
	g_assert_cmpint(decode_subflow_hex(diag_join_mapped, &event), ==, 0);
	g_assert_cmphex(event.token, ==, TOKEN_SERVER);
	g_assert_true(event.subflow.mapped);
	g_assert_false(event.subflow.joined_here);
	g_assert_cmpuint(event.subflow.remote_id, ==, 7);
}

static void captured_link(void)
{
	struct event event;

	if (skip_big_endian())
		return;
	g_assert_cmpint(decode_link_hex(new_address, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_LOCAL);
	assert_addr(&event.local.addr, "10.1.0.1"); /* not its peer 10.1.0.9 */
	g_assert_cmpuint(event.local.ifindex, ==, 3);
	g_assert_cmpuint(event.local.prefix, ==, 32);
	g_assert_false(event.local.tentative);
	g_assert_cmpint(decode_link_hex(deleted_address, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_LOCAL_GONE);
	g_assert_cmpint(decode_link_hex(local_route, &event), ==, CODEC_IGNORED);
	g_assert_cmpint(decode_link_hex(new_route, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_ROUTES);
	g_assert_cmpint(decode_link_hex(new_rule, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_ROUTES);
	g_assert_cmpint(decode_link_hex(left_bridge, &event), ==, CODEC_IGNORED);
	g_assert_cmpint(decode_link_hex(deleted_link, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_LINK_GONE);
	g_assert_cmpuint(event.link.ifindex, ==, 3);
}

static void captured_replies(void)
{
	struct codec_family found;
	char text[CODEC_TEXT_SIZE];
	size_t size;
	int error;

	if (skip_big_endian())
		return;
	{
		g_autofree void *bytes = unhex(family_found, &size);

		g_assert_cmpint(codec_family(bytes, size, &found), ==, 0);
		g_assert_cmpuint(found.id, ==, 0x1c);
		g_assert_cmpuint(found.event_group, ==, 9);
	}
	{
		g_autofree void *bytes = unhex(refusal, &size);

		g_assert_cmpint(codec_ack(bytes, size, &error, text), ==, 0);
		g_assert_cmpint(error, ==, -EINVAL);
		g_assert_cmpstr(text, ==, "invalid token");
	}
	{
		g_autofree void *bytes = unhex(success, &size);

		g_assert_cmpint(codec_ack(bytes, size, &error, text), ==, 0);
		g_assert_cmpint(error, ==, 0);
		g_assert_cmpstr(text, ==, "");
	}
}

/* --- short and odd messages ----------------------------------------------------------------- */

/* Every decoder on the same bytes; none may read beyond `size`. */
static void decode_all(const void *bytes, size_t size, int outcomes[13])
{
	struct event event;
	struct codec_family found;
	struct codec_route route;
	struct codec_neighbour neighbour;
	struct codec_listener listener;
	struct codec_socket socket;
	char text[CODEC_TEXT_SIZE];
	bool has_mark;
	int error;

	outcomes[0] = codec_pm_event(bytes, size, &event);
	outcomes[1] = codec_pm_reply(bytes, size, &event);
	outcomes[2] = codec_family(bytes, size, &found);
	outcomes[3] = codec_link_event(bytes, size, &event);
	outcomes[4] = codec_route(bytes, size, &route);
	outcomes[5] = codec_diag_connection(bytes, size, &event);
	outcomes[6] = codec_diag_subflow(bytes, size, 1, &event);
	outcomes[7] = codec_ack(bytes, size, &error, text);
	outcomes[8] = codec_neighbour(bytes, size, &neighbour);
	outcomes[9] = codec_rule(bytes, size, &has_mark);
	outcomes[10] = codec_diag_listener(bytes, size, &listener);
	outcomes[11] = codec_diag_mptcp_socket(bytes, size, &socket);
	outcomes[12] = codec_diag_tcp_socket(bytes, size, &socket);
}

static const char *const captured[] = {
	listener_created, created_client, created_server,   established_client,
	joined,		  joined_mapped,  announced,	    removed,
	refused,	  closed,	  listener_closed,  family_found,
	refusal,	  success,	  diag_connection,  diag_mapped,
	diag_initial,	  diag_join,	  diag_join_mapped, new_address,
	deleted_address,  local_route,	  new_route,	    new_rule,
	left_bridge,	  deleted_link,
};

static void cut_short(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(captured); i++) {
		size_t size;
		g_autofree char *whole = unhex(captured[i], &size);

		for (size_t length = 0; length < size; length++) {
			g_autofree char *cut = g_memdup2(whole, length);
			int outcomes[13];

			/* The header promises more than there is. */
			decode_all(cut, length, outcomes);
			for (size_t k = 0; k < 13; k++)
				g_assert_cmpint(outcomes[k], !=, 0);
			if (length < sizeof(struct nlmsghdr))
				continue;
			/* The header is honest, the content is not. */
			((struct nlmsghdr *)(void *)cut)->nlmsg_len = (uint32_t)length;
			decode_all(cut, length, outcomes);
			for (size_t k = 0; k < 13; k++)
				g_assert_true(outcomes[k] >= 0 || outcomes[k] == -EBADMSG);
		}
	}
}

/* Every byte in turn set to extremes: lengths that lie above all. */
static void bent_bytes(void)
{
	static const uint8_t values[] = {0x00, 0x01, 0x03, 0x7f, 0x80, 0xff};

	for (size_t i = 0; i < G_N_ELEMENTS(captured); i++) {
		size_t size;
		g_autofree char *whole = unhex(captured[i], &size);

		for (size_t at = 0; at < size; at++) {
			for (size_t v = 0; v < G_N_ELEMENTS(values); v++) {
				g_autofree char *bent = g_memdup2(whole, size);
				int outcomes[13];

				bent[at] = (char)values[v];
				decode_all(bent, size, outcomes);
				for (size_t k = 0; k < 13; k++)
					g_assert_true(outcomes[k] >= 0 || outcomes[k] == -EBADMSG);
			}
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/codec/captured/connection", captured_connection);
	g_test_add_func("/codec/captured/subflow", captured_subflow);
	g_test_add_func("/codec/captured/addresses-and-listeners",
			captured_addresses_and_listeners);
	g_test_add_func("/codec/captured/socket-dumps", captured_diag);
	g_test_add_func("/codec/captured/links", captured_link);
	g_test_add_func("/codec/captured/replies", captured_replies);
	g_test_add_func("/codec/event/cut-short-is-refused", cut_short);
	g_test_add_func("/codec/event/bent-bytes-are-survived", bent_bytes);
	return g_test_run();
}
