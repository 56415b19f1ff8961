/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of mptcp_pm and of links, built by hand: each attribute absent, wrong or odd. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <glib.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/genetlink.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/mptcp.h>
#include <linux/rtnetlink.h>

#include "addr.h"
#include "codec.h"
#include "uapi.h"

static void assert_addr(const struct mptcpd_addr *addr, const char *expected)
{
	char text[ADDR_TEXT_SIZE];

	g_assert_cmpstr(addr_format(addr, text), ==, expected);
}

/* --- events built by hand ------------------------------------------------------------------- */

union message {
	struct nlmsghdr header;
	char bytes[1024];
};

static struct nlmsghdr *start_event(union message *message, uint8_t command)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(message);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = 0x1c;
	genl->cmd = command;
	genl->version = 1;
	return nlh;
}

/* An event with everything that is ever sent in it, but for one attribute. */
static struct nlmsghdr *build_without(union message *message, uint8_t command, uint16_t missing)
{
	static const uint8_t local[4] = {10, 0, 0, 1}, remote[4] = {10, 0, 0, 2};
	static const uint32_t token = 0x1234, ifindex = 3, reason = 3;
	static const uint16_t family = AF_INET, flags = 3;
	static const uint8_t one = 1, error = 111;
	const uint16_t sport = htons(1000), dport = htons(2000);
	const struct {
		uint16_t type;
		size_t size;
		const void *value;
	} all[] = {
		{MPTCP_ATTR_TOKEN, 4, &token},	       {MPTCP_ATTR_FAMILY, 2, &family},
		{MPTCP_ATTR_LOC_ID, 1, &one},	       {MPTCP_ATTR_REM_ID, 1, &one},
		{MPTCP_ATTR_SADDR4, 4, local},	       {MPTCP_ATTR_DADDR4, 4, remote},
		{MPTCP_ATTR_SPORT, 2, &sport},	       {MPTCP_ATTR_DPORT, 2, &dport},
		{MPTCP_ATTR_BACKUP, 1, &one},	       {MPTCP_ATTR_ERROR, 1, &error},
		{MPTCP_ATTR_FLAGS, 2, &flags},	       {MPTCP_ATTR_IF_IDX, 4, &ifindex},
		{MPTCP_ATTR_RESET_REASON, 4, &reason}, {MPTCP_ATTR_RESET_FLAGS, 4, &reason},
		{MPTCP_ATTR_SERVER_SIDE, 1, &one},
	};
	struct nlmsghdr *nlh = start_event(message, command);

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		if (all[i].type != missing)
			mnl_attr_put(nlh, all[i].type, all[i].size, all[i].value);
	}
	return nlh;
}

static int decode_without(uint8_t command, uint16_t missing, struct event *event)
{
	union message message;
	struct nlmsghdr *nlh = build_without(&message, command, missing);

	return codec_pm_event(nlh, nlh->nlmsg_len, event);
}

static bool is_in(uint16_t type, const uint16_t *types)
{
	for (; *types; types++) {
		if (*types == type)
			return true;
	}
	return false;
}

