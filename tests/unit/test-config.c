/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "addr.h"
#include "config-scene.h"
#include "trial.h"

static void test_built_in(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules = load_default(scene);

	g_assert_true(rules->manage_path_manager);
	g_assert_cmpint(rules->path_manager, ==, PATH_MANAGER_KERNEL);
	g_assert_cmpuint(rules->n_policies, ==, 0);
	g_assert_cmpstr(rules->endpoints.plugin->name, ==, "endpoints");
	g_assert_cmphex(rules->endpoint_flags, ==, MPTCPD_FLAG_SUBFLOW);
	g_assert_false(rules->rejoin_eager);
	g_assert_true(rules->mend_foreign);
	g_assert_cmpuint(scene->config->ini.n_files, ==, 0);
	g_assert_cmpstr(scene->config->warnings, ==, "");
	g_assert_cmpstr(config_path_manager_name(rules), ==, "kernel");
}

static void test_path_managers(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules;

	rules = load(scene, "[core]\npath-manager = unmanaged\n[policy:p]\nplugin = echo\n");
	g_assert_false(rules->manage_path_manager);
	g_assert_cmpstr(config_path_manager_name(rules), ==, "unmanaged");
	g_assert_cmpstr(rules->endpoints.plugin->name, ==, "endpoints");
	rules = load(scene, "[core]\npath-manager = userspace\n[policy:p]\nplugin = echo\n");
	g_assert_true(rules->manage_path_manager);
	g_assert_null(rules->endpoints.plugin);
	g_assert_cmpint(rules->path_manager, ==, PATH_MANAGER_USERSPACE);
	g_assert_cmpstr(config_path_manager_name(rules), ==, "userspace");
}

