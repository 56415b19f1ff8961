/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Evidence: when sockets are asked whether their peers answer, and what they say. Part of the engine. */
#ifndef CORE_EVIDENCE_H
#define CORE_EVIDENCE_H

#include "health.h"

struct engine;

/* One socket's, and the end of a look. */
void evidence_take(struct engine *engine, const struct event *event, uint64_t now_ms);
void evidence_ended(struct engine *engine, const struct event *event, uint64_t now_ms);
/* Were SYNs sent there in vain, lately? */
bool evidence_has_syns(const struct far *far, uint64_t now_ms);
/* Read the counters. */
void evidence_count(struct engine *engine);
/* Look at the sockets, if there is reason to. */
void evidence_look(struct engine *engine, uint64_t now_ms);

#endif
