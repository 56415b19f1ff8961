/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lone.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A private daemon whose client has gone ends at once. */
#define END_MS 1000

extern char **environ;

const char *lone_find_program(char beside[static PATH_MAX])
{
	const char *named = getenv("MPTCPD");
	ssize_t n;

	if (named && *named)
		return named;
	n = readlink("/proc/self/exe", beside, PATH_MAX - sizeof("/../daemon/mptcpd"));
	while (n > 0 && beside[n - 1] != '/')
		n--;
	if (n <= 0)
		return MPTCPD_PROGRAM;
	strcpy(beside + n, "../daemon/mptcpd");
	return access(beside, X_OK) == 0 ? beside : MPTCPD_PROGRAM;
}

/* Start a private daemon whose stdin is `fd`. 0 or a positive errno. */
static int spawn(struct ctl *ctl, const char *program, int fd, bool monitors)
{
	const char *const words[] = {program, "--private", monitors ? "monitor" : "ask", NULL};
	char *argv[sizeof(words) / sizeof(*words)];
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return r;
	memcpy(argv, words, sizeof(words)); /* posix_spawn() only reads them */
	r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	/* Whoever reads our output waits for nobody but us. */
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/", O_PATH, 0);
	if (r == 0)
		r = posix_spawn(&ctl->lone, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Returns the exit status of the private daemon, -1: a signal ended it. */
static int await_end(struct ctl *ctl)
{
	struct pollfd end = {.fd = pidfd_open(ctl->lone, 0), .events = POLLIN};
	int status = 0;

	/* A daemon that hangs has nothing to put back. */
	if (end.fd < 0 || poll(&end, 1, END_MS) != 1)
		kill(ctl->lone, SIGKILL);
	if (end.fd >= 0)
		close(end.fd);
	while (waitpid(ctl->lone, &status, 0) < 0 && errno == EINTR)
		;
	ctl->lone = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The private daemon has hung up before it began, and has said why, unless it was killed. */
static int refused(struct ctl *ctl)
{
	int status = await_end(ctl);

	if (status <= 0)
		return ctl_fail("the private mptcpd ended before it answered");
	return status == EXIT_NOT_PERMITTED ? EXIT_NOT_PERMITTED : EXIT_FAILED;
}

static int connect_lone(struct ctl *ctl, bool monitors)
{
	char beside[PATH_MAX];
	const char *program = lone_find_program(beside);
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return ctl_fail("socketpair: %s", strerror(errno));
	r = spawn(ctl, program, fds[1], monitors);
	close(fds[1]);
	if (r != 0) {
		close(fds[0]);
		ctl->lone = 0;
		ctl_fail("no mptcpd is running, and none can be asked privately: cannot run %s: %s",
			 program, strerror(r));
		return EXIT_NO_DAEMON;
	}
	r = mptcpctl_connect_fd(ctl->client, fds[0]);
	return r == -ENOTCONN ? refused(ctl) : ctl_result(ctl, r);
}

int lone_connect(struct ctl *ctl, bool monitors)
{
	int r = mptcpctl_connect(ctl->client, ctl->socket);

	if (r == -ENOTCONN && !ctl_is_socket_named(ctl))
		return connect_lone(ctl, monitors);
	return ctl_result(ctl, r);
}

void lone_end(struct ctl *ctl)
{
	mptcpctl_free(ctl->client);
	ctl->client = NULL;
	if (ctl->lone)
		await_end(ctl);
}
