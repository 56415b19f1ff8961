/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only way out of the engine: the kernel as functions. The real one is in kernel/, the fake
 * one in tests/. All are synchronous and return 0 or -errno, or a positive named outcome; none
 * may call back into the engine. The kernel queues the packet before they return.
 */
#ifndef CORE_OPS_H
#define CORE_OPS_H

#include "event.h"

/* What probe() found. */
enum probe {
	PROBE_USERSPACE = 1, /* alive, and ours to command */
	PROBE_KERNEL = 2, /* alive, under the kernel's path manager */
	PROBE_GONE = 3, /* no such connection (any more) */
};

/* What route() found. */
enum route {
	ROUTE_NONE = 1,
	ROUTE_UNICAST =
		2, /* the routing tables lead there, with this source, out of this interface */
	/*
	 * IPv4 only: no route, but the peer is a direct neighbour on another interface, and the
	 * kernel will look for it on this link too (two hosts joined by several cables).
	 */
	ROUTE_ON_LINK = 3,
	/* Of the world at large: no route leads everywhere, but some lead beyond the link. */
	ROUTE_SITE = 4,
};

/* What owner() may add. */
#define OWNER_ORPHAN 1
/* No number of a command. */
#define REFUSALS_LOST 0

/* What neighbour_known() found. */
enum neighbour {
	NEIGHBOUR_KNOWN = 1,
	NEIGHBOUR_SOUGHT = 2, /* from now on: packets wait for it */
	NEIGHBOUR_NONE = 3, /* no route leads there yet: nobody is to be sought */
};

/* What came of neighbours_seek(). */
enum seek {
	SEEK_SOME = 1, /* there are too many: not all of them are sought */
};

/* What listens() found. */
enum listens {
	LISTENS_NOBODY = 1, /* on that port */
	LISTENS_ELSEWHERE = 2, /* an application, but on other addresses */
	LISTENS_HERE = 3, /* an application, on this address or on all */
};

/* When a connection became plain TCP. */
enum fallback {
	FALLBACK_SYN, /* its SYNs with MPTCP were not answered */
	FALLBACK_ANSWER, /* the first answer had no MPTCP */
	FALLBACK_LATER,
};

/* MPTCP_PM_CMD_SUBFLOW_CREATE. */
struct subflow_request {
	struct mptcpd_addr local; /* port 0: ephemeral */
	struct mptcpd_addr remote; /* always with a port */
	uint8_t local_id, remote_id; /* remote_id 0: unknown, or the initial address */
	uint32_t flags; /* 0 or MPTCPD_FLAG_BACKUP */
	uint32_t ifindex; /* what the subflow is bound to */
	bool fixed_id; /* from a person, to the engine: local_id is meant, even if it is 0 */
};

/* What the kernel knows of one connection beside what snapshots tell. */
struct connection_detail {
	bool counts; /* the kernel counts these: Linux 6.5 */
	uint64_t bytes_sent, bytes_received;
	uint64_t reinjected; /* bytes that were sent again, by whichever subflow */
	uint32_t reinjections; /* how often that was begun */
	bool has_unacked;
	uint64_t unacked; /* bytes that the application wrote and the peer has not acknowledged */
};

/* … and of one subflow. */
struct subflow_detail {
	struct mptcpd_measure measure;
	char congestion_control[16]; /* "cubic", or "" */
	uint32_t unsent; /* bytes that were given to it and are not sent yet */
};

/* A command as the kernel room has made it ready: bytes that nobody else looks into. */
struct prepared {
	_Alignas(8) uint8_t bytes[160];
};

