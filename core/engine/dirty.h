/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which connections to look at next, in the order in which they were marked. Tokens stand for them:
 * who is gone when its turn comes is passed over.
 */
#ifndef CORE_DIRTY_H
#define CORE_DIRTY_H

#include "model.h"

struct dirty {
	uint32_t *tokens; /* owned: a ring of `room`, a power of two; from `first` there are n */
	size_t first, n, room;
};

void dirty_done(struct dirty *dirty);
/* At the end, unless it is in it. */
void dirty_add(struct dirty *dirty, struct connection *connection);
/* Take the first one out; NULL: there is none. */
struct connection *dirty_take(struct dirty *dirty, struct model *model);

#endif
