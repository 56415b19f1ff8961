/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one command that stays. */
#include <errno.h>
#include <stdio.h>

#include "backend.h"
#include "json.h"
#include "print.h"
#include "text.h"

static int on_event(void *data, const struct mptcpctl_event *event)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_print(json_event(event));
		print_end();
	} else {
		text_event(ctl, event);
	}
	return fflush(stdout) == 0 ? 0 : -EPIPE;
}

int ctl_monitor(struct ctl *ctl, int n_args, char **args)
{
	int r, code;

	if (n_args)
		return ctl_usage("unexpected \"%s\": monitor takes no arguments", args[0]);
	code = backend_connect(ctl, true);
	if (code)
		return code;
	r = backend_monitor(ctl, on_event, ctl, fileno(stdout));
	return r == -EPIPE ? EXIT_FAILED : ctl_result(ctl, r);
}
