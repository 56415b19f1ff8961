/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Announcements, endpoints, limits and the configuration, through libmptcpctl and the bus. */
#include <errno.h>
#include <fcntl.h>
#include <mptcpctl/client.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus-client.h"
#include "addr.h"
#include "bus-private.h"
#include "bus-scene.h"

static void set_up(struct scene **scene, gconstpointer data)
{
	*scene = scene_new(false);
	scene_connect(*scene, 1);
	scene_endpoint(*scene, 4, "10.0.0.1");
	scene_limits(*scene, 2, 0);
}

static void tear_down(struct scene **scene, gconstpointer data)
{
	scene_free(*scene);
}

static void expect_words(const struct mptcpctl *ctl, const char *words)
{
	if (!strstr(mptcpctl_error(ctl), words))
		g_error("\"%s\" does not say \"%s\"", mptcpctl_error(ctl), words);
}

static void expect_addr(const struct mptcpd_addr *addr, const char *text)
{
	char buffer[ADDR_TEXT_SIZE];

	g_assert_cmpstr(addr_format(addr, buffer), ==, text);
}

/* ---- announcements ---- */

static void client_announces(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	const struct mptcpctl_addr addr = {"192.0.2.7", 4000}, bad = {"192.0.2", 0};

	g_assert_cmpint(mptcpctl_announce(ctl, 1, &addr, 9, "eth2"), ==, 0);
	expect_addr(&scene->announced, "192.0.2.7:4000");
	g_assert_cmpuint(scene->announced_id, ==, 9);
	g_assert_cmpuint(scene->announced_ifindex, ==, 2);
	g_assert_cmpint(mptcpctl_announce(ctl, 2, &addr, 9, NULL), ==, -ENOENT);
	expect_words(ctl, "no connection with token 2");
	g_assert_cmpint(mptcpctl_announce(ctl, 1, &addr, 0, NULL), ==, -EINVAL);
	expect_words(ctl, "expected 1 to 255");
	g_assert_cmpint(mptcpctl_announce(ctl, 1, &bad, 9, NULL), ==, -EINVAL);
	expect_words(ctl, "\"192.0.2\"");
	g_assert_cmpint(mptcpctl_announce(ctl, 1, &addr, 9, "eth9"), ==, -ENOENT);
	expect_words(ctl, "\"eth9\"");
	g_assert_cmpint(mptcpctl_announce(ctl, 1, &addr, 8, NULL), ==, -EEXIST);
	scene->next_error = -EINVAL;
	g_assert_cmpint(mptcpctl_withdraw(ctl, 1, 77), ==, -ENOENT);
	expect_words(ctl, "no address with id 77");
	g_assert_cmpint(mptcpctl_withdraw(ctl, 1, 9), ==, 0);
	g_assert_cmpuint(scene->withdrawn_id, ==, 9);
	mptcpctl_free(ctl);
}

static void client_asks_for_what_is_not_ours(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	struct mptcpctl_subflow_request request = {.local = {"10.7.7.7", 0},
						   .remote = {"10.9.0.1", 80}};

	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, -EADDRNOTAVAIL);
	expect_words(ctl, "10.7.7.7 is no address of this host");
	request.interface = "eth2";
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, -EADDRNOTAVAIL);
	expect_words(ctl, "10.7.7.7 is no address of eth2");
	request.interface = "eth\xff";
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, -EINVAL);
	expect_words(ctl, "\"eth\xff\" is no UTF-8");
	mptcpctl_free(ctl);
}

static void test_not_ours(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_asks_for_what_is_not_ours);
}

static void test_announce(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_announces);
}

/* ---- endpoints and limits ---- */

static void client_adds_endpoint(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	const char *flags[] = {"signal", "backup", NULL}, *unknown[] = {"fulmesh", NULL};
	struct mptcpctl_endpoint_request request = {.addr = {"2001:db8::1", 80},
						    .interface = "eth1",
						    .flags = flags,
						    .id = 3};

	g_assert_cmpint(mptcpctl_endpoint_add(ctl, &request), ==, 0);
	g_assert_cmpstr(scene->command, ==, "add");
	expect_addr(&scene->endpoint.addr, "[2001:db8::1]:80");
	g_assert_cmpuint(scene->endpoint.id, ==, 3);
	g_assert_cmpuint(scene->endpoint.ifindex, ==, 1);
	g_assert_cmpuint(scene->endpoint.flags, ==, MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_BACKUP);
	scene->next_error = -EEXIST;
	g_assert_cmpint(mptcpctl_endpoint_add(ctl, &request), ==, -EEXIST);
	expect_words(ctl, "File exists: the kernel's words");
	request.flags = unknown;
	g_assert_cmpint(mptcpctl_endpoint_add(ctl, &request), ==, -EINVAL);
	expect_words(ctl, "\"fulmesh\"");
	request.flags = NULL;
	request.addr.address = NULL;
	g_assert_cmpint(mptcpctl_endpoint_add(ctl, &request), ==, -EINVAL);
	mptcpctl_free(ctl);
}

