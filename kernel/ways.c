/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "addr.h"
#include "socket.h"
#include "ways.h"

/* About half a millisecond's worth. */
#define ROUTES_MAX 1024

void ways_forget(struct ways *ways)
{
	ways->known = false;
}

static uint8_t bits(const struct mptcpd_addr *addr)
{
	return addr->family == AF_INET ? 32 : 128;
}

/*
 * By a gateway, or by a link that needs none and whose prefix is not its own. Prefixes of the link
 * are noted by the kernel, by router advertisements, or by DHCP clients with an address inside.
 */
static bool leads_beyond(const struct codec_route *route)
{
	if (route->type != RTN_UNICAST || !route->net.family ||
	    mptcpd_addr_is_link_local(&route->net) || mptcpd_addr_is_multicast(&route->net))
		return false;
	return route->gateway ||
	       (route->protocol != RTPROT_KERNEL && route->protocol != RTPROT_RA &&
		!(route->source.family &&
		  mptcpd_addr_in_prefix(&route->source, &route->net, route->prefix)));
}

void ways_add(struct ways *ways, const struct codec_route *route)
{
	bool is_host = route->prefix == bits(&route->net);

	if (!leads_beyond(route))
		return;
	/* VPNs and cloud agents leave routes to single hosts behind: they count where nothing else is. */
	if (is_host && (ways->wide || !route->gateway))
		return;
	if (!is_host && !ways->wide) {
		ways->wide = true;
		ways->n = 0;
	}
	/* What is reached by a default route is not asked for here. */
	if (ways->n < WAYS_MAX && route->prefix)
		ways->list[ways->n++] =
			(struct way){route->net, route->ifindex, route->prefix, route->gateway};
}

/* Positive: the end. */
static int read_routes(struct ways *ways, const struct socket *socket, const char *bytes,
		       size_t size, size_t *n)
{
	const struct nlmsghdr *nlh;
	struct codec_route route;
	char text[CODEC_TEXT_SIZE];
	int r = 0;

	while ((nlh = socket_next(&bytes, &size))) {
		if (nlh->nlmsg_seq != socket->seq)
			continue;
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE)
			return codec_ack(nlh, nlh->nlmsg_len, &r, text) < 0 ? -EBADMSG
			       : r < 0					    ? r
									    : 1;
		if (codec_route(nlh, nlh->nlmsg_len, &route) == 0)
			ways_add(ways, &route);
		if (++*n == ROUTES_MAX)
			return 1;
	}
	return size == 0 ? 0 : -EBADMSG;
}

/* A socket of its own, which ends a dump that is not read to its end. */
int ways_learn(struct ways *ways, uint8_t family)
{
	_Alignas(struct nlmsghdr) char buffer[SOCKET_BUFFER_SIZE];
	union codec_command command;
	struct socket socket = {0};
	size_t n = 0;
	int r;

	if (ways->known)
		return 0;
	ways->n = 0;
	ways->wide = false;
	r = socket_open(&socket, NETLINK_ROUTE, SOCKET_REQUESTS);
	if (r < 0)
		return r;
	r = socket_filter(&socket);
	if (r == 0)
		r = socket_send(&socket, codec_get_routes(&command, family));
	while (r == 0) {
		r = socket_receive(&socket, buffer);
		if (r == 0)
			r = -ETIMEDOUT;
		if (r > 0)
			r = read_routes(ways, &socket, buffer, (size_t)r, &n);
	}
	socket_close(&socket);
	ways->known = r > 0;
	return r < 0 ? r : 0;
}

struct mptcpd_addr way_probe(const struct way *way, bool far)
{
	struct mptcpd_addr probe = way->net;

	for (unsigned int bit = way->prefix; far && bit < bits(&way->net); bit++)
		probe.ip[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return probe;
}
