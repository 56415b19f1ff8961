/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "addr.h"
#include "link.h"
#include "sysctl.h"

int link_join(struct socket *socket)
{
	static const uint32_t groups[] = {
		RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,	 RTNLGRP_IPV6_RULE,   RTNLGRP_NEXTHOP,
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int r = socket_join(socket, groups[i]);

		/* Linux before 5.3 has no next hop objects. */
		if (r < 0 && groups[i] != RTNLGRP_NEXTHOP)
			return r;
	}
	return 0;
}

/* The value of `key` (with its "=") in the lines of a uevent file; cuts the text there. */
static const char *uevent_value(char *text, const char *key)
{
	char *line, *rest = NULL;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, key, strlen(key)) == 0)
			return line + strlen(key);
	}
	return "";
}

static int read_uevent(const char *name, char *ret_text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/uevent", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, ret_text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	ret_text[n] = '\0';
	return 0;
}

/* What netlink does not tell. /sys may be absent, or show another network namespace. */
static void refine_type(struct event_link *link)
{
	char text[512], copy[512], path[64];
	const char *type;

	if (link->type != MPTCPD_LINK_ETHERNET && link->type != MPTCPD_LINK_OTHER)
		return;
	if (read_uevent(link->name, text, sizeof(text)) < 0)
		return;
	memcpy(copy, text, sizeof(copy));
	if (strtoul(uevent_value(copy, "IFINDEX="), NULL, 10) != link->ifindex)
		return;
	type = uevent_value(text, "DEVTYPE=");
	/* Drivers older than cfg80211 have the directory alone. */
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/wireless", link->name);
	if (strcmp(type, "wlan") == 0 || access(path, F_OK) == 0)
		link->type = MPTCPD_LINK_WIFI;
	else if (strcmp(type, "wwan") == 0)
		link->type = MPTCPD_LINK_WWAN;
}

int link_event(const void *message, size_t size, struct event *ret_event)
{
	int r = codec_link_event(message, size, ret_event);

	if (r == 0 && ret_event->type == EVENT_LINK) {
		refine_type(&ret_event->link);
		ret_event->link.rp_filter_strict = sysctl_rp_filter_strict(ret_event->link.name);
	}
	return r;
}

/* Errors by which the kernel says that no packet would go there. */
static bool means_no_route(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH || /* none, or `unreachable` */
	       error == -EACCES || error == -EINVAL || /* `prohibit`, `blackhole` */
	       error == -ENODEV || error == -EADDRNOTAVAIL; /* link or source is gone */
}

static int on_route(void *data, const void *message, size_t size)
{
	struct codec_route *route = data;

	return codec_route(message, size, route);
}

/*
 * IPv4: the entry of the routing tables. With an interface the kernel looks at no other, and a
 * source has its rules applied. It does not say what the kernel would assume without any entry.
 */
static int route_v4(struct socket *socket, const struct mptcpd_addr *local, uint32_t ifindex,
		    const struct mptcpd_addr *remote, uint32_t mark)
{
	union codec_command command;
	struct codec_route route = {0};
	int r = socket_request(socket, codec_get_route(&command, local, ifindex, remote, mark),
			       on_route, &route);

	if (r == 0 && route.type == RTN_UNICAST)
		return ROUTE_UNICAST;
	return r < 0 && !means_no_route(r) ? r : ROUTE_NONE;
}

/*
 * IPv4: is the peer a neighbour on another interface? Then a SYN bound to this link looks for it
 * here too.
 */
static int route_on_link(struct socket *socket, uint32_t ifindex, const struct mptcpd_addr *remote,
			 uint32_t mark)
{
	union codec_command command;
	struct codec_route route = {0};
	int r = socket_request(socket, codec_get_route(&command, NULL, 0, remote, mark), on_route,
			       &route);

	if (r == 0 && route.type == RTN_UNICAST && !route.gateway && route.ifindex != ifindex)
		return ROUTE_ON_LINK;
	return r < 0 && !means_no_route(r) ? r : ROUTE_NONE;
}

