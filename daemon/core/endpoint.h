/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our endpoints and limits in the kernel's own path manager: which are ours, which are wanted, and
 * which somebody changed by hand. Part of the engine.
 */
#ifndef CORE_ENDPOINT_H
#define CORE_ENDPOINT_H

#include "model.h"

/* As many as the ids there are. */
#define ENDPOINTS_OWNED_MAX 255

/* An endpoint we made, or want to make. It is remembered while its address is away, for its id. */
struct owned {
	struct event_endpoint is; /* as the kernel has it, or had it last; id 0: never yet */
	struct mptcpd_endpoint want; /* while wanted */
	uint64_t due_ms; /* next try, after a failure */
	uint64_t renew_ms; /* renew it then, because subflows of it died; 0: no need */
	uint8_t attempts, renewals;
	bool wanted, present;
	bool hands_off; /* somebody deleted it: left so until its address went and came back */
	bool pinned; /* somebody changed its flags: left so, likewise */
	bool unconfirmed; /* known from before a restart, not seen since */
	bool told; /* that it finds no place, or that it is somebody else's */
};

struct endpoints {
	struct owned owned[ENDPOINTS_OWNED_MAX];
	size_t n_owned;
	bool known; /* the first snapshot of endpoints is complete */
	bool dirty;
	uint32_t full; /* how many there were when the kernel took no more; 0: it did not refuse */
	uint32_t max; /* size of the kernel's table, once it was found full; 0: unknown */
	uint64_t due_ms; /* next look */
	bool has_limits; /* we set them */
	struct event_limits before, ours; /* as they were before us, and as we set them */
	struct event_limits plan; /* what was wanted when somebody else set them */
};

#endif
