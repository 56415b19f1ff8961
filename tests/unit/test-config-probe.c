/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "addr.h"
#include "config-scene.h"

static bool nobody_may(void)
{
	return false;
}

static bool everybody_may(void)
{
	return true;
}

static void test_probes(struct scene *scene, gconstpointer unused)
{
	const char *ping = "[interface:eth0]\nprobe = icmp:192.0.2.1\n";
	const struct probe_rule *probe;
	struct mptcpd_addr addr;

	probe = &load(scene, "[interface:eth0]\nuse = yes\n")->interfaces[0].probe;
	g_assert_cmpuint(probe->n_targets, ==, 0);
	probe = &load(scene, "[interface:eth0]\nprobe = none\n")->interfaces[0].probe;
	g_assert_cmpuint(probe->n_targets, ==, 0);
	g_assert_cmpstr(scene->config->warnings, ==, "");
	probe = &load(scene, "[interface:eth0]\n"
			     "probe = icmp:192.0.2.1, tcp:192.0.2.1:443 "
			     "tcp:[2001:db8::1]:80,icmp:2001:db8::2\n")
			 ->interfaces[0]
			 .probe;
	g_assert_cmpuint(probe->n_targets, ==, 4);
	g_assert_cmpuint(probe->interval_ms, ==, 5000);
	g_assert_cmpuint(probe->timeout_ms, ==, 1000);
	g_assert_cmpuint(probe->failures, ==, 3);
	g_assert_cmpint(addr_parse("[2001:db8::1]:80", &addr), ==, 0);
	g_assert_true(addr_equal(&probe->targets[2], &addr));
	g_assert_cmpint(addr_parse("2001:db8::2", &addr), ==, 0);
	g_assert_true(addr_equal(&probe->targets[3], &addr));
	probe = &load(scene, "[interface:eth0]\nprobe-failures = 1\nprobe-timeout = 100ms\n"
			     "probe-interval = 1min\nprobe = tcp:192.0.2.1:443\n")
			 ->interfaces[0]
			 .probe;
	g_assert_cmpuint(probe->interval_ms, ==, 60000);
	g_assert_cmpuint(probe->timeout_ms, ==, 100);
	g_assert_cmpuint(probe->failures, ==, 1);
	g_assert_cmpstr(scene->config->warnings, ==, "");
	load(scene, "[interface:eth0]\nprobe-failures = 1\n");
	g_assert_true(g_str_has_suffix(scene->config->warnings,
				       ":2: 'probe-failures' has no effect without 'probe'\n"));
	scene->can_ping = everybody_may;
	load(scene, ping);
	g_assert_cmpstr(scene->config->warnings, ==, "");
	scene->can_ping = nobody_may;
	load(scene, "[interface:eth0]\nprobe = tcp:192.0.2.1:443\n");
	g_assert_cmpstr(scene->config->warnings, ==, "");
	load(scene, ping);
	g_assert_true(g_str_has_suffix(scene->config->warnings,
				       ":2: this host lets nobody here ask by icmp; to allow it: "
				       "sysctl -w net.ipv4.ping_group_range='0 2147483647'\n"));
}

static void test_health(struct scene *scene, gconstpointer unused)
{
	const struct interface_rule *rule;

	rule = &load(scene, "[interface:eth0]\nuse = yes\n")->interfaces[0];
	g_assert_false(rule->health_off);
	g_assert_false(rule->has_recover);
	rule = &load(scene, "[interface:eth0]\nhealth = off\n")->interfaces[0];
	g_assert_true(rule->health_off);
	rule = &load(scene, "[interface:eth0]\nhealth = auto\nsilent-after = 3s\nrecover = 0\n")
			->interfaces[0];
	g_assert_cmpuint(rule->silent_after_ms, ==, 3000);
	g_assert_true(rule->has_recover);
	g_assert_cmpuint(rule->recover_ms, ==, 0);
	refuse(scene,
	       "[interface:a]\nhealth = on\nsilent-after = 1ms\nrecover = 2h\n"
	       "[interface:b]\nsilent-after = soon\nrecover = 99999999999999999999h\n",
	       "%s:2: unknown health 'on', expected auto or off\n"
	       "%s:3: silent-after is '1ms', expected 500ms to 1h\n"
	       "%s:4: recover is '2h', expected 0ms to 1h\n"
	       "%s:6: silent-after is 'soon', expected a duration like 500ms, 30s, 5min or 1h\n"
	       "%s:7: recover is '99999999999999999999h', expected 0ms to 1h\n");
}