/*
 * IPv6: a query by netlink treats the interface as a wish once a source is given, and answers with
 * the route of another one. A bound socket has both taken at their word, as MP_JOIN has: connecting
 * one of UDP does the look-up and sends nothing.
 */
static int route_v6(const struct mptcpd_addr *local, uint32_t ifindex,
		    const struct mptcpd_addr *remote, uint32_t mark)
{
	struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_scope_id = ifindex};
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
				  .sin6_port = htons(9),
				  .sin6_scope_id = ifindex};
	int index = (int)ifindex;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return errno == EAFNOSUPPORT ? ROUTE_NONE : -errno;
	memcpy(&from.sin6_addr, local->ip, sizeof(from.sin6_addr));
	memcpy(&to.sin6_addr, remote->ip, sizeof(to.sin6_addr));
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0 ||
	    (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) ||
	    bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	close(fd);
	if (r == 0)
		return ROUTE_UNICAST;
	return means_no_route(r) ? ROUTE_NONE : r;
}

/*
 * Stand-ins for "anywhere": a root name server, k.root-servers.net. It is reached by a default
 * route and, on routers without one, by a full table; the documentation prefixes would be refused
 * by a filter against bogus addresses and are in no full table.
 */
static struct mptcpd_addr somewhere(uint8_t family)
{
	static const uint8_t ip4[4] = {193, 0, 14, 129};
	static const uint8_t ip6[16] = {0x20, 0x01, 0x07, 0xfd, [15] = 1};

	return family == AF_INET ? addr_v4(ip4, 0) : addr_v6(ip6, 0);
}

static int look_up(struct socket *socket, const struct mptcpd_addr *local, uint32_t ifindex,
		   const struct mptcpd_addr *remote, uint32_t mark)
{
	return local->family == AF_INET ? route_v4(socket, local, ifindex, remote, mark)
					: route_v6(local, ifindex, remote, mark);
}

/* Does this source get anywhere beyond its own link? */
static int route_beyond(struct socket *socket, struct ways *ways, const struct mptcpd_addr *local,
			uint32_t ifindex, uint32_t mark)
{
	int r = ways_learn(ways, local->family);

	for (size_t i = 0; i < ways->n && r >= 0; i++) {
		const struct way *way = &ways->list[i];

		if ((way->ifindex && way->ifindex != ifindex) ||
		    (way->prefix && mptcpd_addr_in_prefix(local, &way->net, way->prefix) &&
		     !way->gateway))
			continue;
		for (int far = 1; far >= 0; far--) {
			struct mptcpd_addr probe = way_probe(way, far);

			r = look_up(socket, local, ifindex, &probe, mark);
			if (r == ROUTE_UNICAST)
				return ROUTE_SITE;
		}
	}
	return r < 0 ? r : ROUTE_NONE;
}

int link_route(struct socket *socket, struct ways *ways, const struct mptcpd_addr *local,
	       uint32_t ifindex, const struct mptcpd_addr *remote, uint32_t mark)
{
	struct mptcpd_addr world;
	int r;

	if ((local->family != AF_INET && local->family != AF_INET6) || ifindex == 0)
		return -EINVAL;
	if (remote->family == 0) {
		world = somewhere(local->family);
		r = look_up(socket, local, ifindex, &world, mark);
		return r == ROUTE_NONE ? route_beyond(socket, ways, local, ifindex, mark) : r;
	}
	if (remote->family != local->family)
		return -EAFNOSUPPORT;
	r = look_up(socket, local, ifindex, remote, mark);
	if (r == ROUTE_NONE && local->family == AF_INET)
		r = route_on_link(socket, ifindex, remote, mark);
	return r;
}

