/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "config-scene.h"

#define NO_PLUGIN "no such plugin, expected echo, endpoints, failing, points or twin\n"

static void test_default_policy(struct scene *scene, gconstpointer unused)
{
	/* it wants the shipped plugin, which this directory does not have */
	refuse(scene, "[core]\npath-manager = userspace\n",
	       "default: @/plugins/fullmesh.so: " NO_PLUGIN);
	refuse(scene, "[core]\npath-manager = unmanaged\n",
	       "default: @/plugins/fullmesh.so: " NO_PLUGIN);
	/* and for the kernel's path manager there must be one for the endpoints */
	g_assert_cmpint(unlink(scratch_path(scene->root, "plugins/endpoints.so")), ==, 0);
	refuse(scene, "[core]\npath-manager = kernel\n",
	       "default: @/plugins/endpoints.so: no such plugin, expected echo, failing, points or "
	       "twin\n");
	refuse(scene, "[endpoints]\nflags = subflow\n",
	       "default: @/plugins/endpoints.so: no such plugin, expected echo, failing, points or "
	       "twin\n");
	load(scene, "[core]\npath-manager = userspace\n[policy:p]\nplugin = echo\n");
	g_assert_cmpuint(scene->config->rules.n_policies, ==, 1);
}

/* Not key by key: there is a way out. */
static void test_foreign(struct scene *scene, gconstpointer unused)
{
	refuse(scene, "[core]\nlog=stderr\nplugin-dir=/usr/lib\npath-manager=addr_adv\n",
	       "%s:2: 'log = stderr' is of another mptcpd, up to version 0.13, expected a file of "
	       "this one; 'mptcpctl config import %s' translates it\n");
	refuse(scene, "[core]\npath-manager=sspi\n",
	       "%s:2: 'path-manager = sspi' is of another mptcpd, up to version 0.13, expected a "
	       "file of this one; 'mptcpctl config import %s' translates it\n");
}

static void test_stack_faults(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[policy:p]\nplugins = echo twin\nnumber = 3\nnobody.number = 3\nechonumber=3\n",
	       "%s:3: 'number' is a setting of both echo and twin, expected echo.number or "
	       "twin.number\n"
	       "%s:4: unknown key 'nobody.number', expected match-cgroup, match-interface, "
	       "match-local-address, match-local-port, match-mark, match-remote-address, "
	       "match-remote-port, "
	       "match-side, match-uid, plugin, plugins, number, bool, duration, size, string, "
	       "address, prefix, ports, words, colours or choice\n"
	       "%s:5: unknown key 'echonumber', expected match-cgroup, match-interface, "
	       "match-local-address, match-local-port, match-mark, match-remote-address, "
	       "match-remote-port, "
	       "match-side, match-uid, plugin, plugins, number, bool, duration, size, string, "
	       "address, prefix, ports, words, colours or choice\n");
	refuse(scene, "[policy:p]\nplugin = echo\nnumber = 3\necho.number = 4\n",
	       "%s:4: 'echo.number' is the same setting as 'number' in line 3, expected one of "
	       "them\n");
	refuse(scene, "[policy:p]\nplugins = echo echo\n",
	       "%s:2: plugin 'echo' is named twice, expected it once\n");
	refuse(scene, "[policy:p]\nplugins = ,\n",
	       "%s:2: no plugin is named, expected a list of names\n");
	refuse(scene, "[core]\nsource-routing = x\n[policy:p]\nplugins = ,\n",
	       "%s:2: unknown source-routing 'x', expected auto, no or yes\n"
	       "%s:4: no plugin is named, expected a list of names\n");
	refuse(scene, "[policy:p]\nplugins = a b ../c\n",
	       "%s:2: @/plugins/a.so: " NO_PLUGIN "%s:2: @/plugins/b.so: " NO_PLUGIN
	       "%s:2: '../c' is not a plugin name, expected letters a-z, digits, - and _\n");
	refuse(scene, "[policy:p]\nplugin = points\n",
	       "%s:2: plugin 'points' plans no paths, expected one for [policy:…]\n");
}

