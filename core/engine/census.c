/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "census.h"

#include <stdlib.h>

#include "announce.h"
#include "explain.h"
#include "failure.h"

/* A SYN is answered sooner, or something is wrong. */
#define ANSWER_MS 1000

void census_init(struct census *census, const struct engine *engine)
{
	*census = (struct census){.n_policies = engine->rules->n_policies};
	census->connections = calloc(census->n_policies + 1, sizeof(*census->connections));
	if (!census->connections)
		abort();
}

void census_done(struct census *census)
{
	free(census->connections);
}

/* ---- what there is ---- */

static void count_connection(struct census *census, const struct engine *engine,
			     const struct connection *connection)
{
	enum census_connection state = CENSUS_CREATED;
	size_t policy = connection->policy ? (size_t)(connection->policy - engine->rules->policies)
					   : census->n_policies;

	if (connection->fallback)
		state = CENSUS_FALLBACK;
	else if (connection->state == MPTCPD_CONNECTION_ESTABLISHED)
		state = CENSUS_ESTABLISHED;
	else if (connection->state == MPTCPD_CONNECTION_CLOSING)
		state = CENSUS_CLOSING;
	census->connections[policy][state]++;
}

static struct census_link *find_link(struct census *census, uint32_t ifindex)
{
	size_t i = 0;

	while (i < census->n_links && census->links[i].ifindex != ifindex)
		i++;
	if (i == census->n_links && census->n_links < CENSUS_LINKS)
		census->links[census->n_links++].ifindex = ifindex;
	else if (i == census->n_links)
		census->links[--i].ifindex = 0; /* the last of them stands for all others */
	return &census->links[i];
}

static void count_subflow(struct census *census, const struct subflow *subflow)
{
	enum census_subflow state = subflow->is.state == SUBFLOW_ESTABLISHED
					    ? CENSUS_SUBFLOW_ESTABLISHED
				    : subflow->is.state == SUBFLOW_CLOSING ? CENSUS_SUBFLOW_CLOSING
									   : CENSUS_SUBFLOW_PENDING;

	if (subflow_is_seen(subflow))
		find_link(census, subflow->ifindex)->subflows[state]++;
}

/* ---- what there should be ---- */

static enum reason of_interface(const struct interface *interface)
{
	if (!interface)
		return REASON_NO_ADDRESS;
	if (!interface->is.up)
		return REASON_LINK_DOWN;
	return interface->is.carrier ? REASON_NONE : REASON_NO_CARRIER;
}

static enum reason of_address(const struct model *model, const struct subflow *subflow)
{
	const struct local *local = model_find_local(model, &subflow->local, subflow->ifindex);
	const struct interface *interface =
		local ? local->interface : model_find_interface(model, subflow->ifindex);
	enum reason reason = of_interface(interface);

	if (reason)
		return reason;
	if (!local)
		return REASON_NO_ADDRESS;
	if (local->usability == UNUSABLE_TENTATIVE)
		return REASON_TENTATIVE;
	return interface->health[health_index(subflow->local.family)].state == MPTCPD_HEALTH_SILENT
		       ? REASON_SILENT
		       : REASON_NONE;
}

/* One that is wanted and not there. NONE: it is there, or nobody wants it. */
static enum reason of_subflow(const struct engine *engine, const struct connection *connection,
			      const struct subflow *subflow, uint64_t now_ms)
{
	bool is_pending = subflow->is.state == SUBFLOW_PENDING;
	enum reason reason;

	if (subflow->is.scout || subflow->is.state == SUBFLOW_CLOSING ||
	    subflow->is.state == SUBFLOW_ESTABLISHED ||
	    (is_pending && now_ms - subflow->is.since_ms < ANSWER_MS))
		return REASON_NONE;
	if (subflow->want.banned)
		return REASON_HELD;
	if (subflow->want.forbidden)
		return REASON_POLICY;
	if (!is_pending && subflow->want.by == WANTED_BY_NONE)
		return REASON_NONE;
	reason = of_address(&engine->model, subflow);
	if (reason)
		return reason;
	if (is_pending)
		return REASON_UNANSWERED;
	if (subflow->try.no_route)
		return REASON_NO_ROUTE;
	if (subflow->try.turned_away)
		return REASON_REFUSED;
	reason = reason_of_end(subflow->try.error, subflow->try.reset, true);
	if (reason)
		return reason;
	return connection->state == MPTCPD_CONNECTION_CREATED ? REASON_NOT_ESTABLISHED
							      : REASON_PLANNED;
}

/* What holds for the connection as a whole. */
static enum reason of_connection(const struct connection *connection)
{
	if (connection->fallback)
		return explain_fallback_reason(connection);
	if (connection->set_aside)
		return REASON_SET_ASIDE;
	/* The only address of the peer takes no joins. */
	if (connection->deny_join_id0 && connection->side == MPTCPD_SIDE_CLIENT &&
	    connection->n_subflows == 1 && connection->more->n_peers == 0)
		return REASON_DENY_JOIN_ID0;
	return REASON_NONE;
}

static bool is_not_joined(const struct connection *connection, const struct announced *announced,
			  uint64_t now_ms)
{
	return announced->is.sent && announced->try.told_ms &&
	       now_ms - announced->try.told_ms >= EXPLAIN_PATIENCE_MS &&
	       !engine_is_joined(connection, announced, NULL);
}

/* A join that the kernel's path manager, or a person, had no luck with. NONE: that is over. */
static enum reason of_failure(const struct engine *engine, const struct connection *connection,
			      const struct failure *failure)
{
	const struct local *local =
		model_find_local(&engine->model, &failure->local, failure->ifindex);
	enum reason reason = local ? of_interface(local->interface) : REASON_NONE;

	if (!explain_is_failure(engine, connection, failure))
		return REASON_NONE;
	if (!reason)
		reason = reason_of_end(failure->error, failure->reset, true);
	return reason ? reason : REASON_REFUSED;
}

static void count_missing(struct census *census, const struct engine *engine,
			  const struct connection *connection, uint64_t now_ms)
{
	const struct connection_more *more = connection->more;
	enum reason reason = of_connection(connection);

	census->missing[reason]++;
	if (reason && reason != REASON_DENY_JOIN_ID0)
		return;
	for (size_t i = 0; i < connection->n_subflows; i++)
		census->missing[of_subflow(engine, connection, &connection->subflows[i], now_ms)]++;
	for (size_t i = 0; i < more->n_announced; i++)
		census->missing[REASON_NOT_JOINED] +=
			is_not_joined(connection, &more->announced[i], now_ms);
	for (size_t i = 0; i < more->n_failures; i++)
		census->missing[of_failure(engine, connection, &more->failures[i])]++;
}

uint64_t census_take(struct census *census, const struct engine *engine, uint64_t cursor,
		     uint64_t now_ms, size_t n_records)
{
	const struct connection *connection = model_next_connection(&engine->model, cursor);
	uint64_t last = 0;

	for (size_t n = 0; connection && n < n_records; connection = connection_next(connection)) {
		count_connection(census, engine, connection);
		for (size_t i = 0; i < connection->n_subflows; i++)
			count_subflow(census, &connection->subflows[i]);
		count_missing(census, engine, connection, now_ms);
		last = connection->serial;
		n += 1u + connection->n_subflows;
	}
	census->missing[REASON_NONE] = 0;
	return connection ? last : 0;
}
