/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets: MPTCP where there is any, else TCP; and what dial and listen do to them alike. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

int mptcp_copy_options(const void *options, void *ret, size_t size)
{
	const unsigned char *bytes = options;
	size_t given;

	memset(ret, 0, size);
	if (!options)
		return 0;
	memcpy(&given, options, sizeof(given));
	if (given < sizeof(given) || given > 4096)
		return -EINVAL;
	for (size_t i = size; i < given; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(ret, options, given < size ? given : size);
	return 0;
}

void mptcp_close_fd(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

/* socket(2) that returns what went wrong, and leaves errno alone. */
static int new_socket(int family, int flags, int protocol)
{
	int saved = errno, fd = socket(family, SOCK_STREAM | flags, protocol);

	if (fd < 0)
		fd = -errno;
	errno = saved;
	return fd;
}

/* No MPTCP for us, which says nothing of TCP. */
static bool is_refusal(int error)
{
	return error == -EPROTONOSUPPORT || error == -ENOPROTOOPT || error == -EINVAL ||
	       error == -EPERM || error == -EACCES || error == -ENOSYS;
}

int mptcp_open_socket(int family, int flags, bool plain)
{
	int fd = plain ? -EPROTONOSUPPORT : new_socket(family, flags, PROTOCOL_MPTCP);

	return is_refusal(fd) ? new_socket(family, flags, IPPROTO_TCP) : fd;
}

MPTCP_EXPORT int mptcp_socket(int family, int flags)
{
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	return mptcp_open_socket(family, flags, false);
}

int mptcp_set_option(int fd, int level, int option, int value)
{
	int saved = errno, r = setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;

	errno = saved;
	return r;
}

int mptcp_bind_interface(int fd, const char *interface)
{
	int saved = errno, r;

	if (!interface)
		return 0;
	if (!*interface || strlen(interface) >= IFNAMSIZ)
		return -ENODEV;
	r = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
		       (socklen_t)strlen(interface) + 1);
	r = r ? -errno : 0;
	errno = saved;
	return r;
}
