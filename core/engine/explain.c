/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says of every path of a connection what is done about it, and why. Changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "choose.h"
#include "engine-private.h"
#include "failure.h"
#include "words.h"
#include "owned.h"

static const char *wanted_by(const struct connection *connection, const struct subflow *subflow)
{
	if (subflow->want.by == WANTED_BY_ADMIN)
		return "admin";
	if (subflow->want.by == WANTED_BY_ENDPOINT)
		return "endpoint";
	if (!connection->policy || subflow->want.by >= connection->policy->n_plugins)
		return NULL;
	return connection->policy->plugins[subflow->want.by].plugin->name;
}

static enum explain_state explain_state(const struct subflow *subflow)
{
	bool is_wanted = subflow->want.by != WANTED_BY_NONE && !subflow->want.banned;

	if (subflow->want.banned)
		return EXPLAIN_UNWANTED;

	switch (subflow->is.state) {
	case SUBFLOW_ABSENT:
		if (!is_wanted)
			break;
		return tries_refused(&subflow->try) ? EXPLAIN_REFUSED : EXPLAIN_WAITING;
	case SUBFLOW_PENDING:
		return is_wanted ? EXPLAIN_PENDING : EXPLAIN_UNWANTED;
	case SUBFLOW_ESTABLISHED:
		/* Subflows of applications and peers are nobody's to want. */
		return is_wanted || subflow->is.origin != MPTCPD_ORIGIN_POLICY ? EXPLAIN_ESTABLISHED
									       : EXPLAIN_UNWANTED;
	case SUBFLOW_CLOSING:
		break;
	}
	return EXPLAIN_UNWANTED;
}

static void append(char *text, size_t size, const char *more, const char *name)
{
	size_t length = strlen(text);

	snprintf(text + length, size - length, "%s%s", length ? more : more + 2, name);
}

static void explain_silence(const struct engine *engine, const struct subflow *subflow,
			    const struct local *local, struct explain_path *path)
{
	const struct health *health =
		&local->interface->health[health_index(local->is.addr.family)];
	char text[160];

	if (health->state == MPTCPD_HEALTH_SILENT)
		snprintf(path->error, sizeof(path->error), "%s is %s", local->interface->is.name,
			 health_text(health, engine->view.base.now_ms, text, sizeof(text)));
	else
		snprintf(path->error, sizeof(path->error),
			 "silent, because what is sent there is not acknowledged, though its link "
			 "is well");
}

static void explain_error(const struct engine *engine, const struct connection *connection,
			  const struct subflow *subflow, struct explain_path *path)
{
	const struct local *local =
		model_find_local(&engine->model, &subflow->local, subflow->ifindex);

	subflow_error_text(subflow->try.error, subflow->try.reset, path->error,
			   sizeof(path->error));
	if (!local)
		snprintf(path->error, sizeof(path->error), "the local address is gone");
	else if (subflow->is.state == SUBFLOW_ABSENT && choose_for(connection, local) != USABLE)
		snprintf(path->error, sizeof(path->error), "%s",
			 usability_text(choose_for(connection, local)));
	else if (subflow->is.state == SUBFLOW_ABSENT && subflow->try.no_route)
		snprintf(path->error, sizeof(path->error), "no route to the peer from %s",
			 local->interface->is.name);
	else if (subflow->is.scout)
		snprintf(path->error, sizeof(path->error), "sent to find out whether %s answers",
			 local->interface->is.name);
	else if (subflow_health(&engine->model, subflow) == MPTCPD_HEALTH_SILENT)
		explain_silence(engine, subflow, local, path);
	else if (subflow->is.state != SUBFLOW_ESTABLISHED && local->is.addr.family == AF_INET &&
		 local->interface->is.rp_filter_strict)
		append(path->error, sizeof(path->error), "; rp_filter is strict on ",
		       local->interface->is.name);
}

/* A socket that is bound to no link goes where routing says: by another than that of its address? */
static void explain_stray(struct engine *engine, const struct connection *connection,
			  const struct subflow *subflow, struct explain_path *path)
{
	char text[ADDR_TEXT_SIZE];
	int out;

	if (subflow->is.state != SUBFLOW_ESTABLISHED || subflow->is.bound || *path->error ||
	    engine->rules->source_routing != SOURCE_ROUTING_NO ||
	    !model_sole_local(&engine->model, &subflow->local))
		return;
	out = engine->ops->egress(engine->kernel, &subflow->local, &subflow->remote,
				  connection->more->has_owner ? connection->more->owner.mark : 0);
	if (out <= 0 || (uint32_t)out == subflow->ifindex ||
	    !model_find_interface(&engine->model, (uint32_t)out))
		return;
	snprintf(path->error, sizeof(path->error),
		 "packets from %s leave by %s: source-routing = auto in [core]",
		 addr_format_host(&subflow->local, text),
		 model_interface_name(&engine->model, (uint32_t)out));
}

