/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules there are, the routes to everywhere, and which of them are ours: as the last snapshot
 * told, and our commands since. The model's own; nobody is told of changes.
 */
#ifndef CORE_ROUTING_H
#define CORE_ROUTING_H

#include "event.h"
#include "sorted.h"

struct routing {
	struct sorted routes, rules; /* of struct event_route, struct event_rule */
	struct sorted next_routes, next_rules; /* what the snapshot under way has told so far */
};

void routing_init(struct routing *routing);
void routing_done(struct routing *routing);
/* A snapshot begins, tells a record, and has told all. */
void routing_begin(struct routing *routing);
void routing_apply(struct routing *routing, const struct event *event);
void routing_end(struct routing *routing);

static inline const struct event_route *routing_route(const struct sorted *routes, size_t i)
{
	return (const struct event_route *)sorted_at(routes, i);
}

static inline const struct event_rule *routing_rule(const struct sorted *rules, size_t i)
{
	return (const struct event_rule *)sorted_at(rules, i);
}

/* Are they ours? A rule with our number that asks for more than ours do is somebody else's. */
static inline bool routing_is_own_route(const struct event_route *route)
{
	return route->protocol == ROUTING_PROTOCOL;
}

static inline bool routing_is_own_rule(const struct event_rule *rule)
{
	return rule->protocol == ROUTING_PROTOCOL && !rule->asks_more;
}

#endif
