/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asker.h"

#include <ell/ell.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"

#define COOKIE_SIZE 16

/* An echo request or reply; the headers of both families begin alike. */
struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence; /* the kernel fills in and checks the first two */
	uint8_t cookie[COOKIE_SIZE]; /* nobody else knows it */
};

struct question {
	struct asker *asker;
	struct loop_source source; /* fd -1: none */
	struct mptcpd_addr target;
	uint8_t cookie[COOKIE_SIZE];
};

struct asker {
	struct loop *loop;
	void (*on_answer)(void *data, size_t slot, int result);
	void *data;
	struct question questions[PROBES_MAX];
};

struct asker *asker_new(struct loop *loop)
{
	struct asker *asker = l_new(struct asker, 1);

	asker->loop = loop;
	for (size_t i = 0; i < PROBES_MAX; i++) {
		asker->questions[i].asker = asker;
		asker->questions[i].source.fd = -1;
	}
	return asker;
}

void asker_free(struct asker *asker)
{
	for (size_t i = 0; asker && i < PROBES_MAX; i++)
		asker_stop(asker, i);
	l_free(asker);
}

void asker_set_reader(struct asker *asker, void (*on_answer)(void *data, size_t slot, int result),
		      void *data)
{
	asker->on_answer = on_answer;
	asker->data = data;
}

void asker_stop(struct asker *asker, size_t slot)
{
	struct question *question = &asker->questions[slot];

	if (question->source.fd < 0)
		return;
	loop_unwatch(&question->source);
	close(question->source.fd);
	question->source.fd = -1;
}

static void answer(struct question *question, int result)
{
	struct asker *asker = question->asker;
	size_t slot = (size_t)(question - asker->questions);

	asker_stop(asker, slot);
	asker->on_answer(asker->data, slot, result);
}

static socklen_t fill(const struct mptcpd_addr *addr, uint32_t ifindex,
		      struct sockaddr_storage *ret_storage)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret_storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_storage;

	memset(ret_storage, 0, sizeof(*ret_storage));
	ret_storage->ss_family = addr->family;
	if (addr->family == AF_INET) {
		v4->sin_port = htons(addr->port);
		memcpy(&v4->sin_addr, addr->ip, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	v6->sin6_port = htons(addr->port);
	memcpy(&v6->sin6_addr, addr->ip, sizeof(v6->sin6_addr));
	if (mptcpd_addr_is_link_local(addr))
		v6->sin6_scope_id = ifindex;
	return sizeof(*v6);
}

/* ---- ICMP ---- */

static uint8_t request_type(const struct mptcpd_addr *target)
{
	return target->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
}

static uint8_t reply_type(const struct mptcpd_addr *target)
{
	return target->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
}

static bool is_reply(const struct question *question, const struct echo *echo, size_t size)
{
	return size == sizeof(*echo) && echo->type == reply_type(&question->target) &&
	       memcmp(echo->cookie, question->cookie, COOKIE_SIZE) == 0;
}

static void on_echo(void *data, int fd, uint32_t events)
{
	struct question *question = data;
	struct echo echo;
	ssize_t n = recv(fd, &echo, sizeof(echo), MSG_DONTWAIT | MSG_TRUNC);

	if (n >= 0 && is_reply(question, &echo, (size_t)n))
		answer(question, 0);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		answer(question, -errno);
}

static int send_echo(struct question *question, int fd, const struct sockaddr *target,
		     socklen_t size)
{
	struct echo echo = {.type = request_type(&question->target), .sequence = htons(1)};

	if (!l_getrandom(question->cookie, COOKIE_SIZE))
		return -EAGAIN;
	memcpy(echo.cookie, question->cookie, COOKIE_SIZE);
	return sendto(fd, &echo, sizeof(echo), 0, target, size) < 0 ? -errno : 0;
}

/* ---- TCP ---- */

static void on_connected(void *data, int fd, uint32_t events)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	answer(data, error == ECONNREFUSED ? 0 : -error);
}

static int begin_connection(int fd, const struct sockaddr *target, socklen_t size)
{
	/* Closing resets: the other side is to keep nothing. */
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return connect(fd, target, size) < 0 && errno != EINPROGRESS ? -errno : 0;
}

/* ---- both ---- */

static int open_socket(const struct mptcpd_addr *target)
{
	bool tcp = target->port;
	int protocol = tcp			   ? IPPROTO_TCP
		       : target->family == AF_INET ? IPPROTO_ICMP
						   : IPPROTO_ICMPV6;

	return socket(target->family,
		      (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int ask(struct question *question, const struct probe_link *link)
{
	const struct mptcpd_addr local = addr_host(&link->local);
	int ifindex = (int)link->ifindex, fd = question->source.fd, r;
	struct sockaddr_storage storage;
	socklen_t size = fill(&local, link->ifindex, &storage);

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex)) < 0 ||
	    bind(fd, (struct sockaddr *)&storage, size) < 0)
		return -errno;
	size = fill(&question->target, link->ifindex, &storage);
	r = question->target.port ? begin_connection(fd, (struct sockaddr *)&storage, size)
				  : send_echo(question, fd, (struct sockaddr *)&storage, size);
	if (r < 0)
		return r;
	return loop_watch(question->asker->loop, &question->source, LOOP_REST,
			  question->target.port ? EPOLLOUT : EPOLLIN);
}

int asker_ask(struct asker *asker, size_t slot, const struct probe_link *link,
	      const struct mptcpd_addr *target)
{
	struct question *question = &asker->questions[slot];
	int r;

	question->target = *target;
	question->source = (struct loop_source){
		.on_ready = target->port ? on_connected : on_echo,
		.data = question,
		.fd = open_socket(target),
	};
	if (question->source.fd < 0)
		return -errno;
	r = ask(question, link);
	if (r < 0)
		asker_stop(asker, slot);
	return r;
}

bool asker_can_ping(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != EACCES;
}
