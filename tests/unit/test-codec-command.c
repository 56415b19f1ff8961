/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of mptcp_pm: the bytes they are, and back. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <glib.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/inet_diag.h>
#include <linux/mptcp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "addr.h"
#include "codec.h"

static struct mptcpd_addr parse(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

/* Captured bytes are those of a little-endian machine. */
static bool skip_big_endian(void)
{
	if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
		return false;
	g_test_skip("captured on a little-endian machine");
	return true;
}

/* --- commands ------------------------------------------------------------------------------- */

static void assert_bytes(const struct nlmsghdr *nlh, const char *hex)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < nlh->nlmsg_len; i++)
		g_string_append_printf(text, "%02x", ((const uint8_t *)nlh)[i]);
	g_assert_cmpstr(text->str, ==, hex);
	g_string_free(text, TRUE);
}

/* Length, type, flags, no sequence number or port yet, then command and version. */
#define HEAD(length, command)                                                                      \
	length "0000001c000500"                                                                    \
	       "0000000000000000" command "010000"

static void commands_are_these_bytes(void)
{
	union codec_command buffer;
	struct mptcpd_addr local = parse("10.0.0.1:258"), remote = parse("10.0.0.2:80");
	struct subflow_request request = {
		.local = parse("10.0.0.1"),
		.remote = remote,
		.local_id = 7,
		.flags = MPTCPD_FLAG_BACKUP,
		.ifindex = 3,
	};

	if (skip_big_endian())
		return;
	assert_bytes(codec_subflow_create(&buffer, 0x1c, 0x11223344, &request),
		     HEAD("64", "0a") "0800040044332211"
				      "2c000180"
				      "0600010002000000"
				      "080003000a000001"
				      "0500020007000000"
				      "0800060004000000"
				      "0800070003000000"
				      "1c000680"
				      "0600010002000000"
				      "080003000a000002"
				      "0600050050000000");
	assert_bytes(codec_subflow_destroy(&buffer, 0x1c, 0x11223344, &local, &remote, false),
		     HEAD("54", "0b") "0800040044332211"
				      "1c000180"
				      "0600010002000000"
				      "080003000a000001"
				      "0600050002010000"
				      "1c000680"
				      "0600010002000000"
				      "080003000a000002"
				      "0600050050000000");
	assert_bytes(codec_subflow_destroy(&buffer, 0x1c, 0x11223344, &local, &remote, true),
		     HEAD("6c", "0b") "0800040044332211"
				      "28000180"
				      "060001000a000000"
				      "1400040000000000000000000000ffff0a000001"
				      "0600050002010000"
				      "28000680"
				      "060001000a000000"
				      "1400040000000000000000000000ffff0a000002"
				      "0600050050000000");
	assert_bytes(codec_set_backup(&buffer, 0x1c, 0x11223344, &local, &remote, true),
		     HEAD("5c", "07") "0800040044332211"
				      "24000180"
				      "0600010002000000"
				      "080003000a000001"
				      "0600050002010000"
				      "0800060004000000"
				      "1c000680"
				      "0600010002000000"
				      "080003000a000002"
				      "0600050050000000");
}

static void more_commands_are_these_bytes(void)
{
	union codec_command buffer;
	struct mptcpd_addr local = parse("10.0.0.1:258"), bare = parse("10.0.0.1");

	if (skip_big_endian())
		return;
	assert_bytes(codec_announce(&buffer, 0x1c, 0x11223344, &bare, 9, 0),
		     HEAD("40", "08") "0800040044332211"
				      "24000180"
				      "0600010002000000"
				      "080003000a000001"
				      "0500020009000000"
				      "0800060001000000");
	assert_bytes(codec_remove(&buffer, 0x1c, 0x11223344, 9),
		     HEAD("24", "09") "0800040044332211"
				      "0500050009000000");
	assert_bytes(codec_flush_addrs(&buffer, 0x1c), HEAD("14", "04"));
	assert_bytes(codec_get_limits(&buffer, 0x1c), HEAD("14", "06"));
	assert_bytes(codec_set_limits(&buffer, 0x1c,
				      &(struct event_limits){.subflows = 4,
							     .add_addr_accepted = UINT32_MAX}),
		     HEAD("1c", "05") "0800030004000000");
	assert_bytes(codec_del_addr(&buffer, 0x1c, &(struct event_endpoint){.id = 3}),
		     HEAD("20", "02") "0c000180"
				      "0500020003000000");
	assert_bytes(codec_set_flags(&buffer, 0x1c,
				     &(struct event_endpoint){.addr = local, .id = 3, .flags = 4}),
		     HEAD("28", "07") "14000180"
				      "0500020003000000"
				      "0800060004000000");
	assert_bytes(codec_get_addr(&buffer, 0x1c, 0), "140000001c000503"
						       "0000000000000000"
						       "03010000");
}

static void endpoint_round_trip(void)
{
	static const char *const addresses[] = {"10.0.0.1", "10.0.0.1:80", "fd00::1",
						"[fd00::1]:80"};

	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		union codec_command buffer;
		struct event_endpoint endpoint = {.addr = parse(addresses[i]),
						  .flags = 0x2f,
						  .ifindex = 12,
						  .id = 200};
		struct nlmsghdr *nlh = codec_add_addr(&buffer, 0x1c, &endpoint);
		struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
		struct event event;

		/* An answer to GET_ADDR has the same nest. */
		genl->cmd = MPTCP_PM_CMD_GET_ADDR;
		g_assert_cmpint(codec_pm_reply(nlh, nlh->nlmsg_len, &event), ==, 0);
		g_assert_cmpint(event.type, ==, EVENT_ENDPOINT);
		g_assert_true(addr_equal(&event.endpoint.addr, &endpoint.addr));
		g_assert_cmpuint(event.endpoint.flags, ==, endpoint.flags);
		g_assert_cmpuint(event.endpoint.ifindex, ==, 12);
		g_assert_cmpuint(event.endpoint.id, ==, 200);
	}
}

