/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command `monitor`, which stays until its reader or mptcpd goes. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "json.h"
#include "lone.h"
#include "print.h"
#include "text.h"

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
	ctl_unwritten(errno);
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

int ctl_monitor(struct ctl *ctl, int n_args, char **args)
{
	int r, code;

	if (n_args)
		return ctl_usage("unexpected \"%s\": monitor takes no arguments", args[0]);
	code = lone_connect(ctl, true);
	if (code)
		return code;
	r = mptcpctl_monitor(ctl->client, on_event, ctl);
	while (r >= 0) {
		r = mptcpctl_dispatch(ctl->client);
		if (r == 0)
			r = wait_for_more(ctl);
	}
	return r == -EPIPE ? EXIT_FAILED : ctl_result(ctl, r);
}
