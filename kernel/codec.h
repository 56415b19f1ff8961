/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes of netlink to values and back. Pure: no socket, no clock, no memory of its own; no pointer
 * into a message survives a call. Every length is checked, so any bytes may be handed in.
 *
 * Decoders take one whole message (struct nlmsghdr first, aligned as such) of `size` bytes. They
 * return 0 and the value, one of enum codec_outcome, or -EBADMSG for a message that is not what
 * its type promises; the value is then untouched.
 *
 * Encoders build one whole message in `buffer`, aligned as struct nlmsghdr, of CODEC_COMMAND_SIZE
 * bytes, and return its header. Sequence number and port are left to the socket.
 */
#ifndef KERNEL_CODEC_H
#define KERNEL_CODEC_H

#include <linux/netlink.h>

#include "ops.h"

/* More than the longest command needs: two IPv6 addresses and a token take 156 bytes. */
#define CODEC_COMMAND_SIZE 256
/* As much as the longest SUBFLOW_CREATE takes. */
#define CODEC_CREATE_SIZE 160
/* Longest text of the kernel's own words, with its NUL. */
#define CODEC_TEXT_SIZE 128

/* A message that is well-formed, but no news. */
enum codec_outcome {
	CODEC_UNKNOWN = 1, /* of a kind this version does not know */
	CODEC_IGNORED = 2, /* of a known kind that is of no interest */
};

/* A buffer for encoders. */
union codec_command {
	struct nlmsghdr header;
	char bytes[CODEC_COMMAND_SIZE];
};

/* --- what all families share: codec.c ------------------------------------------------------ */

/* What an attribute says of itself, and where its value is. */
static inline uint16_t codec_type(const struct nlattr *attribute)
{
	return attribute->nla_type & NLA_TYPE_MASK;
}

static inline uint16_t codec_length(const struct nlattr *attribute)
{
	return (uint16_t)(attribute->nla_len - NLA_HDRLEN);
}

static inline const void *codec_payload(const struct nlattr *attribute)
{
	return (const char *)attribute + NLA_HDRLEN;
}

/*
 * Sort the attributes in `bytes` into ret_attributes[0..max] by type; types above max are skipped,
 * absent ones are NULL. -EBADMSG if an attribute reaches beyond the end.
 */
int codec_attributes(const void *bytes, size_t size, const struct nlattr **ret_attributes,
		     uint16_t max);
/* The same for the attributes that follow a family header of `header` bytes in a message. */
int codec_message(const void *message, size_t size, size_t header,
		  const struct nlattr **ret_attributes, uint16_t max);
/* Values of exactly this size. An absent attribute (NULL) is `fallback`; wrong sizes -EBADMSG. */
int codec_u8(const struct nlattr *attribute, uint8_t fallback, uint8_t *ret_value);
int codec_u16(const struct nlattr *attribute, uint16_t fallback, uint16_t *ret_value);
int codec_u32(const struct nlattr *attribute, uint32_t fallback, uint32_t *ret_value);
/* An interface index, which netlink carries signed; negative is -EBADMSG, absent is 0. */
int codec_ifindex(const struct nlattr *attribute, uint32_t *ret_ifindex);
/*
 * An address from whichever of the two is present; neither: family 0. `ret_mapped` is set if the
 * kernel wrote an IPv4 address in IPv6 form, else left as it is.
 */
int codec_addr(const struct nlattr *ip4, const struct nlattr *ip6, uint16_t port,
	       struct mptcpd_addr *ret_addr, bool *ret_mapped);
/* A string, cut to fit; absent is "". -EBADMSG: empty without even a NUL. */
int codec_string(const struct nlattr *attribute, char *ret_text, size_t size);

/* Start a message in a buffer of CODEC_COMMAND_SIZE: zero, so that no padding tells our stack. */
struct nlmsghdr *codec_start(void *buffer, uint16_t type, uint16_t flags);

/*
 * NLMSG_ERROR and NLMSG_DONE: how a request ended, 0 or -errno in `ret_error`, and what the kernel
 * said to it (NETLINK_EXT_ACK) or "".
 */
int codec_ack(const void *message, size_t size, int *ret_error, char ret_text[CODEC_TEXT_SIZE]);

/* --- generic netlink and mptcp_pm: codec-pm.c, codec-event.c -------------------------------- */

struct codec_family {
	uint16_t id;
	uint32_t event_group; /* of mptcp_pm_events; 0: this kernel has none */
};

/* The answer to codec_get_family(). */
int codec_family(const void *message, size_t size, struct codec_family *ret_family);
/* The ten events of the group mptcp_pm_events. */
int codec_pm_event(const void *message, size_t size, struct event *ret_event);
/* Is this an event of that group, which says that a connection is established, or closed? */
bool codec_is_established(const void *message, int size);
bool codec_is_closed(const void *message, int size);
/* Answers to GET_ADDR (an EVENT_ENDPOINT) and to GET_LIMITS (an EVENT_LIMITS). */
int codec_pm_reply(const void *message, size_t size, struct event *ret_event);

