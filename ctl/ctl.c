/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ground of every command: a connection, its results as exit codes, a token. */
#include "ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int ctl_result(struct ctl *ctl, int r)
{
	const char *words = mptcpctl_error(ctl->client);

	if (r >= 0)
		return EXIT_DONE;
	cli_fail("%s", *words ? words : strerror(-r));
	if (r == -ENOTCONN) {
		ctl->is_connected = false;
		return EXIT_NO_DAEMON;
	}
	return r == -EACCES ? EXIT_NOT_PERMITTED : EXIT_FAILED;
}

int ctl_try_connect(struct ctl *ctl)
{
	int r = 0;

	if (!ctl->is_connected)
		r = ctl->system_bus ? mptcpctl_connect_bus(ctl->client)
				    : mptcpctl_connect(ctl->client, ctl->socket);
	ctl->is_connected = r == 0;
	return r;
}

int ctl_connect(struct ctl *ctl)
{
	return ctl_result(ctl, ctl_try_connect(ctl));
}

bool ctl_is_socket_named(const struct ctl *ctl)
{
	const char *named = getenv("MPTCPCTL_SOCKET");

	return !ctl->instance && (ctl->socket || ctl->system_bus || (named && *named));
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
