/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's endpoints and limits: wanted against seen, and whose they are. */
#include "endpoint.h"

#include <errno.h>
#include <string.h>

#include "addr.h"
#include "engine-private.h"

/* What SET_FLAGS changes in place; the rest needs a new endpoint. */
#define FLAGS_IN_PLACE (MPTCPD_FLAG_BACKUP | MPTCPD_FLAG_FULLMESH)
#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS 60000

static uint64_t back_off(uint8_t *attempts)
{
	uint64_t delay = *attempts < 6 ? (uint64_t)RETRY_FIRST_MS << *attempts : RETRY_MAX_MS;

	if (*attempts < UINT8_MAX)
		++*attempts;
	return delay < RETRY_MAX_MS ? delay : RETRY_MAX_MS;
}

/* ---- who has what ---- */

static struct endpoint *find_by_id(const struct model *model, uint8_t id)
{
	struct endpoint *endpoint = model->endpoints;

	while (endpoint && endpoint->id != id)
		endpoint = endpoint->next;
	return endpoint;
}

static struct endpoint *find_by_addr(const struct model *model, const struct mptcpd_addr *addr)
{
	struct endpoint *endpoint = model->endpoints;

	while (endpoint && !addr_equal(&endpoint->addr, addr))
		endpoint = endpoint->next;
	return endpoint;
}

static size_t count_seen(const struct model *model)
{
	size_t n = 0;

	for (const struct endpoint *endpoint = model->endpoints; endpoint;
	     endpoint = endpoint->next)
		n++;
	return n;
}

static struct owned *find_owned(struct endpoints *endpoints, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (addr_equal(&endpoints->owned[i].is.addr, addr))
			return &endpoints->owned[i];
	return NULL;
}

static struct owned *add_owned(struct endpoints *endpoints, const struct mptcpd_addr *addr)
{
	struct owned *owned = NULL;

	if (endpoints->n_owned < ENDPOINTS_OWNED_MAX)
		owned = &endpoints->owned[endpoints->n_owned++];
	/* Full: one whose address is away gives up its id. */
	for (size_t i = 0; !owned && i < endpoints->n_owned; i++)
		if (!endpoints->owned[i].wanted && !endpoints->owned[i].present)
			owned = &endpoints->owned[i];
	if (owned)
		*owned = (struct owned){.is.addr = *addr};
	return owned;
}

static bool is_id_free(const struct engine *engine, const struct owned *for_whom, uint8_t id)
{
	const struct endpoints *endpoints = &engine->endpoints;

	if (find_by_id(&engine->model, id))
		return false;
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (&endpoints->owned[i] != for_whom && endpoints->owned[i].is.id == id)
			return false;
	return true;
}

/* The one it had before, so that the peer knows the address again; else the lowest. 0: none. */
static uint8_t choose_id(const struct engine *engine, const struct owned *owned)
{
	if (owned->is.id && is_id_free(engine, owned, owned->is.id))
		return owned->is.id;
	for (unsigned int id = 1; id <= UINT8_MAX; id++)
		if (is_id_free(engine, owned, (uint8_t)id))
			return (uint8_t)id;
	return 0;
}

/* ---- what was changed by others ---- */