#define OWN_KEYS                                                                                   \
	"match-cgroup, match-interface, match-local-address, match-local-port, match-mark, "       \
	"match-remote-address, match-remote-port, match-side, match-uid, plugin or plugins"

/* A setting may be of a plugin that nobody knows; what no setting is called may not. */
static void test_plugin_faults(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[policy:p]\nplugin = nne\nmatch-foo = 3\nflags = backup\nlater = 5\n"
	       "[endpoints]\nplugin = nne\nplugins = nne\nlater = 5\n",
	       "%s:8: unknown key 'plugins', expected flags, foreign, hold, plugin or rejoin; did "
	       "you mean 'plugin'?\n"
	       "%s:7: @/plugins/nne.so: " NO_PLUGIN
	       "%s:3: unknown key 'match-foo', expected " OWN_KEYS "\n"
	       "%s:4: unknown key 'flags', expected " OWN_KEYS "\n"
	       "%s:2: @/plugins/nne.so: " NO_PLUGIN);
	refuse(scene,
	       "[policy:p]\nplugin = echo\nmatch-foo = 3\n[policy:q]\nmatch-sid = client\n"
	       "[policy:r]\nplugin = echo\nplugins = echo\nmatch-foo = 3\n",
	       "%s:3: unknown key 'match-foo', expected " OWN_KEYS "\n"
	       "%s:5: unknown key 'match-sid', expected " OWN_KEYS "; did you mean 'match-side'?\n"
	       "%s:4: [policy:q] has no 'plugin', expected 'plugin = NAME'\n"
	       "%s:9: unknown key 'match-foo', expected " OWN_KEYS "\n"
	       "%s:8: both 'plugin' (line 7) and 'plugins', expected one of them\n");
}

static void test_setting_values(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[policy:p]\nplugin = echo\nnumber = 1\nbool = maybe\nduration = 10ms\nsize = 4k\n",
	       "%s:3: bad value '1' of 'number', expected 2 to 9\n"
	       "%s:4: bad value 'maybe' of 'bool', expected yes or no\n"
	       "%s:5: bad value '10ms' of 'duration', expected at least 1000ms\n"
	       "%s:6: bad value '4k' of 'size', expected a size like 4096, 64K, 2M or 1G\n");
	refuse(scene,
	       "[policy:p]\nplugin = echo\nnumber = 5x\nduration = soon\n"
	       "size = 99999999999999999999\n",
	       "%s:3: bad value '5x' of 'number', expected a number\n"
	       "%s:4: bad value 'soon' of 'duration', expected a duration like 500ms, 30s, 5min or "
	       "1h\n"
	       "%s:5: bad value '99999999999999999999' of 'size', expected at most "
	       "18446744073709551615\n");
}

/* Where a point in time or a number would have come round, and meant a short time or a small one. */
static void test_too_much(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[endpoints]\nhold = 99999999999h\n"
	       "[policy:p]\nplugin = echo\nduration = 18446744073709551615ms\n"
	       "number = 99999999999999999999\nsize = 17179869184G\n",
	       "%s:2: hold is '99999999999h', expected at most 1000000h\n"
	       "%s:5: bad value '18446744073709551615ms' of 'duration', expected at most "
	       "1000000h\n"
	       "%s:6: bad value '99999999999999999999' of 'number', expected 2 to 9\n"
	       "%s:7: bad value '17179869184G' of 'size', expected at most "
	       "18446744073709551615\n");
	refuse(scene, "[endpoints]\nhold = 99999999999999999999h\n",
	       "%s:2: hold is '99999999999999999999h', expected at most 1000000h\n");
	load(scene, "[endpoints]\nhold = 1000000h\n"
		    "[policy:p]\nplugin = echo\nduration = 1000000h\nsize = 17179869183G\n");
	g_assert_cmpuint(scene->config->rules.endpoint_hold_ms, ==, 3600000000000);
}

