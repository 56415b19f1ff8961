/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files that explain a connection share. They ask, and change nothing. */
#ifndef CORE_EXPLAIN_H
#define CORE_EXPLAIN_H

#include "engine-private.h"

/* A peer that joins what it is told of does so at once: after that long it will not. */
#define EXPLAIN_PATIENCE_MS 10000

/* One connection while it is explained. */
struct explaining {
	struct engine *engine;
	struct connection *connection;
	uint64_t now_ms;
	/* Who commands it; where nobody knows yet, whom new ones have. */
	enum path_manager path_manager;
	bool is_planned; /* engine->plan is what its policy wants now, its words included */
	char *words; /* … what the plugins say of it, ENGINE_WORDS_SIZE bytes, not owned */
	char counted[128]; /* what the kernel counts of connections that fell back; "": nothing */
	void (*on_path)(void *data, const struct explain_path *path);
	void *data;
	/* Pairs that may still be told, and asked about: a reader is not to keep others waiting. */
	size_t n_pairs, n_routes;
};

/* ---- explain-say.c ---- */

/* Say it of a path, in the place of what was said before. */
void explain_say(struct explain_path *path, enum reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void explain_remedy(struct explain_path *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Of a subflow that ended so, or could not be made. No error: nothing is said. */
void explain_end(const struct explaining *it, uint8_t error, uint8_t reset, bool has_route,
		 struct explain_path *path);

/* The peer closed it soon after it had accepted it. */
void explain_turned_away(const struct explaining *it, struct explain_path *path);
/* Announced then (0: nobody knows), and no join came. */
void explain_not_joined(const struct explaining *it, uint64_t since_ms, struct explain_path *path);

/* A plan forbids it, that of a plugin which is known, or not (NULL). */
void explain_forbidden(const struct explaining *it, const struct plan_forbidden *forbidden,
		       const char *more, struct explain_path *path);

/* ---- explain-address.c: these return whether they said something ---- */

/* That the link does not work. */
bool explain_link(const struct interface *interface, struct explain_path *path);
/* … or that the address is not to be used. */
bool explain_address(const struct explaining *it, const struct local *local,
		     struct explain_path *path);
/* That it has not the flag which would make paths begin there, or have it announced. */
bool explain_flags(const struct explaining *it, const struct local *local, uint32_t flag,
		   struct explain_path *path);
/* That the far side of its link does not answer. */
bool explain_silence(const struct explaining *it, const struct local *local,
		     struct explain_path *path);
/* By which other link an unbound socket's packets leave from there; 0: by none, or nobody knows. */
uint32_t explain_find_stray(struct engine *engine, const struct local *local,
			    const struct mptcpd_addr *remote);
/* That packets from there leave by another link, unless a socket is bound to its own. */
bool explain_stray(const struct explaining *it, const struct local *local,
		   const struct mptcpd_addr *remote, struct explain_path *path);
/* That answers to what leaves by its link are dropped here. */
bool explain_filter(const struct explaining *it, const struct local *local,
		    const struct mptcpd_addr *remote, struct explain_path *path);

/* That no route leads out from there. Says it in any case. */
void explain_no_way_out(const struct local *local, struct explain_path *path);
/* That no route leads there. */
bool explain_route(struct explaining *it, const struct local *local,
		   const struct mptcpd_addr *remote, struct explain_path *path);

/* ---- explain-whole.c ---- */

/* What holds for all of its paths, those that are there included: it is MPTCP no more. */
bool explain_fallback(struct explaining *it, struct explain_path *path);
/* Why one is plain TCP that was to be MPTCP. */
enum reason explain_fallback_reason(const struct connection *connection);
/* … for those that are to be made: not now, or not by anybody. */
bool explain_whole(const struct explaining *it, struct explain_path *path);

/* ---- explain-kernel.c ---- */

/* Why the kernel's path manager has no such subflow. Says something in any case. */
void explain_by_kernel(struct explaining *it, const struct local *local,
		       const struct mptcpd_addr *remote, struct explain_path *path);

/* Whose the connection is; where nobody told, whose it is most likely. */
enum path_manager explain_path_manager(const struct engine *engine,
				       const struct connection *connection);
/* Is that still why it is not there? */
bool explain_is_failure(const struct engine *engine, const struct connection *connection,
			const struct failure *failure);
/* Why no peer has joined at an address that the kernel's path manager is to announce. */
void explain_announced_by_kernel(const struct explaining *it, const struct local *local,
				 struct explain_path *path);

/* ---- explain-policy.c ---- */

/* Why the policy has none. Says something in any case. */
void explain_by_policy(struct explaining *it, const struct local *local,
		       const struct mptcpd_addr *remote, struct explain_path *path);

/* ---- explain-server.c ---- */

/* Why no peer has joined there. Says something in any case. */
void explain_of_server(struct explaining *it, const struct local *local, struct explain_path *path);

/* ---- explain-pairs.c ---- */

/* All pairs of addresses that could be a path, and are none. */
void explain_pairs(struct explaining *it);
/* Is it an address with which packets may leave this host? */
bool explain_may_leave(const struct local *local);
/* Does it lead to others by itself, when it has an address? */
bool explain_is_uplink(const struct interface *interface);

/* ---- announce-explain.c ---- */

/* What came of the address. */
void announce_explain(struct engine *engine, const struct connection *connection,
		      const struct announced *announced, uint64_t now_ms,
		      struct explain_announcement *ret_announcement);

#endif
