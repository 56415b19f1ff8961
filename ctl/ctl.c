/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ground of every command: words on stderr with their exit codes, a connection, a token. */
#include "ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "print.h"

int ctl_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
	print_lines(stderr, "Try \"mptcpctl --help\".");
	return EXIT_USAGE;
}

int ctl_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
	return EXIT_FAILED;
}

int ctl_unwritten(int error)
{
	if (error != EPIPE)
		ctl_fail("cannot write: %s", error ? strerror(error) : "some of it is lost");
	return EXIT_FAILED;
}

int ctl_result(struct ctl *ctl, int r)
{
	const char *words = mptcpctl_error(ctl->client);

	if (r >= 0)
		return EXIT_DONE;
	ctl_fail("%s", *words ? words : strerror(-r));
	if (r == -ENOTCONN)
		return EXIT_NO_DAEMON;
	return r == -EACCES ? EXIT_NOT_PERMITTED : EXIT_FAILED;
}

int ctl_connect(struct ctl *ctl)
{
	return ctl_result(ctl, mptcpctl_connect(ctl->client, ctl->socket));
}

bool ctl_is_socket_named(const struct ctl *ctl)
{
	const char *named = getenv("MPTCPCTL_SOCKET");

	return ctl->socket || (named && *named);
}

int ctl_parse_token(const char *text, uint32_t *ret_token)
{
	const char *digits = strncasecmp(text, "0x", 2) == 0 ? text + 2 : text;
	size_t n = strlen(digits);

	if (n < 1 || n > 8 || strspn(digits, "0123456789abcdefABCDEF") != n)
		return -EINVAL;
	*ret_token = (uint32_t)strtoul(digits, NULL, 16);
	return 0;
}
