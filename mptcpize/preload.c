/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preload: two variables of the environment. The dynamic linker loads our library, and the net
 * package of Go speaks MPTCP by itself. What they hold already stays.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "beside.h"
#include "cli.h"

static const char *find_library(void)
{
	static char beside[PATH_MAX];

	return beside_find("libmptcpize-preload.so", MPTCPIZE_LIBRARY, beside);
}

/* LD_PRELOAD is a list, and its names cannot be quoted; what cannot be loaded each program complains of. */
static const char *why_no_library(const char *path)
{
	if (strpbrk(path, " :"))
		return "would have to preload a library whose path has a space or a colon";
	if (access(path, R_OK) < 0)
		return "would have to preload a library that is not there";
	return NULL;
}

static const char *unfit(const struct program *program)
{
	if (program->kind == PROGRAM_KIND_GO)
		return program_is_go_with_mptcp(program)
			       ? NULL
			       : "is built with a Go that knows no MPTCP, and does without libc";
	if (program->privilege)
		return "gets privileges when it starts, and the dynamic linker preloads nothing "
		       "then";
	if (program->kind == PROGRAM_KIND_STATIC)
		return *program->elf.interpreter ? "is not linked with glibc"
						 : "is statically linked";
	if (program->kind == PROGRAM_KIND_FOREIGN)
		return "is for another machine or word size than the library";
	if (program->kind == PROGRAM_KIND_UNKNOWN)
		return "cannot be read, so that nobody knows how it is linked";
	return why_no_library(find_library());
}

/*
 * Put it after what the variable holds, unless it stands there: of two that contradict each other Go
 * believes the last one. 0, or an error.
 */
static int append(const char *name, char separator, const char *value)
{
	const char *before = getenv(name);
	size_t length = before ? strlen(before) : 0, own = strlen(value);
	char *text;
	int r;

	if (length == 0)
		return setenv(name, value, 1) < 0 ? -errno : 0;
	if (length >= own && strcmp(before + length - own, value) == 0 &&
	    (length == own || before[length - own - 1] == separator))
		return 0;
	if (asprintf(&text, "%s%c%s", before, separator, value) < 0)
		return -ENOMEM;
	r = setenv(name, text, 1) < 0 ? -errno : 0;
	free(text);
	return r;
}

static int set_keepalive(const struct keepalive *keepalive)
{
	char text[64];

	if (!keepalive->idle)
		return unsetenv(KEEPALIVE_VARIABLE) < 0 ? -errno : 0;
	snprintf(text, sizeof(text), "%d,%d,%d", keepalive->idle, keepalive->interval,
		 keepalive->count);
	return setenv(KEEPALIVE_VARIABLE, text, 1) < 0 ? -errno : 0;
}

static int start(const struct program *program, const struct keepalive *keepalive)
{
	const char *library = find_library();
	int r = 0;

	/* A Go program may start others, for which the library is; not at the price of a fault. */
	if (!why_no_library(library))
		r = append("LD_PRELOAD", ':', library);
	if (r == 0)
		r = append("GODEBUG", ',', "multipathtcp=1");
	if (r == 0)
		r = set_keepalive(keepalive);
	return r == 0 ? EXIT_DONE : cli_fail("cannot set the environment: %s", strerror(-r));
}

const struct backend preload_backend = {"preload", unfit, start};
