/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A cgroup for one program and all that comes of it, below the one where mptcpize is. */
#ifndef MPTCPIZE_OWN_CGROUP_H
#define MPTCPIZE_OWN_CGROUP_H

#include <limits.h>

struct own_cgroup {
	char path[PATH_MAX];
	int fd; /* of its directory */
};

/* Make one. 0; -ENOENT: there is no tree of cgroup 2 here; or another -errno. */
int own_cgroup_make(struct own_cgroup *cgroup);
/*
 * Go there, after a process was started outside that nothing tells of: it holds `fd` until all who
 * are in the cgroup, and their children, have ended, and then removes it. 0 or -errno, and no such
 * process. Closes the directory.
 */
int own_cgroup_enter(struct own_cgroup *cgroup, int fd);
/* Take it back instead. */
void own_cgroup_remove(struct own_cgroup *cgroup);

#endif
