/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which sockets processes have open, by network namespace: what /proc tells. */
#ifndef MPTCPIZE_HOLDERS_H
#define MPTCPIZE_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The sockets that processes of one network namespace have open. */
struct holders_space {
	uint64_t device, inode; /* of the namespace */
	int net, user; /* descriptors of it, and of the user namespace of its first process */
	bool ours;
	uint32_t *sockets; /* owned: their inodes; in order after holders_sort() */
	size_t n, room;
};

/* All zero at first. */
struct holders {
	struct holders_space *spaces; /* owned */
	size_t n;
};

/*
 * Add what this process has open. 0, -ESRCH: there is no such process (any more), -EACCES: its
 * descriptors are not ours to see, or another -errno.
 */
int holders_add(struct holders *holders, pid_t pid);
/* Ours first, and in each the sockets by inode. */
void holders_sort(struct holders *holders);
/* Is this one of its sockets? After holders_sort(). */
bool holders_have(const struct holders_space *space, uint32_t inode);
/* Step into a namespace. 0, or -EPERM. */
int holders_enter(const struct holders_space *space);
void holders_done(struct holders *holders);

#endif
