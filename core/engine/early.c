/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subflows that are asked for before their connection's policy is, because it has been. */
#include <string.h>

#include "addr.h"
#include "engine-private.h"
#include "hot.h"

/* ---- plans for all that begin alike ---- */

HOT static struct early_key key_of_event(const struct event_connection *event)
{
	return (struct early_key){.local = addr_host(&event->local),
				  .remote = event->remote,
				  .side = event->side,
				  .deny_join_id0 = event->deny_join_id0,
				  .mapped = event->mapped};
}

HOT static struct early_key key_of(const struct connection *connection)
{
	return (struct early_key){.local = addr_host(&connection->local),
				  .remote = connection->remote,
				  .side = (uint8_t)connection->side,
				  .deny_join_id0 = connection->deny_join_id0,
				  .mapped = connection->mapped};
}

HOT static bool is_key(const struct early_key *a, const struct early_key *b)
{
	return a->side == b->side && a->deny_join_id0 == b->deny_join_id0 &&
	       a->mapped == b->mapped && addr_equal(&a->local, &b->local) &&
	       addr_equal(&a->remote, &b->remote);
}

HOT static size_t place_of(const struct early_key *key)
{
	uint32_t words[2][sizeof(key->remote.ip) / sizeof(uint32_t)];
	uint32_t sum = key->remote.port;

	memcpy(words[0], key->local.ip, sizeof(words[0]));
	memcpy(words[1], key->remote.ip, sizeof(words[1]));
	for (size_t i = 0; i < sizeof(words[0]) / sizeof(words[0][0]); i++)
		sum = (sum ^ words[0][i]) * 0x9e3779b1U + words[1][i];
	return (sum * 0x9e3779b1U >> 16) % EARLY_PLANS;
}

HOT static const struct early_plan *find_plan(const struct engine *engine,
					      const struct early_key *key)
{
	const struct early_plan *plan = &engine->early.plans[place_of(key)];

	return plan->generation == engine->generation && plan->unbound == engine->creates_unbound &&
			       is_key(&plan->key, key)
		       ? plan
		       : NULL;
}

/* Has it its initial subflow alone, and nothing happened to it? */
HOT static bool is_fresh(const struct connection *connection)
{
	return connection->n_subflows == 1 && engine_carries(&connection->subflows[0]) &&
	       connection->more->n_peers == 0 && connection->more->n_announced == 0 &&
	       connection->more->n_failures == 0 && !connection->remote_removed &&
	       !connection->adopted;
}

/* Is it still what it was planned for? */
HOT static bool begins_so(const struct connection *connection, const struct early_key *key)
{
	struct early_key own = key_of(connection);

	return is_key(&own, key);
}

/* A path of the plan just made, that was never tried. */
static bool is_first_wish(const struct subflow *subflow)
{
	return subflow->is.state == SUBFLOW_ABSENT && subflow->want.by < WANTED_BY_INITIAL &&
	       !subflow->want.pinned && !subflow->want.banned && !subflow->want.forbidden &&
	       !subflow->try.no_route && subflow->try.attempts == 0;
}

static bool depends_on_addresses(struct engine *engine, const struct connection *connection)
{
	return connection->policy && (connection->policy->traits & MPTCPD_TRAIT_ADDRESSES) &&
	       !engine->marks_matter && engine->model.n_double_locals == 0 &&
	       connection->more->n_peers == 0 && connection->more->n_failures == 0 &&
	       !connection->remote_removed && !connection->adopted &&
	       decide_is_by_addresses(engine, connection);
}

/* The path that the wish is for. From now on it has the id by which it is asked for. */
static void make_path(struct engine *engine, const struct connection *connection,
		      struct subflow *subflow, struct early_path *ret_path)
{
	ret_path->request = create_request(connection, subflow);
	ret_path->by = subflow->want.by;
	ret_path->instance = subflow->want.instance;
	subflow->is.local_id = ret_path->request.local_id;
	engine->ops->prepare_create(engine->kernel, &ret_path->request, &ret_path->command);
}

/* Is all that is to be done for the connection to make the paths? */
static bool is_whole(const struct engine *engine, const struct connection *connection)
{
	const struct plan *plan = &engine->plan;

	for (size_t i = 0; i < connection->n_subflows; i++)
		if (connection->subflows[i].want.backup || connection->subflows[i].want.pinned)
			return false; /* somebody has to look whether it is one */
	return plan->n_announcements == 0 && plan->n_forbidden == 0 && plan->n_drops == 0 &&
	       plan->n_refusals == 0 && plan->ask_ms == UINT64_MAX;
}

