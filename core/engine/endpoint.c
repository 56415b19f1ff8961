/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's endpoints: wanted against seen, and the commands that close the difference. */
#include "endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "engine-private.h"
#include "owned.h"
#include "words.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS 60000

static size_t count_seen(const struct model *model)
{
	size_t n = 0;

	for (const struct endpoint *endpoint = model->endpoints; endpoint;
	     endpoint = endpoint->next)
		n++;
	return n;
}

static void notice(struct engine *engine, enum notice_type type, struct owned *owned, int error)
{
	struct notice it = {.type = type, .error = error, .text = "", .local = owned->want.addr};

	if (owned->told || !engine->observer.on_notice)
		return;
	owned->told = true;
	engine->observer.on_notice(engine->observer.data, &it);
}

/* ---- commands ---- */

static void refresh(struct engine *engine)
{
	resync_want(engine, SNAPSHOT_ENDPOINTS);
}

/* Somebody was faster, or the table is smaller than thought: not the operator's trouble. */
static bool is_race(int r)
{
	return r == -EEXIST || r == -EBUSY || r == -ERANGE;
}

/* The table is full, as it is now: others come and go, and the model may not know. */
static void learn_size(struct engine *engine)
{
	struct event_endpoint list[ENDPOINTS_OWNED_MAX];
	int n = engine->ops->own_addresses(engine->kernel, 0, list, ENDPOINTS_OWNED_MAX);

	engine->endpoints.max = n > 0 ? (uint32_t)n : 0;
}

static void add(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	struct endpoint *there = owned_find_seen(&engine->model, &owned->want.addr);
	struct event_endpoint is = {.addr = owned->want.addr,
				    .flags = owned->want.flags,
				    .ifindex = owned->want.ifindex};
	int r;

	/* An endpoint that the kernel made by itself gives way to one without an id. */
	is.id = there ? 0 : owned_choose_id(engine, owned);
	r = engine->ops->endpoint_add(engine->kernel, &is);
	engine_command(engine, NULL, "ADD_ADDR", is_race(r) ? 0 : r);
	if (r < 0)
		refresh(engine);
	if (r == -ERANGE) {
		/* No fault of its own: it has its turn when there is a place. */
		learn_size(engine);
		owned->due_ms = now_ms + RETRY_FIRST_MS;
		return;
	}
	if (r < 0) {
		owned->due_ms =
			now_ms + backoff_next(&owned->attempts, RETRY_FIRST_MS, RETRY_MAX_MS);
		return;
	}
	owned->is = is;
	owned->present = true;
	owned->leaving = LEAVING_NOT;
	owned->attempts = 0;
	owned->unconfirmed = there != NULL;
	if (there)
		refresh(engine); /* which id it got */
	else
		engine_learn(engine, &(struct event){.type = EVENT_ENDPOINT, .endpoint = is},
			     now_ms);
}

static void take_away(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	int r;

	if (!owned_is_so(engine, &owned->is))
		return;
	r = engine->ops->endpoint_delete(engine->kernel, &owned->is);
	/* EINVAL: it is not there, which is what was wanted. */
	engine_command(engine, NULL, "DEL_ADDR", r == -EINVAL ? 0 : r);
	if (r < 0 && r != -EINVAL) {
		owned->due_ms =
			now_ms + backoff_next(&owned->attempts, RETRY_FIRST_MS, RETRY_MAX_MS);
		return;
	}
	owned->present = false;
	owned->leaving = LEAVING_NOT;
	need_closed(engine, &owned->is.addr, now_ms);
	engine_learn(engine, &(struct event){.type = EVENT_ENDPOINT_GONE, .endpoint = owned->is},
		     now_ms);
}

static void change_flags(struct engine *engine, struct owned *owned, uint32_t flags,
			 uint64_t now_ms)
{
	struct event_endpoint is = owned->is;
	int r;

	if (flags == owned->is.flags || !owned_is_so(engine, &owned->is))
		return;
	is.flags = flags;
	r = engine_command(engine, NULL, "SET_FLAGS",
			   engine->ops->endpoint_flags(engine->kernel, &is));
	if (r < 0) {
		owned->due_ms =
			now_ms + backoff_next(&owned->attempts, RETRY_FIRST_MS, RETRY_MAX_MS);
		return;
	}
	if ((flags ^ owned->is.flags) & MPTCPD_FLAG_FULLMESH)
		need_closed(engine, &owned->is.addr, now_ms);
	owned->is = is;
	owned->attempts = 0;
	engine_learn(engine, &(struct event){.type = EVENT_ENDPOINT, .endpoint = is}, now_ms);
}

