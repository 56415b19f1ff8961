/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs of mptcpize, one file each. */
#ifndef MPTCPIZE_MPTCPIZE_H
#define MPTCPIZE_MPTCPIZE_H

#include <stddef.h>

#include "cli.h"

struct verb {
	const char *name;
	const char *arguments;
	const char *help; /* one line */
	const char *more; /* further lines of --help, or NULL */
	/* `args` holds what follows the verb, options too, and ends with NULL. Returns an exit code. */
	int (*run)(int n_args, char **args);
};

extern const struct verb run_verb;
extern const struct verb enable_verb;
extern const struct verb disable_verb;
extern const struct verb status_verb;
extern const struct verb check_verb;

/* `mptcpize --complete WORD…`, complete.c; `all` are the verbs, n of them. Returns an exit code. */
int complete_run(int n_args, char **args, const struct verb *(*find)(const char *name),
		 const struct verb *const *all, size_t n);

/* Beside those of cli.h. */
enum mptcpize_exit_code {
	EXIT_NO_SYSTEMD = 3,
	EXIT_NOT_PERMITTED = 4,
};

#endif