/* Under the kernel's path manager: what becomes of the endpoint it began on. */
static void explain_endpoint(struct engine *engine, const struct connection *connection,
			     const struct subflow *subflow, struct explain_path *path)
{
	struct mptcpd_addr host = addr_host(&subflow->local);
	const struct owned *owned = owned_find(&engine->endpoints, &host);

	if (!owned || !owned->present || connection->path_manager == PATH_MANAGER_USERSPACE)
		return;
	if (owned->leaving != LEAVING_NOT)
		append(path->error, sizeof(path->error),
		       "; its endpoint is leaving: ", engine_leaving_text(owned->leaving));
	else if (subflow->is.state == SUBFLOW_ABSENT && (owned->is.flags & MPTCPD_FLAG_FULLMESH) &&
		 addr_equal_host(&subflow->local, &connection->local))
		append(path->error, sizeof(path->error), "; Linux does not make it again",
		       ", because the endpoint is fullmesh");
}

static void explain(struct engine *engine, const struct connection *connection,
		    const struct subflow *subflow, uint64_t now_ms, struct explain_path *path)
{
	*path = (struct explain_path){
		.local = subflow->local,
		.remote = subflow->remote,
		.wanted_by = wanted_by(connection, subflow),
		.forbidden_by = subflow->want.banned	  ? "admin"
				: subflow->want.forbidden ? "policy"
							  : NULL,
		.state = explain_state(subflow),
		.attempts = subflow->try.attempts,
		.backup = subflow_is_seen(subflow) ? subflow->is.backup : subflow->want.backup,
	};
	snprintf(path->interface, sizeof(path->interface), "%s",
		 model_interface_name(&engine->model, subflow->ifindex));
	explain_error(engine, connection, subflow, path);
	explain_stray(engine, connection, subflow, path);
	explain_endpoint(engine, connection, subflow, path);
	if (subflow->is.state != SUBFLOW_ABSENT)
		return;
	path->local.port = subflow->want.port;
	path->has_next_try = !path->forbidden_by && !subflow->try.no_route &&
			     subflow->want.by != WANTED_BY_ENDPOINT &&
			     subflow->want.by != WANTED_BY_NONE;
	path->next_try_ms = subflow->try.due_ms > now_ms ? subflow->try.due_ms - now_ms : 0;
}

/* Under the kernel's path manager: links that are no endpoint because another one has their address. */
static void explain_doubles(const struct engine *engine, const struct connection *connection,
			    void (*on_path)(void *data, const struct explain_path *path),
			    void *data)
{
	const struct model *model = &engine->model;
	const struct endpoint *endpoint = model->n_double_locals ? model->endpoints : NULL;

	for (; endpoint; endpoint = endpoint->next) {
		const struct local *local = NULL;

		while ((local = model_next_local(model, &endpoint->is.addr, local))) {
			const struct interface *there = model_endpoint_elsewhere(model, local);
			struct explain_path path = {
				.local = local->is.addr,
				.remote = connection->remote,
				.state = EXPLAIN_UNWANTED,
			};

			if (!there || local->usability != USABLE ||
			    local->is.addr.family != connection->remote.family)
				continue;
			snprintf(path.interface, sizeof(path.interface), "%s",
				 local->interface->is.name);
			snprintf(path.error, sizeof(path.error), SAME_ADDRESS_TEXT, there->is.name);
			on_path(data, &path);
		}
	}
}

/* ---- what no plugin asks for, because no route leads there ---- */

struct explaining {
	struct engine *engine;
	struct connection *connection;
	void (*on_path)(void *data, const struct explain_path *path);
	void *data;
	size_t n_left; /* pairs that may still be asked about: a reader is not to keep others waiting */
};

static bool has_record(const struct connection *connection, const struct local *local,
		       const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (connection->subflows[i].ifindex == local->interface->is.ifindex &&
		    addr_equal_host(&connection->subflows[i].local, &local->is.addr) &&
		    addr_equal(&connection->subflows[i].remote, remote))
			return true;
	return false;
}

