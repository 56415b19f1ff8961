/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is let in at the private socket, where many want to. */
#include <errno.h>
#include <mptcpctl/client.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus-private.h"
#include "bus-scene.h"

#define NOBODY 65534
/* So many users at their limits take all places. */
#define CROWD (BUS_PEERS_MAX / BUS_PEERS_USER)
#define MUCH_NS (INT64_C(1000) * 1000000000)
#define ROOTS (BUS_PEERS_MAX + BUS_PEERS_USER)

static void set_up(struct scene **scene, gconstpointer data)
{
	*scene = scene_new(false);
}

static void tear_down(struct scene **scene, gconstpointer data)
{
	scene_free(*scene);
}

/* Of this thread alone. */
static bool become(uid_t uid)
{
	return syscall(SYS_setresuid, -1, uid, -1) == 0;
}

static bool can_be_others(void)
{
	return become(NOBODY) && become(0);
}

static int count_status(void *data, const struct mptcpctl_status *status)
{
	++*(size_t *)data;
	return 0;
}

static size_t count_served(struct mptcpctl **ctls, size_t n_ctls)
{
	size_t n = 0;

	for (size_t i = 0; i < n_ctls; i++)
		(void)mptcpctl_get_status(ctls[i], count_status, &n);
	return n;
}

/*
 * A client of this user, 0: of who runs the test. NULL if it is not let in, told when it connects or
 * when it asks.
 */
static struct mptcpctl *connect_as(struct scene *scene, uid_t uid)
{
	struct mptcpctl *ctl;
	int r;

	g_assert_cmpint(mptcpctl_new(&ctl), ==, 0);
	g_assert_true(!uid || become(uid));
	r = mptcpctl_connect(ctl, scene->socket);
	g_assert_true(!uid || become(0));
	if (r == 0 && count_served(&ctl, 1) == 1)
		return ctl;
	mptcpctl_free(ctl);
	return NULL;
}

static void leave(struct mptcpctl **ctls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mptcpctl_free(ctls[i]);
}

static void client_takes_all(struct scene *scene)
{
	struct mptcpctl *ctls[BUS_PEERS_USER + 1];

	for (size_t i = 0; i < BUS_PEERS_USER; i++)
		g_assert_nonnull(ctls[i] = connect_as(scene, NOBODY));
	g_assert_null(connect_as(scene, NOBODY));
	g_assert_nonnull(ctls[BUS_PEERS_USER] = connect_as(scene, 0));
	leave(ctls, BUS_PEERS_USER + 1);
}

static void test_crowd(struct scene **scene, gconstpointer data)
{
	if (can_be_others())
		scene_run(*scene, client_takes_all);
	else
		g_test_skip("needs root to be somebody else");
}

/* A few at their limits have taken all places; who comes later gets as many as they keep. */
static void client_comes_late(struct scene *scene)
{
	const size_t share = BUS_PEERS_MAX / (CROWD + 1);
	struct mptcpctl *ctls[BUS_PEERS_MAX], *late[BUS_PEERS_USER];
	size_t n = 0;

	for (size_t i = 0; i < BUS_PEERS_MAX; i++)
		g_assert_nonnull(ctls[i] = connect_as(scene, (uid_t)(NOBODY - i % CROWD)));
	while (n < BUS_PEERS_USER && (late[n] = connect_as(scene, NOBODY - CROWD)))
		n++;
	g_assert_cmpuint(n, ==, share);
	/* They cannot have them back, and those who were there first stay. */
	g_assert_null(connect_as(scene, NOBODY));
	g_assert_cmpuint(count_served(late, n), ==, share);
	g_assert_cmpuint(count_served(ctls, CROWD * share), ==, CROWD * share);
	g_assert_cmpuint(count_served(ctls, BUS_PEERS_MAX), ==, CROWD * share);
	leave(late, n);
	leave(ctls, BUS_PEERS_MAX);
}

static void test_late(struct scene **scene, gconstpointer data)
{
	if (can_be_others())
		scene_run(*scene, client_comes_late);
	else
		g_test_skip("needs root to be somebody else");
}

/* Those who may change something are not counted, and take nobody's place. */
static void client_is_not_counted(struct scene *scene)
{
	struct mptcpctl *ctls[ROOTS + 1];
	size_t n = ROOTS;

	for (size_t i = 0; i < ROOTS; i++)
		g_assert_nonnull(ctls[i] = connect_as(scene, 0));
	if (can_be_others())
		g_assert_nonnull(ctls[n++] = connect_as(scene, NOBODY));
	g_assert_cmpuint(count_served(ctls, n), ==, n);
	leave(ctls, n);
}

static void test_not_counted(struct scene **scene, gconstpointer data)
{
	scene_run(*scene, client_is_not_counted);
}

/* ---- who comes back ---- */

static struct {
	bool is_there;
	int64_t spent_ns;
} account;

/* Of this user; NULL: he has no connection. In the thread of the loop. */
static struct user *find_user(const struct scene *scene, uint32_t uid)
{
	struct user *user = scene->bus->users;

	while (user && (user->uid != uid || user->kind != USER_OTHER))
		user = user->next;
	return user;
}

static void look_up(struct scene *scene, uint32_t uid)
{
	const struct user *user = find_user(scene, uid);

	account.is_there = user;
	account.spent_ns = user ? user->spent_ns : 0;
}

/* A call of his that took long. */
static void charge_much(struct scene *scene, uint32_t uid)
{
	struct user *user = find_user(scene, uid);

	g_assert_true(user);
	if (user)
		user->spent_ns += MUCH_NS;
}

static void leave_and_wait(struct scene *scene, struct mptcpctl *ctl)
{
	mptcpctl_free(ctl); /* he has this one connection */
	do
		scene_do(scene, look_up, NOBODY);
	while (account.is_there);
}

/* His debt does not go with his last connection, or who comes anew for each call would be first always. */
static void client_comes_back(struct scene *scene)
{
	struct mptcpctl *ctl = connect_as(scene, NOBODY), *other = connect_as(scene, NOBODY - 1);

	g_assert_true(ctl && other);
	scene_do(scene, charge_much, NOBODY);
	leave_and_wait(scene, ctl);
	g_assert_nonnull(ctl = connect_as(scene, NOBODY));
	scene_do(scene, look_up, NOBODY);
	g_assert_cmpint(account.spent_ns, >, MUCH_NS);
	scene_do(scene, look_up, NOBODY - 1);
	g_assert_cmpint(account.spent_ns, <, MUCH_NS);
	mptcpctl_free(ctl);
	mptcpctl_free(other);
}

static void test_return(struct scene **scene, gconstpointer data)
{
	if (can_be_others())
		scene_run(*scene, client_comes_back);
	else
		g_test_skip("needs root to be somebody else");
}

#define ADD(path, test) g_test_add(path, struct scene *, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/bus/clients/one-user-cannot-take-all", test_crowd);
	ADD("/bus/clients/a-few-at-their-limits-keep-nobody-out", test_late);
	ADD("/bus/clients/root-is-not-counted", test_not_counted);
	ADD("/bus/clients/who-comes-back-has-his-debt", test_return);
	return g_test_run();
}
