/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model's half about connections: what MPTCP events and socket dumps say of them. For model.c
 * alone; others use model.h.
 */
#ifndef CORE_CONNECTION_H
#define CORE_CONNECTION_H

#include "model.h"

/* Apply an event that has a token. Returns and promises as model_apply(). */
int connection_apply(struct model *model, const struct event *event, uint64_t now_ms,
		     struct change *change);
/* One step of the sweep after a snapshot of connections; false: nothing (more) to remove. */
bool connection_sweep(struct model *model, uint64_t now_ms, struct change *change);
/* Free all. */
void connection_done(struct model *model);

#endif
