/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source routing: which rules and routes there are after what, and in which order they are made. */
#include <errno.h>

#include "addr.h"
#include "routing-scene.h"

/* ---- what is made ---- */

static void test_off(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_NO);
	routing_add_default(scene, 3, "10.0.3.254", 300);
	scene_later(scene, 1000);
	assert_ours(scene, 0, 0);
}

static void test_made(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	fake_forget_log(scene->fake);
	routing_start(scene, SOURCE_ROUTING_YES);
	g_assert_true(routing_has_rules(scene, "10.0.1.1", 1));
	g_assert_true(routing_has_rules(scene, "10.0.2.1", 2));
	g_assert_true(routing_has_route(scene, 1, "10.0.1.254", 100, AF_INET));
	g_assert_true(routing_has_route(scene, 1, NULL, UINT32_MAX, AF_INET));
	g_assert_true(routing_has_route(scene, 2, "10.0.2.254", 200, AF_INET));
	g_assert_true(routing_has_route(scene, 2, NULL, UINT32_MAX, AF_INET));
	assert_ours(scene, 4, 4);
	g_assert_cmpuint(scene->fake->counts[FAKE_RULE_DELETE], ==, 0);
	/* Nothing is done twice. */
	fake_forget_log(scene->fake);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(routing_n_deleted, ==, 0);
}

static void test_order(struct scene *scene, gconstpointer unused)
{
	size_t last_route = 0, first_rule = SIZE_MAX;

	routing_lead_out(scene);
	fake_forget_log(scene->fake);
	routing_start(scene, SOURCE_ROUTING_YES);
	for (size_t i = 0; i < scene->fake->n_log; i++) {
		if (scene->fake->log[i].command == FAKE_ROUTE_ADD)
			last_route = i;
		if (scene->fake->log[i].command == FAKE_RULE_ADD && i < first_rule)
			first_rule = i;
	}
	g_assert_cmpuint(last_route, <, first_rule);
	fake_forget_log(scene->fake);
	routing_reload(scene, SOURCE_ROUTING_NO);
	last_route = SIZE_MAX;
	for (size_t i = 0; i < scene->fake->n_log; i++) {
		if (scene->fake->log[i].command == FAKE_ROUTE_DELETE && i < last_route)
			last_route = i;
		if (scene->fake->log[i].command == FAKE_RULE_DELETE)
			first_rule = i;
	}
	g_assert_cmpuint(first_rule, <, last_route);
	assert_ours(scene, 0, 0);
}

static void test_auto(struct scene *scene, gconstpointer unused)
{
	routing_start(scene, SOURCE_ROUTING_AUTO);
	routing_add_default(scene, 1, "10.0.1.254", 100);
	scene_later(scene, 100);
	assert_ours(scene, 0, 0); /* one way out: nothing to choose */
	routing_add_default(scene, 2, "10.0.2.254", 200);
	scene_later(scene, 100);
	g_assert_true(routing_has_rules(scene, "10.0.1.1", 1));
	g_assert_true(routing_has_rules(scene, "10.0.2.1", 2));
	assert_ours(scene, 4, 2); /* nothing is unreachable */
	/* The rule is the memory: the default route of link 1 went, its address did not. */
	routing_drop_default(scene, 1, "10.0.1.254", 100);
	scene_later(scene, 100);
	assert_ours(scene, 4, 1);
}

static void test_families(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	fake_address(scene->fake, 1, "2001:db8:1::1");
	fake_address(scene->fake, 1, "fe80::1");
	fake_address(scene->fake, 2, "2001:db8:2::1");
	routing_add_default(scene, 1, "fe80::254", 1024);
	routing_start(scene, SOURCE_ROUTING_AUTO);
	assert_ours(scene, 4, 2); /* IPv6 leads out by one link */
	routing_add_default(scene, 2, "fe80::254", 1024);
	scene_later(scene, 100);
	g_assert_true(routing_has_rules(scene, "2001:db8:1::1", 1));
	g_assert_true(routing_has_rules(scene, "2001:db8:2::1", 2));
	g_assert_true(routing_has_route(scene, 2, "fe80::254", 1024, AF_INET6));
	assert_ours(scene, 8, 4);
}

static void test_unused(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	fake_link(scene->fake, 4, "never0", true, true);
	fake_address(scene->fake, 4, "10.0.4.1");
	routing_add_default(scene, 4, "10.0.4.254", 50);
	routing_start(scene, SOURCE_ROUTING_YES);
	assert_ours(scene, 4, 4);
}

/* One address on two links: rules by it would take packets of one to the other. */
static void test_twins(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	fake_address(scene->fake, 3, "10.0.1.1");
	routing_start(scene, SOURCE_ROUTING_YES);
	g_assert_false(routing_has_rules(scene, "10.0.1.1", 1));
	g_assert_true(routing_has_rules(scene, "10.0.2.1", 2));
	assert_ours(scene, 2, 2);
}

/* ---- default routes of all kinds ---- */

static void test_tables(struct scene *scene, gconstpointer unused)
{
	struct event_route route = fake_default(3, "10.0.3.254", 5);

	routing_lead_out(scene);
	route.table = 77;
	fake_way(scene->fake, &route);
	/* The same in the main table, worse: once is enough. */
	routing_add_default(scene, 3, "10.0.3.254", 50);
	routing_start(scene, SOURCE_ROUTING_AUTO);
	g_assert_true(routing_has_rules(scene, "10.0.3.1", 3));
	g_assert_true(routing_has_route(scene, 3, "10.0.3.254", 5, AF_INET));
	assert_ours(scene, 6, 3);
}

