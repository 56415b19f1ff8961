/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a policy sees: this host, and one connection. All of it is mptcpd's, and valid until the
 * function it was handed to returns. Structures only grow at their ends, see plugin.h.
 */
#ifndef MPTCPD_VIEW_H
#define MPTCPD_VIEW_H

#include <mptcpd/types.h>

/*
 * Does a structure of `size` bytes have this member? For members that were added after the first
 * version of this ABI: MPTCPD_HAS(view->size, struct mptcpd_view, newer).
 */
#define MPTCPD_HAS(size, type, member)                                                             \
	((size) >= offsetof(type, member) + sizeof(((const type *)0)->member))

/* An array that mptcpd hands out. Its elements may be longer than this file says. */
struct mptcpd_list {
	const void *first; /* NULL when it is empty */
	size_t n;
	size_t element_size; /* bytes from one element to the next */
};

/* The i-th element, from 0; NULL past the end. */
static inline const void *mptcpd_list_get(const struct mptcpd_list *list, size_t i)
{
	return i < list->n ? (const char *)list->first + i * list->element_size : NULL;
}

/* What is known of the far side of a link, or of a subflow. */
enum mptcpd_health {
	MPTCPD_HEALTH_UNKNOWN, /* nobody looks, or nothing was sent: treat it as WELL */
	MPTCPD_HEALTH_WELL, /* it answers */
	MPTCPD_HEALTH_SUSPECT, /* something is unanswered, not for long yet */
	MPTCPD_HEALTH_SILENT, /* it does not answer */
};

/*
 * One address of this host on one link, that may be used now. Only usable addresses are shown. Two
 * links may have the same address (two modems that hand it out): each is one of its own.
 */
struct mptcpd_local {
	struct mptcpd_addr addr; /* port 0 */
	uint32_t ifindex; /* of its link, never 0 */
	uint32_t flags; /* MPTCPD_FLAG_*, from the configuration of its interface */
	uint8_t prefix; /* length of its subnet, bits */
	uint8_t type; /* enum mptcpd_link_type */
	char interface[MPTCPD_IFNAME_SIZE];
	bool deprecated; /* IPv6: its preferred lifetime is over (RFC 4862), a fresh one is better */
	bool temporary; /* IPv6: it hides the stable ones of its link (RFC 8981) */
	/*
	 * Of the addresses of its link and family, the one that the kernel itself would choose as
	 * the source of a new connection. Each link has one for each family it has addresses of.
	 */
	bool preferred;
	bool secondary; /* IPv4: not the first of its subnet */
	/* What to announce in its place, behind 1:1 NAT; family 0: itself. Port 0: none. */
	struct mptcpd_addr announce;
	uint8_t health; /* enum mptcpd_health, of this link and family */
	uint64_t health_since_ms; /* when it got that; 0: unknown */
};

/*
 * An address of the peer: announced by ADD_ADDR (RFC 8684 section 3.4.1). Only those that can be
 * its own are shown: loopback, link-local, multicast, reserved and our own addresses are not.
 */
struct mptcpd_peer_address {
	/* the port is the announced one, else that of the initial subflow */
	struct mptcpd_addr addr;
	uint8_t id; /* 1 or more */
};

/* Not known: of the rates of a subflow. */
#define MPTCPD_RATE_UNKNOWN UINT64_MAX

/*
 * What the kernel measured on a subflow (TCP_INFO). Everything is of this end: what the peer sends
 * is measured by the peer. 0 is unknown, but for counts and ages, which may be 0.
 */
struct mptcpd_measure {
	uint64_t taken_ms; /* when, on the clock of view->now_ms */
	uint64_t bytes_sent; /* payload, retransmissions included; since Linux 4.19 */
	uint64_t bytes_received; /* payload, without duplicates */
	uint64_t delivery_rate; /* bytes/s that arrived lately, as ACKs tell; since Linux 4.9 */
	uint32_t rtt_us; /* smoothed (RFC 6298) */
	uint32_t rtt_var_us; /* its mean deviation */
	uint32_t min_rtt_us; /* the least of the last minutes; since Linux 4.6 */
	uint32_t rto_us; /* retransmission timeout, doubled by each that ran out in a row */
	uint32_t retransmits; /* segments sent again, ever */
	uint32_t loss_per_mille; /* of the segments sent ever, those sent again */
	uint32_t cwnd; /* congestion window, segments */
	uint32_t mss; /* bytes of payload in one segment, at most */
	/* Milliseconds before taken_ms; of one that never sent (received) any, since it began. */
	uint32_t last_sent_age_ms, last_received_age_ms;
	bool app_limited; /* delivery_rate: there was not more to send, it is no bound */
	/*
	 * Bytes a second between the measurement before and this one, MPTCPD_RATE_UNKNOWN where there
	 * was none within a minute.
	 */
	uint64_t send_rate, receive_rate;
};

/* A subflow that exists (or was asked for). */
struct mptcpd_subflow {
	struct mptcpd_addr local, remote; /* local.port is 0 while it is not known yet */
	uint32_t ifindex; /* the link it leaves by; 0: unknown */
	uint8_t local_id,
		remote_id; /* RFC 8684 section 3.2; 0: of the initial address, or unknown */
	uint8_t state; /* enum mptcpd_subflow_state */
	uint8_t origin; /* enum mptcpd_origin */
	bool initial; /* the first subflow of the connection */
	bool backup; /* we asked the peer to treat it as backup */
	bool peer_backup; /* the peer asked us */
	uint8_t instance; /* of the path it was made for; 0 also for all others */
	uint8_t health; /* enum mptcpd_health */
	uint64_t since_ms; /* when it got into its state */
	/* NULL: not measured, or the plugin does not say MPTCPD_NEED_MEASURES. */
	const struct mptcpd_measure *measure; /* connection->measure_size bytes */
};

