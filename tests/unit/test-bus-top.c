/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetTop: which connections are on the screen, in which order, and how many at most. */
#include <mptcpctl/figures.h>
#include <string.h>

#include "addr.h"
#include "bus-client.h"
#include "bus-private.h"
#include "bus-scene.h"

#define N 70
#define N_JOINED 10 /* the first ones, by eth2, whose far side is silent */
#define FALLEN 20 /* of them the one with this token fell back */
#define ROWS 64
#define RECORDS 192
#define MANY 50000
#define ROUNDS 15

/* ---- the scene ---- */

static uint32_t n_all = N; /* connections */

static void feed(struct scene *scene, const struct event *event)
{
	engine_event(scene->engine, event, scene->now_ms);
}

/* A connection has carried the more the higher its token is. */
static void feed_record(struct scene *scene, uint32_t token)
{
	struct event event = {.type = EVENT_SNAPSHOT_CONNECTION, .token = token};

	g_assert_cmpint(addr_parse("10.0.0.1", &event.connection.local), ==, 0);
	g_assert_cmpint(addr_parse("10.9.0.1", &event.connection.remote), ==, 0);
	event.connection.local.port = (uint16_t)token;
	event.connection.remote.port = 80;
	event.connection.bytes_sent = event.connection.bytes_received = 1000 * token;
	event.connection.fallback = token == FALLEN;
	feed(scene, &event);
}

/* What the kernel tells each time it is asked: connections, without their subflows. */
static void sample(struct scene *scene)
{
	scene->now_ms = loop_now_ms();
	engine_settle(scene->engine, scene->now_ms);
	feed(scene, &(struct event){.type = EVENT_SNAPSHOT_BEGIN, .brief = true});
	for (uint32_t token = 1; token <= n_all; token++)
		feed_record(scene, token);
	feed(scene, &(struct event){.type = EVENT_SNAPSHOT_END});
	scene_settle(scene);
}

static void set_up(struct scene **scene, gconstpointer data)
{
	struct model *model;

	*scene = scene_new(false);
	/* The first look at all there is finds nothing. */
	feed(*scene, &(struct event){.type = EVENT_SNAPSHOT_BEGIN});
	feed(*scene, &(struct event){.type = EVENT_SNAPSHOT_END});
	for (uint32_t token = 1; token <= n_all; token++)
		scene_connect(*scene, token);
	for (uint32_t token = 1; token <= N_JOINED; token++)
		scene_join(*scene, token);
	model = (struct model *)(uintptr_t)engine_model((*scene)->engine);
	for (size_t i = 0; i < 2; i++)
		model_find_interface(model, 2)->health[i] =
			(struct health){.state = MPTCPD_HEALTH_SILENT, .reason = 1};
	sample(*scene);
	(*scene)->on_settle = sample;
}

static void tear_down(struct scene **scene, gconstpointer data)
{
	scene_free(*scene);
}

/* ---- who watches ---- */

struct screen {
	uint32_t tokens[N];
	size_t n;
	struct mptcpctl_top top;
};

static int on_connection(void *data, const struct mptcpctl_connection *connection)
{
	struct screen *screen = data;

	g_assert_cmpuint(screen->n, <, N);
	screen->tokens[screen->n++] = connection->token;
	return 0;
}

static int on_top(void *data, const struct mptcpctl_top *top)
{
	((struct screen *)data)->top = *top;
	return 0;
}

static struct screen ask(struct mptcpctl *ctl, const struct mptcpctl_top_request *request)
{
	struct screen screen = {0};

	g_assert_cmpint(mptcpctl_get_top(ctl, request, on_connection, on_top, &screen), ==, 0);
	g_assert_cmpuint(screen.top.connections, ==, n_all);
	return screen;
}

static void client_wants_many(struct scene *scene)
{
	static const uint32_t wanted[] = {0, 1, ROWS - 1, ROWS, ROWS + 1, UINT32_MAX};
	struct mptcpctl *ctl = client_new(scene->socket);

	for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
		struct screen screen = ask(ctl, &(struct mptcpctl_top_request){.rows = wanted[i],
									       .sort = "bytes"});

		g_assert_cmpuint(screen.n, ==, MIN(wanted[i], ROWS));
		g_assert_cmpuint(screen.top.matching, ==, N);
		g_assert_cmpuint(screen.top.subflows, ==, N + N_JOINED);
		for (uint32_t row = 0; row < screen.n; row++)
			g_assert_cmpuint(screen.tokens[row], ==, N - row);
	}
	mptcpctl_free(ctl);
}

static void test_rows(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_wants_many);
}

/* A connection, its subflow, and two addresses: four records each. */
static void client_wants_long_ones(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	struct screen screen =
		ask(ctl, &(struct mptcpctl_top_request){.rows = ROWS, .sort = "bytes"});

	g_assert_cmpuint(screen.n, ==, RECORDS / 4);
	g_assert_cmpuint(screen.tokens[screen.n - 1], ==, N - screen.n + 1);
	g_assert_cmpuint(screen.top.matching, ==, N);
	mptcpctl_free(ctl);
}

