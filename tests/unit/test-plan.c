/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a plugin puts into a plan is checked like any other input. */
#include "engine-scene.h"

#include <errno.h>
#include <string.h>

#include "plan.h"

static const struct mptcpd_addr fake_none;

struct bench {
	struct scene scene;
	struct plan plan;
	const struct mptcpd_plan *functions;
};

static struct mptcpd_plan *begin(struct bench *bench)
{
	scene_meshed(&bench->scene);
	plan_init(&bench->plan, engine_model(bench->scene.engine), scene_connection(&bench->scene));
	bench->functions = &bench->plan.base;
	return &bench->plan.base;
}

static void set_up(struct bench *bench, gconstpointer unused)
{
	scene_set_up(&bench->scene, unused);
}

static void tear_down(struct bench *bench, gconstpointer unused)
{
	scene_tear_down(&bench->scene, unused);
}

static struct mptcpd_path good_path(void)
{
	return (struct mptcpd_path){.local = fake_addr("10.0.1.1"),
				    .remote = fake_addr(SCENE_SERVER)};
}

/* Bend one thing of what is good, and see what comes of it. */
static void expect_path(struct bench *bench, const struct mptcpd_path *path, int error)
{
	size_t before = bench->plan.n_refusals;
	struct mptcpd_plan *plan = &bench->plan.base;

	g_assert_cmpint(plan->add_path(plan, path), ==, error);
	g_assert_cmpuint(bench->plan.n_refusals, ==, before + (error < 0 && error != -EEXIST));
}

static void test_paths(struct bench *bench, gconstpointer unused)
{
	struct mptcpd_path path;

	begin(bench);
	for (size_t i = 0; i < sizeof(path.reserved); i++) {
		path = good_path();
		path.reserved[i] = 1;
		expect_path(bench, &path, -EOPNOTSUPP);
	}
	path = good_path();
	path.local.ip[9] = 1;
	expect_path(bench, &path, -EINVAL);
	path = good_path();
	path.remote.reserved = 1;
	expect_path(bench, &path, -EINVAL);
	path = good_path();
	path.remote.family = path.local.family = 77;
	expect_path(bench, &path, -EINVAL);
	path = good_path();
	path.remote = fake_addr("224.0.0.1:80");
	expect_path(bench, &path, -EINVAL);
	path = good_path();
	path.remote = fake_addr("0.0.0.0:80");
	expect_path(bench, &path, -EINVAL);
	path = good_path();
	path.flags = MPTCPD_FLAG_SIGNAL;
	expect_path(bench, &path, -EINVAL);
	path = good_path();
	expect_path(bench, &path, 0);
	expect_path(bench, &path, -EEXIST);
	path.ifindex = 1;
	expect_path(bench, &path, -EEXIST);
	path.ifindex = 2;
	expect_path(bench, &path, -EADDRNOTAVAIL);
}

/* The peer's C flag bars joins, not to want what is there. */
static void test_c_flag(struct bench *bench, gconstpointer unused)
{
	struct mptcpd_path path = good_path();
	struct connection connection;

	begin(bench);
	connection = *scene_connection(&bench->scene);
	connection.deny_join_id0 = true;
	plan_init(&bench->plan, engine_model(bench->scene.engine), &connection);
	expect_path(bench, &path, -EPERM);
	path.local.port = 1;
	expect_path(bench, &path, -EPERM);
	path.local = connection.subflows[0].local;
	expect_path(bench, &path, 0);
}

