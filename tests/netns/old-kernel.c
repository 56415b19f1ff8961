/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To be preloaded: the kernel as it is elsewhere. SOCKET_ERROR=N: socket() of MPTCP fails with that
 * errno. NO_IPV6=1: no IPv6 at all. OPTIONS=N: options of the MPTCP level above N are not known. COUNT=1: how often an MPTCP
 * socket was asked for is said at the end, on stderr.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static atomic_int count;

EXPORT int socket(int family, int type, int protocol)
{
	const char *error = getenv("SOCKET_ERROR");

	if (family == AF_INET6 && getenv("NO_IPV6")) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (protocol != 262)
		return (int)syscall(SYS_socket, family, type, protocol);
	atomic_fetch_add(&count, 1);
	if (!error)
		return (int)syscall(SYS_socket, family, type, protocol);
	errno = atoi(error);
	return -1;
}

EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	const char *most = getenv("OPTIONS");

	if (level != 284 || !most || option <= atoi(most))
		return (int)syscall(SYS_getsockopt, fd, level, option, value, size);
	errno = EOPNOTSUPP;
	return -1;
}

__attribute__((destructor)) static void tell(void)
{
	if (getenv("COUNT"))
		fprintf(stderr, "asked %d\n", count);
}