/*
 * A subflow that could not be made, or that ended: not there now. It is tried again, after a while
 * that grows with each failure, as long as it is planned; whether it was planned lately or not.
 */
struct mptcpd_failure {
	struct mptcpd_addr local, remote; /* local.port: the one asked for, or 0 */
	uint32_t ifindex;
	uint32_t attempts; /* failures in a row, 1 or more */
	uint8_t instance;
};

/* Whose the socket of the connection is. */
struct mptcpd_owner {
	uint64_t cgroup; /* id in the cgroup v2 hierarchy; 0: unknown, as before Linux 5.9 */
	uint32_t uid; /* of the user, in the daemon's user namespace; UINT32_MAX: not one of them */
	uint32_t mark; /* SO_MARK */
};

/* Not known: of the byte counts of a connection. */
#define MPTCPD_BYTES_UNKNOWN UINT64_MAX

/* One connection, as it is now. */
struct mptcpd_connection {
	size_t size; /* of this structure */
	size_t measure_size; /* of struct mptcpd_measure, where subflows have one */
	uint32_t token;
	uint8_t side; /* enum mptcpd_side */
	uint8_t state; /* enum mptcpd_connection_state */
	/*
	 * The peer's C flag (RFC 8684 section 3.1): no join to its initial address and port.
	 * Such a path in a plan is refused.
	 */
	bool deny_join_id0;
	/*
	 * The peer withdrew its initial address (RM_ADDR of id 0, RFC 8684 section 3.4.2). Do not
	 * plan paths to it, unless it is among peer_addresses: announced anew, by another id.
	 */
	bool remote_removed;
	/*
	 * The socket is one of IPv4: a path of IPv6 is refused, and the peer has no use for such an
	 * address. One of IPv6 can have subflows of both families.
	 */
	bool ipv4_only;
	struct mptcpd_addr local, remote; /* of the initial subflow, which may have ended */
	struct mptcpd_list peer_addresses; /* mptcpd_get_peer_address() */
	struct mptcpd_list subflows; /* mptcpd_get_subflow() */
	/*
	 * mptcpd_get_failure(): pairs that failed. Those that the peer alone is the reason for come
	 * and go as it likes: plan what is established first, then what was not tried, and what
	 * failed last.
	 */
	struct mptcpd_list failures;
	/*
	 * mptcpd_plugin.memory_size bytes for this plugin and connection, aligned for a uint64_t,
	 * zero at first. Kept over restarts, and over reloads that leave the stack of plugins of
	 * its policy as it was. NULL if memory_size is 0.
	 */
	void *memory;
	/*
	 * When it began, on the clock of view->now_ms, over restarts too; 0: before mptcpd knew it.
	 * Its age is view->now_ms - begin_ms.
	 */
	uint64_t begin_ms;
	/*
	 * Payload of the connection, by whichever subflow it came or went, in its whole life, as of
	 * counted_ms. MPTCPD_BYTES_UNKNOWN: the kernel does not tell (before Linux 6.5), or was not
	 * asked yet.
	 */
	uint64_t bytes_sent, bytes_received;
	uint64_t counted_ms;
	/* NULL: the plugin does not say MPTCPD_NEED_OWNER, or the kernel did not tell. */
	const struct mptcpd_owner *owner;
};

/* The i-th of a list, from 0; NULL past the end. */
static inline const struct mptcpd_peer_address *
mptcpd_get_peer_address(const struct mptcpd_connection *connection, size_t i)
{
	return (const struct mptcpd_peer_address *)mptcpd_list_get(&connection->peer_addresses, i);
}

static inline const struct mptcpd_subflow *
mptcpd_get_subflow(const struct mptcpd_connection *connection, size_t i)
{
	return (const struct mptcpd_subflow *)mptcpd_list_get(&connection->subflows, i);
}

static inline const struct mptcpd_failure *
mptcpd_get_failure(const struct mptcpd_connection *connection, size_t i)
{
	return (const struct mptcpd_failure *)mptcpd_list_get(&connection->failures, i);
}

/* Can it have subflows of this family? */
static inline bool mptcpd_can_have(const struct mptcpd_connection *connection, uint8_t family)
{
	return family == AF_INET || (family == AF_INET6 && !connection->ipv4_only);
}

/* What all plans of one moment see. */
struct mptcpd_view {
	size_t size; /* of this structure */
	uint64_t now_ms; /* the only clock a plugin has: CLOCK_BOOTTIME, milliseconds */
	/*
	 * mptcpd_get_local(). For plan_paths those that the connection may use: on the link it began
	 * on it keeps to the kind of address it began with, so that a temporary one goes on hiding
	 * the stable ones.
	 */
	struct mptcpd_list locals;
	/*
	 * Is there a unicast route from this local address, out of its interface, to `remote`?
	 * A remote of family 0 stands for the world at large: does its interface lead anywhere, or
	 * is it to be used all the same (use = yes)?
	 * Asked of the kernel once and remembered until routes, rules or addresses change.
	 */
	bool (*routable)(const struct mptcpd_view *view, const struct mptcpd_local *local,
			 const struct mptcpd_addr *remote);
	/* The first version of this ABI ends here. */
	/* The name of a link, used or not; "" if there is none of that index. */
	const char *(*link_name)(const struct mptcpd_view *view, uint32_t ifindex);
};

/* The i-th of the local addresses, from 0; NULL past the end. */
static inline const struct mptcpd_local *mptcpd_get_local(const struct mptcpd_view *view, size_t i)
{
	return (const struct mptcpd_local *)mptcpd_list_get(&view->locals, i);
}

#endif
