/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read together in a rush, against the kernel that it runs on. */
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "kernel-fixture.h"

#define N_ASKED 40
#define N_NOISE 1000
#define N_LOST 500

/* Joins of a connection that is none: all are refused. */
static void ask_in_vain(struct fixture *f, int ret_asked[static N_ASKED])
{
	struct subflow_request request = {.local = parse("127.0.0.2"),
					  .remote = parse("127.0.0.1:4711"),
					  .local_id = 2,
					  .ifindex = if_nametoindex("lo")};
	struct prepared command;

	kernel_ops.prepare_create(f->kernel, &request, &command);
	for (size_t i = 0; i < N_ASKED; i++)
		ret_asked[i] = kernel_ops.ask(f->kernel, 4711, &command);
}

/* The engine remembers no more than were asked for of one crowd. */
static void refusals_are_heard_before_more_is_asked(struct fixture *f, const void *data)
{
	int asked[N_ASKED];

	ask_in_vain(f, asked);
	g_assert_cmpint(kernel_dispatch_crowd(f->kernel), ==, 0); /* all are sent */
	g_assert_cmpint(kernel_dispatch_crowd(f->kernel), ==, 0);
	g_assert_cmpuint(f->refused->len, ==, N_ASKED);
	for (guint i = 0; i < N_ASKED; i++)
		g_assert_cmpint(g_array_index(f->refused, int, i), ==, asked[i]);
}

/* Others can send to the socket, too, and as fast as it is read. */
static void noise_keeps_nobody_waiting(struct fixture *f, const void *data)
{
	const char noise[NLMSG_HDRLEN] = "noise";
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct sockaddr_nl addr;
	socklen_t size = sizeof(addr);
	int fds[KERNEL_FDS];

	kernel_fds(f->kernel, fds);
	g_assert_cmpint(getsockname(fds[0], (struct sockaddr *)&addr, &size), ==, 0);
	for (size_t i = 0; i < N_NOISE; i++)
		g_assert_cmpint(sendto(fd, noise, sizeof(noise), MSG_DONTWAIT,
				       (struct sockaddr *)&addr, size),
				==, (ssize_t)sizeof(noise));
	g_assert_cmpint(kernel_dispatch_crowd(f->kernel), ==, 1);
	while (kernel_dispatch_crowd(f->kernel) == 1)
		;
	g_assert_cmpuint(f->events->len, ==, 0);
	close(fd);
}

/* The socket of a server, of which the kernel tells. */
static int open_listener(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	g_assert_cmpint(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	g_assert_cmpint(listen(fd, 1), ==, 0);
	return fd;
}

/* What is there is told first: a snapshot that is taken for the loss is younger than all of it. */
static void loss_is_told_when_all_is_read(struct fixture *f, const void *data)
{
	int fds[KERNEL_FDS], few = 1;
	struct event last;
	guint n;

	kernel_fds(f->kernel, fds);
	g_assert_cmpint(setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)), ==, 0);
	for (size_t i = 0; i < N_LOST; i++)
		close(open_listener());
	while (kernel_dispatch_crowd(f->kernel) == 1)
		;
	n = f->events->len;
	g_assert_cmpuint(n, >, 1);
	g_assert_cmpuint(n, <, N_LOST);
	last = g_array_index(f->events, struct event, n - 1);
	g_assert_cmpint(last.type, ==, EVENT_LOST);
	g_assert_cmpint(last.snapshot, ==, SNAPSHOT_CONNECTIONS);
	/* And it is told once. */
	close(open_listener());
	g_assert_cmpint(kernel_dispatch_crowd(f->kernel), ==, 0);
	g_assert_cmpuint(f->events->len, ==, n + 2);
	g_assert_cmpint(g_array_index(f->events, struct event, n).type, ==, EVENT_LISTENER_CREATED);
	g_assert_cmpint(g_array_index(f->events, struct event, n + 1).type, ==,
			EVENT_LISTENER_CLOSED);
}

/* Who waits for the socket to be read empty need not wait for another way to read it. */
static void snapshot_ends(struct fixture *f, const void *data)
{
	gint64 until = deadline();
	int fds[KERNEL_FDS];
	int listener;

	kernel_fds(f->kernel, fds);
	g_assert_cmpint(kernel_ops.snapshot(f->kernel, SNAPSHOT_CONNECTIONS), ==, 0);
	wait_for(f, EVENT_SNAPSHOT_BEGIN, 0);
	listener = open_listener();
	while (g_array_index(f->events, struct event, f->events->len - 1).type !=
	       EVENT_SNAPSHOT_END) {
		size_t n = kernel_fds(f->kernel, fds);

		g_assert_cmpint(g_get_monotonic_time(), <, until);
		for (size_t i = 3; i < n; i++) /* all but what would read the first one */
			g_assert_cmpint(kernel_dispatch(f->kernel, fds[i]), >=, 0);
		g_assert_cmpint(kernel_dispatch_crowd(f->kernel), >=, 0);
	}
	wait_for(f, EVENT_LISTENER_CREATED, 0);
	close(listener);
}

#define ADD(name, function)                                                                        \
	g_test_add("/kernel/crowd/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!enter_namespace())
		return 0;
	ADD("refusals-are-heard-before-more-is-asked", refusals_are_heard_before_more_is_asked);
	ADD("noise-keeps-nobody-waiting", noise_keeps_nobody_waiting);
	/* Of sockets that listen older ones tell nothing. */
	if (kernel_before(6, 2))
		return g_test_run();
	ADD("loss-is-told-when-all-is-read", loss_is_told_when_all_is_read);
	ADD("snapshot-ends", snapshot_ends);
	return g_test_run();
}
