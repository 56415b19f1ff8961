/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes that come in on a D-Bus connection, before sd-bus sees them. sd-bus takes what a header
 * claims: up to 128 MiB a message, descriptors too, and waits for the last byte as long as one
 * likes. So we read in front of it: whole messages of bounded size reach it, through a socket pair,
 * and no descriptor is ever received. What the broker hands on is read ahead of that, so that each
 * program that calls has its turn, whatever others have sent before it.
 */
#ifndef DAEMON_BUS_INTAKE_H
#define DAEMON_BUS_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backlog.h"

/* The largest message, and the longest handshake, in bytes. */
#define INTAKE_MAX 8192
/* How long a handshake may take, and a message from its first byte to its last. */
#define INTAKE_MS 5000

enum intake_state {
	INTAKE_HANDSHAKE, /* lines of text */
	INTAKE_MESSAGES,
	INTAKE_ENDED, /* the other side has closed its end, and sd-bus has been told */
};

struct intake {
	int fd; /* the connection, owned; nobody else reads from it */
	int feed; /* our end of the pair, owned */
	bool to_broker; /* we are the client: what is too long is cut or left out, not the end */
	bool is_cut; /* the message fed last was too much and has lost its body */
	enum intake_state state;
	uint64_t deadline_ms; /* of what has begun; UINT64_MAX: nothing has */
	size_t handshake; /* bytes of it so far */
	uint64_t skip; /* bytes to leave out */
	size_t fed; /* bytes of the message fed last */
	struct backlog backlog; /* calls over the system bus */
	size_t start, end; /* of what is in the buffer */
	uint8_t buffer[INTAKE_MAX];
};

/* Takes over `fd`. `ret_input` is the end of the pair for sd-bus to read from, the caller's. */
int intake_init(struct intake *intake, int fd, bool to_broker, uint64_t now_ms, int *ret_input);
/* Accepts one that is all zero but for its descriptors, which are -1. */
void intake_done(struct intake *intake);

/*
 * Feed sd-bus the next line or message, or the end, if it is here as a whole. Only when sd-bus has
 * read all it was fed before. 1: fed; 0: there is none; or -errno: the connection is to be closed.
 */
int intake_feed(struct intake *intake, uint64_t now_ms);

/*
 * How long the message at these bytes is by its header, and that without its body. 0: there is not
 * enough to tell; -EBADMSG: it is no message.
 */
int intake_measure(const uint8_t *bytes, size_t size, uint64_t *ret_size, uint64_t *ret_bare);

#endif