static void compare(struct engine *engine, struct owned *owned)
{
	struct endpoint *seen = owned->is.id ? find_by_id(&engine->model, owned->is.id)
					     : find_by_addr(&engine->model, &owned->is.addr);

	if (!owned->present)
		return;
	if (!owned->is.id && seen && (seen->flags & MPTCPD_FLAG_IMPLICIT))
		return; /* replaced, and the model does not know yet */
	if (!seen || !addr_equal(&seen->addr, &owned->is.addr)) {
		owned->present = false;
		owned->hands_off = !owned->unconfirmed;
		owned->unconfirmed = false;
		return;
	}
	if (seen->flags != owned->is.flags && !owned->unconfirmed)
		owned->pinned = true;
	owned->unconfirmed = false;
	owned->is.id = seen->id;
	owned->is.flags = seen->flags;
	owned->is.ifindex = seen->ifindex;
	seen->ours = true;
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

void engine_learn_endpoint(struct engine *engine, enum event_type type,
			   const struct event_endpoint *is, uint64_t now_ms)
{
	engine_event(engine, &(struct event){.type = type, .endpoint = *is}, now_ms);
}

static void refresh(struct engine *engine)
{
	engine->resync[SNAPSHOT_ENDPOINTS].wanted = true;
}

/* Somebody was faster, or the table is smaller than thought: not the operator's trouble. */
static bool is_race(int r)
{
	return r == -EEXIST || r == -EBUSY || r == -ERANGE;
}

static void add(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	struct endpoint *there = find_by_addr(&engine->model, &owned->want.addr);
	struct event_endpoint is = {.addr = owned->want.addr,
				    .flags = owned->want.flags,
				    .ifindex = owned->want.ifindex};
	int r;

	/* One that the kernel made by itself gives way to one without an id. */
	is.id = there ? 0 : choose_id(engine, owned);
	r = engine->ops->endpoint_add(engine->kernel, &is);
	engine_command(engine, NULL, "ADD_ADDR", is_race(r) ? 0 : r);
	if (r == -ERANGE)
		engine->endpoints.full = (uint32_t)count_seen(&engine->model);
	if (r < 0) {
		owned->due_ms = now_ms + back_off(&owned->attempts);
		refresh(engine);
		return;
	}
	owned->is = is;
	owned->present = true;
	owned->attempts = 0;
	owned->unconfirmed = there != NULL;
	if (there)
		refresh(engine); /* which id it got */
	else
		engine_learn_endpoint(engine, EVENT_ENDPOINT, &is, now_ms);
}

static void take_away(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	int r = engine->ops->endpoint_delete(engine->kernel, &owned->is);

	/* EINVAL: it is not there, which is what was wanted. */
	engine_command(engine, NULL, "DEL_ADDR", r == -EINVAL ? 0 : r);
	if (r < 0 && r != -EINVAL) {
		owned->due_ms = now_ms + back_off(&owned->attempts);
		return;
	}
	owned->present = false;
	engine_learn_endpoint(engine, EVENT_ENDPOINT_GONE, &owned->is, now_ms);
}

static void change_flags(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	struct event_endpoint is = owned->is;
	int r;

	is.flags = owned->want.flags;
	r = engine_command(engine, NULL, "SET_FLAGS",
			   engine->ops->endpoint_flags(engine->kernel, &is));
	if (r < 0) {
		owned->due_ms = now_ms + back_off(&owned->attempts);
		return;
	}
	owned->is = is;
	owned->attempts = 0;
	engine_learn_endpoint(engine, EVENT_ENDPOINT, &is, now_ms);
}

/* ---- what is wanted ---- */

/* Somebody else's endpoint with that address does as well, and is not ours to touch. */
static bool is_foreign(const struct engine *engine, const struct owned *owned)
{
	const struct endpoint *there = find_by_addr(&engine->model, &owned->want.addr);

	return there && !owned->present && !(there->flags & MPTCPD_FLAG_IMPLICIT);
}

static void call_plugin(struct engine *engine, const struct policy_plugin *plugin)
{
	guard_enter(engine->guard, GUARD_PLAN_ENDPOINTS, plugin->id, 0, engine->view.base.now_ms);
	plugin->plugin->plan_endpoints(plugin->data, &engine->view.base, &engine->plan.base);
	guard_leave(engine->guard);
}

static void ask_plugin(struct engine *engine)
{
	const struct policy_plugin *plugin = &engine->rules->endpoints;

	plan_init(&engine->plan, &engine->model, NULL);
	if (plugin->plugin && plugin->plugin->plan_endpoints &&
	    engine->model.path_manager != PATH_MANAGER_USERSPACE)
		call_plugin(engine, plugin);
	if (engine->plan.n_refusals)
		engine_tell_refusals(engine, NULL);
}

static size_t count_foreign(const struct engine *engine)
{
	size_t n = count_seen(&engine->model);

	for (size_t i = 0; i < engine->endpoints.n_owned; i++)
		n -= engine->endpoints.owned[i].present && !engine->endpoints.owned[i].unconfirmed;
	return n;
}

/* Which of the planned find a place, the first ones first. */
static void match_plan(struct engine *engine)
{
	struct endpoints *endpoints = &engine->endpoints;
	size_t room = endpoints->max ? endpoints->max - count_foreign(engine) : SIZE_MAX;

	bool was_wanted[ENDPOINTS_OWNED_MAX] = {false};

	for (size_t i = 0; i < endpoints->n_owned; i++) {
		was_wanted[i] = endpoints->owned[i].wanted;
		endpoints->owned[i].wanted = false;
	}
	for (size_t i = 0; i < engine->plan.n_endpoints; i++) {
		const struct mptcpd_endpoint *want = &engine->plan.endpoints[i];
		struct owned *owned = find_owned(endpoints, &want->addr);

		if (!owned)
			owned = add_owned(endpoints, &want->addr);
		if (!owned)
			return;
		owned->want = *want;
		if (is_foreign(engine, owned)) {
			notice(engine, NOTICE_ENDPOINT_FOREIGN, owned, 0);
		} else if (room == 0) {
			notice(engine, NOTICE_ENDPOINTS_FULL, owned, (int)endpoints->max);
		} else {
			owned->wanted = true;
			/* One that keeps failing takes nobody's place. */
			room -= owned->present || (!owned->hands_off && !owned->attempts);
			if (!was_wanted[owned - endpoints->owned])
				owned->due_ms = 0; /* a place got free */
		}
	}
	for (size_t i = 0; i < endpoints->n_owned; i++) {
		struct owned *owned = &endpoints->owned[i];
		bool planned = false;

		for (size_t j = 0; j < engine->plan.n_endpoints && !planned; j++)
			planned = addr_equal(&engine->plan.endpoints[j].addr, &owned->is.addr);
		/* Its address is away: when it comes back, it is a new case. */
		if (!planned) {
			owned->hands_off = owned->pinned = owned->told = false;
			owned->attempts = owned->renewals = 0;
			owned->due_ms = owned->renew_ms = 0;
		}
	}
}

/* Can the kernel not turn one into the other? */
static bool needs_renewal(const struct owned *owned, uint64_t now_ms)
{
	if (owned->want.ifindex != owned->is.ifindex)
		return true;
	if (owned->renew_ms && owned->renew_ms <= now_ms)
		return true;
	return !owned->pinned && ((owned->want.flags ^ owned->is.flags) & ~FLAGS_IN_PLACE) != 0;
}

void engine_tell_host(struct engine *engine)
{
	struct event_endpoint list[ENDPOINTS_OWNED_MAX];
	struct engine_host host = {
		.endpoints = list,
		.has_limits = engine->endpoints.has_limits,
		.limits_before = engine->endpoints.before,
		.limits_set = engine->endpoints.ours,
	};

	for (size_t i = 0; i < engine->endpoints.n_owned; i++) {
		struct owned *owned = &engine->endpoints.owned[i];

		if (!owned->present && !owned->wanted)
			continue;
		list[host.n_endpoints] = owned->is;
		if (!owned->present) {
			list[host.n_endpoints].id = choose_id(engine, owned);
			owned->is.id = list[host.n_endpoints].id;
		}
		host.n_endpoints++;
	}
	if (engine->observer.on_host)
		engine->observer.on_host(engine->observer.data, &host);
}

static bool is_due(const struct owned *owned, uint64_t now_ms)
{
	return owned->due_ms <= now_ms;
}

static void act(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;

	/* What goes makes room for what comes. */
	for (size_t i = 0; i < endpoints->n_owned; i++) {
		struct owned *owned = &endpoints->owned[i];

		if (!owned->present || owned->unconfirmed || !is_due(owned, now_ms))
			continue;
		if (!owned->wanted || needs_renewal(owned, now_ms))
			take_away(engine, owned, now_ms);
		else if (!owned->pinned && owned->want.flags != owned->is.flags)
			change_flags(engine, owned, now_ms);
	}
	for (size_t i = 0; i < engine->plan.n_endpoints; i++) {
		struct owned *owned = find_owned(endpoints, &engine->plan.endpoints[i].addr);

		if (!owned || !owned->wanted || owned->present || owned->hands_off)
			continue;
		if (is_due(owned, now_ms)) {
			owned->renew_ms = 0;
			add(engine, owned, now_ms);
		}
	}
}

/* ---- all together ---- */

static uint64_t next_due(const struct endpoints *endpoints, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < endpoints->n_owned; i++) {
		const struct owned *owned = &endpoints->owned[i];

		if (owned->due_ms > now_ms && owned->due_ms < next)
			next = owned->due_ms;
		if (owned->renew_ms > now_ms && owned->renew_ms < next)
			next = owned->renew_ms;
	}
	return next;
}

