/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listen: one socket, for both families where no address was named. */
#include <errno.h>
#include <limits.h>
#include <netdb.h>

#include "lookup.h"
#include "order.h"
#include "private.h"

static int set_options(int fd, int family, const struct mptcp_listen_options *options, bool dual)
{
	int r = mptcp_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (r == 0 && options->flags & MPTCP_LISTEN_REUSE_PORT)
		r = mptcp_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0 && family == AF_INET6)
		r = mptcp_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual);
	return r ? r : mptcp_bind_interface(fd, options->interface);
}

static int listen_on(const struct address *address, const struct mptcp_listen_options *options,
		     bool dual)
{
	int flags = SOCK_CLOEXEC | (options->flags & MPTCP_LISTEN_NONBLOCK ? SOCK_NONBLOCK : 0);
	int fd = mptcp_open_socket(address->any.sa_family, flags,
				   options->flags & MPTCP_LISTEN_PLAIN);
	int r;

	if (fd < 0)
		return fd;
	r = set_options(fd, address->any.sa_family, options, dual);
	if (r == 0 && (bind(fd, &address->any, address->size) ||
		       listen(fd, options->backlog ? options->backlog : INT_MAX)))
		r = -errno;
	if (r == 0)
		return fd;
	mptcp_close_fd(fd);
	return r;
}

/* Is it an address, or a family, that this host does not have? */
static bool is_absent(int error)
{
	return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* On the first one that this host has; those of `family`, where that is not AF_UNSPEC, only. */
static int listen_on_one(const struct addrinfo *list, int family,
			 const struct mptcp_listen_options *options, bool dual)
{
	struct address addresses[MAX_ADDRESSES];
	size_t n = mptcp_order_addresses(list, family, addresses);
	int r = -EAFNOSUPPORT;

	for (size_t i = 0; i < n && is_absent(r); i++)
		r = listen_on(&addresses[i], options, dual);
	return r;
}

static int read_options(const struct mptcp_listen_options *given, struct mptcp_listen_options *ret)
{
	const unsigned int flags = MPTCP_LISTEN_NONBLOCK | MPTCP_LISTEN_NUMERIC |
				   MPTCP_LISTEN_PLAIN | MPTCP_LISTEN_REUSE_PORT;
	int r = mptcp_copy_options(given, ret, sizeof(*ret));

	if (r < 0)
		return r;
	if (ret->ret_lookup_error)
		*ret->ret_lookup_error = 0;
	return ret->flags & ~flags || ret->backlog < 0 ? -EINVAL : 0;
}

MPTCP_EXPORT int mptcp_listen(const char *host, const char *service,
			      const struct mptcp_listen_options *given)
{
	struct mptcp_listen_options options;
	struct lookup_request request = {.host = host, .service = service, .passive = true};
	struct lookup_result result;
	int saved = errno, r = read_options(given, &options);

	request.family = options.family;
	request.numeric = options.flags & MPTCP_LISTEN_NUMERIC;
	if (r == 0)
		r = mptcp_lookup_check(&request);
	if (r < 0)
		return r;
	mptcp_lookup_now(&request, true, &result);
	if (options.ret_lookup_error)
		*options.ret_lookup_error = result.code;
	if (result.error)
		return result.error;
	r = -EAFNOSUPPORT;
	if (!host && options.family == AF_UNSPEC)
		r = listen_on_one(result.list, AF_INET6, &options, true);
	if (is_absent(r))
		r = listen_on_one(result.list, AF_UNSPEC, &options, false);
	freeaddrinfo(result.list);
	errno = saved;
	return r;
}
