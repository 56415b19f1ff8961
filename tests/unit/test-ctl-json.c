/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What mptcpctl prints: the JSON that people build on, key by key, and exit codes of requests. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus-scene.h"

static void set_up(struct scene **scene, gconstpointer data)
{
	*scene = scene_new(false);
	scene_connect(*scene, 1);
	scene_join(*scene, 1);
	scene_measure(*scene, 1);
	scene_announce(*scene, 1);
	scene_connect(*scene, 0xf1aceb40);
	scene_endpoint(*scene, 4, "10.0.0.1");
	scene_limits(*scene, 2, 0);
}

static void tear_down(struct scene **scene, gconstpointer data)
{
	scene_free(*scene);
}

static void to_nobody(gpointer data)
{
	if (setuid(65534) < 0)
		_exit(99);
}

/* Run `mptcpctl --socket … WORDS`. Returns its exit status. */
static int run(struct scene *scene, bool nobody, const char *words, char **ret_out, char **ret_err)
{
	g_autofree char *line = g_strdup_printf(MPTCPCTL " --socket %s%s%s", scene->socket,
						*words ? " " : "", words);
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	GError *error = NULL;
	int status;

	g_spawn_sync(NULL, argv, NULL, 0, nobody ? to_nobody : NULL, NULL, ret_out, ret_err,
		     &status, &error);
	g_assert_no_error(error);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static json_t *run_json(struct scene *scene, const char *words)
{
	g_autofree char *out = NULL, *err = NULL;
	json_error_t error;
	json_t *json;

	g_assert_cmpint(run(scene, false, words, &out, &err), ==, 0);
	g_assert_cmpstr(err, ==, "");
	json = json_loads(out, JSON_REJECT_DUPLICATES, &error);
	g_assert_nonnull(json);
	return json;
}

/*
 * Has it these keys? `keys` is "name:type …", type being s string, n number, b boolean, a array,
 * o object, z null.
 */
static void expect_keys(const json_t *object, const char *keys)
{
	g_auto(GStrv) list = g_strsplit(keys, " ", -1);

	g_assert_true(json_is_object(object));
	for (size_t i = 0; list[i]; i++) {
		char *type = strchr(list[i], ':');
		const json_t *value;

		*type++ = '\0';
		value = json_object_get(object, list[i]);
		if (!value)
			g_error("no key \"%s\"", list[i]);
		if (!(*type == 's'   ? json_is_string(value)
		      : *type == 'n' ? json_is_number(value)
		      : *type == 'b' ? json_is_boolean(value)
		      : *type == 'a' ? json_is_array(value)
		      : *type == 'o' ? json_is_object(value)
				     : json_is_null(value)))
			g_error("key \"%s\" is not of type %s", list[i], type);
	}
}

static const char *string_at(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* The one array of {"NAME":[ … ]}, with so many items. */
static json_t *array_of(json_t *json, const char *name, size_t n)
{
	json_t *array = json_object_get(json, name);

	g_assert_cmpuint(json_object_size(json), ==, 1);
	g_assert_true(json_is_array(array));
	g_assert_cmpuint(json_array_size(array), ==, n);
	return array;
}

#define SUBFLOW_KEYS                                                                               \
	"local:o remote:o local-id:n remote-id:n state:s initial:b backup:b peer-backup:b "        \
	"origin:s error:z"
#define MEASURE_KEYS "rtt-us:n bytes-sent:n bytes-received:n retransmits:n"

/* It was asked for at another time. */
static void forget_age(json_t *connection)
{
	expect_keys(connection, "age-ms:n");
	json_object_del(connection, "age-ms");
	json_object_del(json_array_get(json_object_get(connection, "subflows"), 0), "age-ms");
}

static void client_connection(struct scene *scene)
{
	json_t *json = run_json(scene, "connection --json");
	json_t *array = array_of(json, "connections", 2);
	json_t *first = json_array_get(array, 0), *second = json_array_get(array, 1), *one;
	json_t *subflow = json_array_get(json_object_get(first, "subflows"), 1);

	expect_keys(first, "token:s state:s side:s path-manager:s fallback:b policy:s local:o "
			   "remote:o subflows:a announced:a peer-addresses:a");
	g_assert_cmpstr(string_at(first, "token"), ==, "1");
	g_assert_cmpstr(string_at(first, "policy"), ==, "web");
	g_assert_cmpstr(string_at(second, "token"), ==, "f1aceb40");
	expect_keys(json_object_get(first, "local"), "address:s port:n");
	expect_keys(json_array_get(json_object_get(first, "peer-addresses"), 0),
		    "address:s port:n id:n");
	expect_keys(subflow, SUBFLOW_KEYS " " MEASURE_KEYS " interface:s");
	subflow = json_array_get(json_object_get(second, "subflows"), 0);
	expect_keys(subflow, SUBFLOW_KEYS);
	g_assert_null(json_object_get(subflow, "rtt-us"));
	one = run_json(scene, "-j conn 0xF1aceb40");
	forget_age(second);
	forget_age(json_array_get(json_object_get(one, "connections"), 0));
	g_assert_true(json_equal(json_array_get(array_of(one, "connections", 1), 0), second));
	json_decref(one);
	json_decref(json);
}

static void test_connection(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_connection);
}

static void client_subflow(struct scene *scene)
{
	json_t *json = run_json(scene, "subflow --json");

	expect_keys(json_array_get(array_of(json, "subflows", 3), 1),
		    "token:s interface:s " SUBFLOW_KEYS);
	json_decref(json);
	json = run_json(scene, "--json subflow f1aceb40");
	array_of(json, "subflows", 1);
	json_decref(json);
}

static void test_subflow(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_subflow);
}