static void test_lists(struct scene *scene, gconstpointer unused)
{
	g_autofree char *nines = g_strnfill(2 * MPTCPD_SETTING_ITEMS_MAX + 1, ' ');
	g_autofree char *good = NULL, *bad = NULL, *expected = NULL;

	refuse(scene,
	       "[policy:p]\nplugin = echo\naddress = example.org\nprefix = 10.0.0.0/33\n"
	       "ports = 80 8099-8000\nwords = a b c d\ncolours = red blue\nchoice = fool\n",
	       "%s:3: bad value 'example.org' of 'address', expected an address like 10.0.0.1 or "
	       "2001:db8::1, with a port 10.0.0.1:80 or [2001:db8::1]:80\n"
	       "%s:4: bad value '10.0.0.0/33' of 'prefix', expected a prefix like 10.8.0.0/16 or "
	       "fd00::/8\n"
	       "%s:5: bad value '80 8099-8000' of 'ports', expected a port like 443 or a range "
	       "like 8000-8099, of 1 to 65535, in place of '8099-8000'\n"
	       "%s:6: bad value 'a b c d' of 'words', expected at most 3 of them\n"
	       "%s:7: bad value 'red blue' of 'colours', expected words of red, green in place of "
	       "'blue'\n"
	       "%s:8: bad value 'fool' of 'choice', expected one of full, one-to-one\n");
	refuse(scene, "[policy:p]\nplugin = echo\ncolours = gren\nchoice = one-to-on\n",
	       "%s:3: bad value 'gren' of 'colours', expected words of red, green in place of "
	       "'gren'; did you mean 'green'?\n"
	       "%s:4: bad value 'one-to-on' of 'choice', expected one of full, one-to-one; did "
	       "you mean 'one-to-one'?\n");
	refuse(scene, "[policy:p]\nplugin = echo\nwords = ,\nports = 0\n",
	       "%s:3: bad value ',' of 'words', expected at least 1 of them\n"
	       "%s:4: bad value '0' of 'ports', expected a port like 443 or a range like "
	       "8000-8099, "
	       "of 1 to 65535, in place of '0'\n");
	for (size_t i = 0; i <= MPTCPD_SETTING_ITEMS_MAX; i++)
		nines[2 * i] = '9';
	good = g_strdup_printf("[policy:p]\nplugin = echo\nports = %s\n", nines + 2);
	load(scene, good);
	bad = g_strdup_printf("[policy:p]\nplugin = echo\nports = %s\n", nines);
	expected = g_strdup_printf("%%s:3: bad value '%s' of 'ports', expected at most 64 of "
				   "them\n",
				   nines);
	refuse(scene, bad, expected);
}

static void test_start_says_why(struct scene *scene, gconstpointer unused)
{
	static const char blanks[] = "                                                            ";
	g_autofree char *expected =
		g_strdup_printf("%%s:2: plugin 'echo' does not like %.60s%.60s%.60s%.6s\n", blanks,
				blanks, blanks, blanks);

	refuse(scene, "[policy:p]\nplugin = echo\nbool = yes\nnumber = 6\n",
	       "%s:4: plugin 'echo': value '6' of 'number' is 6, expected anything "
	       "else\\x1b[31m\n");
	refuse(scene, "[policy:p]\nplugin = echo\nnumber = 5\n", expected);
	g_assert_cmpstr(getenv(FIXTURE_STARTS), ==, getenv(FIXTURE_STOPS));
}

/* Nobody could join there. */
static void test_announce_faults(struct scene *scene, gconstpointer unused)
{
	static const char *const nowhere[] = {"0.0.0.0",   "::",	"127.0.0.1", "::1",
					      "[::1]:443", "224.0.0.1", "ff02::1",   "0.0.0.0:80"};

	for (size_t i = 0; i < G_N_ELEMENTS(nowhere); i++) {
		g_autofree char *text =
			g_strdup_printf("[interface:eth0]\nflags = signal\nannounce = %s\n",
					nowhere[i]);
		g_autofree char *expected =
			g_strdup_printf("%%s:3: bad address '%s' of 'announce', expected one like "
					"203.0.113.7 or 2001:db8::7\n",
					nowhere[i]);

		refuse(scene, text, expected);
	}
	load(scene, "[interface:eth0]\nflags = signal\nannounce = 10.0.0.1\n");
}

