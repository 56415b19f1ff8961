/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel interface that is newer than the headers of Debian 12 (Linux 6.1), each with the version
 * of Linux it appeared in. Names of our own: newer headers define some of them as enumerators.
 */
#ifndef KERNEL_UAPI_H
#define KERNEL_UAPI_H

enum uapi_mptcp {
	/* Events of mptcp_pm: an MPTCP listener of this namespace. Linux 6.2. */
	UAPI_EVENT_LISTENER_CREATED = 15,
	UAPI_EVENT_LISTENER_CLOSED = 16,
	/* Bit 1 of MPTCP_ATTR_FLAGS, in place of MPTCP_ATTR_SERVER_SIDE. Linux 6.18. */
	UAPI_EVENT_FLAG_SERVER_SIDE = 1 << 1,
};

/*
 * struct mptcp_info as INET_DIAG_INFO carries it. It only grows at its end (48 bytes up to 6.4, 80
 * in 6.5, 88 in 6.8, 96 since 6.10), and the two fields of interest are in all of them.
 */
enum uapi_mptcp_info {
	UAPI_MPTCP_INFO_FLAGS = 8,
	UAPI_MPTCP_INFO_TOKEN = 12,
	UAPI_MPTCP_INFO_SIZE_MIN = 16, /* of what is always read here */
	UAPI_MPTCP_INFO_WRITE_SEQ = 16,
	UAPI_MPTCP_INFO_SND_UNA = 24,
	UAPI_MPTCP_INFO_SIZE_SEQ = 32,
	UAPI_MPTCP_INFO_RETRANSMITS = 44, /* since Linux 6.5, as what follows */
	UAPI_MPTCP_INFO_BYTES_RETRANS = 48,
	UAPI_MPTCP_INFO_BYTES_SENT = 56,
	UAPI_MPTCP_INFO_BYTES_RECEIVED = 64,
	UAPI_MPTCP_INFO_SIZE_BYTES = 72,
	UAPI_MPTCP_INFO_LAST_SENT = 84, /* since Linux 6.10, as what follows */
	UAPI_MPTCP_INFO_LAST_RECEIVED = 88,
	UAPI_MPTCP_INFO_SIZE_LAST = 92,
};

#endif