static void test_probe_faults(struct scene *scene, gconstpointer unused)
{
	refuse(scene,
	       "[interface:a]\nprobe = ping:192.0.2.1\n[interface:b]\nprobe = icmp:example.org\n"
	       "[interface:c]\nprobe = tcp:192.0.2.1, icmp:192.0.2.1:80, icmp:2001:db8::1\n"
	       "[interface:d]\nprobe = tcp:[2001:db8::1]:0\n[interface:e]\nprobe = ,\n"
	       "[interface:f]\nprobe = none icmp:192.0.2.1\n"
	       "[interface:g]\nprobe = icmp:127.0.0.1 icmp:0.0.0.0 tcp:224.0.0.1:80 icmp:::1\n"
	       "[interface:h]\nprobe = icmp:192.0.2.1 tcp:192.0.2.1:80 icmp:192.0.2.1\n",
	       "%s:2: bad probe 'ping:192.0.2.1': expected none, icmp:ADDRESS or "
	       "tcp:ADDRESS:PORT\n"
	       "%s:4: bad probe 'icmp:example.org': expected icmp:192.0.2.1 or "
	       "icmp:2001:db8::1\n"
	       "%s:6: bad probe 'tcp:192.0.2.1': it has no port, expected tcp:192.0.2.1:443 or "
	       "tcp:[2001:db8::1]:443\n"
	       "%s:6: bad probe 'icmp:192.0.2.1:80': icmp has no port, expected icmp:ADDRESS or "
	       "tcp:ADDRESS:PORT\n"
	       "%s:8: bad probe 'tcp:[2001:db8::1]:0': expected tcp:192.0.2.1:443 or "
	       "tcp:[2001:db8::1]:443\n"
	       "%s:10: probe is empty, expected none, icmp:ADDRESS or tcp:ADDRESS:PORT\n"
	       "%s:12: probe names none beside others, expected none, icmp:ADDRESS or "
	       "tcp:ADDRESS:PORT\n"
	       "%s:14: bad probe 'icmp:127.0.0.1': nobody far away has this address, expected that "
	       "of another host\n"
	       "%s:14: bad probe 'icmp:0.0.0.0': nobody far away has this address, expected that "
	       "of another host\n"
	       "%s:14: bad probe 'tcp:224.0.0.1:80': nobody far away has this address, expected "
	       "that of another host\n"
	       "%s:14: bad probe 'icmp:::1': nobody far away has this address, expected that "
	       "of another host\n"
	       "%s:16: bad probe 'icmp:192.0.2.1': it is named twice\n");
	refuse(scene,
	       "[interface:a]\nprobe = icmp:192.0.2.1 icmp:192.0.2.2 icmp:192.0.2.3 icmp:192.0.2.4 "
	       "icmp:192.0.2.5 icmp:192.0.2.6 icmp:192.0.2.7 icmp:192.0.2.8 icmp:192.0.2.9\n",
	       "%s:2: bad probe 'icmp:192.0.2.9': too many, expected at most 8\n");
	refuse(scene,
	       "[interface:a]\nprobe-interval = soon\nprobe-timeout = 1ms\nprobe-failures = 0\n"
	       "[interface:b]\nprobe-interval = 2h\nprobe-failures = many\n"
	       "[interface:c]\nprobe-interval = 1s\nprobe-timeout = 2s\n",
	       "%s:2: probe-interval is 'soon', expected a duration like 500ms, 30s, 5min or 1h\n"
	       "%s:3: probe-timeout is '1ms', expected 50ms to 1h\n"
	       "%s:4: probe-failures is '0', expected 1 to 100\n"
	       "%s:6: probe-interval is '2h', expected 200ms to 1h\n"
	       "%s:7: probe-failures is 'many', expected 1 to 100\n"
	       "%s:10: probe-timeout is longer than probe-interval, expected at most that\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	scene_init(argc, argv);
	ADD("probe/values", test_probes);
	ADD("probe/faults", test_probe_faults);
	ADD("health/values", test_health);
	return g_test_run();
}
