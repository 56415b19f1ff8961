/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rtnetlink: the rules and default routes of source routing. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "addr.h"
#include "codec.h"

static const void *family_header(const void *message)
{
	return (const char *)message + MNL_NLMSG_HDRLEN;
}

static bool is_ip(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

/* An address of this family, or none where the attribute is absent. */
static int decode_addr(const struct nlattr *attr, uint8_t family, struct mptcpd_addr *ret)
{
	bool mapped;

	if (!attr)
		return 0;
	return codec_addr(family == AF_INET ? attr : NULL, family == AF_INET6 ? attr : NULL, 0, ret,
			  &mapped);
}

/* RTA_VIA: a gateway of another family than the route's. */
static int decode_via(const struct nlattr *attr, struct mptcpd_addr *ret)
{
	const struct rtvia *via = codec_payload(attr);
	size_t size = codec_length(attr);

	if (size < sizeof(*via))
		return -EBADMSG;
	size -= sizeof(*via);
	if (via->rtvia_family == AF_INET && size == 4)
		*ret = addr_v4(via->rtvia_addr, 0);
	else if (via->rtvia_family == AF_INET6 && size == 16)
		*ret = addr_v6(via->rtvia_addr, 0);
	else
		return -EBADMSG;
	return 0;
}

/* ---- news ---- */

enum routing_news codec_routing_news(const void *message)
{
	const struct rtmsg *route = family_header(message);
	const struct nlmsghdr *nlh = message;

	if (nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE)
		return ROUTING_NEWS_CHANGED;
	if (route->rtm_protocol == ROUTING_PROTOCOL)
		return ROUTING_NEWS_CHANGED;
	if (route->rtm_dst_len)
		return ROUTING_NEWS_NONE;
	return nlh->nlmsg_type == RTM_NEWROUTE ? ROUTING_NEWS_ADDED : ROUTING_NEWS_CHANGED;
}

/* ---- records ---- */

static int decode_rule(const void *message, size_t size, struct event_rule *rule)
{
	const struct nlattr *attrs[FRA_MAX + 1];
	const struct fib_rule_hdr *info = family_header(message);
	uint32_t length;

	if (codec_message(message, size, sizeof(*info), attrs, FRA_MAX) < 0)
		return -EBADMSG;
	if (!is_ip(info->family))
		return CODEC_IGNORED;
	if (decode_addr(attrs[FRA_SRC], info->family, &rule->from) < 0 ||
	    codec_u32(attrs[FRA_PRIORITY], 0, &rule->priority) < 0 ||
	    codec_u32(attrs[FRA_TABLE], info->table, &rule->table) < 0 ||
	    codec_u32(attrs[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX, &length) < 0 ||
	    codec_u8(attrs[FRA_PROTOCOL], RTPROT_UNSPEC, &rule->protocol) < 0 ||
	    info->src_len > (info->family == AF_INET ? 32 : 128))
		return -EBADMSG;
	rule->family = info->family;
	rule->from_prefix = info->src_len;
	rule->no_default = length == 0;
	/* Whatever it asks beside the source, its own fields or one of a later kernel. */
	rule->asks_more = info->action != FR_ACT_TO_TBL || info->dst_len || info->tos ||
			  (info->flags & FIB_RULE_INVERT) || (length && length != UINT32_MAX) ||
			  (rule->from_prefix && !rule->from.family) || attrs[FRA_DST] ||
			  attrs[FRA_IIFNAME] || attrs[FRA_OIFNAME] || attrs[FRA_GOTO] ||
			  attrs[FRA_FWMARK] || attrs[FRA_FWMASK] || attrs[FRA_FLOW] ||
			  attrs[FRA_TUN_ID] || attrs[FRA_SUPPRESS_IFGROUP] || attrs[FRA_L3MDEV] ||
			  attrs[FRA_UID_RANGE] || attrs[FRA_IP_PROTO] || attrs[FRA_SPORT_RANGE] ||
			  attrs[FRA_DPORT_RANGE];
	return 0;
}

/* One of the next hops in a list. */
static int decode_hop(const struct nlattr *list, size_t hop, struct event_route *route)
{
	const struct nlattr *attrs[RTA_VIA + 1] = {0};
	const char *at = codec_payload(list);
	const struct rtnexthop *next;
	size_t left = codec_length(list), step;

	for (;; hop--) {
		next = (const void *)at;
		if (left == 0)
			return -ENOENT;
		if (left < sizeof(*next) || next->rtnh_len < sizeof(*next) || next->rtnh_len > left)
			return -EBADMSG;
		if (hop == 0)
			break;
		step = RTNH_ALIGN((size_t)next->rtnh_len);
		step = step < left ? step : left;
		at += step;
		left -= step;
	}
	if (codec_attributes(at + sizeof(*next), next->rtnh_len - sizeof(*next), attrs, RTA_VIA) <
	    0)
		return -EBADMSG;
	if (next->rtnh_ifindex < 0 ||
	    decode_addr(attrs[RTA_GATEWAY], route->family, &route->gateway) < 0 ||
	    (attrs[RTA_VIA] && decode_via(attrs[RTA_VIA], &route->gateway) < 0))
		return -EBADMSG;
	route->ifindex = (uint32_t)next->rtnh_ifindex;
	route->onlink = next->rtnh_flags & RTNH_F_ONLINK;
	return next->rtnh_flags & RTNH_F_DEAD ? CODEC_IGNORED : 0;
}

static bool is_of_interest(const struct rtmsg *info, uint32_t table)
{
	if (!is_ip(info->rtm_family) || (info->rtm_flags & RTM_F_CLONED) ||
	    table == RT_TABLE_LOCAL || info->rtm_dst_len || info->rtm_tos)
		return false;
	return info->rtm_type == RTN_UNICAST ||
	       (info->rtm_type == RTN_UNREACHABLE && info->rtm_protocol == ROUTING_PROTOCOL);
}

static int decode_route(const void *message, size_t size, size_t hop, struct event_route *route)
{
	const struct nlattr *attrs[RTA_VIA + 1];
	const struct rtmsg *info = family_header(message);

	if (codec_message(message, size, sizeof(*info), attrs, RTA_VIA) < 0 ||
	    codec_u32(attrs[RTA_TABLE], info->rtm_table, &route->table) < 0 ||
	    codec_u32(attrs[RTA_PRIORITY], 0, &route->metric) < 0)
		return -EBADMSG;
	if (!is_of_interest(info, route->table))
		return hop > 0 ? -ENOENT : CODEC_IGNORED;
	route->family = info->rtm_family;
	route->protocol = info->rtm_protocol;
	if (attrs[RTA_MULTIPATH])
		return decode_hop(attrs[RTA_MULTIPATH], hop, route);
	if (hop > 0)
		return -ENOENT;
	if (info->rtm_type == RTN_UNREACHABLE) {
		route->unreachable = true; /* IPv6 says that it is on the loopback interface */
		return 0;
	}
	if (codec_ifindex(attrs[RTA_OIF], &route->ifindex) < 0 ||
	    decode_addr(attrs[RTA_GATEWAY], info->rtm_family, &route->gateway) < 0 ||
	    (attrs[RTA_VIA] && decode_via(attrs[RTA_VIA], &route->gateway) < 0))
		return -EBADMSG;
	route->onlink = info->rtm_flags & RTNH_F_ONLINK;
	return info->rtm_flags & RTNH_F_DEAD ? CODEC_IGNORED : 0;
}

int codec_routing_event(const void *message, size_t size, size_t hop, struct event *ret_event)
{
	const struct nlmsghdr *nlh = message;
	struct event event;
	int r;

	if (size < sizeof(*nlh))
		return -EBADMSG;
	memset(&event, 0, sizeof(event));
	switch (nlh->nlmsg_type) {
	case RTM_NEWRULE:
		event.type = EVENT_RULE;
		r = hop > 0 ? -ENOENT : decode_rule(message, size, &event.rule);
		break;
	case RTM_NEWROUTE:
		event.type = EVENT_ROUTE;
		r = decode_route(message, size, hop, &event.route);
		break;
	default:
		return hop > 0 ? -ENOENT : CODEC_UNKNOWN;
	}
	if (r == 0)
		*ret_event = event;
	return r;
}

struct nlmsghdr *codec_get_all_routes(void *buffer, uint8_t family, bool ours)
{
	struct nlmsghdr *nlh = codec_start(buffer, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(nlh, sizeof(*route));

	route->rtm_family = family;
	route->rtm_protocol = ours ? ROUTING_PROTOCOL : RTPROT_UNSPEC;
	return nlh;
}

/* ---- commands ---- */

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct mptcpd_addr *addr)
{
	mnl_attr_put(nlh, type, addr->family == AF_INET ? 4 : 16, addr->ip);
}

static struct nlmsghdr *put_rule(void *buffer, uint16_t type, uint16_t flags,
				 const struct event_rule *rule)
{
	struct nlmsghdr *nlh = codec_start(buffer, type, NLM_F_ACK | flags);
	struct fib_rule_hdr *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	info->family = rule->family;
	info->src_len = rule->from_prefix;
	info->action = FR_ACT_TO_TBL;
	info->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
	if (rule->from.family)
		put_addr(nlh, FRA_SRC, &rule->from);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u32(nlh, FRA_TABLE, rule->table);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, ROUTING_PROTOCOL);
	if (rule->no_default)
		mnl_attr_put_u32(nlh, FRA_SUPPRESS_PREFIXLEN, 0);
	return nlh;
}

struct nlmsghdr *codec_add_rule(void *buffer, const struct event_rule *rule)
{
	return put_rule(buffer, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

struct nlmsghdr *codec_delete_rule(void *buffer, const struct event_rule *rule)
{
	return put_rule(buffer, RTM_DELRULE, 0, rule);
}

static struct nlmsghdr *put_route(void *buffer, uint16_t type, uint16_t flags,
				  const struct event_route *route)
{
	struct nlmsghdr *nlh = codec_start(buffer, type, NLM_F_ACK | flags);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	_Alignas(struct rtvia) char bytes[sizeof(struct rtvia) + 16];
	struct rtvia *via = (struct rtvia *)bytes;

	info->rtm_family = route->family;
	info->rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_UNSPEC;
	info->rtm_protocol = ROUTING_PROTOCOL;
	info->rtm_type = route->unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
	/* Of IPv4: what lies behind a gateway is anywhere, else on the link. NOWHERE finds both. */
	if (type == RTM_DELROUTE)
		info->rtm_scope = RT_SCOPE_NOWHERE;
	else if (route->family == AF_INET && !route->gateway.family && !route->unreachable)
		info->rtm_scope = RT_SCOPE_LINK;
	info->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	mnl_attr_put_u32(nlh, RTA_TABLE, route->table);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	if (route->ifindex)
		mnl_attr_put_u32(nlh, RTA_OIF, route->ifindex);
	if (route->gateway.family == route->family) {
		put_addr(nlh, RTA_GATEWAY, &route->gateway);
	} else if (route->gateway.family) {
		via->rtvia_family = route->gateway.family;
		memcpy(via->rtvia_addr, route->gateway.ip, 16);
		mnl_attr_put(nlh, RTA_VIA, sizeof(bytes), bytes);
	}
	return nlh;
}

struct nlmsghdr *codec_add_route(void *buffer, const struct event_route *route, bool replace)
{
	return put_route(buffer, RTM_NEWROUTE,
			 (uint16_t)(NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL)), route);
}

struct nlmsghdr *codec_delete_route(void *buffer, const struct event_route *route)
{
	return put_route(buffer, RTM_DELROUTE, 0, route);
}
