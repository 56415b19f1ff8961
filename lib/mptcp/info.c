/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of a connection, in one piece of memory: the structure, its subflows, and what TCP
 * says of each. TCP, and what has fallen back to it, is a connection of one subflow.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "private.h"
#include "socket-state.h"
#include "subflows.h"

/* The memory that struct mptcp_socket_info begins. */
struct result {
	struct mptcp_socket_info info;
	struct mptcp_socket_subflow subflows[];
};

static struct result *new_result(size_t n, size_t tcp_stride)
{
	size_t tcp = n * tcp_stride;
	struct result *result = calloc(1, sizeof(*result) + n * sizeof(result->subflows[0]) + tcp);
	unsigned char *at;

	if (!result)
		return NULL;
	at = (unsigned char *)&result->subflows[n];
	result->info.size = sizeof(result->info);
	result->info.n_subflows = n;
	result->info.subflows = n ? &result->subflows[0] : NULL;
	for (size_t i = 0; i < n; i++) {
		result->subflows[i].next = i + 1 < n ? &result->subflows[i + 1] : NULL;
		result->subflows[i].tcp_info = at + i * tcp_stride;
	}
	return result;
}

static void set_tcp(struct mptcp_socket_subflow *subflow, const void *bytes, size_t size)
{
	memcpy((void *)(uintptr_t)subflow->tcp_info, bytes, size);
	subflow->tcp_info_size = size;
	mptcp_read_tcp_figures(bytes, size, subflow);
}

/* Addresses of the socket itself; a closed one has none. 0 or -errno. */
static int get_names(int fd, struct sockaddr_storage *local, struct sockaddr_storage *remote)
{
	socklen_t size = sizeof(*local);

	memset(local, 0, sizeof(*local));
	memset(remote, 0, sizeof(*remote));
	if (getsockname(fd, (struct sockaddr *)local, &size))
		return -errno;
	size = sizeof(*remote);
	return getpeername(fd, (struct sockaddr *)remote, &size) ? -errno : 0;
}

/* Port and address; ::ffff:192.0.2.1 is 192.0.2.1, for a subflow of an IPv6 socket is of either. */
static bool is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	unsigned char bytes[2][18] = {{0}};
	const struct sockaddr_storage *both[] = {a, b};

	for (int i = 0; i < 2; i++) {
		struct sockaddr_in in;
		struct sockaddr_in6 in6;

		if (both[i]->ss_family == AF_INET) {
			memcpy(&in, both[i], sizeof(in));
			bytes[i][10] = bytes[i][11] = 0xff;
			memcpy(bytes[i] + 12, &in.sin_addr, 4);
			memcpy(bytes[i] + 16, &in.sin_port, 2);
		} else if (both[i]->ss_family == AF_INET6) {
			memcpy(&in6, both[i], sizeof(in6));
			memcpy(bytes[i], &in6.sin6_addr, 16);
			memcpy(bytes[i] + 16, &in6.sin6_port, 2);
		}
	}
	return memcmp(bytes[0], bytes[1], sizeof(bytes[0])) == 0;
}

static void set_subflow(const struct subflows *from, size_t i, struct mptcp_socket_subflow *ret)
{
	const unsigned char *pair = from->pairs + i * from->pair_stride;

	if (from->id_bytes) {
		memcpy(&ret->id, pair, sizeof(ret->id));
		ret->known |= MPTCP_KNOWN_ID;
		pair += from->id_bytes;
	}
	memcpy(&ret->local, pair, sizeof(ret->local));
	memcpy(&ret->remote, pair + sizeof(ret->local), sizeof(ret->remote));
	set_tcp(ret, from->tcp + i * from->tcp_stride, from->tcp_stride);
}

static int read_mptcp(int fd, struct result **ret)
{
	struct sockaddr_storage local, remote;
	struct subflows subflows = {0};
	struct result *result;
	int r = get_names(fd, &local, &remote);

	if (r == 0)
		r = mptcp_subflows_read(fd, &subflows);
	if (r == -EOPNOTSUPP || r == -ENOPROTOOPT)
		r = mptcp_subflows_read_apart(fd, &subflows);
	if (r < 0)
		return r;
	result = new_result(subflows.n, subflows.tcp_stride);
	if (result) {
		mptcp_read_figures(subflows.info, subflows.info_size, &result->info);
		for (size_t i = 0; i < subflows.n; i++) {
			struct mptcp_socket_subflow *subflow = &result->subflows[i];

			set_subflow(&subflows, i, subflow);
			if (is_same_address(&subflow->local, &local) &&
			    is_same_address(&subflow->remote, &remote))
				subflow->flags |= MPTCP_SUBFLOW_INITIAL;
		}
		result->info.used = true;
		*ret = result;
	}
	mptcp_subflows_done(&subflows);
	return result ? 0 : -ENOMEM;
}

static int read_tcp(int fd, bool fallen_back, struct result **ret)
{
	unsigned char bytes[TCP_BYTES];
	socklen_t size = sizeof(bytes);
	struct result *result = new_result(1, TCP_BYTES);
	struct mptcp_socket_subflow *subflow;
	int r;

	if (!result)
		return -ENOMEM;
	subflow = &result->subflows[0];
	subflow->flags = MPTCP_SUBFLOW_INITIAL;
	r = get_names(fd, &subflow->local, &subflow->remote);
	if (r < 0) {
		free(result);
		return r;
	}
	if (getsockopt(fd, IPPROTO_TCP, 11 /* TCP_INFO */, bytes, &size) == 0)
		set_tcp(subflow, bytes, size);
	result->info.fallen_back = fallen_back;
	*ret = result;
	return 0;
}

/* One look; the connection may fall back meanwhile, which the kernel says as in socket-state.c. */
static int read_once(int fd, struct result **ret)
{
	int state = mptcp_socket_state(fd);

	if (state < 0)
		return state;
	switch ((enum socket_state)state) {
	case SOCKET_STATE_OTHER:
		return -EOPNOTSUPP;
	case SOCKET_STATE_IDLE:
		return -ENOTCONN;
	case SOCKET_STATE_TCP:
	case SOCKET_STATE_FALLEN_BACK:
		return read_tcp(fd, state == SOCKET_STATE_FALLEN_BACK, ret);
	case SOCKET_STATE_MPTCP:
		break;
	}
	return read_mptcp(fd, ret);
}

MPTCP_EXPORT int mptcp_get_info(int fd, struct mptcp_socket_info **ret_info)
{
	struct result *result = NULL;
	int saved = errno, r = read_once(fd, &result);

	if (r == -ENOPROTOOPT || (r == -EOPNOTSUPP && mptcp_is_requested(fd) == 1))
		r = read_once(fd, &result);
	errno = saved;
	if (r == 0)
		*ret_info = &result->info;
	return r;
}

MPTCP_EXPORT void mptcp_info_free(struct mptcp_socket_info *info)
{
	free(info);
}