/* ---- what is wanted ---- */

/* Somebody else's endpoint with that address does as well, and is not ours to touch. */
static bool is_foreign(const struct engine *engine, const struct owned *owned)
{
	const struct endpoint *there = owned_find_seen(&engine->model, &owned->want.addr);

	return there && !owned->present && !(there->is.flags & MPTCPD_FLAG_IMPLICIT);
}

/* Said once for a link, whatever addresses come and go there. */
static bool is_told(const struct endpoints *endpoints, uint32_t ifindex, bool of_flags)
{
	for (size_t i = 0; i < endpoints->n_owned; i++) {
		const struct owned *owned = &endpoints->owned[i];

		if (owned->want.ifindex == ifindex &&
		    (of_flags ? owned->told_flags : owned->told_foreign))
			return true;
	}
	return false;
}

static void notice_foreign(struct engine *engine, struct owned *owned)
{
	const struct endpoint *there = owned_find_seen(&engine->model, &owned->want.addr);
	char text[2 * FLAGS_TEXT_SIZE + 16], is[FLAGS_TEXT_SIZE], wanted[FLAGS_TEXT_SIZE];
	bool differs = there->is.flags != owned->want.flags;
	struct notice it = {.type = NOTICE_ENDPOINT_FOREIGN, .text = "", .local = owned->want.addr};

	if (!engine->observer.on_notice ||
	    is_told(&engine->endpoints, owned->want.ifindex, differs))
		return;
	owned->told_foreign = true;
	owned->told_flags |= differs;
	if (differs) {
		snprintf(text, sizeof(text), "%s, and not %s", flags_text(there->is.flags, is),
			 flags_text(owned->want.flags, wanted));
		it.text = text;
	}
	engine->observer.on_notice(engine->observer.data, &it);
}

/* Its address has just become usable, or somebody else's endpoint has come. */
static void set_foreign(struct engine *engine, struct owned *owned, bool is_foreign)
{
	if (is_foreign && !owned->foreign)
		mend_begin(owned);
	owned->foreign = is_foreign;
	if (is_foreign)
		notice_foreign(engine, owned);
}

static size_t count_foreign(const struct engine *engine)
{
	size_t n = count_seen(&engine->model);

	for (size_t i = 0; i < engine->endpoints.n_owned; i++)
		n -= engine->endpoints.owned[i].present && !engine->endpoints.owned[i].unconfirmed;
	return n;
}

/* An endpoint that is not planned is a new case when its address comes back. */
static void forget_wish(struct owned *owned)
{
	owned->hands_off = owned->pinned = owned->told = owned->foreign = false;
	owned->attempts = owned->renewals = 0;
	owned->due_ms = owned->renew_ms = 0;
}

/* Is the table full, and somebody waits for a place in it? */
static bool lacks_places(const struct engine *engine)
{
	const struct endpoints *endpoints = &engine->endpoints;

	if (!endpoints->max || count_seen(&engine->model) < endpoints->max)
		return false;
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (endpoints->owned[i].wanted && !endpoints->owned[i].present &&
		    !endpoints->owned[i].hands_off)
			return true;
	return false;
}

/* A place got free: the next try is now. */
static void wake_waiting(struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (endpoints->owned[i].wanted && !endpoints->owned[i].present)
			endpoints->owned[i].due_ms = 0;
}

/* Endpoints that have a record come before those that need one, so that none loses it. */
static void mark_planned(struct engine *engine)
{
	struct endpoints *endpoints = &engine->endpoints;
	const struct plan *plan = &engine->plan;

	for (size_t i = 0; i < plan->n_endpoints; i++) {
		struct owned *owned = owned_find(endpoints, &plan->endpoints[i].addr);

		if (owned)
			owned->planned = true;
	}
	for (size_t i = 0; i < plan->n_endpoints; i++) {
		const struct mptcpd_addr *addr = &plan->endpoints[i].addr;
		struct owned *owned =
			owned_find(endpoints, addr) ? NULL : owned_add(endpoints, addr);

		if (owned)
			owned->planned = true;
	}
}

