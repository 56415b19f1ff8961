/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other door: the system bus, a dbus-daemon of the test's own. */
#include <errno.h>
#include <mptcpctl/client.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus-client.h"
#include "broker.h"
#include "bus-private.h"
#include "bus-scene.h"
#include "polkit.h"

static void wait_for_name(struct scene *scene)
{
	sd_bus *bus;
	int r;

	g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
	do {
		r = sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, "org.freedesktop.DBus.Peer",
				       "Ping", NULL, NULL, "");
	} while (r < 0);
	sd_bus_close_unref(bus);
}

static int on_event(void *data, const struct mptcpctl_event *event)
{
	unsigned int *n = data;

	n[event->type]++;
	return 0;
}

static void one_more(struct scene *scene, uint32_t token)
{
	scene_connect(scene, token);
	scene_settle(scene);
}

static void client(struct scene *scene)
{
	const struct mptcpctl_subflow_request request = {.local = {.address = "10.0.1.1"},
							 .remote = {.address = "10.9.0.1",
								    .port = 80}};
	unsigned int n[MPTCPCTL_SUBFLOW_HEALTH + 1] = {0};
	struct mptcpctl *ctl;

	wait_for_name(scene);
	ctl = client_new(NULL);
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, 0);
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 9, &request), ==, -ENOENT);
	g_assert_cmpuint(scene->n_created, ==, 1);
	g_assert_cmpint(mptcpctl_monitor(ctl, on_event, n), ==, 0);
	while (n[MPTCPCTL_CONNECTION_CREATED] < 2) {
		struct pollfd fd = {.fd = mptcpctl_fd(ctl)};
		int r = mptcpctl_dispatch(ctl);

		g_assert_cmpint(r, >=, 0);
		if (n[MPTCPCTL_SYNCHRONIZED] == 1 && n[MPTCPCTL_CONNECTION_CREATED] == 1) {
			g_assert_cmpuint(n[MPTCPCTL_INTERFACE_ADDED], ==, 2);
			scene_do(scene, one_more, 2);
			n[MPTCPCTL_SYNCHRONIZED] = 2;
		}
		fd.events = (short)mptcpctl_poll_events(ctl);
		if (r == 0)
			poll(&fd, 1, mptcpctl_timeout_ms(ctl));
	}
	mptcpctl_free(ctl);
}

static void client_is_refused(struct scene *scene)
{
	struct mptcpctl *ctl;

	wait_for_name(scene);
	if (syscall(SYS_setresuid, -1, 65534, -1) != 0) {
		g_test_skip("needs root to be somebody else");
		return;
	}
	ctl = client_new(NULL);
	g_assert_cmpint(mptcpctl_reload(ctl), ==, -EACCES);
	g_assert_cmpuint(scene->n_reloads, ==, 0);
	mptcpctl_free(ctl);
	g_assert_no_errno((int)syscall(SYS_setresuid, -1, 0, -1));
}

/* ---- polkit ---- */

/* How does AddSubflow end for one whose program says nothing of asking a person? */
static int add_quietly(sd_bus *bus)
{
	return sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, WIRE_MANAGER, "AddSubflow", NULL, NULL,
				  "u(sq)(sq)ysba{sv}", 1, "10.0.1.1", 0, "10.9.0.1", 80, 0, "", 0,
				  0);
}

static void client_asks_polkit(struct scene *scene)
{
	const struct mptcpctl_subflow_request request = {.local = {.address = "10.0.1.1"},
							 .remote = {.address = "10.9.0.1",
								    .port = 80}};
	const char *name;
	struct mptcpctl *ctl;
	sd_bus *bus;

	wait_for_name(scene);
	polkit_start();
	if (syscall(SYS_setresuid, -1, 65534, -1) != 0) {
		polkit_stop();
		g_test_skip("needs root to be somebody else");
		return;
	}
	ctl = client_new(NULL);
	g_assert_cmpint(mptcpctl_subflow_add(ctl, 1, &request), ==, 0);
	g_assert_cmpuint(scene->n_created, ==, 1);
	g_assert_true(polkit.interactive);
	g_assert_cmpint(mptcpctl_reload(ctl), ==, -EACCES);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), "authentication"));
	g_assert_cmpuint(scene->n_reloads, ==, 0);
	g_assert_cmpuint(polkit.n_asked, ==, 2);
	mptcpctl_free(ctl);

	g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
	g_assert_cmpint(add_quietly(bus), >=, 0);
	g_assert_false(polkit.interactive);
	g_assert_cmpint(sd_bus_get_unique_name(bus, &name), >=, 0);
	g_assert_cmpstr(polkit.subject, ==, name);
	sd_bus_flush_close_unref(bus);
	g_assert_no_errno((int)syscall(SYS_setresuid, -1, 0, -1));

	/* Root is not asked for. */
	g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
	g_assert_cmpint(add_quietly(bus), >=, 0);
	g_assert_cmpuint(polkit.n_asked, ==, 3);
	g_assert_cmpuint(scene->n_created, ==, 3);
	sd_bus_flush_close_unref(bus);
	polkit_stop();
	g_clear_pointer(&polkit.subject, g_free);
}