static void test_records(struct scene **scene, gconstpointer data)
{
	for (uint32_t token = 1; token <= N; token++) {
		struct event event = {.type = EVENT_ADDRESS_ANNOUNCED, .token = token};

		for (uint8_t id = 3; id <= 4; id++) {
			g_assert_cmpint(addr_parse("10.9.1.0", &event.peer_address.addr), ==, 0);
			event.peer_address.addr.ip[3] = event.peer_address.id = id;
			feed(*scene, &event);
		}
	}
	scene_run(*scene, client_wants_long_ones);
}

/* The peer of the first connection has an address more, to which a subflow of it leads. */
static void join_elsewhere(struct scene *scene)
{
	struct event event = {.type = EVENT_SUBFLOW_ESTABLISHED,
			      .token = 1,
			      .subflow = {.local_id = 2, .remote_id = 3, .ifindex = 2}};

	g_assert_cmpint(addr_parse("10.0.1.1:7", &event.subflow.local), ==, 0);
	g_assert_cmpint(addr_parse("10.77.0.1:8080", &event.subflow.remote), ==, 0);
	feed(scene, &event);
}

static void client_filters(struct scene *scene)
{
	static const struct {
		struct mptcpctl_top_request request;
		size_t matching;
	} cases[] = {
		{{.state = "created"}, 0},
		{{.state = "established"}, N},
		{{.state = "closing"}, 0},
		{{.state = "multi-path"}, N_JOINED},
		{{.state = "single-path"}, N - N_JOINED - 1},
		{{.state = "fallen-back"}, 1},
		{{.state = "fallback"}, 1},
		{{.state = "unhealthy"}, N_JOINED},
		{{.interface = "eth1"}, N},
		{{.interface = "eth2"}, N_JOINED},
		{{.interface = "eth2", .state = "single-path"}, 0},
		{{.interface = "nosuch"}, 0},
		{{.policy = "web"}, N},
		{{.policy = "rest"}, 0},
		{{.to = "10.9.0.0/16"}, N},
		{{.to = "10.9.0.1", .port = 80}, N},
		{{.to = "10.9.0.1", .port = 81}, 0},
		{{.to = "10.8.0.0/16"}, 0},
		{{.port = 80}, N},
		{{.port = 443}, 0},
		{{.to = "10.77.0.0/16"}, 1},
		{{.to = "10.77.0.1", .port = 8080}, 1},
		{{.to = "10.77.0.1", .port = 80}, 0},
	};
	struct mptcpctl *ctl = client_new(scene->socket);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct mptcpctl_top_request request = cases[i].request;
		struct screen screen;

		request.rows = ROWS;
		screen = ask(ctl, &request);
		g_test_message("case %zu", i);
		g_assert_cmpuint(screen.top.matching, ==, cases[i].matching);
		g_assert_cmpuint(screen.n, ==, MIN(cases[i].matching, ROWS));
	}
	mptcpctl_free(ctl);
}

static void test_filters(struct scene **scene, gconstpointer data)
{
	join_elsewhere(*scene);
	scene_run(*scene, client_filters);
}

/* ---- who calls by hand ---- */

static sd_bus *open_bus(const char *socket)
{
	g_autofree char *address = g_strdup_printf("unix:path=%s", socket);
	sd_bus *bus;

	g_assert_cmpint(sd_bus_new(&bus), >=, 0);
	g_assert_cmpint(sd_bus_set_address(bus, address), >=, 0);
	g_assert_cmpint(sd_bus_start(bus), >=, 0);
	return bus;
}

static void client_errs(struct scene *scene)
{
	static const struct {
		const char *key, *value, *words;
	} cases[] = {
		{"state", "multipath",
		 "state is \"multipath\", expected created, established, closing, multi-path, "
		 "single-path, fallen-back or unhealthy"},
		{"state", "",
		 "state is \"\", expected created, established, closing, multi-path, single-path, "
		 "fallen-back or unhealthy"},
		{"sort", "speed",
		 "sort is \"speed\", expected rate, rate-sent, rate-received or bytes"},
		{"to", "10.9.0.1:80", "to is \"10.9.0.1:80\", expected an address or a prefix"},
		{"port", "80", "option \"port\" is no 16-bit number"},
		{"rows", "8",
		 "unknown option \"rows\", expected sort, interface, policy, state, to or port"},
	};
	sd_bus *bus = open_bus(scene->socket);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;

		g_assert_cmpint(sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, WIRE_MANAGER,
						   "GetTop", &error, NULL, "ua{sv}", 8, 1,
						   cases[i].key, "s", cases[i].value),
				<, 0);
		g_assert_cmpstr(error.message, ==, cases[i].words);
		sd_bus_error_free(&error);
	}
	sd_bus_flush_close_unref(bus);
}

static void test_errors(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_errs);
}