/* Give places to what is planned, to the first ones first. */
static void match_plan(struct engine *engine)
{
	struct endpoints *endpoints = &engine->endpoints;
	size_t n_foreign = count_foreign(engine), room = SIZE_MAX;
	bool was_wanted[ENDPOINTS_OWNED_MAX] = {false};

	for (size_t i = 0; i < endpoints->n_owned; i++) {
		was_wanted[i] = endpoints->owned[i].wanted;
		endpoints->owned[i].wanted = endpoints->owned[i].planned = false;
	}
	if (endpoints->max)
		room = endpoints->max > n_foreign ? endpoints->max - n_foreign : 0;
	mark_planned(engine);
	for (size_t i = 0; i < engine->plan.n_endpoints; i++) {
		const struct mptcpd_endpoint *want = &engine->plan.endpoints[i];
		struct owned *owned = owned_find(endpoints, &want->addr);

		if (!owned)
			continue;
		owned->want = *want;
		set_foreign(engine, owned, is_foreign(engine, owned));
		if (owned->foreign)
			continue;
		if (room == 0) {
			notice(engine, NOTICE_ENDPOINTS_FULL, owned, (int)endpoints->max);
		} else {
			owned->wanted = true;
			/* An endpoint that keeps failing takes nobody's place. */
			room -= owned->present || (!owned->hands_off && !owned->attempts);
			if (!was_wanted[owned - endpoints->owned])
				owned->due_ms = 0; /* a place got free */
		}
	}
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (!endpoints->owned[i].planned && !endpoints->owned[i].present)
			forget_wish(&endpoints->owned[i]);
	if (endpoints->is_tight && !lacks_places(engine))
		wake_waiting(endpoints);
	endpoints->is_tight = lacks_places(engine);
}

/* ---- acting ---- */

static bool is_due(const struct owned *owned, uint64_t now_ms)
{
	return owned->present && !owned->unconfirmed && owned->due_ms <= now_ms;
}

/* Of a link whose far side is silent it is a backup: that closes nothing, and is soon undone. */
static uint32_t wanted_flags(const struct engine *engine, const struct owned *owned)
{
	const struct interface *interface =
		model_find_interface(&engine->model, owned->want.ifindex);
	size_t i = health_index(owned->want.addr.family);

	return interface && interface->health[i].state == MPTCPD_HEALTH_SILENT
		       ? owned->want.flags | MPTCPD_FLAG_BACKUP
		       : owned->want.flags;
}

/*
 * Changes that close nothing. What the configuration does not want any more, and connections do, is
 * a backup meanwhile.
 */
static void soften(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	if (owned->pinned || !is_due(owned, now_ms))
		return;
	if (owned->leaving == LEAVING_NOT)
		change_flags(engine, owned, wanted_flags(engine, owned), now_ms);
	else if (owned->needed &&
		 (owned->leaving == LEAVING_CONFIG || owned->leaving == LEAVING_FLAGS))
		change_flags(engine, owned, owned->is.flags | MPTCPD_FLAG_BACKUP, now_ms);
}

static void add_wanted(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;

	for (size_t i = 0; i < engine->plan.n_endpoints; i++) {
		struct owned *owned = owned_find(endpoints, &engine->plan.endpoints[i].addr);

		if (!owned || !owned->wanted || owned->present || owned->hands_off ||
		    owned->due_ms > now_ms)
			continue;
		if (endpoints->max && count_seen(&engine->model) >= endpoints->max)
			return;
		owned->renew_ms = 0;
		add(engine, owned, now_ms);
	}
}

/* Closes subflows, of connections that can do without them. Returns whether a place got free. */
static bool let_go(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	if (owned->leaving == LEAVING_NOT || owned->needed || !is_due(owned, now_ms))
		return false;
	/* The last one taken away may have had the subflow that made this one superfluous. */
	owned->needed = !owned->released && need_find(engine, owned);
	if (owned->needed)
		return false;
	if (owned->leaving == LEAVING_FLAGS &&
	    ((owned->want.flags ^ owned->is.flags) & ~FLAGS_IN_PLACE) == 0) {
		change_flags(engine, owned, owned->want.flags, now_ms);
		owned->leaving = LEAVING_NOT;
		return false;
	}
	take_away(engine, owned, now_ms);
	return !owned->present;
}