static void limits_round_trip(void)
{
	union codec_command buffer;
	struct event_limits limits = {.subflows = 3, .add_addr_accepted = 5};
	struct nlmsghdr *nlh = codec_set_limits(&buffer, 0x1c, &limits);
	struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct event event;

	genl->cmd = MPTCP_PM_CMD_GET_LIMITS;
	g_assert_cmpint(codec_pm_reply(nlh, nlh->nlmsg_len, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_LIMITS);
	g_assert_cmpuint(event.limits.subflows, ==, 3);
	g_assert_cmpuint(event.limits.add_addr_accepted, ==, 5);
	limits.subflows = UINT32_MAX;
	nlh = codec_set_limits(&buffer, 0x1c, &limits);
	genl->cmd = MPTCP_PM_CMD_GET_LIMITS;
	g_assert_cmpint(codec_pm_reply(nlh, nlh->nlmsg_len, &event), ==, -EBADMSG);
}

static void longest_command_fits(void)
{
	union codec_command buffer;
	struct subflow_request request = {
		.local = parse("[fd00::1]:1"),
		.remote = parse("[fd00::2]:2"),
		.local_id = 1,
		.remote_id = 2,
		.flags = MPTCPD_FLAG_BACKUP,
		.ifindex = 3,
	};

	g_assert_cmpuint(codec_subflow_create(&buffer, 0x1c, 1, &request)->nlmsg_len, <=,
			 CODEC_COMMAND_SIZE);
	g_assert_cmpuint(codec_get_route(&buffer, &request.local, 3, &request.remote, 7)->nlmsg_len,
			 <=, CODEC_COMMAND_SIZE);
	g_assert_cmpuint(codec_get_connections(&buffer, 0)->nlmsg_len, <=, CODEC_COMMAND_SIZE);
}

/* For each request the kernel goes through the sockets of all namespaces. */
static void dumps_of_both_families(void)
{
	const uint32_t protocols[] = {IPPROTO_MPTCP, 0};

	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++) {
		union codec_command buffer;
		const struct nlmsghdr *nlh = protocols[i] ? codec_get_connections(&buffer, 1 << 8)
							  : codec_get_subflows(&buffer, 1 << 8);
		const struct inet_diag_req *request = mnl_nlmsg_get_payload(nlh);
		const struct nlattr *attribute =
			mnl_nlmsg_get_payload_offset(nlh, sizeof(*request));

		g_assert_cmpuint(nlh->nlmsg_type, ==, TCPDIAG_GETSOCK);
		g_assert_cmpuint(request->idiag_family, ==, AF_UNSPEC);
		g_assert_cmpuint(request->idiag_states, ==, 1 << 8);
		g_assert_cmpint(mnl_attr_ok(attribute, (int)mnl_nlmsg_get_payload_len(nlh) -
							       (int)sizeof(*request)),
				==, protocols[i] != 0);
		if (protocols[i])
			g_assert_cmpuint(mnl_attr_get_u32(attribute), ==, protocols[i]);
	}
}

/* What names a neighbour to be sought anew names the same one when the kernel tells of it. */
static void neighbour_round_trip(void)
{
	static const char *const texts[] = {"10.0.0.7", "2001:db8::7"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		union codec_command buffer;
		struct codec_neighbour told = {.addr = parse(texts[i]), .ifindex = 9}, heard = {0};
		struct nlmsghdr *nlh = codec_reset_neighbour(&buffer, &told);
		struct ndmsg *info = mnl_nlmsg_get_payload(nlh);

		nlh->nlmsg_type = RTM_NEWNEIGH;
		info->ndm_state = NUD_REACHABLE;
		g_assert_cmpint(codec_neighbour(nlh, nlh->nlmsg_len, &heard), ==, 0);
		g_assert_false(heard.unknown || heard.sought);
		info->ndm_state = NUD_FAILED;
		g_assert_cmpint(codec_neighbour(nlh, nlh->nlmsg_len, &heard), ==, 0);
		g_assert_true(heard.unknown && !heard.sought);
		info->ndm_state = NUD_INCOMPLETE;
		g_assert_cmpint(codec_neighbour(nlh, nlh->nlmsg_len, &heard), ==, 0);
		g_assert_true(heard.unknown && heard.sought);
		g_assert_true(addr_equal(&heard.addr, &told.addr));
		g_assert_cmpuint(heard.ifindex, ==, 9);
		for (uint32_t size = 0; size < nlh->nlmsg_len; size++) {
			g_autofree struct nlmsghdr *cut = g_memdup2(nlh, size);

			if (size >= sizeof(*cut))
				cut->nlmsg_len = size;
			g_assert_cmpint(codec_neighbour(cut, size, &heard), !=, 0);
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/codec/command/bytes-with-two-addresses", commands_are_these_bytes);
	g_test_add_func("/codec/command/bytes", more_commands_are_these_bytes);
	g_test_add_func("/codec/command/endpoint-round-trip", endpoint_round_trip);
	g_test_add_func("/codec/command/limits-round-trip", limits_round_trip);
	g_test_add_func("/codec/command/neighbour-round-trip", neighbour_round_trip);
	g_test_add_func("/codec/command/dumps-are-of-both-families", dumps_of_both_families);
	g_test_add_func("/codec/command/longest-fits", longest_command_fits);
	return g_test_run();
}