struct nlmsghdr *codec_get_family(void *buffer);
struct nlmsghdr *codec_add_addr(void *buffer, uint16_t family,
				const struct event_endpoint *endpoint);
struct nlmsghdr *codec_del_addr(void *buffer, uint16_t family,
				const struct event_endpoint *endpoint);
/* A dump: the endpoints, or with a token (Linux 6.9) that connection's own addresses. */
struct nlmsghdr *codec_get_addr(void *buffer, uint16_t family, uint32_t token);
struct nlmsghdr *codec_flush_addrs(void *buffer, uint16_t family);
/* UINT32_MAX leaves a limit alone. */
struct nlmsghdr *codec_set_limits(void *buffer, uint16_t family, const struct event_limits *limits);
struct nlmsghdr *codec_get_limits(void *buffer, uint16_t family);
/* SET_FLAGS of an endpoint, and of one subflow. */
struct nlmsghdr *codec_set_flags(void *buffer, uint16_t family,
				 const struct event_endpoint *endpoint);
struct nlmsghdr *codec_set_backup(void *buffer, uint16_t family, uint32_t token,
				  const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
				  bool backup);
struct nlmsghdr *codec_announce(void *buffer, uint16_t family, uint32_t token,
				const struct mptcpd_addr *addr, uint8_t id, uint32_t ifindex);
struct nlmsghdr *codec_remove(void *buffer, uint16_t family, uint32_t token, uint8_t id);
struct nlmsghdr *codec_subflow_create(void *buffer, uint16_t family, uint32_t token,
				      const struct subflow_request *request);
/* The same command for another connection. */
void codec_set_token(struct nlmsghdr *command, uint32_t token);
bool codec_is_create(const struct nlmsghdr *command);
/* `mapped`: the kernel knows the IPv4 pair as ::ffff:a.b.c.d. */
struct nlmsghdr *codec_subflow_destroy(void *buffer, uint16_t family, uint32_t token,
				       const struct mptcpd_addr *local,
				       const struct mptcpd_addr *remote, bool mapped);

/* --- rtnetlink: codec-link.c ---------------------------------------------------------------- */

/*
 * Links, addresses, routes, rules and next hops, as notified or dumped. Of a link only what the
 * message itself says: `type` is not yet wireless or WWAN, rp_filter_strict is false.
 */
int codec_link_event(const void *message, size_t size, struct event *ret_event);

/* A route, as a query was answered or as it was dumped. */
struct codec_route {
	struct mptcpd_addr net; /* family 0: neither IPv4 nor IPv6, or a copy for one destination */
	struct mptcpd_addr source; /* that it prefers; family 0: none */
	struct mptcpd_addr via; /* the gateway; family 0: none, or several */
	uint32_t ifindex; /* 0: several next hops */
	uint32_t table;
	uint8_t prefix; /* of net */
	uint8_t type; /* RTN_* */
	uint8_t protocol; /* RTPROT_*: who made it */
	bool gateway;
};

int codec_route(const void *message, size_t size, struct codec_route *ret_route);

/* Dumps of all links, and of all addresses. */
struct nlmsghdr *codec_get_links(void *buffer);
struct nlmsghdr *codec_get_addresses(void *buffer);
/*
 * Which entry of the routing tables leads to `remote`? Not which way a packet would go: for that
 * IPv4 would assume any peer to be on the link of `ifindex`. No source: NULL; any link: 0.
 */
struct nlmsghdr *codec_get_route(void *buffer, const struct mptcpd_addr *local, uint32_t ifindex,
				 const struct mptcpd_addr *remote, uint32_t mark);
/* A dump of the rules that choose among the tables. */
struct nlmsghdr *codec_get_rules(void *buffer, uint8_t family);
/* Does this rule look at marks? */
int codec_rule(const void *message, size_t size, bool *ret_has_mark);

/* A dump of the unicast routes of all tables, on a socket with socket_filter(). */
struct nlmsghdr *codec_get_routes(void *buffer, uint8_t family);

/* --- source routing: codec-routing.c -------------------------------------------------------- */

/* What the news of a route or rule are about; of a message that was found good. */
enum routing_news codec_routing_news(const void *message);
/*
 * The records of SNAPSHOT_ROUTING: rules, and of routes those to everywhere and ours. CODEC_IGNORED
 * for others. A route with several next hops is told hop by hop: -ENOENT behind the last one.
 */
int codec_routing_event(const void *message, size_t size, size_t hop, struct event *ret_event);
/* A dump of the routes of all tables, or of ours alone on a socket with socket_filter(). */
struct nlmsghdr *codec_get_all_routes(void *buffer, uint8_t family, bool ours);
struct nlmsghdr *codec_add_rule(void *buffer, const struct event_rule *rule);
struct nlmsghdr *codec_delete_rule(void *buffer, const struct event_rule *rule);
struct nlmsghdr *codec_add_route(void *buffer, const struct event_route *route, bool replace);
struct nlmsghdr *codec_delete_route(void *buffer, const struct event_route *route);

