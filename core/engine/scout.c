/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scouts: a join by a link that may be silent, of a path that the plan has there already. If it is
 * answered the link is well, and it takes the place of what is dead; if not it is left to TCP.
 */
#include "addr.h"
#include "delivered.h"
#include "engine-private.h"
#include "watch.h"

/* TCP sends SYNs a second apart at first, and then more and more rarely: another one is due then. */
#define AGAIN_MS 5000
/* So many may be out: all of them may be answered when the link returns. */
#define OUT_MAX 3
/* So many that were answered stay, for the case that the path is gone another time. */
#define SPARE_MAX 3
/* Connections that are looked through for one that can send a scout. */
#define SEARCHED_MAX 64
#define POKE_MS 1000

static bool plans_paths(const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (connection->subflows[i].want.by < connection->policy->n_plugins)
			return true;
	return false;
}

/* RFC 8684 section 3.1 and 3.4.2. */
static bool takes_joins(const struct connection *connection, const struct mptcpd_addr *remote)
{
	return !addr_equal(remote, &connection->remote) ||
	       (!connection->deny_join_id0 && !connection->remote_removed);
}

bool scout_may_follow(const struct connection *connection, const struct subflow *subflow)
{
	if (connection->side != MPTCPD_SIDE_CLIENT || !connection->policy ||
	    connection->set_aside || connection->fallback ||
	    connection->path_manager != PATH_MANAGER_USERSPACE ||
	    connection->state != MPTCPD_CONNECTION_ESTABLISHED)
		return false;
	if (subflow->is.state != SUBFLOW_ESTABLISHED || subflow->is.scout ||
	    subflow->is.origin == MPTCPD_ORIGIN_PEER || subflow->want.forbidden ||
	    subflow->want.spared || subflow->want.dropped || subflow->want.banned ||
	    !takes_joins(connection, &subflow->remote))
		return false;
	return subflow->want.by < connection->policy->n_plugins ||
	       (subflow->is.initial && plans_paths(connection));
}

static bool is_there(const struct subflow *subflow, const struct far *far)
{
	return subflow->ifindex == far->ifindex && subflow->local.family == far->family;
}

static size_t count_out(const struct connection *connection, const struct far *far)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++)
		n += connection->subflows[i].is.scout && is_there(&connection->subflows[i], far) &&
		     connection->subflows[i].is.state != SUBFLOW_ESTABLISHED;
	return n;
}

bool scout_is_one_too_many(const struct connection *connection, const struct subflow *scout)
{
	size_t n_later = 0;

	if (!scout->is.scout || scout->is.state != SUBFLOW_ESTABLISHED)
		return false;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *other = &connection->subflows[i];

		n_later += other->is.scout && other->is.state == SUBFLOW_ESTABLISHED &&
			   other->is.since_ms > scout->is.since_ms &&
			   addr_equal_host(&other->local, &scout->local) &&
			   addr_equal(&other->remote, &scout->remote);
	}
	return n_later >= SPARE_MAX;
}

static struct subflow *find_path(struct connection *connection, const struct far *far)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (is_there(&connection->subflows[i], far) &&
		    scout_may_follow(connection, &connection->subflows[i]))
			return &connection->subflows[i];
	return NULL;
}

/* That of the witness, or one of the first that have a path there. */
static struct connection *choose(struct engine *engine, const struct far *far,
				 const struct witness *beside)
{
	struct connection *connection =
		beside ? model_find_connection(&engine->model, beside->token) : NULL;

	if (connection && find_path(connection, far))
		return connection;
	connection = model_next_connection(&engine->model, 0);
	for (size_t i = 0; connection && i < SEARCHED_MAX; i++) {
		if (find_path(connection, far))
			return connection;
		connection = connection_next(connection);
	}
	return NULL;
}

bool scout_send(struct engine *engine, struct far *far, const struct witness *beside,
		uint64_t now_ms)
{
	struct connection *connection = choose(engine, far, beside);
	struct subflow *path = connection ? find_path(connection, far) : NULL, *scout, wish;

	if (!path || count_out(connection, far) >= OUT_MAX ||
	    (far->tried_ms && now_ms - far->tried_ms < AGAIN_MS))
		return false;
	wish = (struct subflow){.local = addr_host(&path->local),
				.remote = path->remote,
				.ifindex = far->ifindex,
				.want = {.by = WANTED_BY_NONE, .backup = path->is.backup}};
	scout = connection_add_subflow(connection);
	if (!scout)
		return false;
	*scout = wish;
	far->tried_ms = now_ms;
	if (command_create(engine, connection, scout, now_ms) < 0) {
		connection_remove_subflow(connection, scout);
		return false;
	}
	scout->is.scout = true;
	connection->as_planned = false;
	far->scout_serial = connection->serial;
	far->scout_token = connection->token;
	far->scout_ms = now_ms;
	return true;
}

enum scout_state scout_look(struct engine *engine, struct far *far)
{
	struct connection *connection =
		far->scout_serial ? model_find_connection(&engine->model, far->scout_token) : NULL;
	enum scout_state state = SCOUT_NONE;

	if (!connection || connection->serial != far->scout_serial)
		return SCOUT_NONE;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (!subflow->is.scout || !is_there(subflow, far))
			continue;
		if (subflow->is.state == SUBFLOW_PENDING)
			state = SCOUT_OUT;
		if (subflow->is.state != SUBFLOW_ESTABLISHED)
			continue;
		watch_heard(far, subflow->is.since_ms);
		delivered_note(far, subflow->is.since_ms);
		if (subflow->is.since_ms >= far->scout_ms)
			return SCOUT_ANSWERED;
	}
	return state;
}

void scout_poke(struct engine *engine, struct far *far, uint64_t now_ms)
{
	uint64_t silent_ms = now_ms - far->silent_ms;

	if (now_ms < far->poke_ms)
		return;
	far->poke_ms = now_ms + POKE_MS;
	if (!far->answered_ms && now_ms - far->tried_ms >= silent_ms / 2)
		scout_send(engine, far, NULL, now_ms);
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		const struct witness *witness = &engine->health.witnesses[i];
		struct connection *connection;
		struct subflow *subflow;

		if (!witness->serial || witness->ifindex != far->ifindex ||
		    witness->local.family != far->family)
			continue;
		connection = model_find_connection(&engine->model, witness->token);
		subflow = watch_subflow(engine, witness);
		if (subflow && connection->path_manager == PATH_MANAGER_USERSPACE)
			command_poke(engine, connection, subflow);
	}
}
