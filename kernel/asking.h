/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that are sent without waiting for their answers: several in one system call, and only what
 * the kernel refuses is answered, on a socket that serves nothing else.
 */
#ifndef KERNEL_ASKING_H
#define KERNEL_ASKING_H

#include "socket.h"

/* 16 joins or 12 closings, of 50 us each: nobody is served until the kernel has done all. */
#define ASKING_SIZE 1536

struct asking {
	struct socket socket;
	void (*on_refused)(void *data, int number);
	void *data;
	size_t size; /* of the queue */
	uint32_t first; /* the number of the first in it */
	/* The last one is copied whole, however short it is. */
	_Alignas(struct nlmsghdr) char queue[ASKING_SIZE + sizeof(struct prepared)];
};

/* As of socket_open(). on_refused is told of each command that was refused, or could not be sent. */
int asking_open(struct asking *asking, void (*on_refused)(void *data, int number), void *data);
/* Make a command ready, for any connection. */
void asking_prepare(struct nlmsghdr *command, struct prepared *ret_command);
/* Queue it. Returns its number, which is more than 0. */
int asking_add(struct asking *asking, uint32_t token, const struct prepared *command);
/* Send what is queued. */
void asking_send(struct asking *asking);
/*
 * Read what was refused, up to a batch. How many were read, -ENOBUFS if some were lost, or another
 * -errno.
 */
int asking_dispatch(struct asking *asking, struct socket_batch *batch);

#endif
