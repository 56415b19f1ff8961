/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmptcpctl: see and steer what mptcpd does. `pkg-config --cflags --libs libmptcpctl`.
 *
 *	struct mptcpctl *ctl;
 *	int r = mptcpctl_new(&ctl);
 *
 *	if (r == 0)
 *		r = mptcpctl_connect(ctl, NULL);
 *	if (r == 0)
 *		r = mptcpctl_list_connections(ctl, on_connection, NULL);
 *	if (r < 0)
 *		fprintf(stderr, "%s\n", ctl ? mptcpctl_error(ctl) : strerror(-r));
 *	mptcpctl_free(ctl);
 *
 * Errors. Functions that can fail return 0 (or what they say) on success and a negative errno on
 * failure; mptcpctl_error() then has a sentence for people. The same everywhere:
 *	-ENOTCONN	there is no mptcpd, or it has gone
 *	-EACCES		the caller may not do this
 *	-ENOENT		no such connection, subflow, interface …
 *	-EINVAL		mptcpd does not understand the request
 *	-ETIMEDOUT	mptcpd did not answer within 3 s; 30 s where it reads its configuration, two
 *			minutes where a person may be asked for a password
 *	-EBADMSG	what it answers cannot be understood, or has no end
 *	-EOPNOTSUPP	mptcpd is older than this library and cannot do it; or the connection is TCP by now
 *	-EPERM		the connection is under the kernel's path manager, which alone changes it
 *	-ENOMEM		out of memory
 *	others		what the kernel answered
 *
 * Ownership. What a callback is given, strings included, is valid until that callback returns;
 * copy what you keep. A callback returns 0 to go on; another value stops the listing, and is what
 * the listing returns. It must not use the handle it is called for. Later versions append members to
 * the structures below and may add events: do not allocate or copy the structures as a whole, and
 * ignore events you do not know.
 *
 * Units. Ports are in host order; times are microseconds (_us) or milliseconds (_ms). A string
 * that does not apply is NULL; an address that does not apply has `address` NULL.
 *
 * Words. A `reason` says to programs why something is as it is, the `text` beside it the same to people,
 * and `remedy` what can be done. Where there is no `text`, of interfaces and their addresses, `reason` is
 * for people.
 *
 * Threads. One handle belongs to one thread at a time. The library keeps no global state, starts
 * no thread, installs no signal handler and prints nothing.
 */
#ifndef MPTCPCTL_CLIENT_H
#define MPTCPCTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mptcpctl;

/* Make a handle, not yet connected. -ENOMEM; the handle is then NULL. */
int mptcpctl_new(struct mptcpctl **ret_ctl);
/* Hang up and free it. NULL is fine. */
void mptcpctl_free(struct mptcpctl *ctl);
/*
 * Connect: to `socket`, else to $MPTCPCTL_SOCKET if that is set, else to /run/mptcpd/control, else
 * to org.mptcpd1 on the system bus. -ENOTCONN: nobody is there; -EACCES: no access to the socket.
 * Where none is named, an action that /run/mptcpd/control does not permit is asked for once more over the
 * system bus, where polkit may.
 */
int mptcpctl_connect(struct mptcpctl *ctl, const char *socket);
/* Connect to org.mptcpd1 on the system bus, and to no socket. */
int mptcpctl_connect_bus(struct mptcpctl *ctl);
/*
 * Connect by a stream socket that the caller has connected already, and which belongs to the handle
 * from now on, whatever this returns. Whoever serves it may take half a minute to begin.
 */
int mptcpctl_connect_fd(struct mptcpctl *ctl, int fd);
/* What went wrong in the last call that failed, in words; "" if none did. Lives until the next call. */
const char *mptcpctl_error(const struct mptcpctl *ctl);

/* ---- values ---- */

struct mptcpctl_addr {
	const char *address; /* "10.0.0.1", "2001:db8::1" */
	uint16_t port; /* 0: none, or any */
};

/* An address that was announced, and its MPTCP address id. */
struct mptcpctl_address {
	const struct mptcpctl_address *next;
	struct mptcpctl_addr addr;
	uint8_t id;
};

