/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Source routing: what carries the address of a link leaves by that link. Part of the engine.
 *
 * Each address gets two rules: the main table without its default routes, and then a table of its
 * link, which has the default routes of that link alone. They are wanted where the link has a default
 * route, or had one since the address came: of that our rule is the memory. What is ours has our
 * protocol number, in the kernel; nothing else is kept.
 */
#ifndef CORE_ENGINE_ROUTING_H
#define CORE_ENGINE_ROUTING_H

#include <stdint.h>

#include "event.h"
#include "sorted.h"

struct engine;
struct change;
struct local;

struct routes_kept {
	struct sorted routes, rules; /* wanted */
	/* Of these what was there when it was last looked: others have deleted what is missing. */
	struct sorted had_routes, had_rules;
	bool dirty;
	bool is_held; /* a rule stays for open connections alone: looked at now and then */
	uint64_t due_ms; /* next look, after a failure */
	uint64_t
		wait_ms; /* until then new paths wait for what is new in the routes; 0: they do not */
	uint64_t again_ms; /* what others deleted is not made again before */
	/* Of IPv4 and IPv6: a VPN's rule was there when it was last looked. */
	bool had_vpn[2];
	/* Until then one may be going that took so many of ours along; 0: none is. */
	uint64_t yield_ms;
	size_t n_yielded;
	uint8_t n_deleted, n_failed; /* in a row */
	bool told;
	char conflict[96]; /* who uses our numbers; "": nobody */
	char spare[2][160]; /* what is done for new connections, or why not, of IPv4 and IPv6 */
};

static inline void routing_kept_init(struct routes_kept *kept)
{
	sorted_init(&kept->routes, sizeof(struct event_route));
	sorted_init(&kept->rules, sizeof(struct event_rule));
	sorted_init(&kept->had_routes, sizeof(struct event_route));
	sorted_init(&kept->had_rules, sizeof(struct event_rule));
	kept->due_ms = UINT64_MAX;
}

static inline void routing_kept_done(struct routes_kept *kept)
{
	sorted_done(&kept->routes);
	sorted_done(&kept->rules);
	sorted_done(&kept->had_routes);
	sorted_done(&kept->had_rules);
}

/* ---- routing-want.c ---- */

/*
 * Say in engine->routing what there should be. `leaving`: of an engine that ends. Where open
 * connections use an address that is not wanted any more, its rules stay wanted.
 */
void routing_want(struct engine *engine, bool leaving);

/* Has the address its rule, which leads to the table of its link? */
bool routing_is_ruled(const struct engine *engine, const struct local *local);

/* ---- routing-spare.c ---- */

/* The same for new connections that would begin on a link that is silent. */
void routing_want_spare(struct engine *engine);

/* ---- routing.c ---- */

/* Something changed. */
void routing_touch(struct engine *engine, const struct change *change, uint64_t now_ms);
/* The rules are other ones. */
void routing_renew(struct engine *engine, uint64_t now_ms);
/* Do what is due. */
void routing_settle(struct engine *engine, uint64_t now_ms);
/* Is something to be done now? */
bool routing_is_due(const struct engine *engine, uint64_t now_ms);
/* Until when nothing new is planned, which might be made before its rules are. 0: it may be. */
uint64_t routing_awaited(const struct engine *engine, uint64_t now_ms);
/* The engine ends. */
void routing_leave(struct engine *engine);

#endif