static void test_several(struct scene *scene, gconstpointer unused)
{
	struct event_route hop = fake_default(1, "10.0.1.253", 100);

	routing_lead_out(scene);
	hop.onlink = true;
	fake_way(scene->fake, &hop); /* another next hop of the same metric */
	routing_start(scene, SOURCE_ROUTING_AUTO);
	g_assert_true(routing_has_route(scene, 1, "10.0.1.253", 100, AF_INET));
	g_assert_true(routing_has_route(scene, 1, "10.0.1.254", 101, AF_INET));
	assert_ours(scene, 4, 3);
	/* More than a table of ours takes. */
	for (int i = 1; i < 20; i++) {
		g_autofree char *gateway = g_strdup_printf("10.0.2.%d", i);

		routing_add_default(scene, 2, gateway, 1000 - i);
	}
	scene_later(scene, 100);
	assert_ours(scene, 4, 10);
	g_assert_true(routing_has_route(scene, 2, "10.0.2.254", 200, AF_INET));
	g_assert_true(routing_has_route(scene, 2, "10.0.2.19", 981, AF_INET));
	g_assert_false(routing_has_route(scene, 2, "10.0.2.1", 999, AF_INET));
}

static void test_renewed(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	/* Another gateway by the same metric, as a DHCP client gives it. */
	routing_drop_default(scene, 1, "10.0.1.254", 100);
	routing_add_default(scene, 1, "10.0.1.250", 100);
	scene_later(scene, 100);
	g_assert_true(routing_has_route(scene, 1, "10.0.1.250", 100, AF_INET));
	assert_ours(scene, 4, 4);
	g_assert_cmpuint(routing_n_deleted, ==, 0);
}

static void test_gateway(struct scene *scene, gconstpointer unused)
{
	static char match[] = "eth3";
	static struct interface_rule group = {.match = match};

	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	assert_ours(scene, 4, 4);
	group.gateways[0] = fake_addr("10.0.3.99");
	routing_rules.interfaces = &group;
	routing_rules.n_interfaces = 1;
	engine_set_rules(scene->engine, &routing_rules, scene->now_ms);
	scene_later(scene, 100);
	g_assert_true(routing_has_rules(scene, "10.0.3.1", 3));
	g_assert_true(routing_has_route(scene, 3, "10.0.3.99", 1024, AF_INET));
	assert_ours(scene, 6, 6);
}

/* ---- what goes ---- */

static void test_lost_default(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	routing_drop_default(scene, 1, "10.0.1.254", 100);
	scene_later(scene, 100);
	g_assert_true(routing_has_rules(scene, "10.0.1.1", 1));
	g_assert_false(routing_has_route(scene, 1, "10.0.1.254", 100, AF_INET));
	g_assert_true(routing_has_route(scene, 1, NULL, UINT32_MAX, AF_INET));
	routing_add_default(scene, 1, "10.0.1.254", 100);
	scene_later(scene, 100);
	assert_ours(scene, 4, 4);
}

static void test_lost_address(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	fake_address_gone(scene->fake, 1, "10.0.1.1");
	scene_later(scene, 100);
	g_assert_true(routing_has_rules(scene, "10.0.2.1", 2));
	assert_ours(scene, 2, 2);
}

/* An open connection has it: it may be back in a moment, as at a DHCP renewal, before its route. */
static void test_used_address(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_SERVER, "10.0.1.1:5000",
		     "10.9.0.1:1000");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	fake_address_gone(scene->fake, 1, "10.0.1.1");
	routing_drop_default(scene, 1, "10.0.1.254", 100);
	scene_later(scene, 100);
	g_assert_true(routing_has_rules(scene, "10.0.1.1", 1));
	g_assert_true(routing_has_route(scene, 1, NULL, UINT32_MAX, AF_INET));
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_later(scene, 31000);
	assert_ours(scene, 2, 2);
}

static void test_link_down(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	/* The kernel drops the link's routes, ours too, and does not say so. */
	fake_link(scene->fake, 1, "eth1", false, false);
	scene_later(scene, 100);
	g_assert_true(routing_has_rules(scene, "10.0.1.1", 1));
	assert_ours(scene, 4, 3);
	fake_link(scene->fake, 1, "eth1", true, true);
	routing_add_default(scene, 1, "10.0.1.254", 100);
	scene_later(scene, 100);
	assert_ours(scene, 4, 4);
	g_assert_cmpuint(routing_n_deleted, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("off-makes-nothing", test_off);
	ADD("each-address-gets-two-rules-and-a-table", test_made);
	ADD("routes-before-rules-and-rules-go-first", test_order);
	ADD("auto-where-there-are-two-ways-out", test_auto);
	ADD("families-are-apart", test_families);
	ADD("links-that-are-not-used-get-none", test_unused);
	ADD("address-of-two-links-gets-none", test_twins);
	ADD("default-of-any-table-counts", test_tables);
	ADD("several-gateways-of-one-link", test_several);
	ADD("gateway-changes-in-place", test_renewed);
	ADD("gateway-from-the-configuration", test_gateway);
	ADD("rule-remembers-a-lost-default", test_lost_default);
	ADD("goes-with-its-address", test_lost_address);
	ADD("stays-for-open-connections", test_used_address);
	ADD("link-goes-down-and-comes-back", test_link_down);
	return g_test_run();
}
