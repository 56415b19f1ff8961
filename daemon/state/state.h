/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Facts that the kernel cannot tell after a restart, kept in the file `state` of the runtime
 * directory: of each connection what EVENT_SAVED_* carry, and of the host what it was before us. It
 * is right at every moment, so that a daemon that is killed loses nothing.
 *
 * The file is of one boot and one network namespace; anything else in its place is dropped.
 */
#ifndef STATE_H
#define STATE_H

#include "engine.h"

struct state;

/* Whom the file belongs to. */
struct state_identity {
	char boot_id[40];
	uint64_t netns; /* SO_NETNS_COOKIE: never given twice in one boot */
};

/* 0 or -errno. */
int state_identify(struct state_identity *ret_identity);

/*
 * Open it, or make it. The runtime directory must be claimed. One that cannot be used is dropped
 * with a line in the log. 0 or -errno.
 */
int state_open(const char *runtime_directory, const struct state_identity *identity,
	       struct state **ret_state);
/* All stays in the file. */
void state_close(struct state *state);

/* The saved connections as events, for engine_event(), before its first snapshot. */
void state_load(struct state *state, void (*on_event)(void *data, const struct event *event),
		void *data);
/* Could the last connection that was to be saved not be saved? */
bool state_is_full(const struct state *state);
/* For struct engine_observer: on_settled and on_forget. */
void state_save(struct state *state, struct connection *connection);
void state_forget(struct state *state, struct connection *connection);

/* Kept in the file: each store is. What an earlier life left there, all zero in a new file. */
struct guard *state_guard(struct state *state);

/*
 * Is it known what an earlier life left to be put back? Not where the file is a new one, or what it
 * says of the host is damaged.
 */
bool state_knows_host(const struct state *state);
/*
 * The host, as it was last saved, by this life or an earlier one; zero at first. What is set is
 * saved on return.
 */
enum path_manager state_path_manager(const struct state *state); /* before us; UNKNOWN: as it is */
void state_set_path_manager(struct state *state, enum path_manager before);
enum deny_join state_deny_join(const struct state *state); /* likewise; KEEP: as it is */
void state_set_deny_join(struct state *state, enum deny_join before);
struct engine_host state_host(const struct state *state); /* points into the state */
void state_set_host(struct state *state, const struct engine_host *host);

#endif