static void client_host(struct scene *scene)
{
	json_t *json = run_json(scene, "interface --json"), *item;
	g_autofree char *out = NULL, *err = NULL;

	item = json_array_get(array_of(json, "interfaces", 2), 0);
	expect_keys(item, "name:s index:n carrier:b use:b flags:a addresses:a default-route:o");
	expect_keys(json_object_get(item, "default-route"), "ipv4:b ipv6:b");
	item = json_array_get(json_object_get(item, "addresses"), 0);
	expect_keys(item, "address:s prefix:n usable:b");
	g_assert_nonnull(json_object_get(item, "reason"));
	json_decref(json);

	json = run_json(scene, "endpoint --json");
	item = json_array_get(array_of(json, "endpoints", 1), 0);
	expect_keys(item, "id:n address:s port:n interface:s flags:a owner:s");
	g_assert_cmpuint(json_array_size(json_object_get(item, "flags")), ==, 2);
	json_decref(json);

	g_assert_cmpint(run(scene, false, "endpoint id 5 --json", &out, &err), ==, 1);
	g_assert_cmpstr(out, ==, "");
	g_assert_cmpstr(err, ==, "mptcpctl: no endpoint with id 5\n");

	json = run_json(scene, "limits --json");
	expect_keys(json_object_get(json, "limits"), "subflows:n add-addr-accepted:n");
	json_decref(json);
}

static void test_host(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_host);
}

static void client_status(struct scene *scene)
{
	json_t *json = run_json(scene, "--json"), *status = json_object_get(json, "status");

	expect_keys(status,
		    "version:s path-manager:s connections:n subflows:n endpoints:n events:n "
		    "events-lost:n resyncs:n commands:n command-errors:n plugins:a "
		    "config:a set-aside:a mptcp:o warnings:a");
	expect_keys(json_object_get(status, "mptcp"), "enabled:b");
	g_assert_true(json_is_null(
		json_object_get(json_object_get(status, "mptcp"), "blackhole-since-ms")));
	g_assert_cmpuint(json_array_size(json_object_get(status, "warnings")), ==, 0);
	g_assert_cmpuint(json_array_size(json_object_get(status, "set-aside")), ==, 0);
	g_assert_true(json_is_false(json_object_get(status, "degraded")));
	g_assert_cmpint(json_integer_value(json_object_get(status, "connections")), ==, 2);
	g_assert_cmpint(json_integer_value(json_object_get(status, "subflows")), ==, 3);
	g_assert_cmpuint(json_array_size(json_object_get(status, "plugins")), ==, 1);
	json_decref(json);
}

static void test_status(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_status);
}

