/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One netlink socket: requests that wait for their answer, or a stream that is read in slices. A
 * socket serves one of both ways, not both at a time.
 */
#ifndef KERNEL_SOCKET_H
#define KERNEL_SOCKET_H

#include <sys/socket.h>

#include "codec.h"

/* As much as the kernel puts into one message of a dump. */
#define SOCKET_BUFFER_SIZE 32768

struct socket {
	struct mnl_socket *mnl; /* NULL: closed */
	int fd;
	bool lossy; /* events were lost, and more may be until the kernel's queue is empty */
	uint32_t seq; /* of the last request */
	char text[CODEC_TEXT_SIZE]; /* the kernel's own words on the last failed request, or "" */
};

/* How a socket is read. */
enum socket_mode {
	SOCKET_REQUESTS, /* blocking: socket_request() */
	SOCKET_STREAM, /* non-blocking: socket_receive() */
};

/* `bus` is NETLINK_*. Returns 0 or -errno; a failed one needs no close. */
int socket_open(struct socket *socket, int bus, enum socket_mode mode);
/* Accepts a zeroed one. */
void socket_close(struct socket *socket);
/* As large a receive buffer as may be had, so that bursts of events fit. */
void socket_grow(struct socket *socket);
/*
 * Have dumps leave out what does not fit the header of the request, and requests that are not
 * understood refused. 0 or -errno.
 */
int socket_filter(struct socket *socket);
/* Join a multicast group. -EPERM: CAP_NET_ADMIN is missing. */
int socket_join(struct socket *socket, uint32_t group);

/* One message of an answer. Returns 0, or -errno, which the request then returns. */
typedef int socket_on_reply(void *data, const void *message, size_t size);

/*
 * Send a request and wait for its end, NLMSG_ERROR or NLMSG_DONE, or the one reply to what asks for
 * neither NLM_F_ACK nor a dump. Each message before that goes to
 * `on_reply`, which may be NULL. Returns 0, the kernel's -errno, -ETIMEDOUT if there is no answer,
 * or -EBADMSG.
 */
int socket_request(struct socket *socket, struct nlmsghdr *request, socket_on_reply *on_reply,
		   void *data);

/* Send requests, one behind the other, that have their numbers. 0 or -errno: none was sent. */
int socket_write(struct socket *socket, const void *requests, size_t size);
/* Send a request whose answers will be read by socket_receive(). 0 or -errno. */
int socket_send(struct socket *socket, struct nlmsghdr *request);
/*
 * Read one datagram of the kernel, without waiting on a stream. Returns its length, 0 if there is
 * none, -ENOBUFS if some were lost, -EMSGSIZE if it was too long and is lost, or another -errno.
 */
int socket_receive(struct socket *socket, char buffer[static SOCKET_BUFFER_SIZE]);

/* Datagrams that are read in one system call, none longer than this: events of mptcp_pm. */
#define SOCKET_BATCH 16
#define SOCKET_BATCH_SIZE 512

struct socket_batch {
	struct mmsghdr heads[SOCKET_BATCH];
	struct iovec parts[SOCKET_BATCH];
	struct sockaddr_nl senders[SOCKET_BATCH];
	_Alignas(struct nlmsghdr) char bytes[SOCKET_BATCH][SOCKET_BATCH_SIZE];
};

/* Once, before the first use. It is not to be moved after that. */
void socket_batch_init(struct socket_batch *batch);
/*
 * Read what is there, without waiting. Returns how many datagrams, 0 if there is none, or as of
 * socket_receive(). Fewer than SOCKET_BATCH: no more were there, or the next call has an error.
 */
int socket_receive_batch(struct socket *socket, struct socket_batch *batch);
/* The length of the i-th: 0 if it is not the kernel's, -EMSGSIZE as of socket_receive(). */
int socket_batch_length(const struct socket_batch *batch, size_t i);

/*
 * The messages of one datagram, one after the other: returns the next one and takes it from
 * `bytes` and `size`, or NULL at the end. What remains in `size` then was no message.
 */
const struct nlmsghdr *socket_next(const char **bytes, size_t *size);

#endif
