/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New connections are spared a silent link, where that does no harm. */
#include "addr.h"
#include "routing-scene.h"

static void set_up(struct scene *scene, gconstpointer unused)
{
	scene_set_up(scene, unused);
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	routing_rules.spare_new_connections = true;
	assert_ours(scene, 4, 4);
}

static void say(struct scene *scene, uint32_t ifindex, enum mptcpd_health health)
{
	struct event event = {.type = EVENT_HEALTH};

	event.health = (struct event_health){.ifindex = ifindex,
					     .family = AF_INET,
					     .state = (uint8_t)health};
	fake_queue(scene->fake, &event);
	scene_later(scene, 50);
}

/* The route of ours in the main table; family 0: there is none. */
static struct event_route spared(struct scene *scene)
{
	struct event_route found = {.family = 0};

	for (size_t i = 0; i < FAKE_ROUTING; i++) {
		const struct event_route *way = &scene->fake->ways[i];

		if (way->protocol != ROUTING_PROTOCOL || way->table != ROUTING_TABLE_MAIN)
			continue;
		g_assert_cmpuint(found.family, ==, 0);
		found = *way;
	}
	return found;
}

static void assert_spared(struct scene *scene, uint32_t ifindex, const char *gateway,
			  uint32_t metric)
{
	struct event_route route = spared(scene);
	struct mptcpd_addr addr = fake_addr(gateway);

	g_assert_cmpuint(route.ifindex, ==, ifindex);
	g_assert_cmpuint(route.metric, ==, metric);
	g_assert_true(addr_equal_host(&route.gateway, &addr));
}

static void assert_not_spared(struct scene *scene, const char *why)
{
	g_assert_cmpuint(spared(scene).family, ==, 0);
	g_assert_cmpstr(routing_spared, ==, why);
}

static void test_spared(struct scene *scene, gconstpointer unused)
{
	say(scene, 1, MPTCPD_HEALTH_SUSPECT);
	g_assert_cmpuint(spared(scene).family, ==, 0);
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_spared(scene, 2, "10.0.2.254", 99);
	g_assert_cmpstr(routing_spared, ==,
			"new connections of IPv4 are spared eth1, which is silent");
	fake_forget_log(scene->fake);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(routing_n_spared, ==, 1); /* said once */
	say(scene, 1, MPTCPD_HEALTH_WELL);
	g_assert_cmpuint(spared(scene).family, ==, 0);
	assert_ours(scene, 4, 4);
}

static void test_off(struct scene *scene, gconstpointer unused)
{
	routing_rules.spare_new_connections = false;
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_not_spared(scene, "");
}

/* Not the best one: new connections do not begin there. */
static void test_second(struct scene *scene, gconstpointer unused)
{
	say(scene, 2, MPTCPD_HEALTH_SILENT);
	assert_not_spared(scene, "");
}

static void test_no_other(struct scene *scene, gconstpointer unused)
{
	say(scene, 2, MPTCPD_HEALTH_SILENT);
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_not_spared(scene, "");
	say(scene, 2, MPTCPD_HEALTH_WELL);
	assert_spared(scene, 2, "10.0.2.254", 99);
}

/* A third link, worse than the second: the second is taken, and the third when that is silent too. */
static void test_third(struct scene *scene, gconstpointer unused)
{
	routing_add_default(scene, 3, "10.0.3.254", 300);
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_spared(scene, 2, "10.0.2.254", 99);
	say(scene, 2, MPTCPD_HEALTH_SILENT);
	assert_spared(scene, 3, "10.0.3.254", 99);
	say(scene, 2, MPTCPD_HEALTH_WELL);
	assert_spared(scene, 2, "10.0.2.254", 99);
}

/* What a DHCP client changes meanwhile is followed; a better one of somebody's ends it. */
static void test_followed(struct scene *scene, gconstpointer unused)
{
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	routing_drop_default(scene, 2, "10.0.2.254", 200);
	routing_add_default(scene, 2, "10.0.2.250", 200);
	scene_later(scene, 50);
	assert_spared(scene, 2, "10.0.2.250", 99);
	routing_add_default(scene, 2, "10.0.2.250", 50);
	scene_later(scene, 50);
	g_assert_cmpuint(spared(scene).family, ==, 0);
}

static void test_metric(struct scene *scene, gconstpointer unused)
{
	routing_add_default(scene, 1, "10.0.1.254", 0);
	scene_later(scene, 50);
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_not_spared(scene, "new connections of IPv4 are not spared eth1, which is silent: "
				 "nothing comes before the metric of its default route");
}

static void test_foreign_rule(struct scene *scene, gconstpointer unused)
{
	struct event_rule rule = {
		.priority = 100, .table = 50, .family = AF_INET, .protocol = 4, .asks_more = true};

	fake_rule(scene->fake, &rule);
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_not_spared(scene, "new connections of IPv4 are not spared eth1, which is silent: "
				 "a rule that is not mptcpd's comes before the main table");
	fake_rule_gone(scene->fake, &rule);
	scene_later(scene, 50);
	assert_spared(scene, 2, "10.0.2.254", 99);
}

static void test_tunnel(struct scene *scene, gconstpointer unused)
{
	fake_find_link(scene->fake, 1)->type = MPTCPD_LINK_TUNNEL;
	fake_queue(scene->fake,
		   &(struct event){.type = EVENT_LINK, .link = *fake_find_link(scene->fake, 1)});
	scene_later(scene, 50);
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_not_spared(scene, "new connections of IPv4 are not spared eth1, which is silent: "
				 "it is a tunnel");
}

/* An address that two links have gets no rules, and its sockets would be moved. */
static void test_no_rules(struct scene *scene, gconstpointer unused)
{
	fake_address(scene->fake, 3, "10.0.1.1");
	scene_later(scene, 100);
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_not_spared(scene, "new connections of IPv4 are not spared eth1, which is silent: "
				 "its addresses have no rules of mptcpd's");
}

static void test_lives(struct scene *scene, gconstpointer unused)
{
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_spared(scene, 2, "10.0.2.254", 99);
	/* Killed: nobody knows of the silence, and whoever comes next takes it away. */
	routing_start(scene, SOURCE_ROUTING_YES);
	g_assert_cmpuint(spared(scene).family, ==, 0);
	assert_ours(scene, 4, 4);
	routing_rules.spare_new_connections = true;
	say(scene, 1, MPTCPD_HEALTH_SILENT);
	assert_spared(scene, 2, "10.0.2.254", 99);
	engine_leave(scene->engine, scene->now_ms);
	assert_ours(scene, 0, 0);
}

#undef ADD
#define ADD(name, func)                                                                            \
	g_test_add("/routing-spare/" name, struct scene, NULL, set_up, func, scene_tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("while-the-best-link-is-silent", test_spared);
	ADD("not-unless-asked-for", test_off);
	ADD("not-where-another-link-is-the-best", test_second);
	ADD("not-without-another-link", test_no_other);
	ADD("by-the-best-of-the-others", test_third);
	ADD("follows-the-routes-of-others", test_followed);
	ADD("not-before-the-best-metric-of-all", test_metric);
	ADD("not-beside-rules-of-others", test_foreign_rule);
	ADD("not-for-a-tunnel", test_tunnel);
	ADD("not-without-source-rules", test_no_rules);
	ADD("goes-with-its-daemon", test_lives);
	return g_test_run();
}