static void explain_pair(struct explaining *it, const struct local *local,
			 const struct mptcpd_addr *remote)
{
	struct engine *engine = it->engine;
	struct explain_path path = {.local = local->is.addr,
				    .remote = *remote,
				    .state = EXPLAIN_WAITING};
	char mark[32] = "";

	if (remote->family != local->is.addr.family || has_record(it->connection, local, remote) ||
	    it->n_left == 0)
		return;
	it->n_left--;
	if (route_exists(&engine->routes, local, remote))
		return;
	if (engine->routes.mark)
		snprintf(mark, sizeof(mark), " with mark 0x%x", engine->routes.mark);
	snprintf(path.interface, sizeof(path.interface), "%s", local->interface->is.name);
	snprintf(path.error, sizeof(path.error), "no route to the peer from %s%s", path.interface,
		 mark);
	it->on_path(it->data, &path);
}

/* Explain the addresses that may be a source, and from which the peer is not reached. */
static void explain_routeless(struct explaining *it)
{
	const struct connection *connection = it->connection;
	struct table_entry *entry;

	for (entry = table_first(&it->engine->model.interfaces); entry; entry = table_next(entry)) {
		const struct local *local = table_owner(entry, struct interface)->locals;

		for (; local; local = local->next) {
			if (choose_for(connection, local) != USABLE ||
			    !(local->flags & MPTCPD_FLAG_SUBFLOW))
				continue;
			if (!connection->deny_join_id0 && !connection->remote_removed)
				explain_pair(it, local, &connection->remote);
			for (size_t i = 0; i < connection->more->n_peers; i++)
				explain_pair(it, local, &connection->more->peers[i].addr);
		}
	}
}

/* Joins that nobody here asked for, and that nobody tries again. */
static void explain_failures(const struct connection *connection, const struct model *model,
			     void (*on_path)(void *data, const struct explain_path *path),
			     void *data)
{
	enum path_manager path_manager = connection->path_manager;

	if (path_manager == PATH_MANAGER_UNKNOWN)
		path_manager = model->path_manager; /* most likely */
	for (size_t i = 0; i < connection->more->n_failures; i++) {
		const struct failure *failure = &connection->more->failures[i];
		struct explain_path path = {
			.local = failure->local,
			.remote = failure->remote,
			.wanted_by = path_manager == PATH_MANAGER_KERNEL ? "endpoint" : "admin",
			.state = failure_refuses(failure->error, failure->reset) ? EXPLAIN_REFUSED
										 : EXPLAIN_UNWANTED,
			.attempts = failure->attempts,
		};

		snprintf(path.interface, sizeof(path.interface), "%s",
			 model_interface_name(model, failure->ifindex));
		subflow_error_text(failure->error, failure->reset, path.error, sizeof(path.error));
		on_path(data, &path);
	}
}

int engine_explain(struct engine *engine, uint32_t token, uint64_t now_ms,
		   void (*on_path)(void *data, const struct explain_path *path), void *data)
{
	struct connection *connection = model_find_connection(&engine->model, token);
	struct explaining it = {engine, connection, on_path, data, MPTCPD_PLAN_MAX};
	struct explain_path path;

	if (!connection)
		return -ESRCH;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		explain(engine, connection, &connection->subflows[i], now_ms, &path);
		on_path(data, &path);
	}
	explain_failures(connection, &engine->model, on_path, data);
	if (connection->path_manager == PATH_MANAGER_KERNEL)
		explain_doubles(engine, connection, on_path, data);
	if (!connection->policy || connection->path_manager != PATH_MANAGER_USERSPACE ||
	    connection->side != MPTCPD_SIDE_CLIENT || connection->fallback)
		return 0;
	engine->routes.mark = engine_mark(engine, connection);
	explain_routeless(&it);
	engine->routes.mark = 0;
	return 0;
}

int engine_explain_policy(struct engine *engine, uint32_t token, uint64_t now_ms,
			  char ret_text[static ENGINE_WORDS_SIZE])
{
	struct connection *connection = model_find_connection(&engine->model, token);

	ret_text[0] = '\0';
	if (!connection)
		return -ESRCH;
	if (connection->path_manager == PATH_MANAGER_KERNEL || connection->fallback ||
	    connection->adopted || connection->set_aside)
		return 0;
	ask_explain(engine, connection, now_ms, ret_text, ENGINE_WORDS_SIZE);
	return 0;
}
