/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was measured on subflows is looked up for all at once, and for all who ask. */
#include <mptcpctl/examine.h>
#include <string.h>

#include "bus-client.h"
#include "addr.h"
#include "bus-private.h"
#include "bus-scene.h"

#define N 30
#define LISTINGS 100
/* Measurements are taken again after so many milliseconds. */
#define FRESH_MS 250

static void feed(struct scene *scene, const struct event *event)
{
	engine_event(scene->engine, event, scene->now_ms);
}

/* The subflow of a record, and its connection: those of scene_connect(). */
static struct event record(uint32_t token, enum event_type type)
{
	struct event event = {.type = type, .token = token};
	struct mptcpd_addr local, remote;

	g_assert_cmpint(addr_parse("10.0.0.1", &local), ==, 0);
	g_assert_cmpint(addr_parse("10.9.0.1", &remote), ==, 0);
	local.port = (uint16_t)token;
	remote.port = 80;
	if (type == EVENT_SNAPSHOT_CONNECTION) {
		event.connection.local = local;
		event.connection.remote = remote;
		return event;
	}
	event.subflow.local = local;
	event.subflow.remote = remote;
	event.subflow.initial = event.subflow.joined_here = true;
	event.subflow.fully_established = true;
	event.subflow.measure.rtt_us = 100 + token;
	return event;
}

static void mark(struct scene *scene, enum event_type type)
{
	feed(scene, &(struct event){.type = type, .snapshot = SNAPSHOT_CONNECTIONS});
}

/* `taken_ms` 0: nothing was measured. */
static void snapshot(struct scene *scene, uint64_t taken_ms)
{
	mark(scene, EVENT_SNAPSHOT_BEGIN);
	for (uint32_t token = 1; token <= N; token++) {
		struct event event = record(token, EVENT_SNAPSHOT_CONNECTION);

		feed(scene, &event);
		event = record(token, EVENT_SNAPSHOT_SUBFLOW);
		event.subflow.measure.taken_ms = taken_ms;
		feed(scene, &event);
	}
	mark(scene, EVENT_SNAPSHOT_END);
	scene_settle(scene);
}

/* The engine asks for a snapshot, and the kernel has it at once. */
static void settle(struct scene *scene)
{
	unsigned int before = scene->n_snapshots;

	scene->now_ms = loop_now_ms();
	engine_settle(scene->engine, scene->now_ms);
	if (scene->n_snapshots != before)
		snapshot(scene, scene->now_ms);
}

static void set_up(struct scene **scene, gconstpointer data)
{
	*scene = scene_new(false);
	for (uint32_t token = 1; token <= N; token++)
		scene_connect(*scene, token);
	(*scene)->on_settle = settle;
	snapshot(*scene, 0);
}

static void tear_down(struct scene **scene, gconstpointer data)
{
	scene_free(*scene);
}

static int expect_measured(void *data, const struct mptcpctl_connection *connection)
{
	unsigned int *n = data;

	g_assert_true(connection->subflows->measured);
	g_assert_cmpuint(connection->subflows->rtt_us, ==, 100 + connection->token);
	++*n;
	return 0;
}

static int count_unmeasured(void *data, const struct mptcpctl_connection *connection)
{
	*(unsigned int *)data += !connection->subflows->measured;
	return 0;
}

static void client_lists_often(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	unsigned int before = scene->n_snapshots, n = 0;
	uint64_t begin_ms = loop_now_ms();

	for (uint32_t i = 0; i < LISTINGS; i++) {
		g_assert_cmpint(mptcpctl_list_connections(ctl, expect_measured, &n), ==, 0);
		g_assert_cmpint(mptcpctl_get_connection(ctl, 1 + i % N, expect_measured, &n), ==,
				0);
	}
	g_assert_cmpuint(n, ==, LISTINGS * (N + 1));
	g_assert_cmpuint(scene->n_snapshots, >, before);
	g_assert_cmpuint(scene->n_snapshots - before, <=,
			 1 + (loop_now_ms() - begin_ms) / FRESH_MS);
	mptcpctl_free(ctl);
}

static void test_once(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_lists_often);
}

static void client_waits(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	unsigned int n = 0;

	g_assert_cmpint(mptcpctl_list_connections(ctl, count_unmeasured, &n), ==, 0);
	g_assert_cmpuint(n, ==, N);
	mptcpctl_free(ctl);
}

static void test_silence(struct scene **scene, gconstpointer data)
{
	(*scene)->on_settle = NULL;
	scene_run(*scene, client_waits);
}

/* ---- sockets that listen ---- */

static int expect_next_inode(void *data, const struct mptcpctl_listener *listener)
{
	uint64_t *last = data;

	*last += 10;
	g_assert_cmpuint(listener->inode, ==, *last);
	g_assert_cmpstr(listener->protocol, ==, *last % 20 ? "mptcp" : "tcp");
	return 0;
}

static void list_listeners(struct mptcpctl *ctl, unsigned int n)
{
	uint64_t last = 0;

	g_assert_cmpint(mptcpctl_list_listeners(ctl, expect_next_inode, &last), ==, 0);
	g_assert_cmpuint(last, ==, 10 * n);
}

/* However many pages, and however many ask. */
static void client_lists_listeners(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	gint64 begin = g_get_monotonic_time();
	unsigned int n_most;

	scene->next_error = -ENOBUFS;
	g_assert_cmpint(mptcpctl_list_listeners(ctl, NULL, NULL), ==, -EIO);
	g_assert_cmpuint(scene->n_looks, ==, 1);
	scene->n_listeners = 1000;
	for (size_t i = 0; i < LISTINGS; i++)
		list_listeners(ctl, 1000);
	n_most = 2 + (unsigned int)((g_get_monotonic_time() - begin) / 1000 / FRESH_MS);
	g_assert_cmpuint(scene->n_looks, >=, 2);
	g_assert_cmpuint(scene->n_looks, <=, n_most);
	mptcpctl_free(ctl);
}

/* One that is new is there in the first listing that begins later than that. */
static void client_waits_for_listener(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	uint64_t last;

	list_listeners(ctl, 0);
	scene->n_listeners = 1;
	do {
		last = 0;
		g_assert_cmpint(mptcpctl_list_listeners(ctl, expect_next_inode, &last), ==, 0);
	} while (!last);
	g_assert_cmpuint(scene->n_looks, ==, 2);
	mptcpctl_free(ctl);
}

static void test_listeners(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_lists_listeners);
}

static void test_new_listener(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_waits_for_listener);
}

#define ADD(path, test) g_test_add(path, struct scene *, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/bus/measure/one-snapshot-serves-all-who-ask", test_once);
	ADD("/bus/measure/listing-does-not-wait-for-ever", test_silence);
	ADD("/bus/listeners/one-look-serves-all-who-ask", test_listeners);
	ADD("/bus/listeners/new-ones-are-found-later", test_new_listener);
	return g_test_run();
}
