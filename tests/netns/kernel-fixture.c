/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <netinet/in.h>
#include <unistd.h>

#include "addr.h"
#include "kernel-fixture.h"
#include "sysctl.h"

void on_event(void *data, const struct event *event)
{
	struct fixture *f = data;

	g_array_append_vals(f->events, event, 1);
}

static void on_early(void *data, const struct event *event)
{
	struct fixture *f = data;

	if (f->on_early)
		f->on_early(f, event);
}

static void on_refused(void *data, int number)
{
	struct fixture *f = data;

	g_array_append_val(f->refused, number);
}

void set_up(struct fixture *f, const void *data)
{
	char why[256] = "";
	int r;

	f->events = g_array_new(FALSE, FALSE, sizeof(struct event));
	f->seen = 0;
	f->on_early = NULL;
	f->refused = g_array_new(FALSE, FALSE, sizeof(int));
	r = kernel_new(&(struct kernel_reader){on_event, on_early, on_refused, NULL, f}, &f->kernel,
		       why);
	g_assert_cmpstr(why, ==, "");
	g_assert_cmpint(r, ==, 0);
}

void tear_down(struct fixture *f, const void *data)
{
	g_assert_cmpuint(kernel_counters(f->kernel)->malformed, ==, 0);
	kernel_free(f->kernel);
	g_array_unref(f->events);
	g_array_unref(f->refused);
}

gint64 deadline(void)
{
	const char *slow = g_getenv("MPTCPD_SLOW");

	return g_get_monotonic_time() +
	       (gint64)(5 * G_USEC_PER_SEC * (slow ? g_ascii_strtod(slow, NULL) : 1));
}

bool kernel_before(int major, int minor)
{
	struct utsname name;
	int m, n;

	g_assert_cmpint(uname(&name), ==, 0);
	g_assert_cmpint(sscanf(name.release, "%d.%d", &m, &n), ==, 2);
	return m < major || (m == major && n < minor);
}

void pump(struct fixture *f, gint64 until)
{
	int fds[KERNEL_FDS];
	struct pollfd polls[KERNEL_FDS];
	size_t n = kernel_fds(f->kernel, fds);
	gint64 left = (until - g_get_monotonic_time()) / 1000;

	g_assert_cmpint(left, >, 0);
	for (size_t i = 0; i < n; i++)
		polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	g_assert_cmpint(poll(polls, n, (int)left), >=, 0);
	for (size_t i = 0; i < n; i++) {
		if (polls[i].revents)
			g_assert_cmpint(kernel_dispatch(f->kernel, fds[i]), >=, 0);
	}
}

struct event wait_for(struct fixture *f, enum event_type type, uint32_t token)
{
	gint64 until = deadline();

	for (;;) {
		while (f->seen < f->events->len) {
			struct event event = g_array_index(f->events, struct event, f->seen++);

			if (event.type == type && (token == 0 || event.token == token))
				return event;
		}
		pump(f, until);
	}
}

void run(const char *format, ...)
{
	g_autofree char *command = NULL;
	g_autofree char *err = NULL;
	int status;
	va_list args;

	va_start(args, format);
	command = g_strdup_vprintf(format, args);
	va_end(args);
	g_assert_true(g_spawn_command_line_sync(command, NULL, &err, &status, NULL));
	if (status != 0)
		g_error("%s: %s", command, err);
}

struct mptcpd_addr parse(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

void assert_addr(const struct mptcpd_addr *addr, const char *expected)
{
	char text[ADDR_TEXT_SIZE];

	g_assert_cmpstr(addr_format(addr, text), ==, expected);
}

static int unshare_all(void)
{
	uid_t uid = getuid();
	char map[64];
	int fd;

	if (uid == 0)
		return unshare(CLONE_NEWNET);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return -1;
	return close(fd);
}

static const char *why_not(void)
{
	int fd;

	if (unshare_all() < 0)
		return "cannot make a network namespace";
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (fd < 0)
		return "this kernel has no MPTCP";
	close(fd);
	if (sysctl_path_manager() == PATH_MANAGER_UNKNOWN)
		return "this kernel has no userspace path manager";
	return NULL;
}

bool enter_namespace(void)
{
	const char *reason = why_not();

	if (reason) {
		printf("1..0 # SKIP %s\n", reason);
		return false;
	}
	run("ip link set lo up");
	return true;
}