/* --- neighbours: codec-neighbour.c ---------------------------------------------------------- */

/* An entry of the neighbour tables (ARP, NDP). */
struct codec_neighbour {
	struct mptcpd_addr addr; /* port 0 */
	uint32_t ifindex;
	bool unknown; /* state NONE, INCOMPLETE or FAILED: packets to it wait, or are refused */
	bool sought; /* INCOMPLETE */
};

int codec_neighbour(const void *message, size_t size, struct codec_neighbour *ret_neighbour);
/* A dump of those of a link. */
struct nlmsghdr *codec_get_neighbours(void *buffer, uint32_t ifindex);
/* How one is, to be sought as if a packet were to be sent to it, and as if nobody had sought it yet. */
struct nlmsghdr *codec_get_neighbour(void *buffer, const struct codec_neighbour *neighbour);
struct nlmsghdr *codec_seek_neighbour(void *buffer, const struct codec_neighbour *neighbour);
struct nlmsghdr *codec_reset_neighbour(void *buffer, const struct codec_neighbour *neighbour);

/* --- sock_diag: codec-diag.c ---------------------------------------------------------------- */

/* A record of the MPTCP socket dump: an EVENT_SNAPSHOT_CONNECTION. */
int codec_diag_connection(const void *message, size_t size, struct event *ret_event);
/*
 * A record of the TCP socket dump: an EVENT_SNAPSHOT_SUBFLOW, or CODEC_IGNORED if it belongs to no
 * MPTCP connection, or to one whose own first SYN is not answered yet.
 */
int codec_diag_subflow(const void *message, size_t size, uint64_t now_ms, struct event *ret_event);

/* A listening socket, from a dump of MPTCP sockets in that state. */
struct codec_listener {
	struct mptcpd_addr addr; /* unspecified: all of its family */
	uint32_t ifindex; /* what it is bound to; 0: nothing */
	bool takes_ipv4; /* of IPv6: and IPv4 as well */
};
int codec_diag_listener(const void *message, size_t size, struct codec_listener *ret_listener);
/*
 * A record of the TCP socket dump, whoever's socket it is: an EVENT_EVIDENCE, or CODEC_IGNORED if
 * its addresses are no pair.
 */
int codec_diag_evidence(const void *message, size_t size, struct event *ret_event);

/* A socket as a person counts them, from a dump of MPTCP or of TCP sockets. */
struct codec_socket {
	uint32_t inode; /* 0: no process has it open */
	bool is_mptcp; /* made as one, or a subflow of one */
	bool fallen_back; /* of such a one: it speaks TCP */
	bool listens;
	struct mptcpd_addr local, remote;
};
int codec_diag_mptcp_socket(const void *message, size_t size, struct codec_socket *ret_socket);
int codec_diag_tcp_socket(const void *message, size_t size, struct codec_socket *ret_socket);

/* Socket states to ask for, as masks of 1 << TCP_*. */
enum codec_states {
	/* established and CLOSE_WAIT */
	CODEC_SENDING = 1 << 1 | 1 << 8,
	CODEC_SYN_SENT = 1 << 2,
	CODEC_LISTEN = 1 << 10,
	/* established, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK and CLOSING */
	CODEC_CONNECTED = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11,
	/* all that a process may have open and that has an address */
	CODEC_OPEN = CODEC_CONNECTED | CODEC_SYN_SENT | CODEC_LISTEN | 1 << 7,
};

/*
 * Dumps of the sockets in these states, of both address families: the older request asks for both at
 * once. For each one the kernel goes through all sockets of all namespaces.
 */
struct nlmsghdr *codec_get_connections(void *buffer, uint32_t states);
struct nlmsghdr *codec_get_subflows(void *buffer, uint32_t states);
/* The same, without what was measured, which takes half the time. */
struct nlmsghdr *codec_get_sockets(void *buffer, uint32_t states);
/* The one subflow between these addresses (with ports); `ifindex` is what it is bound to, or 0. */
struct nlmsghdr *codec_get_subflow(void *buffer, const struct mptcpd_addr *local,
				   const struct mptcpd_addr *remote, uint32_t ifindex);
/* One connection: its record, or -ENOENT. */
struct nlmsghdr *codec_get_connection(void *buffer, uint32_t token);

/* --- the same of one, with all that is known: codec-detail.c -------------------------------- */

int codec_detail_connection(const void *message, size_t size, struct connection_detail *ret_detail);
int codec_detail_subflow(const void *message, size_t size, uint64_t now_ms,
			 struct subflow_detail *ret_detail);
/* As codec_get_subflow(). */
struct nlmsghdr *codec_get_subflow_detail(void *buffer, const struct mptcpd_addr *local,
					  const struct mptcpd_addr *remote, uint32_t ifindex);

#endif