static void act(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;
	bool freed = false;

	for (size_t i = 0; i < endpoints->n_owned; i++)
		soften(engine, &endpoints->owned[i], now_ms);
	/* New before old, as far as there is room. */
	add_wanted(engine, now_ms);
	for (size_t i = 0; i < endpoints->n_owned; i++)
		freed |= let_go(engine, &endpoints->owned[i], now_ms);
	if (freed) {
		wake_waiting(endpoints);
		add_wanted(engine, now_ms);
	}
}

/* ---- all together ---- */

static void earliest(uint64_t *next, uint64_t due_ms, uint64_t now_ms)
{
	if (due_ms > now_ms && due_ms < *next)
		*next = due_ms;
}

static uint64_t next_due(const struct engine *engine, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX, hold = engine->rules->endpoint_hold_ms;

	for (size_t i = 0; i < engine->endpoints.n_owned; i++) {
		const struct owned *owned = &engine->endpoints.owned[i];

		earliest(&next, owned->due_ms, now_ms);
		earliest(&next, owned->renew_ms, now_ms);
		if (owned->leaving == LEAVING_NOT)
			continue;
		earliest(&next, owned->leaving_ms + hold, now_ms);
		if (owned->away_ms)
			earliest(&next, owned->away_ms + hold, now_ms);
	}
	return next;
}

void engine_reconcile_endpoints(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;

	endpoints->dirty = false;
	if (!engine->resync[SNAPSHOT_ENDPOINTS].known)
		return;
	if (guard_is_aside(engine->guard, engine->rules->endpoints.id, 0)) {
		endpoints->due_ms = UINT64_MAX; /* what it made last stays */
		return;
	}
	/* A connection that was asked for subflows counts as ours, unless that was refused. */
	many_hear(engine);
	ask_endpoints(engine);
	owned_compare_all(engine);
	match_plan(engine);
	endpoints->n_leaving = 0;
	endpoints->looked_ms = now_ms;
	for (size_t i = 0; i < endpoints->n_owned; i++)
		engine_judge_endpoint(engine, &endpoints->owned[i], now_ms);
	if (endpoints->is_tight)
		engine_release_outdated(engine);
	owned_choose_ids(engine);
	engine_tell_host(engine);
	act(engine, now_ms);
	mend_all(engine, now_ms);
	owned_compare_all(engine);
	engine_reconcile_limits(engine, now_ms);
	endpoints->due_ms = next_due(engine, now_ms);
}

void engine_endpoint_touched(struct engine *engine)
{
	uint64_t look_ms;

	if (engine->endpoints.n_leaving == 0)
		return;
	look_ms = need_next_look(engine);
	if (look_ms < engine->endpoints.due_ms)
		engine->endpoints.due_ms = look_ms;
}

void engine_endpoint_lost(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	struct mptcpd_addr host = addr_host(&change->local);
	struct owned *owned = owned_find(&engine->endpoints, &host);

	/* Closed without an error: by the peer or the application, which meant it. */
	if (!owned || !change->error || change->unmade)
		return;
	if (owned->foreign)
		mend_lost(engine, owned, now_ms);
	if (!owned->present || !owned->wanted || owned->renew_ms)
		return;
	owned->renew_ms = now_ms + backoff_next(&owned->renewals, RETRY_FIRST_MS, RETRY_MAX_MS);
	engine->endpoints.dirty = true;
}

void engine_leave(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;
	/* Before the first snapshot nobody knows what is there: all stay, recorded. */
	bool known = engine->resync[SNAPSHOT_ENDPOINTS].known;

	if (known)
		owned_compare_all(engine);
	for (size_t i = 0; known && i < endpoints->n_owned; i++) {
		struct owned *owned = &endpoints->owned[i];

		owned->wanted = false;
		if (owned->present && !owned->unconfirmed && !need_is_used(engine, &owned->is.addr))
			take_away(engine, owned, now_ms);
	}
	engine_restore_limits(engine);
	engine_tell_host(engine);
	routing_leave(engine);
}