int link_neighbour(struct socket *socket, const struct mptcpd_addr *local, uint32_t ifindex,
		   const struct mptcpd_addr *remote, struct mptcpd_addr *ret_neighbour)
{
	union codec_command command;
	struct codec_route route = {0};
	int r = socket_request(socket, codec_get_route(&command, local, ifindex, remote, 0),
			       on_route, &route);

	if (r == 0 && (route.type != RTN_UNICAST || route.ifindex != ifindex))
		return 0;
	if (r < 0)
		r = local->family == AF_INET ? route_on_link(socket, ifindex, remote, 0)
					     : ROUTE_NONE;
	if (r < 0 || r == ROUTE_NONE)
		return r < 0 ? r : 0;
	*ret_neighbour = route.via.family ? route.via : *remote;
	return 1;
}

/* Of the rules that lead what has this source to the world. */
struct finding {
	const struct mptcpd_addr *local;
	uint32_t taken; /* the table that does lead it there */
	/* The first rule that has the source; table 0: none so far. */
	uint32_t priority, table;
	uint32_t taker; /* the first one that leads to `taken`; 0: none so far */
};

static bool is_earlier(uint32_t priority, uint32_t than)
{
	return !than || priority < than;
}

static int on_source_rule(void *data, const void *message, size_t size)
{
	struct finding *finding = data;
	struct event event;
	int r = codec_routing_event(message, size, 0, &event);
	const struct event_rule *rule = &event.rule;

	if (r != 0)
		return r < 0 ? r : 0;
	if (rule->no_default ||
	    (rule->from.family &&
	     !mptcpd_addr_in_prefix(finding->local, &rule->from, rule->from_prefix)))
		return 0;
	if (rule->table == finding->taken && is_earlier(rule->priority, finding->taker))
		finding->taker = rule->priority;
	if (!rule->from.family || rule->asks_more || rule->table == ROUTING_TABLE_MAIN ||
	    (finding->table && finding->priority <= rule->priority))
		return 0;
	finding->priority = rule->priority;
	finding->table = rule->table;
	return 0;
}

int link_source_table(struct socket *socket, const struct mptcpd_addr *local, uint32_t *ret_before)
{
	const struct mptcpd_addr world = somewhere(local->family);
	struct finding finding = {.local = local};
	struct codec_route route = {0};
	union codec_command command;
	int r = socket_request(socket, codec_get_route(&command, local, 0, &world, 0), on_route,
			       &route);

	finding.taken = r < 0 ? 0 : route.table;
	r = socket_request(socket, codec_get_rules(&command, local->family), on_source_rule,
			   &finding);
	if (r < 0)
		return r;
	*ret_before = finding.taken != finding.table && finding.taker < finding.priority
			      ? finding.taker
			      : 0;
	return (int)finding.table;
}

int link_egress(struct socket *socket, const struct mptcpd_addr *local,
		const struct mptcpd_addr *remote, uint32_t mark)
{
	struct mptcpd_addr world;
	union codec_command command;
	struct codec_route route = {0};
	int r;

	if (local->family != AF_INET && local->family != AF_INET6)
		return -EINVAL;
	if (remote->family == 0) {
		world = somewhere(local->family);
		remote = &world;
	}
	if (remote->family != local->family)
		return -EINVAL;
	r = socket_request(socket, codec_get_route(&command, local, 0, remote, mark), on_route,
			   &route);
	if (r < 0)
		return means_no_route(r) ? 0 : r;
	return route.type == RTN_UNICAST ? (int)route.ifindex : 0;
}

static int on_rule(void *data, const void *message, size_t size)
{
	bool *any = data, has_mark = false;
	int r = codec_rule(message, size, &has_mark);

	*any |= has_mark;
	return r < 0 ? r : 0;
}

int link_has_marked_rule(struct socket *socket)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	union codec_command command;
	bool has_mark = false;

	for (size_t i = 0; i < sizeof(families) && !has_mark; i++) {
		int r = socket_request(socket, codec_get_rules(&command, families[i]), on_rule,
				       &has_mark);

		/* A kernel without rules for a family has none with a mark. */
		if (r < 0 && r != -EOPNOTSUPP && r != -EAFNOSUPPORT)
			return r;
	}
	return has_mark;
}
