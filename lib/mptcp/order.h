/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which addresses of a host are tried, and in which order. Pure. */
#ifndef LIB_MPTCP_ORDER_H
#define LIB_MPTCP_ORDER_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

struct addrinfo;

enum { MAX_ADDRESSES = 64 };

struct address {
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

/*
 * Take the addresses of `family` (AF_UNSPEC: of both) from the list, each once: the families take
 * turns, beginning with that of the first, and keep their order (RFC 8305, section 4). Returns how
 * many, at most MAX_ADDRESSES.
 */
size_t mptcp_order_addresses(const struct addrinfo *list, int family,
			     struct address *ret_addresses);

#endif
