/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "addr.h"
#include "rules.h"

static struct mptcpd_addr addr(const char *text)
{
	struct mptcpd_addr ret;

	g_assert_cmpint(addr_parse(text, &ret), ==, 0);
	return ret;
}

static struct interface_rule by_name(char *match)
{
	return (struct interface_rule){.match = match};
}

static struct interface_rule by_type(enum mptcpd_link_type type)
{
	return (struct interface_rule){.by_type = true, .type = (uint8_t)type};
}

static struct interface_rule by_prefix(const char *text)
{
	struct interface_rule rule = {0};

	g_assert_cmpint(mptcpd_addr_parse_prefix(text, &rule.net, &rule.prefix), ==, 0);
	return rule;
}

static void test_interface_order(void)
{
	char wwan[] = "wwan[0-3]", all[] = "*";
	struct interface_rule list[] = {by_name(wwan), by_type(MPTCPD_LINK_WIFI), by_name(all)};
	struct rules rules = {.interfaces = list, .n_interfaces = 3};

	g_assert_true(rules_for_interface(&rules, "wwan0", MPTCPD_LINK_WIFI, false) == &list[0]);
	g_assert_true(rules_for_interface(&rules, "wwan9", MPTCPD_LINK_WIFI, false) == &list[1]);
	g_assert_true(rules_for_interface(&rules, "wwan", MPTCPD_LINK_WWAN, false) == &list[2]);
	rules.n_interfaces = 2;
	g_assert_null(rules_for_interface(&rules, "eth0", MPTCPD_LINK_ETHERNET, false));
}

static void test_interface_as_tunnel(void)
{
	struct interface_rule list[] = {by_type(MPTCPD_LINK_TUNNEL), by_type(MPTCPD_LINK_TAP)};
	struct rules rules = {.interfaces = list, .n_interfaces = 2};

	g_assert_true(rules_for_interface(&rules, "tap0", MPTCPD_LINK_TAP, false) == &list[1]);
	g_assert_true(rules_for_interface(&rules, "tap0", MPTCPD_LINK_TAP, true) == &list[0]);
	list[0].type = MPTCPD_LINK_TAP;
	list[1].type = MPTCPD_LINK_TUNNEL;
	g_assert_true(rules_for_interface(&rules, "tap0", MPTCPD_LINK_TAP, true) == &list[0]);
}

static void test_interface_prefix(void)
{
	char all[] = "eth*";
	struct interface_rule list[] = {by_prefix("10.8.0.0/16"), by_prefix("fd00::/8"),
					by_name(all)};
	struct rules rules = {.interfaces = list, .n_interfaces = 3};
	struct mptcpd_addr inside = addr("10.8.3.4"), outside = addr("10.9.3.4"),
			   inside6 = addr("fd12::1");

	g_assert_true(rules_for_address(&rules, "tun0", MPTCPD_LINK_TUNNEL, false, &inside) ==
		      &list[0]);
	g_assert_true(rules_for_address(&rules, "eth0", MPTCPD_LINK_OTHER, false, &inside) ==
		      &list[0]);
	g_assert_true(rules_for_address(&rules, "eth0", MPTCPD_LINK_OTHER, false, &inside6) ==
		      &list[1]);
	g_assert_true(rules_for_address(&rules, "eth0", MPTCPD_LINK_OTHER, false, &outside) ==
		      &list[2]);
	g_assert_null(rules_for_address(&rules, "tun0", MPTCPD_LINK_TUNNEL, false, &outside));
	/* the interface as such has no address to match */
	g_assert_true(rules_for_interface(&rules, "eth0", MPTCPD_LINK_OTHER, false) == &list[2]);
}

/* Does a policy alone match a client's connection 10.0.1.1:4000 -> 192.0.2.1:80 over eth0? */
static bool matches(const struct policy *policy)
{
	const struct rules rules = {.policies = (struct policy *)(uintptr_t)policy,
				    .n_policies = 1};
	struct mptcpd_addr local = addr("10.0.1.1:4000"), remote = addr("192.0.2.1:80");

	return rules_for_connection(&rules, MPTCPD_SIDE_CLIENT, &local, &remote, "eth0");
}

static void test_policy_sides(void)
{
	struct policy policy = {0};

	g_assert_true(matches(&policy));
	policy.match.side = MPTCPD_SIDE_SERVER;
	g_assert_false(matches(&policy));
	policy.match.side = MPTCPD_SIDE_CLIENT;
	g_assert_true(matches(&policy));
}

