/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the engine share: a fake kernel, a clock of our own, an engine between them. */
#ifndef TESTS_ENGINE_SCENE_H
#define TESTS_ENGINE_SCENE_H

#include <glib.h>

#include "fake-kernel.h"
#include "fake-policy.h"

#define SCENE_TOKEN 0xf1aceb40U
#define SCENE_SERVER "10.9.0.1:5000"

struct scene {
	struct fake_kernel *fake;
	struct kernel_ops ops; /* what the engine calls: those of the fake, or a test's own */
	struct engine *engine;
	struct guard guard;
	uint64_t now_ms;
	size_t n_refusals, n_failures; /* notices: plan entries refused, commands failed, */
	size_t n_slow; /* plans that took long, */
	size_t n_disbelieved; /* and announcements of peers refused */
	size_t n_changes[CHANGE_SUBFLOW_HEALTH + 1];
	unsigned int n_asked; /* by scene_ask() */
	bool passive; /* the engine that is made next */
};

/* Three links, "eth1" to "eth3", addresses 10.0.1.1 to 10.0.3.1, and an engine that knows them. */
void scene_set_up(struct scene *scene, gconstpointer unused);
void scene_tear_down(struct scene *scene, gconstpointer unused);
/* A new engine, that knows nothing yet, in place of the old one. */
void scene_start(struct scene *scene);

/* Until nothing is left to do now, or that much later. When the engine wants to go on. */
uint64_t scene_run(struct scene *scene);
uint64_t scene_later(struct scene *scene, uint64_t ms);
/* Something happens for which the policy is asked anew. */
void scene_ask(struct scene *scene);

/* An established client connection, SYNs sent; and with all its three subflows, the log empty. */
struct fake_connection *scene_client(struct scene *scene);
struct fake_connection *scene_meshed(struct scene *scene);
/* So many connections are made and established by clients, by the tokens from 1. */
void scene_clients(struct scene *scene, uint32_t n);
/* What the engine knows of it; NULL: it is gone. */
const struct connection *scene_connection(const struct scene *scene);
/* The n-th such command, from 0. */
const struct fake_record *scene_record(const struct scene *scene, enum fake_command command,
				       size_t n);

#define ADD(name, func)                                                                            \
	g_test_add("/engine/" name, struct scene, NULL, scene_set_up, func, scene_tear_down)

#endif
