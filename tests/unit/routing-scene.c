/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "routing-scene.h"

#include "addr.h"

struct rules routing_rules;
size_t routing_n_deleted, routing_n_conflicts, routing_n_spared;
char routing_conflict[128], routing_spared[160];

static void on_notice(void *data, const struct notice *notice)
{
	routing_n_deleted += notice->type == NOTICE_ROUTING_DELETED;
	routing_n_conflicts += notice->type == NOTICE_ROUTING_CONFLICT;
	routing_n_spared += notice->type == NOTICE_SPARED;
	if (notice->type == NOTICE_SPARED)
		g_strlcpy(routing_spared, notice->text, sizeof(routing_spared));
	if (notice->type == NOTICE_ROUTING_CONFLICT)
		g_strlcpy(routing_conflict, notice->text, sizeof(routing_conflict));
}

static struct rules rules_with(enum source_routing mode)
{
	struct rules with = fake_rules;

	with.source_routing = mode;
	with.route_table = TABLE;
	with.rule_priority = PRIORITY;
	return with;
}

void routing_start(struct scene *scene, enum source_routing mode)
{
	routing_rules = rules_with(mode);
	engine_free(scene->engine);
	scene->engine = engine_new(&(struct engine_setup){
		.rules = &routing_rules,
		.ops = &scene->ops,
		.kernel = scene->fake,
		.observer = {.on_notice = on_notice},
		.guard = &scene->guard,
		.seed = 1,
	});
	scene_run(scene);
}

void routing_reload(struct scene *scene, enum source_routing mode)
{
	static struct rules next;

	next = rules_with(mode);
	engine_set_rules(scene->engine, &next, scene->now_ms);
	scene_run(scene);
	routing_rules = next;
	engine_set_rules(scene->engine, &routing_rules, scene->now_ms);
	scene_later(scene, 100);
}

void routing_add_default(struct scene *scene, uint32_t ifindex, const char *gateway,
			 uint32_t metric)
{
	struct event_route route = fake_default(ifindex, gateway, metric);

	fake_way(scene->fake, &route);
}

void routing_drop_default(struct scene *scene, uint32_t ifindex, const char *gateway,
			  uint32_t metric)
{
	struct event_route route = fake_default(ifindex, gateway, metric);

	fake_way_gone(scene->fake, &route);
}

void routing_lead_out(struct scene *scene)
{
	routing_add_default(scene, 1, "10.0.1.254", 100);
	routing_add_default(scene, 2, "10.0.2.254", 200);
	routing_n_deleted = routing_n_conflicts = routing_n_spared = 0;
	routing_spared[0] = '\0';
}

bool routing_has_rule(struct scene *scene, const char *from, uint32_t priority, uint32_t table)
{
	struct mptcpd_addr addr = fake_addr(from);

	for (size_t i = 0; i < FAKE_ROUTING; i++) {
		const struct event_rule *rule = &scene->fake->rules[i];

		if (rule->protocol == ROUTING_PROTOCOL && addr_equal_host(&rule->from, &addr) &&
		    rule->priority == priority && rule->table == table &&
		    rule->from_prefix == (addr.family == AF_INET ? 32 : 128) &&
		    rule->no_default == (table == ROUTING_TABLE_MAIN))
			return true;
	}
	return false;
}

bool routing_has_rules(struct scene *scene, const char *from, uint32_t ifindex)
{
	return routing_has_rule(scene, from, PRIORITY, ROUTING_TABLE_MAIN) &&
	       routing_has_rule(scene, from, PRIORITY + 1, TABLE + ifindex);
}

bool routing_has_route(struct scene *scene, uint32_t ifindex, const char *gateway, uint32_t metric,
		       uint8_t family)
{
	for (size_t i = 0; i < FAKE_ROUTING; i++) {
		const struct event_route *route = &scene->fake->ways[i];
		struct mptcpd_addr addr = gateway ? fake_addr(gateway) : (struct mptcpd_addr){0};

		if (route->protocol == ROUTING_PROTOCOL && route->table == TABLE + ifindex &&
		    route->family == family && route->metric == metric &&
		    addr_equal_host(&route->gateway, &addr) && route->unreachable == !gateway &&
		    route->ifindex == (gateway ? ifindex : 0))
			return true;
	}
	return false;
}
