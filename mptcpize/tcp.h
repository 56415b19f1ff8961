/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which sockets are made MPTCP, and their keepalive. The preloaded library and mptcpize share it. */
#ifndef MPTCPIZE_TCP_H
#define MPTCPIZE_TCP_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define KEEPALIVE_VARIABLE "MPTCPIZE_KEEPALIVE"
/* What the kernel takes, of times in seconds and of probes. */
#define KEEPALIVE_TIME_MAX 32767
#define KEEPALIVE_COUNT_MAX 127

/* When an idle connection is probed, in seconds. `idle` 0: it is left to the program. */
struct keepalive {
	int idle, interval, count;
};

/* A stream over IPv4 or IPv6 that asks for TCP, or for what is usual, which is TCP. */
static inline bool is_tcp(int family, int type, int protocol)
{
	return (family == AF_INET || family == AF_INET6) &&
	       (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM &&
	       (protocol == 0 || protocol == IPPROTO_TCP);
}

/* "IDLE", "IDLE,INTERVAL" or "IDLE,INTERVAL,COUNT"; what is not said stays. */
static inline bool keepalive_parse(const char *text, struct keepalive *keepalive)
{
	int *const values[] = {&keepalive->idle, &keepalive->interval, &keepalive->count};

	for (size_t i = 0; i < 3; i++) {
		int value = 0, most = i < 2 ? KEEPALIVE_TIME_MAX : KEEPALIVE_COUNT_MAX;

		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++) {
			value = value * 10 + (*text - '0');
			if (value > most)
				return false;
		}
		if (value == 0)
			return false;
		*values[i] = value;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
	return false;
}

/* An older kernel (6.1) knows the first of these alone; then the host's times count. */
static inline void keepalive_set(int fd, const struct keepalive *keepalive)
{
	if (!keepalive->idle)
		return;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive->idle, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keepalive->interval, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &keepalive->count, sizeof(int));
}

#endif