/* Each kind of event refuses to be without exactly these. */
static void missing_attributes(void)
{
	static const struct {
		uint8_t command;
		enum event_type type;
		uint16_t needed[4];
	} kinds[] = {
		{MPTCP_EVENT_CREATED,
		 EVENT_CONNECTION_CREATED,
		 {MPTCP_ATTR_TOKEN, MPTCP_ATTR_SADDR4, MPTCP_ATTR_DADDR4}},
		{MPTCP_EVENT_ESTABLISHED,
		 EVENT_CONNECTION_ESTABLISHED,
		 {MPTCP_ATTR_TOKEN, MPTCP_ATTR_SADDR4, MPTCP_ATTR_DADDR4}},
		{MPTCP_EVENT_CLOSED, EVENT_CONNECTION_CLOSED, {MPTCP_ATTR_TOKEN}},
		{MPTCP_EVENT_ANNOUNCED,
		 EVENT_ADDRESS_ANNOUNCED,
		 {MPTCP_ATTR_TOKEN, MPTCP_ATTR_REM_ID, MPTCP_ATTR_DADDR4}},
		{MPTCP_EVENT_REMOVED, EVENT_ADDRESS_REMOVED, {MPTCP_ATTR_TOKEN, MPTCP_ATTR_REM_ID}},
		{MPTCP_EVENT_SUB_ESTABLISHED,
		 EVENT_SUBFLOW_ESTABLISHED,
		 {MPTCP_ATTR_TOKEN, MPTCP_ATTR_SADDR4, MPTCP_ATTR_DADDR4}},
		{MPTCP_EVENT_SUB_CLOSED,
		 EVENT_SUBFLOW_CLOSED,
		 {MPTCP_ATTR_TOKEN, MPTCP_ATTR_SADDR4, MPTCP_ATTR_DADDR4}},
		{MPTCP_EVENT_SUB_PRIORITY,
		 EVENT_SUBFLOW_PRIORITY,
		 {MPTCP_ATTR_TOKEN, MPTCP_ATTR_SADDR4, MPTCP_ATTR_DADDR4}},
		{UAPI_EVENT_LISTENER_CREATED,
		 EVENT_LISTENER_CREATED,
		 {MPTCP_ATTR_SADDR4, MPTCP_ATTR_SPORT}},
		{UAPI_EVENT_LISTENER_CLOSED,
		 EVENT_LISTENER_CLOSED,
		 {MPTCP_ATTR_SADDR4, MPTCP_ATTR_SPORT}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		for (uint16_t type = MPTCP_ATTR_TOKEN; type <= MPTCP_ATTR_SERVER_SIDE + 1; type++) {
			struct event event = {.type = EVENT_LOST};
			int r = decode_without(kinds[i].command, type, &event);

			g_assert_cmpint(r, ==, is_in(type, kinds[i].needed) ? -EBADMSG : 0);
			g_assert_cmpint(event.type, ==, r ? EVENT_LOST : kinds[i].type);
		}
	}
}

static void whole_subflow(void)
{
	struct event event;

	g_assert_cmpint(decode_without(MPTCP_EVENT_SUB_CLOSED, 0, &event), ==, 0);
	assert_addr(&event.subflow.local, "10.0.0.1:1000");
	assert_addr(&event.subflow.remote, "10.0.0.2:2000");
	g_assert_true(event.subflow.peer_backup);
	g_assert_false(event.subflow.backup);
	g_assert_cmpuint(event.subflow.error, ==, 111);
	g_assert_cmpuint(event.subflow.reset, ==, 1 + 3);
	g_assert_cmpint(decode_without(MPTCP_EVENT_SUB_CLOSED, MPTCP_ATTR_RESET_REASON, &event), ==,
			0);
	g_assert_cmpuint(event.subflow.reset, ==, 0);
}

/* The server is told by an attribute of old and a flag of new; absent, 0 or 1. */
static void side_of_connection(void)
{
	static const struct {
		int attribute, flags; /* -1: absent */
		enum mptcpd_side side;
		bool deny;
	} cases[] = {
		{-1, -1, MPTCPD_SIDE_CLIENT, false}, {0, -1, MPTCPD_SIDE_CLIENT, false},
		{1, -1, MPTCPD_SIDE_SERVER, false},  {-1, 0, MPTCPD_SIDE_CLIENT, false},
		{-1, 2, MPTCPD_SIDE_SERVER, false},  {0, 1, MPTCPD_SIDE_CLIENT, true},
		{1, 3, MPTCPD_SIDE_SERVER, true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		union message message;
		struct nlmsghdr *nlh = start_event(&message, MPTCP_EVENT_CREATED);
		struct event event;

		mnl_attr_put_u32(nlh, MPTCP_ATTR_TOKEN, 7);
		if (cases[i].attribute >= 0)
			mnl_attr_put_u8(nlh, MPTCP_ATTR_SERVER_SIDE, (uint8_t)cases[i].attribute);
		if (cases[i].flags >= 0)
			mnl_attr_put_u16(nlh, MPTCP_ATTR_FLAGS, (uint16_t)cases[i].flags);
		g_assert_cmpint(codec_pm_event(nlh, nlh->nlmsg_len, &event), ==, 0);
		g_assert_cmpint(event.connection.side, ==, cases[i].side);
		g_assert_cmpint(event.connection.deny_join_id0, ==, cases[i].deny);
		g_assert_cmpuint(event.connection.local.family, ==, 0);
	}
}

static void unknown_is_no_error(void)
{
	struct event event;
	union message message;
	struct nlmsghdr *nlh;

	for (unsigned int command = 0; command < 256; command++) {
		int r = decode_without((uint8_t)command, 0, &event);

		g_assert_cmpint(r, ==,
				command == 0 || command == 4 || command == 5 || command == 8 ||
						command == 9 || command == 12 || command == 14 ||
						command > 16
					? CODEC_UNKNOWN
					: 0);
	}
	nlh = build_without(&message, MPTCP_EVENT_CLOSED, 0);
	mnl_attr_put_u32(nlh, 200, 1);
	g_assert_cmpint(codec_pm_event(nlh, nlh->nlmsg_len, &event), ==, 0);
	nlh = mnl_nlmsg_put_header(&message);
	nlh->nlmsg_type = RTM_NEWQDISC;
	g_assert_cmpint(codec_link_event(nlh, nlh->nlmsg_len, &event), ==, CODEC_UNKNOWN);
	nlh = start_event(&message, 99);
	g_assert_cmpint(codec_pm_reply(nlh, nlh->nlmsg_len, &event), ==, CODEC_UNKNOWN);
}

static void wrong_sizes_are_refused(void)
{
	static const uint16_t types[] = {
		MPTCP_ATTR_TOKEN,  MPTCP_ATTR_FAMILY, MPTCP_ATTR_LOC_ID, MPTCP_ATTR_REM_ID,
		MPTCP_ATTR_SADDR4, MPTCP_ATTR_DADDR4, MPTCP_ATTR_SPORT,	 MPTCP_ATTR_DPORT,
		MPTCP_ATTR_BACKUP, MPTCP_ATTR_ERROR,  MPTCP_ATTR_IF_IDX, MPTCP_ATTR_RESET_REASON,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		union message message;
		struct nlmsghdr *nlh =
			build_without(&message, MPTCP_EVENT_SUB_ESTABLISHED, types[i]);
		struct event event;

		mnl_attr_put(nlh, types[i], 3, "abc");
		g_assert_cmpint(codec_pm_event(nlh, nlh->nlmsg_len, &event), ==, -EBADMSG);
	}
}

static void families_must_agree(void)
{
	static const uint8_t ip6[16] = {0xfd, [15] = 1};
	union message message;
	struct nlmsghdr *nlh;
	struct event event;

	nlh = build_without(&message, MPTCP_EVENT_SUB_ESTABLISHED, MPTCP_ATTR_SADDR4);
	mnl_attr_put(nlh, MPTCP_ATTR_SADDR6, 16, ip6);
	g_assert_cmpint(codec_pm_event(nlh, nlh->nlmsg_len, &event), ==, -EBADMSG);
	nlh = build_without(&message, MPTCP_EVENT_SUB_ESTABLISHED, MPTCP_ATTR_FAMILY);
	mnl_attr_put_u16(nlh, MPTCP_ATTR_FAMILY, AF_INET6);
	g_assert_cmpint(codec_pm_event(nlh, nlh->nlmsg_len, &event), ==, -EBADMSG);
	nlh = build_without(&message, MPTCP_EVENT_CLOSED, MPTCP_ATTR_TOKEN);
	mnl_attr_put_u32(nlh, MPTCP_ATTR_TOKEN, 0);
	g_assert_cmpint(codec_pm_event(nlh, nlh->nlmsg_len, &event), ==, -EBADMSG);
}

/* --- links and addresses built by hand ------------------------------------------------------ */

static struct nlmsghdr *start_link(union message *message, uint16_t hardware, uint32_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(message);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	nlh->nlmsg_type = RTM_NEWLINK;
	info->ifi_index = 5;
	info->ifi_type = hardware;
	info->ifi_flags = flags;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "x0");
	return nlh;
}

static struct event_link decode_link(struct nlmsghdr *nlh)
{
	struct event event;

	g_assert_cmpint(codec_link_event(nlh, nlh->nlmsg_len, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_LINK);
	g_assert_cmpstr(event.link.name, ==, "x0");
	g_assert_cmpuint(event.link.ifindex, ==, 5);
	return event.link;
}

static uint8_t type_of(uint16_t hardware, const char *kind)
{
	union message message;
	struct nlmsghdr *nlh = start_link(&message, hardware, 0);

	if (kind) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_LINKINFO);

		mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
		mnl_attr_nest_end(nlh, nest);
	}
	return decode_link(nlh).type;
}

