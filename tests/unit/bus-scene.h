/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A daemon in little for the tests of the control plane: an engine on a kernel that says yes to
 * everything, a bus on a socket in a temporary directory, and a loop. The client under test
 * runs in a thread of its own and has the loop's thread do things by scene_do().
 */
#ifndef TESTS_BUS_SCENE_H
#define TESTS_BUS_SCENE_H

#include <glib.h>

#include "bus.h"
#include "loop.h"

struct scene {
	char *directory;
	char *socket;
	struct engine *engine;
	struct bus *bus;
	struct loop loop;
	gint n_turns; /* of the loop; atomic */
	uint64_t now_ms;
	unsigned int n_created, n_destroyed, n_reloads; /* what the kernel was told */
	unsigned int n_refreshes, n_checks;
	unsigned int n_snapshots; /* of connections, that were asked for */
	unsigned int n_listeners,
		n_looks; /* sockets that listen, and how often they were looked for */
	void (*on_settle)(struct scene *scene); /* NULL, or called when the engine is to settle */
	bus_done_func on_checked; /* NULL: nobody waits */
	void *checked_data;
	struct loop_timer answer;
	bool is_degraded; /* two plugins are set aside */
	bool has_warnings; /* a black hole for an hour from now, and something else */
	struct event_endpoint endpoint; /* of the last command about one … */
	char command[16]; /* … and which that was: "add", "delete", "flags" */
	struct event_limits limits; /* the last ones set */
	struct mptcpd_addr announced; /* the last one … */
	uint8_t announced_id, withdrawn_id;
	uint32_t announced_ifindex;
	int next_error; /* … and says to the next command */
};

struct scene *scene_new(bool system_bus);
void scene_free(struct scene *scene);

/* Run `client` in a thread, and the loop until it returns. */
void scene_run(struct scene *scene, void (*client)(struct scene *scene));
/* Say where its socket is, and run the loop until stdin ends. Frees the scene. */
void scene_serve(struct scene *scene);
/* For the client: have the loop's thread do this, and wait until it is done. */
void scene_do(struct scene *scene, void (*action)(struct scene *scene, uint32_t number),
	      uint32_t number);

/* Facts. Connection n has token n, 10.0.0.1:n (of eth1) and 10.9.0.1:80. */
void scene_link(struct scene *scene, uint32_t ifindex, const char *name);
void scene_local(struct scene *scene, uint32_t ifindex, const char *address);
void scene_endpoint(struct scene *scene, uint8_t id, const char *address);
void scene_limits(struct scene *scene, uint32_t subflows, uint32_t add_addr_accepted);
void scene_connect(struct scene *scene, uint32_t token); /* created and established */
void scene_join(struct scene *scene, uint32_t token); /* a subflow from 10.0.1.1 (eth2) */
void scene_measure(struct scene *scene, uint32_t token); /* that subflow: 12.345 ms */
void scene_leave(struct scene *scene, uint32_t token); /* the end of that subflow, refused */
void scene_announce(struct scene *scene, uint32_t token);
void scene_close(struct scene *scene, uint32_t token);
/* Settle, and tell those who monitor. */
void scene_settle(struct scene *scene);

#endif
