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

/* A client's connection over eth0. */
static struct subject subject(void)
{
	return (struct subject){.side = MPTCPD_SIDE_CLIENT,
				.local = addr("10.0.1.1:4000"),
				.remote = addr("192.0.2.1:80"),
				.interface = "eth0"};
}

/* Does a policy alone match that? */
static bool matches_subject(const struct policy_match *match, const struct subject *subject)
{
	struct policy policy = {.match = *match};
	const struct rules rules = {.policies = &policy, .n_policies = 1};

	return rules_for_connection(&rules, subject).policy;
}

static bool matches(const struct policy_match *match)
{
	const struct subject client = subject();

	return matches_subject(match, &client);
}

#define LIST(items) ((struct mptcpd_list){items, G_N_ELEMENTS(items), sizeof((items)[0])})

static struct net net(const char *text)
{
	struct net net = {0};

	g_assert_cmpint(mptcpd_addr_parse_prefix(text, &net.addr, &net.prefix), ==, 0);
	return net;
}

static void test_policy_sides(void)
{
	struct policy_match match = {0};

	g_assert_true(matches(&match));
	match.side = MPTCPD_SIDE_SERVER;
	g_assert_false(matches(&match));
	match.side = MPTCPD_SIDE_CLIENT;
	g_assert_true(matches(&match));
}

static void test_policy_addresses(void)
{
	struct net ours[] = {net("10.0.1.0/24")}, theirs[] = {net("192.0.2.0/31")};
	struct policy_match match = {.locals = LIST(ours)};

	g_assert_true(matches(&match));
	match.remotes = LIST(theirs);
	g_assert_true(matches(&match));
	theirs[0] = net("192.0.2.0/32");
	g_assert_false(matches(&match));
	theirs[0] = net("::/0");
	g_assert_false(matches(&match));
	theirs[0] = net("0.0.0.0/0");
	g_assert_true(matches(&match));
	ours[0] = net("10.0.2.0/24");
	g_assert_false(matches(&match));
}

/* One of a list is enough, whichever; of two lists both are to hold. */
static void test_policy_lists(void)
{
	struct net theirs[] = {net("2001:db8::/32"), net("::ffff:192.0.2.1"), net("10.0.0.0/8")};
	struct mptcpd_ports ports[] = {{443, 443}, {79, 81}, {8000, 8100}};
	const char *globs[] = {"wlan*", "eth?"};
	struct policy_match match = {.remotes = LIST(theirs),
				     .remote_ports = LIST(ports),
				     .interfaces = LIST(globs)};

	g_assert_true(matches(&match));
	ports[1].min = 81;
	g_assert_false(matches(&match));
	ports[2] = (struct mptcpd_ports){1, 80};
	g_assert_true(matches(&match));
	theirs[1] = net("192.0.2.2");
	g_assert_false(matches(&match));
	theirs[0] = net("192.0.2.1");
	g_assert_true(matches(&match));
	globs[1] = "eth";
	g_assert_false(matches(&match));
	globs[0] = "eth0";
	g_assert_true(matches(&match));
}

static void test_policy_ports(void)
{
	struct mptcpd_ports remote[] = {{80, 80}}, local[] = {{4001, 65535}};
	struct policy_match match = {.remote_ports = LIST(remote)};

	g_assert_true(matches(&match));
	match.local_ports = LIST(local);
	g_assert_false(matches(&match));
	local[0] = (struct mptcpd_ports){1, 4000};
	g_assert_true(matches(&match));
	remote[0] = (struct mptcpd_ports){81, 90};
	g_assert_false(matches(&match));
}

static void test_policy_unknown(void)
{
	const char *globs[] = {"*"};
	struct net any[] = {net("0.0.0.0/0")};
	struct policy_match match = {.interfaces = LIST(globs)};
	struct subject somewhere = subject(), nobody = subject();

	somewhere.interface = "";
	g_assert_false(matches_subject(&match, &somewhere));
	match.interfaces.n = 0;
	g_assert_true(matches_subject(&match, &somewhere));
	match.locals = LIST(any);
	nobody.local = (struct mptcpd_addr){0};
	g_assert_false(matches_subject(&match, &nobody));
	match.locals.n = 0;
	match.side = MPTCPD_SIDE_CLIENT;
	nobody.side = MPTCPD_SIDE_UNKNOWN;
	g_assert_false(matches_subject(&match, &nobody));
}

