/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two limits of the kernel's path manager: raised when needed, unless a person set them; put back
 * at the end.
 */
#include <errno.h>

#include "engine-private.h"

static uint32_t at_least(uint32_t before, uint32_t planned)
{
	return planned != PLAN_NO_LIMIT && planned > before ? planned : before;
}

/* Also for what a person set, until the configuration wants other limits than before. */
static uint32_t raise_one(const struct endpoints *endpoints, enum engine_limit limit, uint32_t seen,
			  uint32_t planned)
{
	return endpoints->held & limit ? seen : at_least(seen, planned);
}

static bool same_limits(const struct event_limits *a, const struct event_limits *b)
{
	return a->subflows == b->subflows && a->add_addr_accepted == b->add_addr_accepted;
}

/* Set the limits, or as much of them as this kernel takes: only it knows how much that is. */
static int raise_limits(struct engine *engine, struct event_limits *want)
{
	struct event_limits *before = &engine->endpoints.before;
	int r = engine->ops->limits_set(engine->kernel, want);

	while (r == -EINVAL && (want->subflows > before->subflows ||
				want->add_addr_accepted > before->add_addr_accepted)) {
		uint32_t top = want->subflows > want->add_addr_accepted ? want->subflows
									: want->add_addr_accepted;

		if (want->subflows == top && top > before->subflows)
			want->subflows--;
		if (want->add_addr_accepted == top && top > before->add_addr_accepted)
			want->add_addr_accepted--;
		if (top <= before->subflows && top <= before->add_addr_accepted)
			break;
		r = engine->ops->limits_set(engine->kernel, want);
	}
	return engine_command(engine, NULL, "SET_LIMITS", r);
}

static void take_over(uint32_t *before, uint32_t *ours, uint32_t seen)
{
	if (*ours != seen)
		*before = *ours = seen;
}

/* Limits that somebody else set since are those to put back. Returns whether somebody did. */
static bool take_over_others(struct engine *engine)
{
	struct endpoints *endpoints = &engine->endpoints;
	const struct event_limits *seen = &engine->model.limits;

	if (!engine->model.limits_known || same_limits(seen, &endpoints->ours))
		return false;
	take_over(&endpoints->before.subflows, &endpoints->ours.subflows, seen->subflows);
	take_over(&endpoints->before.add_addr_accepted, &endpoints->ours.add_addr_accepted,
		  seen->add_addr_accepted);
	return true;
}

void engine_reconcile_limits(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;
	struct event_limits *plan = &engine->plan.limits;
	struct event_limits want;

	if (!engine->model.limits_known)
		return;
	if (!endpoints->has_limits) {
		endpoints->before = engine->model.limits;
		endpoints->ours = engine->model.limits;
	}
	if (take_over_others(engine))
		endpoints->plan = *plan; /* not undone before more is wanted */
	if (same_limits(plan, &endpoints->plan))
		return;
	/* Limits are lowered only at the end: what was needed is needed again with the link. */
	want.subflows = raise_one(endpoints, ENGINE_LIMIT_SUBFLOWS, engine->model.limits.subflows,
				  plan->subflows);
	want.add_addr_accepted =
		raise_one(endpoints, ENGINE_LIMIT_ADD_ADDR_ACCEPTED,
			  engine->model.limits.add_addr_accepted, plan->add_addr_accepted);
	endpoints->plan = *plan;
	if (same_limits(&want, &engine->model.limits))
		return;
	endpoints->has_limits = true;
	endpoints->ours = want;
	engine_tell_host(engine);
	if (raise_limits(engine, &want) < 0)
		return;
	endpoints->ours = want;
	engine_learn(engine, &(struct event){.type = EVENT_LIMITS, .limits = want}, now_ms);
}

/* Of the host as it is: else it would be the host that wants others. */
void engine_reconsider_limits(struct engine *engine, const struct rules *rules)
{
	struct event_limits before;

	if (!engine->endpoints.held)
		return;
	ask_endpoints(engine);
	before = engine->plan.limits;
	engine->rules = rules;
	ask_endpoints(engine);
	if (same_limits(&engine->plan.limits, &before))
		return;
	engine->endpoints.held = 0;
	engine_tell_host(engine);
}

void engine_restore_limits(struct engine *engine)
{
	struct endpoints *endpoints = &engine->endpoints;
	int r;

	if (!endpoints->has_limits)
		return;
	take_over_others(engine);
	r = engine->ops->limits_set(engine->kernel, &endpoints->before);
	endpoints->has_limits = engine_command(engine, NULL, "SET_LIMITS", r) < 0;
}
