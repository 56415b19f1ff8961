/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does what is set in a program's environment reach its sockets? */
#ifndef MPTCPIZE_REACH_H
#define MPTCPIZE_REACH_H

#include <stdbool.h>

enum reach {
	/* It takes the library of LD_PRELOAD, or is written in a Go that looks at GODEBUG; or a script. */
	REACH_ENVIRONMENT,
	/* Not that, but "mptcpize run" knows a way; what cannot be looked at is one of these. */
	REACH_RUN,
	/* It gets privileges from its file, and so takes nothing from whoever starts it. */
	REACH_NEVER,
};

/* `path` as ExecStart= has it; `as_root`: that is who starts it. */
enum reach reach_of(const char *path, bool as_root);

#endif
