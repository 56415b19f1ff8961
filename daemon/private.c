/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private daemon: mptcpctl starts one where no mptcpd runs, and is its only client. It has the
 * rights of whoever started it, serves nothing but the socket it was given, and ends with it. It
 * leaves nothing behind, because it changes nothing by itself: no lock, no state, no name on the
 * bus, no sysctl, no plugin, no log.
 */
#include "daemon.h"
#include "standard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel answers dumps at once; one that takes longer has lost its end. */
#define ANSWER_MS 5000
/* The kernel tells nobody that its endpoints changed. */
#define ENDPOINTS_EVERY_MS 1000
/* mptcpctl's exit status where rights are missing. */
#define EXIT_NOT_PERMITTED 4

struct private_daemon {
	struct daemon *daemon;
	struct bus_private door;
	struct loop_timer late, look;
	char untold[256]; /* why connections are not known, or "" */
	int status;
};

/* The words are those of mptcpctl, which adds none of its own. */
static int fail(const char *what, const char *why, int status)
{
	fprintf(stderr, "mptcpctl: %s%s\n", what, why);
	return status;
}

static void log_nothing(int priority, const char *file, const char *line, const char *function,
			const char *format, va_list arguments)
{
}

/* ---- the client ---- */

static int cannot_serve(int error)
{
	return fail("the private mptcpd cannot answer: ", strerror(-error), EXIT_FAILURE);
}

static void on_left(void *data, int error)
{
	struct private_daemon *private = data;

	if (error < 0)
	private->status = cannot_serve(error);
	loop_quit(&private->daemon->loop);
}

static const char *untold(void *data)
{
	struct private_daemon *private = data;

	return *private->untold ? private->untold : NULL;
}

static void refresh(void *data)
{
	struct private_daemon *private = data;

	daemon_refresh(private->daemon);
}

static void catch_up(void *data)
{
	struct private_daemon *private = data;

	daemon_catch_up(private->daemon);
}

static void settle_soon(void *data)
{
	struct private_daemon *private = data;

	daemon_settle_soon(private->daemon);
}

static const char *error_text(void *data)
{
	struct private_daemon *private = data;

	return daemon_error_text(private->daemon);
}

/* Let the client in, once there is something to answer with; until then its call waits. */
static void open_door(struct private_daemon *private)
{
	struct daemon *daemon = private->daemon;
	struct bus_setup setup = {
		.engine = daemon->engine,
		.loop = &daemon->loop,
		.version = MPTCPD_VERSION,
		.private = &private->door,
		.data = private,
		.catch_up = catch_up,
		.settle = settle_soon,
		.refresh = refresh,
		.listeners = daemon_tell_listeners,
		.error_text = error_text,
		.links = daemon_tell_links,
		.scheduler = daemon_tell_scheduler,
	};
	int r;

	loop_clear_timer(&private->late);
	/* A command about no connection changes nothing, and is refused all the same. */
	private->door.may_change = kernel_ops.probe(daemon->kernel, 0) != -EPERM;
	r = bus_new(&setup, &daemon->bus);
	if (r < 0) {
		private->status = cannot_serve(r);
		loop_quit(&daemon->loop);
	}
}

/* ---- what the kernel tells ---- */

static void after_settle(struct daemon *daemon, bool all)
{
	struct private_daemon *private = daemon->private;

	if (!daemon->bus && engine_knows(daemon->engine, SNAPSHOT_HOST) &&
	    (engine_knows(daemon->engine, SNAPSHOT_CONNECTIONS) || *private->untold))
		open_door(private);
}

/* Only the snapshot of connections can fail to be asked for: where a module is missing. */
static void on_notice(void *data, const struct notice *notice)
{
	struct daemon *daemon = data;

	if (notice->type == NOTICE_COMMAND_FAILED && strcmp(notice->command, "snapshot") == 0)
		snprintf(daemon->private->untold, sizeof(daemon->private->untold),
			 "the kernel says: %s%s%s%s", strerror(-notice->error),
			 *notice->text ? " (" : "", notice->text, *notice->text ? ")" : "");
}

static void on_late(void *data)
{
	struct private_daemon *private = data;

	snprintf(private->untold, sizeof(private->untold),
		 "the kernel did not tell all of its connections, interfaces and addresses");
	if (engine_knows(private->daemon->engine, SNAPSHOT_HOST)) {
		open_door(private);
		return;
	}
	private->status = fail(private->untold, "", EXIT_FAILURE);
	loop_quit(&private->daemon->loop);
}

static void on_look(void *data)
{
	struct private_daemon *private = data;
	struct daemon *daemon = private->daemon;

	daemon_refresh(daemon);
	loop_set_timer(&daemon->loop, &private->look, loop_now_ms() + ENDPOINTS_EVERY_MS);
}

/* ---- its life ---- */

/* Only the socket stays open, and stderr: other descriptors that were inherited are not ours. */
static int take_client(int *ret_fd)
{
	int type, fd;
	socklen_t size = sizeof(type);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
		return -ENOTSOCK;
	standard_close_from(STDERR_FILENO + 1);
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	close(STDIN_FILENO);
	standard_fill();
	*ret_fd = fd;
	return 0;
}

static int start(struct private_daemon *private, bool monitors)
{
	struct daemon *daemon = private->daemon;
	struct engine_setup setup = {.passive = true, .observer = {.on_notice = on_notice}};
	struct kernel_reader reader = {.on_event = daemon_on_event, .data = daemon};
	char why[256];
	int r = monitors ? kernel_new(&reader, &daemon->kernel, why)
			 : kernel_new_quiet(&reader, &daemon->kernel, why);

	if (r == -EPERM)
		return fail("not permitted: ", why, EXIT_NOT_PERMITTED);
	if (r < 0)
		return fail(why, "", EXIT_FAILURE);
	r = daemon_begin_work(daemon, &setup);
	if (r < 0)
		return fail("epoll: ", strerror(-r), EXIT_FAILURE);
	private->late = (struct loop_timer){.on_due = on_late, .data = private};
	private->look = (struct loop_timer){.on_due = on_look, .data = private};
	loop_set_timer(&daemon->loop, &private->late, loop_now_ms() + ANSWER_MS);
	if (monitors)
		loop_set_timer(&daemon->loop, &private->look, loop_now_ms() + ENDPOINTS_EVERY_MS);
	daemon_settle(daemon);
	return EXIT_SUCCESS;
}

int private_run(struct daemon *daemon, bool monitors)
{
	struct private_daemon private = {.daemon = daemon,
					 .door.left = on_left,
					 .door.untold = untold};
	int r = take_client(&private.door.fd);

	if (r < 0)
		return fail("--private is for mptcpctl alone: stdin: ", strerror(-r), EXIT_USAGE);
	/* The service manager of whoever started mptcpctl is not told of a daemon. */
	unsetenv("NOTIFY_SOCKET");
	l_log_set_handler(log_nothing);
	r = loop_init(&daemon->loop);
	if (r < 0)
		return fail("epoll: ", strerror(-r), EXIT_FAILURE);
	daemon->private = &private;
	daemon->after_settle = after_settle;
	daemon->config = l_new(struct config, 1);
	daemon->guard = &daemon->own_guard;
	private.status = start(&private, monitors);
	if (private.status == EXIT_SUCCESS)
		r = loop_run(&daemon->loop);
	if (r < 0)
	private.status = fail("epoll: ", strerror(-r), EXIT_FAILURE);
	bus_free(daemon->bus);
	daemon->bus = NULL;
	engine_free(daemon->engine);
	config_free(daemon->config);
	daemon_end_work(daemon);
	return private.status ? private.status : daemon->status;
}
