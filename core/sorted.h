/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of small values without padding, in the order of their bytes: what is wanted and what there
 * is are compared by walking along two of them. Bounded; what does not fit is left out.
 */
#ifndef CORE_SORTED_H
#define CORE_SORTED_H

#include <stdbool.h>
#include <stddef.h>

/* More than any host has addresses for. */
#define SORTED_MAX 4096

struct sorted {
	char *items; /* owned */
	size_t n, room, size; /* size: of one */
};

void sorted_init(struct sorted *sorted, size_t size);
void sorted_done(struct sorted *sorted);
void sorted_clear(struct sorted *sorted);
/* The i-th. */
void *sorted_at(const struct sorted *sorted, size_t i);
/* NULL: it is not there. */
void *sorted_find(const struct sorted *sorted, const void *item);
/* Put it where it belongs, unless it is there. */
void sorted_add(struct sorted *sorted, const void *item);
void sorted_remove(struct sorted *sorted, const void *item);

#endif
