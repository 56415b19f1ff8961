/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

#define SUBFLOW MPTCPD_FLAG_SUBFLOW
#define SIGNAL MPTCPD_FLAG_SIGNAL
#define BACKUP MPTCPD_FLAG_BACKUP
#define FULLMESH MPTCPD_FLAG_FULLMESH
#define LAMINAR MPTCPD_FLAG_LAMINAR

static const struct mptcpd_plugin *plugin;

struct scene {
	struct fake_view view;
	struct fake_plan plan;
};

static void set_up(struct scene *scene, gconstpointer unused)
{
	fake_view_init(&scene->view);
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
}

static struct mptcpd_local *add(struct scene *scene, const char *addr, uint32_t ifindex,
				uint32_t flags)
{
	struct mptcpd_local *local = &scene->view.locals[scene->view.base.locals.n];

	fake_view_add(&scene->view, addr, flags);
	local->ifindex = ifindex;
	return local;
}

/* With one setting changed, or none. */
static void plan_with(struct scene *scene, const char *name, const char *value)
{
	void *data = fake_start(plugin, name, value, NULL);

	fake_plan_init(&scene->plan, NULL);
	plugin->plan_endpoints(data, &scene->view.base, &scene->plan.base);
	plugin->stop(data);
}

static void plan(struct scene *scene)
{
	plan_with(scene, NULL, NULL);
	g_assert_cmpuint(scene->plan.n_refused, ==, 0);
}

#define assert_endpoints(scene, expected)                                                          \
	do {                                                                                       \
		g_autofree char *text_ = fake_plan_endpoints_text(&(scene)->plan);                 \
		g_assert_cmpstr(text_, ==, expected);                                              \
	} while (0)

static void assert_limits(struct scene *scene, const char *name, const char *value,
			  uint32_t subflows, uint32_t accepted)
{
	plan_with(scene, name, value);
	g_assert_cmpuint(scene->plan.limit_subflows, ==, subflows);
	g_assert_cmpuint(scene->plan.limit_accepted, ==, accepted);
}

static void test_each(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "10.0.2.1", 3, SUBFLOW | BACKUP);
	add(scene, "10.0.3.1", 4, SUBFLOW | FULLMESH);
	add(scene, "10.0.4.1", 5, SUBFLOW | LAMINAR);
	plan(scene);
	assert_endpoints(scene, "10.0.1.1%2/subflow 10.0.2.1%3/subflow,backup "
				"10.0.3.1%4/subflow,fullmesh 10.0.4.1%5/subflow,laminar");
}

static void test_no_flags(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, 0);
	add(scene, "10.0.2.1", 3, SUBFLOW);
	plan(scene);
	assert_endpoints(scene, "10.0.2.1%3/subflow");
}

static void test_no_locals(struct scene *scene, gconstpointer unused)
{
	plan(scene);
	assert_endpoints(scene, "");
	assert_limits(scene, NULL, NULL, 0, 0);
}

static void test_routes(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "2001:db8:1::1", 2, SUBFLOW);
	add(scene, "10.0.2.1", 3, SUBFLOW);
	fake_view_cut(&scene->view, "10.0.1.1", "");
	/* the way to one host is not the way out */
	fake_view_cut(&scene->view, "10.0.2.1", "10.0.9.1");
	plan(scene);
	assert_endpoints(scene, "2001:db8:1::1%2/subflow 10.0.2.1%3/subflow");
}

static void test_firsts_first(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "10.0.1.2", 2, SUBFLOW);
	add(scene, "10.0.1.3", 2, SUBFLOW);
	add(scene, "10.0.2.1", 3, SUBFLOW);
	add(scene, "10.0.2.2", 3, SUBFLOW);
	add(scene, "10.0.3.1", 4, SUBFLOW);
	plan(scene);
	assert_endpoints(scene, "10.0.1.1%2/subflow 10.0.2.1%3/subflow 10.0.3.1%4/subflow "
				"10.0.1.2%2/subflow 10.0.2.2%3/subflow 10.0.1.3%2/subflow");
}

static void test_families(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "10.0.1.2", 2, SUBFLOW);
	add(scene, "2001:db8:1::1", 2, SUBFLOW);
	add(scene, "2001:db8:2::1", 3, SUBFLOW);
	add(scene, "10.0.2.1", 3, SUBFLOW);
	add(scene, "10.0.3.1", 4, SUBFLOW);
	plan(scene);
	assert_endpoints(scene, "10.0.1.1%2/subflow 2001:db8:2::1%3/subflow 10.0.3.1%4/subflow "
				"2001:db8:1::1%2/subflow 10.0.2.1%3/subflow 10.0.1.2%2/subflow");
}

