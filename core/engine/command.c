/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about one subflow, each with its bookkeeping: ids, state, back-off. */
#include <errno.h>

#include "addr.h"
#include "engine-private.h"
#include "failure.h"
#include "change.h"

int command_create(struct engine *engine, struct connection *connection, struct subflow *subflow,
		   uint64_t now_ms)
{
	struct subflow_request request = create_request(connection, subflow);
	int r;

	if (many_create(engine, connection, &request)) {
		create_asked(engine, connection, subflow, &request, now_ms);
		return 0;
	}
	r = engine_command(engine, connection, "SUBFLOW_CREATE",
			   engine->ops->subflow_create(engine->kernel, connection->token,
						       &request));
	if (r < 0) {
		subflow->try.error = (uint8_t)-r;
		subflow->try.reset = 0;
		/* The end of the connection is no failure of the path. */
		if (r != -ENOTCONN)
			engine->counters.failures[reason_of_end(subflow->try.error, 0, true)]++;
		subflow->try.turned_away = false;
		subflow->is.since_ms = now_ms;
		backoff_path(engine, subflow, now_ms);
		if (r == -EINVAL)
			ids_correct(engine, connection, &request.local, request.local_id);
		else
			ids_forgotten(connection, &request.local, now_ms);
		return r;
	}
	create_asked(engine, connection, subflow, &request, now_ms);
	return 0;
}

int command_destroy(struct engine *engine, struct connection *connection, struct subflow *subflow,
		    uint64_t now_ms)
{
	int r;

	if (many_destroy(engine, connection, subflow)) {
		model_set_subflow_state(&engine->model, subflow, SUBFLOW_CLOSING, now_ms);
		return 0;
	}
	r = engine->ops->subflow_destroy(engine->kernel, connection->token, &subflow->local,
					 &subflow->remote, subflow->ifindex, subflow->is.mapped);
	if (r == -ESRCH) {
		engine_command(engine, connection, "SUBFLOW_DESTROY", 0);
		/* The subflow ended, or was answered before its port was known: an event tells. */
		if (subflow->local.port)
			model_set_subflow_state(&engine->model, subflow, SUBFLOW_CLOSING, now_ms);
		return 0;
	}
	if (r == -EAGAIN)
		return r; /* nothing was asked of the kernel yet */
	r = engine_command(engine, connection, "SUBFLOW_DESTROY", r);
	if (r == 0) {
		model_set_subflow_state(&engine->model, subflow, SUBFLOW_CLOSING, now_ms);
		ids_forgotten(connection, &subflow->local, now_ms);
	}
	return r;
}

static void see_backup(struct engine *engine, const struct connection *connection,
		       struct subflow *subflow, bool backup)
{
	struct change change = {.type = CHANGE_SUBFLOW_PRIORITY};

	if (subflow->is.backup == backup)
		return;
	subflow->is.backup = backup;
	subflow_describe(connection, subflow, &change);
	engine_tell(engine, &change);
}

void command_look_at_backup(struct engine *engine, const struct connection *connection,
			    struct subflow *subflow)
{
	int r = engine->ops->subflow_is_backup(engine->kernel, connection->token, &subflow->local,
					       &subflow->remote, subflow->ifindex);

	if (r < 0)
		return;
	if (subflow->is.backup_unsure)
		see_backup(engine, connection, subflow, r);
	subflow->is.backup = r;
	subflow->is.backup_unsure = false;
	subflow->is.backup_asked = subflow->is.backup != subflow->want.backup;
	engine->create_keeps_backup |= subflow->is.backup;
}

int command_set_backup(struct engine *engine, struct connection *connection,
		       struct subflow *subflow, bool backup)
{
	int r = engine_command(engine, connection, "SET_FLAGS",
			       engine->ops->subflow_backup(engine->kernel, connection->token,
							   &subflow->local, &subflow->remote,
							   backup));

	if (r < 0)
		return r;
	/* What is there from now on is not CREATE's doing. */
	subflow->is.backup_asked = subflow->is.backup_unsure = false;
	see_backup(engine, connection, subflow, backup);
	return r;
}

void command_poke(struct engine *engine, const struct connection *connection,
		  struct subflow *subflow)
{
	int r;

	if (subflow->is.backup_unsure)
		command_look_at_backup(engine, connection, subflow);
	if (subflow->is.backup_unsure)
		return;
	r = engine->ops->subflow_backup(engine->kernel, connection->token, &subflow->local,
					&subflow->remote, subflow->is.backup);
	/* It may be gone by now. */
	engine_command(engine, connection, "SET_FLAGS", r == -EINVAL ? 0 : r);
}

int command_withdraw(struct engine *engine, const struct connection *connection, uint8_t id)
{
	int r = engine->ops->withdraw(engine->kernel, connection->token, id);

	return engine_command(engine, connection, "REMOVE", r == -EINVAL ? 1 : r);
}

/* The kernel decides for it: what was planned before that was known is nobody's wish. */
static void drop_wishes(struct connection *connection)
{
	for (size_t i = connection->n_subflows; i-- > 0;) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->want.by >= WANTED_BY_INITIAL)
			continue;
		subflow->want.by = WANTED_BY_NONE;
		if (subflow->is.state == SUBFLOW_ABSENT && !subflow->want.banned &&
		    !subflow->want.pinned)
			connection_remove_subflow(connection, subflow);
	}
}

bool command_probe(struct engine *engine, struct connection *connection)
{
	int r;

	if (connection->path_manager != PATH_MANAGER_UNKNOWN)
		return true;
	r = engine->ops->probe(engine->kernel, connection->token);
	if (r == PROBE_GONE) {
		engine_close(engine, connection);
		return false;
	}
	if (r == PROBE_USERSPACE || r == PROBE_KERNEL)
		connection->path_manager =
			r == PROBE_USERSPACE ? PATH_MANAGER_USERSPACE : PATH_MANAGER_KERNEL;
	if (r == PROBE_KERNEL)
		drop_wishes(connection);
	return true;
}

bool command_survives(struct engine *engine, struct connection *connection, int r)
{
	if (r != -EINVAL && r != -ENOTCONN)
		return true;
	connection->path_manager = PATH_MANAGER_UNKNOWN;
	return command_probe(engine, connection) &&
	       connection->path_manager == PATH_MANAGER_USERSPACE;
}
