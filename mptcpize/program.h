/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program to run: which file it is, and what can be known of it without running it. */
#ifndef MPTCPIZE_PROGRAM_H
#define MPTCPIZE_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "elf-file.h"

enum program_kind {
	PROGRAM_KIND_DYNAMIC, /* linked with glibc when it starts */
	PROGRAM_KIND_STATIC, /* or linked with another C library when it starts: `elf` tells */
	PROGRAM_KIND_GO, /* links statically or not, and makes its system calls itself */
	PROGRAM_KIND_FOREIGN, /* of another machine or word size */
	PROGRAM_KIND_UNKNOWN, /* it cannot be read, or is none of this */
};

struct program {
	char path[PATH_MAX]; /* what was asked for */
	char file[PATH_MAX]; /* what the kernel executes for it: of a script, the interpreter */
	enum program_kind kind;
	struct elf_file elf; /* unless it is unknown */
	/* Executing it gives another user, group or capabilities; "setuid", or NULL. */
	const char *privilege;
};

/*
 * Find a program as execvp() does, and look at it. 0; -ENOENT: there is none; or why it cannot be
 * executed.
 */
int program_find(struct program *program, const char *name);
/* Is it in a Go whose net package speaks MPTCP where GODEBUG says multipathtcp=1? */
bool program_is_go_with_mptcp(const struct program *program);

#endif