void engine_reconcile_endpoints(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;

	endpoints->dirty = false;
	if (!endpoints->known)
		return;
	if (guard_is_aside(engine->guard, engine->rules->endpoints.id, 0)) {
		endpoints->due_ms = UINT64_MAX; /* what it made last stays */
		return;
	}
	if (endpoints->full && !engine->resync[SNAPSHOT_ENDPOINTS].wanted &&
	    !engine->model.snapshot[SNAPSHOT_ENDPOINTS].open) {
		/* Some may have gone since, and some may have come from others. */
		endpoints->max = (uint32_t)count_seen(&engine->model);
		if (endpoints->max < endpoints->full)
			endpoints->max = endpoints->full;
		endpoints->full = 0;
	}
	ask_plugin(engine);
	for (size_t i = 0; i < endpoints->n_owned; i++)
		compare(engine, &endpoints->owned[i]);
	match_plan(engine);
	engine_tell_host(engine);
	act(engine, now_ms);
	for (size_t i = 0; i < endpoints->n_owned; i++)
		compare(engine, &endpoints->owned[i]);
	engine_reconcile_limits(engine, now_ms);
	endpoints->due_ms = next_due(endpoints, now_ms);
	endpoints->dirty = false; /* what the commands changed is known */
}

/* ---- subflows that died while their link is well ---- */

