/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real kernel behind struct kernel_ops: everything netlink of one network namespace.
 *
 * It owns no loop: it hands out file descriptors, and says what happened by calling on_event when
 * it is told that one of them is readable. All calls are from one thread.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "ops.h"

struct kernel;

/* The most descriptors kernel_fds() returns. */
#define KERNEL_FDS (6 + SNAPSHOT_KINDS)

struct kernel_counters {
	uint64_t malformed; /* netlink messages dropped because they were not what they should be */
	uint64_t unknown; /* well-formed, of a kind this version does not know */
	uint64_t snapshots_failed; /* ended without their SNAPSHOT_END */
};

/* Who is told what happens. */
struct kernel_reader {
	void (*on_event)(void *data, const struct event *event);
	/*
	 * Connections that are established, before on_event is called for whatever came in the same
	 * read: for who asks for subflows at once. May be NULL.
	 */
	void (*on_early)(void *data, const struct event *event);
	/* What was asked for by ops->ask() was refused. NULL where nothing is asked for. */
	void (*on_refused)(void *data, int number);
	/*
	 * A record of a dump is the next but a few, and of this connection: for who has so many that
	 * what is known of one is not at hand. May be NULL.
	 */
	void (*on_soon)(void *data, uint32_t token);
	void *data;
};

/*
 * Open all sockets and join all groups. On failure returns -errno and, in `ret_why`, one line
 * that tells an operator what to do: -EPROTONOSUPPORT no MPTCP in this kernel (or path-manager
 * events unknown to it), -EPERM CAP_NET_ADMIN is missing. Where MPTCP is only switched off
 * (net.mptcp.enabled) all of it works, and no connection comes.
 */
int kernel_new(const struct kernel_reader *reader, struct kernel **ret_kernel,
	       char ret_why[static 256]);
/*
 * The same for one who only wants to be answered: no events come, and CAP_NET_ADMIN is needed by
 * commands alone. Snapshots work, as far as the kernel tells the caller what is in them.
 */
int kernel_new_quiet(const struct kernel_reader *reader, struct kernel **ret_kernel,
		     char ret_why[static 256]);
void kernel_free(struct kernel *kernel);

/* Descriptors to watch for reading; they stay the same until kernel_free(). Returns how many. */
size_t kernel_fds(const struct kernel *kernel, int ret_fds[static KERNEL_FDS]);
/*
 * Read from one of them, a bounded slice (64 events, or some 1,000 records of a dump, which is a few
 * milliseconds of work), and call on_event for each fact. Returns 1 if more may be waiting, 0 if it was read empty, -errno if the socket is broken.
 * Losing messages (ENOBUFS) is no error: it becomes an EVENT_LOST.
 */
int kernel_dispatch(struct kernel *kernel, int fd);

/*
 * Read what there is of the first descriptor, 256 events at most, and tell of it together: who lived
 * so shortly that the end is in it is not told to on_early. Returns as kernel_dispatch().
 */
int kernel_dispatch_crowd(struct kernel *kernel);
/* How many connections events said to be established, ever. */
uint64_t kernel_established(const struct kernel *kernel);

/* For struct engine_setup, with the struct kernel as its `kernel`. */
extern const struct kernel_ops kernel_ops;

/*
 * Take a snapshot of kind SNAPSHOT_ENDPOINTS here and now: calls on_event from its BEGIN to its END
 * before it returns. 0, or -errno and no END. One that was asked for is given up in its favour.
 */
int kernel_refresh_endpoints(struct kernel *kernel);

/*
 * Without a struct kernel: take away the default routes of ours in the main table, as a life leaves
 * them that died while new connections were spared a silent link. Returns how many, or -errno.
 */
int kernel_drop_spare_routes(void);

/* The sockets behind ops->listen(), for whoever keeps them over a restart. */
struct listeners *kernel_listeners(struct kernel *kernel);

const struct kernel_counters *kernel_counters(const struct kernel *kernel);

#endif
