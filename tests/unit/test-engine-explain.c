/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why paths are not there: what tests/netns/test_explain.py cannot make, or not by itself. */
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

static void on_path(void *data, const struct explain_path *path)
{
	const char *reason = reason_name(path->reason);
	char addr[ADDR_TEXT_SIZE];

	g_assert_cmpint(!!path->reason, ==, !!*path->text);
	g_string_append_printf(data, "%s %s %s: %s\n", path->interface,
			       path->local.family ? addr_format_host(&path->local, addr) : "-",
			       reason ? reason : "none", path->text);
}

static void said(struct scene *scene, const char *wanted)
{
	char words[ENGINE_WORDS_SIZE];
	g_autoptr(GString) text = g_string_new(NULL);

	g_assert_cmpint(engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path, text,
				       words),
			==, 0);
	g_assert_cmpstr(text->str, ==, wanted);
}

static void every_pair(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	said(scene, "eth1 10.0.1.1 none: \neth2 10.0.2.1 none: \neth3 10.0.3.1 none: \n");
	fake_link(scene->fake, 2, "eth2", false, false);
	fake_link(scene->fake, 4, "eth4", true, true);
	fake_link(scene->fake, 5, "eth5", true, false);
	scene_later(scene, 5000);
	said(scene, "eth1 10.0.1.1 none: \neth3 10.0.3.1 none: \n"
		    "eth2 10.0.2.1 link-down: eth2 is down\n"
		    "eth4 - no-address: eth4 has no IPv4 address\n"
		    "eth5 - no-carrier: eth5 has no carrier: nothing is at the other end of it\n");
}

/* Each link by itself, whatever connections there are: what is wrong, or that nothing is. */
static void each_link(struct scene *scene, gconstpointer data)
{
	g_autoptr(GString) text = g_string_new(NULL);

	fake_link(scene->fake, 2, "eth2", false, false);
	fake_link(scene->fake, 4, "eth4", true, true);
	scene->fake->routes[2] = ROUTE_NONE;
	scene_later(scene, 5000);
	fake_forget_log(scene->fake);
	for (uint32_t ifindex = 1; ifindex <= 5; ifindex++)
		engine_examine(scene->engine, ifindex, scene->now_ms, on_path, text);
	g_assert_cmpstr(text->str, ==,
			"eth1 10.0.1.1 none: \n"
			"eth2 10.0.2.1 link-down: eth2 is down\n"
			"eth3 10.0.3.1 no-route: no route leads out from 10.0.3.1 by eth3\n"
			"eth4 - no-address: eth4 has no address\n");
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static int egress_2(void *kernel, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		    uint32_t mark)
{
	return 2;
}

static int table_77(void *kernel, const struct mptcpd_addr *local, uint32_t *ret_before)
{
	return 77;
}

static int table_77_too_late(void *kernel, const struct mptcpd_addr *local, uint32_t *ret_before)
{
	*ret_before = 30999;
	return 77;
}

static void on_remedy(void *data, const struct explain_path *path)
{
	if (*path->remedy)
		g_ptr_array_add(data, g_strdup(path->remedy));
}

/* Without a rule about the source nobody meant otherwise; with one it is a mistake. */
static void led_astray(struct scene *scene, gconstpointer data)
{
	g_autoptr(GString) text = g_string_new(NULL);

	scene->ops.source_table = table_77;
	scene->ops.egress = egress_2;
	scene_later(scene, 100);
	engine_examine(scene->engine, 1, scene->now_ms, on_path, text);
	g_assert_cmpstr(text->str, ==,
			"eth1 10.0.1.1 wrong-link: packets from 10.0.1.1, the address of eth1, "
			"leave by eth2, though a rule about their source leads to table 77\n");
	scene->ops.source_table = NULL;
	g_string_truncate(text, 0);
	engine_examine(scene->engine, 1, scene->now_ms, on_path, text);
	g_assert_cmpstr(text->str, ==,
			"eth1 10.0.1.1 wrong-link: packets from 10.0.1.1 leave by eth2\n");
}

/* As that of a VPN does. To lead elsewhere from the table would not help. */
static void a_rule_comes_before(struct scene *scene, gconstpointer data)
{
	static const struct {
		enum source_routing mode;
		const char *remedy;
	} rows[] = {
		{SOURCE_ROUTING_NO, "ip rule add from 10.0.1.1 lookup 77 priority 30998"},
		{SOURCE_ROUTING_AUTO, "rule-priority = 30000 in [core]"},
		{SOURCE_ROUTING_YES, "rule-priority = 30000 in [core]"},
	};
	static struct rules with[G_N_ELEMENTS(rows)];

	scene->ops.source_table = table_77_too_late;
	scene->ops.egress = egress_2;
	scene_later(scene, 100);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autoptr(GPtrArray) remedies = g_ptr_array_new_with_free_func(g_free);

		with[i] = fake_rules;
		with[i].source_routing = rows[i].mode;
		engine_set_rules(scene->engine, &with[i], scene->now_ms);
		engine_examine(scene->engine, 1, scene->now_ms, on_path, text);
		g_assert_cmpstr(text->str, ==,
				"eth1 10.0.1.1 wrong-link: packets from 10.0.1.1, the address of "
				"eth1, leave by eth2: the rule of priority 30999 comes before the "
				"one about their source, which leads to table 77\n");
		engine_examine(scene->engine, 1, scene->now_ms, on_remedy, remedies);
		g_assert_cmpuint(remedies->len, ==, 1);
		g_assert_cmpstr(remedies->pdata[0], ==, rows[i].remedy);
	}
}

