/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control plane from end to end: libmptcpctl in one thread, bus and engine in the other. */
#include <errno.h>
#include <glib/gstdio.h>
#include <mptcpctl/client.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus-client.h"
#include "bus-private.h"
#include "bus-scene.h"
#include "unpack.h"

#define NOBODY 65534
/* Connections of two pages and a bit. */
#define PAGES (BUS_PAGE + BUS_PAGE / 2)

static void set_up(struct scene **scene, gconstpointer data)
{
	*scene = scene_new(false);
}

static void tear_down(struct scene **scene, gconstpointer data)
{
	scene_free(*scene);
}

/* Of this thread alone. False: we may not. */
static bool become_nobody(void)
{
	return syscall(SYS_setresuid, -1, NOBODY, -1) == 0;
}

static void become_root(void)
{
	g_assert_no_errno((int)syscall(SYS_setresuid, -1, 0, -1));
}

static int count_status(void *data, const struct mptcpctl_status *status)
{
	++*(unsigned int *)data;
	return 0;
}

static void client_is_served(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	unsigned int n = 0;

	g_assert_cmpint(mptcpctl_get_status(ctl, count_status, &n), ==, 0);
	g_assert_cmpuint(n, ==, 1);
	mptcpctl_free(ctl);
}

static void test_stale_socket(struct scene **scene, gconstpointer data)
{
	struct bus_setup setup = {.engine = (*scene)->engine,
				  .loop = &(*scene)->loop,
				  .runtime_directory = (*scene)->directory,
				  .version = "1"};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	bus_free((*scene)->bus);
	g_strlcpy(sun.sun_path, (*scene)->socket, sizeof(sun.sun_path));
	g_assert_no_errno(bind(fd, (struct sockaddr *)&sun, sizeof(sun)));
	close(fd);
	g_assert_cmpint(bus_new(&setup, &(*scene)->bus), ==, 0);
	scene_run(*scene, client_is_served);
}

static void client_finds_nobody(struct scene *scene)
{
	g_autofree char *missing = g_strdup_printf("%s/missing", scene->directory);
	struct mptcpctl *ctl;

	g_assert_cmpint(mptcpctl_new(&ctl), ==, 0);
	g_assert_cmpint(mptcpctl_connect(ctl, missing), ==, -ENOTCONN);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), missing));
	g_assert_cmpint(mptcpctl_reload(ctl), ==, -ENOTCONN);
	mptcpctl_free(ctl);
}

static void test_nobody(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_finds_nobody);
}

/* ---- listings ---- */

static int expect_next_token(void *data, const struct mptcpctl_connection *connection)
{
	uint32_t *last = data;

	g_assert_cmpuint(connection->token, ==, *last + 1);
	*last = connection->token;
	return 0;
}

static int stop_at_five(void *data, const struct mptcpctl_connection *connection)
{
	return connection->token == 5 ? -ECANCELED : 0;
}

/* What it returns is no word of mptcpd's. */
static int refuse_the_first(void *data, const struct mptcpctl_connection *connection)
{
	size_t *n = data;

	++*n;
	return -EOPNOTSUPP;
}

static void client_lists_many(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	uint32_t last = 0;
	size_t n = 0;

	g_assert_cmpint(mptcpctl_list_connections(ctl, refuse_the_first, &n), ==, -EOPNOTSUPP);
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpint(mptcpctl_list_connections(ctl, expect_next_token, &last), ==, 0);
	g_assert_cmpuint(last, ==, 1000);
	g_assert_cmpint(mptcpctl_list_connections(ctl, stop_at_five, NULL), ==, -ECANCELED);
	last = 0;
	g_assert_cmpint(mptcpctl_list_connections(ctl, expect_next_token, &last), ==, 0);
	g_assert_cmpuint(last, ==, 1000);
	mptcpctl_free(ctl);
}

static void test_many(struct scene **scene, gconstpointer data)
{
	for (uint32_t token = 1; token <= 1000; token++)
		scene_connect(*scene, token);
	scene_run(*scene, client_lists_many);
}

static sd_bus *raw_client(struct scene *scene)
{
	g_autofree char *address = g_strdup_printf("unix:path=%s", scene->socket);
	sd_bus *bus;

	g_assert_cmpint(sd_bus_new(&bus), >=, 0);
	g_assert_cmpint(sd_bus_set_address(bus, address), >=, 0);
	g_assert_cmpint(sd_bus_start(bus), >=, 0);
	return bus;
}

