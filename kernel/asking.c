/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asking.h"

#include <string.h>

#include "hot.h"

int asking_open(struct asking *asking, void (*on_refused)(void *data, int number), void *data)
{
	asking->on_refused = on_refused;
	asking->data = data;
	asking->size = 0;
	return socket_open(&asking->socket, NETLINK_GENERIC, SOCKET_STREAM);
}

void asking_prepare(struct nlmsghdr *command, struct prepared *ret_command)
{
	_Static_assert(sizeof(ret_command->bytes) >= CODEC_CREATE_SIZE, "the longest one fits");
	command->nlmsg_flags &= (uint16_t)~NLM_F_ACK; /* only a refusal is answered */
	memcpy(ret_command->bytes, command, NLMSG_ALIGN(command->nlmsg_len));
}

HOT int asking_add(struct asking *asking, uint32_t token, const struct prepared *prepared)
{
	const struct nlmsghdr *ready = (const void *)prepared->bytes;
	size_t size = NLMSG_ALIGN(ready->nlmsg_len);
	struct socket *socket = &asking->socket;
	struct nlmsghdr *command;

	if (asking->size + size > ASKING_SIZE)
		asking_send(asking);
	command = (void *)(asking->queue + asking->size);
	memcpy(command, ready, sizeof(prepared->bytes)); /* a size that is known needs no call */
	socket->seq = socket->seq < INT32_MAX ? socket->seq + 1 : 1;
	command->nlmsg_seq = socket->seq;
	codec_set_token(command, token);
	if (asking->size == 0)
		asking->first = socket->seq;
	asking->size += size;
	return (int)socket->seq;
}

HOT void asking_send(struct asking *asking)
{
	if (asking->size == 0)
		return;
	if (socket_write(&asking->socket, asking->queue, asking->size) < 0)
		for (uint32_t number = asking->first; number <= asking->socket.seq; number++)
			asking->on_refused(asking->data, (int)number);
	asking->size = 0;
}

static void read_refusals(struct asking *asking, const char *bytes, size_t size)
{
	const struct nlmsghdr *nlh;

	while ((nlh = socket_next(&bytes, &size)))
		if (nlh->nlmsg_type == NLMSG_ERROR)
			asking->on_refused(asking->data, (int)nlh->nlmsg_seq);
}

int asking_dispatch(struct asking *asking, struct socket_batch *batch)
{
	int n = socket_receive_batch(&asking->socket, batch);

	for (int i = 0; i < n; i++) {
		int size = socket_batch_length(batch, (size_t)i);

		if (size > 0)
			read_refusals(asking, batch->bytes[i], (size_t)size);
	}
	return n;
}
