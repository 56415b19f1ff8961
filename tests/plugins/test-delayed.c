/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define PEER FAKE_PEER
#define BEGIN 500 /* the time is 1000 */

static const struct mptcpd_plugin *plugin;

static void set_up(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_init(scene, plugin);
	scene->connection.begin_ms = BEGIN;
	scene->connection.bytes_sent = scene->connection.bytes_received = MPTCPD_BYTES_UNKNOWN;
	fake_scene_see(scene, A ":40000", PEER)->initial = true;
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

/* Both links are wanted by a plugin before it, and twice the first. */
static void assert_left(struct fake_scene *scene, const char *expected)
{
	struct mptcpd_path twin = {.local = fake_addr(A),
				   .remote = fake_addr(PEER),
				   .ifindex = 1,
				   .instance = 1};
	g_autofree char *text = NULL;

	fake_plan_init(&scene->plan, &scene->connection);
	fake_scene_want(scene, A, PEER);
	fake_scene_want(scene, B, PEER);
	g_assert_cmpint(scene->plan.base.add_path(&scene->plan.base, &twin), ==, 0);
	text = fake_scene_plan(scene);
	g_assert_cmpstr(text, ==, expected);
}

static GString *reasons;

__attribute__((format(printf, 4, 5))) static void on_left_out(struct mptcpd_plan *plan,
							      const struct mptcpd_path *path,
							      enum mptcpd_left why,
							      const char *format, ...)
{
	va_list args;

	g_assert_cmpint(why, ==, MPTCPD_LEFT_FOR_LATER);
	va_start(args, format);
	g_string_append_vprintf(reasons, format, args);
	va_end(args);
}

/* Whoever asks why is told what it waits for, and nothing that does not count. */
static void assert_says(struct fake_scene *scene, const char *expected)
{
	g_autofree char *text = NULL;

	reasons = g_string_new(NULL);
	fake_plan_init(&scene->plan, &scene->connection);
	scene->plan.base.leave_out = on_left_out;
	fake_scene_want(scene, B, PEER);
	text = fake_scene_plan(scene);
	g_assert_cmpstr(text, ==, "");
	g_assert_cmpstr(reasons->str, ==, expected);
	g_string_free(reasons, TRUE);
}

static void test_reasons(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_start(scene, "age", "5s");
	assert_says(scene, "waits 4 s for age, or for bytes");
	fake_scene_start(scene, "age", "5s", "bytes", "0");
	assert_says(scene, "waits 4 s for age");
}

#define WAITING A ">" PEER
#define ALL A ">" PEER " " B ">" PEER " " A ">" PEER

static void test_age(struct fake_scene *scene, gconstpointer unused)
{
	assert_left(scene, WAITING);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 1250); /* for its bytes */
	scene->view.base.now_ms = BEGIN + 1999;
	assert_left(scene, WAITING);
	g_assert_cmpuint(scene->plan.ask_ms, ==, BEGIN + 2000);
	scene->view.base.now_ms = BEGIN + 2000;
	assert_left(scene, ALL);
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
}

static void test_settings(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_start(scene, "age", "700ms", "bytes", "0");
	scene->connection.bytes_sent = 1U << 30;
	assert_left(scene, WAITING);
	g_assert_cmpuint(scene->plan.ask_ms, ==, BEGIN + 700);
	fake_scene_start(scene, "age", "0");
	assert_left(scene, ALL);
}

static void test_bytes(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.bytes_sent = 1 << 19;
	scene->connection.bytes_received = (1 << 19) - 1;
	assert_left(scene, WAITING);
	scene->connection.bytes_received++;
	assert_left(scene, ALL);
}

/* What was measured is newer than what the connection counts. */
static void test_measured(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_measure measure = {.bytes_sent = 1 << 19, .bytes_received = 1 << 18};

	fake_scene_start(scene, "age", "1h", "bytes", "1M");
	scene->subflows[0].measure = &measure;
	assert_left(scene, WAITING);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 1250);
	measure.bytes_received = 1 << 19;
	assert_left(scene, ALL);
}

static void test_there_stays(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, A ":40001", PEER);
	assert_left(scene, A ">" PEER " " A ">" PEER);
	fake_scene_see(scene, B ":40002", PEER)->state = MPTCPD_SUBFLOW_PENDING;
	assert_left(scene, ALL);
}

static void test_old(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.begin_ms = 0;
	assert_left(scene, ALL);
}

/* Nobody is invited yet; who has come is not shown out. */
static void test_announcements(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_announcement ann = {.addr = fake_addr(B)};

	scene->connection.side = MPTCPD_SIDE_SERVER;
	for (size_t n = 0; n < 2; n++) {
		fake_plan_init(&scene->plan, &scene->connection);
		scene->plan.base.add_announcement(&scene->plan.base, &ann);
		g_free(fake_scene_plan(scene));
		g_assert_cmpuint(scene->plan.n_announcements, ==, n);
		fake_scene_see(scene, B ":80", "10.0.8.1:5000");
	}
}

#define ADD(name, func)                                                                            \
	g_test_add("/delayed/" name, struct fake_scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("waits-for-the-age", test_age);
	ADD("settings-say-how-long", test_settings);
	ADD("says-what-it-waits-for", test_reasons);
	ADD("or-for-the-bytes", test_bytes);
	ADD("bytes-as-measured", test_measured);
	ADD("what-is-there-stays", test_there_stays);
	ADD("one-of-before-is-old", test_old);
	ADD("announces-nothing-before", test_announcements);
	return g_test_run();
}
