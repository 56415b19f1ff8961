/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A listing again and again, until its reader goes, or what it lists. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "print.h"
#include "screen.h"

bool watch_is_seconds(const char *word)
{
	return *word >= '0' && *word <= '9' && !word[strspn(word, "0123456789.")];
}

/* False: nobody reads any more. */
static bool wait_for_next(const struct ctl *ctl)
{
	struct pollfd out = {.fd = fileno(stdout)};

	if (fflush(stdout) != 0)
		return false;
	while (poll(&out, 1, (int)ctl->watch_ms) < 0 && errno == EINTR)
		;
	return !(out.revents & (POLLERR | POLLHUP));
}

/* On a screen of its own: its first lines, and in the last line of the screen how many have no room. */
static void show(const char *page)
{
	size_t room = screen_lines(), n_left = 0;
	const char *end = page, *newline;

	for (size_t n = 0; (newline = strchr(end, '\n')) && (!room || n + 1 < room); n++)
		end = newline + 1;
	for (const char *rest = end; (newline = strchr(rest, '\n')); rest = newline + 1)
		n_left++;
	print_clear();
	print_clean(page, (size_t)(end - page));
	if (n_left)
		print("%s %zu more line%s", screen_is_utf8() ? "…" : "...", n_left,
		      n_left == 1 ? "" : "s");
}

int ctl_watch(struct ctl *ctl, const struct verb *verb, int n_args, char **args)
{
	bool was_there = false, on_screen = ctl->terminal && !ctl->json, goes_on;
	int code;

	for (size_t n = 0;; n++) {
		char *page;

		if (on_screen)
			print_keep(isatty(STDERR_FILENO));
		else if (n && !ctl->json)
			print_end();
		code = verb->run(ctl, n_args, args);
		was_there |= code == EXIT_DONE;
		/* One that was there may come back. */
		goes_on = code == EXIT_DONE || (code == EXIT_NO_DAEMON && was_there);
		page = on_screen ? print_kept() : NULL;
		if (page && goes_on)
			show(page);
		else if (page)
			print_clean(page, strlen(page));
		free(page);
		if (!goes_on)
			return code;
		if (!wait_for_next(ctl))
			return EXIT_FAILED;
	}
}
