/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The work: facts of the kernel go into the engine, and the engine settles. */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "clock.h"
#include "notice.h"
#include "hot.h"

/* Crowds that are read for who asks for what is in them: of more than ten milliseconds. */
#define CATCH_UP_MAX 4

/* ---- settling ---- */

static void on_due(void *data)
{
	daemon_settle(data);
}

void daemon_settle_soon(void *data)
{
	struct daemon *daemon = data;

	loop_put_first(&daemon->loop, &daemon->again);
}

void daemon_settle(struct daemon *daemon)
{
	uint64_t now = loop_now_ms();
	uint64_t next;

	daemon->now_ms = now;
	next = engine_settle(daemon->engine, now);
	if (daemon->bus)
		bus_flush(daemon->bus);
	daemon->after_settle(daemon, next > now);
	if (next <= now)
		loop_put_off(&daemon->loop, &daemon->again); /* behind those who wait */
	else
		loop_set_timer(&daemon->loop, &daemon->timer, next);
}

/* ---- what comes in ---- */

void daemon_on_event(void *data, const struct event *event)
{
	struct daemon *daemon = data;

	if (!daemon->now_ms)
		daemon->now_ms = loop_now_ms(); /* once for all: there may be hundreds of events */
	engine_event(daemon->engine, event, daemon->now_ms);
}

HOT static void on_early(void *data, const struct event *event)
{
	struct daemon *daemon = data;

	engine_early(daemon->engine, event);
}

static void on_refused(void *data, int number)
{
	struct daemon *daemon = data;

	engine_refused(daemon->engine, number, loop_now_ms());
}

static void on_soon(void *data, uint32_t token)
{
	const struct daemon *daemon = data;

	engine_expect(daemon->engine, token);
}

struct kernel_reader daemon_reader(struct daemon *daemon)
{
	return (struct kernel_reader){daemon_on_event, on_early, on_refused, on_soon, daemon};
}

static void give_up(struct daemon *daemon, int error)
{
	l_error("netlink: %s; giving up, so that whoever started mptcpd can start it anew",
		strerror(-error));
	daemon->status = EXIT_FAILURE;
	loop_quit(&daemon->loop);
}

/* In a rush of connections their events are left alone for a moment. */
HOT static void rest_in_rush(struct daemon *daemon)
{
	uint64_t now_ms = daemon->now_ms;
	bool is_on = rush_is_on(&daemon->rush, kernel_established(daemon->kernel), now_ms);

	(void)loop_rewatch(&daemon->netlink[0], is_on ? 0 : EPOLLIN);
	if (is_on)
		loop_set_timer(&daemon->loop, &daemon->rested, now_ms + RUSH_REST_MS);
}

static void on_rested(void *data)
{
	struct daemon *daemon = data;
	int r;

	daemon->now_ms = 0;
	r = kernel_dispatch_crowd(daemon->kernel);
	if (r < 0) {
		give_up(daemon, r);
		return;
	}
	daemon_settle(daemon);
	if (r > 0)
		loop_set_timer(&daemon->loop, &daemon->rested, daemon->now_ms);
	else
		rest_in_rush(daemon);
}

void daemon_catch_up(void *data)
{
	struct daemon *daemon = data;
	int r = 1;

	daemon->now_ms = 0;
	for (int i = 0; i < CATCH_UP_MAX && r > 0; i++)
		r = kernel_dispatch_crowd(daemon->kernel);
	if (r < 0)
		give_up(daemon, r);
	daemon_settle_soon(daemon);
}

HOT static void on_netlink(void *data, int fd, uint32_t events)
{
	struct daemon *daemon = data;
	int r;

	daemon->now_ms = 0; /* nobody needs it before the commands that cannot wait */
	r = kernel_dispatch(daemon->kernel, fd);
	if (r < 0) {
		give_up(daemon, r);
		return;
	}
	/* Of what is not an event of a connection, work that goes on anyway takes care. */
	if (fd == daemon->netlink[0].fd || !daemon->again.loop)
		daemon_settle(daemon);
	if (fd == daemon->netlink[0].fd)
		rest_in_rush(daemon);
}

static void on_change(void *data, const struct change *change)
{
	struct daemon *daemon = data;

	daemon->swept |=
		change->type == CHANGE_RESYNCED && change->snapshot == SNAPSHOT_CONNECTIONS;
	daemon->host_changed |= change->host;
	if ((daemon->verbose && !change->as_judged) ||
	    (change->type == CHANGE_INTERFACE_HEALTH && change->host))
		notice_log_change(engine_model(daemon->engine), change);
	if (daemon->bus)
		bus_on_change(daemon->bus, change);
}

void daemon_refresh(void *data)
{
	struct daemon *daemon = data;

	daemon->now_ms = loop_now_ms();
	kernel_refresh_endpoints(daemon->kernel);
	daemon_settle(daemon);
}

const char *daemon_error_text(void *data)
{
	struct daemon *daemon = data;

	return kernel_ops.error_text(daemon->kernel);
}

/* ---- the beginning ---- */

static int watch_kernel(struct daemon *daemon)
{
	int fds[KERNEL_FDS], r = 0;
	size_t n = kernel_fds(daemon->kernel, fds);

	for (size_t i = 0; i < n && r == 0; i++) {
		daemon->netlink[i] =
			(struct loop_source){.on_ready = on_netlink, .data = daemon, .fd = fds[i]};
		r = loop_watch(&daemon->loop, &daemon->netlink[i], LOOP_FIRST, EPOLLIN);
	}
	return r;
}

static uint64_t read_clock(void *data)
{
	return clock_work_ns();
}

int daemon_begin_work(struct daemon *daemon, struct engine_setup *setup)
{
	daemon->timer = (struct loop_timer){.on_due = on_due, .data = daemon};
	daemon->rested = (struct loop_timer){.on_due = on_rested, .data = daemon};
	daemon->again = (struct loop_task){.run = on_due, .data = daemon};
	l_getrandom(&setup->seed, sizeof(setup->seed));
	setup->rules = &daemon->config->rules;
	setup->ops = &kernel_ops;
	setup->kernel = daemon->kernel;
	setup->guard = daemon->guard;
	setup->clock = read_clock;
	setup->observer.on_change = on_change;
	setup->observer.data = daemon;
	daemon->engine = engine_new(setup);
	daemon->now_ms = loop_now_ms();
	return watch_kernel(daemon);
}

void daemon_end_work(struct daemon *daemon)
{
	for (size_t i = 0; i < KERNEL_FDS; i++)
		loop_unwatch(&daemon->netlink[i]);
	kernel_free(daemon->kernel);
	loop_done(&daemon->loop);
}
