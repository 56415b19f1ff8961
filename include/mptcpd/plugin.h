/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How to write a policy for mptcpd: the whole plugin interface.
 *
 * A plugin says which subflows, announcements or endpoints there *should* be, given the present
 * facts. It never reacts to an event: mptcpd asks again whenever something changed, compares the
 * answer with what the kernel has, and issues the commands that close the difference. Losing an
 * event, restarting, a failed command and a new address are therefore all the same to a plugin.
 *
 * A plugin is one shared object that exports one symbol:
 *
 *	MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
 *		.abi = MPTCPD_PLUGIN_ABI, .size = sizeof(struct mptcpd_plugin),
 *		.name = "mine", .summary = "one line", .plan_paths = plan_paths,
 *	};
 *
 * It is a function of its arguments: no loop, no thread, no I/O, no clock (the view has the time).
 * It calls mptcpd through the functions it is handed and so needs no symbol of mptcpd: a test can
 * dlopen() it without a daemon and without a kernel. It runs in the daemon's only thread, between
 * an MPTCP event and the command it causes: it must not block and should not allocate. One that
 * crashes or hangs is not asked again, see mptcpd(8).
 *
 * Pointers handed to a plugin are valid until the function they were handed to returns.
 */
#ifndef MPTCPD_PLUGIN_H
#define MPTCPD_PLUGIN_H

#include <mptcpd/types.h>

/* Raised whenever a structure of this file changes; a plugin built for another one is refused. */
#define MPTCPD_PLUGIN_ABI 2

/* The symbol looked up in the shared object. */
#define MPTCPD_PLUGIN_SYMBOL "mptcpd_plugin"
/* Goes before its definition: visible, whatever -fvisibility says. */
#define MPTCPD_PLUGIN_EXPORT __attribute__((visibility("default")))

/* The most paths, announcements, forbidden pairs or drops (each) in one plan. */
#define MPTCPD_PLAN_MAX 64

enum mptcpd_setting_type {
	MPTCPD_SETTING_BOOL, /* yes, no, true, false, on, off, 1, 0 -> number 1 or 0 */
	MPTCPD_SETTING_NUMBER, /* decimal, from min to max -> number */
	MPTCPD_SETTING_DURATION, /* ms, s, min, h; bare is seconds -> number, in milliseconds */
	MPTCPD_SETTING_SIZE, /* K, M, G of 1024 -> number, in bytes */
	MPTCPD_SETTING_STRING, /* -> string */
};

/* One key that the plugin's group in the configuration may hold. */
struct mptcpd_setting {
	const char *name;
	enum mptcpd_setting_type type;
	const char
		*fallback; /* the value when the key is absent, written as in the configuration */
	const char *help; /* one line: what it does and its unit */
	uint64_t min, max; /* of the number; max 0 means no bound */
};

/* The value of one setting; which member counts follows from its type. */
struct mptcpd_value {
	uint64_t number;
	const char *string; /* lives as long as the started plugin */
};

/*
 * One address of this host on one link, that may be used now. Only usable addresses are shown. Two
 * links may have the same address (two modems that hand it out): each is one of its own.
 */
struct mptcpd_local {
	struct mptcpd_addr addr; /* port 0 */
	uint32_t ifindex; /* of its link */
	uint32_t flags; /* MPTCPD_FLAG_*, from the configuration of its interface */
	uint8_t prefix; /* length, bits */
	uint8_t type; /* enum mptcpd_link_type */
	char interface[MPTCPD_IFNAME_SIZE];
	bool deprecated; /* IPv6: its preferred lifetime is over, a fresh one is better */
	bool temporary; /* IPv6: it hides the stable ones of its link (RFC 8981) */
	/*
	 * Of the addresses of its link and family, the one that the kernel itself would choose as
	 * the source of a new connection. Each link has one for each family it has addresses of.
	 */
	bool preferred;
	bool secondary; /* IPv4: not the first of its subnet */
	/* What to announce in its place, behind 1:1 NAT; family 0: itself. Port 0: none. */
	struct mptcpd_addr announce;
};

/*
 * An address of the peer: announced by ADD_ADDR (RFC 8684 section 3.4.1). Only those that can be
 * its own are shown: loopback, link-local, multicast, reserved and our own addresses are not.
 */
struct mptcpd_peer_address {
	struct mptcpd_addr
		addr; /* the port is the announced one, else that of the initial subflow */
	uint8_t id;
};

