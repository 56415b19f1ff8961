/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events and dump records of one subflow, applied. subflow_apply_* return and promise as
 * model_apply(), and are for connection.c alone.
 */
#ifndef CORE_SUBFLOW_H
#define CORE_SUBFLOW_H

#include "model.h"

int subflow_apply_established(struct model *model, struct connection *connection,
			      const struct event_subflow *event, uint64_t now_ms,
			      struct change *change);
int subflow_apply_closed(struct model *model, struct connection *connection,
			 const struct event_subflow *event, uint64_t now_ms, struct change *change);
int subflow_apply_priority(struct model *model, struct connection *connection,
			   const struct event_subflow *event, struct change *change);
int subflow_apply_snapshot(struct model *model, struct connection *connection,
			   const struct event_subflow *event, uint64_t now_ms,
			   struct change *change);
/* Close one subflow that the finished snapshot did not show; false: there is none (any more). */
bool subflow_sweep(struct model *model, struct connection *connection, uint64_t now_ms,
		   struct change *change);

/* A path whose priority a person set, and that a policy may make again: then it holds. */
bool subflow_is_pinned(const struct subflow *subflow);

#endif
