/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lone.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"

/* A private daemon whose client has gone ends at once. */
#define END_MS 1000

extern char **environ;

const char *lone_find_program(char beside[static PATH_MAX])
{
	const char *named = getenv("MPTCPD");

	return named && *named ? named : beside_find("../daemon/mptcpd", MPTCPD_PROGRAM, beside);
}

/*
 * Start a program with these words, the last of which is NULL, and these standard descriptors, -1: ours.
 * 0 or a positive errno.
 */
static int spawn(const char *program, const char *const *words, const int fds[static 3],
		 pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return r;
	for (int i = 0; i < 3 && r == 0; i++)
		if (fds[i] >= 0)
			r = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	if (r == 0) /* it only reads the words */
		r = posix_spawn(ret_pid, program, &actions, NULL, (char *const *)(uintptr_t)words,
				environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int lone_start_check(const char *program, const char *file, const char *instance, int out,
		     pid_t *ret_pid)
{
	const char *option = file ? "--config" : instance ? "--instance" : NULL;
	const char *const words[] = {program, "--check-config", option, file ? file : instance,
				     NULL};

	return spawn(program, words, (const int[]){-1, out, out}, ret_pid);
}

int lone_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Start a private daemon whose stdin is `fd`. 0 or a positive errno. */
static int start_private(struct ctl *ctl, const char *program, int fd, bool monitors)
{
	const char *const words[] = {program, "--private", monitors ? "monitor" : "ask", NULL};
	/* Whoever reads our output waits for nobody but us. */
	int nothing = open("/", O_PATH | O_CLOEXEC);
	int r = nothing < 0 ? errno
			    : spawn(program, words, (const int[]){fd, nothing, -1}, &ctl->lone);

	if (nothing >= 0)
		close(nothing);
	return r;
}

/* Returns the exit status of the private daemon, -1: a signal ended it. */
static int await_end(struct ctl *ctl)
{
	struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, ctl->lone, 0), .events = POLLIN};
	int status;

	/* A daemon that hangs has nothing to put back. */
	if (end.fd < 0 || poll(&end, 1, END_MS) != 1)
		kill(ctl->lone, SIGKILL);
	if (end.fd >= 0)
		close(end.fd);
	status = lone_wait(ctl->lone);
	ctl->lone = 0;
	return status;
}

/* The private daemon has hung up before it began, and has said why, unless it was killed. */
static int refused(struct ctl *ctl)
{
	int status = await_end(ctl);

	if (status <= 0)
		return cli_fail("the private mptcpd ended before it answered");
	return status == EXIT_NOT_PERMITTED ? EXIT_NOT_PERMITTED : EXIT_FAILED;
}

int lone_connect_private(struct ctl *ctl, bool monitors)
{
	char beside[PATH_MAX];
	const char *program = lone_find_program(beside);
	int fds[2], r = instance_need(ctl);

	if (r != EXIT_DONE)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return cli_fail("socketpair: %s", strerror(errno));
	r = start_private(ctl, program, fds[1], monitors);
	close(fds[1]);
	if (r != 0) {
		close(fds[0]);
		ctl->lone = 0;
		cli_fail("no mptcpd is running, and none can be asked privately: cannot run %s: %s",
			 program, strerror(r));
		return EXIT_NO_DAEMON;
	}
	r = mptcpctl_connect_fd(ctl->client, fds[0]);
	ctl->is_connected = r == 0;
	return r == -ENOTCONN ? refused(ctl) : ctl_result(ctl, r);
}

int lone_connect(struct ctl *ctl, bool monitors)
{
	int r;

	/* One that was there and has gone has left nothing behind but this. */
	if (ctl->lone && !ctl->is_connected)
		await_end(ctl);
	r = ctl_try_connect(ctl);

	if (r == -ENOTCONN && !ctl_is_socket_named(ctl))
		return lone_connect_private(ctl, monitors);
	return ctl_result(ctl, r);
}

void lone_end(struct ctl *ctl)
{
	mptcpctl_free(ctl->client);
	ctl->client = NULL;
	if (ctl->lone)
		await_end(ctl);
}
