/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmptcpctl: changes as they happen. It comes with <mptcpctl/client.h>, whose errors, ownership and
 * units hold.
 */
#ifndef MPTCPCTL_MONITOR_H
#define MPTCPCTL_MONITOR_H

#include <mptcpctl/client.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mptcpctl_event_type {
	MPTCPCTL_SYNCHRONIZED, /* the present state has been told; from here on: changes */
	MPTCPCTL_CONNECTION_CREATED,
	MPTCPCTL_CONNECTION_ESTABLISHED,
	MPTCPCTL_CONNECTION_CLOSED,
	MPTCPCTL_SUBFLOW_ESTABLISHED,
	MPTCPCTL_SUBFLOW_CLOSED,
	MPTCPCTL_SUBFLOW_PRIORITY,
	MPTCPCTL_ADDRESS_ANNOUNCED, /* by the peer */
	MPTCPCTL_ADDRESS_REMOVED,
	MPTCPCTL_LISTENER_CREATED,
	MPTCPCTL_LISTENER_CLOSED,
	MPTCPCTL_INTERFACE_ADDED,
	MPTCPCTL_INTERFACE_CHANGED,
	MPTCPCTL_INTERFACE_REMOVED,
	MPTCPCTL_INTERFACE_ADDRESS_ADDED,
	MPTCPCTL_INTERFACE_ADDRESS_CHANGED,
	MPTCPCTL_INTERFACE_ADDRESS_REMOVED,
	MPTCPCTL_ENDPOINT_ADDED,
	MPTCPCTL_ENDPOINT_CHANGED,
	MPTCPCTL_ENDPOINT_REMOVED,
	/*
	 * Some changes are missing. `what` "monitor": this reader was too slow, and the present
	 * state follows anew. Else the kernel dropped events, and RESYNCED follows.
	 */
	MPTCPCTL_LOST,
	MPTCPCTL_RESYNCED,
	/* The far side of a link, or of a subflow alone, went silent or answers again. */
	MPTCPCTL_INTERFACE_HEALTH,
	MPTCPCTL_SUBFLOW_HEALTH,
};

/* Which members apply follows from the type; the others are NULL, 0 or false. */
struct mptcpctl_event {
	enum mptcpctl_event_type type;
	const char *name; /* the type as `mptcpctl monitor` writes it: "connection-created" … */
	uint64_t time_us; /* wall clock, since 1970 */
	uint32_t token;
	const char *side;
	const char *policy;
	struct mptcpctl_addr local, remote;
	uint8_t local_id, remote_id;
	bool backup, peer_backup, deny_join_id0;
	const char *error;
	const char *interface; /* the name */
	const struct mptcpctl_interface *interface_now; /* its state; NULL: gone */
	const struct mptcpctl_endpoint *endpoint;
	const char *what; /* LOST, RESYNCED: "connections", "host", "endpoints", "monitor" */
	const char *health; /* …_HEALTH: "well", "suspect", "silent", "unknown" */
	const char *health_reason, *health_text; /* the same: why */
	const char *family; /* INTERFACE_HEALTH: "ipv4", "ipv6", of which addresses */
	const char *reason, *text; /* SUBFLOW_CLOSED: why, as of struct mptcpctl_path; or NULL */
};

/*
 * Begin to monitor: first the present state as the same events, then SYNCHRONIZED, then each
 * change, with no gap and nothing twice. The events come from mptcpctl_dispatch(). -EALREADY: this
 * handle monitors already.
 *
 * While a handle monitors, use another one for everything else.
 */
int mptcpctl_monitor(struct mptcpctl *ctl,
		     int (*on_event)(void *data, const struct mptcpctl_event *event), void *data);

/*
 * The same without the present state: changes from now on, and nothing else. The handle may be used
 * for everything else meanwhile.
 */
int mptcpctl_follow(struct mptcpctl *ctl,
		    int (*on_event)(void *data, const struct mptcpctl_event *event), void *data);

/*
 * For your own loop: wait until the descriptor has these poll(2) events, or until the time is up
 * (milliseconds from now, -1: none), then dispatch. Ask for all three before each wait.
 */
int mptcpctl_fd(struct mptcpctl *ctl);
int mptcpctl_poll_events(struct mptcpctl *ctl);
int mptcpctl_timeout_ms(struct mptcpctl *ctl);
/*
 * Do what can be done without waiting, a little at a time. 1: call again before you wait; 0: wait;
 * negative: failure, -ENOTCONN when mptcpd has gone; or what on_event returned.
 */
int mptcpctl_dispatch(struct mptcpctl *ctl);

#ifdef __cplusplus
}
#endif

#endif
