/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rtnetlink: links, addresses, routes and rules. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "addr.h"
#include "codec.h"

static const void *family_header(const void *message)
{
	return (const char *)message + MNL_NLMSG_HDRLEN;
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* By the name of its driver's kind first: every kind of Ethernet has ARPHRD_ETHER. */
static uint8_t link_type(uint16_t hardware, const char *kind)
{
	static const char *const tunnels[] = {"gre",	   "gretap",	"erspan", "ipip",
					      "sit",	   "vti",	"ip6tnl", "ip6gre",
					      "ip6gretap", "ip6erspan", "vti6",	  "wireguard",
					      "xfrm",	   "vxlan",	"geneve", "gtp",
					      "bareudp",   "ovpn",	NULL};
	static const char *const vlans[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", NULL};
	static const char *const bonds[] = {"bond", "team", NULL};
	static const char *const wwans[] = {"wwan", "rmnet", NULL};

	/* One driver for both: a tap has Ethernet frames, and so neighbours. */
	if (strcmp(kind, "tun") == 0)
		return hardware == ARPHRD_ETHER ? MPTCPD_LINK_TAP : MPTCPD_LINK_TUNNEL;
	if (is_one_of(kind, tunnels))
		return MPTCPD_LINK_TUNNEL;
	if (is_one_of(kind, vlans))
		return MPTCPD_LINK_VLAN;
	if (is_one_of(kind, bonds))
		return MPTCPD_LINK_BOND;
	if (is_one_of(kind, wwans))
		return MPTCPD_LINK_WWAN;
	if (strcmp(kind, "bridge") == 0)
		return MPTCPD_LINK_BRIDGE;
	if (strcmp(kind, "veth") == 0)
		return MPTCPD_LINK_VETH;
	switch (hardware) {
	case ARPHRD_LOOPBACK:
		return MPTCPD_LINK_LOOPBACK;
	case ARPHRD_ETHER:
		return MPTCPD_LINK_ETHERNET;
	case ARPHRD_IEEE80211:
		return MPTCPD_LINK_WIFI;
	case ARPHRD_RAWIP:
		return MPTCPD_LINK_WWAN;
	case ARPHRD_PPP:
		return MPTCPD_LINK_PPP;
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return MPTCPD_LINK_TUNNEL;
	}
	return MPTCPD_LINK_OTHER;
}

static bool has_carrier(uint32_t flags, uint8_t operstate)
{
	return (flags & IFF_LOWER_UP) && operstate != IF_OPER_DOWN &&
	       operstate != IF_OPER_LOWERLAYERDOWN && operstate != IF_OPER_DORMANT &&
	       operstate != IF_OPER_NOTPRESENT;
}

static int decode_kinds(const struct nlattr *info, char kind[16], char master_kind[16])
{
	const struct nlattr *attrs[IFLA_INFO_SLAVE_KIND + 1] = {0};

	if (info && codec_attributes(codec_payload(info), codec_length(info), attrs,
				     IFLA_INFO_SLAVE_KIND) < 0)
		return -EBADMSG;
	if (codec_string(attrs[IFLA_INFO_KIND], kind, 16) < 0 ||
	    codec_string(attrs[IFLA_INFO_SLAVE_KIND], master_kind, 16) < 0)
		return -EBADMSG;
	return 0;
}

/* What the kernel's IPv6 makes of the link: the sysctls of its own, in the order of their numbers. */
static int decode_inet6(const struct nlattr *families, bool *ret_prefers_temporary)
{
	const struct nlattr *attrs[AF_INET6 + 1] = {0}, *inet6[IFLA_INET6_CONF + 1] = {0};
	const struct nlattr *conf;
	int32_t use_tempaddr = 0;

	if (families &&
	    codec_attributes(codec_payload(families), codec_length(families), attrs, AF_INET6) < 0)
		return -EBADMSG;
	if (attrs[AF_INET6] &&
	    codec_attributes(codec_payload(attrs[AF_INET6]), codec_length(attrs[AF_INET6]), inet6,
			     IFLA_INET6_CONF) < 0)
		return -EBADMSG;
	conf = inet6[IFLA_INET6_CONF];
	if (conf && codec_length(conf) >= (DEVCONF_USE_TEMPADDR + 1) * sizeof(use_tempaddr))
		memcpy(&use_tempaddr, (const int32_t *)codec_payload(conf) + DEVCONF_USE_TEMPADDR,
		       sizeof(use_tempaddr));
	*ret_prefers_temporary = use_tempaddr >= 2;
	return 0;
}

static int decode_link(const void *message, size_t size, struct event *event)
{
	const struct nlattr *attrs[IFLA_AF_SPEC + 1];
	const struct ifinfomsg *info = family_header(message);
	struct event_link *link = &event->link;
	char kind[16], master_kind[16];
	uint8_t operstate;

	if (codec_message(message, size, sizeof(*info), attrs, IFLA_AF_SPEC) < 0 ||
	    info->ifi_index <= 0)
		return -EBADMSG;
	/*
	 * Bridges tell of their ports in the same words under their own family, and a port that
	 * left is no link that is gone. Wireless drivers notify with hardly any attribute.
	 */
	if (info->ifi_family != AF_UNSPEC || attrs[IFLA_WIRELESS])
		return CODEC_IGNORED;
	link->ifindex = (uint32_t)info->ifi_index;
	if (event->type == EVENT_LINK_GONE)
		return 0;
	if (codec_string(attrs[IFLA_IFNAME], link->name, sizeof(link->name)) < 0 ||
	    codec_u8(attrs[IFLA_OPERSTATE], IF_OPER_UNKNOWN, &operstate) < 0 ||
	    codec_ifindex(attrs[IFLA_MASTER], &link->master) < 0 ||
	    decode_kinds(attrs[IFLA_LINKINFO], kind, master_kind) < 0 ||
	    decode_inet6(attrs[IFLA_AF_SPEC], &link->prefers_temporary) < 0 || !link->name[0])
		return -EBADMSG;
	/* A VRF is a routing table, not a device that takes the packets of its members. */
	if (strcmp(master_kind, "vrf") == 0)
		link->master = 0;
	link->type = link_type(info->ifi_type, kind);
	link->up = info->ifi_flags & IFF_UP;
	link->point_to_point = info->ifi_flags & IFF_POINTOPOINT;
	link->carrier = has_carrier(info->ifi_flags, operstate);
	return 0;
}

static int decode_local(const void *message, size_t size, struct event *event)
{
	const struct nlattr *attrs[IFA_FLAGS + 1];
	const struct ifaddrmsg *info = family_header(message);
	struct event_local *local = &event->local;
	const struct nlattr *ip;
	uint32_t flags;
	bool ip6, mapped;

	if (codec_message(message, size, sizeof(*info), attrs, IFA_FLAGS) < 0)
		return -EBADMSG;
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return CODEC_IGNORED;
	ip6 = info->ifa_family == AF_INET6;
	/* On a point-to-point link IFA_ADDRESS is the peer. */
	ip = attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	if (!ip || codec_addr(ip6 ? NULL : ip, ip6 ? ip : NULL, 0, &local->addr, &mapped) < 0 ||
	    codec_u32(attrs[IFA_FLAGS], info->ifa_flags, &flags) < 0 || info->ifa_index == 0 ||
	    info->ifa_index > INT32_MAX || info->ifa_prefixlen > (ip6 ? 128 : 32))
		return -EBADMSG;
	local->ifindex = info->ifa_index;
	local->prefix = info->ifa_prefixlen;
	if (event->type == EVENT_LOCAL_GONE)
		return 0;
	local->tentative = (flags & IFA_F_DADFAILED) ||
			   ((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC));
	local->deprecated = flags & IFA_F_DEPRECATED;
	/* One bit, two meanings. */
	local->temporary = ip6 && (flags & IFA_F_TEMPORARY);
	local->secondary = !ip6 && (flags & IFA_F_SECONDARY);
	local->host_scope = info->ifa_scope == RT_SCOPE_HOST;
	return 0;
}

/* Does it change where packets to others may go? */
static int decode_route_change(const void *message, size_t size)
{
	const struct nlattr *attrs[RTA_TABLE + 1];
	const struct rtmsg *route = family_header(message);
	uint32_t table;

	if (codec_message(message, size, sizeof(*route), attrs, RTA_TABLE) < 0 ||
	    codec_u32(attrs[RTA_TABLE], route->rtm_table, &table) < 0)
		return -EBADMSG;
	if ((route->rtm_family != AF_INET && route->rtm_family != AF_INET6) ||
	    (route->rtm_flags & RTM_F_CLONED) || table == RT_TABLE_LOCAL ||
	    route->rtm_type == RTN_LOCAL || route->rtm_type == RTN_BROADCAST ||
	    route->rtm_type == RTN_ANYCAST || route->rtm_type == RTN_MULTICAST)
		return CODEC_IGNORED;
	return 0;
}

static int decode_header_only(const void *message, size_t size, size_t header)
{
	const struct nlattr *attrs[1];

	return codec_message(message, size, header, attrs, 0);
}

int codec_link_event(const void *message, size_t size, struct event *ret_event)
{
	const struct nlmsghdr *nlh = message;
	struct event event;
	int r;

	if (size < sizeof(*nlh))
		return -EBADMSG;
	memset(&event, 0, sizeof(event));
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		event.type = nlh->nlmsg_type == RTM_NEWLINK ? EVENT_LINK : EVENT_LINK_GONE;
		r = decode_link(message, size, &event);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		event.type = nlh->nlmsg_type == RTM_NEWADDR ? EVENT_LOCAL : EVENT_LOCAL_GONE;
		r = decode_local(message, size, &event);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		event.type = EVENT_ROUTES;
		r = decode_route_change(message, size);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		event.type = EVENT_ROUTES;
		r = decode_header_only(message, size, sizeof(struct fib_rule_hdr));
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		event.type = EVENT_ROUTES;
		r = decode_header_only(message, size, sizeof(struct nhmsg));
		break;
	default:
		return CODEC_UNKNOWN;
	}
	if (r == 0 && event.type == EVENT_ROUTES)
		event.news = (uint8_t)codec_routing_news(message);
	if (r == 0)
		*ret_event = event;
	return r;
}

/* An address in a route, which is left out where it is all zeroes. */
static int decode_route_addr(const struct nlattr *attr, uint8_t family, struct mptcpd_addr *ret)
{
	static const uint8_t zero[16];
	bool mapped;

	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (!attr) {
		*ret = family == AF_INET ? addr_v4(zero, 0) : addr_v6(zero, 0);
		return 0;
	}
	return codec_addr(family == AF_INET ? attr : NULL, family == AF_INET6 ? attr : NULL, 0, ret,
			  &mapped);
}

int codec_route(const void *message, size_t size, struct codec_route *ret_route)
{
	const struct nlattr *attrs[RTA_VIA + 1];
	const struct rtmsg *info = family_header(message);
	struct codec_route route = {0};

	if (codec_message(message, size, sizeof(*info), attrs, RTA_VIA) < 0 ||
	    codec_ifindex(attrs[RTA_OIF], &route.ifindex) < 0 ||
	    codec_u32(attrs[RTA_TABLE], info->rtm_table, &route.table) < 0 ||
	    decode_route_addr(attrs[RTA_DST], info->rtm_family, &route.net) < 0 ||
	    (attrs[RTA_PREFSRC] &&
	     decode_route_addr(attrs[RTA_PREFSRC], info->rtm_family, &route.source) < 0) ||
	    (attrs[RTA_GATEWAY] &&
	     decode_route_addr(attrs[RTA_GATEWAY], info->rtm_family, &route.via) < 0) ||
	    info->rtm_dst_len > (info->rtm_family == AF_INET ? 32 : 128))
		return -EBADMSG;
	if (((const struct nlmsghdr *)message)->nlmsg_type != RTM_NEWROUTE)
		return CODEC_UNKNOWN;
	route.type = info->rtm_type;
	route.protocol = info->rtm_protocol;
	route.prefix = info->rtm_dst_len;
	if (info->rtm_flags & RTM_F_CLONED)
		route.net = (struct mptcpd_addr){0};
	/* Next hops in a list all have one. */
	route.gateway = attrs[RTA_GATEWAY] || attrs[RTA_VIA] || attrs[RTA_MULTIPATH];
	*ret_route = route;
	return 0;
}

static struct nlmsghdr *put_header(void *buffer, uint16_t type, uint16_t flags, size_t header)
{
	struct nlmsghdr *nlh = codec_start(buffer, type, flags);

	mnl_nlmsg_put_extra_header(nlh, header);
	return nlh;
}

struct nlmsghdr *codec_get_links(void *buffer)
{
	return put_header(buffer, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
}

struct nlmsghdr *codec_get_addresses(void *buffer)
{
	return put_header(buffer, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
}

struct nlmsghdr *codec_get_route(void *buffer, const struct mptcpd_addr *local, uint32_t ifindex,
				 const struct mptcpd_addr *remote, uint32_t mark)
{
	struct nlmsghdr *nlh = put_header(buffer, RTM_GETROUTE, NLM_F_ACK, sizeof(struct rtmsg));
	struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	size_t size = remote->family == AF_INET ? 4 : 16;

	route->rtm_family = remote->family;
	route->rtm_dst_len = (uint8_t)(8 * size);
	route->rtm_flags = RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE;
	mnl_attr_put(nlh, RTA_DST, size, remote->ip);
	if (local) {
		route->rtm_src_len = (uint8_t)(8 * size);
		mnl_attr_put(nlh, RTA_SRC, size, local->ip);
	}
	if (ifindex)
		mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (mark)
		mnl_attr_put_u32(nlh, RTA_MARK, mark);
	return nlh;
}

struct nlmsghdr *codec_get_rules(void *buffer, uint8_t family)
{
	struct nlmsghdr *nlh =
		put_header(buffer, RTM_GETRULE, NLM_F_DUMP, sizeof(struct fib_rule_hdr));
	struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(nlh);

	rule->family = family;
	return nlh;
}

int codec_rule(const void *message, size_t size, bool *ret_has_mark)
{
	const struct nlattr *attrs[FRA_FWMASK + 1];
	uint32_t mark, mask;

	if (codec_message(message, size, sizeof(struct fib_rule_hdr), attrs, FRA_FWMASK) < 0 ||
	    codec_u32(attrs[FRA_FWMARK], 0, &mark) < 0 ||
	    codec_u32(attrs[FRA_FWMASK], 0, &mask) < 0)
		return -EBADMSG;
	if (((const struct nlmsghdr *)message)->nlmsg_type != RTM_NEWRULE)
		return CODEC_UNKNOWN;
	/* The kernel tells a mask with every mark, and a mask without a mark asks for mark 0. */
	*ret_has_mark = mark != 0 || mask != 0;
	return 0;
}

struct nlmsghdr *codec_get_routes(void *buffer, uint8_t family)
{
	struct nlmsghdr *nlh = put_header(buffer, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg));
	struct rtmsg *route = mnl_nlmsg_get_payload(nlh);

	route->rtm_family = family;
	route->rtm_type = RTN_UNICAST;
	return nlh;
}