struct kernel_ops {
	/*
	 * Commands on a connection fail with -ENOTCONN when there is none with that token (any more);
	 * withdraw() with -EINVAL, as nobody has to be told.
	 * subflow_create() does so also before ESTABLISHED, and of one that is plain TCP. 0 means that a
	 * SYN was sent, no more.
	 */
	int (*subflow_create)(void *kernel, uint32_t token, const struct subflow_request *request);
	/*
	 * Close one subflow. `mapped` as the event had it. With local.port 0 the kernel room looks the
	 * port up among the sockets in SYN_SENT, of those bound to a link only among that link's (0:
	 * any). -ESRCH: no such subflow; -EAGAIN: the next look at those
	 * sockets is not due yet.
	 */
	int (*subflow_destroy)(void *kernel, uint32_t token, const struct mptcpd_addr *local,
			       const struct mptcpd_addr *remote, uint32_t ifindex, bool mapped);
	/* MP_PRIO, RFC 8684 section 3.3.8. */
	int (*subflow_backup)(void *kernel, uint32_t token, const struct mptcpd_addr *local,
			      const struct mptcpd_addr *remote, bool backup);
	/*
	 * Does the kernel hold the subflow, which is bound to ifindex, for a backup of ours? 1 or 0;
	 * -ENOENT: no such subflow. Before Linux 6.12 SUBFLOW_CREATE ignores the flag.
	 */
	int (*subflow_is_backup)(void *kernel, uint32_t token, const struct mptcpd_addr *local,
				 const struct mptcpd_addr *remote, uint32_t ifindex);
	/*
	 * The kernel's list of our own addresses in the connection, with their ids; those that were
	 * announced have MPTCPD_FLAG_SIGNAL. Returns how many, `room` at most; -EOPNOTSUPP before
	 * Linux 6.9. With token 0 the host's endpoints, which every kernel tells.
	 */
	int (*own_addresses)(void *kernel, uint32_t token, struct event_endpoint *ret_endpoints,
			     size_t room);
	/* ADD_ADDR, RFC 8684 section 3.4.1; id is not 0. */
	int (*announce)(void *kernel, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
			uint32_t ifindex);
	/* RM_ADDR, RFC 8684 section 3.4.2. */
	int (*withdraw)(void *kernel, uint32_t token, uint8_t id);
	/* Which path manager has the connection? enum probe, or -errno. */
	int (*probe)(void *kernel, uint32_t token);
	/*
	 * enum route, or -errno. `remote` of family 0 stands for the world at large; `mark` is that of
	 * the packets (SO_MARK), which rules may look at.
	 */
	int (*route)(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
		     const struct mptcpd_addr *remote, uint32_t mark);
	/* Is there a rule that looks at marks? 1, 0, or -errno. */
	int (*marks_matter)(void *kernel);
	/*
	 * Whose the connection's socket is, and its mark, which its subflows get too. 0; OWNER_ORPHAN:
	 * it has not been accepted yet, so that on older kernels a uid of 0 says nothing; -ENOENT: it
	 * is gone; or -errno.
	 */
	int (*owner)(void *kernel, uint32_t token, struct mptcpd_owner *ret_owner);
	/*
	 * The path of the cgroup with this id, from the root of the tree (of version 2) on. 0; -ENOENT:
	 * there is none, or none that can be seen; -EAGAIN: it is being looked for, and each call looks on
	 * a little; -EBUSY: it will be, so soon after the last time not yet. Id 0: look at all there are
	 * now, for later; -ENOENT: that is done.
	 */
	int (*cgroup)(void *kernel, uint64_t id, char *ret_path, size_t size);
	/*
	 * The interface by which the packets of a socket that is bound to none get from `local` to
	 * `remote` (of family 0: the world at large), as the routing tables say now: its index; 0: none,
	 * or several in turn; -errno.
	 */
	int (*egress)(void *kernel, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote, uint32_t mark);
	/*
	 * The table to which a rule about this source leads, but for main; 0: none; -errno. NULL: as 0.
	 * ret_before: the priority of a rule that comes before it and leads to the world; 0: there is none.
	 */
	int (*source_table)(void *kernel, const struct mptcpd_addr *local, uint32_t *ret_before);
	/*
	 * Seek those neighbours of a link anew that have not answered yet: the kernel asks again after a
	 * second, and so long whatever is to go there waits. What waits goes on waiting. 0, enum seek or
	 * -errno.
	 */
	int (*neighbours_seek)(void *kernel, uint32_t ifindex);
	/*
	 * Is the neighbour known to whom packets for `remote` go on that link? enum neighbour, or -errno.
	 * `anew`: where it has not answered yet, it is sought anew.
	 */
	int (*neighbour_known)(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
			       const struct mptcpd_addr *remote, bool anew);

	/* Commands made ready, for any connection: as subflow_create(), subflow_destroy(), withdraw(). */
	void (*prepare_create)(void *kernel, const struct subflow_request *request,
			       struct prepared *ret_command);
	void (*prepare_destroy)(void *kernel, const struct mptcpd_addr *local,
				const struct mptcpd_addr *remote, bool mapped,
				struct prepared *ret_command); /* both with their ports */
	void (*prepare_withdraw)(void *kernel, uint8_t id, struct prepared *ret_command);
	/*
	 * Give one without waiting: in order, and it is sent before any other command, by refusals(), or when
	 * engine_early() has seen all that came in one read. Returns a number greater than 0, or
	 * -errno. engine_refused() is told the number of one that was refused, unless refusals() was.
	 */
	int (*ask)(void *kernel, uint32_t token, const struct prepared *command);
	/*
	 * Send them, and tell the numbers of those refused: how many, `room` at most. What has no room
	 * is left for the next call. REFUSALS_LOST among them: others were refused, and nobody knows
	 * which; a snapshot of connections comes.
	 */
	size_t (*refusals)(void *kernel, int *ret_numbers, size_t room);