/* ---- what one user must not be able to do to others ---- */

static bool become(uid_t uid)
{
	return syscall(SYS_setresuid, -1, uid, -1) == 0;
}

static sd_bus *open_bus(void)
{
	sd_bus *bus;

	g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
	return bus;
}

static int call(sd_bus *bus, const char *member)
{
	return sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, WIRE_MANAGER, member, NULL, NULL, "");
}

static sd_bus *name_holder;

static void client_waits_for_name(struct scene *scene)
{
	sd_bus *bus = open_bus();

	/* Whoever has it does not answer, and meanwhile it is refused. */
	sd_bus_set_method_call_timeout(bus, 100 * 1000);
	g_assert_cmpint(call(bus, "GetStatus"), ==, -ETIMEDOUT);
	sd_bus_close_unref(bus);
	sd_bus_close_unref(name_holder);
	wait_for_name(scene);
}

/* Who has the name does not answer: words, and no wait for a password that nobody is asked for. */
static void test_frozen(void)
{
	struct mptcpctl *ctl;
	sd_bus *frozen;
	gint64 begin;

	if (g_file_test("/run/mptcpd/control", G_FILE_TEST_EXISTS) || !broker_start()) {
		g_test_skip("needs dbus-daemon, and no mptcpd running");
		return;
	}
	begin = g_get_monotonic_time();
	frozen = open_bus();
	g_assert_cmpint(sd_bus_request_name(frozen, WIRE_NAME, 0), >=, 0);
	g_assert_cmpint(mptcpctl_new(&ctl), ==, 0);
	g_assert_cmpint(mptcpctl_connect(ctl, NULL), ==, -ETIMEDOUT);
	g_assert_nonnull(strstr(mptcpctl_error(ctl), "does not answer"));
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
	mptcpctl_free(ctl);
	sd_bus_close_unref(frozen);
	broker_stop();
}

/* The name is asked for again: whoever has it, or forbids it, does not for ever. */
static void test_late(void)
{
	struct scene *scene;

	if (g_file_test("/run/mptcpd/control", G_FILE_TEST_EXISTS) || !broker_start()) {
		g_test_skip("needs dbus-daemon, and no mptcpd running");
		return;
	}
	name_holder = open_bus();
	g_assert_cmpint(sd_bus_request_name(name_holder, WIRE_NAME, 0), >=, 0);
	scene = scene_new(true);
	scene_run(scene, client_waits_for_name);
	scene_free(scene);
	broker_stop();
}

static void client_subscribes_and_leaves(struct scene *scene)
{
	sd_bus *bus;
	int before;

	wait_for_name(scene);
	bus = open_bus();
	g_assert_cmpint(call(bus, "Subscribe"), >=, 0);
	sd_bus_flush_close_unref(bus);
	bus = open_bus();
	g_assert_cmpint(call(bus, "GetStatus"), >=, 0);
	before = g_atomic_int_get(&scene->n_turns);
	poll(NULL, 0, 100); /* how busy is it with nothing to do? */
	g_assert_cmpint(g_atomic_int_get(&scene->n_turns) - before, <, 10);
	g_assert_cmpint(call(bus, "GetStatus"), >=, 0);
	sd_bus_flush_close_unref(bus);
}

static void client_crowds_monitors(struct scene *scene)
{
	sd_bus *crowd[BUS_SUBSCRIBERS_USER + 1], *bus;

	wait_for_name(scene);
	if (!become(65534)) {
		g_test_skip("needs root to be somebody else");
		return;
	}
	for (size_t i = 0; i < BUS_SUBSCRIBERS_USER; i++) {
		crowd[i] = open_bus();
		g_assert_cmpint(call(crowd[i], "Subscribe"), >=, 0);
		g_assert_cmpint(call(crowd[i], "Subscribe"), >=, 0);
	}
	crowd[BUS_SUBSCRIBERS_USER] = open_bus();
	g_assert_cmpint(call(crowd[BUS_SUBSCRIBERS_USER], "Subscribe"), ==, -ENOBUFS);
	g_assert_cmpint(call(crowd[0], "Unsubscribe"), >=, 0);
	g_assert_cmpint(call(crowd[BUS_SUBSCRIBERS_USER], "Subscribe"), >=, 0);
	g_assert_true(become(0));
	bus = open_bus();
	g_assert_cmpint(call(bus, "Subscribe"), >=, 0);
	sd_bus_flush_close_unref(bus);
	for (size_t i = 0; i < G_N_ELEMENTS(crowd); i++)
		sd_bus_flush_close_unref(crowd[i]);
}