static void client_degraded(struct scene *scene)
{
	json_t *json = run_json(scene, "--json"), *status = json_object_get(json, "status");
	json_t *asides = json_object_get(status, "set-aside"), *aside = json_array_get(asides, 0);

	g_assert_true(json_is_true(json_object_get(status, "degraded")));
	g_assert_cmpuint(json_array_size(asides), ==, 2);
	expect_keys(aside, "plugin:s token:s since-ms:n");
	g_assert_cmpstr(string_at(aside, "plugin"), ==, "idle");
	g_assert_cmpstr(string_at(aside, "token"), ==, "1");
	g_assert_cmpint(json_integer_value(json_object_get(aside, "since-ms")), >, 1600000000000);
	g_assert_true(json_is_null(json_object_get(json_array_get(asides, 1), "token")));
	json_decref(json);
}

static void client_black_hole(struct scene *scene)
{
	json_t *json = run_json(scene, "--json"), *status = json_object_get(json, "status");
	json_t *mptcp = json_object_get(status, "mptcp");
	json_t *warnings = json_object_get(status, "warnings"),
	       *first = json_array_get(warnings, 0);
	json_int_t since = json_integer_value(json_object_get(mptcp, "blackhole-since-ms"));
	g_autofree char *text = NULL;

	expect_keys(mptcp, "enabled:b blackhole-since-ms:n blackhole-until-ms:n");
	g_assert_cmpint(since, >, 1600000000000);
	/* each is reckoned from the clock of its own moment */
	g_assert_cmpint(json_integer_value(json_object_get(mptcp, "blackhole-until-ms")) - since -
				3600000,
			<=, 1);
	g_assert_cmpuint(json_array_size(warnings), ==, 2);
	expect_keys(first, "reason:s text:s remedy:s");
	g_assert_cmpstr(string_at(first, "reason"), ==, "blackhole");
	g_assert_true(json_is_null(json_object_get(json_array_get(warnings, 1), "remedy")));
	json_decref(json);
	g_assert_cmpint(run(scene, false, "status", &text, NULL), ==, 0);
	g_assert_nonnull(strstr(text, "\n  warning blackhole: it is lost; look for it\n"));
	g_assert_nonnull(strstr(text, "\n  warning other: nothing helps\n"));
}

static void test_black_hole(struct scene **scene, gconstpointer data)
{
	(*scene)->has_warnings = true;
	scene_run(*scene, client_black_hole);
}

static void test_degraded(struct scene **scene, gconstpointer data)
{
	(*scene)->is_degraded = true;
	scene_run(*scene, client_degraded);
}

static void client_why(struct scene *scene)
{
	json_t *json = run_json(scene, "policy --json");
	json_t *policy = json_array_get(array_of(json, "policies", 2), 0);

	expect_keys(policy, "name:s plugins:a match:o settings:o connections:n decides:b");
	g_assert_cmpstr(string_at(json_object_get(policy, "match"), "remote-port"), ==, "80-89");
	g_assert_cmpstr(string_at(json_object_get(policy, "settings"), "subflows"), ==, "4");
	g_assert_cmpint(json_integer_value(json_object_get(policy, "connections")), ==, 2);
	json_decref(json);

	json = run_json(scene, "policy test 10.0.1.1 10.9.0.1:80 uid 7 --json");
	expect_keys(json, "policy:s interface:s reason:z text:z missing:a paths:a announcements:a");
	g_assert_cmpstr(string_at(json, "policy"), ==, "web");
	expect_keys(json_array_get(json_object_get(json, "paths"), 0),
		    "local:o remote:o interface:s state:s wanted-by:z backup:b");
	json_decref(json);
	json = run_json(scene, "policy test 10.0.1.1 10.9.0.1 --json");
	g_assert_cmpstr(string_at(json, "reason"), ==, "open");
	g_assert_cmpuint(json_array_size(json_object_get(json, "missing")), ==, 1);
	json_decref(json);

	json = run_json(scene, "config show --json");
	policy = json_array_get(array_of(json, "config", 2), 1);
	expect_keys(policy, "group:s key:s value:s file:s line:n");
	g_assert_cmpstr(string_at(policy, "group"), ==, "policy:web");
	json_decref(json);

	json = run_json(scene, "explain 1 --json");
	expect_keys(json, "token:s policy:s paths:a announcements:a text:z");
	g_assert_cmpuint(json_array_size(json_object_get(json, "paths")), >=, 1);
	expect_keys(json_array_get(json_object_get(json, "paths"), 0),
		    "local:o remote:o state:s attempts:n error:z forbidden-by:z");
	json_decref(json);
}

