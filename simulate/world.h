/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One simulated host: the engine, with the policies of a configuration, on the fake kernel, and the
 * networks around it, which change by chance. A seed makes the same history each time.
 */
#ifndef SIMULATE_WORLD_H
#define SIMULATE_WORLD_H

#include <glib.h>

#include "fake-kernel.h"
#include "judge.h"

#define UPLINKS_MAX 4
#define TALKS_MAX 6

/* A link of the host, and the network behind it. */
struct uplink {
	const char *name;
	enum mptcpd_link_type type;
	uint32_t ifindex; /* another one whenever it is plugged in */
	bool is_there, up, carrier, routed;
	bool silent; /* its far side does not answer */
	bool eats_joins; /* a middlebox drops their SYNs, and nothing else */
	uint64_t lost_syn_ms; /* when a SYN was sent there in vain; 0: never */
	bool has_v6;
	uint32_t rtt_ms;
};

/* What TCP knows of one subflow. */
struct flow {
	bool used, is_slow;
	struct mptcpd_addr local, remote;
	uint32_t ifindex; /* of the link where it began */
	uint64_t begin_ms;
	uint64_t heard_ms, received_ms; /* the last acknowledgement, the last data */
	uint64_t works_ms; /* since when its path works; 0: it does not */
	uint64_t worked_ms; /* when it did last */
	uint64_t answered_ms; /* when the last timeout of its was answered; 0: there was none */
	uint64_t established_ms; /* 0: its SYN has no answer yet */
	uint64_t due_ms; /* a timeout, or the answer to a SYN; UINT64_MAX: none */
	uint32_t n_timeouts; /* in a row */
	bool is_unacked, is_answered;
	uint64_t bytes, counted_ms;
};

/* What an application does with its connection. */
enum habit {
	HABIT_IDLE,
	HABIT_SENDS,
	HABIT_RECEIVES,
	HABITS,
};

/* One connection. */
struct talk {
	uint32_t token; /* 0: unused */
	enum habit habit;
	uint64_t begin_ms, bare_ms; /* since when it has no subflow; 0: it has */
	struct flow flows[FAKE_SUBFLOWS]; /* in the order of the fake's */
	struct ledger ledger; /* the judge's */
};

struct world {
	const struct rules *rules;
	struct fake_kernel *fake;
	struct kernel_ops ops;
	struct engine *engine; /* NULL: mptcpd is killed, and not there again yet */
	struct state *state; /* what the next one reads, */
	const char *directory; /* and where */
	uint32_t seed;
	void (*on_change)(void *data, const struct change *change); /* its observers */
	void (*on_notice)(void *data, const struct notice *notice);
	GRand *chance;
	uint64_t now_ms;
	struct uplink uplinks[UPLINKS_MAX];
	size_t n_uplinks;
	struct talk talks[TALKS_MAX];
	uint32_t next_token;
	uint64_t changed_ms; /* when something happened last that a policy may answer */
	bool tells; /* every step */
	struct judge judge;
};

/* How a host is, and what is to be told of it. */
struct world_setup {
	const struct rules *rules;
	const struct bounds *bounds;
	const char *directory; /* a scratch one */
	uint32_t seed;
	bool tells; /* every step */
};

/* Live through the history of the seed. False: the judge found fault, which is in world->judge. */
bool world_live(struct world *world, const struct world_setup *setup);

/* ---- what its parts share ---- */

uint32_t world_dice(struct world *world, uint32_t sides);
void world_tell(const struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The link that has the address; NULL: none has. */
struct uplink *world_find_uplink(struct world *world, const struct mptcpd_addr *local);
/* Would a packet get there and back? */
bool world_reaches(struct world *world, const struct mptcpd_addr *local,
		   const struct mptcpd_addr *remote);
/* Does somebody answer there, or refuse? Told apart by the address. */
bool world_is_alive(const struct mptcpd_addr *remote);
bool world_refuses(const struct mptcpd_addr *remote);
struct talk *world_find_talk(struct world *world, uint32_t token);

/* Do what TCP has to do by now, and set the evidence. Returns when there is more to do. */
uint64_t traffic_settle(struct world *world);
/* The hook for struct fake_kernel: what TCP measured. */
void traffic_measure(void *data, struct event *event);

/* Something happens. */
void history_begin(struct world *world);
void history_step(struct world *world);

#endif
