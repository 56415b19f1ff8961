/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Evidence: when sockets are asked whether their peers answer, and what they say. Part of the engine. */
#ifndef CORE_EVIDENCE_H
#define CORE_EVIDENCE_H

#include "health.h"

struct engine;

/* Were SYNs sent there in vain, lately? */
bool evidence_has_syns(const struct far *far, uint64_t now_ms);
/* Read the counters. */
void evidence_count(struct engine *engine, uint64_t now_ms);
/* Look at the sockets, if there is reason to. */
void evidence_look(struct engine *engine, uint64_t now_ms);

#endif