static void test_unmanaged(struct scene *scene, gconstpointer unused)
{
	static const struct {
		const char *text;
		bool is_unmanaged;
	} cases[] = {
		{"", false},
		{"[core]\npath-manager = unmanaged\n", true},
		{"[core]\npath-manager = userspace\n", false},
		{"[core]\npath-manager = kernel\n[endpoints]\nplugin = none-such\n", false},
		{"[core]\npath-manager = unmanaged\n[core]\nno key\n[policy:x]\nplugin = no\n",
		 true},
		{"[core]\npath-manager = unmanagd\n", false},
		{"[interface:path-manager]\nuse = unmanaged\n", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct config_setup setup = {
			.file = scratch_write(scene->root, "f", cases[i].text)};

		g_assert_cmpint(config_is_unmanaged(&setup), ==, cases[i].is_unmanaged);
	}
	g_assert_false(config_is_unmanaged(&(struct config_setup){.file = "/none/such"}));
	g_assert_false(config_is_unmanaged(&(struct config_setup){.root = scene->root}));
}

static void test_endpoints(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules =
		load(scene, "[endpoints]\nplugin = points\nflags = signal,backup\nnumber = 3\n");
	const struct fixture *fixture = rules->endpoints.data;

	g_assert_cmpstr(rules->endpoints.plugin->name, ==, "points");
	g_assert_cmphex(rules->endpoint_flags, ==, MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_BACKUP);
	g_assert_cmpuint(fixture->values[FIXTURE_NUMBER].number, ==, 3);
	/* the shipped one is the default, whatever else the group says */
	rules = load(scene, "[endpoints]\nrejoin = eager\nsubflows = 3\nadd-addr-accepted = 0\n");
	g_assert_cmpstr(rules->endpoints.plugin->name, ==, "endpoints");
	g_assert_true(rules->rejoin_eager);
	g_assert_false(load(scene, "[endpoints]\nrejoin = lazy\n")->rejoin_eager);
	g_assert_false(load(scene, "[endpoints]\nforeign = leave\n")->mend_foreign);
	g_assert_true(load(scene, "[endpoints]\nforeign = mend\n")->mend_foreign);
	/* there are none under the userspace path manager: its flags are not for paths */
	rules = load(scene, "[core]\npath-manager = userspace\n[endpoints]\nflags = signal\n"
			    "[policy:p]\nplugin = echo\n");
	g_assert_cmphex(rules->endpoint_flags, ==, MPTCPD_FLAG_SUBFLOW);
	rules = load(scene, "[endpoints]\nflags = signal\n[core]\npath-manager = unmanaged\n"
			    "[policy:p]\nplugin = echo\n");
	g_assert_cmphex(rules->endpoint_flags, ==, MPTCPD_FLAG_SIGNAL);
	refuse(scene, "[endpoints]\nsubflows = 65\nport = 65536\n",
	       "%s:2: bad value '65' of 'subflows', expected 0 to 64\n"
	       "%s:3: bad value '65536' of 'port', expected 0 to 65535\n");
	refuse(scene, "[endpoints]\nrejoin = soon\n",
	       "%s:2: unknown rejoin 'soon', expected eager or lazy\n");
	refuse(scene, "[endpoints]\nforeign = take\n",
	       "%s:2: unknown foreign 'take', expected leave or mend\n");
	refuse(scene, "[endpoints]\nplugin = echo\n",
	       "%s:2: plugin 'echo' plans no endpoints, expected one for [endpoints]\n");
	refuse(scene, "[endpoints]\nplugin = points\nflag = subflow\n",
	       "%s:3: unknown key 'flag', expected flags, foreign, hold, plugin, rejoin, number, "
	       "bool, "
	       "duration, size, string, "
	       "address, prefix, ports, words, colours or choice; did you mean 'flags'?\n");
}

static void test_interfaces(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules =
		load(scene,
		     "[interface:wwan*]\nflags = subflow, backup\n"
		     "[interface:type:wifi]\nuse = no\n"
		     "[interface:10.8.0.0/16]\nuse = yes\naddresses = link-local,deprecated\n"
		     "[interface:fd00::1]\nannounce = 203.0.113.7\nrp-filter = loose\n"
		     "[interface:eth0]\nuse = auto\nrp-filter = keep\nlisten = auto\n"
		     "[interface:eth1]\nlisten = yes\n[interface:eth2]\nlisten = no\n");
	const struct interface_rule *list = rules->interfaces;
	struct mptcpd_addr public;

	g_assert_cmpuint(rules->n_interfaces, >, 5); /* and the defaults behind */
	g_assert_cmpstr(list[0].match, ==, "wwan*");
	g_assert_true(list[0].has_flags && list[0].use == USE_AUTO && !list[0].by_type);
	g_assert_cmphex(list[0].flags, ==, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	g_assert_cmpstr(list[1].match, ==, "type:wifi");
	g_assert_true(list[1].by_type && list[1].type == MPTCPD_LINK_WIFI && !list[1].has_flags);
	g_assert_cmpint(list[1].use, ==, USE_NO);
	g_assert_true(list[2].net.family == AF_INET && list[2].prefix == 16);
	g_assert_cmpint(list[2].use, ==, USE_YES);
	g_assert_cmphex(list[2].addresses, ==, ADDRESS_LINK_LOCAL | ADDRESS_DEPRECATED);
	g_assert_true(list[3].net.family == AF_INET6 && list[3].prefix == 128);
	addr_parse("203.0.113.7", &public);
	g_assert_true(addr_equal(&list[3].announce, &public));
	g_assert_true(list[3].rp_filter_loose && !list[2].rp_filter_loose);
	g_assert_true(list[4].net.family == 0 && list[4].announce.family == 0);
	g_assert_false(list[4].rp_filter_loose);
	g_assert_cmpint(list[4].listen, ==, LISTEN_AUTO);
	g_assert_cmpint(list[5].listen, ==, LISTEN_YES);
	g_assert_cmpint(list[6].listen, ==, LISTEN_NO);
}

static void assert_warned(struct scene *scene, const char *text, const char *expected)
{
	load(scene, text);
	if (expected)
		g_assert_true(g_str_has_suffix(scene->config->warnings, expected));
	else
		g_assert_cmpstr(scene->config->warnings, ==, "");
}

static void test_announce(struct scene *scene, gconstpointer unused)
{
	assert_warned(scene, "[interface:eth0]\nannounce = 203.0.113.7\nuse = yes\n",
		      "/f:2: 'announce' has no effect under the kernel's path manager without flag "
		      "'signal'\n");
	assert_warned(
		scene, "[interface:eth0]\nannounce = 203.0.113.7:443\nflags = signal\n",
		"/f:2: the kernel's path manager announces a port only where it can listen on "
		"it: leave it out, or use path-manager = userspace\n");
	g_assert_cmpuint(scene->config->rules.interfaces[0].announce.port, ==, 443);
	assert_warned(scene,
		      "[endpoints]\nflags = signal\n[interface:eth0]\nannounce = 2001:db8::7\n",
		      NULL);
	assert_warned(scene,
		      "[core]\npath-manager = userspace\n[policy:p]\nplugin = echo\n"
		      "[interface:eth0]\nannounce = [2001:db8::7]:443\n",
		      NULL);
}

static void test_announced_port(struct scene *scene, gconstpointer unused)
{
#define BEHIND_NAT                                                                                 \
	"[core]\npath-manager = userspace\n[interface:eth0]\nannounce = 203.0.113.7:8443\n"

	/* what leads to one port serves connections of one port */
	assert_warned(
		scene,
		BEHIND_NAT "[policy:a]\nplugin = echo\nmatch-local-port = 8000\n"
			   "[policy:b]\nplugin = echo\nmatch-local-port = 9000\n",
		"/f:4: if 203.0.113.7:8443 is translated to an address of this host, port "
		"8443 leads to one port, and [policy:a] and [policy:b] are for more: peers of "
		"the others will be refused (MismatchPortSynRx)\n");
	assert_warned(scene, BEHIND_NAT "[policy:a]\nplugin = echo\nmatch-local-port = 8000-8001\n",
		      "/f:4: if 203.0.113.7:8443 is translated to an address of this host, port "
		      "8443 leads to one port, and [policy:a] is for more: peers of "
		      "the others will be refused (MismatchPortSynRx)\n");
	assert_warned(scene,
		      BEHIND_NAT "[policy:a]\nplugin = echo\nmatch-local-port = 8000\n"
				 "[policy:b]\nplugin = echo\nmatch-local-port = 8000\n"
				 "[policy:c]\nplugin = echo\nmatch-local-port = 1-9\n"
				 "match-side = client\n",
		      NULL);
}

/* Nor does the next one, which is not named: it is the same mistake. */
static void test_powerless(struct scene *scene, gconstpointer unused)
{
	assert_warned(scene,
		      "[core]\npath-manager = kernel\n[policy:a]\nplugin = echo\n"
		      "match-uid = 0\n[policy:b]\nplugin = echo\n",
		      "/f:3: [policy:a] decides nothing, nor does any other policy: the kernel "
		      "decides, expected path-manager = userspace\n");
	assert_warned(scene, "[core]\npath-manager = unmanaged\n[policy:a]\nplugin = echo\n", NULL);
}

static const struct mptcpd_value *values(const struct policy *policy, size_t i)
{
	const struct fixture *fixture = policy->plugins[i].data;

	return fixture->values;
}

static void test_settings(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_value *v =
		values(load(scene, "[policy:p]\nplugin = echo\n")->policies, 0);

	g_assert_cmpuint(v[FIXTURE_NUMBER].number, ==, 4);
	g_assert_cmpuint(v[FIXTURE_BOOL].number, ==, 0);
	g_assert_cmpuint(v[FIXTURE_DURATION].number, ==, 1500);
	g_assert_cmpuint(v[FIXTURE_SIZE].number, ==, 65536);
	g_assert_cmpstr(v[FIXTURE_STRING].string, ==, "");
	v = values(load(scene, "[policy:p]\nplugin = echo\nnumber = 9\nbool = on\nduration = 2min\n"
			       "size = 1M\nstring = two words # and a comment\n")
			   ->policies,
		   0);
	g_assert_cmpuint(v[FIXTURE_NUMBER].number, ==, 9);
	g_assert_cmpuint(v[FIXTURE_BOOL].number, ==, 1);
	g_assert_cmpuint(v[FIXTURE_DURATION].number, ==, 120000);
	g_assert_cmpuint(v[FIXTURE_SIZE].number, ==, 1048576);
	g_assert_cmpstr(v[FIXTURE_STRING].string, ==, "two words");
}

static struct mptcpd_ports ports(const struct mptcpd_value *values, size_t i)
{
	const struct mptcpd_ports *ports = mptcpd_get_ports(&values[FIXTURE_PORTS], i);

	g_assert_nonnull(ports);
	return ports ? *ports : (struct mptcpd_ports){0};
}

static void test_addresses_and_lists(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_value *v =
		values(load(scene, "[policy:p]\nplugin = echo\n")->policies, 0);

	g_assert_cmpuint(v[FIXTURE_ADDRESS].addr.family, ==, 0);
	g_assert_cmpuint(v[FIXTURE_PREFIX].prefix, ==, 8);
	g_assert_cmpuint(v[FIXTURE_PREFIX].addr.ip[0], ==, 0xfd);
	g_assert_null(mptcpd_get_ports(&v[FIXTURE_PORTS], 0));
	g_assert_cmpstr(mptcpd_get_word(&v[FIXTURE_WORDS], 1), ==, "two");
	g_assert_cmpuint(v[FIXTURE_CHOICE].number, ==, 0);
	v = values(load(scene, "[policy:p]\nplugin = echo\naddress = [2001:db8::1]:80\n"
			       "prefix = 10.0.0.0/8\nports = 443, 8000-8099 1\n"
			       "words = a->b, ,c\ncolours = green red\nchoice = one-to-one\n")
			   ->policies,
		   0);
	g_assert_cmpuint(v[FIXTURE_ADDRESS].addr.family, ==, AF_INET6);
	g_assert_cmpuint(v[FIXTURE_ADDRESS].addr.port, ==, 80);
	g_assert_cmpuint(v[FIXTURE_PREFIX].addr.family, ==, AF_INET);
	g_assert_cmpuint(v[FIXTURE_PORTS].items.n, ==, 3);
	g_assert_cmpuint(ports(v, 0).max, ==, 443);
	g_assert_cmpuint(ports(v, 1).min, ==, 8000);
	g_assert_cmpuint(ports(v, 1).max, ==, 8099);
	g_assert_cmpuint(ports(v, 2).min, ==, 1);
	g_assert_cmpstr(mptcpd_get_word(&v[FIXTURE_WORDS], 0), ==, "a->b");
	g_assert_cmpstr(mptcpd_get_word(&v[FIXTURE_WORDS], 1), ==, "c");
	g_assert_null(mptcpd_get_word(&v[FIXTURE_WORDS], 2));
	g_assert_cmpstr(mptcpd_get_word(&v[FIXTURE_COLOURS], 1), ==, "red");
	g_assert_cmpuint(v[FIXTURE_CHOICE].number, ==, 1);
	g_assert_cmpstr(v[FIXTURE_CHOICE].string, ==, "one-to-one");
}

static void test_needs(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules;

	scene_install(scene, scene_fixtures, "measuring");
	rules = load(scene, "[policy:a]\nmatch-side = client\nplugin = echo, measuring\n"
			    "[policy:b]\nplugin = echo\n");
	g_assert_cmpuint(rules->policies[0].needs, ==, MPTCPD_NEED_MEASURES);
	g_assert_cmpuint(rules->policies[1].needs, ==, 0);
}

static void test_stack(struct scene *scene, gconstpointer unused)
{
	const struct policy *policy = load(scene, "[policy:p]\nplugins = twin, echo\n"
						  "echo.number = 7\ntwin.number = 8\n")
					      ->policies;

	g_assert_cmpuint(policy->n_plugins, ==, 2);
	g_assert_cmpstr(policy->plugins[0].plugin->name, ==, "twin");
	g_assert_cmpstr(policy->plugins[1].plugin->name, ==, "echo");
	g_assert_cmpuint(values(policy, 0)[FIXTURE_NUMBER].number, ==, 8);
	g_assert_cmpuint(values(policy, 1)[FIXTURE_NUMBER].number, ==, 7);
	/* 5 and 12 bytes, each in a place of its own */
	g_assert_cmpuint(policy->plugins[0].memory_offset, ==, 0);
	g_assert_cmpuint(policy->plugins[1].memory_offset, ==, 8);
	g_assert_cmpuint(policy->memory_size, ==, 24);
}

static void test_shared_plugin(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules = load(scene, "[policy:a]\nmatch-side = client\nplugin = echo\n"
						"number = 2\n[policy:b]\nplugin = echo\n");

	g_assert_true(rules->policies[0].plugins[0].plugin == rules->policies[1].plugins[0].plugin);
	g_assert_true(rules->policies[0].plugins[0].data != rules->policies[1].plugins[0].data);
	g_assert_cmpuint(values(&rules->policies[0], 0)[FIXTURE_NUMBER].number, ==, 2);
	g_assert_cmpuint(values(&rules->policies[1], 0)[FIXTURE_NUMBER].number, ==, 4);
}

/* Which files were read, without the root, and then their interface groups, in order. */
static void assert_layers(struct scene *scene, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const struct config *config;

	load_default(scene);
	config = scene->config;
	for (size_t i = 0; i < config->ini.n_files; i++)
		g_string_append_printf(text, "%s ", config->ini.files[i] + strlen(scene->root));
	for (size_t i = 0; i < config->ini.n_groups; i++)
		if (config->ini.groups[i].where.line)
			g_string_append_printf(text, "%s ", config->ini.groups[i].name);
	g_assert_cmpstr(text->str, ==, expected);
}

static void test_layers(struct scene *scene, gconstpointer unused)
{
	scratch_write(scene->root, "usr/lib/mptcpd/mptcpd.conf", "[interface:vendor]\n");
	assert_layers(scene, "/usr/lib/mptcpd/mptcpd.conf vendor ");
	scratch_write(scene->root, "usr/lib/mptcpd/mptcpd.conf.d/50-b.conf", "[interface:b]\n");
	scratch_write(scene->root, "run/mptcpd/mptcpd.conf.d/10-a.conf", "[interface:a]\n");
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf.d/90-c.conf",
		      "[interface:c]\n[interface:vendor]\nuse = yes\n");
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf.d/ignored.txt", "nonsense");
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf.d/.hidden.conf", "nonsense");
	assert_layers(scene, "/usr/lib/mptcpd/mptcpd.conf /run/mptcpd/mptcpd.conf.d/10-a.conf "
			     "/usr/lib/mptcpd/mptcpd.conf.d/50-b.conf "
			     "/etc/mptcpd/mptcpd.conf.d/90-c.conf c b a vendor ");
	g_assert_cmpint(scene->config->rules.interfaces[3].use, ==, USE_YES);
	/* a main file that goes before replaces the other as a whole */
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf", "[interface:own]\n");
	assert_layers(scene, "/etc/mptcpd/mptcpd.conf /run/mptcpd/mptcpd.conf.d/10-a.conf "
			     "/usr/lib/mptcpd/mptcpd.conf.d/50-b.conf "
			     "/etc/mptcpd/mptcpd.conf.d/90-c.conf c vendor b a own ");
}

static void test_masks(struct scene *scene, gconstpointer unused)
{
	scratch_write(scene->root, "usr/lib/mptcpd/mptcpd.conf.d/50.conf", "[interface:vendor]\n");
	scratch_write(scene->root, "run/mptcpd/mptcpd.conf.d/50.conf", "[interface:runtime]\n");
	scratch_write(scene->root, "run/mptcpd/mptcpd.conf.d/60.conf", "[interface:kept]\n");
	assert_layers(scene, "/run/mptcpd/mptcpd.conf.d/50.conf /run/mptcpd/mptcpd.conf.d/60.conf "
			     "kept runtime ");
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf.d/50.conf", "");
	assert_layers(scene, "/run/mptcpd/mptcpd.conf.d/60.conf kept ");
	g_assert_cmpint(symlink("/dev/null",
				scratch_path(scene->root, "etc/mptcpd/mptcpd.conf.d/60.conf")),
			==, 0);
	assert_layers(scene, "");
	scratch_write(scene->root, "usr/lib/mptcpd/mptcpd.conf", "[interface:vendor]\n");
	assert_layers(scene, "/usr/lib/mptcpd/mptcpd.conf vendor ");
	scratch_write(scene->root, "run/mptcpd/mptcpd.conf", "");
	assert_layers(scene, "");
}

static void test_reload(struct scene *scene, gconstpointer unused)
{
	const char *text = "[interface:a]\nflags = backup\n[policy:a]\nplugins = echo twin\n";
	const char *file = scratch_write(scene->root, "f", text);
	struct config_setup setup = {file, scene->plugin_directory, scene->root};
	const struct rules *old = load(scene, text), *new;
	struct config *second = NULL;
	char *faults = NULL;

	/* the same again, beside the one in use: equal, and with data of its own */
	g_assert_cmpint(config_load(&setup, &second, &faults), ==, 0);
	new = &second->rules;
	g_assert_cmpuint(new->n_interfaces, ==, old->n_interfaces);
	g_assert_cmpstr(new->interfaces[0].match, ==, old->interfaces[0].match);
	g_assert_cmphex(new->interfaces[0].flags, ==, old->interfaces[0].flags);
	g_assert_cmpuint(new->n_policies, ==, old->n_policies);
	for (size_t i = 0; i < 2; i++) {
		const struct policy_plugin *a = &old->policies[0].plugins[i];
		const struct policy_plugin *b = &new->policies[0].plugins[i];

		g_assert_true(a->plugin == b->plugin && a->data != b->data);
		g_assert_cmpuint(a->memory_offset, ==, b->memory_offset);
		for (size_t j = 0; j < FIXTURE_SETTINGS; j++)
			g_assert_cmpuint(values(&old->policies[0], i)[j].number, ==,
					 values(&new->policies[0], i)[j].number);
	}
	config_free(second);
	g_assert_cmpstr(old->policies[0].plugins[0].plugin->name, ==, "echo");
	/* a bad one leaves the one in use as it is */
	scratch_write(scene->root, "f", "[policy:a]\nplugins = echo failing\n");
	g_assert_cmpint(config_load(&setup, &second, &faults), ==, -EINVAL);
	l_free(faults);
	g_assert_cmpstr(getenv(FIXTURE_STARTS), ==, "xxxxx");
	g_assert_cmpstr(getenv(FIXTURE_STOPS), ==, "xxx");
	g_assert_cmpuint(values(&old->policies[0], 0)[FIXTURE_NUMBER].number, ==, 4);
}

static char *try(const struct config_setup *setup, enum trial_outcome outcome)
{
	struct trial trial;

	g_assert_cmpint(trial_run(setup, &trial), ==, 0);
	g_assert_cmpint(trial.outcome, ==, outcome);
	return trial.text;
}

static void test_warnings(struct scene *scene, gconstpointer unused)
{
	const char *text = "[policy:a]\nplugin = echo\n[policy:b]\nplugin = twin\n"
			   "[core]\npath-manager = userspace\n";
	struct config_setup setup = {NULL, scene->plugin_directory, scene->root};
	g_autofree char *expected = NULL;
	char *told = NULL;

	setup.file = scratch_write(scene->root, "f", text);
	expected = g_strdup_printf("%s:3: [policy:b] is never reached: [policy:a] in line 1 "
				   "matches every connection\n",
				   setup.file);
	told = try(&setup, TRIAL_GOOD);
	g_assert_cmpstr(told, ==, expected);
	l_free(told);
	setup.file = scratch_write(scene->root, "f", "[policy:a]\n");
	told = try(&setup, TRIAL_BAD);
	g_assert_true(
		g_str_has_suffix(told,
				 "/f:1: [policy:a] has no 'plugin', expected 'plugin = NAME'\n"));
	l_free(told);
	/* a drop-in may mean it */
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf",
		      "[policy:b]\nplugin = twin\n"
		      "[core]\npath-manager = userspace\n");
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf.d/a.conf",
		      "[policy:a]\nplugin = echo\n");
	load_default(scene);
	g_assert_cmpstr(scene->config->rules.policies[0].name, ==, "a");
	g_assert_cmpstr(scene->config->warnings, ==, "");
}

