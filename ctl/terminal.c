/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "terminal.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

/* Last: it takes common words for macros. */
#include <curses.h>
#include <term.h>

int terminal_check(void)
{
	const char *name = getenv("TERM"), *move;
	int error = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return cli_fail("top draws on a terminal, and this is none: mptcpctl connection "
				"lists the same");
	if (!name || !*name || setupterm(NULL, STDOUT_FILENO, &error) != OK)
		return cli_fail("the terminal \"%s\" is not known here (TERM): mptcpctl connection "
				"lists the same",
				name ? name : "");
	move = tigetstr("cup");
	if (!move || move == (char *)-1)
		return cli_fail(
			"the terminal \"%s\" cannot be drawn on (TERM): mptcpctl connection "
			"lists the same",
			name);
	return EXIT_DONE;
}
