/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libmptcp share: the kernel's numbers that the C library's headers may lack. */
#ifndef LIB_MPTCP_PRIVATE_H
#define LIB_MPTCP_PRIVATE_H

#include <mptcp/socket.h>

#define MPTCP_EXPORT __attribute__((visibility("default")))

enum {
	PROTOCOL_MPTCP = 262, /* IPPROTO_MPTCP */
	LEVEL_MPTCP = 284, /* SOL_MPTCP */
	OPTION_INFO = 1, /* MPTCP_INFO, Linux 5.16 */
	OPTION_TCPINFO = 2, /* MPTCP_TCPINFO, 5.16 */
	OPTION_SUBFLOW_ADDRS = 3, /* MPTCP_SUBFLOW_ADDRS, 5.16 */
	OPTION_FULL_INFO = 4, /* MPTCP_FULL_INFO, 6.5 */
	INFO_FLAG_FALLBACK = 1, /* of mptcpi_flags */
};

/*
 * Copy options of the caller's, of the size it knows, into `ret`, of the size that we know: what it
 * does not know is zero, what we do not know has to be. NULL: all zero. 0, -EINVAL, -E2BIG.
 */
int mptcp_copy_options(const void *options, void *ret, size_t size);

/* mptcp_socket(), or TCP at once. */
int mptcp_open_socket(int family, int flags, bool plain);
/* close(), and errno stays. */
void mptcp_close_fd(int fd);
/* An integer option, 0 or -errno. */
int mptcp_set_option(int fd, int level, int option, int value);
/* SO_BINDTODEVICE; NULL does nothing. 0 or -errno. */
int mptcp_bind_interface(int fd, const char *interface);

#endif
