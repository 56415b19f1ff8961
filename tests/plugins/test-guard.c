/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define PEER FAKE_PEER
#define PEER2 "10.0.9.2:80"

static const struct mptcpd_plugin *plugin;
static GString *reasons; /* of what is left out */

/* Each of both links to PEER is planned; the initial subflow is there. */
static void set_up(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_init(scene, plugin);
	fake_scene_see(scene, A ":40000", PEER)->initial = true;
	fake_scene_want(scene, A, PEER);
	fake_scene_want(scene, B, PEER);
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

/* What is left of the plan so far. */
#define assert_left(scene, expected)                                                               \
	do {                                                                                       \
		g_autofree char *left_ = fake_scene_plan(scene);                                   \
                                                                                                   \
		g_assert_cmpstr(left_, ==, expected);                                              \
		g_assert_cmpuint((scene)->plan.n_refused, ==, 0);                                  \
	} while (0)

static void test_default(struct fake_scene *scene, gconstpointer unused)
{
	assert_left(scene, A ">" PEER " " B ">" PEER);
	g_assert_cmpuint(scene->plan.n_forbidden, ==, 0);
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
}

static void test_glob(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_start(scene, "forbid", "tun* -> *, *2 -> 10.0.9.0/24");
	fake_scene_want(scene, B, "10.1.9.1:80");
	assert_left(scene, A ">" PEER " " B ">" PEER "/forbidden " B ">10.1.9.1:80");
}

static void test_prefix(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_start(scene, "forbid", "10.0.1.0/24->10.0.9.1");
	fake_scene_want(scene, A, PEER2);
	assert_left(scene, A ">" PEER "/forbidden " B ">" PEER " " A ">" PEER2);
}

static void test_v6(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_use_v6(scene);
	fake_scene_want(scene, FAKE_A6, FAKE_PEER6);
	fake_scene_want(scene, FAKE_B6, FAKE_PEER6);
	fake_scene_start(scene, "forbid", "* -> 0.0.0.0/0, 2001:db8:2::/48 -> 2001:db8::/32");
	assert_left(scene, FAKE_A6 ">" FAKE_PEER6 " " FAKE_B6 ">" FAKE_PEER6 "/forbidden");
}

/* What the peer made, or a person, and what no path stands for. */
static void test_subflows(struct fake_scene *scene, gconstpointer unused)
{
	scene->plan.n_paths = 0;
	scene->connection.side = MPTCPD_SIDE_SERVER;
	fake_scene_see(scene, B ":80", "10.0.8.1:5000")->origin = MPTCPD_ORIGIN_PEER;
	fake_scene_see(scene, B ":81", "10.0.8.1:5001")->origin = MPTCPD_ORIGIN_PEER;
	fake_scene_start(scene, "forbid", "link2 -> 10.0.8.0/24");
	assert_left(scene, "");
	g_assert_cmpuint(scene->plan.n_forbidden, ==, 1);
	g_assert_cmpuint(scene->plan.forbidden[0].ifindex, ==, 2);
}

/* The address is not among those that may be used, and the subflow is there all the same. */
static void test_unused_link(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, B ":5000", PEER)->origin = MPTCPD_ORIGIN_PEER;
	scene->view.base.locals.n = 1;
	fake_scene_start(scene, "forbid", "link2 -> *");
	assert_left(scene, A ">" PEER " " B ">" PEER "/forbidden");
}

static void test_unbound(struct fake_scene *scene, gconstpointer unused)
{
	scene->plan.n_paths = 0;
	fake_scene_see(scene, B ":5000", PEER)->ifindex = 0;
	fake_scene_start(scene, "forbid", "link2 -> *");
	assert_left(scene, "");
	g_assert_cmpuint(scene->plan.n_forbidden, ==, 1);
}

