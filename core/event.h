/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The facts that come in: one tagged value for everything the kernel tells us, whether it told us
 * by itself (an event) or was asked (a snapshot record). The kernel room makes them, the model
 * applies them. No pointers inside; strings are copied and cut.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <mptcpd/plugin.h>

enum event_type {
	/* MPTCP path-manager events; a token is always there (but for listeners) */
	EVENT_CONNECTION_CREATED,
	EVENT_CONNECTION_ESTABLISHED,
	EVENT_CONNECTION_CLOSED,
	EVENT_SUBFLOW_ESTABLISHED,
	EVENT_SUBFLOW_CLOSED,
	EVENT_SUBFLOW_PRIORITY,
	EVENT_ADDRESS_ANNOUNCED,
	EVENT_ADDRESS_REMOVED,
	EVENT_LISTENER_CREATED,
	EVENT_LISTENER_CLOSED,
	/* the host; the same records come as notification and as dump */
	EVENT_LINK,
	EVENT_LINK_GONE,
	EVENT_LOCAL, /* an address of ours, new or changed */
	EVENT_LOCAL_GONE,
	EVENT_ROUTES, /* some route or rule changed: verdicts on routes are void */
	EVENT_ENDPOINT,
	EVENT_ENDPOINT_GONE, /* its id alone; only ever news of our own making */
	EVENT_LIMITS,
	EVENT_PATH_MANAGER, /* net.mptcp.path_manager as it is now */
	/* records of SNAPSHOT_ROUTING alone: */
	EVENT_ROUTE, /* one that leads everywhere, or one of ours */
	EVENT_RULE,
	/* a snapshot: BEGIN, the records, END. Several kinds may be open at once */
	EVENT_SNAPSHOT_BEGIN,
	EVENT_SNAPSHOT_CONNECTION, /* a record of the MPTCP socket dump */
	EVENT_SNAPSHOT_SUBFLOW, /* a record of the TCP socket dump that is a subflow */
	EVENT_SNAPSHOT_END,
	EVENT_SNAPSHOT_FAILED, /* in place of END: it is not complete, and another one is due */
	/* an event socket overflowed: a snapshot of its kind is due */
	EVENT_LOST,
	/*
	 * Facts that an earlier life of the daemon knew and the kernel cannot tell: fed before the
	 * first snapshot, a connection first and its parts after it. Believed once a snapshot shows
	 * the same connection.
	 */
	EVENT_SAVED_CONNECTION,
	EVENT_SAVED_PEER, /* as ADDRESS_ANNOUNCED */
	EVENT_SAVED_SUBFLOW,
	EVENT_SAVED_ANNOUNCED,
	EVENT_SAVED_MEMORY,
	/* What the engine finds out beside the kernel's own words. */
	EVENT_HEALTH, /* its verdict on a link */
	EVENT_PROBE, /* how a probe of a link went */
	/* Asked for by ops->look(): whether TCP's peers answer. Not of connections alone. */
	EVENT_EVIDENCE, /* one socket */
	EVENT_EVIDENCE_END, /* there are no more of them, or it failed: error */
};

/* Kinds of snapshot, which are also kinds of loss. */
enum snapshot_kind {
	SNAPSHOT_CONNECTIONS, /* connections and their subflows */
	SNAPSHOT_HOST, /* links and addresses */
	SNAPSHOT_ENDPOINTS, /* endpoints and limits of the kernel's path manager */
	SNAPSHOT_ROUTING, /* rules, default routes, and what of them is ours */
	SNAPSHOT_KINDS,
};

/* EVENT_CONNECTION_* and EVENT_SNAPSHOT_CONNECTION. CLOSED has the token alone. */
struct event_connection {
	struct mptcpd_addr local, remote; /* family 0 where the kernel did not say */
	uint8_t side; /* enum mptcpd_side; UNKNOWN in a snapshot */
	bool deny_join_id0;
	bool mapped; /* the kernel shows the addresses as ::ffff:a.b.c.d, family AF_INET6 */
	/* snapshot only */
	bool fallback;
	bool key_received; /* the peer has answered with MPTCP, once */
	bool closing; /* the TCP state says FIN was sent or received */
	struct mptcpd_owner owner;
	/* Nobody has the socket: it is not accepted yet, or closed. Its uid is 0 then, on older kernels. */
	bool orphan;
	uint64_t bytes_sent,
		bytes_received; /* MPTCPD_BYTES_UNKNOWN where the kernel does not tell */
	uint32_t idle_ms; /* since it carried data; UINT32_MAX: the kernel does not tell */
};

