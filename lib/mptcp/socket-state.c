/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which protocol a socket speaks. A socket made as MPTCP stays one for SO_PROTOCOL when its connection
 * falls back; then the kernel hands options of the MPTCP level down to TCP, which knows none: that
 * is EOPNOTSUPP of an IPv4 subflow (of an IPv6 socket too, where the peer is ::ffff:…), ENOPROTOOPT of
 * an IPv6 one. Where the subflow of a fallen connection has gone, a flag of MPTCP_INFO says it.
 * TCP_IS_MPTCP of later kernels says no more than that.
 */
#include "socket-state.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "private.h"

/* An integer of SOL_SOCKET: it, or -errno. */
static int get_option(int fd, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) ? -errno : value;
}

/* Linux before 5.16 has no MPTCP_INFO, and answers always as if the connection had fallen back. A
 * socket of MPTCP that is new tells. */
static bool kernel_tells(void)
{
	int features = mptcp_features();

	return features <= 0 || features & MPTCP_FEATURE_INFO;
}

static int mptcp_state(int fd)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	unsigned char info[48]; /* as much as all kernels have */
	uint32_t flags;

	/* Neither connecting, nor closed, nor listening sockets have a peer. */
	if (getpeername(fd, (struct sockaddr *)&peer, &size))
		return errno == ENOTCONN ? SOCKET_STATE_IDLE : -errno;
	size = sizeof(info);
	if (getsockopt(fd, LEVEL_MPTCP, OPTION_INFO, info, &size)) {
		if (errno != EOPNOTSUPP && errno != ENOPROTOOPT)
			return -errno;
		return kernel_tells() ? SOCKET_STATE_FALLEN_BACK : -EOPNOTSUPP;
	}
	memcpy(&flags, info + 8, sizeof(flags)); /* mptcpi_flags */
	return flags & INFO_FLAG_FALLBACK ? SOCKET_STATE_FALLEN_BACK : SOCKET_STATE_MPTCP;
}

int mptcp_socket_state(int fd)
{
	int saved = errno, state = get_option(fd, SO_PROTOCOL), family = get_option(fd, SO_DOMAIN);

	if (state == PROTOCOL_MPTCP)
		state = mptcp_state(fd);
	else if (state >= 0)
		state = state == IPPROTO_TCP && get_option(fd, SO_TYPE) == SOCK_STREAM &&
					(family == AF_INET || family == AF_INET6)
				? SOCKET_STATE_TCP
				: SOCKET_STATE_OTHER;
	errno = saved;
	return state;
}

MPTCP_EXPORT int mptcp_is_requested(int fd)
{
	int saved = errno, protocol = get_option(fd, SO_PROTOCOL);

	errno = saved;
	return protocol < 0 ? protocol : protocol == PROTOCOL_MPTCP;
}

MPTCP_EXPORT int mptcp_is_used(int fd)
{
	int state = mptcp_socket_state(fd);

	if (state == SOCKET_STATE_IDLE)
		return -ENOTCONN;
	return state < 0 ? state : state == SOCKET_STATE_MPTCP;
}

MPTCP_EXPORT int mptcp_has_fallen_back(int fd)
{
	int state = mptcp_socket_state(fd);

	if (state == SOCKET_STATE_IDLE)
		return -ENOTCONN;
	return state < 0 ? state : state == SOCKET_STATE_FALLEN_BACK;
}
