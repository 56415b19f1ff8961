/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attempt.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "lookup.h"
#include "private.h"

enum { KEEPALIVE_PROBES = 4, LONGEST_KEEPALIVE_S = 32767 /* of the kernel */ };

static int read_local(const char *text, struct address *ret)
{
	struct lookup_request request = {.host = text,
					 .service = "0",
					 .numeric = true,
					 .passive = true};
	struct lookup_result result;
	int r = mptcp_lookup_check(&request);

	if (r < 0)
		return r;
	mptcp_lookup_now(&request, true, &result);
	if (result.error)
		return result.error == -ENOENT ? -EADDRNOTAVAIL : result.error;
	mptcp_order_addresses(result.list, AF_UNSPEC, ret);
	freeaddrinfo(result.list);
	return 0;
}

int mptcp_attempt_request(const struct mptcp_dial_options *options, struct attempt_request *ret)
{
	const char *interface = options->interface;

	*ret = (struct attempt_request){.plain = options->flags & MPTCP_DIAL_PLAIN,
					.keepalive_s = options->keepalive_s};
	if (options->keepalive_s < 0 || options->keepalive_s > LONGEST_KEEPALIVE_S)
		return -EINVAL;
	if (interface) {
		if (!*interface || strlen(interface) >= sizeof(ret->interface))
			return -ENODEV;
		strcpy(ret->interface, interface);
	}
	return options->local_address ? read_local(options->local_address, &ret->local) : 0;
}

/* As far as the kernel can: SO_KEEPALIVE it always can. */
static int keep_alive(int fd, int seconds)
{
	int every = seconds / 4 ? seconds / 4 : 1;

	mptcp_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
	mptcp_set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, every);
	mptcp_set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	return mptcp_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static int prepare(int fd, const struct attempt_request *request)
{
	int r = request->keepalive_s ? keep_alive(fd, request->keepalive_s) : 0;

	if (r == 0 && request->interface[0])
		r = mptcp_bind_interface(fd, request->interface);
	if (r == 0 && request->local.size) {
		/* The port is chosen by connect() then, of all that are free towards that peer. */
		mptcp_set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		if (bind(fd, &request->local.any, request->local.size))
			r = -errno;
	}
	return r;
}

int mptcp_attempt_start(const struct attempt_request *request, const struct address *address,
			bool plain)
{
	int fd = mptcp_open_socket(address->any.sa_family, SOCK_CLOEXEC | SOCK_NONBLOCK, plain);
	int r;

	if (fd < 0)
		return fd;
	r = prepare(fd, request);
	if (r == 0 && connect(fd, &address->any, address->size) && errno != EINPROGRESS)
		r = -errno;
	if (r == 0)
		return fd;
	mptcp_close_fd(fd);
	return r;
}

/* TCP connects to itself where a free port of this host, to which it is to connect, is the one that it
 * is given: nobody listens there. */
static bool is_itself(int fd, const struct sockaddr_storage *peer)
{
	struct sockaddr_storage local = {0};
	socklen_t size = sizeof(local);

	return getsockname(fd, (struct sockaddr *)&local, &size) == 0 &&
	       memcmp(&local, peer, sizeof(local)) == 0;
}

int mptcp_attempt_result(int fd, int events)
{
	struct sockaddr_storage peer = {0};
	int error = 0;
	socklen_t size = sizeof(error);

	if (!events)
		return -EINPROGRESS;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
		return -errno;
	if (error)
		return -error;
	size = sizeof(peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
		return is_itself(fd, &peer) ? -ECONNREFUSED : 0;
	if (errno != ENOTCONN)
		return -errno;
	return events & (POLLERR | POLLHUP) ? -ECONNABORTED : -EINPROGRESS;
}
