/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state file in a directory of its own, and a connection with everything that can be saved. */
#ifndef STATE_SCENE_H
#define STATE_SCENE_H

#include <glib.h>

#include "policy-memory.h"
#include "scratch.h"
#include "state-record.h"
#include "state.h"

#define TOKEN 0xf1aceb40U

struct world {
	char *directory;
	const char *path;
	struct state_identity identity;
	struct state *state;
	struct event events[64];
	size_t n_events;
};

struct example {
	struct connection connection;
	struct connection_more more;
	struct mptcpd_peer_address peers[2];
	struct subflow subflows[4];
	struct announced announced[2];
};

extern struct policy policy; /* of the example */
extern struct policy_memory *const memory;

struct mptcpd_addr addr(const char *text);
void open_state(struct world *world);
void on_event(void *data, const struct event *event);
void load(struct world *world);
void reopen(struct world *world);
void set_up(struct world *world, gconstpointer data);
void tear_down(struct world *world, gconstpointer data);
void make_example(struct example *example);
const struct event *event_of(const struct world *world, enum event_type type, size_t n);
void check_connection(const struct world *world, const struct connection *connection);
void check_subflows(const struct world *world, const struct example *example);
void check_rest(const struct world *world, const struct example *example);

#endif
