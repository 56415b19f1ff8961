/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joins that failed and that nobody here asked for: told, remembered, and no more than that. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "census.h"
#include "engine-scene.h"
#include "failure.h"

static void close_unknown(struct scene *scene, uint16_t port, uint8_t error)
{
	struct event event = {
		.type = EVENT_SUBFLOW_CLOSED,
		.token = SCENE_TOKEN,
		.subflow = {.local = fake_addr("10.9.9.9:40000"),
			    .remote = fake_addr("10.9.0.9:1"),
			    .error = error},
	};

	event.subflow.remote.port = port;
	engine_event(scene->engine, &event, scene->now_ms);
	scene_run(scene);
}

static void on_path(void *data, const struct explain_path *path)
{
	struct explain_path *last = data;

	if (path->remote.port == last->remote.port)
		*last = *path;
}

static void told_and_bounded(struct scene *scene, gconstpointer data)
{
	char words[ENGINE_WORDS_SIZE];
	const struct connection *connection;
	struct explain_path path = {.remote.port = 29};

	scene_meshed(scene);
	fake_forget_log(scene->fake);
	for (uint16_t port = 10; port < 30; port++)
		close_unknown(scene, port, ECONNREFUSED);
	close_unknown(scene, 29, ETIMEDOUT);
	connection = scene_connection(scene);
	g_assert_cmpuint(scene->n_changes[CHANGE_SUBFLOW_CLOSED], ==, 21);
	g_assert_cmpuint(connection->more->n_failures, ==, FAILURES_MAX);
	g_assert_cmpuint(connection->more->failures[0].remote.port, ==, 22); /* the oldest went */
	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path, &path, words);
	g_assert_cmpuint(path.attempts, ==, 2);
	g_assert_cmpstr(path.error, ==, "no answer to the SYN (ETIMEDOUT)");
	g_assert_false(path.has_next_try);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0); /* nobody tries them again */
}

static void forgotten_when_established(struct scene *scene, gconstpointer data)
{
	struct event event = {
		.type = EVENT_SUBFLOW_ESTABLISHED,
		.token = SCENE_TOKEN,
		.subflow = {.local = fake_addr("10.9.9.9:41000"),
			    .remote = fake_addr("10.9.0.9:7")},
	};

	scene_meshed(scene);
	close_unknown(scene, 7, ECONNREFUSED);
	close_unknown(scene, 8, 0); /* no error: told, and nothing to explain */
	g_assert_cmpuint(scene_connection(scene)->more->n_failures, ==, 1);
	engine_event(scene->engine, &event, scene->now_ms);
	g_assert_cmpuint(scene_connection(scene)->more->n_failures, ==, 0);
}

static void endpoint(struct scene *scene, enum event_type type, uint8_t id)
{
	const struct event event = {
		.type = type,
		.endpoint = {.id = id, .addr = fake_addr("10.9.9.9"), .flags = MPTCPD_FLAG_SUBFLOW},
	};

	engine_event(scene->engine, &event, scene->now_ms);
}

/* How many failures metrics count. */
static uint64_t count_missing(struct scene *scene, enum reason reason)
{
	struct census census;
	uint64_t n;

	census_init(&census, scene->engine);
	g_assert_cmpuint(census_take(&census, scene->engine, 0, scene->now_ms, SIZE_MAX), ==, 0);
	n = census.missing[reason];
	census_done(&census);
	return n;
}

/* Explained, and counted by metrics. */
static bool is_told(struct scene *scene, uint16_t port)
{
	char words[ENGINE_WORDS_SIZE];
	struct explain_path path = {.remote.port = port};

	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path, &path, words);
	g_assert_cmpuint(count_missing(scene, REASON_UNANSWERED), ==, path.attempts > 0);
	return path.attempts > 0;
}

/* The kernel's path manager tries anew with it. */
static void not_told_of_a_later_endpoint(struct scene *scene, gconstpointer data)
{
	scene->fake->path_manager = PATH_MANAGER_KERNEL;
	scene_client(scene);
	endpoint(scene, EVENT_ENDPOINT, 9);
	close_unknown(scene, 7, ETIMEDOUT);
	g_assert_true(is_told(scene, 7));
	endpoint(scene, EVENT_ENDPOINT_GONE, 9);
	g_assert_true(is_told(scene, 7)); /* for there is none */
	endpoint(scene, EVENT_ENDPOINT, 9);
	g_assert_false(is_told(scene, 7));
	close_unknown(scene, 7, ETIMEDOUT);
	g_assert_true(is_told(scene, 7));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("failure/told-and-bounded", told_and_bounded);
	ADD("failure/forgotten-when-established", forgotten_when_established);
	ADD("failure/not-told-of-a-later-endpoint", not_told_of_a_later_endpoint);
	return g_test_run();
}
