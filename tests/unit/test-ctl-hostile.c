/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An mptcpd that is broken, frozen or hostile: mptcpctl ends with words, and no terminal obeys it. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "wire.h"

/* Clears the screen, ends the line, is a control character in UTF-8, and whatever JSON escapes. */
#define EVIL "x\033[2J\n\302\233y\177\"\\\b\f\r\t/\360\237\230\200\342\202\254"
#define EVIL_JSON "\"x\\u001B[2J\\n\\u009By\\u007f\\\"\\\\\\b\\f\\r\\t/\\uD83D\\uDE00\\u20AC\""
#define NO_ADDR "", 0
#define N UINT64_C(3)

enum behaviour {
	ANSWERS_EVIL, /* control characters, and no address anywhere */
	REPEATS_CURSOR,
	COUNTS_CURSOR, /* page after page, all empty */
	PACKS_RUBBISH,
	PACKS_CURSOR, /* the same one again */
	PACKS_NO_MORE, /* the second page has another type */
	IS_SILENT, /* reads and does not answer */
	LETS_WAIT, /* takes the connection, and does not even say who it is */
	TAKES_NOBODY, /* its queue is full */
};

struct world {
	char *directory, *socket;
	enum behaviour behaviour;
	int listener, held[8];
	uint64_t cursor;
	GThread *thread;
	gint end;
};

/* ---- the other side ---- */

static int append_connection(sd_bus_message *m)
{
	return sd_bus_message_append(m, WIRE_CONNECTION, 7, EVIL, EVIL, EVIL, 0, EVIL, NO_ADDR,
				     NO_ADDR, 1, NO_ADDR, NO_ADDR, 1, 2, EVIL, EVIL, 0, 0, 0, EVIL,
				     EVIL, 0, 1, NO_ADDR, 9, 0, 1, NO_ADDR, 9, 0, 0);
}

static int append_evil(sd_bus_message *m, const char *member)
{
	int r = 0;

	if (strcmp(member, "GetConnection") == 0)
		return append_connection(m);
	if (strcmp(member, "ListInterfaces") == 0)
		return sd_bus_message_append(m, "a" WIRE_INTERFACE "t", 1, EVIL, 3, 0, 0, 1, EVIL,
					     1, EVIL, 24, 0, EVIL, 0, 0, 0, 0, UINT64_C(0));
	if (strcmp(member, "ListEndpoints") == 0)
		return sd_bus_message_append(m, "a" WIRE_ENDPOINT, 1, 5, NO_ADDR, EVIL, 1, EVIL,
					     EVIL, 0);
	if (strcmp(member, "ListPolicies") == 0)
		return sd_bus_message_append(m, "a" WIRE_POLICY, 1, EVIL, 1, EVIL, 1, EVIL, EVIL, 1,
					     EVIL, EVIL, N, 0);
	if (strcmp(member, "GetConfig") == 0)
		return sd_bus_message_append(m, "a" WIRE_CONFIG, 1, EVIL, EVIL, EVIL, EVIL, 1, 0);
	if (strcmp(member, "Explain") == 0)
		return sd_bus_message_append(m,
					     "sa" WIRE_EXPLAIN_PATH "a" WIRE_ANNOUNCEMENT "a{sv}",
					     EVIL, 1, NO_ADDR, NO_ADDR, EVIL, EVIL, EVIL, EVIL,
					     EVIL, 1, 0, 0, 1, NO_ADDR, 3, EVIL, 0, 0, 0, 0);
	if (strcmp(member, "GetStatus") == 0)
		return sd_bus_message_append(m, "sstttttttt", EVIL, EVIL, N, N, N, N, N, N, N, N) <
				       0
			       ? -EINVAL
			       : sd_bus_message_append(m, "asasa{sv}", 1, EVIL, 1, EVIL, 0);
	if (strcmp(member, "GetMetrics") == 0)
		return sd_bus_message_append(m, "a" WIRE_METRIC "t", 1, EVIL, EVIL, EVIL, 1, EVIL,
					     1, EVIL, EVIL, 1.0, UINT64_C(0));
	if (strcmp(member, "CountConnections") == 0)
		return sd_bus_message_append(m, "ta{sv}", UINT64_C(0), 0);
	if (strcmp(member, "CheckConfig") == 0)
		return sd_bus_message_append(m, "bs", 0, "a line\n" EVIL "\n");
	if (strcmp(member, "ListConnections") != 0)
		return 0;
	r = sd_bus_message_open_container(m, 'a', WIRE_CONNECTION);
	if (r >= 0)
		r = append_connection(m);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_append(m, "t", UINT64_C(0));
}