static void test_policy_owner(void)
{
	struct uid_range uids[] = {{0, 0}, {1000, 1999}};
	struct mark_bits marks[] = {{0x10, 0xf0}, {7, UINT32_MAX}};
	struct policy_match match = {.uids = LIST(uids)};
	struct subject client = subject();

	client.uid = 1999;
	client.mark = 0xf1f;
	g_assert_true(matches_subject(&match, &client));
	client.uid = UINT32_MAX; /* nobody's */
	g_assert_false(matches_subject(&match, &client));
	client.uid = 0;
	match.marks = LIST(marks);
	g_assert_true(matches_subject(&match, &client));
	client.mark = 7;
	g_assert_true(matches_subject(&match, &client));
	client.mark = 0x107;
	g_assert_false(matches_subject(&match, &client));
}

static void test_policy_cgroups(void)
{
	static const struct {
		const char *glob, *path;
		bool matches;
	} cases[] = {
		{"/system.slice/nginx.service", "/system.slice/nginx.service", true},
		{"/system.slice/nginx.service", "/system.slice/nginx.service/worker/1", true},
		{"/system.slice/nginx.service", "/system.slice/nginx.service2", false},
		{"/system.slice/nginx.service", "/system.slice", false},
		{"/system.slice/*.service", "/system.slice/a.service", true},
		{"/user.slice/*", "/user.slice/user-1.slice/session-1.scope", true},
		{"/user.slice/*", "/user.slice", false},
		{"*/nginx.service", "/system.slice/nginx.service/worker", true},
		{"/", "/user.slice", true},
		{"/", "/", true},
		{"/?*", "/", false},
		{"*", "", false},
	};
	g_autofree char *endless = g_strnfill(CGROUP_PATH_SIZE, '/');
	struct subject client = subject();

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct policy_match match = {.cgroups = {&cases[i].glob, 1, sizeof(char *)}};

		client.cgroup = cases[i].path;
		g_assert_true(matches_subject(&match, &client) == cases[i].matches);
		client.cgroup = endless;
		g_assert_false(matches_subject(&match, &client));
	}
}

/* Who decides is open as long as a fact is missing that a group asks for which may match. */
static void test_policy_missing(void)
{
	struct uid_range uids[] = {{1000, 1000}};
	struct mptcpd_ports ours[] = {{4000, 4000}};
	struct policy list[3] = {{.match = {.side = MPTCPD_SIDE_SERVER, .uids = LIST(uids)}},
				 {.match = {.local_ports = LIST(ours)}}};
	const struct rules rules = {.policies = list, .n_policies = 3};
	struct subject client = subject();
	struct choice choice;

	client.unknown = FACTS_OF_OWNER;
	choice = rules_for_connection(&rules, &client);
	g_assert_true(choice.policy == &list[1]);
	g_assert_cmpuint(choice.missing, ==, 0);
	g_assert_cmpuint(choice.asked, ==, FACT_LOCAL_PORT);
	client.side = MPTCPD_SIDE_SERVER;
	choice = rules_for_connection(&rules, &client);
	g_assert_true(choice.policy == &list[0]);
	g_assert_cmpuint(choice.missing, ==, FACT_UID);
	/* what is known already keeps it out */
	ours[0].min = 4001;
	list[0].match.local_ports = LIST(ours);
	choice = rules_for_connection(&rules, &client);
	g_assert_true(choice.policy == &list[2]);
	g_assert_cmpuint(choice.missing, ==, 0);
	g_assert_cmpuint(choice.asked, ==, FACT_LOCAL_PORT | FACT_UID);
	g_assert_true(rules_ask(&rules, FACTS_OF_OWNER));
	g_assert_false(rules_ask(&rules, FACT_MARK | FACT_CGROUP));
}

static void test_policy_order(void)
{
	struct policy list[3] = {{.match = {.side = MPTCPD_SIDE_SERVER}}};
	const struct rules rules = {.policies = list, .n_policies = 3};
	const struct rules none = {0};
	struct subject client = subject(), server = subject();

	server.side = MPTCPD_SIDE_SERVER;
	g_assert_true(rules_for_connection(&rules, &client).policy == &list[1]);
	g_assert_true(rules_for_connection(&rules, &server).policy == &list[0]);
	g_assert_null(rules_for_connection(&none, &client).policy);
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
	g_test_add_func("/rules/policy/one-of-a-list-is-enough", test_policy_lists);
	g_test_add_func("/rules/policy/users-and-marks", test_policy_owner);
	g_test_add_func("/rules/policy/cgroups-and-what-is-below-them", test_policy_cgroups);
	g_test_add_func("/rules/policy/open-while-a-fact-is-missing", test_policy_missing);
	g_test_add_func("/rules/policy/unknown-matches-nothing", test_policy_unknown);
	g_test_add_func("/rules/policy/first-match-decides", test_policy_order);
	g_test_add_func("/rules/type-names-go-both-ways", test_type_names);
	return g_test_run();
}
