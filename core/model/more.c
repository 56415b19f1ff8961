/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "more.h"

#include <stdlib.h>

static const struct connection_more nothing = {.ask_ms = UINT64_MAX,
					       .bytes_sent = MPTCPD_BYTES_UNKNOWN,
					       .bytes_received = MPTCPD_BYTES_UNKNOWN};

void more_init(struct connection *connection)
{
	connection->more = &nothing;
}

struct connection_more *connection_more(struct connection *connection)
{
	if (connection->more == &nothing) {
		connection->own_more = malloc(sizeof(*connection->own_more));
		if (!connection->own_more)
			abort();
		*connection->own_more = nothing;
	}
	return connection->own_more;
}

void more_done(struct connection *connection)
{
	if (connection->more == &nothing)
		return;
	free(connection->more->peers);
	free(connection->more->announced);
	free(connection->more->failures);
	free(connection->more->memory);
	free(connection->more->measures);
	free(connection->own_more);
	more_init(connection);
}

void more_shed(struct connection *connection)
{
	const struct connection_more *more = connection->more;

	if (!more->peers && !more->announced && !more->failures && !more->memory &&
	    !more->measures && !more->has_owner && !more->counted_ms && more->ask_ms == UINT64_MAX)
		more_done(connection);
}
