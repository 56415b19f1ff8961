/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When to look at which connection again: a binary heap. */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include "model.h"

struct deadline {
	uint64_t due_ms;
	struct connection *connection;
};

struct deadlines {
	struct deadline *heap; /* owned; [0] is unused */
	size_t n, room;
};

void deadlines_done(struct deadlines *deadlines);
/* Look at it at due_ms; UINT64_MAX: not at all. Replaces what was set before. */
void deadlines_set(struct deadlines *deadlines, struct connection *connection, uint64_t due_ms);
/* When the first one is due; UINT64_MAX: there is none. */
uint64_t deadlines_next(const struct deadlines *deadlines);
/* The earliest, or NULL. */
struct connection *deadlines_first(const struct deadlines *deadlines);

#endif
