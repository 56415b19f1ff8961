/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the far side of links and subflows answers. Part of the engine.
 *
 * One coarse tick, while there are connections, reads two counters. One stands still where all is
 * well: when it moves, a dump tells which sockets wait in vain; subflows among these are *witnesses*,
 * asked one by one until they are well again. The other one counts all that is heard: while both stand
 * still nobody who waits for nothing has anything new to say, and is not asked. What they say, and whether anything else was heard on
 * their link, makes a verdict on the link (health.c). To find out more, a *scout* is sent: a join
 * of a path that the plan has already (scout.c).
 *
 * Nothing is closed or withdrawn for being silent: that makes the kernel send again all that is under
 * way, and is over as soon as the link is back.
 */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include "model.h"
#include "silence.h"

/* From one look at the counters to the next. */
#define HEALTH_TICK_MS 250
#define WITNESSES_MAX 256
/* So many of one link, in one family, are enough. */
#define WITNESSES_OF_FAR 32
/* So many sockets of a link are remembered, from one look at all to the next. */
#define VOICES_MAX 8

/* A subflow that is asked at each tick. */
struct witness {
	uint64_t serial; /* of its connection; 0: this place is free */
	uint32_t token, ifindex;
	struct mptcpd_addr local, remote;
	uint64_t waits_ms; /* since when something is unanswered */
	uint64_t heard_ms; /* when its peer was heard by it, and */
	uint64_t received_ms; /* when that sent data */
	uint32_t rtt_ms;
	uint64_t tried_ms; /* when it sent again first since its link delivers; 0: it did not */
	/* Since when nothing of ours was acknowledged anew, as far as is known, and how much was then. */
	uint64_t stuck_ms;
	uint32_t delivered;
	enum silence silence;
	bool receives; /* it is watched for going quiet, though nothing of ours is unanswered */
	bool asked; /* nothing is heard by it, and a scout was sent for that */
};

/* A socket by which something came lately. */
struct voice {
	struct mptcpd_addr local, remote; /* family 0: this place is free */
	uint64_t since_ms, heard_ms; /* when it was first found, and when there was more last */
	uint64_t received;
	uint32_t delivered; /* as of struct event_evidence */
};

/* The far side of a link, in one family. */
struct far {
	uint32_t ifindex;
	uint8_t family;
	bool is_used; /* the link still is, in this family */
	bool silent; /* taken by itself: where all are, none counts as silent */
	bool doubted; /* a witness waits, and nothing was heard meanwhile */
	bool nearly; /* for so long that it should be asked */
	bool probe_failed;
	uint64_t probed_ms; /* when that was told last; 0: never */
	enum health_reason reason;
	uint64_t after_ms, recover_ms; /* from its rule */
	uint64_t heard_ms; /* when anything was heard by it */
	uint64_t silent_ms; /* since when it is silent */
	bool deaf; /* … though it is heard: what counts is that it acknowledges something */
	/* delivered.h: what was sent then has arrived; since when that is asked, 0: it is not */
	uint64_t delivered_ms, asked_ms;
	/* Since when that goes on without a pause, and delivered_ms of the last tick. */
	uint64_t run_ms, run_end_ms;
	struct voice voices[VOICES_MAX];
	uint64_t answered_ms; /* … and answers again; 0: it does not */
	uint64_t well_ms; /* when it got well last */
	uint8_t relapses; /* in a row, soon after that */
	/* Of the last look at all: whose sockets it has, near neighbours left out. */
	struct mptcpd_addr peer;
	bool has_peers; /* more than that one */
	/* SYNs that are sent again and again, as of syn_ms: to one peer, or to several */
	struct mptcpd_addr syn_peer;
	bool syn_known, syn_several;
	uint64_t syn_ms;
	uint64_t syn_begun_ms; /* when any was last seen that was sent again */
	/* the scout that was sent last */
	uint64_t scout_serial, scout_ms;
	uint32_t scout_token;
	uint64_t tried_ms; /* when one was tried last, were it in vain */
	uint64_t poke_ms; /* the next poke */
	uint64_t ask_ms; /* not asked for quiet alone before this */
	uint8_t n_asked; /* in vain, in a row */
};

struct health_watch {
	uint64_t due_ms; /* the next tick; 0: none is needed */
	uint64_t next_serial; /* of the model, at the last look */
	uint64_t used_ms; /* when there were connections last; 0: never */
	uint64_t awake_ms; /* since when this host, and this engine, has been running */
	uint64_t missed, heard; /* the counters, as read last */
	bool counted;
	uint64_t stirred_ms; /* when they were found to have moved last */
	bool looking, measuring; /* a look is under way; it is one at all sockets */
	bool look_wanted;
	uint64_t look_ms; /* when it began */
	uint64_t look_due_ms, measure_due_ms; /* not before; the former may be ahead a little */
	uint64_t measured_ms; /* when the last one at all began that is complete */
	uint32_t look_interval_ms; /* how rare they are */
	/* Sockets of this look of which it was asked where routing leads them, and whose they are. */
	uint32_t n_led, n_joins;
	uint64_t cursor; /* of the search for those that receive: serial of a connection */
	bool told_beyond;
	uint32_t unwatched; /* engine->generation in which no link is watched; 0: none */
	struct far *fars; /* owned */
	size_t n_fars, room_fars;
	struct witness witnesses[WITNESSES_MAX];
};

static inline uint64_t ms_at_least(uint64_t ms, uint64_t least_ms)
{
	return ms > least_ms ? ms : least_ms;
}

#endif
