/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Routes: which local address can reach which remote one, and by which link, as the kernel's
 * routing tables say. Asked once and remembered until routes, rules or addresses change. Bounded: a
 * full set forgets.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include "model.h"
#include "ops.h"

#define ROUTE_CACHE_SIZE 4096 /* a power of two */

struct route_cache {
	const struct kernel_ops *ops;
	void *kernel;
	uint32_t generation; /* what was asked before it changed is void */
	uint32_t mark; /* of the packets that are asked about */
	struct route_verdict {
		uint8_t local[16], remote[16];
		uint32_t ifindex, mark;
		uint32_t generation;
		uint32_t egress; /* of those with ifindex 0 */
		uint8_t family;
		uint8_t verdict; /* enum route */
	} verdicts[ROUTE_CACHE_SIZE];
};

void route_cache_init(struct route_cache *cache, const struct kernel_ops *ops, void *kernel);
/* All verdicts are void. */
void route_cache_flush(struct route_cache *cache);
/*
 * May packets from `local` get to `remote` by its interface? An absent remote (family 0) stands
 * for the world at large. Neighbours without a route count on links that lead to neighbours.
 */
bool route_exists(struct route_cache *cache, const struct local *local,
		  const struct mptcpd_addr *remote);
/* Does a default route, or what amounts to one, lead out of its interface? */
bool route_is_default(struct route_cache *cache, const struct local *local);
/* The interface by which an unbound socket's packets leave; 0: none, or not known. */
uint32_t route_egress(struct route_cache *cache, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote);

#endif