/* Has any connection of the kernel's path manager a healthy subflow from there? */
static bool has_healthy(const struct engine *engine, const struct mptcpd_addr *local)
{
	const struct connection *connection = model_next_connection(&engine->model, 0);

	for (; connection; connection = connection_next(connection)) {
		if (connection->path_manager != PATH_MANAGER_KERNEL)
			continue;
		for (size_t i = 0; i < connection->n_subflows; i++)
			if (connection->subflows[i].state == SUBFLOW_ESTABLISHED &&
			    !connection->subflows[i].gone &&
			    addr_equal_host(&connection->subflows[i].local, local))
				return true;
	}
	return false;
}

void engine_endpoint_lost(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	struct mptcpd_addr host = addr_host(&change->local);
	struct owned *owned = find_owned(&engine->endpoints, &host);

	/* Closed without an error: by the peer or the application, which meant it. */
	if (!owned || !owned->present || !owned->wanted || owned->renew_ms || !change->error)
		return;
	if (!engine->rules->rejoin_eager && has_healthy(engine, &host))
		return;
	owned->renew_ms = now_ms + back_off(&owned->renewals);
	engine->endpoints.dirty = true;
}

/* ---- coming and going ---- */

void engine_set_host(struct engine *engine, const struct engine_host *host)
{
	struct endpoints *endpoints = &engine->endpoints;

	for (size_t i = 0; i < host->n_endpoints; i++) {
		struct owned *owned = add_owned(endpoints, &host->endpoints[i].addr);

		if (!owned)
			break;
		owned->is = host->endpoints[i];
		owned->present = owned->unconfirmed = true;
	}
	endpoints->has_limits = host->has_limits;
	endpoints->before = host->limits_before;
	endpoints->ours = host->limits_set;
}

void engine_leave(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;

	for (size_t i = 0; i < endpoints->n_owned; i++) {
		struct owned *owned = &endpoints->owned[i];
		struct mptcpd_addr host = addr_host(&owned->is.addr);

		compare(engine, owned);
		owned->wanted = false;
		if (owned->present && !owned->unconfirmed && engine->connections_known &&
		    !has_healthy(engine, &host))
			take_away(engine, owned, now_ms);
	}
	engine_restore_limits(engine);
	engine_tell_host(engine);
}
