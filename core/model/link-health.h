/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether links, and subflows on them, answer: remembered here, judged by the engine. */
#ifndef CORE_LINK_HEALTH_H
#define CORE_LINK_HEALTH_H

#include "model.h"

/* Apply a verdict on a link. Returns and promises as model_apply(). */
int health_apply(struct model *model, const struct event_health *event, uint64_t now_ms,
		 struct change *change);
/* Nothing is known any more of the link: another network may be behind it. */
void health_forget(struct interface *interface);

#endif