	/* The kernel's own path manager: endpoints and limits. */
	int (*endpoint_add)(void *kernel, const struct event_endpoint *endpoint); /* id 0: any */
	/* id 0: no endpoint but the address as the initial one of connections; they lose it. */
	int (*endpoint_delete)(void *kernel, const struct event_endpoint *endpoint);
	int (*endpoint_flags)(void *kernel, const struct event_endpoint *endpoint);
	/* All of them in one act: no join from one that is left, and ids begin at 1 again. */
	int (*endpoint_flush)(void *kernel);
	int (*limits_set)(void *kernel, const struct event_limits *limits);

	/*
	 * Rules and routes of ours, with ROUTING_PROTOCOL whatever `protocol` says. -EEXIST: it is there
	 * already, or something else is in its place; -ENOENT and -ESRCH: it is gone already. `replace`:
	 * in place of whatever the table has with that metric.
	 */
	int (*rule_add)(void *kernel, const struct event_rule *rule);
	int (*rule_delete)(void *kernel, const struct event_rule *rule);
	int (*route_add)(void *kernel, const struct event_route *route, bool replace);
	int (*route_delete)(void *kernel, const struct event_route *route);

	/* Keep a listening MPTCP socket on addr (which has a port); let it go when asked as often. */
	int (*listen)(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex);
	int (*unlisten)(void *kernel, const struct mptcpd_addr *addr);
	/*
	 * Which applications have listening MPTCP sockets for what comes to addr, which has a port, by
	 * the link `ifindex`? Those of listen() are none. enum listens, or -errno. Not `again`: as of
	 * the last answer.
	 */
	int (*listens)(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex, bool again);

	/*
	 * Ask for a snapshot; its records come later, as events from BEGIN to END. Asking again while
	 * one is under way makes it start over.
	 */
	int (*snapshot)(void *kernel, enum snapshot_kind kind);
	/*
	 * A brief one, which costs a fraction, and whose BEGIN says so: connections without their
	 * subflows, routing without others' routes. One that was asked for in full stays full.
	 */
	int (*snapshot_brief)(void *kernel, enum snapshot_kind kind);
	/*
	 * What the kernel has counted of connections of this namespace that became plain TCP then: its
	 * names and their numbers, or "" for nothing. 0 or -errno. NULL: nobody reads it.
	 */
	int (*fallbacks)(void *kernel, enum fallback when, char *ret_text, size_t size);
	/*
	 * Is reverse-path filtering of IPv4 strict on the interface of this name, as it is now? Nobody
	 * is told of changes. NULL: as events of links said.
	 */
	bool (*filters)(void *kernel, const char *interface);
	/*
	 * How often TCP here has waited in vain, for an acknowledgement or for an answer to a SYN, in
	 * any socket of this namespace: it stands still where all is well. And how many segments it
	 * has heard, which stands still where nothing is said. 0 or -errno. NULL: nobody looks whether
	 * the far sides of links answer.
	 */
	int (*answers)(void *kernel, uint64_t *ret_missed, uint64_t *ret_heard);
	/*
	 * Ask for evidence, which comes later as events up to EVENT_EVIDENCE_END: of the sockets that
	 * wait in vain, or measured and of all that are connected. -EBUSY: the last one has not ended.
	 */
	int (*look)(void *kernel, bool measured);
	/*
	 * The evidence of one subflow, measured; `ifindex` is what it is bound to, or 0. 0, -ENOENT:
	 * there is none such (any more), or -errno.
	 */
	int (*evidence)(void *kernel, const struct mptcpd_addr *local,
			const struct mptcpd_addr *remote, uint32_t ifindex,
			struct event_evidence *ret_evidence);
	/*
	 * Ask about one connection, and one subflow (bound to ifindex, or 0), now. 0, -ENOENT: there is
	 * none such (any more), or -errno. NULL: nobody can.
	 */
	int (*connection_detail)(void *kernel, uint32_t token,
				 struct connection_detail *ret_detail);
	int (*subflow_detail)(void *kernel, const struct mptcpd_addr *local,
			      const struct mptcpd_addr *remote, uint32_t ifindex,
			      struct subflow_detail *ret_detail);
	/* The kernel's own words on the last failed command (NETLINK_EXT_ACK), or "". */
	const char *(*error_text)(void *kernel);
};

#endif
