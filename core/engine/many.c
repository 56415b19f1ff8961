/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a walk over all connections makes and closes: asked for without waiting, many in one system call. */
#include "addr.h"
#include "engine-private.h"

/* Where there are so few connections, their closings are waited for: each error is known at once. */
#define FEW 16

/* Was the initial address withdrawn before the first of what it is asked for now? */
static bool was_removed(const struct many *many, const struct connection *connection)
{
	const struct many_asked *last = many->n ? &many->asked[many->n - 1] : NULL;

	return connection->local_removed ||
	       (last && last->token == connection->token && last->local_removed);
}

static struct many_asked *keep(struct many *many, const struct connection *connection,
			       enum many_kind kind)
{
	struct many_asked asked = {.kind = kind,
				   .token = connection->token,
				   .local_removed = was_removed(many, connection)};

	many->asked[many->n] = asked;
	return &many->asked[many->n++];
}

static bool give(struct engine *engine, struct many_asked *asked, const struct prepared *command)
{
	asked->number = engine->ops->ask(engine->kernel, asked->token, command);
	engine->counters.commands += asked->number > 0;
	return asked->number > 0;
}

bool many_create(struct engine *engine, const struct connection *connection,
		 const struct subflow_request *request)
{
	struct many *many = &engine->many;
	struct prepared command;
	struct many_asked *asked;

	if (!many->is_on)
		return false;
	if (many->n == MANY_ASKED)
		many_settle(engine);
	asked = keep(many, connection, MANY_CREATE);
	asked->request = *request;
	engine->ops->prepare_create(engine->kernel, request, &command);
	if (give(engine, asked, &command))
		return true;
	many->n--;
	return false;
}

/* Would what was announced become something else by it? That takes an answer. */
static bool is_announced(const struct connection *connection, const struct subflow *subflow)
{
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		const struct announced *announced = &connection->more->announced[i];

		if ((announced->is.sent || announced->is.forgotten) &&
		    (announced->id == subflow->is.local_id ||
		     addr_equal_host(&announced->addr, &subflow->local)))
			return true;
	}
	return false;
}

static bool may_close(struct engine *engine, const struct connection *connection,
		      const struct subflow *subflow)
{
	return engine->many.is_on && table_count(&engine->model.connections) > FEW &&
	       subflow->is.state == SUBFLOW_ESTABLISHED && !is_announced(connection, subflow);
}

bool many_withdraw(struct engine *engine, const struct connection *connection,
		   const struct subflow *subflow)
{
	struct many *many = &engine->many;
	const struct connection_more *more = connection->more;
	size_t room = 1 + connection->n_subflows; /* whatever is closed after it finds it too */
	struct prepared command;
	struct many_asked *asked;

	if (!may_close(engine, connection, subflow) || room > MANY_ASKED)
		return false;
	if (many->n + room > MANY_ASKED || many->n_closings >= MANY_CLOSINGS)
		many_settle(engine);
	asked = keep(many, connection, MANY_WITHDRAW);
	asked->request.local_id = subflow->is.local_id;
	asked->told = (struct told){more->told_ms, more->told_id, more->told_to_forget};
	engine->ops->prepare_withdraw(engine->kernel, subflow->is.local_id, &command);
	if (give(engine, asked, &command))
		return true;
	many->n--;
	return false;
}

/* Is it not known yet whether the peer was told? */
static bool is_withdrawing(const struct many *many, const struct connection *connection)
{
	for (size_t i = many->n; i > 0 && many->asked[i - 1].token == connection->token; i--)
		if (many->asked[i - 1].kind == MANY_WITHDRAW)
			return true;
	return false;
}

static bool give_destroy(struct engine *engine, struct many_asked *asked)
{
	struct prepared command;

	engine->ops->prepare_destroy(engine->kernel, &asked->request.local, &asked->request.remote,
				     asked->mapped, &command);
	return give(engine, asked, &command);
}