struct mptcpctl_subflow {
	const struct mptcpctl_subflow *next;
	struct mptcpctl_addr local, remote;
	uint8_t local_id, remote_id;
	const char *interface; /* or NULL: not known */
	const char *state; /* "pending", "established", "closing" */
	const char *origin; /* "application", "policy", "peer", "admin", or NULL: not known */
	const char *error; /* or NULL */
	bool initial, backup, peer_backup;
	bool measured; /* the following are known */
	uint32_t rtt_us, retransmits;
	uint64_t bytes_sent, bytes_received;
	const char *health; /* "well", "suspect", "silent", "unknown"; NULL: not known */
	bool has_age, has_share, has_rates; /* these are known: */
	uint64_t age_ms; /* since it was established, or asked for */
	uint64_t measured_ms_ago;
	uint32_t share; /* of the bytes of all subflows there are, both ways, in millionths */
	/* Bytes a second, since it was measured before: within the last minute, or it is not known. */
	uint64_t send_rate, receive_rate;
	/* Of a connection that was asked for alone, or for a screen: */
	const char *congestion_control; /* "cubic" …; NULL: not known */
	bool has_unsent;
	uint64_t unsent_bytes; /* that were given to it and are not sent yet */
};

struct mptcpctl_connection {
	uint32_t token;
	const char *state; /* "created", "established", "closing" */
	const char *side; /* "client", "server", "unknown" */
	const char *path_manager; /* "kernel", "userspace", "unknown" */
	const char *policy; /* its group's name in the configuration, or NULL */
	bool fallback; /* it has fallen back to plain TCP */
	bool deny_join_id0; /* the peer takes no joins to its initial address */
	struct mptcpctl_addr local, remote;
	const struct mptcpctl_subflow *subflows;
	const struct mptcpctl_address *announced, *peer_addresses;
	/* Nobody can tell them: the list is NULL for that. */
	bool announced_unknown, peer_addresses_unknown;
	bool has_age; /* false: it was there before mptcpd */
	uint64_t age_ms;
	bool counted; /* the next are known; before Linux 6.5 they are not */
	uint64_t bytes_sent, bytes_received; /* payload, by subflows that ended, too */
	/* Of one that was asked for alone, or for a screen; what else the kernel knows. */
	bool has_unacknowledged;
	uint64_t unacknowledged_bytes; /* the application wrote them: they wait, or are under way */
	bool has_reinjected; /* the following are known: Linux 6.5 */
	uint64_t reinjected_bytes; /* sent again, by whichever subflow */
	uint32_t reinjections; /* how often that was begun */
	const char
		*scheduler; /* that new connections get: of older ones no kernel tells; or NULL */
	/* Of one on a screen, once two samples were taken: bytes a second. */
	bool rated;
	uint64_t rate_sent, rate_received;
};

/* An endpoint of the kernel's path manager, or one that mptcpd wants and cannot have yet. */
struct mptcpctl_endpoint {
	uint8_t id; /* 0: it is not in the kernel */
	struct mptcpctl_addr addr;
	const char *interface; /* or NULL */
	const char *const *flags; /* NULL-terminated, as `ip mptcp endpoint` names them */
	const char *owner; /* "mptcpd", "other"; NULL: not known (any more) */
	/*
	 * "present"; "leaving": it is to go or to change, and does so when no connection needs it;
	 * "waiting": wanted, and there is no place; "held-off": wanted, and somebody deleted it. NULL:
	 * not known.
	 */
	const char *state;
	const char *reason, *text; /* why it is not simply present; NULL: it is */
	uint64_t needed_by; /* connections that a leaving one waits for */
};

struct mptcpctl_limits {
	uint32_t subflows, add_addr_accepted;
};

struct mptcpctl_interface_address {
	const struct mptcpctl_interface_address *next;
	const char *address;
	const char *reason; /* for people: why it is not used; NULL: it is */
	uint8_t prefix;
	bool usable;
	/*
	 * The rule by which what carries the address leaves: whose it is, "mptcpd" or "other"; the table
	 * that it leads to, 0: none; and the gateway there. Not known without source-routing.
	 */
	const char *source_rule;
	uint32_t route_table;
	const char *gateway;
	/* Of the endpoint that somebody else made for it, in place of its link's; NULL: they hold. */
	const char *const *foreign_flags;
};

