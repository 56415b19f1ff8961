/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>

#include "socket.h"

struct sockets {
	struct sockets_entry *list; /* owned */
	size_t n, room;
};

static int add(struct sockets *sockets, const struct codec_socket *socket)
{
	struct sockets_entry *list = sockets->list;

	if (socket->inode == 0)
		return 0;
	if (sockets->n == sockets->room) {
		size_t room = sockets->room ? sockets->room * 2 : 64;

		list = reallocarray(list, room, sizeof(*list));
		if (!list)
			return -ENOMEM;
		sockets->list = list;
		sockets->room = room;
	}
	list[sockets->n++] = (struct sockets_entry){
		.inode = socket->inode,
		.speech = !socket->is_mptcp	? SOCKETS_TCP
			  : socket->fallen_back ? SOCKETS_FALLEN_BACK
						: SOCKETS_MPTCP,
		.listens = socket->listens,
		.local = socket->local,
		.remote = socket->remote,
	};
	return 0;
}

static int on_tcp(void *data, const void *message, size_t size)
{
	struct codec_socket socket;
	int r = codec_diag_tcp_socket(message, size, &socket);

	return r == 0 ? add(data, &socket) : r < 0 ? r : 0;
}

static int on_mptcp(void *data, const void *message, size_t size)
{
	struct codec_socket socket;
	int r = codec_diag_mptcp_socket(message, size, &socket);

	return r == 0 ? add(data, &socket) : r < 0 ? r : 0;
}

static int dump(struct socket *socket, uint32_t states, struct sockets *mptcp, struct sockets *tcp)
{
	union codec_command command;
	int r;

	/* One that connects meanwhile is then in the second dump at least. */
	r = socket_request(socket, codec_get_sockets(&command, states), on_tcp, tcp);
	if (r < 0)
		return r;
	r = socket_request(socket, codec_get_connections(&command, states), on_mptcp, mptcp);
	return r == -ENOENT ? 0 : r;
}

static int compare(const void *a, const void *b)
{
	const struct sockets_entry *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* Of each inode the first one, of those in order; a connection comes before its subflows. */
static size_t join(struct sockets_entry *list, const struct sockets *mptcp,
		   const struct sockets *tcp)
{
	size_t i = 0, j = 0, n = 0;

	while (i < mptcp->n || j < tcp->n) {
		const struct sockets_entry *next;

		if (j == tcp->n || (i < mptcp->n && mptcp->list[i].inode <= tcp->list[j].inode))
			next = &mptcp->list[i++];
		else
			next = &tcp->list[j++];
		if (n == 0 || list[n - 1].inode != next->inode)
			list[n++] = *next;
	}
	return n;
}

static int list(uint32_t states, struct sockets_entry **ret_list, size_t *ret_n)
{
	struct sockets mptcp = {0}, tcp = {0};
	struct sockets_entry *all = NULL;
	struct socket socket;
	int r = socket_open(&socket, NETLINK_SOCK_DIAG, SOCKET_REQUESTS);

	if (r < 0)
		return r;
	r = dump(&socket, states, &mptcp, &tcp);
	socket_close(&socket);
	if (r >= 0) {
		if (mptcp.n)
			qsort(mptcp.list, mptcp.n, sizeof(*mptcp.list), compare);
		if (tcp.n)
			qsort(tcp.list, tcp.n, sizeof(*tcp.list), compare);
		all = calloc(mptcp.n + tcp.n + 1, sizeof(*all));
		r = all ? 0 : -ENOMEM;
	}
	if (r == 0) {
		*ret_n = join(all, &mptcp, &tcp);
		*ret_list = all;
	}
	free(mptcp.list);
	free(tcp.list);
	return r;
}

int sockets_list(struct sockets_entry **ret_list, size_t *ret_n)
{
	return list(CODEC_OPEN, ret_list, ret_n);
}

int sockets_list_listening(struct sockets_entry **ret_list, size_t *ret_n)
{
	return list(CODEC_LISTEN, ret_list, ret_n);
}
