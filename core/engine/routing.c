/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source routing: wanted against seen, and the commands that close the difference. */
#include "routing.h"

#include <errno.h>
#include <string.h>

#include "engine-private.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS 60000
/* What others delete is made again at once so often, */
#define AT_ONCE 3
/* and that is forgotten when they have left it alone for so long. */
#define QUIET_MS 120000
/* A VPN that goes has gone so long after the last rule of ours that went with it. */
#define YIELD_MS 3000
/* Paths wait for rules at most so long: a dump may fail. */
#define WAIT_MS 1000
/* Rules that stay for open connections are looked at again. */
#define HELD_MS 30000

static bool is_on(const struct engine *engine)
{
	return !engine->passive && engine->rules->source_routing != SOURCE_ROUTING_NO;
}

/* ---- when ---- */

static void await(struct engine *engine, uint64_t now_ms)
{
	if (!engine->routing.wait_ms)
		engine->routing.wait_ms = now_ms + WAIT_MS;
}

static bool is_loss(const struct change *change)
{
	return change->type == CHANGE_INTERFACE_REMOVED ||
	       change->type == CHANGE_INTERFACE_ADDRESS_REMOVED ||
	       (change->type == CHANGE_INTERFACE_CHANGED && !change->returned);
}

void routing_touch(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	bool is_lost = change->type == CHANGE_LOST && change->snapshot == SNAPSHOT_HOST;

	if (!is_on(engine) || !(change->host || is_lost) ||
	    (change->type == CHANGE_ROUTES && change->news == ROUTING_NEWS_NONE))
		return;
	resync_want(engine, SNAPSHOT_ROUTING);
	/* With a link, or its last address, the kernel drops its routes, those of IPv4 in silence. */
	if (change->type != CHANGE_ROUTES && change->type != CHANGE_INTERFACE_HEALTH && !is_lost) {
		engine->routing.n_deleted = 0;
		sorted_clear(&engine->routing.had_routes);
	}
	if (change->news == ROUTING_NEWS_ADDED || change->type == CHANGE_INTERFACE_ADDRESS_ADDED)
		await(engine, now_ms);
	else if (is_loss(change))
		engine->routing.wait_ms = 0; /* whoever is on that link does not wait */
}

void routing_renew(struct engine *engine, uint64_t now_ms)
{
	if (engine->passive)
		return;
	resync_want(engine, SNAPSHOT_ROUTING);
	engine->routing.n_deleted = 0;
	if (is_on(engine))
		await(engine, now_ms);
}

/* Are the facts there, as they are now? */
static bool is_known(const struct engine *engine)
{
	return engine->resync[SNAPSHOT_ROUTING].known &&
	       !resync_is_wanted(engine, SNAPSHOT_ROUTING) &&
	       !engine->model.snapshot[SNAPSHOT_ROUTING].open &&
	       !engine->model.snapshot[SNAPSHOT_ROUTING].sweeping;
}

bool routing_is_due(const struct engine *engine, uint64_t now_ms)
{
	return (engine->routing.dirty || engine->routing.due_ms <= now_ms) && is_known(engine);
}

uint64_t routing_awaited(const struct engine *engine, uint64_t now_ms)
{
	return engine->routing.wait_ms > now_ms ? engine->routing.wait_ms : 0;
}

/* ---- commands ---- */

/* May it take the place of what the table has with its metric? In ours it may; in the main one, of ours. */
static bool may_replace(const struct engine *engine, const struct event_route *route)
{
	const struct sorted *seen = &engine->model.routing.routes;

	for (size_t i = 0; i < seen->n; i++) {
		const struct event_route *there = routing_route(seen, i);

		if (there->table == route->table && there->family == route->family &&
		    there->metric == route->metric && routing_is_own_route(there))
			return true;
	}
	return route->table != ROUTING_TABLE_MAIN;
}

/* Returns whether it is there. */
static bool add_route(struct engine *engine, const struct event_route *route)
{
	int r = engine->ops->route_add(engine->kernel, route, may_replace(engine, route));

	engine_command(engine, NULL, "NEWROUTE", r == -EEXIST ? 0 : r);
	if (r < 0)
		return false;
	sorted_add(&engine->model.routing.routes, route);
	return true;
}

static bool add_rule(struct engine *engine, const struct event_rule *rule)
{
	int r = engine->ops->rule_add(engine->kernel, rule);

	engine_command(engine, NULL, "NEWRULE", r == -EEXIST ? 0 : r);
	if (r < 0 && r != -EEXIST)
		return false;
	sorted_add(&engine->model.routing.rules, rule);
	return true;
}

static bool is_gone(int r)
{
	return r == 0 || r == -ENOENT || r == -ESRCH || r == -ENODEV;
}