static int on_refused(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	g_assert_nonnull(e);
	g_assert_cmpstr(e->name, ==, SD_BUS_ERROR_LIMITS_EXCEEDED);
	++*(unsigned int *)data;
	return 1;
}

static void process_until(sd_bus *bus, const unsigned int *n, unsigned int wanted)
{
	while (*n < wanted) {
		int r = sd_bus_process(bus, NULL);

		g_assert_cmpint(r, >=, 0);
		if (r == 0)
			sd_bus_wait(bus, UINT64_MAX);
	}
}

/* Each takes a match rule of ours, of which the broker gives us so many. */
static void client_crowds_monitors_as_many(struct scene *scene)
{
	g_autoptr(GPtrArray) crowd = g_ptr_array_new();
	const struct passwd *user;
	sd_bus *bus;
	int r = 0;

	wait_for_name(scene);
	setpwent();
	while (r >= 0 && (user = getpwent())) {
		if (user->pw_uid == 0)
			continue;
		if (!become(user->pw_uid)) {
			g_test_skip("needs root to be somebody else");
			return;
		}
		for (size_t i = 0; r >= 0 && i < BUS_SUBSCRIBERS_USER; i++) {
			bus = open_bus();
			g_ptr_array_add(crowd, bus);
			r = call(bus, "Subscribe");
		}
		g_assert_true(become(0));
	}
	endpwent();
	g_assert_cmpint(r, ==, -ENOBUFS);
	g_assert_cmpuint(crowd->len, ==, BUS_SUBSCRIBERS_MAX + 1);
	bus = open_bus();
	g_ptr_array_add(crowd, bus);
	g_assert_cmpint(call(bus, "Subscribe"), >=, 0);
	for (size_t i = 0; i < crowd->len; i++)
		sd_bus_flush_close_unref(crowd->pdata[i]);
}

/* Whoever asks again before he has an answer gets the same one. */
static void client_subscribes_twice_at_once(struct scene *scene)
{
	sd_bus *crowd[BUS_SUBSCRIBERS_USER], *bus;
	unsigned int n_refused = 0;

	wait_for_name(scene);
	if (!become(65534)) {
		g_test_skip("needs root to be somebody else");
		return;
	}
	for (size_t i = 0; i < BUS_SUBSCRIBERS_USER; i++) {
		crowd[i] = open_bus();
		g_assert_cmpint(call(crowd[i], "Subscribe"), >=, 0);
	}
	bus = open_bus();
	for (size_t i = 0; i < 2; i++)
		g_assert_cmpint(sd_bus_call_method_async(bus, NULL, WIRE_NAME, WIRE_PATH,
							 WIRE_MANAGER, "Subscribe", on_refused,
							 &n_refused, ""),
				>=, 0);
	process_until(bus, &n_refused, 2);
	sd_bus_flush_close_unref(bus);
	for (size_t i = 0; i < BUS_SUBSCRIBERS_USER; i++)
		sd_bus_flush_close_unref(crowd[i]);
	g_assert_true(become(0));
}

static void client_sends_much(struct scene *scene)
{
	g_autofree char *much = g_strnfill(1 << 20, 'x');
	sd_bus *bus;
	int r;

	wait_for_name(scene);
	bus = open_bus();
	r = sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, WIRE_MANAGER, "FlushEndpoints", NULL,
			       NULL, "a{sv}", 1, "much", "s", much);
	g_assert_cmpint(r, ==, -ENOBUFS);
	g_assert_cmpint(call(bus, "GetStatus"), >=, 0);
	sd_bus_flush_close_unref(bus);
}

/* Who serves the name. */
static char *find_owner(sd_bus *bus)
{
	sd_bus_message *answer = NULL;
	const char *owner;
	char *copy;

	g_assert_cmpint(sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					   "org.freedesktop.DBus", "GetNameOwner", NULL, &answer,
					   "s", WIRE_NAME),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(answer, "s", &owner), >, 0);
	copy = g_strdup(owner);
	sd_bus_message_unref(answer);
	return copy;
}

/* Returns what is said of a word that is no state. */
static char *ask_for_state(sd_bus *bus, const char *word)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char *text;
	int r = sd_bus_call_method(bus, WIRE_NAME, WIRE_PATH, WIRE_MANAGER, "GetTop", &error, NULL,
				   "ua{sv}", 1, 1, "state", "s", word);

	g_assert_cmpint(r, <, 0);
	g_assert_cmpstr(error.name, ==, WIRE_ERROR_INVALID);
	text = g_strdup(error.message);
	sd_bus_error_free(&error);
	return text;
}

