/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link that is back, or has a new address, knows no neighbours, and what leaves by it waits in the
 * kernel until its gateway has answered. Some sixty packets find room there, among them the answers to
 * whatever the other end kept for us meanwhile; each more throws the oldest away, and a SYN is sent
 * again after a second. So where there are more connections than a few, the neighbour is sought first,
 * a moment after the link is back, and the link is made use of when it is known, or after a tenth of a
 * second.
 */
#ifndef CORE_RETURNED_H
#define CORE_RETURNED_H

#include <stdbool.h>
#include <stdint.h>

struct change;
struct engine;

struct returned {
	uint64_t both_ms; /* by then both ends of a link that returned have their carrier */
	uint64_t until_ms; /* neighbours are waited for; 0: for none */
};

/* Something was told: links that work again are waited for, unless another is lost. */
void returned_see(struct engine *engine, const struct change *change, uint64_t now_ms);
/* Is what changed of the host to wait? Then engine->host_due_ms says when to look again. */
bool returned_wait(struct engine *engine, uint64_t now_ms);

#endif
