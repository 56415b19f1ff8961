/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command `monitor`, which stays until its reader goes. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#include "json.h"
#include "lone.h"
#include "print.h"
#include "text.h"

/* How often to look whether a daemon that has gone is back. */
#define RETURN_MS 500

static int on_event(void *data, const struct mptcpctl_event *event)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_event(event);
		json_print();
		print_end();
	} else {
		text_event(ctl, event);
	}
	if (fflush(stdout) == 0)
		return 0;
	cli_unwritten(errno);
	return -EPIPE;
}

/*
 * Wait for mptcpd to say something, or for our reader to go: it may do so while there is nothing
 * to write to it.
 */
static int wait_for_more(struct ctl *ctl)
{
	struct pollfd fds[] = {
		{.fd = mptcpctl_fd(ctl->client),
		 .events = (short)mptcpctl_poll_events(ctl->client)},
		{.fd = fileno(stdout)},
	};

	if (poll(fds, 2, mptcpctl_timeout_ms(ctl->client)) < 0 && errno != EINTR)
		return -errno;
	return fds[1].revents & (POLLERR | POLLHUP) ? -EPIPE : 0;
}

/* Until it fails: -ENOTCONN: mptcpd has gone, -EPIPE: the reader. */
static int follow(struct ctl *ctl)
{
	int r = mptcpctl_monitor(ctl->client, on_event, ctl);

	while (r >= 0) {
		r = mptcpctl_dispatch(ctl->client);
		if (r == 0)
			r = wait_for_more(ctl);
	}
	return r;
}

static int tell_gone(struct ctl *ctl)
{
	struct mptcpctl_event event = {
		.type = MPTCPCTL_LOST,
		.name = "lost",
		.time_us = clock_real_us(),
		.what = "mptcpd",
	};

	ctl->is_connected = false;
	return on_event(ctl, &event);
}

/* Wait until an mptcpd is there again. 0, or -EPIPE: the reader has gone. */
static int await_return(struct ctl *ctl)
{
	struct pollfd out = {.fd = fileno(stdout)};

	for (;;) {
		if (poll(&out, 1, RETURN_MS) < 0 && errno != EINTR)
			return -errno;
		if (out.revents & (POLLERR | POLLHUP))
			return -EPIPE;
		if (ctl_try_connect(ctl) == 0)
			return 0;
	}
}

int ctl_monitor(struct ctl *ctl, int n_args, char **args)
{
	int r, code;

	if (n_args)
		return cli_usage("unexpected \"%s\": monitor takes no arguments", args[0]);
	code = lone_connect(ctl, true);
	if (code)
		return code;
	r = follow(ctl);
	/* A private daemon has no successor. */
	while (r == -ENOTCONN && !ctl->lone) {
		r = tell_gone(ctl);
		if (r == 0)
			r = await_return(ctl);
		if (r == 0)
			r = follow(ctl);
	}
	return r == -EPIPE ? EXIT_FAILED : ctl_result(ctl, r);
}
