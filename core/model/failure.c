/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

/* A reason of MP_TCPRST, RFC 8684 section 3.6. */
#define RESET_PROHIBITED 3

bool failure_refuses(uint8_t error, uint8_t reset)
{
	return error == ECONNREFUSED || reset == 1 + RESET_PROHIBITED;
}

bool tries_refused(const struct subflow_tries *tries)
{
	return tries->turned_away || failure_refuses(tries->error, tries->reset);
}

static struct failure *find(const struct connection *connection, const struct mptcpd_addr *local,
			    const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < connection->more->n_failures; i++)
		if (addr_equal_host(&connection->more->failures[i].local, local) &&
		    addr_equal(&connection->more->failures[i].remote, remote))
			return &connection->more->failures[i];
	return NULL;
}

static void drop(struct connection_more *more, size_t i)
{
	memmove(&more->failures[i], &more->failures[i + 1],
		(--more->n_failures - i) * sizeof(*more->failures));
}

/* At the end; the oldest makes room. */
static struct failure *add(struct connection_more *more)
{
	if (more->n_failures == FAILURES_MAX)
		drop(more, 0);
	more->failures = realloc(more->failures, (more->n_failures + 1u) * sizeof(*more->failures));
	if (!more->failures)
		abort();
	return &more->failures[more->n_failures++];
}

void failure_note(const struct model *model, struct connection *connection,
		  const struct event_subflow *event, uint32_t ifindex)
{
	struct failure *failure = find(connection, &event->local, &event->remote);
	const struct mptcpd_addr host = addr_host(&event->local);
	const struct endpoint *endpoint = model_find_endpoint(model, 0, &host);
	uint8_t attempts = failure ? failure->attempts : 0;

	if (!failure)
		failure = add(connection_more(connection));
	*failure = (struct failure){
		.local = host,
		.remote = event->remote,
		.ifindex = ifindex,
		.endpoint = endpoint ? endpoint->serial : 0,
		.error = event->error,
		.attempts = attempts < UINT8_MAX ? attempts + 1 : attempts,
		.reset = event->reset,
	};
}

void failure_forget(struct connection *connection, const struct mptcpd_addr *local,
		    const struct mptcpd_addr *remote)
{
	struct failure *failure = find(connection, local, remote);

	if (failure)
		drop(connection_more(connection), (size_t)(failure - connection->more->failures));
}