static void test_all_faults(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[core]\npath-manger = kernel\n[corr]\n[core:x]\n[interface]\n"
	       "[interface:eth0]\nflags = subflow,bakup\nflag = signal\nuse = perhaps\n"
	       "addresses = local\nannounce = here\nnonsense\n[policy:p]\n",
	       "%s:12: expected [GROUP] or KEY = VALUE\n"
	       "%s:2: unknown key 'path-manger', expected deny-join-initial, path-manager, "
	       "route-table, rule-priority, source-routing or spare-new-connections; did you mean "
	       "'path-manager'?\n"
	       "%s:3: unknown group 'corr', expected core, endpoints, interface or policy; did you "
	       "mean 'core'?\n"
	       "%s:4: [core:x] has a name, expected [core]\n"
	       "%s:5: [interface] has no name, expected [interface:NAME]\n"
	       "%s:7: unknown flag 'bakup', expected backup, fullmesh, laminar, signal or subflow; "
	       "did you mean 'backup'?\n"
	       "%s:8: unknown key 'flag', expected addresses, announce, flags, gateway, health, "
	       "listen, probe, probe-failures, probe-interval, probe-timeout, recover, rp-filter, "
	       "silent-after or use; did you mean 'flags'?\n"
	       "%s:9: unknown use 'perhaps', expected auto, no or yes\n"
	       "%s:10: unknown kind of address 'local', expected deprecated, link-local, stable, "
	       "temporary "
	       "or unique-local\n"
	       "%s:11: bad address 'here' of 'announce', expected one like 203.0.113.7 or "
	       "2001:db8::7\n"
	       "%s:13: [policy:p] has no 'plugin', expected 'plugin = NAME'\n");
}

/* Who may not join the address he knows needs another one. */
static void test_deny_join(struct scene *scene, gconstpointer unused)
{
	static const char *const lacking[] = {
		"", "[interface:eth0]\nannounce = 203.0.113.7\n",
		"[interface:eth0]\nflags = signal\n",
		"[interface:eth0]\nflags = subflow\nannounce = 203.0.113.7\n"};

	for (size_t i = 0; i < G_N_ELEMENTS(lacking); i++) {
		g_autofree char *text =
			g_strconcat("[core]\ndeny-join-initial = yes\n", lacking[i], NULL);

		refuse(scene, text,
		       "%s:2: deny-join-initial = yes without an address that peers may join, "
		       "expected 'announce = ADDRESS' and 'flags = signal' in a group "
		       "[interface:NAME]\n");
	}
	refuse(scene, "[core]\ndeny-join-initial = on\n",
	       "%s:2: unknown deny-join-initial 'on', expected keep, no or yes\n");
	load(scene, "[interface:eth0]\nflags = signal\nannounce = 203.0.113.7\n"
		    "[core]\ndeny-join-initial = yes\n");
	g_assert_cmpint(scene->config->rules.deny_join_initial, ==, DENY_JOIN_YES);
	load(scene, "[endpoints]\nflags = signal\n[interface:eth0]\nannounce = 203.0.113.7\n"
		    "[core]\ndeny-join-initial = yes\n");
	load(scene, "[core]\ndeny-join-initial = no\n");
	g_assert_cmpint(scene->config->rules.deny_join_initial, ==, DENY_JOIN_NO);
	load(scene, "[core]\ndeny-join-initial = keep\n");
	g_assert_cmpint(scene->config->rules.deny_join_initial, ==, DENY_JOIN_KEEP);
}

