/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The values that mptcpd, its plugins and its tools share.
 *
 * Units, said once and true everywhere: ports are in host order, IP addresses in network order,
 * times are unsigned 64-bit counts of milliseconds (_ms) or microseconds (_us) of CLOCK_BOOTTIME,
 * sizes are bytes. Strings are UTF-8 and NUL-terminated. All structures are plain values: they own
 * nothing and may be copied and compared byte by byte (reserved bytes are zero).
 */
#ifndef MPTCPD_TYPES_H
#define MPTCPD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h> /* AF_INET, AF_INET6 */

/* Longest interface name with its NUL (IFNAMSIZ). */
#define MPTCPD_IFNAME_SIZE 16

/*
 * An IPv4 or IPv6 address, with or without a port.
 *
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is always stored as the IPv4 address it stands for,
 * so that equal paths compare equal whatever kind of socket carries them.
 */
struct mptcpd_addr {
	uint8_t ip[16]; /* IPv4 uses the first four bytes, the others are zero */
	uint16_t port; /* 0: none, or any */
	uint8_t family; /* AF_INET, AF_INET6, or 0: no address */
	uint8_t reserved; /* 0 */
};

/* Endpoint flags, with the kernel's own values (MPTCP_PM_ADDR_FLAG_*, `ip mptcp endpoint`). */
enum mptcpd_flag {
	MPTCPD_FLAG_SIGNAL = 1 << 0, /* announce by ADD_ADDR; since Linux 5.7 */
	MPTCPD_FLAG_SUBFLOW = 1 << 1, /* a source of new subflows; since Linux 5.7 */
	MPTCPD_FLAG_BACKUP = 1 << 2, /* B bit of MP_JOIN, RFC 8684 section 3.2; since Linux 5.7 */
	MPTCPD_FLAG_FULLMESH = 1 << 3, /* to each address of the peer; since Linux 5.15 */
	MPTCPD_FLAG_IMPLICIT = 1 << 4, /* made by the kernel itself; since Linux 5.18 */
	MPTCPD_FLAG_LAMINAR = 1 << 5, /* one subflow an announced address; since Linux 6.18 */
};

/* Which side of the connection this host is. */
enum mptcpd_side {
	MPTCPD_SIDE_UNKNOWN,
	MPTCPD_SIDE_CLIENT, /* sent the first SYN, with MP_CAPABLE */
	MPTCPD_SIDE_SERVER,
};

enum mptcpd_connection_state {
	MPTCPD_CONNECTION_CREATED, /* MP_CAPABLE done; the kernel takes no new subflow yet */
	MPTCPD_CONNECTION_ESTABLISHED, /* fully established, RFC 8684 section 3.1 */
	MPTCPD_CONNECTION_CLOSING,
};

enum mptcpd_subflow_state {
	MPTCPD_SUBFLOW_PENDING, /* SYN sent, no answer seen yet */
	MPTCPD_SUBFLOW_ESTABLISHED, /* joined */
	MPTCPD_SUBFLOW_CLOSING, /* told to go, not gone yet */
};

/* Who wanted a subflow. */
enum mptcpd_origin {
	MPTCPD_ORIGIN_APPLICATION, /* connect() or accept(): the initial subflow */
	MPTCPD_ORIGIN_POLICY, /* a plugin's plan, or the kernel's path manager */
	MPTCPD_ORIGIN_PEER, /* the peer joined */
	MPTCPD_ORIGIN_ADMIN, /* a person, by mptcpctl */
};

/* What an interface is, as the kernel tells it (ARPHRD_*, IFLA_INFO_KIND, wireless and wwan devices). */
enum mptcpd_link_type {
	MPTCPD_LINK_OTHER,
	MPTCPD_LINK_LOOPBACK,
	MPTCPD_LINK_ETHERNET,
	MPTCPD_LINK_WIFI,
	MPTCPD_LINK_WWAN,
	MPTCPD_LINK_PPP,
	MPTCPD_LINK_TUNNEL, /* tun, gre, ipip, sit, wireguard, xfrm … */
	MPTCPD_LINK_BRIDGE,
	MPTCPD_LINK_BOND, /* bond and team */
	MPTCPD_LINK_VETH,
	MPTCPD_LINK_VLAN, /* vlan, macvlan, ipvlan */
	MPTCPD_LINK_TAP, /* an Ethernet device with a program behind it */
};

#endif
