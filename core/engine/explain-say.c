/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of an explanation. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "explain.h"
#include "failure.h"
#include "words.h"

void explain_say(struct explain_path *path, enum reason reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(path->text, sizeof(path->text), format, args);
	va_end(args);
	path->reason = reason;
	path->remedy[0] = '\0';
}

void explain_remedy(struct explain_path *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(path->remedy, sizeof(path->remedy), format, args);
	va_end(args);
}

void explain_end(const struct explaining *it, uint8_t error, uint8_t reset, bool has_route,
		 struct explain_path *path)
{
	enum reason reason = reason_of_end(error, reset, has_route);
	char text[128];

	if (!error && !reset)
		return;
	subflow_error_text(error, reset, text, sizeof(text));
	if (reason == REASON_UNANSWERED && error == EHOSTUNREACH)
		snprintf(text, sizeof(text), "the next hop on %s does not answer (EHOSTUNREACH)",
			 path->interface);
	explain_say(path, reason, "%s", text);
	if (reason == REASON_REFUSED && it->connection->side == MPTCPD_SIDE_CLIENT)
		explain_remedy(path, "at the peer: ip mptcp limits set subflows 8, and a listener "
				     "on its address and port");
}

void explain_turned_away(const struct explaining *it, struct explain_path *path)
{
	explain_say(path, REASON_REFUSED,
		    "the peer closed it as soon as it was there, as it does where its limit is "
		    "reached");
	if (it->connection->side == MPTCPD_SIDE_CLIENT)
		explain_remedy(path, "at the peer: ip mptcp limits set subflows 8");
}

void explain_not_joined(const struct explaining *it, uint64_t since_ms, struct explain_path *path)
{
	char since[32] = "";

	if (since_ms)
		snprintf(since, sizeof(since), " %" PRIu64 " s ago",
			 (it->now_ms - since_ms) / 1000);
	explain_say(path, REASON_NOT_JOINED,
		    "announced%s, and not joined: the peer's limit, its add_addr_accepted, or "
		    "something on the way; from here they cannot be told apart",
		    since);
	explain_remedy(path, "at the peer: ip mptcp limits set subflows 4 add_addr_accepted 4");
}
