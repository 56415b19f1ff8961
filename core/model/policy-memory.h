/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that the plugins of a policy have for each connection: bytes that belong to that policy
 * alone.
 */
#ifndef CORE_POLICY_MEMORY_H
#define CORE_POLICY_MEMORY_H

#include "model.h"

struct policy_memory {
	uint64_t layout; /* of the policy whose it is */
	uint64_t size;
	uint8_t bytes[];
};

/*
 * A number for the policy that lays out the memory, and how it does: memory of another one, or of
 * the same with other plugins, is not read.
 */
uint64_t policy_memory_layout(const struct policy *policy);
/*
 * Memory for the connection, whose policy is known now: what it has, if that is of the same policy
 * (before a restart or a reload), or zero.
 */
void policy_memory_take(struct connection *connection);
/* Apply a piece of what was saved. 0 or -EINVAL. */
int policy_memory_apply(struct connection *connection, const struct event_saved_memory *event);

#endif
