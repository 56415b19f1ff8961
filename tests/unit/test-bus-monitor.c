/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a monitor tells: whoever adds up the events has the model, at every moment after
 * "synchronized", however much happens while it synchronizes, and however slow the reader is.
 */
#include <dlfcn.h>
#include <mptcpctl/client.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus-client.h"
#include "bus-private.h"
#include "bus-scene.h"

#define N 700

/* The clock of this thread is ahead: as after it was stopped for so long. */
static _Thread_local time_t ahead_s;

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret_now)
{
	static int (*read_clock)(clockid_t, struct timespec *);
	int r;

	if (!read_clock)
		*(void **)&read_clock = dlsym(RTLD_NEXT, "clock_gettime");
	r = read_clock(id, ret_now);
	if (id == CLOCK_MONOTONIC)
		ret_now->tv_sec += ahead_s;
	return r;
}

/* What the events add up to. */
struct tally {
	struct mptcpctl *ctl;
	GHashTable *subflows; /* token -> how many joined subflows, for each live connection */
	unsigned int n_events, n_synchronized, n_lost, n_interfaces, n_endpoints;
	char joined[64]; /* the interface and the policy of the last join */
};

static void set_up(struct scene **scene, gconstpointer data)
{
	*scene = scene_new(false);
}

static void tear_down(struct scene **scene, gconstpointer data)
{
	scene_free(*scene);
}

static void add_up_connection(struct tally *tally, const struct mptcpctl_event *event)
{
	gpointer key = GUINT_TO_POINTER(event->token);
	bool known = g_hash_table_contains(tally->subflows, key);
	unsigned int n = GPOINTER_TO_UINT(g_hash_table_lookup(tally->subflows, key));

	if (event->type == MPTCPCTL_CONNECTION_CREATED) {
		g_assert_false(known);
		g_hash_table_insert(tally->subflows, key, NULL);
		return;
	}
	g_assert_true(known);
	if (event->type == MPTCPCTL_CONNECTION_CLOSED) {
		g_hash_table_remove(tally->subflows, key);
	} else if (event->type == MPTCPCTL_SUBFLOW_ESTABLISHED) {
		g_assert_cmpuint(n, ==, 0);
		g_hash_table_insert(tally->subflows, key, GUINT_TO_POINTER(n + 1));
		g_snprintf(tally->joined, sizeof(tally->joined), "%s %s", event->interface,
			   event->policy);
	} else if (event->type == MPTCPCTL_SUBFLOW_CLOSED) {
		g_assert_cmpuint(n, ==, 1);
		g_assert_nonnull(event->error);
		g_hash_table_insert(tally->subflows, key, GUINT_TO_POINTER(n - 1));
	}
}

static int on_event(void *data, const struct mptcpctl_event *event)
{
	struct tally *tally = data;

	tally->n_events++;
	g_assert_cmpuint(event->time_us, >, 0);
	if (event->type == MPTCPCTL_SYNCHRONIZED) {
		tally->n_synchronized++;
	} else if (event->type == MPTCPCTL_LOST) {
		g_assert_cmpstr(event->what, ==, "monitor");
		tally->n_lost++;
		tally->n_interfaces = tally->n_endpoints = 0;
		g_hash_table_remove_all(tally->subflows);
	} else if (event->type == MPTCPCTL_INTERFACE_ADDED) {
		g_assert_nonnull(event->interface_now);
		tally->n_interfaces++;
	} else if (event->type == MPTCPCTL_ENDPOINT_ADDED) {
		g_assert_nonnull(event->endpoint);
		tally->n_endpoints++;
	} else if (event->token) {
		add_up_connection(tally, event);
	}
	return 0;
}

static void start(struct tally *tally, struct scene *scene)
{
	tally->subflows = g_hash_table_new(NULL, NULL);
	tally->ctl = client_new(scene->socket);
	g_assert_cmpint(mptcpctl_monitor(tally->ctl, on_event, tally), ==, 0);
}

static void stop(struct tally *tally)
{
	mptcpctl_free(tally->ctl);
	g_hash_table_unref(tally->subflows);
}

/* One step; waits if there is nothing to do. */
static void step(struct tally *tally)
{
	struct pollfd fd = {.fd = mptcpctl_fd(tally->ctl)};
	int r = mptcpctl_dispatch(tally->ctl);

	g_assert_cmpint(r, >=, 0);
	if (r)
		return;
	fd.events = (short)mptcpctl_poll_events(tally->ctl);
	g_assert_cmpint(poll(&fd, 1, mptcpctl_timeout_ms(tally->ctl)), >=, 0);
}

