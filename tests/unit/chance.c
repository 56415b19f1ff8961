/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chance.h"

#include <stdlib.h>

static GRand *drawn;

uint32_t dice(uint32_t sides)
{
	return (uint32_t)g_rand_int_range(drawn, 0, (gint32)sides);
}

void chance_run_one(uint32_t seed, bool tells, void (*run)(uint32_t seed, bool tells))
{
	drawn = g_rand_new_with_seed(seed);
	run(seed, tells);
	g_rand_free(drawn);
}

void chance_run(const char *name, uint32_t n, void (*run)(uint32_t seed, bool tells))
{
	g_autofree char *one = g_strconcat(name, "_SEED", NULL);
	g_autofree char *many = g_strconcat(name, "_SEEDS", NULL);

	if (g_getenv(many))
		n = (uint32_t)atoi(g_getenv(many));
	if (g_getenv(one)) {
		chance_run_one((uint32_t)atoi(g_getenv(one)), true, run);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		g_test_message("%s=%u", one, i);
		chance_run_one(i, false, run);
	}
}
