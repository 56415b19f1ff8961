/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A snapshot of one kind: the dumps it takes, read in slices from a socket of its own, and the
 * marks around them.
 *
 *	IDLE -- ask --> ASKED -- start: BEGIN --> DUMPING -- all read --> DRAINING -- finish: END --> IDLE
 *
 * Events that came during the dumps must be told before END, so its owner reads the event socket
 * empty while it is DRAINING. A snapshot that fails goes back to IDLE without END: then nothing
 * counts as gone because it was not in it.
 */
#ifndef KERNEL_SNAPSHOT_H
#define KERNEL_SNAPSHOT_H

#include "kernel.h"
#include "socket.h"

/* Where facts go. */
struct sink {
	struct kernel_reader reader;
	struct kernel_counters counters;
};

/* Hand on what a decoder made of one message: an event, or a count. `r` is its outcome. */
void sink_take(struct sink *sink, int r, const struct event *event);
/* Hand on an event that is about a kind of snapshot. */
void sink_mark(struct sink *sink, enum event_type type, enum snapshot_kind kind);

enum snapshot_state {
	SNAPSHOT_IDLE,
	SNAPSHOT_ASKED,
	SNAPSHOT_DUMPING,
	SNAPSHOT_DRAINING,
};

struct snapshot {
	struct socket socket;
	struct sink *sink; /* not owned */
	enum snapshot_kind kind;
	enum snapshot_state state;
	uint16_t family; /* of mptcp_pm */
	uint8_t stage; /* which of its dumps */
	uint8_t restarts;
	bool interrupted; /* this dump met a change and must be done again */
	bool brief; /* connections without their subflows, or of routes ours alone */
	bool again, again_brief; /* asked for while under way */
};

int snapshot_open(struct snapshot *snapshot, enum snapshot_kind kind, uint16_t family,
		  struct sink *sink);
/* Accepts a zeroed one. */
void snapshot_close(struct snapshot *snapshot);

/* Want one; one that is under way is followed by another. snapshot_start() is then due. */
void snapshot_ask(struct snapshot *snapshot, bool brief);
/* Whatever is under way ends without END: a newer one has taken its place. */
void snapshot_give_up(struct snapshot *snapshot);
/* It ends with FAILED in place of END: say so. `error`: -errno. */
void snapshot_fail(struct snapshot *snapshot, int error);
/* Start it if it is ASKED. */
void snapshot_start(struct snapshot *snapshot);
/* Read about `slice` messages. 1: more may be waiting; 0: none now; -errno: the socket is broken. */
int snapshot_dispatch(struct snapshot *snapshot, char buffer[static SOCKET_BUFFER_SIZE],
		      size_t slice);
/* All events of its time were told: end it if it is DRAINING. */
void snapshot_finish(struct snapshot *snapshot);

#endif
