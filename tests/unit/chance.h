/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests by chance: what happens is drawn, and a seed draws the same again. */
#ifndef TESTS_CHANCE_H
#define TESTS_CHANCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Run the seeds from 0 on: as many as the environment's NAME_SEEDS says, else `n`; or the one of
 * NAME_SEED alone, which is to tell every step.
 */
void chance_run(const char *name, uint32_t n, void (*run)(uint32_t seed, bool tells));
/* That seed. */
void chance_run_one(uint32_t seed, bool tells, void (*run)(uint32_t seed, bool tells));
/* A number below `sides`, drawn anew each time. Only inside `run`. */
uint32_t dice(uint32_t sides);

#endif