static void test_lasting_first(struct scene *scene, gconstpointer unused)
{
	add(scene, "2001:db8:1::1", 2, SUBFLOW)->deprecated = true;
	add(scene, "fe80::1", 2, SUBFLOW);
	add(scene, "fd00:1::1", 2, SUBFLOW);
	add(scene, "2001:db8:1::2", 2, SUBFLOW);
	add(scene, "10.0.2.2", 3, SUBFLOW)->secondary = true;
	add(scene, "10.0.2.1", 3, SUBFLOW);
	add(scene, "169.254.3.1", 4, SUBFLOW);
	add(scene, "10.0.3.1", 4, SUBFLOW);
	plan(scene);
	assert_endpoints(scene, "2001:db8:1::2%2/subflow 10.0.2.1%3/subflow 10.0.3.1%4/subflow "
				"10.0.2.2%3/subflow fd00:1::1%2/subflow 169.254.3.1%4/subflow "
				"fe80::1%2/subflow 2001:db8:1::1%2/subflow");
}

static void test_deprecated_only(struct scene *scene, gconstpointer unused)
{
	/* it still comes before what is second elsewhere */
	add(scene, "2001:db8:1::1", 2, SUBFLOW)->deprecated = true;
	add(scene, "2001:db8:2::1", 3, SUBFLOW);
	add(scene, "2001:db8:2::2", 3, SUBFLOW);
	plan(scene);
	assert_endpoints(scene, "2001:db8:2::1%3/subflow 2001:db8:1::1%2/subflow "
				"2001:db8:2::2%3/subflow");
}

static void test_unroutable_is_not_first(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "10.0.1.2", 2, 0);
	add(scene, "10.0.1.3", 2, SUBFLOW);
	add(scene, "10.0.2.1", 3, SUBFLOW);
	add(scene, "10.0.2.2", 3, SUBFLOW);
	fake_view_cut(&scene->view, "10.0.1.1", "");
	plan(scene);
	assert_endpoints(scene, "10.0.1.3%2/subflow 10.0.2.1%3/subflow 10.0.2.2%3/subflow");
}

static void test_max(struct scene *scene, gconstpointer unused)
{
	for (unsigned int i = 0; i < 10; i++) {
		g_autofree char *addr = g_strdup_printf("10.0.%u.%u", i / 2, i % 2 + 1);

		add(scene, addr, i / 2 + 2, SUBFLOW);
	}
	plan_with(scene, "max-endpoints", "8");
	assert_endpoints(scene, "10.0.0.1%2/subflow 10.0.1.1%3/subflow 10.0.2.1%4/subflow "
				"10.0.3.1%5/subflow 10.0.4.1%6/subflow 10.0.0.2%2/subflow "
				"10.0.1.2%3/subflow 10.0.2.2%4/subflow");
	g_assert_cmpuint(scene->plan.limit_subflows, ==, 8);
	plan(scene);
	g_assert_cmpuint(scene->plan.n_endpoints, ==, 10);
	g_assert_cmpuint(scene->plan.limit_subflows, ==, 10);
}

/* A later mptcpd says more of each address than this plugin was built to know. */
static void test_longer_elements(struct scene *scene, gconstpointer unused)
{
	struct {
		struct mptcpd_local local;
		char more[40];
	} longer[2];

	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "10.0.2.1", 3, SUBFLOW);
	memset(longer, 0xff, sizeof(longer));
	for (size_t i = 0; i < 2; i++)
		longer[i].local = scene->view.locals[i];
	scene->view.base.locals = (struct mptcpd_list){longer, 2, sizeof(longer[0])};
	plan(scene);
	assert_endpoints(scene, "10.0.1.1%2/subflow 10.0.2.1%3/subflow");
}

static void test_crowd(struct scene *scene, gconstpointer unused)
{
	static struct mptcpd_local locals[3 * MPTCPD_PLAN_MAX];
	size_t n = G_N_ELEMENTS(locals);

	/* a crowd on the first interface, and one address on the last */
	for (size_t i = 0; i < n; i++) {
		g_autofree char *addr = g_strdup_printf("10.0.1.%zu", i + 1);

		locals[i] = (struct mptcpd_local){.addr = fake_addr(addr),
						  .ifindex = i < n - 1 ? 2 : 3,
						  .flags = SUBFLOW};
	}
	scene->view.base.locals = (struct mptcpd_list){locals, n, sizeof(locals[0])};
	plan(scene);
	g_assert_cmpuint(scene->plan.n_endpoints, ==, MPTCPD_PLAN_MAX);
	g_assert_cmpuint(scene->plan.endpoints[0].addr.ip[3], ==, 1);
	g_assert_cmpuint(scene->plan.endpoints[1].ifindex, ==, 3);
	g_assert_cmpuint(scene->plan.endpoints[MPTCPD_PLAN_MAX - 1].addr.ip[3], ==,
			 MPTCPD_PLAN_MAX - 1);
}

static void test_twice(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "10.0.1.1", 3, SUBFLOW);
	plan(scene);
	assert_endpoints(scene, "10.0.1.1%2/subflow");
	assert_limits(scene, NULL, NULL, 1, 1);
}

static void test_announce(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SIGNAL)->announce = fake_addr("203.0.113.1");
	add(scene, "10.0.2.1", 3, SIGNAL | SUBFLOW)->announce = fake_addr("203.0.113.2:4430");
	add(scene, "10.0.3.1", 4, SIGNAL | BACKUP)->announce = fake_addr("203.0.113.3");
	plan(scene);
	assert_endpoints(scene, "203.0.113.1%2/signal 203.0.113.2:4430%3/signal 10.0.2.1%3/subflow "
				"203.0.113.3%4/signal 10.0.3.1%4/backup");
}