static void link_types(void)
{
	g_assert_cmpint(type_of(ARPHRD_LOOPBACK, NULL), ==, MPTCPD_LINK_LOOPBACK);
	g_assert_cmpint(type_of(ARPHRD_ETHER, NULL), ==, MPTCPD_LINK_ETHERNET);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "veth"), ==, MPTCPD_LINK_VETH);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "bridge"), ==, MPTCPD_LINK_BRIDGE);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "bond"), ==, MPTCPD_LINK_BOND);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "team"), ==, MPTCPD_LINK_BOND);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "macvlan"), ==, MPTCPD_LINK_VLAN);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "never-heard-of"), ==, MPTCPD_LINK_ETHERNET);
	g_assert_cmpint(type_of(ARPHRD_NONE, "tun"), ==, MPTCPD_LINK_TUNNEL);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "tun"), ==, MPTCPD_LINK_TAP);
	g_assert_cmpint(type_of(ARPHRD_ETHER, "gretap"), ==, MPTCPD_LINK_TUNNEL);
	g_assert_cmpint(type_of(ARPHRD_NONE, "wireguard"), ==, MPTCPD_LINK_TUNNEL);
	g_assert_cmpint(type_of(ARPHRD_SIT, NULL), ==, MPTCPD_LINK_TUNNEL);
	g_assert_cmpint(type_of(ARPHRD_PPP, "ppp"), ==, MPTCPD_LINK_PPP);
	g_assert_cmpint(type_of(ARPHRD_RAWIP, NULL), ==, MPTCPD_LINK_WWAN);
	g_assert_cmpint(type_of(ARPHRD_NONE, "wwan"), ==, MPTCPD_LINK_WWAN);
	g_assert_cmpint(type_of(ARPHRD_NONE, NULL), ==, MPTCPD_LINK_OTHER);
}

