/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What no policy may do, whatever happens, found out from outside: by its commands and what there is. */
#ifndef SIMULATE_JUDGE_H
#define SIMULATE_JUDGE_H

#include "fake-kernel.h"

#define JUDGE_FORBIDDEN_MAX 8
#define JUDGE_TEXT_SIZE 512

struct world;
struct talk;

/* Between these there may be no subflow. */
struct forbidden_pair {
	char interface[MPTCPD_IFNAME_SIZE]; /* "": by the prefix */
	struct mptcpd_addr from, to; /* family 0: any */
	uint8_t from_prefix, to_prefix;
};

/* How long something may take, or must be apart; 0: that is not judged. */
struct bounds {
	uint64_t stall_ms; /* that sends, without a path, though there is one */
	uint64_t priority_hold_ms; /* from one change of priorities to the next */
	uint64_t backup_hold_ms; /* from one use of backup links to the next */
	uint64_t refresh_ms; /* from one closing of what works to the next, while all is still */
	struct forbidden_pair forbidden[JUDGE_FORBIDDEN_MAX];
	size_t n_forbidden;
};

/* What is remembered of one connection. */
struct ledger {
	uint64_t stalled_ms; /* since when it sends in vain; 0: it does not */
	uint64_t chance_ms; /* since when a path would work; 0: none would */
	uint64_t
		leaks_ms; /* since when it has a forbidden subflow and another one; 0: it has not */
	uint64_t prioritized_ms, left_ms, closed_ms; /* when it did that last; 0: never */
	uint64_t lost_ms; /* when a path of it failed last */
	uint32_t n_works;
	uint32_t n_joins, n_retries, n_changes; /* since all is still */
};

struct judge {
	const struct bounds *bounds;
	bool is_still; /* nothing happens, and what happened has been answered */
	char text[JUDGE_TEXT_SIZE]; /* the first fault; "": none */
};

/* The hook for struct fake_kernel: a command that is about to have its effect. */
void judge_command(void *data, const struct fake_record *record, int result);
/*
 * Does it change nothing? The engine sends the priority that there is where it wants to hear from a peer.
 */
bool judge_is_question(struct world *world, const struct fake_record *record);
/* Look at what there is. */
void judge_look(struct world *world);
/* From now on nothing happens; or it does again. */
void judge_still(struct world *world, bool is_still);

#endif