/* How many connections are in the page after `cursor`? */
static size_t page(sd_bus *bus, uint64_t *cursor, uint32_t max)
{
	sd_bus_message *reply = NULL;
	size_t n = 0;

	g_assert_cmpint(sd_bus_call_method(bus, NULL, WIRE_PATH, WIRE_MANAGER, "ListConnections",
					   NULL, &reply, "tu", *cursor, max),
			>=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', WIRE_CONNECTION), >, 0);
	while (sd_bus_message_skip(reply, WIRE_CONNECTION) > 0 && n < 100000)
		n++;
	g_assert_cmpint(sd_bus_message_exit_container(reply), >, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "t", cursor), >, 0);
	sd_bus_message_unref(reply);
	return n;
}

/* Of the packed listing: it says the same as the other one, and goes on where that does. */
static void expect_packed(sd_bus *bus, uint64_t cursor, uint32_t max)
{
	sd_bus_message *reply = NULL;
	uint64_t at = cursor, next;
	struct unpack unpack = {0};
	const void *bytes;
	size_t n = 0;

	g_assert_cmpint(sd_bus_call_method(bus, NULL, WIRE_PATH, WIRE_MANAGER,
					   "ListConnectionsPacked", NULL, &reply, "tu", cursor,
					   max),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read_array(reply, 'y', &bytes, &unpack.end), >=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "t", &next), >, 0);
	unpack.bytes = bytes;
	g_assert_cmpint(unpack_enter(&unpack, 'a', WIRE_CONNECTION), ==, 1);
	for (; unpack.at < unpack.end; n++)
		g_assert_cmpint(unpack_skip(&unpack, WIRE_CONNECTION), ==, 0);
	g_assert_cmpint(unpack_exit(&unpack), ==, 0);
	g_assert_cmpuint(unpack.at, ==, unpack.end);
	g_assert_cmpuint(page(bus, &at, max), ==, n);
	g_assert_cmpuint(at, ==, next);
	sd_bus_message_unref(reply);
}

static void close_connection(struct scene *scene, uint32_t token)
{
	scene_close(scene, token);
}

static void client_pages(struct scene *scene)
{
	sd_bus *bus = raw_client(scene);
	uint64_t cursor = 0;

	expect_packed(bus, 0, 10);
	expect_packed(bus, 0, 0);
	expect_packed(bus, PAGES - 3, 0);
	expect_packed(bus, UINT64_MAX, 0);
	g_assert_cmpuint(page(bus, &cursor, 10), ==, 10);
	g_assert_cmpuint(cursor, !=, 0);
	scene_do(scene, close_connection, 10); /* the one the cursor stands on */
	g_assert_cmpuint(page(bus, &cursor, UINT32_MAX), ==, BUS_PAGE);
	g_assert_cmpuint(page(bus, &cursor, 0), ==, PAGES - 10 - BUS_PAGE);
	g_assert_cmpuint(cursor, ==, 0);
	cursor = UINT64_MAX;
	g_assert_cmpuint(page(bus, &cursor, 0), ==, 0);
	sd_bus_close_unref(bus);
}

static void test_pages(struct scene **scene, gconstpointer data)
{
	for (uint32_t token = 1; token <= PAGES; token++)
		scene_connect(*scene, token);
	scene_run(*scene, client_pages);
}

static int expect_first(void *data, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *initial = connection->subflows, *joined = initial->next;

	++*(unsigned int *)data;
	g_assert_cmpuint(connection->token, ==, 1);
	g_assert_cmpstr(connection->state, ==, "established");
	g_assert_cmpstr(connection->side, ==, "client");
	g_assert_cmpstr(connection->policy, ==, "web");
	g_assert_false(connection->fallback);
	g_assert_cmpstr(connection->remote.address, ==, "10.9.0.1");
	g_assert_cmpuint(connection->remote.port, ==, 80);
	g_assert_null(connection->announced);
	g_assert_cmpstr(connection->peer_addresses->addr.address, ==, "2001:db8::9");
	g_assert_cmpuint(connection->peer_addresses->addr.port, ==, 81);
	g_assert_cmpuint(connection->peer_addresses->id, ==, 3);
	g_assert_true(initial->initial);
	g_assert_cmpstr(initial->origin, ==, "application");
	g_assert_false(joined->initial);
	g_assert_cmpstr(joined->interface, ==, "eth2");
	g_assert_cmpuint(joined->local_id, ==, 7);
	g_assert_true(joined->measured);
	g_assert_cmpuint(joined->rtt_us, ==, 12345);
	g_assert_null(joined->next);
	return 0;
}

