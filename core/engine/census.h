/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many connections there are of which policy and state, how many subflows on which link, and
 * why paths are missing that there should be. Counted when somebody asks, some connections at a
 * time; so it is true of each connection at the moment it was counted. It asks nobody but the model.
 */
#ifndef CORE_CENSUS_H
#define CORE_CENSUS_H

#include "engine.h"

enum census_connection {
	CENSUS_CREATED,
	CENSUS_ESTABLISHED,
	CENSUS_CLOSING,
	CENSUS_FALLBACK, /* plain TCP by now, in whatever state */
	CENSUS_CONNECTION_STATES,
};

enum census_subflow {
	CENSUS_SUBFLOW_PENDING,
	CENSUS_SUBFLOW_ESTABLISHED,
	CENSUS_SUBFLOW_CLOSING,
	CENSUS_SUBFLOW_STATES,
};

/* Links that are told apart; subflows on others count as those on no link that is known. */
#define CENSUS_LINKS 256

struct census_link {
	uint32_t ifindex; /* 0: not known */
	uint64_t subflows[CENSUS_SUBFLOW_STATES];
};

struct census {
	/* By policy, those that have none at the end, and by state; owned. */
	uint64_t (*connections)[CENSUS_CONNECTION_STATES];
	size_t n_policies; /* those that have none not counted */
	struct census_link links[CENSUS_LINKS];
	size_t n_links;
	uint64_t missing[REASONS];
};

/* Nothing is counted yet. */
void census_init(struct census *census, const struct engine *engine);
void census_done(struct census *census);
/*
 * Count about so many records, of connections that came after the cursor, 0 at first. Returns where
 * to go on; 0: all are counted.
 */
uint64_t census_take(struct census *census, const struct engine *engine, uint64_t cursor,
		     uint64_t now_ms, size_t n_records);

#endif
