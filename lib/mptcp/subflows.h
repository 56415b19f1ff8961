/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The subflows of a connection as the kernel lists them: bytes, in arrays of its own strides. */
#ifndef LIB_MPTCP_SUBFLOWS_H
#define LIB_MPTCP_SUBFLOWS_H

#include <stddef.h>
#include <stdint.h>

#include "figures.h"

/* An address pair is two sockaddr_storage, local and remote; an id may stand before them, with padding as
 * kernels of 64 bits have it. */
enum { PAIR_BYTES = 256, ID_BYTES = 8, ID_BYTES_32 = 4 };

struct subflows {
	size_t n;
	size_t id_bytes; /* 0: there are no ids */
	unsigned char *pairs; /* owned; n of pair_stride, each with id_bytes before it */
	size_t pair_stride;
	unsigned char *tcp; /* owned; n of tcp_stride */
	size_t tcp_stride;
	size_t info_size; /* of the connection's figures */
	unsigned char info[INFO_BYTES];
};

/* All of one moment, Linux 6.5. 0, -errno; -EOPNOTSUPP or -ENOPROTOOPT: an older kernel, or no MPTCP. */
int mptcp_subflows_read(int fd, struct subflows *ret);
/* The same by three options, that any kernel has since 5.16. -EAGAIN: no two looks agreed. */
int mptcp_subflows_read_apart(int fd, struct subflows *ret);
/* Free what it owns; of a zeroed one too. */
void mptcp_subflows_done(struct subflows *subflows);

#endif