static int append_page(sd_bus_message *m, const char *member, uint64_t cursor)
{
	const char *type = strcmp(member, "ListInterfaces") == 0 ? WIRE_INTERFACE : WIRE_CONNECTION;
	int r = sd_bus_message_open_container(m, 'a', type);

	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_append(m, "t", cursor);
}

static int append_packed(sd_bus_message *m, struct world *world)
{
	static const uint8_t rubbish[] = {255, 255, 0, 0, 0, 0, 0, 0, 0, 0};
	bool is_rubbish = world->behaviour == PACKS_RUBBISH;
	int r;

	if (world->behaviour == PACKS_NO_MORE && world->cursor++)
		return sd_bus_message_append(m, "s", "no more");
	r = sd_bus_message_append_array(m, 'y', is_rubbish ? rubbish : rubbish + 2,
					is_rubbish ? sizeof(rubbish) : 8);
	return r < 0 ? r : sd_bus_message_append(m, "t", UINT64_C(5) * !is_rubbish);
}

static int on_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct world *world = data;
	const char *member = sd_bus_message_get_member(m);
	sd_bus_message *reply = NULL;
	int r;

	if (!sd_bus_message_is_method_call(m, NULL, NULL))
		return 0; /* of sd-bus itself: the caller has hung up */
	if (world->behaviour == IS_SILENT)
		return 1;
	r = sd_bus_message_new_method_return(m, &reply);
	if (world->behaviour == ANSWERS_EVIL && strcmp(member, "Reload") == 0) {
		sd_bus_message_unref(reply);
		return sd_bus_reply_method_errorf(m, WIRE_ERROR_FAILED, "%s", EVIL);
	}
	if (r >= 0 && world->behaviour == ANSWERS_EVIL)
		r = append_evil(reply, member);
	else if (r >= 0 && world->behaviour >= PACKS_RUBBISH)
		r = append_packed(reply, world);
	else if (r >= 0 && strcmp(member, "GetMetrics") == 0)
		r = sd_bus_message_append(reply, "a" WIRE_METRIC "t", 0, UINT64_C(0));
	else if (r >= 0 && strncmp(member, "List", 4) == 0)
		r = append_page(reply, member,
				world->behaviour == REPEATS_CURSOR ? 5 : ++world->cursor);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	if (r < 0)
		g_error("%s cannot be answered: %s", member, strerror(-r));
	return 1;
}

static void serve(struct world *world, int fd)
{
	sd_id128_t id = {.bytes = {1}};
	sd_bus *bus = NULL;

	g_assert_cmpint(sd_bus_new(&bus), >=, 0);
	g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
	g_assert_cmpint(sd_bus_set_server(bus, 1, id), >=, 0);
	g_assert_cmpint(sd_bus_set_anonymous(bus, 1), >=, 0);
	g_assert_cmpint(sd_bus_start(bus), >=, 0);
	g_assert_cmpint(sd_bus_add_filter(bus, NULL, on_message, world), >=, 0);
	while (!g_atomic_int_get(&world->end)) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0)
			break;
		if (r == 0)
			sd_bus_wait(bus, 20000);
	}
	sd_bus_unref(bus);
}

static gpointer run_server(gpointer data)
{
	struct world *world = data;

	while (!g_atomic_int_get(&world->end)) {
		int fd = accept(world->listener, NULL, NULL);

		if (fd >= 0)
			serve(world, fd);
		else
			g_usleep(2000);
	}
	return NULL;
}

/* ---- the scene ---- */

static int connect_to(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	g_assert_cmpint(fd, >=, 0);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	g_assert_cmpint(errno, ==, EAGAIN);
	close(fd);
	return -1;
}