static void test_value_faults(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[interface:type:wify]\n[interface:10.8.0.0/33]\n[interface:an-interface-name]\n"
	       "[interface:a]\nflags = signal fullmesh\nrp-filter = strict\nlisten = never\n",
	       "%s:1: unknown type of interface 'wify', expected other, loopback, ethernet, wifi, "
	       "wwan, ppp, tunnel, bridge, bond, veth, vlan or tap; did you mean 'wifi'?\n"
	       "%s:2: bad prefix '10.8.0.0/33', expected one like 10.8.0.0/16 or fd00::/8\n"
	       "%s:3: no interface is called 'an-interface-name', expected a name of at most 15 "
	       "characters\n"
	       "%s:5: signal and fullmesh exclude each other, expected one of them\n"
	       "%s:6: unknown rp-filter 'strict', expected keep or loose\n"
	       "%s:7: unknown listen 'never', expected auto, no or yes\n");
	refuse(scene,
	       "[policy:a b]\nplugin = echo\nplugins = echo\nmatch-side = both\n"
	       "match-local-address = eth0\nmatch-remote-port = 9-8\nmatch-local-port = 0\n"
	       "[core]\npath-manager = user\n",
	       "%s:9: unknown path-manager 'user', expected kernel, unmanaged or "
	       "userspace\n"
	       "%s:1: bad policy name 'a b', expected at most 31 letters, digits, '.', '_' or '-'\n"
	       "%s:4: unknown match-side 'both', expected client or server\n"
	       "%s:5: bad value 'eth0' of 'match-local-address', expected a prefix like "
	       "10.8.0.0/16 or fd00::/8, or an address\n"
	       "%s:6: bad value '9-8' of 'match-remote-port', expected a port like 443 or a range "
	       "like 8000-8099, of 1 to 65535, in place of '9-8'\n"
	       "%s:7: bad value '0' of 'match-local-port', expected a port like 443 or a range "
	       "like 8000-8099, of 1 to 65535, in place of '0'\n"
	       "%s:3: both 'plugin' (line 2) and 'plugins', expected one of them\n");
}

/* One group, one bad line of it: what is said of that. */
struct bad_match {
	const char *line, *fault;
};

static void refuse_match(struct scene *scene, const struct bad_match *bad)
{
	g_autofree char *text = g_strdup_printf("[policy:p]\nplugin = echo\n%s\n", bad->line);
	g_autofree char *fault = g_strdup_printf("%%s:3: bad value %s\n", bad->fault);

	refuse(scene, text, fault);
}

#define PORT "expected a port like 443 or a range like 8000-8099"
#define NET "expected a prefix like 10.8.0.0/16 or fd00::/8, or an address"
#define UID                                                                                        \
	"expected the name of a user, a number like 1000, or a range like 1000-1999, of 0 to "     \
	"4294967294, the lower one first"
#define MARK "expected a mark like 0x10, or a mark and a mask like 0x10/0xf0, of 32 bits"
#define CGROUP                                                                                     \
	"expected a path from the root of the tree of cgroups, like /system.slice/nginx.service, " \
	"or a glob like /user.slice/*"
#define COMMA "expected something before and behind each comma"

