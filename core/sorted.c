/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sorted.h"

#include <stdlib.h>
#include <string.h>

void sorted_init(struct sorted *sorted, size_t size)
{
	*sorted = (struct sorted){.size = size};
}

void sorted_done(struct sorted *sorted)
{
	free(sorted->items);
	sorted->items = NULL;
	sorted->n = sorted->room = 0;
}

void sorted_clear(struct sorted *sorted)
{
	sorted->n = 0;
}

void *sorted_at(const struct sorted *sorted, size_t i)
{
	return sorted->items + i * sorted->size;
}

/* Where it is, or belongs. */
static size_t place(const struct sorted *sorted, const void *item, bool *ret_found)
{
	size_t low = 0, high = sorted->n;

	*ret_found = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = memcmp(sorted_at(sorted, middle), item, sorted->size);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool make_room(struct sorted *sorted)
{
	if (sorted->n == SORTED_MAX)
		return false;
	if (sorted->n < sorted->room)
		return true;
	sorted->room = sorted->room ? 2 * sorted->room : 16;
	sorted->items = reallocarray(sorted->items, sorted->room, sorted->size);
	if (!sorted->items)
		abort();
	return true;
}

void *sorted_find(const struct sorted *sorted, const void *item)
{
	bool found;
	size_t i = place(sorted, item, &found);

	return found ? sorted_at(sorted, i) : NULL;
}

void sorted_add(struct sorted *sorted, const void *item)
{
	bool found;
	size_t i = place(sorted, item, &found);
	char *at;

	if (found || !make_room(sorted))
		return;
	at = sorted_at(sorted, i);
	memmove(at + sorted->size, at, (sorted->n - i) * sorted->size);
	memcpy(at, item, sorted->size);
	sorted->n++;
}

void sorted_remove(struct sorted *sorted, const void *item)
{
	bool found;
	size_t i = place(sorted, item, &found);
	char *at;

	if (!found)
		return;
	at = sorted_at(sorted, i);
	sorted->n--;
	memmove(at, at + sorted->size, (sorted->n - i) * sorted->size);
}