static void test_endpoint_add(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_adds_endpoint);
}

static void client_changes_endpoint(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	const char *fullmesh[] = {"fullmesh", NULL}, *backup[] = {"backup", NULL};
	const char *signal[] = {"signal", NULL}, *subflow[] = {"subflow", NULL};
	const struct mptcpctl_addr right = {"10.0.0.1", 0}, wrong = {"10.0.0.2", 0};

	/* It has the flags subflow and backup. What is not named stays. */
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 4, NULL, fullmesh, NULL), ==, 0);
	g_assert_cmpstr(scene->command, ==, "flags");
	g_assert_cmpuint(scene->endpoint.flags, ==,
			 MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP | MPTCPD_FLAG_FULLMESH);
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 0, &right, NULL, backup), ==, 0);
	g_assert_cmpuint(scene->endpoint.flags, ==, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH);
	/* What the kernel would leave as it is, without a word. */
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 4, NULL, signal, NULL), ==, -EINVAL);
	expect_words(ctl, "flags but backup and fullmesh cannot be changed");
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 4, NULL, NULL, subflow), ==, -EINVAL);
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 4, NULL, subflow, signal), ==, 0);
	g_assert_cmpuint(scene->endpoint.flags, ==, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH);
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 4, NULL, backup, backup), ==, -EINVAL);
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 5, NULL, backup, NULL), ==, -ENOENT);
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 0, NULL, backup, NULL), ==, -EINVAL);
	g_assert_cmpint(mptcpctl_endpoint_delete(ctl, 4, &wrong), ==, -ENOENT);
	expect_words(ctl, "no such endpoint");
	g_assert_cmpstr(scene->command, ==, "flags");
	g_assert_cmpint(mptcpctl_endpoint_delete(ctl, 4, &right), ==, 0);
	g_assert_cmpstr(scene->command, ==, "delete");
	g_assert_cmpuint(scene->endpoint.id, ==, 4);
	g_assert_cmpint(mptcpctl_endpoint_delete_initial(ctl, &wrong), ==, 0);
	g_assert_cmpuint(scene->endpoint.id, ==, 0);
	g_assert_cmpuint(scene->endpoint.addr.ip[3], ==, 2);
	g_assert_cmpint(mptcpctl_endpoint_delete_initial(ctl, NULL), ==, -EINVAL);
	mptcpctl_free(ctl);
}

static void test_endpoint_change(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_changes_endpoint);
}

static int count_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	++*(unsigned int *)data;
	return 0;
}

static int expect_limits(void *data, const struct mptcpctl_limits *limits)
{
	const struct mptcpctl_limits *expected = data;

	g_assert_cmpuint(limits->subflows, ==, expected->subflows);
	g_assert_cmpuint(limits->add_addr_accepted, ==, expected->add_addr_accepted);
	return 0;
}

static void client_flushes(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	struct mptcpctl_limits limits = {UINT32_MAX, 7}, now = {2, 7};
	unsigned int n = 0;

	g_assert_cmpint(mptcpctl_list_endpoints(ctl, count_endpoint, &n), ==, 0);
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpuint(scene->n_refreshes, ==, 1);
	g_assert_cmpint(mptcpctl_endpoint_flush(ctl), ==, 0);
	g_assert_cmpstr(scene->command, ==, "flush");
	g_assert_cmpint(mptcpctl_list_endpoints(ctl, count_endpoint, &n), ==, 0);
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpint(mptcpctl_limits_set(ctl, &limits), ==, 0);
	g_assert_cmpuint(scene->limits.add_addr_accepted, ==, 7);
	g_assert_cmpint(mptcpctl_get_limits(ctl, expect_limits, &now), ==, 0);
	scene->next_error = -EINVAL;
	limits.add_addr_accepted = 99;
	g_assert_cmpint(mptcpctl_limits_set(ctl, &limits), ==, -EINVAL);
	expect_words(ctl, "the kernel's words");
	g_assert_cmpint(mptcpctl_get_limits(ctl, expect_limits, &now), ==, 0);
	mptcpctl_free(ctl);
}

static void test_flush(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_flushes);
}

