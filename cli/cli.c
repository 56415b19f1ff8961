/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

#include "print.h"

void cli_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
}

int cli_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
	print_hint();
	return EXIT_USAGE;
}

int cli_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
	return EXIT_FAILED;
}

int cli_unwritten(int error)
{
	if (error != EPIPE)
		cli_fail("cannot write: %s", error ? strerror(error) : "some of it is lost");
	return EXIT_FAILED;
}

int cli_close_stdout(int code)
{
	bool failed = ferror(stdout);
	bool unwritten = __fpending(stdout) > 0;

	errno = 0;
	failed |= fclose(stdout) != 0 && (unwritten || errno != EBADF);
	return failed && code == EXIT_DONE ? cli_unwritten(errno) : code;
}
