/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clocks. The core has none: it is told the time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The clock of all deadlines and ages: it counts while the host sleeps, too. */
static inline uint64_t clock_boot_ms(void)
{
	return clock_read_ns(CLOCK_BOOTTIME) / 1000000;
}

/* The time of day, since 1970: only to be shown to people. */
static inline uint64_t clock_real_us(void)
{
	return clock_read_ns(CLOCK_REALTIME) / 1000;
}

/* For the length of a piece of work, and what sd-bus's deadlines go by. */
static inline uint64_t clock_work_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

/* The time of the processor that this thread has used. */
static inline uint64_t clock_cpu_ns(void)
{
	return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

#endif