static void client_lists_one(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	unsigned int n = 0;

	g_assert_cmpint(mptcpctl_get_connection(ctl, 1, expect_first, &n), ==, 0);
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpint(mptcpctl_get_connection(ctl, 2, expect_first, &n), ==, -ENOENT);
	g_assert_cmpstr(mptcpctl_error(ctl), ==, "no connection with token 2");
	g_assert_cmpint(mptcpctl_explain(ctl, 2, NULL, NULL), ==, -ENOENT);
	g_assert_cmpint(mptcpctl_get_limits(ctl, NULL, NULL), ==, -ENOENT);
	g_assert_cmpuint(n, ==, 1);
	mptcpctl_free(ctl);
}

static void test_one(struct scene **scene, gconstpointer data)
{
	scene_connect(*scene, 1);
	scene_join(*scene, 1);
	scene_measure(*scene, 1);
	scene_announce(*scene, 1);
	scene_run(*scene, client_lists_one);
}

static int expect_test(void *data, const struct mptcpctl_policy_test *test)
{
	const char *expected = data;

	g_assert_cmpstr(test->policy, ==, expected);
	g_assert_null(test->reason);
	g_assert_null(test->missing[0]);
	g_assert_cmpstr(test->interface, ==, "eth2");
	g_assert_cmpstr(test->paths->local.address, ==, "10.0.1.1");
	g_assert_cmpstr(test->paths->state, ==, "established");
	g_assert_null(test->paths->next);
	return 0;
}

/* Call TestPolicy with these bytes, whatever they are. The error's name, or "". */
static const char *test_raw(sd_bus *bus, const char *local, uint16_t port, const char *side,
			    const char *option, const char *type, const char *text, uint32_t number)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	static char name[64];
	int r = sd_bus_message_new_method_call(bus, &m, NULL, WIRE_PATH, WIRE_MANAGER,
					       "TestPolicy");

	g_assert_cmpint(r, >=, 0);
	sd_bus_message_append(m, "(sq)(sq)ss", local, port, "10.9.0.1", 80, side, "");
	sd_bus_message_open_container(m, 'a', "{sv}");
	if (option && *type == 's')
		sd_bus_message_append(m, "{sv}", option, "s", text);
	else if (option)
		sd_bus_message_append(m, "{sv}", option, "u", number);
	sd_bus_message_close_container(m);
	r = sd_bus_call(bus, m, 0, &error, NULL);
	g_snprintf(name, sizeof(name), "%s", r < 0 && error.name ? error.name : "");
	sd_bus_error_free(&error);
	sd_bus_message_unref(m);
	return name;
}

static void client_supposes(struct scene *scene)
{
	const struct mptcpctl_supposed web = {.local = {"10.0.1.1", 0}, .remote = {"10.9.0.1", 80}};
	struct mptcpctl_supposed supposed = web;
	struct mptcpctl *ctl = client_new(scene->socket);
	sd_bus *bus = raw_client(scene);
	const char *refused = WIRE_ERROR_INVALID;
	char first[] = "web", second[] = "rest";

	g_assert_cmpint(mptcpctl_test_policy(ctl, &supposed, expect_test, first), ==, 0);
	supposed.side = "server";
	supposed.has_uid = supposed.has_mark = true;
	supposed.cgroup = "/a";
	g_assert_cmpint(mptcpctl_test_policy(ctl, &supposed, expect_test, second), ==, 0);
	supposed.remote.address = "::1";
	g_assert_cmpint(mptcpctl_test_policy(ctl, &supposed, expect_test, NULL), ==, -EINVAL);
	g_assert_cmpstr(mptcpctl_error(ctl), ==, "local and remote are of different families");
	supposed = web;
	supposed.interface = "a-name-of-sixteen";
	g_assert_cmpint(mptcpctl_test_policy(ctl, &supposed, expect_test, NULL), ==, -EINVAL);
	g_assert_cmpstr(mptcpctl_error(ctl), ==,
			"interface is \"a-name-of-sixteen\", expected 15 characters at most");
	mptcpctl_free(ctl);
	g_assert_cmpstr(test_raw(bus, "10.0.1.1", 1, "", "uid", "u", NULL, 7), ==, "");
	g_assert_cmpstr(test_raw(bus, "", 1, "", NULL, "", NULL, 0), ==, refused);
	g_assert_cmpstr(test_raw(bus, "x", 1, "", NULL, "", NULL, 0), ==, refused);
	g_assert_cmpstr(test_raw(bus, "10.0.1.1", 1, "both", NULL, "", NULL, 0), ==, refused);
	g_assert_cmpstr(test_raw(bus, "10.0.1.1", 1, "", "uid", "s", "7", 0), ==, refused);
	g_assert_cmpstr(test_raw(bus, "10.0.1.1", 1, "", "mark", "s", "7", 0), ==, refused);
	g_assert_cmpstr(test_raw(bus, "10.0.1.1", 1, "", "cgroup", "u", NULL, 7), ==, refused);
	g_assert_cmpstr(test_raw(bus, "10.0.1.1", 1, "", "cgroup", "s", "a", 0), ==, refused);
	g_assert_cmpstr(test_raw(bus, "10.0.1.1", 1, "", "colour", "s", "a", 0), ==, refused);
	sd_bus_flush_close_unref(bus);
}

