/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The far sides of links, and the subflows that are asked about them. Part of the engine. */
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include "health.h"

struct engine;

/* Bring the list of far sides up to date with the links that are used. */
void watch_links(struct engine *engine);
/* NULL: no health is kept of it. */
struct far *watch_find(struct engine *engine, uint32_t ifindex, uint8_t family);
/* Something was heard by it then. */
void watch_heard(struct far *far, uint64_t heard_ms);
/* Its state, as it counts, is this from now on. */
void watch_tell(struct engine *engine, const struct far *far, enum mptcpd_health state,
		enum health_reason reason, uint64_t now_ms);
/* Is its link silent, and that counts? */
bool watch_is_silent(const struct model *model, uint32_t ifindex, uint8_t family);

/* What the kernel knows of the peer of a subflow, now. 0 or -errno, as ops->evidence(). */
int watch_evidence(const struct engine *engine, const struct subflow *subflow,
		   struct event_evidence *ret_evidence);
/* The subflow of a witness, while it is established; or NULL. */
struct subflow *watch_subflow(const struct engine *engine, const struct witness *witness);
struct witness *watch_find_witness(struct engine *engine, const struct connection *connection,
				   const struct subflow *subflow);
/* Watch it too. NULL: there are as many as can be. */
struct witness *watch_add(struct engine *engine, const struct connection *connection,
			  const struct subflow *subflow);
/* How many there are of this link. */
size_t watch_count(const struct engine *engine, const struct far *far);
/* The same for all established subflows of the connection. */
void watch_all(struct engine *engine, const struct connection *connection);
/* Ask all of them. */
void watch_ask(struct engine *engine, uint64_t now_ms);
/* Look for subflows that receive, a few at a time. */
void watch_search(struct engine *engine, uint64_t now_ms);
/* Forget all that is known, as after a suspend. */
void watch_forget(struct engine *engine, uint64_t now_ms);

#endif
