/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>

#include "socket.h"
#include "hot.h"

/* The kernel answers within its system call; this is for one that forgets to. */
#define ANSWER_TIMEOUT_S 5
/* Room for tens of thousands of events. */
#define RECEIVE_BUFFER_SIZE (8 * 1024 * 1024)

static int set_timeout(int fd)
{
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

int socket_open(struct socket *socket, int bus, enum socket_mode mode)
{
	int on = 1;

	*socket = (struct socket){.fd = -1};
	socket->mnl =
		mnl_socket_open2(bus, SOCK_CLOEXEC | (mode == SOCKET_STREAM ? SOCK_NONBLOCK : 0));
	if (!socket->mnl)
		return -errno;
	socket->fd = mnl_socket_get_fd(socket->mnl);
	/* Comforts, since Linux 4.12 and 4.3: without them errors have no words. */
	(void)mnl_socket_setsockopt(socket->mnl, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(socket->mnl, NETLINK_CAP_ACK, &on, sizeof(on));
	/* Generic netlink delivers no events to a socket that joined before it was bound. */
	if (mnl_socket_bind(socket->mnl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    (mode == SOCKET_REQUESTS && set_timeout(socket->fd) < 0)) {
		int r = -errno;

		socket_close(socket);
		return r;
	}
	return 0;
}

void socket_close(struct socket *socket)
{
	if (!socket->mnl)
		return;
	mnl_socket_close(socket->mnl);
	socket->mnl = NULL;
	socket->fd = -1;
}

void socket_grow(struct socket *socket)
{
	int size = RECEIVE_BUFFER_SIZE;

	/* FORCE needs privilege in the initial user namespace; the other stops at rmem_max. */
	if (setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

int socket_join(struct socket *socket, uint32_t group)
{
	if (mnl_socket_setsockopt(socket->mnl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	return 0;
}

int socket_filter(struct socket *socket)
{
	int on = 1;

	return setsockopt(socket->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0
		       ? -errno
		       : 0;
}

HOT int socket_write(struct socket *socket, const void *requests, size_t size)
{
	return send(socket->fd, requests, size, 0) < 0 ? -errno : 0;
}

int socket_send(struct socket *socket, struct nlmsghdr *request)
{
	request->nlmsg_seq = ++socket->seq;
	return socket_write(socket, request, request->nlmsg_len);
}

/* Other processes can send to netlink sockets too. */
HOT static bool is_kernel(const struct msghdr *message)
{
	const struct sockaddr_nl *sender = message->msg_name;

	return message->msg_namelen == sizeof(*sender) && sender->nl_pid == 0;
}

int socket_receive(struct socket *socket, char buffer[static SOCKET_BUFFER_SIZE])
{
	struct sockaddr_nl sender;
	struct iovec iov = {.iov_base = buffer, .iov_len = SOCKET_BUFFER_SIZE};
	struct msghdr message = {.msg_name = &sender, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		message.msg_namelen = sizeof(sender);
		n = recvmsg(socket->fd, &message, 0);
		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
	} while (n < 0 || !is_kernel(&message));
	if (message.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return (int)n;
}

void socket_batch_init(struct socket_batch *batch)
{
	for (size_t i = 0; i < SOCKET_BATCH; i++) {
		batch->parts[i] = (struct iovec){batch->bytes[i], SOCKET_BATCH_SIZE};
		batch->heads[i].msg_hdr = (struct msghdr){.msg_name = &batch->senders[i],
							  .msg_namelen = sizeof(batch->senders[i]),
							  .msg_iov = &batch->parts[i],
							  .msg_iovlen = 1};
	}
}

HOT int socket_receive_batch(struct socket *socket, struct socket_batch *batch)
{
	int n;

	do
		n = recvmmsg(socket->fd, batch->heads, SOCKET_BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

HOT int socket_batch_length(const struct socket_batch *batch, size_t i)
{
	const struct mmsghdr *head = &batch->heads[i];

	if (!is_kernel(&head->msg_hdr))
		return 0;
	return head->msg_hdr.msg_flags & MSG_TRUNC ? -EMSGSIZE : (int)head->msg_len;
}

const struct nlmsghdr *socket_next(const char **bytes, size_t *size)
{
	const struct nlmsghdr *nlh = (const void *)*bytes;
	size_t step;

	if (*size < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > *size)
		return NULL;
	step = NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	if (step > *size)
		step = *size;
	*bytes += step;
	*size -= step;
	return nlh;
}

/* Where a request stands. */
struct answer {
	socket_on_reply *on_reply;
	void *data;
	int result; /* the first error of on_reply, or the kernel's */
	bool alone; /* nothing follows the reply */
	bool ended;
};

static int read_answer(struct socket *socket, const char *bytes, size_t size, struct answer *answer)
{
	const struct nlmsghdr *nlh;
	int r;

	while ((nlh = socket_next(&bytes, &size))) {
		/* Left over from a request that timed out. */
		if (nlh->nlmsg_seq != socket->seq)
			continue;
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
			answer->ended = true;
			if (codec_ack(nlh, nlh->nlmsg_len, &r, socket->text) < 0)
				r = -EBADMSG;
		} else {
			r = answer->on_reply ? answer->on_reply(answer->data, nlh, nlh->nlmsg_len)
					     : 0;
			answer->ended |= answer->alone;
		}
		if (r < 0 && answer->result == 0)
			answer->result = r;
	}
	return size == 0 ? 0 : -EBADMSG;
}

int socket_request(struct socket *socket, struct nlmsghdr *request, socket_on_reply *on_reply,
		   void *data)
{
	_Alignas(struct nlmsghdr) char buffer[SOCKET_BUFFER_SIZE];
	struct answer answer = {.on_reply = on_reply,
				.data = data,
				.alone = !(request->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP))};
	int r = socket_send(socket, request);

	socket->text[0] = '\0';
	/* A dump is read to its end even after an error: the kernel runs one at a time. */
	while (r >= 0 && !answer.ended) {
		r = socket_receive(socket, buffer);
		if (r == 0)
			return -ETIMEDOUT;
		if (r > 0)
			r = read_answer(socket, buffer, (size_t)r, &answer);
	}
	return r < 0 ? r : answer.result;
}
