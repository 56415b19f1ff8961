// SPDX-License-Identifier: GPL-2.0
/*
 * A module that connects an MPTCP socket of the kernel's own, as no part of Linux does: for the test
 * that mptcpd manages it like any other. It says something every 20 ms, until it is unloaded.
 */
#include <linux/delay.h>
#include <linux/in.h>
#include <linux/inet.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <net/net_namespace.h>

static char *address = "10.0.1.2";
module_param(address, charp, 0444);
static ushort port = 5000;
module_param(port, ushort, 0444);

static struct socket *sock;
static struct task_struct *speaker;

static int speak(void *unused)
{
	char text[] = "kernel\n";

	while (!kthread_should_stop()) {
		struct kvec part = {.iov_base = text, .iov_len = sizeof(text) - 1};
		struct msghdr message = {.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL};

		kernel_sendmsg(sock, &message, &part, 1, part.iov_len);
		msleep(20);
	}
	return 0;
}

static int __init begin(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int r;

	if (!in4_pton(address, -1, (u8 *)&to.sin_addr.s_addr, -1, NULL))
		return -EINVAL;
	/* In the network namespace of whoever loads it. */
	r = sock_create_kern(current->nsproxy->net_ns, AF_INET, SOCK_STREAM, IPPROTO_MPTCP, &sock);
	if (r < 0)
		return r;
	r = kernel_connect(sock, (struct sockaddr *)&to, sizeof(to), 0);
	if (r == 0) {
		speaker = kthread_run(speak, NULL, "kernel-socket");
		r = PTR_ERR_OR_ZERO(speaker);
	}
	if (r < 0)
		sock_release(sock);
	return r;
}

static void __exit end(void)
{
	kthread_stop(speaker);
	sock_release(sock);
}

module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An MPTCP socket of the kernel's own");
