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
	uint32_t ifindex;
	unsigned int users; /* 0: adopted, and not asked for yet */
	int fd;
};

int listeners_init(struct listeners *listeners)
{
	*listeners = (struct listeners){.fd = epoll_create1(EPOLL_CLOEXEC)};
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

static struct listener **find(struct listeners *listeners, const struct mptcpd_addr *addr)
{
	struct listener **at = &listeners->list;

	while (*at && !addr_equal(&(*at)->addr, addr))
		at = &(*at)->next;
	return at;
}

static void take_out(struct listeners *listeners, struct listener **at)
{
	struct listener *listener = *at;

	*at = listener->next;
	if (listeners->on_listener)
		listeners->on_listener(listeners->data, listener->fd, &listener->addr, false);
	listener_free(listener);
}

/* Takes the descriptor, and closes it on failure. */
static int put_in(struct listeners *listeners, int fd, const struct mptcpd_addr *addr,
		  uint32_t ifindex, unsigned int users)
{
	/* Edge-triggered: when accept() fails for lack of descriptors, it must not spin. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
	struct listener *listener = calloc(1, sizeof(*listener));
	int r = listener ? 0 : -ENOMEM;

	if (r == 0 && epoll_ctl(listeners->fd, EPOLL_CTL_ADD, fd, &event) < 0)
		r = -errno;
	if (r < 0) {
		free(listener);
		close(fd);
		return r;
	}
	*listener = (struct listener){listeners->list, *addr, ifindex, users, fd};
	listeners->list = listener;
	return 0;
}

int listeners_add(struct listeners *listeners, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	struct listener **at = find(listeners, addr);
	int fd, r;

	if (!addr->port || (addr->family != AF_INET && addr->family != AF_INET6))
		return -EINVAL;
	if (*at && (*at)->users == 0 && (*at)->ifindex != ifindex)
		take_out(listeners, at); /* of an earlier life, and bound to another link */
	else if (*at) {
		(*at)->users++;
		return 0;
	}
	fd = open_socket(addr, ifindex);
	if (fd < 0)
		return fd;
	r = put_in(listeners, fd, addr, ifindex, 1);
	if (r == 0 && listeners->on_listener)
		listeners->on_listener(listeners->data, fd, addr, true);
	return r;
}

int listeners_remove(struct listeners *listeners, const struct mptcpd_addr *addr)
{
	struct listener **at = find(listeners, addr);

	if (!*at)
		return -ENOENT;
	if ((*at)->users <= 1)
		take_out(listeners, at);
	else
		(*at)->users--;
	return 0;
}

bool listeners_have(const struct listeners *listeners, const struct mptcpd_addr *addr,
		    uint32_t ifindex)
{
	const struct listener *listener = listeners->list;

	while (listener && !(addr_equal(&listener->addr, addr) && listener->ifindex == ifindex))
		listener = listener->next;
	return listener;
}

/* ---- sockets of an earlier life ---- */

static bool has_option(int fd, int option, int wanted)
{
	socklen_t size = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

static struct mptcpd_addr local_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
	} name = {0};
	socklen_t size = sizeof(name);

	if (getsockname(fd, &name.any, &size) == 0 && name.any.sa_family == AF_INET)
		return addr_v4(&name.ip4.sin_addr, ntohs(name.ip4.sin_port));
	if (name.any.sa_family == AF_INET6)
		return addr_v6(&name.ip6.sin6_addr, ntohs(name.ip6.sin6_port));
	return (struct mptcpd_addr){0};
}

int listeners_adopt(struct listeners *listeners, int fd)
{
	struct mptcpd_addr addr = local_of(fd);
	socklen_t size = sizeof(int);
	int ifindex = 0;

	if (!addr.family || !addr.port || !has_option(fd, SO_PROTOCOL, IPPROTO_MPTCP) ||
	    !has_option(fd, SO_ACCEPTCONN, 1) || *find(listeners, &addr) ||
	    getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, &size) < 0) {
		close(fd);
		return -EINVAL;
	}
	return put_in(listeners, fd, &addr, (uint32_t)ifindex, 0);
}

void listeners_close_unused(struct listeners *listeners)
{
	struct listener **at = &listeners->list;

	while (*at) {
		if ((*at)->users == 0)
			take_out(listeners, at);
		else
			at = &(*at)->next;
	}
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
