/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds where no file says otherwise. */
#include "config-scene.h"

static const struct interface_rule *rule_for(struct scene *scene, const char *name,
					     enum mptcpd_link_type type)
{
	return rules_for_interface(&scene->config->rules, name, type, false);
}

/* What holds for the interfaces of a laptop, a router and a server, where no group says anything. */
static void assert_protected(struct scene *scene)
{
	static const struct {
		const char *name;
		enum mptcpd_link_type type;
		enum use use;
		uint32_t flags; /* 0: none of its own */
	} cases[] = {
		{"eth0", MPTCPD_LINK_ETHERNET, USE_AUTO, 0},
		{"enp3s0", MPTCPD_LINK_ETHERNET, USE_AUTO, 0},
		{"wlan0", MPTCPD_LINK_WIFI, USE_AUTO, 0},
		{"wlp2s0", MPTCPD_LINK_WIFI, USE_AUTO, 0},
		{"bond0", MPTCPD_LINK_BOND, USE_AUTO, 0},
		{"br0", MPTCPD_LINK_BRIDGE, USE_AUTO, 0},
		{"br-lan", MPTCPD_LINK_BRIDGE, USE_AUTO, 0},
		{"eth0.7", MPTCPD_LINK_VLAN, USE_AUTO, 0},
		{"ppp0", MPTCPD_LINK_PPP, USE_AUTO, 0},
		{"dummy", MPTCPD_LINK_OTHER, USE_AUTO, 0},
		/* of the container itself */
		{"eth0", MPTCPD_LINK_VETH, USE_AUTO, 0},
		{"host0", MPTCPD_LINK_VETH, USE_AUTO, 0},
		{"wwp0s20f0u2", MPTCPD_LINK_WWAN, USE_AUTO,
		 MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP},
		{"wwan0", MPTCPD_LINK_ETHERNET, USE_AUTO, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP},
		{"docker0", MPTCPD_LINK_BRIDGE, USE_NO, 0},
		{"virbr0", MPTCPD_LINK_BRIDGE, USE_NO, 0},
		{"lxdbr0", MPTCPD_LINK_BRIDGE, USE_NO, 0},
		{"lxcbr0", MPTCPD_LINK_BRIDGE, USE_NO, 0},
		{"incusbr0", MPTCPD_LINK_BRIDGE, USE_NO, 0},
		{"podman1", MPTCPD_LINK_BRIDGE, USE_NO, 0},
		{"cni0", MPTCPD_LINK_BRIDGE, USE_NO, 0},
		{"tun0", MPTCPD_LINK_TUNNEL, USE_NO, 0},
		{"wg0", MPTCPD_LINK_TUNNEL, USE_NO, 0},
		{"tailscale0", MPTCPD_LINK_TUNNEL, USE_NO, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct interface_rule *rule = rule_for(scene, cases[i].name, cases[i].type);

		g_test_message("%s", cases[i].name);
		g_assert_cmpint(rule ? rule->use : USE_AUTO, ==, cases[i].use);
		g_assert_cmphex(rule && rule->has_flags ? rule->flags : 0, ==, cases[i].flags);
		g_assert_true(!rule || (rule->addresses == 0 && !rule->rp_filter_loose));
	}
}

static void test_protected(struct scene *scene, gconstpointer unused)
{
	load_default(scene);
	assert_protected(scene);
	load(scene, "");
	assert_protected(scene);
	load(scene, "[core]\npath-manager = userspace\n[policy:p]\nplugin = echo\n"
		    "[interface:eno1]\nuse = yes\n[endpoints]\nflags = signal\n");
	assert_protected(scene);
	scene_install(scene, scene_shipped, "fullmesh");
	if (load_file(scene, scene_sample) < 0)
		g_error("%s", scene->faults);
	assert_protected(scene);
}

static void test_replaced(struct scene *scene, gconstpointer unused)
{
	const struct interface_rule *rule;

	/* the namesake of a default, which says nothing of what that says */
	load(scene, "[interface:docker*]\nrp-filter = loose\n[interface:wwan*]\nuse = yes\n"
		    "[interface:type:wwan]\n");
	rule = rule_for(scene, "docker0", MPTCPD_LINK_BRIDGE);
	g_assert_true(rule->use == USE_AUTO && rule->rp_filter_loose && !rule->has_flags);
	rule = rule_for(scene, "wwan0", MPTCPD_LINK_ETHERNET);
	g_assert_true(rule->use == USE_YES && !rule->has_flags);
	g_assert_false(rule_for(scene, "wwp0s20f0u2", MPTCPD_LINK_WWAN)->has_flags);
	g_assert_cmpint(rule_for(scene, "tun0", MPTCPD_LINK_TUNNEL)->use, ==, USE_NO);
	/* one that matches what a default matches; others are as they were */
	load(scene, "[interface:wg*]\nflags = backup\n");
	rule = rule_for(scene, "wg0", MPTCPD_LINK_TUNNEL);
	g_assert_true(rule->use == USE_AUTO && rule->flags == MPTCPD_FLAG_BACKUP);
	g_assert_cmpint(rule_for(scene, "tun0", MPTCPD_LINK_TUNNEL)->use, ==, USE_NO);
	load(scene, "[interface:*]\nflags = signal\n");
	g_assert_cmpint(rule_for(scene, "docker0", MPTCPD_LINK_BRIDGE)->use, ==, USE_AUTO);
}

/* Every key that holds, as `config show` tells it: group.key=value, and where it stands. */
static void assert_shown(struct scene *scene, const char *expected)
{
	const struct ini *ini = &scene->config->ini;
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < ini->n_groups; i++) {
		const struct ini_group *group = &ini->groups[i];

		for (size_t j = 0; j < group->n_keys && strcmp(group->kind, "interface"); j++) {
			const struct ini_key *key = &group->keys[j];

			g_string_append_printf(text, "%s.%s=%s", group->kind, key->name,
					       key->value);
			if (key->where.line)
				g_string_append_printf(text, ":%u", key->where.line);
			else
				g_assert_cmpstr(key->where.file, ==, "default");
			g_string_append_c(text, ' ');
		}
	}
	g_assert_cmpstr(text->str, ==, expected);
}