static void test_policy_addresses(void)
{
	struct policy policy = {0};

	mptcpd_addr_parse_prefix("10.0.1.0/24", &policy.match.local, &policy.match.local_prefix);
	g_assert_true(matches(&policy));
	mptcpd_addr_parse_prefix("192.0.2.0/31", &policy.match.remote, &policy.match.remote_prefix);
	g_assert_true(matches(&policy));
	mptcpd_addr_parse_prefix("192.0.2.0/32", &policy.match.remote, &policy.match.remote_prefix);
	g_assert_false(matches(&policy));
	mptcpd_addr_parse_prefix("::/0", &policy.match.remote, &policy.match.remote_prefix);
	g_assert_false(matches(&policy));
	mptcpd_addr_parse_prefix("0.0.0.0/0", &policy.match.remote, &policy.match.remote_prefix);
	g_assert_true(matches(&policy));
	mptcpd_addr_parse_prefix("10.0.2.0/24", &policy.match.local, &policy.match.local_prefix);
	g_assert_false(matches(&policy));
}

static void test_policy_ports(void)
{
	struct policy policy = {0};

	policy.match.remote_port_min = 80;
	policy.match.remote_port_max = 80;
	g_assert_true(matches(&policy));
	policy.match.local_port_min = 4001;
	policy.match.local_port_max = 65535;
	g_assert_false(matches(&policy));
	policy.match.local_port_min = 1;
	policy.match.local_port_max = 4000;
	g_assert_true(matches(&policy));
	policy.match.remote_port_min = 81;
	policy.match.remote_port_max = 90;
	g_assert_false(matches(&policy));
}

static void test_policy_interface(void)
{
	char glob[] = "eth*";
	struct policy policy = {.match = {.interface = glob}};

	g_assert_true(matches(&policy));
	glob[0] = 'x';
	g_assert_false(matches(&policy));
}

static void test_policy_unknown(void)
{
	char glob[] = "*";
	struct policy policy = {.match = {.interface = glob}};
	const struct rules rules = {.policies = &policy, .n_policies = 1};
	struct mptcpd_addr local = addr("10.0.1.1:4000"), remote = addr("192.0.2.1:80");
	const struct mptcpd_addr none = {0};

	g_assert_null(rules_for_connection(&rules, MPTCPD_SIDE_CLIENT, &local, &remote, ""));
	policy.match.interface = NULL;
	g_assert_nonnull(rules_for_connection(&rules, MPTCPD_SIDE_CLIENT, &local, &remote, ""));
	mptcpd_addr_parse_prefix("0.0.0.0/0", &policy.match.local, &policy.match.local_prefix);
	g_assert_null(rules_for_connection(&rules, MPTCPD_SIDE_CLIENT, &none, &remote, ""));
	policy.match.local.family = 0;
	policy.match.side = MPTCPD_SIDE_CLIENT;
	g_assert_null(rules_for_connection(&rules, MPTCPD_SIDE_UNKNOWN, &local, &remote, ""));
}

static void test_policy_order(void)
{
	struct policy list[3] = {0};
	const struct rules rules = {.policies = list, .n_policies = 3};
	const struct rules none = {0};
	struct mptcpd_addr local = addr("10.0.1.1:4000"), remote = addr("192.0.2.1:80");

	list[0].match.side = MPTCPD_SIDE_SERVER;
	g_assert_true(rules_for_connection(&rules, MPTCPD_SIDE_CLIENT, &local, &remote, "") ==
		      &list[1]);
	g_assert_true(rules_for_connection(&rules, MPTCPD_SIDE_SERVER, &local, &remote, "") ==
		      &list[0]);
	g_assert_null(rules_for_connection(&none, MPTCPD_SIDE_CLIENT, &local, &remote, ""));
}

static void test_type_names(void)
{
	for (int type = MPTCPD_LINK_OTHER; type < LINK_TYPES; type++)
		g_assert_cmpint(link_type_from_name(link_type_name((enum mptcpd_link_type)type)),
				==, type);
	g_assert_cmpstr(link_type_name(MPTCPD_LINK_WIFI), ==, "wifi");
	g_assert_cmpint(link_type_from_name("wlan"), ==, -1);
	g_assert_cmpint(link_type_from_name(""), ==, -1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rules/interface/first-match-decides", test_interface_order);
	g_test_add_func("/rules/interface/prefix-matches-addresses-only", test_interface_prefix);
	g_test_add_func("/rules/interface/as-tunnel", test_interface_as_tunnel);
	g_test_add_func("/rules/policy/side", test_policy_sides);
	g_test_add_func("/rules/policy/addresses", test_policy_addresses);
	g_test_add_func("/rules/policy/ports", test_policy_ports);
	g_test_add_func("/rules/policy/interface", test_policy_interface);
	g_test_add_func("/rules/policy/unknown-matches-nothing", test_policy_unknown);
	g_test_add_func("/rules/policy/first-match-decides", test_policy_order);
	g_test_add_func("/rules/type-names-go-both-ways", test_type_names);
	return g_test_run();
}