static void set_up(struct world *world, gconstpointer data)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	*world = (struct world){.behaviour = GPOINTER_TO_INT(data)};
	world->directory = g_dir_make_tmp("mptcpctl-XXXXXX", NULL);
	world->socket = g_strdup_printf("%s/control", world->directory);
	g_strlcpy(sun.sun_path, world->socket, sizeof(sun.sun_path));
	world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	g_assert_cmpint(bind(world->listener, (struct sockaddr *)&sun, sizeof(sun)), ==, 0);
	g_assert_cmpint(listen(world->listener, world->behaviour == TAKES_NOBODY ? 0 : 8), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(world->held); i++)
		world->held[i] = world->behaviour == TAKES_NOBODY ? connect_to(world->socket) : -1;
	if (world->behaviour < LETS_WAIT)
		world->thread = g_thread_new("server", run_server, world);
}

static void tear_down(struct world *world, gconstpointer data)
{
	g_atomic_int_set(&world->end, 1);
	if (world->thread)
		g_thread_join(world->thread);
	for (size_t i = 0; i < G_N_ELEMENTS(world->held); i++)
		if (world->held[i] >= 0)
			close(world->held[i]);
	close(world->listener);
	g_unlink(world->socket);
	g_rmdir(world->directory);
	g_free(world->socket);
	g_free(world->directory);
}

/* Run `mptcpctl --socket … WORDS`. Returns its exit status. */
static int run(const struct world *world, const char *words, char **ret_out, char **ret_err)
{
	g_autofree char *line = g_strdup_printf(MPTCPCTL " --socket %s %s", world->socket, words);
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	GError *error = NULL;
	int status;

	g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, ret_out, ret_err, &status, &error);
	g_assert_no_error(error);
	if (!WIFEXITED(status))
		g_error("\"%s\" ended by signal %d", words, WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* ---- tests ---- */

static void expect_harmless(const char *words, const char *text)
{
	g_autofree gunichar *codes = g_utf8_to_ucs4(text, -1, NULL, NULL, NULL);

	g_assert_nonnull(codes);
	for (size_t i = 0; codes[i]; i++)
		if (g_unichar_iscntrl(codes[i]) && codes[i] != '\n')
			g_error("\"%s\" prints U+%04X", words, codes[i]);
}

static const char *const listings[] = {
	"status",    "connection", "connection 7", "subflow",	"endpoint",
	"interface", "policy",	   "config show",  "explain 7",
};

static void test_text(struct world *world, gconstpointer data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(listings); i++) {
		g_autofree char *out = NULL, *err = NULL;

		g_assert_cmpint(run(world, listings[i], &out, &err), ==, 0);
		g_assert_cmpstr(err, ==, "");
		expect_harmless(listings[i], out);
		g_assert_nonnull(strstr(out, "x\\x1b[2J\\x0a"));
	}
}

static void test_json(struct world *world, gconstpointer data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(listings); i++) {
		g_autofree char *words = g_strdup_printf("--json %s", listings[i]);
		g_autofree char *out = NULL, *err = NULL;
		json_t *json;

		g_assert_cmpint(run(world, words, &out, &err), ==, 0);
		g_assert_cmpstr(err, ==, "");
		expect_harmless(words, out);
		g_assert_nonnull(strstr(out, EVIL_JSON));
		json = json_loads(out, 0, NULL);
		g_assert_nonnull(json);
		json_decref(json);
	}
}

/* Each part stays in its line, and so no metric is made up. */
static void test_metrics(struct world *world, gconstpointer data)
{
	g_autofree char *out = NULL, *err = NULL;
	g_auto(GStrv) lines = NULL;

	g_assert_cmpint(run(world, "metrics", &out, &err), ==, 0);
	g_assert_cmpstr(err, ==, "");
	expect_harmless("metrics", out);
	lines = g_strsplit(out, "\n", -1);
	g_assert_cmpuint(g_strv_length(lines), ==, 4); /* help, type, a sample, and nothing */
	g_assert_true(g_str_has_prefix(lines[0], "# HELP x"));
	g_assert_true(g_str_has_prefix(lines[1], "# TYPE x"));
	g_assert_true(g_str_has_prefix(lines[2], "x"));
}