/* A change to wait for: what came before it has then been told. */
static void mark(struct scene *scene, uint32_t token)
{
	scene_connect(scene, token);
	scene_settle(scene);
}

static void read_up_to_mark(struct tally *tally, struct scene *scene, uint32_t token)
{
	scene_do(scene, mark, token);
	while (!g_hash_table_contains(tally->subflows, GUINT_TO_POINTER(token)) ||
	       tally->n_synchronized <= tally->n_lost)
		step(tally);
}

/* Does it add up to the model? In the loop's thread, while the client waits. */
static struct tally *compared;

static void compare(struct scene *scene, uint32_t number)
{
	const struct model *model = engine_model(scene->engine);
	const struct connection *connection = model_next_connection(model, 0);
	unsigned int n = 0;

	for (; connection; connection = connection_next(connection)) {
		gpointer key = GUINT_TO_POINTER(connection->token), value;

		g_assert_true(g_hash_table_lookup_extended(compared->subflows, key, NULL, &value));
		g_assert_cmpuint(GPOINTER_TO_UINT(value) + 1, ==,
				 connection_count_established(connection));
		n++;
	}
	g_assert_cmpuint(n, >, 0);
	g_assert_cmpuint(n, ==, g_hash_table_size(compared->subflows));
	g_assert_cmpuint(compared->n_interfaces, ==, table_count(&model->interfaces));
}

static void expect_model(struct tally *tally, struct scene *scene)
{
	compared = tally;
	scene_do(scene, compare, 0);
}

/* ---- exactness ---- */

/* The n-th disturbance: all over the listing, told and not told yet. */
static void disturb(struct scene *scene, uint32_t n)
{
	scene_close(scene, n + 1);
	scene_close(scene, N - n);
	scene_leave(scene, N / 2 + n);
	scene_join(scene, 2 * N / 3 + n);
	scene_leave(scene, 2 * N / 3 - n);
	scene_connect(scene, 2 * N + n);
	scene_join(scene, 2 * N + n);
	if (n % 3 == 0)
		scene_close(scene, 2 * N + n);
	scene_link(scene, 10 + n, "late");
	if (n % 2)
		scene_settle(scene);
}

static void client_synchronizes(struct scene *scene)
{
	struct tally tally = {0};

	start(&tally, scene);
	for (uint32_t n = 0; n < 60; n++) {
		scene_do(scene, disturb, n);
		if (n % 2)
			step(&tally);
	}
	read_up_to_mark(&tally, scene, 60001);
	g_assert_cmpuint(tally.n_synchronized, ==, 1);
	g_assert_cmpuint(tally.n_lost, ==, 0);
	g_assert_cmpuint(tally.n_endpoints, ==, 1);
	expect_model(&tally, scene);
	stop(&tally);
}

static void test_exact(struct scene **scene, gconstpointer data)
{
	for (uint32_t token = 1; token <= N; token++) {
		scene_connect(*scene, token);
		if (token % 2)
			scene_join(*scene, token);
	}
	scene_endpoint(*scene, 4, "10.0.0.1");
	scene_run(*scene, client_synchronizes);
}

/* ---- too much at once ---- */

static void flood(struct scene *scene, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		scene_join(scene, 1);
		scene_leave(scene, 1);
	}
	scene_join(scene, 1);
}

static void client_is_flooded(struct scene *scene)
{
	struct tally tally = {0};

	start(&tally, scene);
	while (!tally.n_synchronized)
		step(&tally);
	scene_do(scene, flood, BUS_RING);
	read_up_to_mark(&tally, scene, 60001);
	g_assert_cmpuint(tally.n_lost, ==, 1);
	g_assert_cmpuint(tally.n_synchronized, ==, 2);
	expect_model(&tally, scene);
	stop(&tally);
}

static void test_overflow(struct scene **scene, gconstpointer data)
{
	scene_connect(*scene, 1);
	scene_run(*scene, client_is_flooded);
}

/* ---- a reader that does not read ---- */

static void trickle(struct scene *scene, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		scene_join(scene, 1);
		scene_leave(scene, 1);
		scene_settle(scene);
		for (struct peer *peer = scene->bus->peers; peer; peer = peer->next)
			g_assert_cmpuint(peer_queue(peer), <=, 1);
	}
}

