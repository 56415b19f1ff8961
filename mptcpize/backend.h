/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways to have a program's TCP sockets made MPTCP. Each takes effect on this process and all
 * that comes of it, and then the program is executed in it: its pid, its exit status and the signals
 * that it gets are its own.
 */
#ifndef MPTCPIZE_BACKEND_H
#define MPTCPIZE_BACKEND_H

#include "program.h"
#include "tcp.h"

#define EXIT_OURS 125 /* it was not executed, for a reason of ours */

struct backend {
	const char *name;
	/* Why this program is none for it, in words that follow the program's name; NULL: it is. */
	const char *(*unfit)(const struct program *program);
	/* Take effect. An exit code; unless it is EXIT_DONE, it was said why. EXIT_OURS: nothing can be
	 * executed any more. */
	int (*start)(const struct program *program, const struct keepalive *keepalive);
};

extern const struct backend preload_backend, seccomp_backend, bpf_backend;

#endif
