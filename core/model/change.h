/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the model tells of an event that it applied. */
#ifndef CORE_CHANGE_H
#define CORE_CHANGE_H

#include "event.h"

struct connection;
struct policy;
struct subflow;

enum change_type {
	CHANGE_NONE, /* nothing new in it */
	CHANGE_CONNECTION_CREATED,
	CHANGE_CONNECTION_ESTABLISHED,
	CHANGE_CONNECTION_UPDATED, /* a snapshot knew better; no event of its own */
	CHANGE_CONNECTION_CLOSED,
	CHANGE_SUBFLOW_ESTABLISHED,
	CHANGE_SUBFLOW_CLOSED,
	CHANGE_SUBFLOW_PRIORITY,
	CHANGE_ADDRESS_ANNOUNCED,
	CHANGE_ADDRESS_REMOVED,
	CHANGE_LISTENER_CREATED,
	CHANGE_LISTENER_CLOSED,
	CHANGE_INTERFACE_ADDED,
	CHANGE_INTERFACE_CHANGED,
	CHANGE_INTERFACE_REMOVED,
	CHANGE_INTERFACE_ADDRESS_ADDED,
	CHANGE_INTERFACE_ADDRESS_CHANGED,
	CHANGE_INTERFACE_ADDRESS_REMOVED,
	CHANGE_ROUTES,
	CHANGE_ENDPOINT_ADDED,
	CHANGE_ENDPOINT_CHANGED,
	CHANGE_ENDPOINT_REMOVED,
	CHANGE_LIMITS,
	CHANGE_PATH_MANAGER,
	CHANGE_LOST,
	CHANGE_RESYNCED,
	CHANGE_SNAPSHOT_FAILED, /* error tells why */
	CHANGE_INTERFACE_HEALTH,
	CHANGE_SUBFLOW_HEALTH,
};

/* Who closed a subflow. */
enum subflow_end {
	SUBFLOW_END_ITSELF, /* not we: the peer, the kernel, another program */
	SUBFLOW_END_UNWANTED, /* no plan wants it, or it can carry nothing any more */
	SUBFLOW_END_FORBIDDEN, /* a plan forbids it */
	SUBFLOW_END_ADMIN, /* a person */
};

/* The change that one event made, in values that stay true after the thing itself is gone. */
struct change {
	enum change_type type;
	uint32_t token;
	uint64_t connection_serial; /* of the connection the token names; 0: none, or unknown */
	uint8_t side;
	struct mptcpd_addr local, remote;
	uint8_t local_id, remote_id; /* also the id of a peer's address and of an endpoint */
	uint32_t ifindex;
	char interface[MPTCPD_IFNAME_SIZE]; /* its name, in changes of the host */
	uint32_t flags; /* of an endpoint */
	uint8_t prefix; /* of an address of ours */
	uint8_t family; /* INTERFACE_HEALTH: of which addresses */
	uint8_t health; /* …_HEALTH: enum mptcpd_health, */
	uint8_t health_reason; /* and enum health_reason */
	bool ours; /* an endpoint of ours */
	bool initial, backup, peer_backup, deny_join_id0;
	bool awaited; /* of a subflow, what it was told: it is there, or it is gone */
	bool unmade; /* a subflow that ended without ever having been established */
	bool joined; /* one that was pending is established, after */
	uint32_t joined_ms; /* so long */
	bool unbound; /* one that the kernel did not bind, though it was asked to */
	uint8_t error;
	uint8_t reset; /* as of struct event_subflow */
	uint8_t end; /* enum subflow_end, of one that is closed */
	enum snapshot_kind snapshot;
	/* is more than the named thing touched? */
	bool established; /* the connection got established along with it */
	bool host; /* usable addresses, their flags or routes may differ now */
	bool resync; /* the model met something it cannot know: a snapshot of `snapshot` is due */
	bool as_judged; /* INTERFACE_CHANGED: it is the same, but used otherwise, or has other routes */
	bool returned; /* an interface that was down or without carrier works again */
	uint8_t news; /* ROUTES: enum routing_news */
	bool whose; /* the socket of the connection has another user, mark or cgroup */
	bool after_loss; /* RESYNCED: because events were lost, and not by routine */
	const char *refused; /* why an announced address is not used, in words; NULL: it may be */
	const struct policy *policy; /* of the connection, as long as the rules are; or NULL */
};

/* Fill in which connection, or which subflow of it, a change is about. */
void connection_describe(const struct connection *connection, struct change *change);
void subflow_describe(const struct connection *connection, const struct subflow *subflow,
		      struct change *change);

#endif
