/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens around us, for scenarios that must end alike on the fake kernel and on the real one:
 * each is a world behind these functions, and a test program has one of them.
 *
 * At the beginning two links that are up, "va" and "vb", lead to the peer, each with an address of
 * both ends: 10.1.0.1 and fd00:1::1 of ours, 10.1.0.2 and fd00:1::2 of the peer's on va; 10.2… and
 * fd00:2… on vb. The path manager is the userspace. Where a peer is told to do something, what comes
 * of it comes as an event.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "ops.h"

#define WORLD_PORT 4711 /* on which both ends accept connections, on every address */
/* A port on which the peer refuses what comes, and hosts on both links that answer nothing. */
#define WORLD_REFUSES "10.2.0.2:9"
#define WORLD_SILENT "10.2.0.99:4711"

struct world;

/* What is told to the scenario. */
typedef void world_teller(void *data, const struct event *event);

struct world *world_new(world_teller *tell, void *data);
void world_free(struct world *world);

extern const struct kernel_ops *const world_ops;
void *world_kernel(struct world *world);
/* Does a kernel of this world behave as one before that version? The fake is always a new one. */
bool world_before(int major, int minor);

/* Let what is under way happen and be told. False: nothing more comes, or nothing came in time. */
bool world_turn(struct world *world);
/* When what no event tells of must have happened, in the time of g_get_monotonic_time(). */
int64_t world_deadline(void);

uint32_t world_link(struct world *world, const char *name); /* its ifindex */
void world_link_set(struct world *world, const char *name, bool up);
/* The peer's end of the cable. */
void world_carrier(struct world *world, const char *name, bool carrier);
void world_address(struct world *world, const char *link, const char *address);
void world_address_gone(struct world *world, const char *link, const char *address);
/* The default route of IPv4 over a link. */
void world_route(struct world *world, const char *link, bool routed);
/* From now on events are kept in too small a buffer, or in one that is large enough. */
void world_squeeze(struct world *world, bool small);

/*
 * Begin a connection; returns our token. The end that accepts has a port in its address. `wide`: our
 * socket is one of IPv6 though the addresses are of IPv4.
 */
uint32_t world_connect(struct world *world, enum mptcpd_side side, const char *local,
		       const char *remote, bool wide);
/* A connection over va of which the scenario knows only what it is told. */
void world_connect_unheard(struct world *world);
/* Data went both ways. */
void world_establish(struct world *world, uint32_t token);
/* The application closes it; or the peer ends it at once, of which no event of ours tells. */
void world_close(struct world *world, uint32_t token);
void world_end_in_silence(struct world *world, uint32_t token);

/* An application listens, or does no more. */
void world_listen(struct world *world, const char *address);
void world_unlisten(struct world *world, const char *address);

/* What the peer of a connection does. */
void world_peer_joins(struct world *world, uint32_t token, const char *from, const char *to);
void world_peer_announces(struct world *world, uint32_t token, uint8_t id, const char *address);
void world_peer_withdraws(struct world *world, uint32_t token, uint8_t id);
/* It says that it wants less to be sent on a subflow: `local` and `remote` are ours. */
void world_peer_backup(struct world *world, uint32_t token, const struct mptcpd_addr *local,
		       const struct mptcpd_addr *remote, bool backup);

#endif
