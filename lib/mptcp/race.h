/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Happy Eyeballs (RFC 8305, section 5): which attempt begins when. Pure: it is told the time, and
 * what has become of an attempt. Times are milliseconds of one clock; UINT64_MAX is never.
 */
#ifndef LIB_MPTCP_RACE_H
#define LIB_MPTCP_RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct race {
	size_t n, next; /* addresses, and which of them is the next to be tried */
	uint64_t delay_ms, next_ms; /* between attempts; the next one begins then */
	uint64_t
		again_ms; /* not before then, and after the last address, there is a second round */
	bool is_again; /* it has begun */
	int error; /* what to say when all have failed */
};

void mptcp_race_begin(struct race *race, size_t n_addresses, uint64_t delay_ms, uint64_t now_ms);
/* Begin the second round, from the first address, if it is time; what is running goes on. */
void mptcp_race_again(struct race *race, uint64_t now_ms);
/* May an attempt at the address `race->next` begin? */
bool mptcp_race_is_due(const struct race *race, uint64_t now_ms);
/* It has begun. */
void mptcp_race_started(struct race *race, uint64_t now_ms);
/* There were no means to begin it (descriptors, memory): again when another one has ended, or after
 * the delay. */
void mptcp_race_postponed(struct race *race, uint64_t now_ms);
/* An attempt that was running has failed: the next one may begin at once. */
void mptcp_race_failed(struct race *race, int error, uint64_t now_ms);
/* One that did not even begin. */
void mptcp_race_skipped(struct race *race, int error, uint64_t now_ms);
/* Have all failed, if so many are running? */
bool mptcp_race_is_lost(const struct race *race, size_t n_running);
/* The address `race->next` is left out. */
void mptcp_race_pass(struct race *race);
/* When the next attempt, or the second round, is due. */
uint64_t mptcp_race_wake_ms(const struct race *race);

#endif
