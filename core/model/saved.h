/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an earlier life of the daemon saved. Such a connection is in the model and hidden: nobody
 * finds it, nothing is planned for it or told of it, until a snapshot shows the same connection.
 * One that no snapshot shows is dropped in silence.
 */
#ifndef CORE_SAVED_H
#define CORE_SAVED_H

#include "model.h"

/* What connection.memory points to until the policy is known. */
struct saved_memory {
	uint64_t layout;
	uint32_t size;
	uint8_t bytes[];
};

/*
 * Which policy lays out the memory, and how: memory of another one, or of the same with other
 * plugins, is not read.
 */
uint64_t saved_layout(const struct policy *policy);
/* Memory for the connection, whose policy is known now: what was saved by the same one, or zero. */
void saved_take_memory(struct connection *connection);

/* Apply an EVENT_SAVED_*. 0 or -EINVAL, which leaves all as it was. */
int saved_apply(struct model *model, const struct event *event);
/*
 * An event comes for a hidden connection: it may show it, end it, or prove that the token is
 * another one's now. Returns whether the event is dealt with by that.
 */
bool saved_meet(struct model *model, struct connection *connection, const struct event *event,
		struct change *change);
/* The snapshot is over: what it did not show of this subflow's past is forgotten. */
void saved_settle_subflow(struct subflow *subflow);

#endif
