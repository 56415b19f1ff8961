/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decided early, asked for at once: what a connection of ours is to have is known when it is created,
 * and can be asked for when it is established. Between the two the plan is kept: by the connection,
 * as wishes, and where it depends on the addresses alone, for all that begin alike.
 *
 * What is asked for is learned before anything else happens to the connection, as a subflow that is
 * pending. Then the policy is asked as ever; but where a plan for all that begin alike has all it
 * wants, it is the same plan, and nobody is asked before something happens to the connection.
 */
#ifndef CORE_EARLY_H
#define CORE_EARLY_H

#include "model.h"
#include "ops.h"

/*
 * So many that were asked for are remembered, a power of two. Where a refusal comes after that many
 * others, a snapshot tells what is not there.
 */
#define EARLY_ASKED 64
/* First plans that are kept, a power of two, */
#define EARLY_PLANS 64
/* and subflows of one; those beyond it wait for the settle. */
#define EARLY_PATHS 8

/* What the first plan depends on, but for the host. */
struct early_key {
	struct mptcpd_addr local, remote; /* local: without its port */
	uint8_t side;
	bool deny_join_id0, mapped;
};

struct early_path {
	struct prepared command; /* for what is in */
	struct subflow_request request;
	uint8_t by, instance; /* as of struct subflow_wish */
};

/*
 * A first plan. It is that of a connection of this key as long as
 *   - the host is as it was (`generation`; rules are new with a new one), and no change waits,
 *   - each plugin of its policy says MPTCPD_TRAIT_ADDRESSES, and none wants to be asked again,
 *   - no policy that may decide for it asks for more than addresses and links, as ports of ours or
 *     users, no rule looks at marks, no address is on two links,
 *   - SUBFLOW_CREATE binds to links, or not, as it did,
 *   - the connection has its initial subflow and nothing else: no peer's address, failure or wish.
 */
struct early_plan {
	uint32_t generation; /* 0: none */
	bool unbound; /* engine.creates_unbound */
	bool whole; /* there is nothing else to do for the connection */
	uint8_t n;
	struct early_key key;
	struct early_path paths[EARLY_PATHS];
};

struct early {
	uint32_t n, n_learned; /* asked for, and the model knows: ever */
	struct early_asked {
		uint32_t token; /* 0: it was refused */
		int number;
		uint8_t by, instance;
		struct subflow_request request;
	} asked[EARLY_ASKED]; /* the last ones */
	struct early_plan plans[EARLY_PLANS];
};

#endif
