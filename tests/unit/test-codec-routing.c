/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules and default routes: commands and records, and what is no such thing. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <glib.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "addr.h"
#include "codec.h"

static struct mptcpd_addr parse(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

static int decode(const struct nlmsghdr *nlh, size_t hop, struct event *event)
{
	return codec_routing_event(nlh, nlh->nlmsg_len, hop, event);
}

static struct event_rule a_rule(const char *from)
{
	struct event_rule rule = {.from = parse(from),
				  .priority = 31001,
				  .table = 8684002,
				  .protocol = 184};

	rule.family = rule.from.family;
	rule.from_prefix = rule.family == AF_INET ? 32 : 128;
	return rule;
}

static struct event_route a_route(const char *gateway)
{
	struct event_route route = {.gateway = parse(gateway),
				    .table = 8684002,
				    .metric = 100,
				    .ifindex = 2,
				    .protocol = 184};

	route.family = route.gateway.family;
	return route;
}

/* ---- there and back ---- */

static void rules_come_back(void)
{
	const char *const sources[] = {"10.0.2.1", "2001:db8:2::1"};
	union codec_command buffer;
	struct event event;

	for (size_t i = 0; i < 4; i++) {
		struct event_rule rule = a_rule(sources[i % 2]);

		if (i >= 2) {
			rule.table = ROUTING_TABLE_MAIN;
			rule.no_default = true;
		}
		g_assert_cmpint(decode(codec_add_rule(&buffer, &rule), 0, &event), ==, 0);
		g_assert_cmpint(event.type, ==, EVENT_RULE);
		g_assert_cmpmem(&event.rule, sizeof(rule), &rule, sizeof(rule));
		g_assert_cmpint(decode(&buffer.header, 1, &event), ==, -ENOENT);
	}
}

static void routes_come_back(void)
{
	union codec_command buffer;
	struct event_route routes[4] = {a_route("10.0.2.254"), a_route("fe80::1"),
					a_route("fe80::1"), a_route("10.0.2.254")};
	struct event event;

	routes[2].family = AF_INET; /* by a gateway of IPv6 */
	routes[2].onlink = true;
	routes[3] = (struct event_route){.table = 8684002,
					 .metric = UINT32_MAX,
					 .family = AF_INET6,
					 .protocol = 184,
					 .unreachable = true};
	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
		g_assert_cmpint(decode(codec_add_route(&buffer, &routes[i], true), 0, &event), ==,
				0);
		g_assert_cmpint(event.type, ==, EVENT_ROUTE);
		g_assert_cmpmem(&event.route, sizeof(routes[i]), &routes[i], sizeof(routes[i]));
		g_assert_cmpint(decode(&buffer.header, 1, &event), ==, -ENOENT);
	}
}

static void scopes_are_those_of_the_kernel(void)
{
	union codec_command buffer;
	struct event_route route = a_route("10.0.2.254");
	const struct rtmsg *info = mnl_nlmsg_get_payload(&buffer.header);

	codec_add_route(&buffer, &route, false);
	g_assert_cmpint(info->rtm_scope, ==, RT_SCOPE_UNIVERSE);
	g_assert_cmphex(buffer.header.nlmsg_flags, ==,
			NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	codec_delete_route(&buffer, &route);
	g_assert_cmpint(info->rtm_scope, ==, RT_SCOPE_NOWHERE);
	route.gateway = (struct mptcpd_addr){0};
	codec_add_route(&buffer, &route, true);
	g_assert_cmpint(info->rtm_scope, ==, RT_SCOPE_LINK);
	g_assert_cmphex(buffer.header.nlmsg_flags, ==,
			NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
}

/* ---- records of others ---- */

static struct nlmsghdr *start_route(void *buffer, uint8_t protocol)
{
	struct nlmsghdr *nlh = codec_start(buffer, RTM_NEWROUTE, 0);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	info->rtm_family = AF_INET;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_type = RTN_UNICAST;
	info->rtm_protocol = protocol;
	return nlh;
}

static void several_hops_are_several_records(void)
{
	union codec_command buffer;
	struct nlmsghdr *nlh = start_route(&buffer, RTPROT_DHCP);
	struct mptcpd_addr gateway = parse("10.0.1.254");
	struct nlattr *list = mnl_attr_nest_start(nlh, RTA_MULTIPATH);
	struct event event;

	for (int i = 1; i <= 3; i++) {
		struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(nlh);

		hop->rtnh_ifindex = i;
		hop->rtnh_flags = i == 2 ? RTNH_F_DEAD : i == 3 ? RTNH_F_ONLINK : 0;
		hop->rtnh_len = sizeof(*hop) + 8;
		nlh->nlmsg_len += sizeof(*hop);
		mnl_attr_put(nlh, RTA_GATEWAY, 4, gateway.ip);
	}
	mnl_attr_nest_end(nlh, list);
	g_assert_cmpint(decode(nlh, 0, &event), ==, 0);
	g_assert_cmpuint(event.route.ifindex, ==, 1);
	g_assert_false(event.route.onlink);
	g_assert_cmpint(decode(nlh, 1, &event), ==, CODEC_IGNORED);
	g_assert_cmpint(decode(nlh, 2, &event), ==, 0);
	g_assert_cmpuint(event.route.ifindex, ==, 3);
	g_assert_true(event.route.onlink && addr_equal_host(&event.route.gateway, &gateway));
	g_assert_cmpint(decode(nlh, 3, &event), ==, -ENOENT);
}

/* Neither a table of the kernel's, nor a prefix, nor what is unreachable by somebody else's word. */
static void what_is_of_no_interest(void)
{
	union codec_command buffer;
	struct rtmsg *info;
	struct event event;

	for (int i = 0; i < 6; i++) {
		struct nlmsghdr *nlh = start_route(&buffer, RTPROT_STATIC);

		info = mnl_nlmsg_get_payload(nlh);
		if (i == 0)
			info->rtm_table = RT_TABLE_LOCAL;
		else if (i == 1)
			info->rtm_dst_len = 8;
		else if (i == 2)
			info->rtm_type = RTN_UNREACHABLE;
		else if (i == 3)
			info->rtm_flags = RTM_F_CLONED;
		else if (i == 4)
			info->rtm_tos = 8;
		else
			info->rtm_family = AF_PACKET;
		g_assert_cmpint(decode(nlh, 0, &event), ==, CODEC_IGNORED);
		g_assert_cmpint(decode(nlh, 1, &event), ==, -ENOENT);
	}
}

/* A rule that asks for more than a source is none of ours, whatever its protocol is. */
static void rules_that_ask_for_more(void)
{
	static const uint16_t words[] = {FRA_FWMARK, FRA_FWMASK, FRA_GOTO, FRA_FLOW};
	struct event_rule rule = a_rule("10.0.2.1");
	union codec_command buffer;
	struct event event;

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		mnl_attr_put_u32(codec_add_rule(&buffer, &rule), words[i], 1);
		g_assert_cmpint(decode(&buffer.header, 0, &event), ==, 0);
		g_assert_true(event.rule.asks_more);
	}
	mnl_attr_put_strz(codec_add_rule(&buffer, &rule), FRA_OIFNAME, "eth0");
	g_assert_cmpint(decode(&buffer.header, 0, &event), ==, 0);
	g_assert_true(event.rule.asks_more);
	codec_add_rule(&buffer, &rule);
	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(&buffer.header))->flags = FIB_RULE_INVERT;
	g_assert_cmpint(decode(&buffer.header, 0, &event), ==, 0);
	g_assert_true(event.rule.asks_more);
}