bool many_destroy(struct engine *engine, const struct connection *connection,
		  const struct subflow *subflow)
{
	struct many *many = &engine->many;
	struct many_asked *asked;
	bool held = is_withdrawing(many, connection);

	if (!may_close(engine, connection, subflow))
		return false;
	if (!held && (many->n == MANY_ASKED || many->n_closings >= MANY_CLOSINGS))
		many_settle(engine);
	asked = keep(many, connection, MANY_DESTROY);
	asked->request = (struct subflow_request){.local = subflow->local,
						  .remote = subflow->remote,
						  .ifindex = subflow->ifindex};
	asked->mapped = subflow->is.mapped;
	asked->since_ms = subflow->is.since_ms;
	asked->held = held;
	if (!held && !give_destroy(engine, asked)) {
		many->n--;
		return false;
	}
	many->n_closings++;
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

static void refused_create(struct engine *engine, struct connection *connection,
			   const struct many_asked *asked, uint64_t now_ms)
{
	create_refused(engine, connection, &asked->request, now_ms);
	connection->local_removed |= asked->local_removed && !is_joined_from_initial(connection);
}

static void refused_destroy(struct engine *engine, struct connection *connection,
			    const struct many_asked *asked, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.state != SUBFLOW_CLOSING ||
		    subflow->ifindex != asked->request.ifindex ||
		    !addr_equal(&subflow->local, &asked->request.local) ||
		    !addr_equal(&subflow->remote, &asked->request.remote))
			continue;
		model_set_subflow_state(&engine->model, subflow, SUBFLOW_ESTABLISHED, now_ms);
		subflow->is.since_ms = asked->since_ms;
		engine_mark_dirty(engine, connection);
		return;
	}
}

/* The peer knows what it knew, and what was to be closed after it is not. */
static void refused_withdraw(struct engine *engine, struct connection *connection,
			     struct many_asked *asked, uint64_t now_ms)
{
	struct connection_more *more = connection_more(connection);
	const struct many_asked *end = &engine->many.asked[engine->many.n];

	more->told_ms = asked->told.ms;
	more->told_id = asked->told.id;
	more->told_to_forget = asked->told.to_forget;
	if (asked->request.local_id == 0)
		connection->local_removed &= asked->local_removed;
	for (struct many_asked *later = asked; later < end && later->token == asked->token;
	     later++) {
		if (asked->request.local_id == 0)
			later->local_removed = asked->local_removed;
		if (later->held)
			refused_destroy(engine, connection, later, now_ms);
		later->held = false;
	}
}

static bool many_refused(struct engine *engine, int number, uint64_t now_ms)
{
	for (size_t i = 0; i < engine->many.n; i++) {
		struct many_asked *asked = &engine->many.asked[i];
		struct connection *connection;

		if (asked->number != number)
			continue;
		connection = model_find_connection(&engine->model, asked->token);
		if (connection && asked->kind == MANY_CREATE)
			refused_create(engine, connection, asked, now_ms);
		else if (connection && asked->kind == MANY_WITHDRAW)
			refused_withdraw(engine, connection, asked, now_ms);
		else if (connection)
			refused_destroy(engine, connection, asked, now_ms);
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

/*
 * As nobody knows whether a withdrawal was refused, what is to be closed after it is not; and what was
 * announced may be forgotten with a subflow that was refused.
 */
static void many_lost(struct engine *engine, uint64_t now_ms)
{
	for (size_t i = 0; i < engine->many.n; i++) {
		struct many_asked *asked = &engine->many.asked[i];
		struct connection *connection = model_find_connection(&engine->model, asked->token);

		if (!connection)
			continue;
		/* Its first DESTROY comes right after it. */
		if (asked->kind == MANY_WITHDRAW && i + 1 < engine->many.n && asked[1].held)
			refused_withdraw(engine, connection, asked, now_ms);
		if (asked->kind != MANY_CREATE)
			continue;
		ids_forgotten(connection, &asked->request.local, now_ms);
		engine_mark_dirty(engine, connection);
	}
}

size_t many_hear(struct engine *engine)
{
	int refused[MANY_ASKED];
	size_t n = engine->ops->refusals(engine->kernel, refused, MANY_ASKED);

	for (size_t i = 0; i < n; i++) {
		if (refused[i] == REFUSALS_LOST)
			many_lost(engine, engine->view.base.now_ms);
		else
			engine_refused(engine, refused[i], engine->view.base.now_ms);
	}
	return n;
}

static void hear_all(struct engine *engine)
{
	for (size_t n = engine->many.n; n > 0;)
		n = many_hear(engine);
}

/* The withdrawals before them are carried out. */
static size_t give_held(struct engine *engine)
{
	struct many *many = &engine->many;
	size_t n = 0;

	for (size_t i = 0; i < many->n; i++) {
		struct many_asked *asked = &many->asked[i];
		struct connection *connection;

		if (!asked->held)
			continue;
		asked->held = false;
		connection = model_find_connection(&engine->model, asked->token);
		if (!connection)
			continue;
		n++;
		if (!give_destroy(engine, asked))
			refused_destroy(engine, connection, asked, engine->view.base.now_ms);
	}
	return n;
}

void many_settle(struct engine *engine)
{
	hear_all(engine);
	if (give_held(engine) > 0)
		hear_all(engine);
	engine->many.n = engine->many.n_closings = 0;
}