static bool looks_at_mark(uint32_t mark, uint32_t mask)
{
	char buffer[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	bool has_mark = false;

	nlh->nlmsg_type = RTM_NEWRULE;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct fib_rule_hdr));
	mnl_attr_put_u32(nlh, FRA_TABLE, 42);
	if (mark)
		mnl_attr_put_u32(nlh, FRA_FWMARK, mark);
	if (mask)
		mnl_attr_put_u32(nlh, FRA_FWMASK, mask);
	g_assert_cmpint(codec_rule(nlh, nlh->nlmsg_len, &has_mark), ==, 0);
	return has_mark;
}

static void rules_with_marks(void)
{
	g_assert_false(looks_at_mark(0, 0));
	g_assert_true(looks_at_mark(42, UINT32_MAX));
	g_assert_true(looks_at_mark(0, 0xff)); /* for all that have none of these bits */
}

static void carrier(void)
{
	static const bool by_operstate[] = {
		[IF_OPER_UNKNOWN] = true, [IF_OPER_NOTPRESENT] = false,
		[IF_OPER_DOWN] = false,	  [IF_OPER_LOWERLAYERDOWN] = false,
		[IF_OPER_TESTING] = true, [IF_OPER_DORMANT] = false,
		[IF_OPER_UP] = true,
	};

	for (uint8_t state = 0; state < G_N_ELEMENTS(by_operstate); state++) {
		for (int lower = 0; lower < 2; lower++) {
			union message message;
			struct nlmsghdr *nlh = start_link(&message, ARPHRD_ETHER,
							  IFF_UP | (lower ? IFF_LOWER_UP : 0));

			mnl_attr_put_u8(nlh, IFLA_OPERSTATE, state);
			g_assert_cmpint(decode_link(nlh).carrier, ==, lower && by_operstate[state]);
		}
	}
}

static uint32_t master_of(const char *slave_kind)
{
	union message message;
	struct nlmsghdr *nlh = start_link(&message, ARPHRD_ETHER, 0);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, IFLA_MASTER, 9);
	nest = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_SLAVE_KIND, slave_kind);
	mnl_attr_nest_end(nlh, nest);
	return decode_link(nlh).master;
}

static void members(void)
{
	g_assert_cmpuint(master_of("bridge"), ==, 9);
	g_assert_cmpuint(master_of("bond"), ==, 9);
	g_assert_cmpuint(master_of("vrf"), ==, 0);
}

static bool prefers_temporary(size_t n, int32_t use_tempaddr)
{
	union message message;
	struct nlmsghdr *nlh = start_link(&message, ARPHRD_ETHER, 0);
	struct nlattr *families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC), *inet6;
	int32_t conf[DEVCONF_USE_TEMPADDR + 10] = {0};

	conf[DEVCONF_USE_TEMPADDR] = use_tempaddr;
	mnl_attr_put(nlh, AF_INET, 0, NULL);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put(nlh, IFLA_INET6_CONF, n * sizeof(*conf), conf);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, families);
	return decode_link(nlh).prefers_temporary;
}