struct mptcpctl_interface {
	const char *name;
	const char *type; /* "ethernet", "wifi", "wwan" …; NULL: not known */
	const char *reason; /* for people: why it is not used; NULL: it is */
	const char *const *flags;
	const struct mptcpctl_interface_address *addresses;
	uint32_t index;
	bool up, carrier;
	bool use; /* paths may use it */
	bool route_ipv4, route_ipv6;
	bool rp_filter_strict; /* net.ipv4.conf.*.rp_filter is 1: answers may be dropped */
	/*
	 * Does the far side answer? "well", "suspect", "silent", "unknown": of each family, and the
	 * worse of both, with the time since 1970 when it got so (0: not known), and why.
	 */
	const char *health, *health_ipv4, *health_ipv6;
	uint64_t health_since_ms;
	const char *health_reason, *health_text;
};

struct mptcpctl_setting {
	const struct mptcpctl_setting *next;
	const char *key, *value;
};

struct mptcpctl_policy {
	const char *name;
	const char *const *plugins;
	const struct mptcpctl_setting *match, *settings;
	uint64_t connections;
	bool decides; /* false: the path manager is the kernel's, and policies decide nothing */
};

/* A plugin that crashed, or hung, and is not asked any more. */
struct mptcpctl_aside {
	const struct mptcpctl_aside *next;
	const char *plugin;
	uint32_t token; /* of the connection; 0: for all */
	uint64_t since_ms; /* since 1970 */
};

/* Something that is not as it should be. */
struct mptcpctl_warning {
	const struct mptcpctl_warning *next;
	/* "blackhole", "mptcp-disabled", "rp-filter" …, as of `mptcpctl status`; more by addition. */
	const char *reason, *text, *remedy;
};

struct mptcpctl_status {
	const char *version;
	const char *path_manager;
	const char *const *plugins;
	const char *const *config; /* files */
	uint64_t connections, subflows, endpoints;
	uint64_t events, events_lost, events_bad, malformed, resyncs;
	uint64_t commands, command_errors, plans_refused;
	uint64_t uptime_ms;
	uint64_t announcements_refused; /* addresses of peers that cannot be theirs */
	bool degraded; /* something is not as the configuration says, and stays so until mended */
	const struct mptcpctl_aside *asides;
	bool mptcp_enabled; /* net.mptcp.enabled */
	/* The kernel makes plain TCP connections since and until then, in ms since 1970; 0: not known. */
	uint64_t blackhole_since_ms, blackhole_until_ms;
	const struct mptcpctl_warning *warnings;
	bool counted; /* the next are known: connections */
	uint64_t multi_path; /* with two established subflows or more */
	uint64_t single_path; /* with one, or none */
	uint64_t fallen_back; /* which are TCP by now, and neither of these */
	uint64_t unhealthy; /* of all these, with a subflow that is silent or suspect */
};

struct mptcpctl_path {
	const struct mptcpctl_path *next;
	struct mptcpctl_addr local, remote;
	const char *interface;
	const char *wanted_by; /* a plugin, "admin", or NULL */
	const char *forbidden_by; /* or NULL */
	const char *state; /* "established", "pending", "waiting", "refused", "unwanted" */
	const char *error; /* or NULL */
	uint32_t attempts; /* failures in a row */
	bool backup;
	bool has_next_try;
	uint64_t next_try_ms; /* from now */
	/* Why it is not there, or not as it should be. */
	const char *reason, *text, *remedy;
};

struct mptcpctl_announcement {
	const struct mptcpctl_announcement *next;
	struct mptcpctl_addr addr;
	const char *wanted_by;
	uint8_t id; /* 0: it is not announced, for a reason */
	bool sent, listening;
	bool joined; /* subflows came of it */
	const char *reason, *text, *remedy; /* why nothing comes of it */
};

/* A line of the configuration, as it counts after all files were layered. */
struct mptcpctl_config {
	const char *group; /* "core", "policy:default" */
	const char *key, *value;
	const char *file; /* "default": none says it */
	uint32_t line; /* 0: none */
};

