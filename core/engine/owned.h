/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of our endpoints. Part of the engine. */
#ifndef CORE_OWNED_H
#define CORE_OWNED_H

#include "endpoint.h"

struct engine;

/* Flags that SET_FLAGS changes in place; the others need a new endpoint. */
#define FLAGS_IN_PLACE (MPTCPD_FLAG_BACKUP | MPTCPD_FLAG_FULLMESH)

/* NULL: none with that address and port. */
struct owned *owned_find(struct endpoints *endpoints, const struct mptcpd_addr *addr);
/* NULL: there are too many. */
struct owned *owned_add(struct endpoints *endpoints, const struct mptcpd_addr *addr);
/* The id it had before, so that the peer knows the address again; else the lowest. 0: none. */
uint8_t owned_choose_id(const struct engine *engine, const struct owned *owned);
/* The same for all that are about to be made, so that they are recorded with their ids. */
void owned_choose_ids(struct engine *engine);
/*
 * Compare each with what the kernel has: others may have changed, deleted or replaced it. After each
 * snapshot, too: what is there first in the next one is somebody else's.
 */
void owned_compare_all(struct engine *engine);
/*
 * Is the endpoint still as the model has it? The model may be half a minute old, and the kernel's
 * commands overwrite what they meet. If it is not, or if nobody can say, all are looked at anew.
 */
bool owned_is_so(struct engine *engine, const struct event_endpoint *is);
/* The kernel's endpoint with that address and port, whoever made it. NULL: none. */
struct endpoint *owned_find_seen(const struct model *model, const struct mptcpd_addr *addr);

#endif