static void temporary_addresses(void)
{
	union message message;

	g_assert_true(prefers_temporary(DEVCONF_USE_TEMPADDR + 10, 2));
	g_assert_true(prefers_temporary(DEVCONF_USE_TEMPADDR + 1, 2));
	g_assert_false(prefers_temporary(DEVCONF_USE_TEMPADDR, 2)); /* cut off before it */
	g_assert_false(prefers_temporary(DEVCONF_USE_TEMPADDR + 1, 1));
	g_assert_false(prefers_temporary(DEVCONF_USE_TEMPADDR + 1, -1));
	g_assert_false(decode_link(start_link(&message, ARPHRD_ETHER, 0)).prefers_temporary);
}

static void partial_links_are_ignored(void)
{
	union message message;
	struct nlmsghdr *nlh = start_link(&message, ARPHRD_ETHER, IFF_UP);
	struct event event;

	mnl_attr_put(nlh, IFLA_WIRELESS, 4, "abcd");
	g_assert_cmpint(codec_link_event(nlh, nlh->nlmsg_len, &event), ==, CODEC_IGNORED);
	nlh = start_link(&message, ARPHRD_ETHER, IFF_UP);
	((struct ifinfomsg *)mnl_nlmsg_get_payload(nlh))->ifi_family = AF_BRIDGE;
	g_assert_cmpint(codec_link_event(nlh, nlh->nlmsg_len, &event), ==, CODEC_IGNORED);
	nlh = start_link(&message, ARPHRD_ETHER, IFF_UP);
	((struct ifinfomsg *)mnl_nlmsg_get_payload(nlh))->ifi_index = 0;
	g_assert_cmpint(codec_link_event(nlh, nlh->nlmsg_len, &event), ==, -EBADMSG);
}

static struct event_local decode_flags(uint8_t family, uint8_t header_flags, uint32_t flags)
{
	static const uint8_t ip[16] = {0xfd, [15] = 1};
	union message message;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(&message);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	struct event event;

	nlh->nlmsg_type = RTM_NEWADDR;
	info->ifa_family = family;
	info->ifa_flags = header_flags;
	info->ifa_index = 4;
	info->ifa_prefixlen = 24;
	mnl_attr_put(nlh, IFA_ADDRESS, family == AF_INET ? 4 : 16, ip);
	if (flags)
		mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
	g_assert_cmpint(codec_link_event(nlh, nlh->nlmsg_len, &event), ==, 0);
	return event.local;
}

static void address_flags(void)
{
	struct event_local local;

	g_assert_true(decode_flags(AF_INET6, IFA_F_TENTATIVE, 0).tentative);
	g_assert_true(decode_flags(AF_INET6, 0, IFA_F_TENTATIVE).tentative);
	g_assert_false(decode_flags(AF_INET6, IFA_F_TENTATIVE, IFA_F_PERMANENT).tentative);
	g_assert_false(decode_flags(AF_INET6, 0, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC).tentative);
	g_assert_true(decode_flags(AF_INET6, 0, IFA_F_DADFAILED).tentative);
	g_assert_true(decode_flags(AF_INET6, 0, IFA_F_DEPRECATED).deprecated);
	local = decode_flags(AF_INET6, IFA_F_TEMPORARY, 0);
	g_assert_true(local.temporary);
	g_assert_false(local.secondary);
	local = decode_flags(AF_INET, IFA_F_SECONDARY, 0);
	g_assert_false(local.temporary);
	g_assert_true(local.secondary);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/codec/event/needs-what-it-is-known-by", missing_attributes);
	g_test_add_func("/codec/event/subflow-with-everything", whole_subflow);
	g_test_add_func("/codec/event/side-by-attribute-or-flag", side_of_connection);
	g_test_add_func("/codec/event/unknown-is-no-error", unknown_is_no_error);
	g_test_add_func("/codec/event/wrong-sizes-are-refused", wrong_sizes_are_refused);
	g_test_add_func("/codec/event/families-must-agree", families_must_agree);
	g_test_add_func("/codec/link/types", link_types);
	g_test_add_func("/codec/link/rules-with-marks", rules_with_marks);
	g_test_add_func("/codec/link/carrier", carrier);
	g_test_add_func("/codec/link/members-of-a-vrf-are-free", members);
	g_test_add_func("/codec/link/preference-of-temporary-addresses", temporary_addresses);
	g_test_add_func("/codec/link/partial-messages-are-ignored", partial_links_are_ignored);
	g_test_add_func("/codec/address/flags", address_flags);
	return g_test_run();
}