#define CORE                                                                                       \
	"core.deny-join-initial=keep core.source-routing=no core.spare-new-connections=no "        \
	"core.route-table=8684000 "                                                                \
	"core.rule-priority=31000 "

static void test_shown(struct scene *scene, gconstpointer unused)
{
	load(scene, "");
	assert_shown(scene, "core.path-manager=kernel " CORE "endpoints.plugin=endpoints "
			    "endpoints.flags=subflow endpoints.foreign=mend endpoints.hold=5s "
			    "endpoints.rejoin=lazy ");
	load(scene, "[endpoints]\nsubflows = 3\nflags = signal\n");
	assert_shown(scene, "endpoints.subflows=3:2 endpoints.flags=signal:3 "
			    "endpoints.plugin=endpoints endpoints.foreign=mend endpoints.hold=5s "
			    "endpoints.rejoin=lazy "
			    "core.path-manager=kernel " CORE);
	scene_install(scene, scene_shipped, "fullmesh");
	load(scene, "[core]\npath-manager = userspace\n");
	assert_shown(scene, "core.path-manager=userspace:2 " CORE "policy.plugin=fullmesh ");
	load(scene, "[policy:p]\nplugin = echo\n[core]\npath-manager = unmanaged\n");
	assert_shown(scene, "policy.plugin=echo:2 core.path-manager=unmanaged:4 " CORE
			    "endpoints.plugin=endpoints endpoints.flags=subflow "
			    "endpoints.foreign=mend endpoints.hold=5s endpoints.rejoin=lazy ");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_init(argc, argv);
	ADD("defaults/suit-every-host", test_protected);
	ADD("defaults/give-way-to-what-matches", test_replaced);
	ADD("defaults/are-shown-with-all-that-holds", test_shown);
	return g_test_run();
}
