/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses: make, read and write. Pure; knows nothing of interfaces or sockets. What plugins ask of
 * addresses as well (kinds, prefixes) is in <mptcpd/addr.h>.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <mptcpd/addr.h>

/* "[ffff:…:ffff]:65535" and its NUL, with room. */
#define ADDR_TEXT_SIZE 64

/* From raw network-order bytes; 16 bytes that are an IPv4-mapped address become AF_INET. */
struct mptcpd_addr addr_v4(const void *ip4, uint16_t port);
struct mptcpd_addr addr_v6(const void *ip6, uint16_t port);
/* The same address without its port. */
struct mptcpd_addr addr_host(const struct mptcpd_addr *addr);

/* With the port, and without. */
static inline bool addr_equal(const struct mptcpd_addr *a, const struct mptcpd_addr *b)
{
	return mptcpd_addr_equal(a, b);
}

static inline bool addr_equal_host(const struct mptcpd_addr *a, const struct mptcpd_addr *b)
{
	return mptcpd_addr_equal_host(a, b);
}

/* 0.0.0.0/8, 240.0.0.0/4 with the broadcast address; ::/96, which once held IPv4 addresses */
bool addr_is_reserved(const struct mptcpd_addr *addr);
/* Can it be the address of one host, by which others reach that? */
bool addr_is_one_host(const struct mptcpd_addr *addr);

/*
 * Read "10.0.0.1", "10.0.0.1:80", "::1" or "[::1]:80". Returns 0, or -EINVAL. Without a port the
 * port is 0; a port of 0 is refused.
 */
int addr_parse(const char *text, struct mptcpd_addr *ret_addr);
/* Write it without its port, and with it (":port" only if there is one). Returns `text`. */
const char *addr_format_host(const struct mptcpd_addr *addr, char text[static ADDR_TEXT_SIZE]);
const char *addr_format(const struct mptcpd_addr *addr, char text[static ADDR_TEXT_SIZE]);

#endif