static void client_fails_first(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	const struct mptcpctl_subflow_request foreign = {.local = {.address = "192.0.2.9"},
							 .remote = {"10.9.0.1", 80}};
	struct mptcpctl_endpoint_request request = {.addr = {"10.0.0.3", 0}};

	scene->next_error = -EEXIST;
	g_assert_cmpint(mptcpctl_endpoint_add(ctl, &request), ==, -EEXIST);
	/* The kernel was not asked: what it said before does not belong here. */
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &foreign), ==, -EADDRNOTAVAIL);
	g_assert_null(strstr(mptcpctl_error(ctl), "the kernel's words"));
	mptcpctl_free(ctl);
}

static void test_stale_words(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_fails_first);
}

/* ---- the configuration ---- */

static int on_config(void *data, const struct mptcpctl_config *config)
{
	g_string_append_printf(data, "[%s] %s = %s (%s:%u) ", config->group, config->key,
			       config->value, config->file, config->line);
	return 0;
}

static int on_checked(void *data, bool good, const char *text)
{
	g_string_printf(data, "%d %s", good, text);
	return 0;
}

static void client_looks_at_config(struct scene *scene)
{
	struct mptcpctl *ctl = client_new(scene->socket);
	GString *text = g_string_new("");

	g_assert_cmpint(mptcpctl_list_config(ctl, on_config, text), ==, 0);
	g_assert_cmpstr(text->str, ==,
			"[core] path-manager = userspace (/etc/mptcpd/mptcpd.conf:2) "
			"[policy:web] plugin = idle (/etc/mptcpd/mptcpd.conf.d/a.conf:5) ");
	g_assert_cmpint(mptcpctl_check_config(ctl, on_checked, text), ==, 0);
	g_assert_cmpstr(text->str, ==, "1 mptcpd.conf:7: no such key\n");
	scene->next_error = -EINVAL;
	g_assert_cmpint(mptcpctl_check_config(ctl, on_checked, text), ==, 0);
	g_assert_cmpstr(text->str, ==, "0 mptcpd.conf:7: no such key\n");
	g_assert_cmpuint(scene->n_checks, ==, 2);
	g_string_free(text, TRUE);
	mptcpctl_free(ctl);
}

static void test_config(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_looks_at_config);
}

/* ---- who may ---- */

static void client_is_refused(struct scene *scene)
{
	struct mptcpctl *ctl;
	const struct mptcpctl_addr addr = {"10.0.0.1", 0};
	const struct mptcpctl_endpoint_request request = {.addr = addr};
	const struct mptcpctl_limits limits = {1, 1};
	const char *backup[] = {"backup", NULL};
	GString *text = g_string_new("");

	if (syscall(SYS_setresuid, -1, 65534, -1) != 0) {
		g_test_skip("needs root to be somebody else");
		return;
	}
	ctl = client_new(scene->socket);
	g_assert_cmpint(mptcpctl_announce(ctl, 1, &addr, 9, NULL), ==, -EACCES);
	g_assert_cmpint(mptcpctl_withdraw(ctl, 1, 9), ==, -EACCES);
	g_assert_cmpint(mptcpctl_endpoint_add(ctl, &request), ==, -EACCES);
	g_assert_cmpint(mptcpctl_endpoint_change(ctl, 4, NULL, backup, NULL), ==, -EACCES);
	g_assert_cmpint(mptcpctl_endpoint_delete(ctl, 4, NULL), ==, -EACCES);
	g_assert_cmpint(mptcpctl_endpoint_flush(ctl), ==, -EACCES);
	g_assert_cmpint(mptcpctl_limits_set(ctl, &limits), ==, -EACCES);
	/* it tries plugins, and quotes files that not everybody may read */
	g_assert_cmpint(mptcpctl_check_config(ctl, on_checked, text), ==, -EACCES);
	g_assert_cmpstr(text->str, ==, "");
	g_assert_cmpint(mptcpctl_list_config(ctl, on_config, text), ==, 0);
	g_assert_cmpstr(scene->command, ==, "");
	g_assert_cmpuint(scene->announced_id, ==, 0);
	g_assert_cmpuint(scene->n_checks, ==, 0);
	mptcpctl_free(ctl);
	g_string_free(text, TRUE);
	g_assert_no_errno((int)syscall(SYS_setresuid, -1, 0, -1));
}

static void test_refused(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_is_refused);
}

/* ---- the only client of a private daemon ---- */

static struct {
	const char *untold;
	bool has_left;
	int fds[2];
} private;

static const char *untold(void *data)
{
	return private.untold;
}

static void on_left(void *data, int error)
{
	private.has_left = true;
}