/* EVENT_SUBFLOW_* and EVENT_SNAPSHOT_SUBFLOW. */
struct event_subflow {
	struct mptcpd_addr local, remote; /* of SUB_CLOSED, ports or addresses may be 0 */
	uint8_t local_id, remote_id;
	uint32_t ifindex; /* 0: not bound to a device */
	bool mapped; /* as above; DESTROY needs the family the kernel uses */
	bool peer_backup; /* BACKUP of an event is the peer's wish */
	uint8_t error; /* errno of the subflow's end, 0: none */
	uint8_t reset; /* 1 + the reason of an MP_TCPRST that the peer sent (RFC 8684 section 3.6); or 0 */
	/* snapshot only */
	bool backup; /* our own wish */
	bool syn_sent; /* still waiting for the peer */
	bool closing;
	bool initial; /* MP_CAPABLE, not MP_JOIN */
	bool joined_here; /* we sent the MP_JOIN, or (initial) the SYN */
	bool unasked; /* … an initial one that was answered when it asked for MPTCP no more */
	bool fully_established;
	bool fallback;
	struct mptcpd_measure measure; /* taken_ms 0: none */
};

struct event_peer_address {
	struct mptcpd_addr addr;
	uint8_t id;
};

struct event_listener {
	struct mptcpd_addr addr; /* the unspecified address is possible */
};

struct event_link {
	uint32_t ifindex;
	uint32_t master; /* ifindex of the bridge or bond it is a member of, or 0 */
	uint8_t type; /* enum mptcpd_link_type */
	bool up; /* IFF_UP */
	bool carrier; /* IFF_LOWER_UP, and operstate not down, dormant or lower-layer-down */
	bool point_to_point; /* IFF_POINTOPOINT */
	bool prefers_temporary; /* net.ipv6.conf.*.use_tempaddr is 2, as when this was told */
	bool rp_filter_strict; /* the effective net.ipv4.conf.*.rp_filter is 1 */
	char name[MPTCPD_IFNAME_SIZE];
};

struct event_local {
	struct mptcpd_addr addr; /* IFA_LOCAL where there is one, else IFA_ADDRESS */
	uint32_t ifindex;
	uint8_t prefix;
	bool tentative; /* duplicate address detection has not ended, or failed; not IFA_F_OPTIMISTIC */
	bool temporary, deprecated;
	bool host_scope; /* RT_SCOPE_HOST */
	bool secondary; /* IPv4: not the first of its subnet */
};

struct event_endpoint {
	struct mptcpd_addr addr;
	uint32_t flags, ifindex;
	uint8_t id;
};

struct event_limits {
	uint32_t subflows, add_addr_accepted;
};

/* Whose rules and routes are: RTA_PROTOCOL and FRA_PROTOCOL of ours. */
#define ROUTING_PROTOCOL 184
#define ROUTING_TABLE_MAIN 254

/*
 * A next hop of a route to everywhere; a route with several is as many of these. Like struct
 * event_rule it has no padding: two that are the same have the same bytes (sorted.h).
 */
struct event_route {
	struct mptcpd_addr gateway; /* family 0: none is needed. That of IPv4 may be one of IPv6 */
	uint32_t table, metric, ifindex;
	uint8_t family, protocol;
	bool onlink; /* the gateway is there, whatever prefixes say */
	bool unreachable; /* ifindex 0: whoever comes here gets no further */
};

struct event_rule {
	struct mptcpd_addr from; /* family 0: from anywhere */
	uint32_t priority, table;
	uint8_t family, protocol;
	uint8_t from_prefix;
	bool no_default; /* suppress_prefixlength 0: default routes of the table do not count */
	bool asks_more; /* marks, interfaces, destinations …, or it does more than look up a table */
	uint8_t reserved[3]; /* 0 */
};

/* What EVENT_ROUTES is about, the most of it. */
enum routing_news {
	ROUTING_NEWS_NONE,
	ROUTING_NEWS_CHANGED, /* default routes, rules, next hops, or something of ours */
	ROUTING_NEWS_ADDED, /* a default route of somebody else's is new */
};

struct event_saved_connection {
	struct mptcpd_addr local, remote; /* both of a family */
	uint32_t slot; /* the observer's own, for connection.saved_slot */
	uint8_t side; /* enum mptcpd_side */
	bool deny_join_id0, remote_removed, mapped, local_removed;
	bool temporary; /* local, when it began */
	uint64_t begin_ms; /* 0: not known */
};