/* What becomes of each path that one connection should have, or has. */
struct mptcpctl_explanation {
	uint32_t token;
	const char *policy; /* or NULL */
	const struct mptcpctl_path *paths;
	const struct mptcpctl_announcement *announcements;
	const char *text; /* what its policy says of what it decided, for people; or NULL */
	const char *side, *path_manager; /* as of struct mptcpctl_connection; or NULL */
};

/* A connection that there is not. */
struct mptcpctl_supposed {
	struct mptcpctl_addr local, remote; /* port 0: not said */
	const char *side; /* "client", "server"; NULL: client */
	const char *interface; /* by which it goes; NULL: that of its address */
	const char *cgroup; /* in which its socket was made; NULL: not said */
	bool has_uid, has_mark; /* are these said? */
	uint32_t uid, mark;
};

/* What would become of it. */
struct mptcpctl_policy_test {
	const char *policy; /* the first group that matches, or NULL */
	const char *interface; /* or NULL */
	/*
	 * Why no policy decides, a word: "no-match", "open" (something is missing), "path-manager" (the
	 * kernel's), "interface", "set-aside", "unknown", more by addition; and in words. NULL: it does.
	 */
	const char *reason, *text;
	const char *const *missing; /* facts on which it depends: "uid", "local-port" … */
	const struct mptcpctl_path *paths; /* those it would have, the initial one included */
	const struct mptcpctl_announcement *announcements;
};

/* ---- listings ---- */

int mptcpctl_get_status(struct mptcpctl *ctl,
			int (*on_status)(void *data, const struct mptcpctl_status *status),
			void *data);
/* In order of their arrival. One that comes or goes while this runs may be listed or not. */
int mptcpctl_list_connections(struct mptcpctl *ctl,
			      int (*on_connection)(void *data,
						   const struct mptcpctl_connection *connection),
			      void *data);
/* -ENOENT: no such connection. */
int mptcpctl_get_connection(struct mptcpctl *ctl, uint32_t token,
			    int (*on_connection)(void *data,
						 const struct mptcpctl_connection *connection),
			    void *data);
/* By index. */
int mptcpctl_list_interfaces(struct mptcpctl *ctl,
			     int (*on_interface)(void *data,
						 const struct mptcpctl_interface *interface),
			     void *data);
/* Those of the kernel's own path manager, by id. */
int mptcpctl_list_endpoints(struct mptcpctl *ctl,
			    int (*on_endpoint)(void *data,
					       const struct mptcpctl_endpoint *endpoint),
			    void *data);
/* -ENOENT: mptcpd does not know them (yet). */
int mptcpctl_get_limits(struct mptcpctl *ctl,
			int (*on_limits)(void *data, const struct mptcpctl_limits *limits),
			void *data);
/* In the order in which they are tried. */
int mptcpctl_list_policies(struct mptcpctl *ctl,
			   int (*on_policy)(void *data, const struct mptcpctl_policy *policy),
			   void *data);
/* Which policy would decide for a connection, and which paths it would plan now. -EINVAL: no such one. */
int mptcpctl_test_policy(struct mptcpctl *ctl, const struct mptcpctl_supposed *supposed,
			 int (*on_test)(void *data, const struct mptcpctl_policy_test *test),
			 void *data);
/* -ENOENT: no such connection. */
int mptcpctl_explain(struct mptcpctl *ctl, uint32_t token,
		     int (*on_explanation)(void *data,
					   const struct mptcpctl_explanation *explanation),
		     void *data);
/* The same of all connections, in order of their arrival. */
int mptcpctl_list_explanations(
	struct mptcpctl *ctl,
	int (*on_explanation)(void *data, const struct mptcpctl_explanation *explanation),
	void *data);

/* The configuration in use, group by group, with what holds by default. */
int mptcpctl_list_config(struct mptcpctl *ctl,
			 int (*on_config)(void *data, const struct mptcpctl_config *config),
			 void *data);

/*
 * ---- actions ----
 *
 * For root and the user that runs mptcpd, and over the system bus for whom polkit lets; others get
 * -EACCES. What is asked for here is the administrator's: no policy undoes it, nor makes it again.
 */

