/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the configuration says of source routing. */
#include <sys/socket.h>

#include "config-scene.h"

#include "addr.h"

static void assert_addr(const struct mptcpd_addr *addr, const char *text)
{
	struct mptcpd_addr expected = {0};

	if (text)
		g_assert_cmpint(addr_parse(text, &expected), ==, 0);
	g_assert_true(addr_equal(addr, &expected));
}

static void test_core(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules = load(scene, "");

	g_assert_cmpint(rules->source_routing, ==, SOURCE_ROUTING_NO);
	g_assert_cmpuint(rules->route_table, ==, 8684000);
	g_assert_cmpuint(rules->rule_priority, ==, 31000);
	rules = load(scene, "[core]\nsource-routing = auto\n");
	g_assert_cmpint(rules->source_routing, ==, SOURCE_ROUTING_AUTO);
	rules = load(scene, "[core]\nsource-routing = yes\nroute-table = 256\nrule-priority = 1\n");
	g_assert_cmpint(rules->source_routing, ==, SOURCE_ROUTING_YES);
	g_assert_cmpuint(rules->route_table, ==, 256);
	g_assert_cmpuint(rules->rule_priority, ==, 1);
	rules = load(scene, "[core]\nroute-table = 2147483647\nrule-priority = 32764\n");
	g_assert_cmpuint(rules->route_table, ==, INT32_MAX);
}

static void test_spare(struct scene *scene, gconstpointer unused)
{
	g_assert_false(load(scene, "")->spare_new_connections);
	g_assert_true(load(scene, "[core]\nsource-routing = auto\nspare-new-connections = yes\n")
			      ->spare_new_connections);
	load(scene, "[core]\nspare-new-connections = no\n");
	/* Without rules for its addresses a link's connections would follow the new ones. */
	refuse(scene, "[core]\nsource-routing = no\nspare-new-connections = yes\n",
	       "%s:3: spare-new-connections = yes would move the packets of other programs without "
	       "source-routing, expected 'source-routing = auto' or 'yes'\n");
	refuse(scene, "[core]\nsource-routing = yes\nspare-new-connections = perhaps\n",
	       "%s:3: spare-new-connections is 'perhaps', expected yes or no\n");
}

static void test_gateways(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules =
		load(scene, "[interface:a]\ngateway = auto\n[interface:b]\ngateway = 192.0.2.1\n"
			    "[interface:c]\ngateway = fe80::1\n"
			    "[interface:type:wwan]\ngateway = fe80::1, 192.0.2.1\n");

	assert_addr(&rules->interfaces[0].gateways[0], NULL);
	assert_addr(&rules->interfaces[1].gateways[0], "192.0.2.1");
	assert_addr(&rules->interfaces[1].gateways[1], NULL);
	assert_addr(&rules->interfaces[2].gateways[0], NULL);
	assert_addr(&rules->interfaces[2].gateways[1], "fe80::1");
	assert_addr(&rules->interfaces[3].gateways[0], "192.0.2.1");
	assert_addr(&rules->interfaces[3].gateways[1], "fe80::1");
}

static void test_faults(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[core]\nsource-routing = perhaps\nroute-table = 254\nrule-priority = 32765\n",
	       "%s:2: unknown source-routing 'perhaps', expected auto, no or yes\n"
	       "%s:3: route-table is '254', expected a number from 256 to 2147483647\n"
	       "%s:4: rule-priority is '32765', expected a number from 1 to 32764\n");
	refuse(scene, "[core]\nroute-table = 0x100\nrule-priority = 0\n",
	       "%s:2: route-table is '0x100', expected a number from 256 to 2147483647\n"
	       "%s:3: rule-priority is '0', expected a number from 1 to 32764\n");
	refuse(scene,
	       "[interface:a]\ngateway = eth0\n[interface:b]\ngateway = 192.0.2.1 192.0.2.2\n"
	       "[interface:10.8.0.0/16]\ngateway = 10.8.0.1\n[interface:c]\ngateway = ::\n"
	       "[interface:d]\ngateway = 192.0.2.1:80\n[interface:e]\ngateway = auto 192.0.2.1\n"
	       "[interface:f]\ngateway = 192.0.2.1, auto\n[interface:g]\ngateway = auto eth0\n",
	       "%s:2: bad gateway 'eth0', expected auto, or an address like 192.0.2.1 or fe80::1\n"
	       "%s:4: two gateways of IPv4, expected one\n"
	       "%s:6: a gateway is an interface's, and this group is for a prefix: expected it in "
	       "a "
	       "group for an interface\n"
	       "%s:8: bad gateway '::', expected auto, or an address like 192.0.2.1 or fe80::1\n"
	       "%s:10: bad gateway '192.0.2.1:80', expected auto, or an address like 192.0.2.1 or "
	       "fe80::1\n"
	       "%s:12: bad gateway 'auto 192.0.2.1', expected auto alone, or an address like "
	       "192.0.2.1 or fe80::1\n"
	       "%s:14: bad gateway '192.0.2.1, auto', expected auto alone, or an address like "
	       "192.0.2.1 or fe80::1\n"
	       "%s:16: bad gateway 'auto eth0', expected auto alone, or an address like "
	       "192.0.2.1 or fe80::1\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_init(argc, argv);
	ADD("routing/core", test_core);
	ADD("routing/spare", test_spare);
	ADD("routing/gateways", test_gateways);
	ADD("routing/faults", test_faults);
	return g_test_run();
}
