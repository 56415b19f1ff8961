/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One scenario: a world, the events it told, and what was said of them. Events and snapshots are
 * compared as text, in which ephemeral ports are `*` and links have their names.
 */
#ifndef TESTS_CONTRACT_SCENE_H
#define TESTS_CONTRACT_SCENE_H

#include <glib.h>

#include "world.h"

struct scene {
	struct world *world;
	GArray *events; /* of struct heard */
};

/* For g_test_add(). */
void scene_set_up(struct scene *scene, gconstpointer data);
void scene_tear_down(struct scene *scene, gconstpointer data);

/* The next event of a connection is this one. Returns it. */
struct event expect(struct scene *scene, uint32_t token, const char *text);
/* Among the next events of the host is this one; what comes before it may differ. */
void expect_host(struct scene *scene, const char *text);
/* Nothing more is known of the connection by what happens at once. */
void expect_no_more(struct scene *scene, uint32_t token);

/* The records of a snapshot, sorted, each with its end of line. */
void expect_snapshot(struct scene *scene, enum snapshot_kind kind, const char *text);
void expect_brief_snapshot(struct scene *scene, const char *text);

/* Our rules and routes. */
void expect_own_routing(struct scene *scene, const char *text);

struct mptcpd_addr addr_of(const char *text);
/* A connection from va to the peer, established, whose events were looked at. */
uint32_t connect_client(struct scene *scene);

/* Each adds its tests. */
void add_connection_scenarios(void);
void add_address_scenarios(void);
void add_endpoint_scenarios(void);
void add_host_scenarios(void);
void add_routing_scenarios(void);

#define SCENARIO(name, function)                                                                   \
	g_test_add("/contract/" name, struct scene, NULL, scene_set_up, function, scene_tear_down)

#endif
