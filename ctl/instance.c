/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -N: the mptcpd of another network namespace, as ip-netns(8) names them, or that namespace itself. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static int enter(const char *name)
{
	char path[PATH_MAX];
	int fd, r;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int instance_choose(struct ctl *ctl, const char *name)
{
	static char path[NAME_MAX + 32];

	if (!*name || *name == '.' || strchr(name, '/') || strlen(name) > NAME_MAX)
		return cli_usage("no network namespace is called \"%s\"", name);
	snprintf(path, sizeof(path), "/run/mptcpd-%s/control", name);
	ctl->instance = name;
	ctl->socket = path;
	/* Who may not enter may ask the mptcpd there all the same. */
	ctl->entered = enter(name);
	return EXIT_DONE;
}

int instance_need(const struct ctl *ctl)
{
	if (!ctl->instance || ctl->entered == 0)
		return EXIT_DONE;
	if (ctl->entered == -ENOENT)
		return cli_fail("there is no network namespace \"%s\", and no mptcpd for it",
				ctl->instance);
	cli_fail("no mptcpd@%s is running, and the network namespace cannot be entered: %s",
		 ctl->instance, strerror(-ctl->entered));
	return ctl->entered == -EPERM ? EXIT_NOT_PERMITTED : EXIT_FAILED;
}