static void test_no_metrics(struct world *world, gconstpointer data)
{
	g_autofree char *out = NULL, *err = NULL;

	g_assert_cmpint(run(world, "metrics", &out, &err), ==, 0);
	g_assert_cmpstr(out, ==, "");
	g_assert_cmpstr(err, ==, "");
}

static void test_errors(struct world *world, gconstpointer data)
{
	g_autofree char *reload = NULL, *check = NULL;

	g_assert_cmpint(run(world, "reload", NULL, &reload), ==, 1);
	expect_harmless("reload", reload);
	g_assert_cmpint(run(world, "config check", NULL, &check), ==, 1);
	expect_harmless("config check", check);
	g_assert_true(g_str_has_prefix(check, "a line\n"));
}

/* What it says, and that it says so within five seconds. */
static void expect_words(const struct world *world, const char *words, const char *in_err)
{
	g_autofree char *err = NULL;
	gint64 begin = g_get_monotonic_time();
	int status = run(world, words, NULL, &err);

	g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
	g_assert_cmpint(status, ==, 1);
	if (!strstr(err, in_err))
		g_error("\"%s\" does not say \"%s\" but \"%s\"", words, in_err, err);
}

static void test_endless(struct world *world, gconstpointer data)
{
	expect_words(world, "connection", "answers without end");
	expect_words(world, "--json interface", "answers without end");
	expect_words(world, "monitor", "answers without end");
}

static void test_packed(struct world *world, gconstpointer data)
{
	const char *words =
		world->behaviour == PACKS_CURSOR ? "answers without end" : "cannot be understood";

	expect_words(world, "connection", words);
	world->cursor = 0;
	expect_words(world, "--json subflow", words);
}

struct frozen {
	enum behaviour behaviour;
	const char *words;
	GThread *thread;
};

static gpointer ask_frozen(gpointer data)
{
	const struct frozen *frozen = data;
	struct world world;

	set_up(&world, GINT_TO_POINTER(frozen->behaviour));
	expect_words(&world, frozen->words, "does not answer");
	tear_down(&world, NULL);
	return NULL;
}

/* All at once: each takes seconds. */
static void test_frozen(void)
{
	struct frozen frozen[] = {
		{LETS_WAIT, "status", NULL},	      {LETS_WAIT, "reload", NULL},
		{TAKES_NOBODY, "endpoint", NULL},     {IS_SILENT, "connection", NULL},
		{IS_SILENT, "monitor", NULL},	      {IS_SILENT, "endpoint flush", NULL},
		{IS_SILENT, "withdraw 1 id 2", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(frozen); i++)
		frozen[i].thread = g_thread_new("frozen", ask_frozen, &frozen[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(frozen); i++)
		g_thread_join(frozen[i].thread);
}

#define ADD(path, behaviour, test)                                                                 \
	g_test_add(path, struct world, GINT_TO_POINTER(behaviour), set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/ctl/hostile/no-terminal-obeys-it", ANSWERS_EVIL, test_text);
	ADD("/ctl/hostile/json-stays-json", ANSWERS_EVIL, test_json);
	ADD("/ctl/hostile/no-metric-is-made-up", ANSWERS_EVIL, test_metrics);
	ADD("/ctl/hostile/no-metrics-at-all", REPEATS_CURSOR, test_no_metrics);
	ADD("/ctl/hostile/errors-too", ANSWERS_EVIL, test_errors);
	ADD("/ctl/hostile/the-same-cursor-again", REPEATS_CURSOR, test_endless);
	ADD("/ctl/hostile/empty-pages-for-ever", COUNTS_CURSOR, test_endless);
	ADD("/ctl/hostile/packed-rubbish", PACKS_RUBBISH, test_packed);
	ADD("/ctl/hostile/packed-the-same-cursor-again", PACKS_CURSOR, test_packed);
	ADD("/ctl/hostile/packed-at-first-alone", PACKS_NO_MORE, test_packed);
	g_test_add_func("/ctl/frozen/words-in-time", test_frozen);
	return g_test_run();
}
