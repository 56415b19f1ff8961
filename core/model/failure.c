/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

/* A reason of MP_TCPRST, RFC 8684 section 3.6. */
#define RESET_PROHIBITED 3

bool tries_refused(const struct subflow_tries *tries)
{
	return tries->turned_away || tries->error == ECONNREFUSED ||
	       (tries->has_reset && tries->reset_reason == RESET_PROHIBITED);
}

static struct failure *find(const struct connection *connection, const struct mptcpd_addr *local,
			    const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < connection->n_failures; i++)
		if (addr_equal_host(&connection->failures[i].local, local) &&
		    addr_equal(&connection->failures[i].remote, remote))
			return &connection->failures[i];
	return NULL;
}

static void drop(struct connection *connection, size_t i)
{
	memmove(&connection->failures[i], &connection->failures[i + 1],
		(--connection->n_failures - i) * sizeof(*connection->failures));
}

/* At the end; the oldest makes room. */
static struct failure *add(struct connection *connection)
{
	if (connection->n_failures == FAILURES_MAX)
		drop(connection, 0);
	connection->failures = realloc(connection->failures, (connection->n_failures + 1u) *
								     sizeof(*connection->failures));
	if (!connection->failures)
		abort();
	return &connection->failures[connection->n_failures++];
}

void failure_note(struct connection *connection, const struct event_subflow *event,
		  uint32_t ifindex)
{
	struct failure *failure = find(connection, &event->local, &event->remote);
	uint8_t attempts = failure ? failure->attempts : 0;

	if (!failure)
		failure = add(connection);
	*failure = (struct failure){
		.local = addr_host(&event->local),
		.remote = event->remote,
		.ifindex = ifindex,
		.error = event->error,
		.attempts = attempts < UINT8_MAX ? attempts + 1 : attempts,
		.has_reset = event->has_reset,
		.reset_reason = event->reset_reason,
	};
}

void failure_forget(struct connection *connection, const struct mptcpd_addr *local,
		    const struct mptcpd_addr *remote)
{
	struct failure *failure = find(connection, local, remote);

	if (failure)
		drop(connection, (size_t)(failure - connection->failures));
}
