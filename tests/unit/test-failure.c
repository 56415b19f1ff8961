/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joins that failed and that nobody here asked for: told, remembered, and no more than that. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
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
	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path, &path);
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

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("failure/told-and-bounded", told_and_bounded);
	ADD("failure/forgotten-when-established", forgotten_when_established);
	return g_test_run();
}
