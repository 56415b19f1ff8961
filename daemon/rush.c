/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rush.h"

/* It is judged by what came in so long, in milliseconds; */
#define WINDOW_MS 8
/* begins with so many connections a millisecond, */
#define BEGINS_AT 3
/* and ends with fewer than so many. */
#define ENDS_BELOW 2

bool rush_is_on(struct rush *rush, uint64_t n, uint64_t now_ms)
{
	uint64_t ms = now_ms - rush->since_ms;

	if (ms < WINDOW_MS)
		return rush->is_on;
	rush->is_on = n - rush->n_before >= ms * (rush->is_on ? ENDS_BELOW : BEGINS_AT);
	rush->since_ms = now_ms;
	rush->n_before = n;
	return rush->is_on;
}