static void test_shipped(struct scene *scene, gconstpointer unused)
{
	const struct rules *rules;

	scene_install(scene, scene_shipped, "fullmesh");
	if (load_file(scene, scene_sample) < 0)
		g_error("%s", scene->faults);
	rules = &scene->config->rules;
	g_assert_cmpstr(scene->config->warnings, ==, "");
	g_assert_cmpstr(config_path_manager_name(rules), ==, "kernel");
	g_assert_cmpstr(rules->endpoints.plugin->name, ==, "endpoints");
	g_assert_cmphex(rules->endpoint_flags, ==, MPTCPD_FLAG_SUBFLOW);
	g_assert_false(rules->rejoin_eager);
	g_assert_cmpuint(rules->n_policies, ==, 0);
	/* connections that are ours have a policy without any */
	rules = load(scene, "[core]\npath-manager = userspace\n");
	g_assert_cmpuint(rules->n_policies, ==, 1);
	g_assert_cmpstr(rules->policies[0].name, ==, "default");
	g_assert_cmpstr(rules->policies[0].plugins[0].plugin->name, ==, "fullmesh");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_init(argc, argv);
	ADD("announced-port-is-for-one", test_announced_port);
	ADD("no-file-is-the-built-in-default", test_built_in);
	ADD("path-managers", test_path_managers);
	ADD("endpoints", test_endpoints);
	ADD("unmanaged-is-known-without-the-rest", test_unmanaged);
	ADD("interfaces", test_interfaces);
	ADD("policies-decide-nothing-for-the-kernel", test_powerless);
	ADD("settings-and-their-defaults", test_settings);
	ADD("settings-of-addresses-and-lists", test_addresses_and_lists);
	ADD("needs-are-those-of-all-in-the-stack", test_needs);
	ADD("stack-keeps-order-and-memory-apart", test_stack);
	ADD("one-plugin-in-two-policies", test_shared_plugin);
	ADD("layers-of-files", test_layers);
	ADD("layers-are-masked", test_masks);
	ADD("reload-is-equal-and-apart", test_reload);
	ADD("warnings", test_warnings);
	ADD("announce-that-does-nothing-is-told", test_announce);
	ADD("shipped-file-is-good", test_shipped);
	return g_test_run();
}