static void test_match_faults(struct scene *scene, gconstpointer unused)
{
	static const struct bad_match bad[] = {
		{"match-remote-port = 443, 65536",
		 "'443, 65536' of 'match-remote-port', " PORT ", of 1 to 65535, in place of "
		 "'65536'"},
		{"match-local-port = 0-9",
		 "'0-9' of 'match-local-port', " PORT ", of 1 to 65535, in place of '0-9'"},
		{"match-local-port = 8 - 9",
		 "'8 - 9' of 'match-local-port', " PORT ", of 1 to 65535, in place of '-'"},
		{"match-local-port = 443,,80", "'443,,80' of 'match-local-port', " COMMA},
		{"match-local-port = , 80", "', 80' of 'match-local-port', " COMMA},
		{"match-local-port = ,", "',' of 'match-local-port', " PORT},
		{"match-local-address = ::ffff:10.0.0.0/104",
		 "'::ffff:10.0.0.0/104' of 'match-local-address', " NET},
		{"match-local-address = 10.0.0.0/33",
		 "'10.0.0.0/33' of 'match-local-address', " NET},
		{"match-local-address = 10.0.0.0/", "'10.0.0.0/' of 'match-local-address', " NET},
		{"match-local-address = 10.0.0.1:80",
		 "'10.0.0.1:80' of 'match-local-address', " NET},
		{"match-local-address = 10.0.0.1, ",
		 "'10.0.0.1,' of 'match-local-address', " COMMA},
		{"match-uid = 1000,,0", "'1000,,0' of 'match-uid', " COMMA},
		{"match-uid = 0, 4294967295", "'4294967295' of 'match-uid', " UID},
		{"match-uid = 2-1", "'2-1' of 'match-uid', " UID},
		{"match-uid = 2-", "'2-' of 'match-uid', " UID},
		{"match-uid = -2", "'-2' of 'match-uid', " UID},
		{"match-uid = 1-2-3", "'1-2-3' of 'match-uid', " UID},
		{"match-uid = 18446744073709551617", "'18446744073709551617' of 'match-uid', " UID},
		{"match-uid = root, nobody-of-this-name",
		 "'nobody-of-this-name' of 'match-uid', expected a user that there is, or a number "
		 "like 1000"},
		{"match-mark = 1, 0x100000000", "'0x100000000' of 'match-mark', " MARK},
		{"match-mark = 0x", "'0x' of 'match-mark', " MARK},
		{"match-mark = 1/0", "'1/0' of 'match-mark', " MARK},
		{"match-mark = 1/", "'1/' of 'match-mark', " MARK},
		{"match-mark = 1/2/3", "'1/2/3' of 'match-mark', " MARK},
		{"match-mark = -1", "'-1' of 'match-mark', " MARK},
		{"match-mark = 0x1f/0xf",
		 "'0x1f/0xf' of 'match-mark', expected 0xf/0xf, as the mask leaves no more of it"},
		{"match-cgroup = nginx.service", "'nginx.service' of 'match-cgroup', " CGROUP},
		{"match-cgroup = /a, /sys/fs/cgroup/a",
		 "'/sys/fs/cgroup/a' of 'match-cgroup', " CGROUP},
		{"match-cgroup = /a/", "'/a/' of 'match-cgroup', " CGROUP},
		{"match-cgroup = /a//b", "'/a//b' of 'match-cgroup', " CGROUP},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		refuse_match(scene, &bad[i]);
	refuse(scene, "[policy:p]\nplugin = echo\nmatch-interface = eth0, an-interface-name e/0\n",
	       "%s:3: no interface is called 'an-interface-name' of 'match-interface', expected a "
	       "name of at most 15 characters, or a glob like eth*\n"
	       "%s:3: no interface is called 'e/0' of 'match-interface', expected a name of at "
	       "most 15 characters, or a glob like eth*\n");
}

static void test_files(struct scene *scene, gconstpointer unused)
{
	g_autofree char *missing = g_strdup_printf("%s/missing: cannot be read: No such file or "
						   "directory\n",
						   scene->root);
	g_autofree char *directory =
		g_strdup_printf("%s: cannot be read: Is a directory\n", scene->root);
	g_autofree char *pipe =
		g_strdup_printf("%s/pipe: cannot be read: not a regular file\n", scene->root);

	g_assert_cmpint(load_file(scene, scratch_path(scene->root, "missing")), ==, -EINVAL);
	g_assert_cmpstr(scene->faults, ==, missing);
	g_assert_cmpint(load_file(scene, scene->root), ==, -EINVAL);
	g_assert_cmpstr(scene->faults, ==, directory);
	g_assert_cmpint(mkfifo(scratch_path(scene->root, "pipe"), 0644), ==, 0);
	g_assert_cmpint(load_file(scene, scratch_path(scene->root, "pipe")), ==, -EINVAL);
	g_assert_cmpstr(scene->faults, ==, pipe);
	g_assert_cmpint(load_file(scene, "/dev/null"), ==, 0);
}

static void test_drop_in_faults(struct scene *scene, gconstpointer unused)
{
	g_autofree char *expected = g_strdup_printf("%s/etc/mptcpd/mptcpd.conf:2: unknown use "
						    "'x', expected auto, no or yes\n"
						    "%s/etc/mptcpd/mptcpd.conf.d/a.conf:3: unknown "
						    "flag 'y', expected backup, fullmesh, "
						    "laminar, signal or subflow\n",
						    scene->root, scene->root);

	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf", "[interface:a]\nuse = x\n");
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf.d/a.conf",
		      "[interface:a]\n\nflags = y\n");
	g_assert_cmpint(load_file(scene, NULL), ==, -EINVAL);
	g_assert_cmpstr(scene->faults, ==, expected);
	/* one named file replaces all that */
	load(scene, "[interface:b]\n");
	g_assert_cmpuint(scene->config->ini.n_files, ==, 1);
}

