/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "listener.h"

/* Only strangers ever wait in the queue. */
#define BACKLOG 16
/* How many of them are turned away at once. */
#define ACCEPT_MAX 64

struct listener {
	struct listener *next;
	struct mptcpd_addr addr;
	unsigned int users;
	int fd;
};

int listeners_init(struct listeners *listeners)
{
	listeners->list = NULL;
	listeners->fd = epoll_create1(EPOLL_CLOEXEC);
	return listeners->fd < 0 ? -errno : 0;
}

static void listener_free(struct listener *listener)
{
	close(listener->fd);
	free(listener);
}

void listeners_done(struct listeners *listeners)
{
	while (listeners->list) {
		struct listener *listener = listeners->list;

		listeners->list = listener->next;
		listener_free(listener);
	}
	if (listeners->fd >= 0)
		close(listeners->fd);
	listeners->fd = -1;
}

static int bind_to(int fd, const struct mptcpd_addr *addr)
{
	struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};

	if (addr->family == AF_INET) {
		memcpy(&ip4.sin_addr, addr->ip, sizeof(ip4.sin_addr));
		return bind(fd, (const struct sockaddr *)&ip4, sizeof(ip4));
	}
	memcpy(&ip6.sin6_addr, addr->ip, sizeof(ip6.sin6_addr));
	return bind(fd, (const struct sockaddr *)&ip6, sizeof(ip6));
}

static int open_socket(const struct mptcpd_addr *addr, uint32_t ifindex)
{
	int fd = socket(addr->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_MPTCP);
	int on = 1, index = (int)ifindex;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (addr->family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    (ifindex && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0) ||
	    bind_to(fd, addr) < 0 || listen(fd, BACKLOG) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

int listeners_add(struct listeners *listeners, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	/* Edge-triggered: when accept() fails for lack of descriptors, it must not spin. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct listener *listener;
	int r;

	if (!addr->port || (addr->family != AF_INET && addr->family != AF_INET6))
		return -EINVAL;
	for (listener = listeners->list; listener; listener = listener->next) {
		if (addr_equal(&listener->addr, addr)) {
			listener->users++;
			return 0;
		}
	}
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	listener->fd = r = open_socket(addr, ifindex);
	if (r < 0) {
		free(listener);
		return r;
	}
	event.data.fd = listener->fd;
	if (epoll_ctl(listeners->fd, EPOLL_CTL_ADD, listener->fd, &event) < 0) {
		r = -errno;
		listener_free(listener);
		return r;
	}
	listener->addr = *addr;
	listener->users = 1;
	listener->next = listeners->list;
	listeners->list = listener;
	return 0;
}

int listeners_remove(struct listeners *listeners, const struct mptcpd_addr *addr)
{
	for (struct listener **at = &listeners->list; *at; at = &(*at)->next) {
		struct listener *listener = *at;

		if (!addr_equal(&listener->addr, addr))
			continue;
		if (--listener->users == 0) {
			*at = listener->next;
			listener_free(listener);
		}
		return 0;
	}
	return -ENOENT;
}

void listeners_dispatch(struct listeners *listeners)
{
	struct epoll_event events[8];
	int n = epoll_wait(listeners->fd, events, sizeof(events) / sizeof(events[0]), 0);

	for (int i = 0; i < n; i++) {
		for (int accepted = 0; accepted < ACCEPT_MAX; accepted++) {
			int fd = accept4(events[i].data.fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd < 0)
				break;
			close(fd);
		}
	}
}
