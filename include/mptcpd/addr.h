/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses for policies: compare, classify, read. All functions are inline and pure; they allocate
 * nothing, keep nothing, and need no library but libc. Their arguments are never NULL.
 *
 * "Family" is AF_INET, AF_INET6, or 0 for no address. What is no address is of no kind and lies in no
 * network, whatever its bytes: no question about it is answered by what an earlier value left there.
 * IPv4-mapped IPv6 addresses are IPv4 addresses here, see struct mptcpd_addr, and so are prefixes.
 */
#ifndef MPTCPD_ADDR_H
#define MPTCPD_ADDR_H

#include <arpa/inet.h> /* inet_pton() */
#include <errno.h>
#include <string.h>

#include <mptcpd/types.h>

/* The number of bits in an address of this family: 32, 128, or 0. */
static inline uint8_t mptcpd_family_bits(uint8_t family)
{
	return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

/* The same address, whatever the ports. Two absent ones are the same. */
static inline bool mptcpd_addr_equal_host(const struct mptcpd_addr *a, const struct mptcpd_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* The same address and port. */
static inline bool mptcpd_addr_equal(const struct mptcpd_addr *a, const struct mptcpd_addr *b)
{
	return a->port == b->port && mptcpd_addr_equal_host(a, b);
}

/*
 * Of one family, with the same first `prefix` bits? Ports do not count. A prefix that is longer than
 * an address of that family holds none.
 */
static inline bool mptcpd_addr_in_prefix(const struct mptcpd_addr *addr,
					 const struct mptcpd_addr *net, uint8_t prefix)
{
	size_t bytes = prefix / 8;
	uint8_t mask = (uint8_t)(0xff00 >> (prefix % 8));

	if (addr->family != net->family || prefix > mptcpd_family_bits(addr->family) ||
	    memcmp(addr->ip, net->ip, bytes) != 0)
		return false;
	return prefix % 8 == 0 || ((addr->ip[bytes] ^ net->ip[bytes]) & mask) == 0;
}

/* 0.0.0.0 or ::, or no address whose bytes are all zero. */
static inline bool mptcpd_addr_is_any(const struct mptcpd_addr *addr)
{
	static const uint8_t zero[16] = {0};

	return memcmp(addr->ip, zero, sizeof(zero)) == 0;
}

/* 127.0.0.0/8 (RFC 1122) or ::1 (RFC 4291 section 2.5.3) */
static inline bool mptcpd_addr_is_loopback(const struct mptcpd_addr *addr)
{
	static const uint8_t zero[15] = {0};

	if (addr->family == AF_INET)
		return addr->ip[0] == 127;
	return addr->family == AF_INET6 && memcmp(addr->ip, zero, sizeof(zero)) == 0 &&
	       addr->ip[15] == 1;
}

/* 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 section 2.5.6) */
static inline bool mptcpd_addr_is_link_local(const struct mptcpd_addr *addr)
{
	if (addr->family == AF_INET)
		return addr->ip[0] == 169 && addr->ip[1] == 254;
	return addr->family == AF_INET6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

/* fc00::/7 (RFC 4193) */
static inline bool mptcpd_addr_is_unique_local(const struct mptcpd_addr *addr)
{
	return addr->family == AF_INET6 && (addr->ip[0] & 0xfe) == 0xfc;
}

/* 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918), 100.64.0.0/10 (RFC 6598) or fc00::/7 */
static inline bool mptcpd_addr_is_private(const struct mptcpd_addr *addr)
{
	const uint8_t *ip = addr->ip;

	if (addr->family == AF_INET)
		return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
		       (ip[0] == 192 && ip[1] == 168) || (ip[0] == 100 && (ip[1] & 0xc0) == 64);
	return mptcpd_addr_is_unique_local(addr);
}

/* 224.0.0.0/4 and what is above it (RFC 5771, RFC 1112), or ff00::/8 */
static inline bool mptcpd_addr_is_multicast(const struct mptcpd_addr *addr)
{
	if (addr->family == AF_INET)
		return addr->ip[0] >= 224;
	return addr->family == AF_INET6 && addr->ip[0] == 0xff;
}

/*
 * Do they reach equally far: both link-local, both private, or neither; and are of one family? Paths
 * between addresses of different kinds rarely lead anywhere.
 */
static inline bool mptcpd_addr_same_kind(const struct mptcpd_addr *a, const struct mptcpd_addr *b)
{
	return a->family == b->family &&
	       mptcpd_addr_is_link_local(a) == mptcpd_addr_is_link_local(b) &&
	       mptcpd_addr_is_private(a) == mptcpd_addr_is_private(b);
}

/* Is it laid out as types.h says, so that it can be compared byte by byte? No address is. */
static inline bool mptcpd_addr_is_proper(const struct mptcpd_addr *addr)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
			     zero[16] = {0};
	size_t used = mptcpd_family_bits(addr->family) / 8;

	if (addr->reserved || (used == 0 && (addr->family || addr->port)) ||
	    memcmp(addr->ip + used, zero, sizeof(zero) - used) != 0)
		return false;
	return addr->family != AF_INET6 || memcmp(addr->ip, mapped, sizeof(mapped)) != 0;
}

/*
 * Read "10.0.0.0/8" or "fd00::/8"; a bare address is a prefix of full length. The length of an
 * IPv4-mapped prefix counts bits of the IPv4 address ("::ffff:10.0.0.0/8"). The port is 0, and bits
 * behind the prefix stay as they are. Returns 0, or -EINVAL and leaves the outputs alone.
 */
static inline int mptcpd_addr_parse_prefix(const char *text, struct mptcpd_addr *ret_addr,
					   uint8_t *ret_prefix)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	size_t length = strcspn(text, "/");
	const char *digit = text[length] ? text + length + 1 : NULL;
	unsigned int prefix = 0;
	struct mptcpd_addr addr;
	char host[48];

	memset(&addr, 0, sizeof(addr));
	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	addr.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(addr.family, host, addr.ip) != 1)
		return -EINVAL;
	if (addr.family == AF_INET6 && memcmp(addr.ip, mapped, sizeof(mapped)) == 0) {
		memcpy(addr.ip, addr.ip + sizeof(mapped), 4);
		memset(addr.ip + 4, 0, sizeof(mapped));
		addr.family = AF_INET;
	}
	if (!digit)
		prefix = mptcpd_family_bits(addr.family);
	else if (!*digit || strlen(digit) > 3)
		return -EINVAL;
	for (; digit && *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return -EINVAL;
		prefix = prefix * 10 + (unsigned int)(*digit - '0');
	}
	if (prefix > mptcpd_family_bits(addr.family))
		return -EINVAL;
	*ret_addr = addr;
	*ret_prefix = (uint8_t)prefix;
	return 0;
}

#endif
