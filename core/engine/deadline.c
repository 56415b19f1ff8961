/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A binary heap; each connection knows its place in it, so that it can be moved and removed. When it
 * is due stands beside it: only few connections are in it.
 */
#include "deadline.h"

#include <stdlib.h>

void deadlines_done(struct deadlines *deadlines)
{
	free(deadlines->heap);
	*deadlines = (struct deadlines){0};
}

static void put(struct deadlines *deadlines, size_t i, struct deadline deadline)
{
	deadlines->heap[i] = deadline;
	deadline.connection->heap_index = (uint32_t)i;
}

static void sift_up(struct deadlines *deadlines, size_t i)
{
	struct deadline deadline = deadlines->heap[i];

	for (; i > 1 && deadlines->heap[i / 2].due_ms > deadline.due_ms; i /= 2)
		put(deadlines, i, deadlines->heap[i / 2]);
	put(deadlines, i, deadline);
}

static void sift_down(struct deadlines *deadlines, size_t i)
{
	struct deadline deadline = deadlines->heap[i];
	size_t child;

	for (; (child = 2 * i) <= deadlines->n; i = child) {
		if (child < deadlines->n &&
		    deadlines->heap[child + 1].due_ms < deadlines->heap[child].due_ms)
			child++;
		if (deadlines->heap[child].due_ms >= deadline.due_ms)
			break;
		put(deadlines, i, deadlines->heap[child]);
	}
	put(deadlines, i, deadline);
}

static void remove_at(struct deadlines *deadlines, size_t i)
{
	struct deadline last = deadlines->heap[deadlines->n--];

	deadlines->heap[i].connection->heap_index = 0;
	if (i > deadlines->n)
		return;
	put(deadlines, i, last);
	sift_up(deadlines, i);
	sift_down(deadlines, last.connection->heap_index);
}

void deadlines_set(struct deadlines *deadlines, struct connection *connection, uint64_t due_ms)
{
	if (connection->heap_index)
		remove_at(deadlines, connection->heap_index);
	if (due_ms == UINT64_MAX)
		return;
	if (deadlines->n + 2 > deadlines->room) {
		deadlines->room = deadlines->room ? 2 * deadlines->room : 64;
		deadlines->heap =
			realloc(deadlines->heap, deadlines->room * sizeof(deadlines->heap[0]));
		if (!deadlines->heap)
			abort();
	}
	put(deadlines, ++deadlines->n, (struct deadline){due_ms, connection});
	sift_up(deadlines, deadlines->n);
}

uint64_t deadlines_next(const struct deadlines *deadlines)
{
	return deadlines->n ? deadlines->heap[1].due_ms : UINT64_MAX;
}

struct connection *deadlines_first(const struct deadlines *deadlines)
{
	return deadlines->n ? deadlines->heap[1].connection : NULL;
}
