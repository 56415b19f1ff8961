/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events of many connections that are told of together. Who looks at them every few milliseconds finds
 * the end of a connection that lived shorter beside its beginning, and asks for no subflow of it.
 */
#ifndef KERNEL_CROWD_H
#define KERNEL_CROWD_H

#include <stdbool.h>

#include "socket.h"

#define CROWD_MAX 256 /* datagrams */

/* Marks of tokens; where two have one mark, both count as ended. */
#define CROWD_MARKS 1024

struct crowd {
	char *bytes; /* SOCKET_BUFFER_SIZE of them */
	size_t n;
	uint16_t ends[CROWD_MAX]; /* of the datagrams, one behind the other */
	uint8_t ended[CROWD_MARKS / 8];
};

/* Is there room for another batch? */
bool crowd_has_room(const struct crowd *crowd);
/* Add what was read. Returns whether all of it was whole. */
bool crowd_add(struct crowd *crowd, const struct socket_batch *batch, size_t n);
const char *crowd_get(const struct crowd *crowd, size_t i, size_t *ret_size);
/* May it be that the end of this connection is among what was added? */
bool crowd_has_ended(const struct crowd *crowd, uint32_t token);

#endif
