/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When sd-bus has to be called although nothing came. */
#ifndef LIB_WAIT_H
#define LIB_WAIT_H

#include <systemd/sd-bus.h>

#include "clock.h"

/* Milliseconds until then, never too few; UINT64_MAX: no deadline. */
static inline uint64_t wait_until_ms(uint64_t due_us)
{
	uint64_t now_us = clock_work_ns() / 1000;

	if (due_us == UINT64_MAX)
		return UINT64_MAX;
	return due_us <= now_us ? 0 : (due_us - now_us) / 1000 + 1;
}

/* The same for the deadline of a connection. 0 or -errno. */
static inline int wait_left_ms(sd_bus *bus, uint64_t *ret_ms)
{
	uint64_t due_us;
	int r = sd_bus_get_timeout(bus, &due_us);

	if (r >= 0)
		*ret_ms = wait_until_ms(due_us);
	return r < 0 ? r : 0;
}

#endif