static void test_why(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_why);
}

/* One event as a line of JSON; the caller frees it. */
static json_t *read_event(FILE *lines)
{
	g_autofree char *line = NULL;
	size_t size = 0;
	json_t *json;

	g_assert_cmpint(getline(&line, &size, lines), >, 0);
	json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	expect_keys(json, "time:n event:s");
	return json;
}

static json_t *read_until(FILE *lines, const char *name, GString *seen)
{
	json_t *json = read_event(lines);

	while (strcmp(string_at(json, "event"), name) != 0) {
		g_string_append_printf(seen, "%s ", string_at(json, "event"));
		json_decref(json);
		json = read_event(lines);
	}
	return json;
}

static void disturb(struct scene *scene, uint32_t token)
{
	scene_leave(scene, token);
	scene_local(scene, 1, "10.0.0.9");
	scene_close(scene, token);
	scene_settle(scene);
}

static void client_monitor(struct scene *scene)
{
	g_autofree char *line =
		g_strdup_printf(MPTCPCTL " --json --socket %s monitor", scene->socket);
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	GString *seen = g_string_new("");
	GPid pid;
	int out, status;
	FILE *lines;
	json_t *json;

	g_assert_true(g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
					       NULL, &pid, NULL, &out, NULL, NULL));
	lines = fdopen(out, "r");
	json_decref(read_until(lines, "synchronized", seen));
	g_assert_cmpstr(seen->str, ==,
			"interface-added interface-added endpoint-added connection-created "
			"connection-established subflow-established address-announced "
			"connection-created connection-established ");
	scene_do(scene, disturb, 1);
	json = read_until(lines, "subflow-closed", seen);
	expect_keys(json, "token:s side:s local:o remote:o local-id:n remote-id:n backup:b "
			  "peer-backup:b interface:s error:s policy:s");
	json_decref(json);
	json = read_until(lines, "interface-address-added", seen);
	expect_keys(json, "interface:o local:o");
	expect_keys(json_object_get(json, "interface"), "name:s index:n addresses:a");
	json_decref(json);
	json = read_until(lines, "connection-closed", seen);
	expect_keys(json, "token:s side:s local:o remote:o");
	json_decref(json);
	fclose(lines); /* its reader has gone: it must go too, without waiting for an event */
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	g_string_free(seen, TRUE);
}

static void test_monitor(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_monitor);
}

static void client_changes_host(struct scene *scene)
{
	g_autofree char *shown = NULL, *checked = NULL, *reloaded = NULL, *flushed = NULL;

	g_assert_cmpint(run(scene, false, "announce 1 10.0.1.1 id 9 port 99", NULL, NULL), ==, 0);
	g_assert_cmpuint(scene->announced.port, ==, 99);
	g_assert_cmpint(run(scene, false, "withdraw 1 id 9", NULL, NULL), ==, 0);
	g_assert_cmpuint(scene->withdrawn_id, ==, 9);
	g_assert_cmpint(run(scene, false, "endpoint change 10.0.0.1 nobackup fullmesh", NULL, NULL),
			==, 0);
	g_assert_cmpuint(scene->endpoint.flags, ==, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH);
	g_assert_cmpint(run(scene, false, "endpoint delete id 4 10.0.0.1", NULL, NULL), ==, 0);
	g_assert_cmpstr(scene->command, ==, "delete");
	g_assert_cmpint(run(scene, false, "endpoint add 10.0.0.1 dev eth1 laminar", NULL, NULL), ==,
			0);
	g_assert_cmpuint(scene->endpoint.flags, ==, MPTCPD_FLAG_LAMINAR);
	g_assert_cmpint(run(scene, false, "endpoint delete id 0 10.0.0.1", NULL, NULL), ==, 0);
	g_assert_cmpuint(scene->endpoint.id, ==, 0);
	g_assert_cmpuint(scene->endpoint.addr.family, ==, AF_INET);
	g_assert_cmpint(run(scene, false, "endpoint flush --json", &flushed, NULL), ==, 0);
	g_assert_cmpstr(scene->command, ==, "flush");
	g_assert_cmpstr(flushed, ==,
			"{\"flush\":{\"endpoints\":0,\"connections-without-subflows\":0}}\n");
	g_assert_cmpint(run(scene, false, "withdraw 1 id 0", NULL, NULL), ==, 0);
	g_assert_cmpuint(scene->withdrawn_id, ==, 0);
	g_assert_cmpint(run(scene, false, "limits set subflows 5", NULL, NULL), ==, 0);
	g_assert_cmpuint(scene->limits.subflows, ==, 5);
	g_assert_cmpint(run(scene, false, "config", &shown, NULL), ==, 0);
	g_assert_cmpstr(shown, ==,
			"[core]\npath-manager = userspace  # /etc/mptcpd/mptcpd.conf:2\n\n"
			"[policy:web]\nplugin = idle  # /etc/mptcpd/mptcpd.conf.d/a.conf:5\n");
	scene->next_error = -EINVAL;
	g_assert_cmpint(run(scene, false, "config check", NULL, &checked), ==, 1);
	g_assert_cmpstr(checked, ==, "mptcpd.conf:7: no such key\n");
	scene->next_error = -EINVAL;
	g_assert_cmpint(run(scene, false, "reload", NULL, &reloaded), ==, 1);
	g_assert_nonnull(strstr(reloaded, "mptcpd.conf:3: "));
}

