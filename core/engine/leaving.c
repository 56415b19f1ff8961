/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why an endpoint of ours is to go, since when, and whether it may. */
#include "addr.h"
#include "engine-private.h"
#include "endpoint.h"

/* Why does the plugin not want it any more? */
static enum leaving why_unplanned(struct engine *engine, const struct owned *owned)
{
	static const struct mptcpd_addr world;
	const struct interface *interface = model_find_interface(&engine->model, owned->is.ifindex);
	struct mptcpd_addr host = addr_host(&owned->is.addr);
	const struct local *local = model_find_local(&engine->model, &host, owned->is.ifindex);

	if (engine->model.path_manager == PATH_MANAGER_USERSPACE ||
	    engine->rules->path_manager == PATH_MANAGER_USERSPACE)
		return LEAVING_PATH_MANAGER;
	if (!engine->rules->endpoints.plugin ||
	    (interface && (local ? local->usability : interface->usability) == UNUSABLE_CONFIGURED))
		return LEAVING_CONFIG;
	if (!interface || !interface->is.up)
		return LEAVING_LINK;
	if (!interface->is.carrier)
		return LEAVING_CARRIER;
	if (!local || local->usability == UNUSABLE_TENTATIVE)
		return LEAVING_ADDRESS;
	if (local->is.deprecated || local->is.temporary)
		return LEAVING_OUTDATED;
	if (local->usability != USABLE || route_exists(&engine->routes, local, &world))
		return LEAVING_CONFIG;
	return LEAVING_ROUTE;
}

static enum leaving why_leaving(struct engine *engine, const struct owned *owned, uint64_t now_ms)
{
	uint32_t differs = owned->want.flags ^ owned->is.flags;

	if (!owned->present || owned->unconfirmed)
		return LEAVING_NOT;
	if (!owned->planned)
		return why_unplanned(engine, owned);
	if (!owned->wanted)
		return LEAVING_PLACE;
	if (owned->want.ifindex != owned->is.ifindex)
		return LEAVING_INDEX;
	if (!owned->pinned && (differs & ~(uint32_t)MPTCPD_FLAG_BACKUP))
		return LEAVING_FLAGS;
	return owned->renew_ms && owned->renew_ms <= now_ms ? LEAVING_RENEWAL : LEAVING_NOT;
}

static void tell_leaving(struct engine *engine, struct owned *owned)
{
	struct notice it = {.type = NOTICE_ENDPOINT_LEAVING,
			    .text = engine_leaving_text(owned->leaving),
			    .local = owned->is.addr};

	if (owned->told_leaving || !engine->observer.on_notice || !need_is_known(engine))
		return;
	owned->told_leaving = true;
	it.error = (int)need_count(engine, owned);
	engine->observer.on_notice(engine->observer.data, &it);
}

void engine_judge_endpoint(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	struct mptcpd_addr host = addr_host(&owned->is.addr);
	enum leaving before = owned->leaving;
	bool is_away = !model_find_local(&engine->model, &host, 0);

	owned->away_ms = !is_away ? 0 : owned->away_ms ? owned->away_ms : now_ms;
	owned->leaving = why_leaving(engine, owned, now_ms);
	/* A cable that returns may be a moment ahead of its address and route. */
	if (owned->leaving == LEAVING_NOT || before == LEAVING_NOT ||
	    (need_may_be_held(owned->leaving) && !need_may_be_held(before)))
		owned->leaving_ms = now_ms;
	if (owned->leaving == LEAVING_NOT) {
		owned->needed = owned->told_leaving = false;
		return;
	}
	engine->endpoints.n_leaving++;
	owned->released = false;
	owned->needed = need_find(engine, owned);
	if (owned->needed && !need_is_held(engine, owned) && owned->leaving != LEAVING_RENEWAL)
		tell_leaving(engine, owned);
	/* Subflows that others need are not closed to bring back those that died. */
	if (owned->needed && owned->leaving == LEAVING_RENEWAL) {
		owned->renew_ms = 0;
		owned->leaving = LEAVING_NOT;
		engine->endpoints.n_leaving--;
	}
}

static bool is_outdated(const struct owned *owned, const struct owned *beside)
{
	return owned->leaving == LEAVING_OUTDATED && owned->needed &&
	       (!beside || (owned->is.ifindex == beside->is.ifindex &&
			    owned->is.addr.family == beside->is.addr.family));
}

/* Is there one that more connections need? Of equals the first stays. */
static bool is_outdone(struct engine *engine, const struct owned *owned)
{
	struct endpoints *endpoints = &engine->endpoints;
	size_t n = need_count(engine, owned);

	for (size_t i = 0; i < endpoints->n_owned; i++) {
		const struct owned *other = &endpoints->owned[i];
		size_t n_other;

		if (other == owned || !is_outdated(other, owned))
			continue;
		n_other = need_count(engine, other);
		if (n_other > n || (n_other == n && other < owned))
			return true;
	}
	return false;
}

void engine_release_outdated(struct engine *engine)
{
	struct endpoints *endpoints = &engine->endpoints;

	for (size_t i = 0; i < endpoints->n_owned; i++)
		endpoints->owned[i].released = is_outdated(&endpoints->owned[i], NULL) &&
					       is_outdone(engine, &endpoints->owned[i]);
	for (size_t i = 0; i < endpoints->n_owned; i++)
		endpoints->owned[i].needed &= !endpoints->owned[i].released;
}
