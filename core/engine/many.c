/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subflows that a walk over all connections makes: asked for without waiting, many in one system call. */
#include "engine-private.h"

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
	many->asked[many->n++] =
		(struct many_asked){connection->token, number, connection->local_removed, *request};
	engine->counters.commands++;
	return true;
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
			connection->local_removed |= asked->local_removed;
			create_refused(engine, connection, &asked->request, now_ms);
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

void many_settle(struct engine *engine)
{
	int refused[MANY_ASKED];
	size_t n = engine->many.n;

	while (n > 0) {
		n = engine->ops->refusals(engine->kernel, refused, MANY_ASKED);
		for (size_t i = 0; i < n; i++)
			engine_refused(engine, refused[i], engine->view.base.now_ms);
	}
	engine->many.n = 0;
}
