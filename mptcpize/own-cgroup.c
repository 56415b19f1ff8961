/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "own-cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "standard.h"

/* Descriptors of the process that waits; all others are closed. */
enum {
	FD_GATE, /* ends when the program is executed, or will not be */
	FD_EVENTS,
	FD_HELD,
	N_FDS,
};

/* ---- where we are ---- */

/* The path below the root of the tree, from the line "0::PATH". */
static int read_own_path(char ret_path[static PATH_MAX])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 16];
	int r = -ENOENT;

	if (!file)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0)
			r = snprintf(ret_path, PATH_MAX, "%s", line + 3) < PATH_MAX ? 0
										    : -ENAMETOOLONG;
	}
	fclose(file);
	return r;
}

/* Of a line of mountinfo: which part of the tree is where. Spaces are written as \040. */
static bool read_mount(const char *line, char *ret_root, char *ret_place)
{
	const char *behind = strstr(line, " - ");

	return behind && strncmp(behind, " - cgroup2 ", 11) == 0 &&
	       sscanf(line, "%*s %*s %*s %4095s %4095s", ret_root, ret_place) == 2;
}

/* Where the cgroup `path` can be seen. */
static int find_directory(const char *path, char ret_directory[static PATH_MAX])
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, root[PATH_MAX], place[PATH_MAX];
	size_t size = 0;
	int r = -ENOENT;

	if (!file)
		return -errno;
	while (r < 0 && getline(&line, &size, file) > 0) {
		size_t length;

		if (!read_mount(line, root, place))
			continue;
		length = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(path, root, length) != 0 ||
		    (length && path[length] && path[length] != '/'))
			continue;
		if (snprintf(ret_directory, PATH_MAX, "%s%s", place, path + length) < PATH_MAX)
			r = 0;
	}
	free(line);
	fclose(file);
	return r;
}

int own_cgroup_make(struct own_cgroup *cgroup)
{
	char path[PATH_MAX], directory[PATH_MAX];
	int r = read_own_path(path);

	if (r == 0)
		r = find_directory(path, directory);
	if (r < 0)
		return r;
	if (snprintf(cgroup->path, PATH_MAX, "%s/mptcpize-%d", directory, (int)getpid()) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	/* An older process of that number may have left one. */
	rmdir(cgroup->path);
	if (mkdir(cgroup->path, 0755) < 0)
		return -errno;
	cgroup->fd = open(cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->fd >= 0)
		return 0;
	r = -errno;
	rmdir(cgroup->path);
	return r;
}

void own_cgroup_remove(struct own_cgroup *cgroup)
{
	close(cgroup->fd);
	rmdir(cgroup->path);
}

/* ---- the process that waits ---- */

static bool is_populated(void)
{
	char text[256];
	ssize_t n = pread(FD_EVENTS, text, sizeof(text) - 1, 0);

	if (n < 0)
		return errno == EINTR;
	text[n] = '\0';
	return strstr(text, "populated 1") != NULL;
}

/* With those that the program made below. */
static int on_entry(const char *path, const struct stat *is, int kind, struct FTW *at)
{
	if (kind == FTW_DP)
		rmdir(path);
	return 0;
}

__attribute__((noreturn)) static void wait_and_remove(const char *path)
{
	struct pollfd gate = {.fd = FD_GATE}, events = {.fd = FD_EVENTS, .events = POLLPRI};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	while (poll(&gate, 1, -1) < 0 || !(gate.revents & (POLLHUP | POLLERR | POLLNVAL)))
		;
	while (is_populated())
		poll(&events, 1, -1);
	nftw(path, on_entry, N_FDS, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}

/* Let these be the first descriptors, and the only ones. */
static bool keep_only(const int fds[static N_FDS])
{
	int high[N_FDS];

	for (int i = 0; i < N_FDS; i++) {
		high[i] = fcntl(fds[i], F_DUPFD, N_FDS);
		if (high[i] < 0)
			return false;
	}
	for (int i = 0; i < N_FDS; i++)
		if (dup2(high[i], i) < 0)
			return false;
	return standard_close_from(N_FDS) == 0;
}

/* A child of nobody here, so that no wait() finds it; in a session of its own. */
static int start_waiter(const struct own_cgroup *cgroup, const int fds[static N_FDS])
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	if (child == 0) {
		if (setsid() < 0 || (child = fork()) < 0)
			_exit(1);
		if (child > 0)
			_exit(0);
		if (chdir("/") < 0 || !keep_only(fds))
			_exit(1);
		wait_and_remove(cgroup->path);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status == 0 ? 0 : -EAGAIN;
}

static int go_in(const struct own_cgroup *cgroup)
{
	int fd = openat(cgroup->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0 || write(fd, "0", 1) != 1)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

int own_cgroup_enter(struct own_cgroup *cgroup, int fd)
{
	int events = openat(cgroup->fd, "cgroup.events", O_RDONLY | O_CLOEXEC), gate[2] = {-1, -1},
	    r;

	if (events < 0)
		return -errno;
	/* Its other end is closed by execve(), or by our end. */
	r = pipe2(gate, O_CLOEXEC) < 0 ? -errno : 0;
	if (r == 0)
		r = start_waiter(
			cgroup, (const int[N_FDS]){
					[FD_GATE] = gate[0], [FD_EVENTS] = events, [FD_HELD] = fd});
	close(events);
	close(gate[0]);
	if (r == 0)
		r = go_in(cgroup);
	if (r == 0)
		close(cgroup->fd);
	else
		close(gate[1]);
	return r;
}
