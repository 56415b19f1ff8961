/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks by each link whether it leads anywhere, where its rule has a `probe`. Whatever comes of it goes
 * to the engine as EVENT_PROBE, which alone judges.
 */
#ifndef DAEMON_PROBING_H
#define DAEMON_PROBING_H

#include "loop.h"
#include "model.h"

struct probing;

/* `tell` gets each event; it may not call back before it returned. */
struct probing *probing_new(struct loop *loop, void (*tell)(void *data, const struct event *event),
			    void *data);
/* NULL is none. */
void probing_free(struct probing *probing);
/* The interfaces have changed, or their health, or the rules about them. */
void probing_update(struct probing *probing, const struct model *model);

#endif