static bool delete_rules(struct engine *engine)
{
	struct sorted *seen = &engine->model.routing.rules;
	bool done = true;

	for (size_t i = seen->n; i-- > 0;) {
		struct event_rule rule = *routing_rule(seen, i);
		int r;

		if (!routing_is_own_rule(&rule) || sorted_find(&engine->routing.rules, &rule))
			continue;
		r = engine->ops->rule_delete(engine->kernel, &rule);
		engine_command(engine, NULL, "DELRULE", is_gone(r) ? 0 : r);
		if (is_gone(r))
			sorted_remove(seen, &rule);
		done &= is_gone(r);
	}
	return done;
}

static bool delete_routes(struct engine *engine)
{
	struct sorted *seen = &engine->model.routing.routes;
	bool done = true;

	for (size_t i = seen->n; i-- > 0;) {
		struct event_route route = *routing_route(seen, i);
		int r;

		if (!routing_is_own_route(&route) || sorted_find(&engine->routing.routes, &route))
			continue;
		r = engine->ops->route_delete(engine->kernel, &route);
		engine_command(engine, NULL, "DELROUTE", is_gone(r) ? 0 : r);
		if (is_gone(r))
			sorted_remove(seen, &route);
		done &= is_gone(r);
	}
	return done;
}

/* ---- what others delete ---- */

static size_t count_missing(const struct sorted *wanted, const struct sorted *had,
			    const struct sorted *seen)
{
	size_t n = 0;

	for (size_t i = 0; i < wanted->n; i++)
		n += sorted_find(had, sorted_at(wanted, i)) &&
		     !sorted_find(seen, sorted_at(wanted, i));
	return n;
}

static void tell(struct engine *engine, enum notice_type type, const char *text)
{
	struct notice notice = {.type = type, .text = text};

	if (engine->observer.on_notice)
		engine->observer.on_notice(engine->observer.data, &notice);
}

/* Is there for all sources what we have for each? wg-quick(8) makes such a rule. */
static bool has_vpn(const struct engine *engine, uint8_t family)
{
	const struct sorted *seen = &engine->model.routing.rules;

	for (size_t i = 0; i < seen->n; i++) {
		const struct event_rule *rule = routing_rule(seen, i);

		if (rule->family == family && rule->no_default && !rule->from.family &&
		    !rule->asks_more && rule->table == ROUTING_TABLE_MAIN &&
		    !routing_is_own_rule(rule))
			return true;
	}
	return false;
}

/* What is missing of ours, and whether a VPN's are there, or were, that would go with it. */
struct loss {
	size_t n;
	bool is_like_vpn; /* those alone that go if a VPN's are deleted without naming a source */
	bool has, had;
};

static struct loss find_loss(struct engine *engine)
{
	struct routes_kept *kept = &engine->routing;
	const bool has[] = {has_vpn(engine, AF_INET), has_vpn(engine, AF_INET6)};
	struct loss loss = {
		.n = count_missing(&kept->routes, &kept->had_routes, &engine->model.routing.routes),
		.had = kept->yield_ms > 0,
	};

	loss.is_like_vpn = loss.n == 0;
	for (size_t i = 0; i < kept->rules.n; i++) {
		const struct event_rule *rule = routing_rule(&kept->rules, i);
		bool is_6 = rule->family == AF_INET6;

		if (!sorted_find(&kept->had_rules, rule) ||
		    sorted_find(&engine->model.routing.rules, rule))
			continue;
		loss.n++;
		loss.is_like_vpn &= rule->no_default;
		loss.has |= has[is_6];
		loss.had |= kept->had_vpn[is_6];
	}
	memcpy(kept->had_vpn, has, sizeof(has));
	return loss;
}

enum vpn { VPN_NONE, VPN_GOES, VPN_GONE };

/*
 * wg-quick(8) deletes the first such rule, again and again, until its own is gone. What is made again
 * meanwhile is deleted again: so that waits.
 */
static enum vpn find_vpn(struct routes_kept *kept, const struct loss *loss, uint64_t now_ms)
{
	if (loss->n == 0) {
		kept->yield_ms = 0;
		kept->n_yielded = 0;
	}
	if (loss->n == 0 || !loss->is_like_vpn || !(loss->has || loss->had))
		return VPN_NONE;
	if (!loss->has)
		return VPN_GONE;
	if (loss->n > kept->n_yielded)
		kept->yield_ms = now_ms + YIELD_MS;
	kept->n_yielded = loss->n;
	return now_ms < kept->yield_ms ? VPN_GOES : VPN_NONE;
}

/* Returns whether what others deleted may be made again now. */
static bool may_repeat(struct engine *engine, uint64_t now_ms)
{
	struct routes_kept *kept = &engine->routing;
	const struct loss loss = find_loss(engine);
	enum vpn vpn = find_vpn(kept, &loss, now_ms);
	uint8_t n_slow;

	if (loss.n == 0 || vpn == VPN_GONE)
		return true;
	if (vpn == VPN_GOES || now_ms < kept->again_ms)
		return false;
	if (now_ms - kept->again_ms > QUIET_MS) {
		kept->n_deleted = 0;
		kept->told = false;
	}
	if (!kept->told)
		tell(engine, NOTICE_ROUTING_DELETED, "");
	kept->told = true;
	n_slow = kept->n_deleted < AT_ONCE ? 0 : kept->n_deleted - AT_ONCE;
	kept->again_ms = now_ms;
	if (kept->n_deleted < UINT8_MAX)
		kept->n_deleted++;
	if (kept->n_deleted > AT_ONCE)
		kept->again_ms += backoff_next(&n_slow, RETRY_FIRST_MS, RETRY_MAX_MS);
	return true;
}

