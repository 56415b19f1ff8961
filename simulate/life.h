/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine of a simulated host, over a SIGKILL. */
#ifndef SIMULATE_LIFE_H
#define SIMULATE_LIFE_H

#include "state.h"
#include "world.h"

/* The first life; and the last one ends. */
void life_begin(struct world *world);
void life_end(struct world *world);
/* It is killed, something may happen meanwhile, and the next one begins. */
void life_restart(struct world *world);

#endif
