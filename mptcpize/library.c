/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library that mptcpize preloads: socket() makes MPTCP of what would be TCP, and TCP where the
 * kernel makes no MPTCP. It may be called from a signal handler, takes no memory and no lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tcp.h"

static struct keepalive keepalive;

/* Once, while nobody can change the environment: what reads it later may meet a setenv(). */
__attribute__((constructor)) static void read_keepalive(void)
{
	const char *text = getenv(KEEPALIVE_VARIABLE);
	struct keepalive found = {0};

	if (text && keepalive_parse(text, &found))
		keepalive = found;
}

/*
 * What a program preloads itself comes before, and calls this: so no other socket() is left out by
 * asking the kernel at once. Whatever MPTCP fails with, the answer is the one for TCP.
 */
__attribute__((visibility("default"))) int socket(int family, int type, int protocol)
{
	int before = errno;

	if (is_tcp(family, type, protocol)) {
		int fd = (int)syscall(SYS_socket, family, type, IPPROTO_MPTCP);

		if (fd >= 0)
			keepalive_set(fd, &keepalive);
		errno = before;
		if (fd >= 0)
			return fd;
	}
	return (int)syscall(SYS_socket, family, type, protocol);
}