static void test_too_many(struct bench *bench, gconstpointer unused)
{
	struct mptcpd_plan *plan = begin(bench);
	struct mptcpd_path path = good_path();
	struct mptcpd_forbidden forbidden = {.remote = fake_addr("192.0.2.1"), .remote_prefix = 32};
	struct mptcpd_announcement announcement = {.addr = fake_addr("192.0.2.1")};

	for (size_t i = 0; i < 10000; i++) {
		int expected = i < MPTCPD_PLAN_MAX ? 0 : -ENOSPC;

		path.remote.ip[3] = (uint8_t)(1 + i % 200);
		path.remote.port = (uint16_t)(1 + i);
		announcement.addr.port = (uint16_t)(1 + i);
		g_assert_cmpint(plan->add_path(plan, &path), ==, expected);
		g_assert_cmpint(plan->forbid(plan, &forbidden), ==, expected);
		g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, expected);
	}
	g_assert_null(plan->get_path(plan, MPTCPD_PLAN_MAX));
	g_assert_null(plan->get_path(plan, SIZE_MAX));
	g_assert_cmpint(plan->set_path_flags(plan, SIZE_MAX, 0), ==, -ENOENT);
	g_assert_cmpint(plan->remove_path(plan, SIZE_MAX), ==, -ENOENT);
	g_assert_cmpint(plan->remove_path(plan, MPTCPD_PLAN_MAX - 1), ==, 0);
	g_assert_cmpint(plan->set_path_flags(plan, 0, MPTCPD_FLAG_BACKUP), ==, 0);
	g_assert_cmpuint(plan->get_path(plan, 0)->flags, ==, MPTCPD_FLAG_BACKUP);
	g_assert_cmpint(plan->set_path_flags(plan, 0, MPTCPD_FLAG_SIGNAL), ==, -EINVAL);
	g_assert_cmpuint(bench->plan.n_paths, ==, MPTCPD_PLAN_MAX - 1);
}

static int announce(struct bench *bench, const char *addr, const char *listen, uint32_t ifindex)
{
	struct mptcpd_plan *plan = &bench->plan.base;
	struct mptcpd_announcement announcement = {
		.addr = fake_addr(addr),
		.listen = *listen ? fake_addr(listen) : fake_none,
		.ifindex = ifindex,
	};

	return plan->add_announcement(plan, &announcement);
}

static void test_announcements(struct bench *bench, gconstpointer unused)
{
	struct mptcpd_announcement announcement = {.addr = fake_addr("203.0.113.1")};
	struct mptcpd_plan *plan = begin(bench);

	g_assert_cmpint(announce(bench, "127.0.0.1", "", 0), ==, -EINVAL);
	g_assert_cmpint(announce(bench, "0.0.0.0", "", 0), ==, -EINVAL);
	g_assert_cmpint(announce(bench, "203.0.113.1", "203.0.113.1:80", 0), ==, -EADDRNOTAVAIL);
	g_assert_cmpint(announce(bench, "203.0.113.1", "10.0.2.1", 3), ==, -EADDRNOTAVAIL);
	g_assert_cmpint(announce(bench, "203.0.113.1", "[2001:db8::1]:80", 0), ==, -EAFNOSUPPORT);
	announcement.reserved[5] = 1;
	g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, -EOPNOTSUPP);
	announcement.reserved[5] = 0;
	announcement.reserved8[0] = 1;
	g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, -EOPNOTSUPP);
	announcement.reserved8[0] = 0;
	announcement.listen_when = MPTCPD_LISTEN_BESIDE + 1;
	g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, -EOPNOTSUPP);
	/* the connection is of IPv4 */
	g_assert_cmpint(announce(bench, "2001:db8::9", "", 0), ==, -EAFNOSUPPORT);
	g_assert_cmpuint(bench->plan.n_announcements, ==, 0);
	/* link and port of the listener, where it is not told: its own, and the connection's */
	g_assert_cmpint(announce(bench, "203.0.113.1", "10.0.2.1", 0), ==, 0);
	g_assert_cmpuint(bench->plan.announcements[0].announcement.ifindex, ==, 2);
	g_assert_cmpuint(bench->plan.announcements[0].announcement.listen.port, ==, 1000);
	g_assert_cmpint(announce(bench, "203.0.113.1:8000", "10.0.2.1", 0), ==, 0);
	g_assert_cmpuint(bench->plan.announcements[1].announcement.listen.port, ==, 8000);
	g_assert_cmpint(announce(bench, "203.0.113.1:8000", "", 0), ==, -EEXIST);
}

