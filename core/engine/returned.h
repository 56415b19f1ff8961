/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link that is back, or has a new address, knows no neighbours, and what leaves by it waits in the
 * kernel until its gateway has answered. The question may get lost, as the other end of a cable has its
 * carrier a moment later, and the kernel asks again after a second: so it is made to ask after some
 * milliseconds, and again.
 *
 * Some sixty packets find room there, among them the answers to whatever the other end kept for us
 * meanwhile; each more throws the oldest away, and a SYN is sent again after a second. So where there are
 * more connections than a few, the link is made use of when the neighbour is known, or after a tenth of a
 * second.
 */
#ifndef CORE_RETURNED_H
#define CORE_RETURNED_H

#include <stdbool.h>
#include <stdint.h>

struct change;
struct engine;

struct returned {
	uint64_t since_ms; /* neighbours are looked for */
	uint64_t due_ms; /* … again; 0: they are not */
	uint64_t again_ms; /* and those that have not answered are sought anew */
	uint64_t held_ms; /* since when what changed of the host waits for them; 0: it does not */
	bool lost; /* something else was lost, which does not wait for them */
};

/* Something was told: links that work again are waited for, unless another is lost. */
void returned_see(struct engine *engine, const struct change *change, uint64_t now_ms);
/* Look after neighbours, where it is time to. */
void returned_settle(struct engine *engine, uint64_t now_ms);
/* When it will be, or ENGINE_NEVER. */
uint64_t returned_next(const struct engine *engine);
/* Is what changed of the host to wait? Then engine->host_due_ms says when to look again. */
bool returned_wait(struct engine *engine, uint64_t now_ms);

#endif