/* ---- all together ---- */

/* What was said already. */
struct said {
	char conflict[sizeof(((struct routes_kept *)0)->conflict)];
	char spare[2][sizeof(((struct routes_kept *)0)->spare[0])];
};

static void tell_news(struct engine *engine, const struct said *before)
{
	const struct routes_kept *kept = &engine->routing;

	if (*kept->conflict && strcmp(kept->conflict, before->conflict) != 0)
		tell(engine, NOTICE_ROUTING_CONFLICT, kept->conflict);
	for (size_t i = 0; i < 2; i++)
		if (*kept->spare[i] && strcmp(kept->spare[i], before->spare[i]) != 0)
			tell(engine, NOTICE_SPARED, kept->spare[i]);
}

/* Is there a way out of the table, as far as there should be one? Else a rule would lead nowhere. */
static bool has_way_out(const struct engine *engine, const struct event_rule *rule)
{
	const struct sorted *wanted = &engine->routing.routes;
	bool should = false;

	for (size_t i = 0; i < wanted->n; i++) {
		const struct event_route *route = routing_route(wanted, i);

		if (route->table != rule->table || route->family != rule->family ||
		    route->unreachable)
			continue;
		if (sorted_find(&engine->model.routing.routes, route))
			return true;
		should = true;
	}
	return !should;
}

/* What is wanted and there, or was before others deleted it. */
static void remember(struct sorted *had, const struct sorted *wanted, const struct sorted *seen)
{
	for (size_t i = had->n; i-- > 0;)
		if (!sorted_find(wanted, sorted_at(had, i)))
			sorted_remove(had, sorted_at(had, i));
	for (size_t i = 0; i < wanted->n; i++)
		if (sorted_find(seen, sorted_at(wanted, i)))
			sorted_add(had, sorted_at(wanted, i));
}

static bool is_deleted(const struct sorted *had, const void *item, bool may)
{
	return !may && sorted_find(had, item);
}

/* Routes, then the rules that lead to them. Returns whether all is there. */
static bool add_wanted(struct engine *engine, bool may)
{
	struct routes_kept *kept = &engine->routing;
	bool done = true;

	for (size_t i = 0; i < kept->routes.n; i++) {
		const struct event_route *route = routing_route(&kept->routes, i);

		if (sorted_find(&engine->model.routing.routes, route) ||
		    is_deleted(&kept->had_routes, route, may))
			continue;
		done &= add_route(engine, route);
	}
	for (size_t i = 0; i < kept->rules.n; i++) {
		const struct event_rule *rule = routing_rule(&kept->rules, i);

		if (sorted_find(&engine->model.routing.rules, rule) ||
		    is_deleted(&kept->had_rules, rule, may) || !has_way_out(engine, rule))
			continue;
		done &= add_rule(engine, rule);
	}
	return done;
}

static void reconcile(struct engine *engine, uint64_t now_ms)
{
	struct routes_kept *kept = &engine->routing;
	struct said before;
	bool may, done = true;

	memcpy(before.conflict, kept->conflict, sizeof(before.conflict));
	memcpy(before.spare, kept->spare, sizeof(before.spare));
	routing_want(engine, false);
	routing_want_spare(engine);
	tell_news(engine, &before);
	may = may_repeat(engine, now_ms);
	if (!*kept->conflict)
		done = add_wanted(engine, may);
	done &= delete_rules(engine);
	done &= delete_routes(engine);
	remember(&kept->had_routes, &kept->routes, &engine->model.routing.routes);
	remember(&kept->had_rules, &kept->rules, &engine->model.routing.rules);
	kept->due_ms = kept->is_held ? now_ms + HELD_MS : UINT64_MAX;
	if (!may)
		kept->due_ms = ms_at_least(kept->again_ms, kept->yield_ms);
	if (done)
		kept->n_failed = 0;
	else
		kept->due_ms = now_ms + backoff_next(&kept->n_failed, RETRY_FIRST_MS, RETRY_MAX_MS);
}

void routing_settle(struct engine *engine, uint64_t now_ms)
{
	if (engine->passive || !routing_is_due(engine, now_ms))
		return;
	engine->routing.dirty = false;
	reconcile(engine, now_ms);
	engine->routing.wait_ms = 0;
}

void routing_leave(struct engine *engine)
{
	if (engine->passive || !engine->resync[SNAPSHOT_ROUTING].known)
		return;
	routing_want(engine, true);
	delete_rules(engine);
	delete_routes(engine);
}