static size_t n_filter_looks;

static bool filters_all(void *kernel, const char *interface)
{
	n_filter_looks++;
	return true;
}

/* What is there already is no remedy. */
static void a_filter_beside_source_routing(struct scene *scene, gconstpointer data)
{
	static struct rules with;
	g_autoptr(GPtrArray) remedies = g_ptr_array_new_with_free_func(g_free);

	scene->ops.filters = filters_all;
	scene->ops.egress = egress_2;
	scene_later(scene, 100);
	engine_examine(scene->engine, 1, scene->now_ms, on_remedy, remedies);
	with = fake_rules;
	with.source_routing = SOURCE_ROUTING_YES;
	engine_set_rules(scene->engine, &with, scene->now_ms);
	engine_examine(scene->engine, 1, scene->now_ms, on_remedy, remedies);
	g_assert_cmpuint(remedies->len, ==, 2);
	g_assert_cmpstr(
		remedies->pdata[0], ==,
		"rp-filter = loose in [interface:eth1], or source-routing = auto in [core]");
	g_assert_cmpstr(remedies->pdata[1], ==, "rp-filter = loose in [interface:eth1]");
}

/* A shell reads each as it was meant, whatever a link is called. */
static void remedies_can_be_typed(struct scene *scene, gconstpointer data)
{
	static const char name[] = "a;id>b'$`\"\\c";
	static const char *const wanted[] = {"ip route replace default via GATEWAY dev %s table 77",
					     "ip route add default via GATEWAY dev %s metric 1000",
					     "ip link set %s up"};
	g_autoptr(GPtrArray) remedies = g_ptr_array_new_with_free_func(g_free);

	fake_link(scene->fake, 1, name, true, true);
	fake_link(scene->fake, 2, name, true, true);
	fake_route(scene->fake, 2, false);
	scene->ops.source_table = table_77;
	scene->ops.egress = egress_2;
	scene_later(scene, 5000);
	engine_examine(scene->engine, 1, scene->now_ms, on_remedy, remedies);
	engine_examine(scene->engine, 2, scene->now_ms, on_remedy, remedies);
	fake_link(scene->fake, 1, name, false, false);
	scene_later(scene, 100);
	engine_examine(scene->engine, 1, scene->now_ms, on_remedy, remedies);
	g_assert_cmpuint(remedies->len, ==, G_N_ELEMENTS(wanted));
	for (size_t i = 0; i < remedies->len; i++) {
		g_auto(GStrv) words = NULL, expected = g_strsplit(wanted[i], " ", 0);

		g_assert_true(g_shell_parse_argv(remedies->pdata[i], NULL, &words, NULL));
		g_assert_cmpuint(g_strv_length(words), ==, g_strv_length(expected));
		for (size_t j = 0; words[j]; j++)
			g_assert_cmpstr(words[j], ==,
					strcmp(expected[j], "%s") == 0 ? name : expected[j]);
	}
}

