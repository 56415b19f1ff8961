/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operator's rules, as values: which interfaces are used and how, and which policy decides
 * for which connection. Read by the engine and the model, made by config.c (or by a test).
 */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include <mptcpd/plugin.h>

#include "event.h"

/* Should peers of ours be told not to join the address and port they connected to (the C flag)? */
enum deny_join {
	DENY_JOIN_KEEP, /* as net.mptcp.allow_join_initial_addr_port says */
	DENY_JOIN_NO,
	DENY_JOIN_YES,
};

enum use {
	USE_AUTO, /* kinds of interface that rarely lead anywhere are left out */
	USE_YES,
	USE_NO,
};

/* Is mptcpd to listen on announced addresses on which no application does? */
enum listen {
	LISTEN_AUTO, /* as plugins say */
	LISTEN_NO,
	LISTEN_YES, /* as long as they are announced */
};

/* `source-routing` */
enum source_routing {
	SOURCE_ROUTING_NO,
	SOURCE_ROUTING_AUTO, /* where a family has several default routes */
	SOURCE_ROUTING_YES, /* … always, and what has lost its default route gets no further */
};

/* Kinds of address that count only when named (`addresses =`). */
enum address_kind {
	ADDRESS_LINK_LOCAL = 1 << 0,
	ADDRESS_UNIQUE_LOCAL = 1 << 1,
	ADDRESS_TEMPORARY = 1 << 2, /* these two: though the kernel prefers the other kind */
	ADDRESS_DEPRECATED = 1 << 3,
	ADDRESS_STABLE = 1 << 4,
};

#define PROBE_TARGETS_MAX 8

/* What is asked whether a link leads anywhere. */
struct probe_rule {
	struct mptcpd_addr targets[PROBE_TARGETS_MAX]; /* by TCP; those without a port by ICMP */
	size_t n_targets; /* 0: nothing is asked */
	uint64_t interval_ms, timeout_ms;
	uint64_t failures; /* in a row, to be taken for a failure */
};

/* One [interface:…] group; the first in order that matches decides. */
struct interface_rule {
	char *match; /* the text after the colon: glob, "type:NAME" or prefix */
	bool by_type; /* match is type */
	uint8_t type; /* enum mptcpd_link_type */
	uint8_t prefix; /* of net */
	struct mptcpd_addr net; /* family 0: not by prefix */
	enum use use;
	uint32_t flags; /* MPTCPD_FLAG_* */
	bool has_flags; /* else the default of the path manager in charge */
	uint32_t addresses; /* enum address_kind bits that count too */
	struct mptcpd_addr announce; /* public address behind 1:1 NAT, family 0: none */
	enum listen listen;
	bool health_off; /* nobody looks whether the far side answers */
	bool has_recover;
	uint32_t silent_after_ms; /* 0: as by default */
	uint32_t recover_ms; /* if has_recover */
	bool rp_filter_loose; /* loosen a strict rp_filter while in use; else leave it */
	struct probe_rule probe;
	struct mptcpd_addr gateways[2]; /* of IPv4 and IPv6; family 0: as the routes say */
};

/* One plugin of a policy, started; one that is set aside for all has no function. */
struct policy_plugin {
	const struct mptcpd_plugin *plugin;
	void *data; /* the plugin's own */
	size_t memory_offset; /* of its memory in the connection's */
	uint64_t id; /* for guard.h */
	struct mptcpd_value *values; /* of its settings, owned by whoever started it; NULL: none */
};

/* The addresses of which the first `prefix` bits are these. */
struct net {
	struct mptcpd_addr addr;
	uint8_t prefix;
};

/* The longest path of a cgroup that is looked at, with its NUL. */
#define CGROUP_PATH_SIZE 1024

/* User ids, both included. */
struct uid_range {
	uint32_t min, max;
};

/* Marks whose bits in `mask` are these. */
struct mark_bits {
	uint32_t value, mask;
};

/*
 * What a group asks of the initial subflow, and of whose socket it is. Of a list one is to hold; one of
 * none asks nothing.
 */