static void client_sleeps(struct scene *scene)
{
	struct tally tally = {0};

	start(&tally, scene);
	while (!tally.n_synchronized)
		step(&tally);
	scene_do(scene, trickle, 20000);
	read_up_to_mark(&tally, scene, 60001);
	g_assert_cmpuint(tally.n_lost, >=, 1);
	expect_model(&tally, scene);
	stop(&tally);
}

static void test_slow(struct scene **scene, gconstpointer data)
{
	scene_connect(*scene, 1);
	scene_run(*scene, client_sleeps);
}

/* What came meanwhile counts, however late it is read. */
static void client_is_stopped(struct scene *scene)
{
	struct tally tally = {0};
	struct pollfd fd;

	start(&tally, scene);
	fd = (struct pollfd){.fd = mptcpctl_fd(tally.ctl), .events = POLLIN};
	g_assert_cmpint(poll(&fd, 1, -1), ==, 1);
	ahead_s = 3600;
	while (!tally.n_synchronized)
		step(&tally);
	stop(&tally);
	ahead_s = 0;
}

static void test_stopped(struct scene **scene, gconstpointer data)
{
	scene_connect(*scene, 1);
	scene_run(*scene, client_is_stopped);
}

static void nobody_remembers(struct scene *scene, uint32_t number)
{
	uint64_t before = scene->bus->n_changes;

	g_assert_null(scene->bus->ring);
	scene_connect(scene, number);
	g_assert_cmpuint(scene->bus->n_changes, ==, before);
}

static void wait_for_goodbye(struct scene *scene, uint32_t number)
{
	g_assert_cmpuint(number, ==, 0);
}

static void client_leaves(struct scene *scene)
{
	struct tally tally = {0};

	scene_do(scene, nobody_remembers, 1);
	start(&tally, scene);
	while (!tally.n_synchronized)
		step(&tally);
	stop(&tally);
	while (scene->bus->peers) /* the loop's thread goes round at each of these */
		scene_do(scene, wait_for_goodbye, 0);
	scene_do(scene, nobody_remembers, 2);
}

static void test_nobody(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_leaves);
}

/* ---- between events ---- */

/* Changes that come between an event and its command: nothing is begun that takes time. */
static void connect_in_silence(struct scene *scene, uint32_t token)
{
	while (scene->loop.tasks)
		g_assert_cmpint(loop_turn(&scene->loop), ==, 0);
	scene_connect(scene, token);
	scene_settle(scene);
	g_assert_null(scene->loop.tasks);
	g_assert_nonnull(scene->bus->tick.loop);
}

static void client_waits(struct scene *scene)
{
	struct tally tally = {0};

	start(&tally, scene);
	read_up_to_mark(&tally, scene, 1);
	scene_do(scene, connect_in_silence, 2);
	while (!g_hash_table_contains(tally.subflows, GUINT_TO_POINTER(2)))
		step(&tally);
	stop(&tally);
}

static void test_tick(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_waits);
}

/* The link and the rules go before the join was told. */
static void join_and_lose(struct scene *scene, uint32_t token)
{
	scene_join(scene, token);
	bus_keep_names(scene->bus);
	g_assert_nonnull(scene->bus->names);
	engine_event(scene->engine, &(struct event){.type = EVENT_LINK_GONE, .link.ifindex = 2},
		     scene->now_ms);
	scene_settle(scene);
}

static void client_learns_names(struct scene *scene)
{
	struct tally tally = {0};

	start(&tally, scene);
	read_up_to_mark(&tally, scene, 1);
	scene_do(scene, join_and_lose, 1);
	while (!tally.joined[0])
		step(&tally);
	g_assert_cmpstr(tally.joined, ==, "eth2 web");
	stop(&tally);
}

static void test_names(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_learns_names);
}

#define ADD(path, test) g_test_add(path, struct scene *, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/bus/monitor/state-then-changes-without-gap-or-double", test_exact);
	ADD("/bus/monitor/overflow-tells-lost-and-the-state-anew", test_overflow);
	ADD("/bus/monitor/slow-reader-is-bounded-and-recovers", test_slow);
	ADD("/bus/monitor/a-reader-that-was-stopped-goes-on", test_stopped);
	ADD("/bus/monitor/nothing-is-remembered-for-nobody", test_nobody);
	ADD("/bus/monitor/nothing-is-written-among-events", test_tick);
	ADD("/bus/monitor/names-are-those-of-the-moment", test_names);
	return g_test_run();
}