/* Returns how many connections there are to this port of 10.9.0.0/16. */
static size_t count_rows(sd_bus *bus, bool port_first, uint16_t port)
{
	static const char name[] = "GetTop", net[] = "10.9.0.0/16";
	sd_bus_message *m;
	size_t n = 0;
	int r = port_first
			? sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, WIRE_MANAGER, name, NULL,
					     &m, "ua{sv}", 8, 2, "port", "q", port, "to", "s", net)
			: sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, WIRE_MANAGER, name, NULL,
					     &m, "ua{sv}", 8, 2, "to", "s", net, "port", "q", port);

	g_assert_cmpint(r, >=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(m, 'a', WIRE_CONNECTION), >, 0);
	while (!sd_bus_message_at_end(m, false)) {
		g_assert_cmpint(sd_bus_message_skip(m, WIRE_CONNECTION), >=, 0);
		n++;
	}
	sd_bus_message_unref(m);
	return n;
}

static void client_shuffles(struct scene *scene)
{
	sd_bus *bus = open_bus(scene->socket);

	for (int port_first = 0; port_first <= 1; port_first++) {
		g_assert_cmpuint(count_rows(bus, port_first, 80), ==, 8);
		g_assert_cmpuint(count_rows(bus, port_first, 81), ==, 0);
	}
	sd_bus_flush_close_unref(bus);
}

static void test_order(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_shuffles);
}

/* ---- very many ---- */

static void set_up_many(struct scene **scene, gconstpointer data)
{
	n_all = MANY;
	set_up(scene, data);
	n_all = N;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int on_answer(sd_bus_message *m, void *data, sd_bus_error *error)
{
	g_assert_false(sd_bus_message_is_method_error(m, NULL));
	*(bool *)data = true;
	return 1;
}

/* How long another one waits while a look goes on, and how long that takes, in microseconds. */
static int ping_meanwhile(sd_bus *watching, sd_bus *other, int *ret_whole)
{
	bool is_done = false;
	gint64 begin;
	int took;

	g_assert_cmpint(sd_bus_call_method_async(watching, NULL, WIRE_NAME, WIRE_PATH, WIRE_MANAGER,
						 "GetTop", on_answer, &is_done, "ua{sv}", 8, 1,
						 "state", "s", "unhealthy"),
			>=, 0);
	g_assert_cmpint(sd_bus_flush(watching), >=, 0);
	begin = g_get_monotonic_time();
	g_assert_cmpint(sd_bus_call_method(other, WIRE_NAME, WIRE_PATH, "org.freedesktop.DBus.Peer",
					   "Ping", NULL, NULL, ""),
			>=, 0);
	took = (int)(g_get_monotonic_time() - begin);
	while (!is_done) {
		sd_bus_wait(watching, UINT64_MAX);
		g_assert_cmpint(sd_bus_process(watching, NULL), >=, 0);
	}
	*ret_whole = (int)(g_get_monotonic_time() - begin);
	return took;
}

static void client_meanwhile(struct scene *scene)
{
	sd_bus *watching = open_bus(scene->socket), *other = open_bus(scene->socket);
	struct mptcpctl *ctl = client_new(scene->socket);
	struct screen screen;
	int took[ROUNDS], whole[ROUNDS];

	n_all = MANY;
	screen = ask(ctl, &(struct mptcpctl_top_request){.rows = 3, .sort = "bytes"});
	g_assert_cmpuint(screen.n, ==, 3);
	g_assert_cmpuint(screen.top.matching, ==, MANY);
	for (uint32_t row = 0; row < screen.n; row++)
		g_assert_cmpuint(screen.tokens[row], ==, MANY - row);
	for (size_t i = 0; i < ROUNDS; i++)
		took[i] = ping_meanwhile(watching, other, &whole[i]);
	qsort(took, ROUNDS, sizeof(*took), compare);
	qsort(whole, ROUNDS, sizeof(*whole), compare);
	g_test_message("%d of %d us", took[ROUNDS / 2], whole[ROUNDS / 2]);
	g_assert_cmpint(3 * took[ROUNDS / 2], <=, whole[ROUNDS / 2]);
	mptcpctl_free(ctl);
	sd_bus_flush_close_unref(watching);
	sd_bus_flush_close_unref(other);
}

static void test_many(struct scene **scene, gconstpointer data)
{
	n_all = MANY;
	scene_run(*scene, client_meanwhile);
	n_all = N;
}

#define ADD(path, test) g_test_add(path, struct scene *, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/bus/top/has-64-rows-at-most", test_rows);
	ADD("/bus/top/has-192-records-at-most", test_records);
	ADD("/bus/top/shows-what-it-is-asked-for-alone", test_filters);
	ADD("/bus/top/says-what-is-wrong-with-an-option", test_errors);
	ADD("/bus/top/options-have-no-order", test_order);
	g_test_add("/bus/top/of-very-many-keeps-nobody-waiting", struct scene *, NULL, set_up_many,
		   test_many, tear_down);
	return g_test_run();
}