struct policy_match {
	uint8_t side; /* enum mptcpd_side; MPTCPD_SIDE_UNKNOWN: any */
	struct mptcpd_list locals, remotes; /* of struct net */
	struct mptcpd_list local_ports, remote_ports; /* of struct mptcpd_ports */
	struct mptcpd_list interfaces; /* of const char *: globs */
	/* Of the socket: only a request to the kernel tells it. */
	struct mptcpd_list uids; /* of struct uid_range */
	struct mptcpd_list marks; /* of struct mark_bits */
	struct mptcpd_list cgroups; /* of const char *: globs, each for what is below it too */
};

/* One [policy:…] group; the first in order whose matches all hold decides. */
struct policy {
	char *name;
	struct policy_match match;
	struct policy_plugin *plugins; /* in the order of the stack */
	size_t n_plugins;
	size_t memory_size; /* of all plugins together */
	uint32_t needs; /* enum mptcpd_need bits, of all together */
	uint32_t traits; /* enum mptcpd_trait bits, of each of them */
};

struct rules {
	bool manage_path_manager; /* false: path-manager = unmanaged */
	enum path_manager path_manager;
	enum deny_join deny_join_initial;
	struct interface_rule *interfaces;
	size_t n_interfaces;
	struct policy *policies;
	size_t n_policies;
	struct policy_plugin endpoints; /* plugin NULL: none */
	uint32_t endpoint_flags; /* for interfaces without flags of their own */
	uint64_t endpoint_hold_ms; /* how long one in use outlives its route or address */
	bool mend_foreign; /* have the kernel try endpoints of others again */
	bool rejoin_eager; /* renew an endpoint though other subflows of it are well */
	enum source_routing source_routing;
	uint32_t route_table; /* and the index of the interface: the number of its table */
	bool spare_new_connections; /* a link that is silent; only with source routing */
	uint32_t rule_priority; /* of an address's first rule; its second one has the next */
};

/*
 * The rule for an interface by its name and type; NULL: none matches. Prefix rules are skipped.
 * `as_tunnel`: rules for tunnels are for it too.
 */
const struct interface_rule *rules_for_interface(const struct rules *rules, const char *name,
						 enum mptcpd_link_type type, bool as_tunnel);
/* The same for one address on it, prefix rules included, in file order. */
const struct interface_rule *rules_for_address(const struct rules *rules, const char *name,
					       enum mptcpd_link_type type, bool as_tunnel,
					       const struct mptcpd_addr *addr);
/* Facts that not every connection is asked for. */
enum fact {
	FACT_LOCAL_PORT = 1 << 0,
	FACT_UID = 1 << 1,
	FACT_MARK = 1 << 2,
	FACT_CGROUP = 1 << 3,
	FACT_REMOTE_PORT = 1 << 4, /* unknown of what a person asks for alone */
};
#define FACTS_OF_OWNER (FACT_UID | FACT_MARK | FACT_CGROUP)

/*
 * A connection, as far as policies may ask for it. Facts that are known to be nothing match nothing;
 * those that are not known yet leave it open who decides.
 */
struct subject {
	enum mptcpd_side side;
	struct mptcpd_addr local, remote; /* of its initial subflow */
	const char *interface; /* by which that goes, or "" */
	uint32_t unknown; /* enum fact bits: of these, and of no others, nothing is known yet */
	uint32_t uid; /* UINT32_MAX: of nobody here */
	uint32_t mark;
	const char *cgroup; /* its path from the root of the tree, or "" */
};

struct choice {
	const struct policy *policy; /* NULL: none */
	/* enum fact bits: what has to be known first, to say whether it is this policy; 0: it is */
	uint32_t missing;
	uint32_t asked; /* enum fact bits: on what else than addresses and links it depends */
};

/* The policy of a connection: the first group that matches. */
struct choice rules_for_connection(const struct rules *rules, const struct subject *subject);
/* Is there a group that asks for one of these facts? */
bool rules_ask(const struct rules *rules, uint32_t facts);

/* How many types of link there are. */
#define LINK_TYPES (MPTCPD_LINK_TAP + 1)

/* Names as the configuration and JSON write them ("wifi"), and back (-1: unknown). */
const char *link_type_name(enum mptcpd_link_type type);
int link_type_from_name(const char *name);

#endif