/* Asked for that alone, and nothing comes of it. */
static void nothing_comes_of_it(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_policy.plans_nothing = true;
	scene_ask(scene);
	scene_later(scene, 1000);
	fake_forget_log(scene->fake);
	said(scene, "eth1 10.0.1.1 none: \n"
		    "eth2 10.0.2.1 policy: not wanted by [policy:all], plugin = mesh\n"
		    "eth3 10.0.3.1 policy: not wanted by [policy:all], plugin = mesh\n");
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

/* A person's wish stays, and its link is what it lacks: that no route leads out there follows of it. */
static void wish_without_a_link(struct scene *scene, gconstpointer data)
{
	struct subflow_request request = {.local = fake_addr("10.0.2.1"),
					  .remote = fake_addr("10.9.0.8:80")};

	scene_meshed(scene);
	g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request, scene->now_ms), ==,
			0);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100);
	fake_link(scene->fake, 2, "eth2", false, false);
	scene_later(scene, 5000);
	said(scene, "eth1 10.0.1.1 none: \neth2 10.0.2.1 link-down: eth2 is down\n"
		    "eth3 10.0.3.1 none: \neth2 10.0.2.1 link-down: eth2 is down\n");
}

/* What a person said of a path is kept while no plan wants it, and is no promise to make it. */
static void kept_and_not_wanted(struct scene *scene, gconstpointer data)
{
	struct mptcpd_addr local = fake_addr("10.0.2.1"), remote = fake_addr("10.9.0.1");

	scene_meshed(scene);
	g_assert_cmpint(engine_subflow_change(scene->engine, SCENE_TOKEN, &local, &remote, true,
					      scene->now_ms),
			==, 0);
	fake_policy.plans_nothing = true;
	scene_ask(scene);
	scene_later(scene, 5000);
	said(scene, "eth1 10.0.1.1 none: \n"
		    "eth2 10.0.2.1 policy: not wanted by [policy:all], plugin = mesh\n"
		    "eth3 10.0.3.1 policy: not wanted by [policy:all], plugin = mesh\n");
}

/* Of the kernel's path manager, where mptcpd makes no endpoints: nobody has asked for ways out. */
static void no_endpoints_here(struct scene *scene, gconstpointer data)
{
	struct policy_plugin endpoints = fake_rules.endpoints;
	struct fake_connection *fake;
	g_autoptr(GPtrArray) remedies = g_ptr_array_new_with_free_func(g_free);
	char words[ENGINE_WORDS_SIZE];

	fake_rules.endpoints.plugin = NULL;
	fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000",
			    SCENE_SERVER);
	fake->path_manager = PATH_MANAGER_KERNEL;
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_later(scene, 5000);
	said(scene, "eth1 10.0.1.1 none: \n"
		    "eth2 10.0.2.1 policy: mptcpd makes no endpoints here\n"
		    "eth3 10.0.3.1 policy: mptcpd makes no endpoints here\n");
	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_remedy, remedies, words);
	g_assert_cmpuint(remedies->len, ==, 2);
	g_assert_cmpstr(remedies->pdata[0], ==, "mptcpctl endpoint add 10.0.2.1 dev eth2 subflow");
	fake_rules.endpoints = endpoints;
}