static void client_requests(struct scene *scene)
{
	g_autofree char *out = NULL, *err = NULL, *err2 = NULL, *err3 = NULL;

	g_assert_cmpint(run(scene, false, "connection 2 --json", &out, &err), ==, 1);
	g_assert_cmpstr(out, ==, "");
	g_assert_cmpstr(err, ==, "mptcpctl: no connection with token 2\n");
	g_assert_cmpint(run(scene, false, "subflow add 1 10.0.1.1 10.9.0.1:80 backup", NULL, NULL),
			==, 0);
	g_assert_cmpuint(scene->n_created, ==, 1);
	g_assert_cmpint(run(scene, false, "subflow delete 1 10.0.0.1:1 10.9.0.1:80", NULL, &err2),
			==, 0);
	g_assert_cmpuint(scene->n_destroyed, ==, 1);
	g_assert_cmpint(run(scene, false, "reload", NULL, NULL), ==, 0);
	g_assert_cmpint(run(scene, false, "config check", NULL, NULL), ==, 0);
	client_changes_host(scene);
	if (geteuid() != 0) {
		g_test_skip("needs root to be somebody else");
		return;
	}
	g_assert_cmpint(run(scene, true, "status", NULL, NULL), ==, 0);
	g_assert_cmpint(run(scene, true, "reload", NULL, &err3), ==, 4);
	g_assert_nonnull(strstr(err3, "only root"));
}

static void test_requests(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_requests);
}

static void client_reads_text(struct scene *scene)
{
	static const char *const words[] = {"",	      "connection", "subflow", "endpoint",
					    "limits", "interface",  "policy",  "explain 1"};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *out = NULL, *err = NULL;

		g_assert_cmpint(run(scene, false, words[i], &out, &err), ==, 0);
		g_assert_cmpstr(err, ==, "");
		g_assert_cmpstr(out, !=, "");
		g_assert_null(strchr(out, '\033')); /* no terminal: no colour, no headers */
		g_assert_null(strstr(out, "TOKEN"));
	}
}

static void test_text(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_reads_text);
}

#define ADD(path, test) g_test_add(path, struct scene *, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/ctl/json/connection", test_connection);
	ADD("/ctl/json/subflow", test_subflow);
	ADD("/ctl/json/interface-endpoint-limits", test_host);
	ADD("/ctl/json/status-is-the-default", test_status);
	ADD("/ctl/json/status-says-what-is-set-aside", test_degraded);
	ADD("/ctl/json/status-says-what-keeps-mptcp-from-working", test_black_hole);
	ADD("/ctl/json/policy-and-explain", test_why);
	ADD("/ctl/json/monitor-tells-state-then-changes", test_monitor);
	ADD("/ctl/text/every-listing-and-no-colour", test_text);
	ADD("/ctl/requests/exit-status", test_requests);
	return g_test_run();
}