static void test_announcements(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_announcement ann = {.addr = fake_addr("203.0.113.1"),
					  .listen = fake_addr(B),
					  .ifindex = 2};

	fake_scene_start(scene, "forbid", "link2 -> 10.0.9.0/24");
	scene->connection.side = MPTCPD_SIDE_SERVER;
	scene->plan.base.add_announcement(&scene->plan.base, &ann);
	ann = (struct mptcpd_announcement){.addr = fake_addr("10.0.3.1")};
	scene->plan.base.add_announcement(&scene->plan.base, &ann);
	g_free(fake_scene_plan(scene));
	g_assert_cmpuint(scene->plan.n_announcements, ==, 1);
	g_assert_cmpint(scene->plan.announcements[0].addr.ip[2], ==, 3);
	/* nor is it withdrawn from who may come there */
	scene->connection.remote = fake_addr("10.0.7.1:80");
	ann = (struct mptcpd_announcement){.addr = fake_addr(B), .ifindex = 2};
	scene->plan.base.add_announcement(&scene->plan.base, &ann);
	g_free(fake_scene_plan(scene));
	g_assert_cmpuint(scene->plan.n_announcements, ==, 2);
}

/* What the plan has no room to forbid is not in it. */
static void test_no_room(struct fake_scene *scene, gconstpointer unused)
{
	scene->plan.n_forbidden = MPTCPD_PLAN_MAX - 1;
	memset(scene->plan.forbidden, 0xff, sizeof(scene->plan.forbidden));
	fake_scene_start(scene, "forbid", "* -> *");
	g_free(fake_scene_plan(scene));
	g_assert_cmpuint(scene->plan.n_paths, ==, 1);
	g_assert_cmpuint(scene->plan.n_forbidden, ==, MPTCPD_PLAN_MAX);
}

static void test_limit(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_want(scene, B, PEER2);
	fake_scene_start(scene, "max-subflows", "2");
	assert_left(scene, A ">" PEER " " B ">" PEER);
	fake_scene_start(scene, "max-subflows", "1");
	assert_left(scene, A ">" PEER);
}

/* The initial subflow counts without a path, and so does what the peer made. */
static void test_limit_counts_others(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, B ":5000", PEER2)->origin = MPTCPD_ORIGIN_PEER;
	fake_scene_see(scene, B ":5001", PEER)->origin = MPTCPD_ORIGIN_POLICY;
	fake_scene_start(scene, "max-subflows", "3");
	scene->plan.base.remove_path(&scene->plan.base, 0);
	fake_scene_want(scene, A, PEER2);
	assert_left(scene, B ">" PEER);
}

static void test_limit_does_not_count_silent(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_start(scene, "max-subflows", "1");
	scene->subflows[0].health = MPTCPD_HEALTH_SILENT;
	assert_left(scene, A ">" PEER " " B ">" PEER);
	fake_scene_see(scene, A ":40002", PEER); /* what was dead is replaced */
	assert_left(scene, A ">" PEER);
}

/* A SYN that has no answer after a while makes room for another one: it asks to be asked then. */
static void test_limit_does_not_count_unanswered(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow *pending = fake_scene_see(scene, B, PEER);

	fake_scene_want(scene, A, PEER2);
	fake_scene_start(scene, "max-subflows", "2");
	pending->state = MPTCPD_SUBFLOW_PENDING;
	pending->since_ms = 9000;
	scene->view.base.now_ms = 10000;
	assert_left(scene, A ">" PEER " " B ">" PEER);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 13000);
	scene->view.base.now_ms = 13000;
	scene->plan.ask_ms = UINT64_MAX;
	fake_scene_want(scene, A, PEER2);
	assert_left(scene, A ">" PEER " " B ">" PEER " " A ">" PEER2);
	pending->state = MPTCPD_SUBFLOW_ESTABLISHED;
	assert_left(scene, A ">" PEER " " B ">" PEER);
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
}

static void test_limit_does_not_count_silent_of_others(struct fake_scene *scene,
						       gconstpointer unused)
{
	struct mptcpd_subflow *peers = fake_scene_see(scene, A ":80", "10.0.9.1:3333");

	peers->origin = MPTCPD_ORIGIN_PEER;
	peers->health = MPTCPD_HEALTH_SILENT;
	fake_scene_start(scene, "max-subflows", "2");
	assert_left(scene, A ">" PEER " " B ">" PEER);
	peers->health = MPTCPD_HEALTH_WELL;
	assert_left(scene, A ">" PEER);
}