/* ---- news ---- */

static enum routing_news news(const struct nlmsghdr *nlh)
{
	struct event event;

	g_assert_cmpint(codec_link_event(nlh, nlh->nlmsg_len, &event), ==, 0);
	g_assert_cmpint(event.type, ==, EVENT_ROUTES);
	return (enum routing_news)event.news;
}

static void news_tell_what_they_are_about(void)
{
	struct event_route route = a_route("10.0.2.254");
	struct event_rule rule = a_rule("10.0.2.1");
	union codec_command buffer;
	struct nlmsghdr *nlh = start_route(&buffer, RTPROT_DHCP);
	struct rtmsg *info = mnl_nlmsg_get_payload(nlh);

	g_assert_cmpint(news(nlh), ==, ROUTING_NEWS_ADDED);
	info->rtm_dst_len = 24; /* routers have a million of these */
	g_assert_cmpint(news(nlh), ==, ROUTING_NEWS_NONE);
	info->rtm_dst_len = 0;
	nlh->nlmsg_type = RTM_DELROUTE;
	g_assert_cmpint(news(nlh), ==, ROUTING_NEWS_CHANGED);
	g_assert_cmpint(news(codec_add_route(&buffer, &route, true)), ==, ROUTING_NEWS_CHANGED);
	g_assert_cmpint(news(codec_add_rule(&buffer, &rule)), ==, ROUTING_NEWS_CHANGED);
}

/* ---- bad messages ---- */

static void read_all(const struct nlmsghdr *nlh)
{
	struct event event;
	size_t hop = 0;

	while (decode(nlh, hop++, &event) >= 0)
		g_assert_cmpuint(hop, <, 64);
}

/* Cut anywhere, and with any byte changed: refused or read, never beyond the end. */
static void any_bytes(void)
{
	struct event_route route = a_route("10.0.2.254");
	struct event_rule rule = a_rule("2001:db8::1");
	union codec_command buffer;
	char *copy;

	for (int kind = 0; kind < 2; kind++) {
		if (kind)
			codec_add_rule(&buffer, &rule);
		else
			codec_add_route(&buffer, &route, true);
		for (size_t size = sizeof(struct nlmsghdr); size < buffer.header.nlmsg_len;
		     size++) {
			copy = g_memdup2(&buffer, size);
			((struct nlmsghdr *)copy)->nlmsg_len = (uint32_t)size;
			read_all((struct nlmsghdr *)copy);
			g_free(copy);
		}
		for (size_t at = sizeof(struct nlmsghdr); at < buffer.header.nlmsg_len; at++)
			for (unsigned int value = 0; value < 256; value++) {
				copy = g_memdup2(&buffer, buffer.header.nlmsg_len);
				copy[at] = (char)value;
				read_all((struct nlmsghdr *)copy);
				g_free(copy);
			}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/codec-routing/rules-come-back", rules_come_back);
	g_test_add_func("/codec-routing/routes-come-back", routes_come_back);
	g_test_add_func("/codec-routing/scopes", scopes_are_those_of_the_kernel);
	g_test_add_func("/codec-routing/several-hops", several_hops_are_several_records);
	g_test_add_func("/codec-routing/of-no-interest", what_is_of_no_interest);
	g_test_add_func("/codec-routing/rules-that-ask-for-more", rules_that_ask_for_more);
	g_test_add_func("/codec-routing/news", news_tell_what_they_are_about);
	g_test_add_func("/codec-routing/any-bytes", any_bytes);
	return g_test_run();
}
