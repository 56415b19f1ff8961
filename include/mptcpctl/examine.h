/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmptcpctl: what a host is like, for who looks for faults. Errors, ownership and units are those of
 * <mptcpctl/client.h>; an mptcpd that is older than this has -EOPNOTSUPP.
 */
#ifndef MPTCPCTL_EXAMINE_H
#define MPTCPCTL_EXAMINE_H

#include <mptcpctl/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How each link stands that could lead to others, whatever connections there are: a call for each thing
 * that is wrong with each of its addresses, or one without a `reason` where nothing is. `remote` has no
 * address, and neither has `local` where the link has none. A `reason` of "wrong-link" has an `error`
 * where there is a rule about the source, which leads to the wrong link, or nowhere.
 */
int mptcpctl_examine_links(struct mptcpctl *ctl,
			   int (*on_path)(void *data, const struct mptcpctl_path *path),
			   void *data);

/* A socket that listens, of whatever process in mptcpd's network namespace. */
struct mptcpctl_listener {
	const struct mptcpctl_listener *next;
	const char *protocol; /* "mptcp", "tcp" */
	struct mptcpctl_addr local; /* "0.0.0.0" and "::" are all addresses */
	uint64_t inode; /* as in "socket:[INODE]" of /proc/PID/fd */
};

/* By inode. */
int mptcpctl_list_listeners(struct mptcpctl *ctl,
			    int (*on_listener)(void *data,
					       const struct mptcpctl_listener *listener),
			    void *data);

#ifdef __cplusplus
}
#endif

#endif
