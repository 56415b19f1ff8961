/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which door a client takes where both are open: the socket, and for what that refuses the system bus. */
#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker.h"
#include "bus-client.h"
#include "bus-private.h"
#include "bus-scene.h"
#include "polkit.h"

static const struct mptcpctl_subflow_request request = {.local = {.address = "10.0.1.1"},
							.remote = {.address = "10.9.0.1",
								   .port = 80}};

static void wait_for_name(void)
{
	struct mptcpctl *ctl;

	g_assert_cmpint(mptcpctl_new(&ctl), ==, 0);
	while (mptcpctl_connect_bus(ctl) == -ENOTCONN)
		;
	mptcpctl_free(ctl);
}

static void become(uid_t uid)
{
	g_assert_no_errno((int)syscall(SYS_setresuid, -1, uid, -1));
}

static int on_status(void *data, const struct mptcpctl_status *status)
{
	++*(unsigned int *)data;
	return 0;
}

static void client_with_polkit(struct scene *scene)
{
	unsigned int n = 0;
	struct mptcpctl *ctl;

	wait_for_name();
	polkit_start();
	become(65534);
	ctl = client_new(NULL);
	g_assert_cmpint(mptcpctl_get_status(ctl, on_status, &n), ==, 0);
	g_assert_cmpuint(polkit.n_asked, ==, 0); /* the socket answers */
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, 0);
	g_assert_cmpuint(scene->n_created, ==, 1);
	g_assert_cmpuint(polkit.n_asked, ==, 1);
	g_assert_true(polkit.interactive);
	/* what the bus answers is what counts then */
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 9, &request), ==, -ENOENT);
	g_assert_cmpint(mptcpctl_reload(ctl), ==, -EACCES);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), "authentication"));
	g_assert_cmpuint(scene->n_reloads, ==, 0);
	g_assert_cmpint(mptcpctl_get_status(ctl, on_status, &n), ==, 0);
	g_assert_cmpuint(n, ==, 2);
	mptcpctl_free(ctl);
	/* a socket that was named is the only door */
	ctl = client_new(scene->socket);
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, -EACCES);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), "only root"));
	mptcpctl_free(ctl);
	become(0);
	polkit_stop();
}

static void client_without_bus(struct scene *scene)
{
	struct mptcpctl *ctl;

	become(65534);
	ctl = client_new(NULL);
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, -EACCES);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), "only root"));
	g_assert_cmpint(mptcpctl_connect_bus(ctl), ==, -ENOTCONN);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), "on the system bus"));
	mptcpctl_free(ctl);
	become(0);
}

/* A /run of our own, in which the scene's socket is the one that is taken where none is named. */
static bool stage(struct scene *scene)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0 &&
	       mkdir("/run/mptcpd", 0755) == 0 &&
	       symlink(scene->socket, "/run/mptcpd/control") == 0;
}

static void run(void (*client)(struct scene *scene), bool has_broker)
{
	struct scene *scene;

	if (geteuid() != 0 || (has_broker && !broker_start())) {
		g_test_skip("needs root, and dbus-daemon");
		return;
	}
	g_setenv("DBUS_SYSTEM_BUS_ADDRESS",
		 has_broker ? g_getenv("DBUS_SYSTEM_BUS_ADDRESS") : "unix:path=/nonexistent", TRUE);
	scene = scene_new(has_broker);
	scene_connect(scene, 1);
	if (stage(scene))
		scene_run(scene, client);
	else
		g_test_skip("may not mount");
	scene_free(scene);
	if (has_broker)
		broker_stop();
}

static void test_polkit(void)
{
	run(client_with_polkit, true);
}

static void test_no_bus(void)
{
	run(client_without_bus, false);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bus/door/what-the-socket-refuses-polkit-may-permit", test_polkit);
	g_test_add_func("/bus/door/without-a-bus-the-refusal-stands", test_no_bus);
	return g_test_run();
}