static int by_the_first(void *kernel, const struct mptcpd_addr *local,
			const struct mptcpd_addr *remote, uint32_t mark)
{
	return 1;
}

/* As before Linux 6.12. */
static void unbound(struct scene *scene, gconstpointer data)
{
	char words[ENGINE_WORDS_SIZE];
	g_autoptr(GString) text = g_string_new(NULL);

	scene->fake->ignores_link = true;
	scene->ops.egress = by_the_first;
	scene_client(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path, text, words);
	g_test_message("%s", text->str);
	g_assert_nonnull(strstr(text->str, "unbound: packets from 10.0.2.1 leave by eth1: this "
					   "kernel binds no subflow to its link, Linux 6.12 does"));
}

static void count_path(void *data, const struct explain_path *path)
{
	++*(size_t *)data;
}

/* A connection is told of in one go: others wait meanwhile, so that has an end. */
static void bounded(struct scene *scene, gconstpointer data)
{
	char words[ENGINE_WORDS_SIZE];
	size_t n = 0, n_subflows;

	for (unsigned int i = 4; i < 60; i++) {
		g_autofree char *address = g_strdup_printf("10.0.%u.%u", 1 + i % 3, i);

		fake_address(scene->fake, 1 + i % 3, address);
	}
	scene->ops.filters = filters_all;
	scene_client(scene);
	for (uint8_t i = 1; i <= 8; i++) {
		g_autofree char *remote = g_strdup_printf("10.9.0.%u:80", 10 + i);

		fake_announced(scene->fake, SCENE_TOKEN, i, remote);
	}
	scene_later(scene, 5000);
	fake_forget_log(scene->fake);
	n_filter_looks = 0;
	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, count_path, &n, words);
	n_subflows = scene_connection(scene)->n_subflows;
	g_test_message("%zu paths, %zu of them records; %zu routes, %zu egress, %zu filters", n,
		       n_subflows, scene->fake->counts[FAKE_ROUTE],
		       scene->fake->counts[FAKE_EGRESS], n_filter_looks);
	g_assert_cmpuint(n, ==, n_subflows + 256); /* of 531 pairs */
	g_assert_cmpuint(scene->fake->counts[FAKE_ROUTE], <=, MPTCPD_PLAN_MAX);
	g_assert_cmpuint(scene->fake->counts[FAKE_EGRESS], <=, n_subflows);
	g_assert_cmpuint(n_filter_looks, <=, n_subflows);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void words(void)
{
	for (int i = REASON_NONE + 1; i <= REASON_UNKNOWN; i++) {
		g_assert_nonnull(reason_name((enum reason)i));
		for (int j = REASON_NONE + 1; j < i; j++)
			g_assert_cmpstr(reason_name((enum reason)i), !=,
					reason_name((enum reason)j));
	}
	g_assert_null(reason_name(REASON_NONE));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("examine/remedies-can-be-typed", remedies_can_be_typed);
	ADD("examine/each-link-by-itself", each_link);
	ADD("examine/a-rule-that-leads-astray", led_astray);
	ADD("examine/a-rule-that-comes-before", a_rule_comes_before);
	ADD("examine/a-filter-beside-source-routing", a_filter_beside_source_routing);
	ADD("explain/every-pair-and-links-without-an-address", every_pair);
	ADD("explain/what-no-plan-wants-and-nothing-comes-of-it", nothing_comes_of_it);
	ADD("explain/what-a-person-asked-for-while-its-link-is-down", wish_without_a_link);
	ADD("explain/what-a-person-said-of-a-path-that-no-plan-wants", kept_and_not_wanted);
	ADD("explain/where-mptcpd-makes-no-endpoints", no_endpoints_here);
	ADD("explain/a-slice-is-bounded", bounded);
	ADD("explain/subflows-that-are-bound-to-no-link", unbound);
	g_test_add_func("/engine/explain/each-reason-has-a-word-of-its-own", words);
	return g_test_run();
}