static void test_limit_does_not_count_forbidden(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_want(scene, A, PEER2);
	fake_scene_start(scene, "max-subflows", "2", "forbid", "link2 -> *");
	assert_left(scene, A ">" PEER " " B ">" PEER "/forbidden " A ">" PEER2);
}

__attribute__((format(printf, 4, 5))) static void on_left_out(struct mptcpd_plan *plan,
							      const struct mptcpd_path *path,
							      enum mptcpd_left why,
							      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_string_append_printf(reasons, "%u %d ", path->remote.port, why);
	g_string_append_vprintf(reasons, format, args);
	g_string_append_c(reasons, '\n');
	va_end(args);
}

/* Whoever asks why is told which of both it was. */
static void test_c_flag(struct fake_scene *scene, gconstpointer unused)
{
	fake_plan_init(&scene->plan, &scene->connection);
	scene->plan.base.leave_out = on_left_out;
	scene->connection.deny_join_id0 = true;
	fake_scene_want(scene, B, "10.0.9.1:81");
	fake_scene_want(scene, B, PEER2);
	fake_scene_want(scene, B, "10.0.9.2:82");
	fake_scene_start(scene, "max-subflows", "2");
	reasons = g_string_new(NULL);
	assert_left(scene, B ">" PEER2);
	g_assert_cmpstr(reasons->str, ==,
			"81 0 the peer asks for no joins to that address, on any port (C flag)\n"
			"82 1 max-subflows = 2\n");
	g_string_free(reasons, TRUE);
}

static void test_faults(struct fake_scene *scene, gconstpointer unused)
{
	static const char *const faults[][2] = {
		{"tun0 10.0.0.0/8", "has 'tun0 10.0.0.0/8', expected FROM -> TO"},
		{"a -> *, ->*", "has '->*', expected an interface or a prefix before ->"},
		{"10.0.0.0/33 -> *",
		 "has '10.0.0.0/33 -> *', expected an interface or a prefix before ->"},
		{"a b -> *", "has 'a b -> *', expected an interface or a prefix before ->"},
		{"a-name-that-is-too-long -> *",
		 "has 'a-name-that-is-too-long -> *', expected an interface or a prefix before ->"},
		{"eth0 -> eth1", "has 'eth0 -> eth1', expected a prefix or * after ->"},
		{"eth0 -> ", "has 'eth0 ->', expected a prefix or * after ->"},
		{"10.0.0.0/8 -> ::/0", "has '10.0.0.0/8 -> ::/0', expected prefixes of one family"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++)
		g_assert_cmpstr(fake_fault(plugin, "forbid", faults[i][0], NULL), ==, faults[i][1]);
}

#define ADD(name, func) g_test_add("/guard/" name, struct fake_scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("without-settings-changes-nothing", test_default);
	ADD("forbids-from-an-interface", test_glob);
	ADD("forbids-from-a-prefix", test_prefix);
	ADD("forbids-of-ipv6", test_v6);
	ADD("forbids-what-others-made", test_subflows);
	ADD("forbids-on-a-link-that-is-not-used", test_unused_link);
	ADD("forbids-what-is-bound-to-no-link", test_unbound);
	ADD("announces-nothing-that-is-forbidden", test_announcements);
	ADD("leaves-out-what-cannot-be-forbidden", test_no_room);
	ADD("limit-counts-the-initial-subflow", test_limit);
	ADD("limit-counts-those-of-others", test_limit_counts_others);
	ADD("limit-does-not-count-what-is-silent", test_limit_does_not_count_silent);
	ADD("limit-does-not-count-what-has-no-answer", test_limit_does_not_count_unanswered);
	ADD("limit-does-not-count-what-is-silent-of-others",
	    test_limit_does_not_count_silent_of_others);
	ADD("limit-does-not-count-what-is-forbidden", test_limit_does_not_count_forbidden);
	ADD("c-flag-bars-the-initial-address", test_c_flag);
	ADD("faults-name-the-entry", test_faults);
	return g_test_run();
}
