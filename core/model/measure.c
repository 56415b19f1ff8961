/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "measure.h"

#include <stdlib.h>

#include "more.h"

/* A rate over a longer time says nothing of what happens now. */
#define RATE_MS 60000

/* NULL: it has no place among those that are kept. */
static struct mptcpd_measure *find(const struct connection *connection,
				   const struct subflow *subflow)
{
	size_t i = (size_t)(subflow - connection->subflows);

	return i < connection->more->n_measures ? &connection->more->measures[i] : NULL;
}

const struct mptcpd_measure *connection_measure(const struct connection *connection,
						const struct subflow *subflow)
{
	const struct mptcpd_measure *measure = find(connection, subflow);

	return measure && measure->taken_ms ? measure : NULL;
}

/* A place for each of its subflows. */
static void make_room(struct connection *connection)
{
	struct connection_more *more = connection_more(connection);

	if (more->n_measures >= connection->n_subflows)
		return;
	more->measures = realloc(more->measures, connection->n_subflows * sizeof(*more->measures));
	if (!more->measures)
		abort();
	while (more->n_measures < connection->n_subflows)
		more->measures[more->n_measures++] = (struct mptcpd_measure){0};
}

/* Bytes a second from one count to the next; a count that is less is another subflow's. */
static uint64_t rate(uint64_t before, uint64_t now, uint64_t ms)
{
	return ms == 0 || ms > RATE_MS || now < before ? MPTCPD_RATE_UNKNOWN
						       : (now - before) * 1000 / ms;
}

void measure_note(const struct model *model, struct connection *connection,
		  const struct subflow *subflow, const struct mptcpd_measure *measure)
{
	struct mptcpd_measure *kept;
	uint64_t ms;

	if (!model->keeps_measures)
		return;
	make_room(connection);
	kept = &connection->more->measures[subflow - connection->subflows];
	ms = kept->taken_ms ? measure->taken_ms - kept->taken_ms : 0;
	if (ms || !kept->taken_ms) {
		uint64_t sent = rate(kept->bytes_sent, measure->bytes_sent, ms);
		uint64_t received = rate(kept->bytes_received, measure->bytes_received, ms);

		*kept = *measure;
		kept->send_rate = sent;
		kept->receive_rate = received;
	}
}

void measure_forget(struct connection *connection, const struct subflow *subflow)
{
	struct mptcpd_measure *measure = find(connection, subflow);

	if (measure)
		*measure = (struct mptcpd_measure){0};
}

void measure_move(struct connection *connection, const struct subflow *to,
		  const struct subflow *from)
{
	struct mptcpd_measure *there = find(connection, to), *here = find(connection, from);

	if (there)
		*there = here ? *here : (struct mptcpd_measure){0};
}

void measure_settle(const struct model *model, struct connection *connection)
{
	if (model->keeps_measures)
		return;
	if (connection->more->measures) {
		free(connection->more->measures);
		connection->own_more->measures = NULL;
		connection->own_more->n_measures = 0;
	}
	more_shed(connection);
}