void early_keep(struct engine *engine, struct connection *connection)
{
	struct early_key key = key_of(connection);
	struct early_plan *plan = &engine->early.plans[place_of(&key)];
	bool more = false;

	if (find_plan(engine, &key) || !depends_on_addresses(engine, connection))
		return;
	*plan = (struct early_plan){.key = key, .unbound = engine->creates_unbound};
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.initial && engine_carries(subflow))
			continue;
		if (!is_first_wish(subflow))
			return; /* something happened to it */
		more = plan->n == EARLY_PATHS;
		if (more)
			break;
		make_path(engine, connection, subflow, &plan->paths[plan->n++]);
	}
	plan->whole = !more && is_whole(engine, connection);
	plan->generation = engine->generation;
}

bool early_is_due(const struct engine *engine, const struct connection *connection)
{
	struct early_key key = key_of(connection);

	return connection->side == MPTCPD_SIDE_CLIENT &&
	       engine->model.path_manager == PATH_MANAGER_USERSPACE &&
	       !(is_fresh(connection) && find_plan(engine, &key));
}

/* ---- asking ---- */

HOT static struct early_asked *asked_at(struct early *early, uint32_t i)
{
	return &early->asked[i % EARLY_ASKED];
}

HOT static void ask(struct engine *engine, uint32_t token, const struct early_path *path)
{
	struct early *early = &engine->early;
	int number;

	if (early->n - early->n_learned == EARLY_ASKED)
		return;
	number = engine->ops->ask(engine->kernel, token, &path->command);
	if (number < 0)
		return;
	*asked_at(early, early->n++) =
		(struct early_asked){token, number, path->by, path->instance, path->request};
	engine->counters.commands++;
}

static void ask_for_wishes(struct engine *engine, struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		struct early_path path;

		if (!is_first_wish(subflow))
			continue;
		make_path(engine, connection, subflow, &path);
		ask(engine, connection->token, &path);
	}
}

HOT static bool may_ask(struct engine *engine, uint32_t token)
{
	struct early *early = &engine->early;
	bool is_asked =
		early->n != early->n_learned && asked_at(early, early->n - 1)->token == token;

	return !is_asked && !engine->passive && !engine->host_dirty &&
	       engine->model.path_manager == PATH_MANAGER_USERSPACE;
}

HOT void engine_early(struct engine *engine, const struct event *event)
{
	struct early_key key = key_of_event(&event->connection);
	struct connection *connection;
	const struct early_plan *plan;

	if (!may_ask(engine, event->token))
		return;
	connection = model_find_connection(&engine->model, event->token);
	if (connection &&
	    (connection->state != MPTCPD_CONNECTION_CREATED || !begins_so(connection, &key)))
		return;
	plan = !connection || is_fresh(connection) ? find_plan(engine, &key) : NULL;
	for (size_t i = 0; plan && i < plan->n; i++)
		ask(engine, event->token, &plan->paths[i]);
	if (!plan && connection && connection->planned == engine->generation)
		ask_for_wishes(engine, connection);
}

/* ---- what became of it ---- */

static bool learn(struct engine *engine, struct connection *connection,
		  const struct early_asked *asked, uint64_t now_ms)
{
	const struct subflow_request *request = &asked->request;
	struct subflow *subflow = create_find(connection, request, SUBFLOW_ABSENT);

	if (!subflow)
		subflow = connection_add_subflow(connection);
	if (!subflow)
		return false;
	subflow->remote = request->remote;
	subflow->ifindex = request->ifindex;
	subflow->want.port = request->local.port;
	subflow->want.backup = request->flags & MPTCPD_FLAG_BACKUP;
	subflow->want.instance = asked->instance;
	subflow->want.by = asked->by;
	create_asked(engine, connection, subflow, request, now_ms);
	return true;
}

void early_learn(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	struct early *early = &engine->early;
	struct connection *connection = model_find_connection(&engine->model, event->token);
	struct early_key key = key_of_event(&event->connection);
	const struct early_plan *plan = find_plan(engine, &key);
	bool is_first = connection && is_fresh(connection);
	size_t n = 0;

	for (; early->n_learned != early->n; early->n_learned++) {
		const struct early_asked *asked = asked_at(early, early->n_learned);

		if (asked->token && asked->token != event->token)
			break;
		n += connection && asked->token && learn(engine, connection, asked, now_ms);
	}
	if (!is_first || !plan || !plan->whole || n != plan->n || engine->host_dirty)
		return;
	connection->as_planned = true;
	connection->planned = engine->generation;
}

bool early_refused(struct engine *engine, int number, uint64_t now_ms)
{
	struct early *early = &engine->early;
	struct connection *connection;
	bool found = false;

	for (size_t i = 0; i < EARLY_ASKED; i++) {
		struct early_asked *asked = &early->asked[i];

		if (asked->number != number || !asked->token)
			continue;
		connection = model_find_connection(&engine->model, asked->token);
		if (connection)
			create_refused(engine, connection, &asked->request, now_ms);
		asked->token = 0;
		found = true;
	}
	return found;
}
