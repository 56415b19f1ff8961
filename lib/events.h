/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The events that mptcpd tells those who monitor: each kind once, in the order of client.h, with its
 * name in D-Bus and JSON and the members of struct mptcpctl_event that go with it.
 */
#ifndef LIB_EVENTS_H
#define LIB_EVENTS_H

enum event_member {
	EVENT_HAS_TOKEN = 1 << 0, /* of a connection; with its side and policy */
	EVENT_HAS_LOCAL = 1 << 1,
	EVENT_HAS_REMOTE = 1 << 2,
	EVENT_HAS_LOCAL_ID = 1 << 3,
	EVENT_HAS_REMOTE_ID = 1 << 4,
	EVENT_HAS_SUBFLOW = 1 << 5, /* backup, peer-backup, and the interface by name */
	EVENT_HAS_ERROR = 1 << 6,
	EVENT_HAS_DENY = 1 << 7,
	EVENT_HAS_INTERFACE = 1 << 8, /* the object of the listing */
	EVENT_HAS_ENDPOINT = 1 << 9, /* the same */
	EVENT_HAS_WHAT = 1 << 10,
	EVENT_HAS_HEALTH = 1 << 11, /* health, and why */
};

#define EVENT_OF_CONNECTION (EVENT_HAS_TOKEN | EVENT_HAS_LOCAL | EVENT_HAS_REMOTE)
#define EVENT_OF_SUBFLOW                                                                           \
	(EVENT_OF_CONNECTION | EVENT_HAS_LOCAL_ID | EVENT_HAS_REMOTE_ID | EVENT_HAS_SUBFLOW)
#define EVENT_OF_ADDRESS (EVENT_HAS_TOKEN | EVENT_HAS_REMOTE | EVENT_HAS_REMOTE_ID)

/* EVENT(as in CHANGE_… and MPTCPCTL_…, its name, its members) */
#define EVENTS(EVENT)                                                                              \
	EVENT(CONNECTION_CREATED, "connection-created", EVENT_OF_CONNECTION | EVENT_HAS_DENY)      \
	EVENT(CONNECTION_ESTABLISHED, "connection-established",                                    \
	      EVENT_OF_CONNECTION | EVENT_HAS_DENY)                                                \
	EVENT(CONNECTION_CLOSED, "connection-closed", EVENT_OF_CONNECTION)                         \
	EVENT(SUBFLOW_ESTABLISHED, "subflow-established", EVENT_OF_SUBFLOW)                        \
	EVENT(SUBFLOW_CLOSED, "subflow-closed", EVENT_OF_SUBFLOW | EVENT_HAS_ERROR)                \
	EVENT(SUBFLOW_PRIORITY, "subflow-priority", EVENT_OF_SUBFLOW)                              \
	EVENT(ADDRESS_ANNOUNCED, "address-announced", EVENT_OF_ADDRESS)                            \
	EVENT(ADDRESS_REMOVED, "address-removed", EVENT_OF_ADDRESS)                                \
	EVENT(LISTENER_CREATED, "listener-created", EVENT_HAS_LOCAL)                               \
	EVENT(LISTENER_CLOSED, "listener-closed", EVENT_HAS_LOCAL)                                 \
	EVENT(INTERFACE_ADDED, "interface-added", EVENT_HAS_INTERFACE)                             \
	EVENT(INTERFACE_CHANGED, "interface-changed", EVENT_HAS_INTERFACE)                         \
	EVENT(INTERFACE_REMOVED, "interface-removed", EVENT_HAS_INTERFACE)                         \
	EVENT(INTERFACE_ADDRESS_ADDED, "interface-address-added",                                  \
	      EVENT_HAS_INTERFACE | EVENT_HAS_LOCAL)                                               \
	EVENT(INTERFACE_ADDRESS_CHANGED, "interface-address-changed",                              \
	      EVENT_HAS_INTERFACE | EVENT_HAS_LOCAL)                                               \
	EVENT(INTERFACE_ADDRESS_REMOVED, "interface-address-removed",                              \
	      EVENT_HAS_INTERFACE | EVENT_HAS_LOCAL)                                               \
	EVENT(ENDPOINT_ADDED, "endpoint-added", EVENT_HAS_ENDPOINT)                                \
	EVENT(ENDPOINT_CHANGED, "endpoint-changed", EVENT_HAS_ENDPOINT)                            \
	EVENT(ENDPOINT_REMOVED, "endpoint-removed", EVENT_HAS_ENDPOINT)                            \
	EVENT(LOST, "lost", EVENT_HAS_WHAT)                                                        \
	EVENT(RESYNCED, "resynced", EVENT_HAS_WHAT)                                                \
	EVENT(INTERFACE_HEALTH, "interface-health", EVENT_HAS_INTERFACE | EVENT_HAS_HEALTH)        \
	EVENT(SUBFLOW_HEALTH, "subflow-health", EVENT_OF_SUBFLOW | EVENT_HAS_HEALTH)

/* A row of a table of them. */
struct event_kind {
	const char *name; /* NULL: it is not told */
	unsigned int members;
};

#endif