/* A line of another file than the fault's own is no line without that file's name. */
static void test_lines_of_others(struct scene *scene, gconstpointer unused)
{
	g_autofree char *main_file = g_strdup_printf("%s/etc/mptcpd/mptcpd.conf", scene->root);
	g_autofree char *expected =
		g_strdup_printf("%s.d/a.conf:2: both 'plugin' (%s:2) and 'plugins', expected one "
				"of them\n"
				"%s.d/a.conf:4: 'echo.number' is the same setting as 'number' in "
				"%s:5, expected one of them\n",
				main_file, main_file, main_file, main_file);

	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf",
		      "[policy:p]\nplugin = echo\n[policy:q]\nplugin = echo\nnumber = 3\n");
	scratch_write(scene->root, "etc/mptcpd/mptcpd.conf.d/a.conf",
		      "[policy:p]\nplugins = echo\n[policy:q]\necho.number = 4\n");
	g_assert_cmpint(load_file(scene, NULL), ==, -EINVAL);
	g_assert_cmpstr(scene->faults, ==, expected);
}

static void test_start_fails(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[policy:a]\nmatch-side = client\nplugin = echo\n"
	       "[policy:b]\nplugins = twin failing\n",
	       "%s:5: plugin 'failing' does not start: Operation not permitted\n");
	g_assert_cmpstr(getenv(FIXTURE_STARTS), ==, "xx");
	g_assert_cmpstr(getenv(FIXTURE_STOPS), ==, "xx");
}

static void test_faults_start_nothing(struct scene *scene, gconstpointer unused)
{
	refuse(scene, "[interface:a]\nuse = x\n[policy:a]\nplugin = echo\n",
	       "%s:2: unknown use 'x', expected auto, no or yes\n");
	g_assert_null(getenv(FIXTURE_STARTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_init(argc, argv);
	ADD("deny-join-initial-needs-an-announced-address", test_deny_join);
	ADD("default-policy-where-connections-are-ours", test_default_policy);
	ADD("faults/stack", test_stack_faults);
	ADD("faults/keys-of-a-group-are-told-whatever-its-plugin", test_plugin_faults);
	ADD("faults/setting-values", test_setting_values);
	ADD("faults/too-much-is-refused-with-the-most", test_too_much);
	ADD("faults/lists", test_lists);
	ADD("faults/start-says-in-words-what-is-wrong", test_start_says_why);
	ADD("faults/all-are-told", test_all_faults);
	ADD("faults/nobody-joins-what-is-no-host", test_announce_faults);
	ADD("faults/values", test_value_faults);
	ADD("faults/matches-say-what-was-found-and-expected", test_match_faults);
	ADD("faults/files-of-another-mptcpd", test_foreign);
	ADD("faults/files", test_files);
	ADD("faults/drop-ins-are-named", test_drop_in_faults);
	ADD("faults/lines-of-other-files-are-named-with-them", test_lines_of_others);
	ADD("failed-start-stops-the-others", test_start_fails);
	ADD("faults-start-nothing", test_faults_start_nothing);
	return g_test_run();
}
