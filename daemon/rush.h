/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A rush of connections. Where several a millisecond begin, most of them end soon, and a subflow for one
 * that is gone in a moment is of no use to anybody. So their events are left alone for two milliseconds
 * each time, and read together then: fewer wake-ups, and no join for who lived shorter. Else, every
 * event is read as it comes.
 *
 * In a rush mptcpd has as much to do as a processor has time for, and whoever makes the connections has
 * too. With an equal share of the time the joins would come when all is over; so it is favoured
 * meanwhile, and only then.
 */
#ifndef DAEMON_RUSH_H
#define DAEMON_RUSH_H

#include <stdbool.h>
#include <stdint.h>

/* So long the events of a rush wait, at most: in milliseconds. */
#define RUSH_REST_MS 2
/* The nice value meanwhile, where the process may have it. */
#define RUSH_NICE (-10)

struct rush {
	uint64_t since_ms; /* it is counted */
	uint64_t n_before; /* connections until then */
	bool is_on;
};

/* Is there one, as so many connections have begun until now, ever? */
bool rush_is_on(struct rush *rush, uint64_t n, uint64_t now_ms);

#endif
