/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET "socket:["

static int open_process(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Its namespace of this kind; -1 as open() has it. */
static int open_space(int process, const char *name)
{
	return openat(process, name, O_RDONLY | O_CLOEXEC);
}

static bool is_ours(const struct stat *space)
{
	struct stat own;

	return stat("/proc/self/ns/net", &own) == 0 && own.st_dev == space->st_dev &&
	       own.st_ino == space->st_ino;
}

/* NULL and errno: the process is gone, or hidden. */
static struct holders_space *find_space(struct holders *holders, int process)
{
	int fd = open_space(process, "ns/net");
	struct holders_space *spaces;
	struct stat is;

	if (fd < 0 || fstat(fd, &is) < 0)
		return NULL;
	for (size_t i = 0; i < holders->n; i++)
		if (holders->spaces[i].device == is.st_dev &&
		    holders->spaces[i].inode == is.st_ino) {
			close(fd);
			return &holders->spaces[i];
		}
	spaces = reallocarray(holders->spaces, holders->n + 1, sizeof(*spaces));
	if (!spaces)
		abort();
	holders->spaces = spaces;
	spaces[holders->n] = (struct holders_space){
		.device = is.st_dev,
		.inode = is.st_ino,
		.net = fd,
		.user = open_space(process, "ns/user"),
		.ours = is_ours(&is),
	};
	return &spaces[holders->n++];
}

static void add_socket(struct holders_space *space, uint32_t inode)
{
	if (space->n == space->room) {
		space->room = space->room ? space->room * 2 : 64;
		space->sockets = reallocarray(space->sockets, space->room, sizeof(inode));
		if (!space->sockets)
			abort();
	}
	space->sockets[space->n++] = inode;
}

static void add_descriptor(struct holders_space *space, int directory, const char *name)
{
	char target[64];
	ssize_t n = readlinkat(directory, name, target, sizeof(target) - 1);

	if (n < (ssize_t)strlen(SOCKET))
		return;
	target[n] = '\0';
	if (strncmp(target, SOCKET, strlen(SOCKET)) == 0)
		add_socket(space, (uint32_t)strtoul(target + strlen(SOCKET), NULL, 10));
}

static int add_process(struct holders *holders, int process)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct holders_space *space;
	struct dirent *entry;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory)
		return -errno;
	space = find_space(holders, process);
	if (!space) {
		int error = errno;

		closedir(directory);
		return -error;
	}
	while ((entry = readdir(directory)))
		add_descriptor(space, dirfd(directory), entry->d_name);
	closedir(directory);
	return 0;
}

int holders_add(struct holders *holders, pid_t pid)
{
	int process = open_process(pid), r;

	if (process < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r = add_process(holders, process);
	close(process);
	if (r == -ENOENT)
		return -ESRCH;
	return r == -EPERM ? -EACCES : r;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void holders_sort(struct holders *holders)
{
	for (size_t i = 0; i < holders->n; i++) {
		struct holders_space *space = &holders->spaces[i], first = *space;

		if (space->n)
			qsort(space->sockets, space->n, sizeof(*space->sockets), compare);
		if (i && first.ours) {
			*space = holders->spaces[0];
			holders->spaces[0] = first;
		}
	}
}

bool holders_have(const struct holders_space *space, uint32_t inode)
{
	return space->n &&
	       bsearch(&inode, space->sockets, space->n, sizeof(inode), compare) != NULL;
}

int holders_enter(const struct holders_space *space)
{
	if (space->ours || setns(space->net, CLONE_NEWNET) == 0)
		return 0;
	/* Whoever made its user namespace has all rights in there. */
	if (setns(space->user, CLONE_NEWUSER) == 0 && setns(space->net, CLONE_NEWNET) == 0)
		return 0;
	return -EPERM;
}

void holders_done(struct holders *holders)
{
	for (size_t i = 0; i < holders->n; i++) {
		close(holders->spaces[i].net);
		close(holders->spaces[i].user);
		free(holders->spaces[i].sockets);
	}
	free(holders->spaces);
}
