/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A rush of connections. Where several a millisecond begin, most of them end soon, and a subflow for one
 * that is gone in a moment is of no use to anybody. So their events are left alone for two milliseconds
 * each time, and read together then: fewer wake-ups, and no join for who lived shorter. Else, every
 * event is read as it comes.
 */
#ifndef DAEMON_RUSH_H
#define DAEMON_RUSH_H

#include <stdbool.h>
#include <stdint.h>

/* So long the events of a rush wait, at most: in milliseconds. */
#define RUSH_REST_MS 2

struct rush {
	uint64_t since_ms; /* it is counted */
	uint64_t n_before; /* connections until then */
	bool is_on;
};

/* Is there one, as so many connections have begun until now, ever? */
bool rush_is_on(struct rush *rush, uint64_t n, uint64_t now_ms);

#endif