static int never(void *data, const struct mptcpctl_connection *connection)
{
	g_assert_not_reached();
}

static int expect_unknown(void *data, const struct mptcpctl_connection *connection)
{
	g_assert_true(connection->announced_unknown);
	g_assert_true(connection->peer_addresses_unknown);
	return 0;
}

static int expect_no_state(void *data, const struct mptcpctl_endpoint *endpoint)
{
	g_assert_null(endpoint->state);
	g_assert_cmpstr(endpoint->owner, ==, "other");
	return 0;
}

static void client_is_alone(struct scene *scene)
{
	const struct mptcpctl_limits limits = {3, 4};
	const struct mptcpctl_addr local = {"10.0.0.1", 1}, remote = {"10.9.0.1", 80};
	struct mptcpctl *ctl;

	g_assert_cmpint(mptcpctl_new(&ctl), ==, 0);
	g_assert_cmpint(mptcpctl_connect_fd(ctl, private.fds[0]), ==, 0);
	g_assert_cmpint(mptcpctl_list_connections(ctl, expect_unknown, NULL), ==, 0);
	g_assert_cmpint(mptcpctl_list_endpoints(ctl, expect_no_state, NULL), ==, 0);
	private.untold = "the kernel keeps them to itself";
	g_assert_cmpint(mptcpctl_list_connections(ctl, never, NULL), ==, -EIO);
	g_assert_cmpstr(mptcpctl_error(ctl), ==, private.untold);
	g_assert_cmpint(mptcpctl_get_connection(ctl, 1, never, NULL), ==, -EIO);
	g_assert_cmpint(mptcpctl_subflow_delete(ctl, 99, &local, &remote), ==, -EIO);
	g_assert_cmpstr(mptcpctl_error(ctl), ==, private.untold);
	scene->next_error = -EINVAL;
	g_assert_cmpint(mptcpctl_limits_set(ctl, &limits), ==, -EINVAL);
	expect_words(ctl, "the kernel says: Invalid argument");
	mptcpctl_free(ctl);
}

static void client_may_not(struct scene *scene)
{
	const struct mptcpctl_limits limits = {3, 4};
	struct mptcpctl *ctl;

	g_assert_cmpint(mptcpctl_new(&ctl), ==, 0);
	g_assert_cmpint(mptcpctl_connect_fd(ctl, private.fds[0]), ==, 0);
	g_assert_cmpint(mptcpctl_limits_set(ctl, &limits), ==, -EACCES);
	expect_words(ctl, "CAP_NET_ADMIN");
	g_assert_cmpint(mptcpctl_list_endpoints(ctl, expect_no_state, NULL), ==, 0);
	mptcpctl_free(ctl);
}

static const char *no_words(void *data)
{
	return "";
}

static void run_private(struct scene *scene, bool may_change, void (*client)(struct scene *scene))
{
	struct bus_private door = {.may_change = may_change, .untold = untold, .left = on_left};
	struct bus_setup setup = {
		.engine = scene->engine,
		.loop = &scene->loop,
		.version = "1.2.3",
		.private = &door,
		.data = scene,
		.error_text = no_words,
	};
	struct bus *bus;

	memset(&private, 0, sizeof(private));
	g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, private.fds));
	g_assert_no_errno(fcntl(private.fds[1], F_SETFL, O_NONBLOCK));
	door.fd = private.fds[1];
	g_assert_cmpint(bus_new(&setup, &bus), ==, 0);
	scene_run(scene, client);
	while (!private.has_left)
		g_assert_cmpint(loop_turn(&scene->loop), ==, 0);
	bus_free(bus);
}

static void test_private(struct scene **scene, gconstpointer data)
{
	run_private(*scene, true, client_is_alone);
	run_private(*scene, false, client_may_not);
}

#define ADD(path, test) g_test_add(path, struct scene *, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/bus/announce/announces-withdraws-and-words-errors", test_announce);
	ADD("/bus/private/tells-what-the-kernel-tells-and-that-its-client-left", test_private);
	ADD("/bus/subflow/an-address-that-is-not-ours-is-named", test_not_ours);
	ADD("/bus/endpoint/add-says-all-of-it", test_endpoint_add);
	ADD("/bus/endpoint/change-leaves-what-is-not-named", test_endpoint_change);
	ADD("/bus/endpoint/flush-and-limits", test_flush);
	ADD("/bus/action/old-words-of-the-kernel-are-not-told-again", test_stale_words);
	ADD("/bus/config/show-and-check", test_config);
	ADD("/bus/action/others-are-refused-everywhere", test_refused);
	return g_test_run();
}