static void test_supposed(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_supposes);
}

static int expect_interface(void *data, const struct mptcpctl_interface *interface)
{
	unsigned int *n = data;
	static const char *const names[] = {"eth1", "eth2", "caf?"};

	g_assert_cmpuint(*n, <, 3);
	g_assert_cmpuint(interface->index, ==, *n + 1);
	g_assert_cmpstr(interface->name, ==, names[(*n)++]);
	return 0;
}

static void client_lists_interfaces(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	unsigned int n = 0;

	g_assert_cmpint(mptcpctl_list_interfaces(ctl, expect_interface, &n), ==, 0);
	g_assert_cmpuint(n, ==, 3);
	mptcpctl_free(ctl);
}

static void test_no_utf8(struct scene **scene, gconstpointer data)
{
	scene_link(*scene, 3, "caf\351");
	scene_run(*scene, client_lists_interfaces);
}

/* ---- changing ---- */

static const struct mptcpctl_subflow_request request = {
	.local = {.address = "10.0.1.1"},
	.remote = {.address = "10.9.0.1", .port = 80},
	.backup = true,
};

static void client_changes(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	struct mptcpctl_subflow_request bad = request;

	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, 0);
	g_assert_cmpuint(scene->n_created, ==, 1);
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 2, &request), ==, -ENOENT);
	bad.local.address = "10.0.1.1.1";
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &bad), ==, -EINVAL);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), "10.0.1.1.1"));
	bad = request;
	bad.remote.port = 0;
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &bad), ==, -EINVAL);
	bad = request;
	bad.interface = "eth9";
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &bad), ==, -ENOENT);
	g_assert_cmpuint(scene->n_created, ==, 1);
	bad = request;
	bad.local.port = 99;
	scene->next_error = -EADDRINUSE;
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &bad), ==, -EADDRINUSE);
	g_assert_cmpstr(mptcpctl_error(ctl), ==, "Address already in use: the kernel's words");
	g_assert_cmpint(mptcpctl_reload(ctl), ==, 0);
	scene->next_error = -EBADMSG;
	g_assert_cmpint(mptcpctl_reload(ctl), ==, -EBADMSG);
	g_assert_cmpstr(mptcpctl_error(ctl), ==, "mptcpd.conf:3: ? is no number");
	g_assert_cmpuint(scene->n_reloads, ==, 2);
	mptcpctl_free(ctl);
}

static void test_changes(struct scene **scene, gconstpointer data)
{
	scene_connect(*scene, 1);
	scene_run(*scene, client_changes);
}

static void client_is_refused(struct scene *scene)
{
	struct mptcpctl *ctl;
	struct mptcpctl_addr local = {"10.0.0.1", 1}, remote = {"10.9.0.1", 80};
	unsigned int n = 0;

	if (!become_nobody()) {
		g_test_skip("needs root to be somebody else");
		return;
	}
	ctl = client_new(scene->socket);
	g_assert_cmpint(mptcpctl_get_status(ctl, count_status, &n), ==, 0);
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, -EACCES);
	g_assert_cmpint(mptcpctl_subflow_delete(ctl, 1, &local, &remote), ==, -EACCES);
	g_assert_cmpint(mptcpctl_subflow_change(ctl, 1, &local, &remote, true), ==, -EACCES);
	g_assert_cmpint(mptcpctl_reload(ctl), ==, -EACCES);
	g_assert_cmpuint(scene->n_created + scene->n_destroyed + scene->n_reloads, ==, 0);
	mptcpctl_free(ctl);
	become_root();
}

static void test_refused(struct scene **scene, gconstpointer data)
{
	scene_connect(*scene, 1);
	scene_run(*scene, client_is_refused);
}

#define ADD(path, test) g_test_add(path, struct scene *, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/bus/claim/stale-socket-is-replaced", test_stale_socket);
	ADD("/bus/connect/nobody-there-is-told", test_nobody);
	ADD("/bus/list/many-come-in-order", test_many);
	ADD("/bus/list/pages-are-bounded-and-survive-ends", test_pages);
	ADD("/bus/list/one-by-token", test_one);
	ADD("/bus/policy-test/answers-or-names-what-is-wrong", test_supposed);
	ADD("/bus/list/name-that-is-no-utf8", test_no_utf8);
	ADD("/bus/action/does-it-and-words-errors", test_changes);
	ADD("/bus/action/others-are-refused", test_refused);
	return g_test_run();
}
