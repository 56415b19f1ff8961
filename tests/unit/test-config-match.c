/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which connections a policy is for: the match-* keys of its group. */
#include "addr.h"
#include "config-scene.h"

static void assert_nets(const struct mptcpd_list *nets, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < nets->n; i++) {
		const struct net *net = mptcpd_list_get(nets, i);
		char host[ADDR_TEXT_SIZE];

		g_string_append_printf(text, "%s/%u ", addr_format(&net->addr, host), net->prefix);
	}
	g_assert_cmpstr(text->str, ==, expected);
}

static void assert_ports(const struct mptcpd_list *ranges, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < ranges->n; i++) {
		const struct mptcpd_ports *ports = mptcpd_list_get(ranges, i);

		g_string_append_printf(text, "%u-%u ", ports->min, ports->max);
	}
	g_assert_cmpstr(text->str, ==, expected);
}

static void test_matches(struct scene *scene, gconstpointer unused)
{
	const struct policy *policy =
		load(scene, "[policy:all-of.it_1]\n"
			    "match-side = server\n"
			    "match-local-address = 10.0.0.1/8, ::ffff:192.0.2.0/24 ::/0\n"
			    "match-remote-address = 2001:db8::/32,192.0.2.1,0.0.0.0/0\n"
			    "match-local-port = 443\n"
			    "match-remote-port = 1024-65535, 1 , 7-7\n"
			    "match-interface = eth*, a-rather-long-[n]ame-*\n"
			    "plugin = echo\n")
			->policies;
	const struct policy_match *match = &policy->match;
	const char *const *second = mptcpd_list_get(&match->interfaces, 1);

	g_assert_cmpstr(policy->name, ==, "all-of.it_1");
	g_assert_true(match->side == MPTCPD_SIDE_SERVER);
	assert_nets(&match->locals, "10.0.0.1/8 192.0.2.0/24 ::/0 ");
	assert_nets(&match->remotes, "2001:db8::/32 192.0.2.1/32 0.0.0.0/0 ");
	assert_ports(&match->local_ports, "443-443 ");
	assert_ports(&match->remote_ports, "1024-65535 1-1 7-7 ");
	g_assert_cmpuint(match->interfaces.n, ==, 2);
	g_assert_nonnull(second);
	g_assert_cmpstr(*second, ==, "a-rather-long-[n]ame-*");
	match = &load(scene, "[policy:p]\nplugin = echo\n")->policies->match;
	g_assert_cmpuint(match->side + match->locals.n + match->remotes.n + match->local_ports.n +
				 match->remote_ports.n + match->interfaces.n,
			 ==, 0);
}

static void test_owner_matches(struct scene *scene, gconstpointer unused)
{
	const struct policy_match *match = &load(scene, "[policy:p]\nplugin = echo\n"
							"match-uid = root, 1000 2000-4294967294\n"
							"match-mark = 0x10/0xF0, 7, 0\n"
							"match-cgroup = /, /user.slice/* *nginx*\n")
						    ->policies->match;
	static const struct uid_range uids[] = {{0, 0}, {1000, 1000}, {2000, UINT32_MAX - 1}};
	static const struct mark_bits marks[] = {{0x10, 0xf0}, {7, UINT32_MAX}, {0, UINT32_MAX}};

	g_assert_cmpmem(match->uids.first, match->uids.n * sizeof(uids[0]), uids, sizeof(uids));
	g_assert_cmpmem(match->marks.first, match->marks.n * sizeof(marks[0]), marks,
			sizeof(marks));
	g_assert_cmpuint(match->cgroups.n, ==, 3);
	g_assert_true(rules_ask(&scene->config->rules, FACT_CGROUP));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_init(argc, argv);
	ADD("policy-matches", test_matches);
	ADD("matches-of-users-marks-and-cgroups", test_owner_matches);
	return g_test_run();
}
