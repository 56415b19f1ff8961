/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The world of test-property.c: a fake kernel, the engine, and what became of them by chance. */
#ifndef TESTS_PROPERTY_H
#define TESTS_PROPERTY_H

#include "fake-kernel.h"

#define LINKS 4

struct world {
	struct fake_kernel *fake;
	struct engine *engine;
	uint64_t now;
	uint32_t next_token, ifindex[LINKS];
	bool tells, has_restarted;
	bool has_twins; /* links 1 and 2 have the same address */
};

extern struct world *world;

/* Say it, where a seed was named. */
void tell(const char *what, uint32_t a, uint32_t b);

/* Counters agree, no record is there twice, and nobody waits for nothing. */
void check_invariants(void);
/* Once it is quiet: what is seen is what is wanted, and what the kernel has. */
void check_truth(void);

#endif