/*
 * Long words of characters that take several bytes each: one of them is wherever a text would be cut,
 * and what is no UTF-8 then cannot be sent, so that the caller would wait in vain.
 */
static void client_is_told_of_long_words(struct scene *scene)
{
	g_autofree char *before = NULL, *after = NULL;
	sd_bus *bus;

	wait_for_name(scene);
	bus = open_bus();
	before = find_owner(bus);
	for (size_t shift = 0; shift < 3; shift++) {
		g_autoptr(GString) word = g_string_new(NULL);
		g_autofree char *said = NULL;

		for (size_t i = 0; i < shift; i++)
			g_string_append_c(word, 'x');
		for (size_t i = 0; i < 1000; i++)
			g_string_append(word, "\u20ac");
		said = ask_for_state(bus, word->str);
		g_assert_nonnull(strstr(said, word->str));
		g_assert_nonnull(strstr(said, "expected created"));
	}
	after = find_owner(bus);
	g_assert_cmpstr(after, ==, before);
	sd_bus_flush_close_unref(bus);
}

/* A polkit that never answers: the name is there, and nobody who serves it. */
static void client_waits_for_polkit(struct scene *scene)
{
	const unsigned int n_calls = BUS_WAITING_MAX + 36;
	unsigned int n_refused = 0;
	sd_bus *polkit_bus = open_bus(), *bus;

	wait_for_name(scene);
	g_assert_cmpint(sd_bus_request_name(polkit_bus, "org.freedesktop.PolicyKit1", 0), >=, 0);
	if (!become(65534)) {
		sd_bus_flush_close_unref(polkit_bus);
		g_test_skip("needs root to be somebody else");
		return;
	}
	bus = open_bus();
	for (unsigned int i = 0; i < n_calls; i++)
		g_assert_cmpint(sd_bus_call_method_async(bus, NULL, WIRE_NAME, WIRE_PATH,
							 WIRE_MANAGER, "Reload", on_refused,
							 &n_refused, ""),
				>=, 0);
	process_until(bus, &n_refused, n_calls - BUS_WAITING_USER);
	g_assert_true(become(0));
	g_assert_cmpint(call(polkit_bus, "Reload"), >=, 0);
	g_assert_cmpuint(scene->n_reloads, ==, 1);
	sd_bus_flush_close_unref(bus);
	sd_bus_flush_close_unref(polkit_bus);
}

static void run(gconstpointer data)
{
	struct scene *scene;

	if (g_file_test("/run/mptcpd/control", G_FILE_TEST_EXISTS) || !broker_start()) {
		g_test_skip("needs dbus-daemon, and no mptcpd running");
		return;
	}
	scene = scene_new(true);
	scene_connect(scene, 1);
	scene_run(scene, *(void (*const *)(struct scene *))data);
	scene_free(scene);
	broker_stop();
}

int main(int argc, char **argv)
{
	static void (*const clients[])(struct scene *) = {client,
							  client_is_refused,
							  client_asks_polkit,
							  client_subscribes_and_leaves,
							  client_crowds_monitors,
							  client_crowds_monitors_as_many,
							  client_subscribes_twice_at_once,
							  client_sends_much,
							  client_waits_for_polkit,
							  client_is_told_of_long_words};

	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/bus/system/changes-and-monitors", &clients[0], run);
	g_test_add_data_func("/bus/system/others-are-refused", &clients[1], run);
	g_test_add_data_func("/bus/system/polkit-decides-for-others", &clients[2], run);
	g_test_add_data_func("/bus/system/last-monitor-leaves-and-it-is-idle", &clients[3], run);
	g_test_add_data_func("/bus/system/one-user-cannot-take-all-monitors", &clients[4], run);
	g_test_add_data_func("/bus/system/many-users-leave-root-a-monitor", &clients[5], run);
	g_test_add_data_func("/bus/system/subscribed-is-said-of-who-is", &clients[6], run);
	g_test_add_data_func("/bus/system/too-long-a-message-is-told", &clients[7], run);
	g_test_add_data_func("/bus/system/root-is-served-while-others-wait-for-polkit", &clients[8],
			     run);
	g_test_add_data_func("/bus/system/long-words-are-told-whole", &clients[9], run);
	g_test_add_func("/bus/system/name-is-asked-for-again", test_late);
	g_test_add_func("/bus/system/frozen-owner-of-the-name", test_frozen);
	return g_test_run();
}