/* What was measured on a subflow, and when. */
struct mptcpd_measure {
	uint64_t taken_ms;
	uint64_t bytes_sent, bytes_received;
	uint32_t rtt_us, rto_us, retransmits, loss_per_mille;
};

/* A subflow that exists (or was asked for). */
struct mptcpd_subflow {
	struct mptcpd_addr local, remote; /* local.port is 0 while it is not known yet */
	uint32_t ifindex; /* 0: unknown */
	uint8_t local_id, remote_id;
	uint8_t state; /* enum mptcpd_subflow_state */
	uint8_t origin; /* enum mptcpd_origin */
	bool initial; /* the first subflow of the connection */
	bool backup; /* we asked the peer to treat it as backup */
	bool peer_backup;
	uint64_t since_ms; /* when it got into its state */
	const struct mptcpd_measure *measure; /* NULL: never measured */
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

/* One connection, as it is now. */
struct mptcpd_connection {
	uint32_t token;
	uint8_t side; /* enum mptcpd_side */
	uint8_t state; /* enum mptcpd_connection_state */
	/*
	 * The peer's C flag (RFC 8684 section 3.1): no join to its initial address and port.
	 * Such a path in a plan is refused.
	 */
	bool deny_join_id0;
	/*
	 * The peer withdrew its initial address (RM_ADDR of id 0). Do not plan paths to it, unless
	 * it is among peer_addresses: announced anew, by another id.
	 */
	bool remote_removed;
	struct mptcpd_addr local, remote; /* of the initial subflow */
	const struct mptcpd_peer_address *peer_addresses;
	size_t n_peer_addresses;
	const struct mptcpd_subflow *subflows;
	size_t n_subflows;
	/* mptcpd_plugin.memory_size bytes, zero at first, kept for this plugin over restarts. */
	void *memory;
	/*
	 * The socket is one of IPv4: a path of IPv6 is refused, and the peer has no use for such an
	 * address. One of IPv6 can have subflows of both families.
	 */
	bool ipv4_only;
	/*
	 * Pairs that failed. Those that the peer alone is the reason for come and go as it likes:
	 * plan what is established first, then what was not tried, and what failed last.
	 */
	const struct mptcpd_failure *failures;
	size_t n_failures;
};

/* What all plans of one moment see. */
struct mptcpd_view {
	size_t size; /* of this structure; members are only appended */
	uint64_t now_ms; /* the only clock a plugin has */
	/*
	 * For plan_paths those that the connection may use: on the link it began on it keeps to the
	 * kind of address it began with, so that a temporary one goes on hiding the stable ones.
	 */
	const struct mptcpd_local *locals;
	size_t n_locals;
	/*
	 * Is there a unicast route from this local address, out of its interface, to `remote`?
	 * A remote of family 0 stands for the world at large: does its interface lead anywhere, or
	 * is it to be used all the same (use = yes)?
	 * Asked of the kernel once and remembered until routes, rules or addresses change.
	 */
	bool (*routable)(const struct mptcpd_view *view, const struct mptcpd_local *local,
			 const struct mptcpd_addr *remote);
};

/*
 * A wanted subflow. What is left out of the plan is closed, but never for what was not up yet: each
 * path that is planned and not established lets one that was before stay. Two paths with the same link, local address and port, remote address and port,
 * and instance are the same path; the same pair with two instances is two parallel subflows.
 */
struct mptcpd_path {
	struct mptcpd_addr local; /* port 0: any free one */
	struct mptcpd_addr remote; /* with its port */
	uint32_t flags; /* 0 or MPTCPD_FLAG_BACKUP */
	uint8_t instance;
	/* The link it leaves by: that of `local`. 0: the one that has the address, if only one has. */
	uint32_t ifindex;
};

/* A wanted announcement (ADD_ADDR). */
struct mptcpd_announcement {
	struct mptcpd_addr addr; /* port 0: that of the initial subflow */
	uint32_t ifindex; /* 0: none */
	bool listen; /* mptcpd keeps a listening MPTCP socket on it */
};

/* Pairs of addresses between which no subflow may be; an absent address (family 0) is any. */
struct mptcpd_forbidden {
	struct mptcpd_addr local, remote; /* ports: 0 is any */
	uint8_t local_prefix, remote_prefix;
	uint32_t ifindex; /* 0: any */
};

/* A wanted endpoint of the kernel's own path manager. */
struct mptcpd_endpoint {
	struct mptcpd_addr addr; /* a port goes with MPTCPD_FLAG_SIGNAL only */
	uint32_t flags; /* MPTCPD_FLAG_* */
	uint32_t ifindex;
};

/*
 * The plan being made, empty at first or holding what the plugins before this one in the stack
 * have put there. All functions return 0 or a negative errno and may be called in any order.
 */
struct mptcpd_plan {
	size_t size; /* of this structure; members are only appended */
	/*
	 * Want a path. -EEXIST: it is in the plan already. -EADDRNOTAVAIL: the local address is not
	 * one of ours, not on that link, or not usable. -ENOTUNIQ: several links have it, and the
	 * path does not say which. -EAFNOSUPPORT: the families differ, or the connection cannot have
	 * that one. -EPERM: the peer's C flag.
	 * -ENOSPC: the plan is full. -EINVAL: no remote port, or unknown flags. All but the first
	 * are also reported to the operator under the plugin's name.
	 */
	int (*add_path)(struct mptcpd_plan *plan, const struct mptcpd_path *path);
	/* Want an address announced. Errors as add_path. */
	int (*add_announcement)(struct mptcpd_plan *plan, const struct mptcpd_announcement *ann);
	/* Allow no subflow between such addresses, whoever made it. -ENOSPC, -EINVAL. */
	int (*forbid)(struct mptcpd_plan *plan, const struct mptcpd_forbidden *forbidden);
	/*
	 * Close this one subflow, once, whatever its origin. -ENOENT: no such subflow. The last one
	 * that carries the connection goes only when another one of the plan is established, of the
	 * same pair if that is planned; if none is planned, it stays, and -EBUSY is reported.
	 */
	int (*drop)(struct mptcpd_plan *plan, const struct mptcpd_addr *local,
		    const struct mptcpd_addr *remote);
	/* Ask this plugin again not later than at_ms, though nothing may have changed. */
	void (*ask_again)(struct mptcpd_plan *plan, uint64_t at_ms);
	/*
	 * The paths so far, each with its link: the i-th, NULL past the end; and take the i-th away
	 * (-ENOENT).
	 */
	const struct mptcpd_path *(*get_path)(struct mptcpd_plan *plan, size_t i);
	int (*remove_path)(struct mptcpd_plan *plan, size_t i);
	/* Set the flags of the i-th path. -ENOENT, -EINVAL. */
	int (*set_path_flags)(struct mptcpd_plan *plan, size_t i, uint32_t flags);
	/*
	 * For plan_endpoints: want an endpoint, the more important ones first, because the kernel's
	 * table is small. -EEXIST: the address and port are in the plan already; of two links with
	 * the same address the one stays that is an endpoint now. -ENOSPC: the plan is full. -EADDRNOTAVAIL: the address is not ours or not usable (one that is only announced,
	 * flag signal alone, need not be ours). -EINVAL: flags that exclude each other.
	 */
	int (*add_endpoint)(struct mptcpd_plan *plan, const struct mptcpd_endpoint *endpoint);
	/* For plan_endpoints: the limits this host should have at least; UINT32_MAX leaves one alone. */
	int (*set_limits)(struct mptcpd_plan *plan, uint32_t subflows, uint32_t add_addr_accepted);
};

struct mptcpd_plugin {
	uint32_t abi; /* MPTCPD_PLUGIN_ABI */
	uint32_t size; /* sizeof(struct mptcpd_plugin); members are only appended */
	const char *name;
	const char *summary; /* one line */
	const struct mptcpd_setting *settings; /* its keys; values come in the same order */
	size_t n_settings;
	size_t memory_size; /* bytes of memory for each connection, 256 at most */
	/*
	 * One call for each group that names the plugin. `values` holds n_settings values. `data`
	 * is handed to all other calls. Returns 0 or a negative errno, which stops the start.
	 * May be NULL, like every function here.
	 */
	int (*start)(const struct mptcpd_value *values, void **data);
	void (*stop)(void *data);
	/* The endpoints and limits this host should have, for connections of the kernel's path manager. */
	void (*plan_endpoints)(void *data, const struct mptcpd_view *view,
			       struct mptcpd_plan *plan);
	/* The subflows and announcements this connection should have. */
	void (*plan_paths)(void *data, const struct mptcpd_view *view,
			   const struct mptcpd_connection *connection, struct mptcpd_plan *plan);
};

#endif