static void test_announce_without_signal(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW)->announce = fake_addr("203.0.113.1");
	plan(scene);
	assert_endpoints(scene, "10.0.1.1%2/subflow");
}

static void test_announce_other_family(struct scene *scene, gconstpointer unused)
{
	struct mptcpd_addr public = fake_addr("203.0.113.1");

	add(scene, "10.0.1.1", 2, SIGNAL)->announce = public;
	add(scene, "10.0.1.2", 2, SIGNAL)->announce = public;
	add(scene, "2001:db8:1::1", 2, SIGNAL)->announce = public;
	plan(scene);
	assert_endpoints(scene, "203.0.113.1%2/signal 2001:db8:1::1%2/signal");
}

static void test_port(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SIGNAL);
	add(scene, "2001:db8:2::1", 3, SIGNAL | SUBFLOW | BACKUP);
	add(scene, "10.0.3.1", 4, SUBFLOW);
	add(scene, "10.0.4.1", 5, SIGNAL)->announce = fake_addr("203.0.113.1");
	plan_with(scene, "port", "4430");
	g_assert_cmpuint(scene->plan.n_refused, ==, 0);
	assert_endpoints(scene, "10.0.1.1:4430%2/signal [2001:db8:2::1]:4430%3/signal "
				"2001:db8:2::1%3/subflow,backup 10.0.3.1%4/subflow "
				"203.0.113.1%5/signal");
}

static void test_exclusive(struct scene *scene, gconstpointer unused)
{
	/* what the configuration does not let through is not silently turned into something else */
	add(scene, "10.0.1.1", 2, SIGNAL | FULLMESH | SUBFLOW);
	plan_with(scene, NULL, NULL);
	g_assert_cmpuint(scene->plan.n_refused, ==, 1);
	assert_endpoints(scene, "");
	/* behind NAT they are two addresses */
	scene->view.locals[0].announce = fake_addr("203.0.113.1");
	plan(scene);
	assert_endpoints(scene, "203.0.113.1%2/signal 10.0.1.1%2/subflow,fullmesh");
}

static void test_limits(struct scene *scene, gconstpointer unused)
{
	add(scene, "10.0.1.1", 2, SUBFLOW);
	add(scene, "10.0.2.1", 3, SUBFLOW | BACKUP);
	add(scene, "10.0.3.1", 4, SUBFLOW | LAMINAR);
	assert_limits(scene, NULL, NULL, 3, 3);
	assert_limits(scene, "subflows", "5", 5, 5);
	assert_limits(scene, "subflows", "1", 1, 1);
	assert_limits(scene, "add-addr-accepted", "0", 3, 0);
	assert_limits(scene, "add-addr-accepted", "2", 3, 2);
	assert_limits(scene, "add-addr-accepted", "4", 3, 3);
}

static void test_limits_open(struct scene *scene, gconstpointer unused)
{
	struct mptcpd_local *local = add(scene, "10.0.1.1", 2, SIGNAL);

	assert_limits(scene, NULL, NULL, 8, 8);
	local->flags = SUBFLOW | FULLMESH;
	assert_limits(scene, NULL, NULL, 8, 8);
	assert_limits(scene, "subflows", "3", 3, 3);
	for (unsigned int i = 0; i < 9; i++) {
		g_autofree char *addr = g_strdup_printf("10.0.2.%u", i + 1);

		add(scene, addr, i + 3, SUBFLOW);
	}
	assert_limits(scene, NULL, NULL, 10, 10);
}

#define ADD(name, func) g_test_add("/endpoints/" name, struct scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("each-address-with-its-flags", test_each);
	ADD("no-flags-no-endpoint", test_no_flags);
	ADD("no-address-no-endpoint", test_no_locals);
	ADD("only-where-a-route-leads-out", test_routes);
	ADD("first-of-each-interface-before-any-second", test_firsts_first);
	ADD("each-interface-before-its-other-family", test_families);
	ADD("lasting-and-far-reaching-addresses-first", test_lasting_first);
	ADD("deprecated-first-before-any-second", test_deprecated_only);
	ADD("what-does-not-count-is-not-first", test_unroutable_is_not_first);
	ADD("eight-of-ten", test_max);
	ADD("a-crowd-does-not-hide-the-others", test_crowd);
	ADD("longer-elements-of-a-later-mptcpd", test_longer_elements);
	ADD("one-address-on-two-links-is-one", test_twice);
	ADD("announced-in-its-place", test_announce);
	ADD("announced-with-flag-signal-only", test_announce_without_signal);
	ADD("announced-for-its-family-once", test_announce_other_family);
	ADD("port-goes-with-signal-alone", test_port);
	ADD("signal-and-fullmesh-exclude-each-other", test_exclusive);
	ADD("limits-follow-the-endpoints", test_limits);
	ADD("limits-for-joins-that-cannot-be-counted", test_limits_open);
	return g_test_run();
}
