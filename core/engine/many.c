/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subflows that a walk over all connections makes: asked for without waiting, many in one system call. */
#include "addr.h"
#include "engine-private.h"

/* Was the initial address withdrawn before the first of what it is asked for now? */
static bool was_removed(const struct many *many, const struct connection *connection)
{
	const struct many_asked *last = many->n ? &many->asked[many->n - 1] : NULL;

	return connection->local_removed ||
	       (last && last->token == connection->token && last->local_removed);
}

bool many_create(struct engine *engine, const struct connection *connection,
		 const struct subflow_request *request)
{
	struct many *many = &engine->many;
	struct prepared command;
	int number;

	if (!many->is_on)
		return false;
	if (many->n == MANY_ASKED)
		many_settle(engine);
	engine->ops->prepare_create(engine->kernel, request, &command);
	number = engine->ops->ask(engine->kernel, connection->token, &command);
	if (number < 0)
		return false;
	many->asked[many->n] = (struct many_asked){connection->token, number,
						   was_removed(many, connection), *request};
	many->n++;
	engine->counters.commands++;
	return true;
}

/* Does the peer know our initial address by a join from it? */
static bool is_joined_from_initial(const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if ((subflow->is.state == SUBFLOW_PENDING ||
		     subflow->is.state == SUBFLOW_ESTABLISHED) &&
		    !subflow->is.local_id && addr_equal_host(&subflow->local, &connection->local))
			return true;
	}
	return false;
}

static bool many_refused(struct engine *engine, int number, uint64_t now_ms)
{
	for (size_t i = 0; i < engine->many.n; i++) {
		const struct many_asked *asked = &engine->many.asked[i];
		struct connection *connection;

		if (asked->number != number)
			continue;
		connection = model_find_connection(&engine->model, asked->token);
		if (connection) {
			create_refused(engine, connection, &asked->request, now_ms);
			connection->local_removed |=
				asked->local_removed && !is_joined_from_initial(connection);
		}
		return true;
	}
	return false;
}

/* So many were asked for since that nobody knows what it was: a snapshot shows what there is. */
void engine_refused(struct engine *engine, int number, uint64_t now_ms)
{
	if (!early_refused(engine, number, now_ms) && !many_refused(engine, number, now_ms))
		resync_want(engine, SNAPSHOT_CONNECTIONS);
}

size_t many_hear(struct engine *engine)
{
	int refused[MANY_ASKED];
	size_t n = engine->ops->refusals(engine->kernel, refused, MANY_ASKED);

	for (size_t i = 0; i < n; i++)
		engine_refused(engine, refused[i], engine->view.base.now_ms);
	return n;
}

void many_settle(struct engine *engine)
{
	for (size_t n = engine->many.n; n > 0;)
		n = many_hear(engine);
	engine->many.n = 0;
}
