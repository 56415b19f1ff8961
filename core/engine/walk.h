/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk over all connections, after whatever concerns each of them: a link that ten thousand of them
 * had went, or is back. Part of the engine.
 *
 * Where they are very many it takes long, and those that carry data come first. Who does is asked when
 * it begins, by a brief snapshot, and known when that has ended: so the walk waits for it. That costs
 * nothing, for it would be read meanwhile.
 */
#ifndef CORE_WALK_H
#define CORE_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct engine;

struct walk {
	struct connection *next; /* NULL: it is done */
	struct connection *first; /* next of those that carry data; NULL: they had their turn */
	bool again; /* there was reason for another one since it began */
	uint64_t since_ms; /* when it began */
	uint64_t until_ms; /* it waits for the snapshot, until then at most; 0: it does not */
	uint64_t sought_ms; /* when it was asked last who carries data; 0: that is known */
	uint64_t seek_ms; /* not before this again */
};

/*
 * Look at all connections. A walk under way ends first, or the last would never have their turn; but
 * those that carry data have theirs at once, again.
 */
void walk_start(struct engine *engine, uint64_t now_ms);
/* Find out who carries data, where that matters. */
void walk_seek(struct engine *engine, uint64_t now_ms);
/* A snapshot of connections has ended: it is known. */
void walk_informed(struct engine *engine, uint64_t now_ms);
/* Is none under way, and none to begin? */
static inline bool walk_is_over(const struct walk *walk)
{
	return !walk->next && !walk->again;
}

/* Is there a next one, now? */
bool walk_is_on(struct engine *engine, uint64_t now_ms);
/* Go on by one. NULL: that one has its turn later. */
struct connection *walk_step(struct walk *walk);
/* Is one under way, and not for so long that all else could not wait for it? */
bool walk_is_busy(const struct walk *walk, uint64_t now_ms);
/* The connection is about to go. */
void walk_forget(struct walk *walk, const struct connection *connection);
/* When it goes on, if nothing happens before. ENGINE_NEVER: it does not wait. */
uint64_t walk_next(const struct walk *walk);

#endif
