/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A direct-mapped cache of route verdicts. */
#include "route.h"

#include <string.h>

#include "addr.h"

void route_cache_init(struct route_cache *cache, const struct kernel_ops *ops, void *kernel)
{
	cache->ops = ops;
	cache->kernel = kernel;
	cache->generation = 1;
}

void route_cache_flush(struct route_cache *cache)
{
	cache->generation++;
}

static uint32_t hash(const struct mptcpd_addr *local, uint32_t ifindex,
		     const struct mptcpd_addr *remote, uint32_t mark)
{
	uint32_t h = (2166136261U ^ mark) * 16777619U ^ ifindex;

	for (size_t i = 0; i < sizeof(local->ip); i++)
		h = ((h ^ local->ip[i]) * 16777619U ^ remote->ip[i]) * 16777619U;
	return h ^ h >> 16;
}

static bool is_cached(const struct route_cache *cache, const struct route_verdict *verdict,
		      const struct mptcpd_addr *local, uint32_t ifindex,
		      const struct mptcpd_addr *remote)
{
	return verdict->generation == cache->generation && verdict->ifindex == ifindex &&
	       verdict->mark == cache->mark && verdict->family == local->family &&
	       memcmp(verdict->local, local->ip, sizeof(local->ip)) == 0 &&
	       memcmp(verdict->remote, remote->ip, sizeof(remote->ip)) == 0;
}

/* The place of this question's answer; returns whether it is known. */
static bool find_answer(struct route_cache *cache, const struct mptcpd_addr *local,
			uint32_t ifindex, const struct mptcpd_addr *remote,
			struct route_verdict **ret_verdict)
{
	struct route_verdict *verdict =
		&cache->verdicts[hash(local, ifindex, remote, cache->mark) % ROUTE_CACHE_SIZE];

	*ret_verdict = verdict;
	if (is_cached(cache, verdict, local, ifindex, remote))
		return true;
	memcpy(verdict->local, local->ip, sizeof(verdict->local));
	memcpy(verdict->remote, remote->ip, sizeof(verdict->remote));
	verdict->ifindex = ifindex;
	verdict->mark = cache->mark;
	verdict->family = local->family;
	verdict->generation = cache->generation;
	return false;
}

/* Behind a bridge, a tunnel or a modem there are no neighbours to hope for. */
static bool has_neighbours(const struct interface *interface)
{
	switch ((enum mptcpd_link_type)interface->is.type) {
	case MPTCPD_LINK_ETHERNET:
	case MPTCPD_LINK_WIFI:
	case MPTCPD_LINK_BOND:
	case MPTCPD_LINK_VETH:
	case MPTCPD_LINK_VLAN:
	case MPTCPD_LINK_TAP:
		return !interface->is.point_to_point;
	case MPTCPD_LINK_OTHER:
	case MPTCPD_LINK_LOOPBACK:
	case MPTCPD_LINK_WWAN:
	case MPTCPD_LINK_PPP:
	case MPTCPD_LINK_TUNNEL:
	case MPTCPD_LINK_BRIDGE:
		break;
	}
	return false;
}

static enum route look_up(struct route_cache *cache, const struct local *local,
			  const struct mptcpd_addr *remote)
{
	uint32_t ifindex = local->interface->is.ifindex;
	struct route_verdict *verdict;

	if (!find_answer(cache, &local->is.addr, ifindex, remote, &verdict)) {
		int r = cache->ops->route(cache->kernel, &local->is.addr, ifindex, remote,
					  cache->mark);

		verdict->verdict = (uint8_t)(r < 0 ? ROUTE_NONE : r);
	}
	return (enum route)verdict->verdict;
}

bool route_exists(struct route_cache *cache, const struct local *local,
		  const struct mptcpd_addr *remote)
{
	switch (look_up(cache, local, remote)) {
	case ROUTE_UNICAST:
	case ROUTE_SITE:
		return true;
	case ROUTE_ON_LINK:
		return has_neighbours(local->interface);
	case ROUTE_NONE:
		break;
	}
	return false;
}

bool route_is_default(struct route_cache *cache, const struct local *local)
{
	static const struct mptcpd_addr world;

	return look_up(cache, local, &world) == ROUTE_UNICAST;
}

uint32_t route_egress(struct route_cache *cache, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote)
{
	struct route_verdict *verdict;

	if (!find_answer(cache, local, 0, remote, &verdict)) {
		int r = cache->ops->egress(cache->kernel, local, remote, cache->mark);

		verdict->egress = r > 0 ? (uint32_t)r : 0;
	}
	return verdict->egress;
}