struct event_saved_subflow {
	struct mptcpd_addr local, remote; /* local.port 0: it was not known yet */
	uint32_t ifindex;
	uint16_t asked_port;
	uint8_t instance, local_id, remote_id;
	uint8_t origin; /* enum mptcpd_origin */
	bool origin_known;
	bool seen; /* it was in the kernel; else it was only a wish */
	bool wanted_by_admin;
	bool initial, mapped, backup, want_backup, banned, pinned, fixed_id, stale, foreign;
};

struct event_saved_announced {
	struct mptcpd_addr addr;
	struct mptcpd_addr listen; /* while `listening` */
	uint32_t ifindex;
	uint8_t id;
	bool sent, listening, wanted_by_admin, is_local, banned, held;
};

/* Bytes [offset, offset + n) of a policy's memory. */
struct event_saved_memory {
	uint64_t layout; /* policy_memory_layout() of the policy whose they are */
	uint32_t offset, size; /* size: of all of it */
	uint8_t n;
	uint8_t bytes[64];
};

/* Why a link, or a subflow, is taken for well or not. Words for them: health_reason_text(). */
enum health_reason {
	HEALTH_REASON_NONE,
	HEALTH_REASON_HEARD, /* something came in by it */
	HEALTH_REASON_UNACKNOWLEDGED, /* what was sent by it is not acknowledged */
	HEALTH_REASON_SYN, /* connections that begin on it are not answered */
	HEALTH_REASON_SCOUT, /* a join that was to find out is not answered */
	HEALTH_REASON_PROBE, /* probes are not answered */
	HEALTH_REASON_PROBED, /* they are */
	HEALTH_REASON_BEYOND, /* all links are silent: what fails lies behind them */
};

/* What a TCP socket knows of its peer. Ages are those of a clock that stands still in suspend. */
struct event_evidence {
	struct mptcpd_addr local, remote;
	uint32_t ifindex; /* 0: not bound to a device */
	bool syn_sent; /* the peer has not answered at all */
	uint8_t retransmits; /* timeouts in a row, without an answer */
	uint32_t next_ms; /* from now on, until what is unanswered is sent again; 0: nothing is */
	bool measured; /* what follows is known */
	uint32_t token; /* of the connection that it is a subflow of; 0: none */
	uint8_t backoff; /* how often the timeout was doubled */
	uint8_t probes; /* of a window that is closed: what is not sent is not unanswered */
	uint32_t unacked; /* segments */
	uint32_t rto_ms, rtt_ms;
	uint32_t ack_age_ms; /* since the peer was heard */
	uint32_t received_age_ms; /* since it sent data; UINT32_MAX: it never did */
	uint32_t sent_age_ms; /* since data was sent to it, or the connection made */
	uint32_t delivered; /* segments of which it has said that they arrived; wraps */
	uint64_t received; /* bytes, each once */
	bool is_full; /* its window is closed: what arrives is thrown away there */
};

struct event_evidence_end {
	uint32_t cost_us; /* time of the processor that the look took */
};

struct event_health {
	uint32_t ifindex;
	uint8_t family;
	uint8_t state; /* enum mptcpd_health */
	uint8_t reason; /* enum health_reason */
};

/* As many probes as were to fail in a row have, or one was answered. */
struct event_probe {
	uint32_t ifindex;
	uint8_t family;
	bool ok;
};

enum path_manager {
	PATH_MANAGER_UNKNOWN,
	PATH_MANAGER_KERNEL,
	PATH_MANAGER_USERSPACE,
};

struct event {
	enum event_type type;
	bool dumped; /* EVENT_LINK, _LOCAL, _ENDPOINT, _LIMITS: a record of a dump, not news */
	bool brief; /* SNAPSHOT_BEGIN: of connections without their subflows; of routes, ours alone */
	uint8_t error; /* SNAPSHOT_FAILED: errno */
	uint8_t news; /* EVENT_ROUTES: enum routing_news */
	uint32_t token;
	union {
		struct event_connection connection;
		struct event_subflow subflow;
		struct event_peer_address peer_address;
		struct event_listener listener;
		struct event_link link; /* LINK_GONE: ifindex alone */
		struct event_local local; /* LOCAL_GONE: addr and ifindex */
		struct event_endpoint endpoint;
		struct event_limits limits;
		struct event_route route;
		struct event_rule rule;
		struct event_saved_connection saved_connection;
		struct event_saved_subflow saved_subflow;
		struct event_saved_announced saved_announced;
		struct event_saved_memory saved_memory;
		struct event_health health;
		struct event_probe probe;
		struct event_evidence evidence;
		struct event_evidence_end evidence_end;
		enum path_manager path_manager;
		enum snapshot_kind snapshot; /* SNAPSHOT_*, LOST */
	};
};

#endif
