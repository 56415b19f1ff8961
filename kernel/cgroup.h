/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The paths of cgroups (version 2) by their ids, which sockets have. The kernel tells no path of an
 * id, so the whole tree is looked through, a few directories a call, and remembered: an id is never
 * used twice. A cgroup that ended stays known as long as there is room.
 */
#ifndef KERNEL_CGROUP_H
#define KERNEL_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a tree with more of them the others are not found. */
#define CGROUPS_MAX 16384
/*
 * Whoever is given a part of the tree may make as many in it as he likes: those below the directories of
 * one user, who is not root, are at most so large a part of what is left.
 */
#define CGROUPS_USER_PART 4
/* Users that are told apart; the others are one. */
#define CGROUPS_USERS 64
/* So many ids can be looked for at once; others wait for the next walk. */
#define CGROUPS_SOUGHT 64

struct cgroup {
	uint64_t id;
	char *path; /* owned; NULL: it was looked for, and there is none */
};

struct cgroup_list {
	struct cgroup *first; /* owned */
	size_t n, room;
};

struct cgroup_ids {
	uint64_t ids[CGROUPS_SOUGHT];
	size_t n;
};

struct cgroups_user {
	uint32_t uid;
	size_t n; /* of the walk under way */
};

struct cgroups {
	const char *root; /* where the tree is; NULL: where it usually is */
	struct cgroup_list known; /* by id */
	/* the walk under way: */
	bool walking;
	int fd; /* of the root; -1: there is no tree */
	struct cgroup_list found; /* in the order in which they are looked into, */
	size_t n_read; /* and how many were */
	struct cgroups_user users[CGROUPS_USERS]; /* whose they are, but for root's */
	size_t n_users;
	struct cgroup_ids sought; /* it is for these, */
	struct cgroup_ids waiting; /* and the next one for these, */
	uint64_t work_ns, due_ms; /* not before that */
};

/* All zero at first. As cgroup() of struct kernel_ops says. */
int cgroups_find(struct cgroups *cgroups, uint64_t id, char *ret_path, size_t size);
void cgroups_done(struct cgroups *cgroups);

#endif
