/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of source routing share: an engine that does it, and how the fake kernel stands. */
#ifndef TESTS_ROUTING_SCENE_H
#define TESTS_ROUTING_SCENE_H

#include <sys/socket.h>

#include "engine-scene.h"

#define TABLE 8684000
#define PRIORITY 31000

/* The rules in force, and the notices since routing_lead_out(). */
extern struct rules routing_rules;
extern size_t routing_n_deleted, routing_n_conflicts, routing_n_spared;
extern char routing_conflict[128], routing_spared[160];

/* A new life of the daemon; and a reload. */
void routing_start(struct scene *scene, enum source_routing mode);
void routing_reload(struct scene *scene, enum source_routing mode);

/* A default route of somebody else's in the main table comes or goes. */
void routing_add_default(struct scene *scene, uint32_t ifindex, const char *gateway,
			 uint32_t metric);
void routing_drop_default(struct scene *scene, uint32_t ifindex, const char *gateway,
			  uint32_t metric);
/* Links 1 and 2 lead out; 3 does not. */
void routing_lead_out(struct scene *scene);

/* Is there this rule of ours, to that table? And both of an address? */
bool routing_has_rule(struct scene *scene, const char *from, uint32_t priority, uint32_t table);
bool routing_has_rules(struct scene *scene, const char *from, uint32_t ifindex);
/* Is there this route of ours in the link's table? Gateway NULL: unreachable. */
bool routing_has_route(struct scene *scene, uint32_t ifindex, const char *gateway, uint32_t metric,
		       uint8_t family);

#define assert_ours(scene, n_rules, n_routes)                                                      \
	do {                                                                                       \
		g_assert_cmpuint(fake_count_rules((scene)->fake), ==, n_rules);                    \
		g_assert_cmpuint(fake_count_ways((scene)->fake), ==, n_routes);                    \
	} while (0)

#undef ADD
#define ADD(name, func)                                                                            \
	g_test_add("/routing/" name, struct scene, NULL, scene_set_up, func, scene_tear_down)

#endif
