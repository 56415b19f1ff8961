/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the life of an endpoint share: two links under the kernel's path manager. */
#ifndef TESTS_LIFE_SCENE_H
#define TESTS_LIFE_SCENE_H

#include <glib.h>

#include "fake-kernel.h"
#include "fake-policy.h"

#define HOLD 5000 /* as in fake_rules */

struct world {
	struct fake_kernel *fake;
	struct engine *engine;
	uint64_t now;
	size_t n_told; /* that one leaves, and is needed */
	int needed_by; /* what the last one said */
	struct event_endpoint kept[UINT8_MAX]; /* what on_host told last */
	struct engine_host host;
};

/* Two links, "eth1" and "eth2", addresses 10.0.1.1 and 10.0.2.1, both endpoints; the log empty. */
void life_set_up(struct world *world, gconstpointer data);
void life_tear_down(struct world *world, gconstpointer data);
/* The daemon dies and is started again: it has what it told last. */
void life_restart(struct world *world);

void life_later(struct world *world, uint64_t ms);
void life_plug(struct world *world, uint32_t i);
/* A new configuration, as in fake_rules. */
void life_reload(struct world *world);
/* An established connection from 10.0.1.1; and with a second subflow over eth2. */
void life_connect_one(struct world *world, uint32_t token, enum mptcpd_side side);
void life_connect_two(struct world *world, uint32_t token, enum mptcpd_side side);
/* A second subflow, as the kernel's path manager makes it. */
void life_join(struct world *world, uint32_t token, const char *local, const char *remote);

bool life_is_there(struct world *world, const char *address);
struct explain_endpoint life_explain(struct world *world, const char *address);

#define ADD(path, function)                                                                        \
	g_test_add(path, struct world, NULL, life_set_up, function, life_tear_down)

#endif
