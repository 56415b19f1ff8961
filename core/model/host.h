/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model's half about this host: interfaces, addresses and which of them count, endpoints and
 * limits. For model.c alone; others use model.h.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include "model.h"

/* Apply a link, address, endpoint or limits event. Returns and promises as model_apply(). */
int host_apply(struct model *model, const struct event *event, struct change *change);
/* One step of the sweep after a snapshot; false: nothing (more) to remove. */
bool host_sweep(struct model *model, struct change *change);
bool host_sweep_endpoints(struct model *model, struct change *change);
/* Look at all rules again. */
void host_judge_all(struct model *model);
/* Free all. */
void host_done(struct model *model);

#endif
