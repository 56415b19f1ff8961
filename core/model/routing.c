/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "routing.h"

_Static_assert(sizeof(struct event_route) == 36 && sizeof(struct event_rule) == 36,
	       "no padding, which sorted.h would compare");

void routing_init(struct routing *routing)
{
	sorted_init(&routing->routes, sizeof(struct event_route));
	sorted_init(&routing->rules, sizeof(struct event_rule));
	sorted_init(&routing->next_routes, sizeof(struct event_route));
	sorted_init(&routing->next_rules, sizeof(struct event_rule));
}

void routing_done(struct routing *routing)
{
	sorted_done(&routing->routes);
	sorted_done(&routing->rules);
	sorted_done(&routing->next_routes);
	sorted_done(&routing->next_rules);
}

void routing_begin(struct routing *routing)
{
	sorted_clear(&routing->next_routes);
	sorted_clear(&routing->next_rules);
}

void routing_apply(struct routing *routing, const struct event *event)
{
	if (event->type == EVENT_ROUTE)
		sorted_add(&routing->next_routes, &event->route);
	else
		sorted_add(&routing->next_rules, &event->rule);
}

static void swap(struct sorted *a, struct sorted *b)
{
	struct sorted kept = *a;

	*a = *b;
	*b = kept;
}

void routing_end(struct routing *routing)
{
	swap(&routing->routes, &routing->next_routes);
	swap(&routing->rules, &routing->next_rules);
	routing_begin(routing);
}