struct mptcpctl_subflow_request {
	struct mptcpctl_addr local; /* port 0: any free one */
	struct mptcpctl_addr remote; /* with its port */
	const char *interface; /* NULL: the one that has the local address */
	uint8_t local_id; /* 0: mptcpd chooses */
	bool backup;
	bool initial_id; /* local_id 0 is meant: the id of the address the connection began on */
};

/* Ask for one. 0 means that a SYN was sent: whether the peer takes it is told by an event. */
int mptcpctl_subflow_add(struct mptcpctl *ctl, uint32_t token,
			 const struct mptcpctl_subflow_request *request);
/* Close one, named by both addresses and ports. */
int mptcpctl_subflow_delete(struct mptcpctl *ctl, uint32_t token, const struct mptcpctl_addr *local,
			    const struct mptcpctl_addr *remote);
/* Ask the peer to treat it as backup, or not to. A port 0 matches any. */
int mptcpctl_subflow_change(struct mptcpctl *ctl, uint32_t token, const struct mptcpctl_addr *local,
			    const struct mptcpctl_addr *remote, bool backup);
/*
 * Announce an address to the peer (ADD_ADDR, RFC 8684 section 3.4.1) under an id from 1 to 255. A
 * port means that mptcpd listens there if the address is one of this host. `interface` is where
 * joins to it come in, or NULL.
 */
int mptcpctl_announce(struct mptcpctl *ctl, uint32_t token, const struct mptcpctl_addr *addr,
		      uint8_t id, const char *interface);
/*
 * Take it back (RM_ADDR, section 3.4.2): the peer closes what uses it. Id 0 is the address the
 * connection began on. -ENOENT: no such id.
 */
int mptcpctl_withdraw(struct mptcpctl *ctl, uint32_t token, uint8_t id);

struct mptcpctl_endpoint_request {
	struct mptcpctl_addr addr; /* a port goes with the flag "signal" alone */
	const char *interface; /* NULL: any */
	const char *const *flags; /* NULL-terminated, as `ip mptcp` names them; or NULL */
	uint8_t id; /* 0: the kernel chooses */
};

/* Endpoints of the kernel's own path manager. They stay when mptcpd ends. */
int mptcpctl_endpoint_add(struct mptcpctl *ctl, const struct mptcpctl_endpoint_request *request);
/*
 * Set and clear flags ("backup", "fullmesh") of the endpoint with this id, or with id 0 of the one
 * with this address; both must hold if both are given, and `addr` may be NULL if the id is not 0.
 * The lists are NULL-terminated, or NULL. -ENOENT: no such endpoint; the same for the next.
 */
int mptcpctl_endpoint_change(struct mptcpctl *ctl, uint8_t id, const struct mptcpctl_addr *addr,
			     const char *const *set, const char *const *clear);
/* The kernel closes every subflow that began on its address, the initial ones of connections too. */
int mptcpctl_endpoint_delete(struct mptcpctl *ctl, uint8_t id, const struct mptcpctl_addr *addr);
/* Likewise all in one act: the kernel joins from none that would be left for a moment. */
int mptcpctl_endpoint_flush(struct mptcpctl *ctl);
/*
 * Delete no endpoint: connections that began on this address tell their peers that it is gone
 * (RM_ADDR of id 0) and close what began on it.
 */
int mptcpctl_endpoint_delete_initial(struct mptcpctl *ctl, const struct mptcpctl_addr *addr);
/* UINT32_MAX leaves a limit as it is. */
int mptcpctl_limits_set(struct mptcpctl *ctl, const struct mptcpctl_limits *limits);

/*
 * Have mptcpd read its configuration again. On failure it goes on with the old one, and
 * mptcpctl_error() has all faults, one a line: "FILE:LINE: …".
 */
int mptcpctl_reload(struct mptcpctl *ctl);
/*
 * Have mptcpd check its configuration files as they are now, without taking them. `on_result` is
 * told whether they are good, and the faults, or else the warnings, one a line ("" for none).
 */
int mptcpctl_check_config(struct mptcpctl *ctl,
			  int (*on_result)(void *data, bool good, const char *text), void *data);

#ifdef __cplusplus
}
#endif

#include <mptcpctl/monitor.h>

#endif
