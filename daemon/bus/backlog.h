/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that came over the system bus and wait for their turn. The broker hands on all calls of all
 * programs in one row, in which one program may have very many; from here each program is served one
 * call after the other, as often as every other one, and its own calls stay in their order.
 *
 * What is kept is bounded, for each program by itself.
 */
#ifndef DAEMON_BUS_BACKLOG_H
#define DAEMON_BUS_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

/*
 * Bytes of all. Of what is left of them a program may have a part: 256 programs, as many as the broker
 * gives a user, leave room for another one, with the longest call there may be.
 */
#define BACKLOG_MAX (8u << 20)
#define BACKLOG_PART 256
/* … and so much more for its calls without their arguments, which are only refused. */
#define BACKLOG_REFUSED_PART (BACKLOG_PART * 4 / 5)
/* A call takes so much more than it has. */
#define BACKLOG_COST 64

/* All zero: it is empty. */
struct backlog {
	struct table senders; /* owned; in the order of their turns, by their names */
	size_t size; /* what all take */
};

/* Keep a copy of a call of this program, `is_cut`: without its arguments. False: it has too many already. */
bool backlog_put(struct backlog *backlog, const char *sender, const uint8_t *bytes, size_t size,
		 bool is_cut);
/*
 * Copy the next call to `ret_bytes`, which has room for any, and forget it. Returns its size, 0:
 * there is none.
 */
size_t backlog_take(struct backlog *backlog, uint8_t *ret_bytes, bool *ret_is_cut);
/* Forget all. */
void backlog_clear(struct backlog *backlog);

#endif