static void test_forbidden(struct bench *bench, gconstpointer unused)
{
	struct mptcpd_forbidden forbidden = {.local = fake_addr("10.0.0.0"), .local_prefix = 33};
	struct mptcpd_plan *plan = begin(bench);

	g_assert_cmpint(plan->forbid(plan, &forbidden), ==, -EINVAL);
	forbidden.local_prefix = 8;
	forbidden.local.family = 77;
	g_assert_cmpint(plan->forbid(plan, &forbidden), ==, -EINVAL);
	forbidden.local.family = AF_INET;
	forbidden.reserved[0] = 1;
	g_assert_cmpint(plan->forbid(plan, &forbidden), ==, -EOPNOTSUPP);
	forbidden.reserved[0] = 0;
	forbidden.reserved8[1] = 1;
	g_assert_cmpint(plan->forbid(plan, &forbidden), ==, -EOPNOTSUPP);
	g_assert_cmpuint(bench->plan.n_forbidden, ==, 0);
}

static void test_endpoints(struct bench *bench, gconstpointer unused)
{
	struct mptcpd_endpoint endpoint = {.addr = fake_addr("10.0.1.1"),
					   .flags = MPTCPD_FLAG_SUBFLOW,
					   .ifindex = 1,
					   .reserved = {1}};
	struct mptcpd_plan *plan;

	begin(bench);
	plan_init(&bench->plan, engine_model(bench->scene.engine), NULL);
	plan = &bench->plan.base;
	g_assert_cmpint(plan->add_endpoint(plan, &endpoint), ==, -EOPNOTSUPP);
	endpoint.reserved[0] = 0;
	endpoint.addr.ip[5] = 1;
	g_assert_cmpint(plan->add_endpoint(plan, &endpoint), ==, -EINVAL);
	endpoint.addr.ip[5] = 0;
	g_assert_cmpint(plan->add_endpoint(plan, &endpoint), ==, 0);
	g_assert_cmpint(plan->set_limits(plan, 256, 0), ==, -EINVAL);
}

/* What a plugin of the stack wants announced, a later one may take away. */
static void test_stack_announcements(struct bench *bench, gconstpointer unused)
{
	struct mptcpd_plan *plan = begin(bench);
	struct mptcpd_announcement announcement = {.addr = fake_addr("203.0.113.1")};

	g_assert_null(plan->get_announcement(plan, 0));
	g_assert_cmpint(plan->remove_announcement(plan, 0), ==, -ENOENT);
	g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, 0);
	announcement.addr = fake_addr("203.0.113.2");
	g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, 0);
	g_assert_cmpint(plan->get_announcement(plan, 0)->addr.ip[3], ==, 1);
	g_assert_cmpint(plan->remove_announcement(plan, 0), ==, 0);
	g_assert_cmpint(plan->get_announcement(plan, 0)->addr.ip[3], ==, 2);
	g_assert_null(plan->get_announcement(plan, 1));
	g_assert_cmpint(plan->remove_announcement(plan, SIZE_MAX), ==, -ENOENT);
}

#define ADD_BENCH(name, func) g_test_add("/plan/" name, struct bench, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD_BENCH("paths-that-make-no-sense-are-refused", test_paths);
	ADD_BENCH("c-flag-bars-joins-alone", test_c_flag);
	ADD_BENCH("ten-thousand-entries-are-cut", test_too_many);
	ADD_BENCH("announcements-that-make-no-sense-are-refused", test_announcements);
	ADD_BENCH("announcements-of-others-may-be-taken-away", test_stack_announcements);
	ADD_BENCH("forbidden-pairs-that-make-no-sense-are-refused", test_forbidden);
	ADD_BENCH("endpoints-that-make-no-sense-are-refused", test_endpoints);
	return g_test_run();
}
