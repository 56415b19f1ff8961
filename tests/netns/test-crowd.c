/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read together in a rush, against the kernel that it runs on. */
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "kernel-fixture.h"

#define N_ASKED 40
#define N_NOISE 1000

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

#define ADD(name, function)                                                                        \
	g_test_add("/kernel/crowd/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!enter_namespace())
		return 0;
	ADD("refusals-are-heard-before-more-is-asked", refusals_are_heard_before_more_is_asked);
	ADD("noise-keeps-nobody-waiting", noise_keeps_nobody_waiting);
	return g_test_run();
}
