/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says of every path of a connection what is done about it, and why. Changes nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "explain.h"
#include "failure.h"
#include "owned.h"
#include "shell.h"
#include "words.h"

/* So many pairs are told of a connection: a reader is not to keep others waiting. */
#define PAIRS_MAX 256

static const char *wanted_by(const struct explaining *it, const struct subflow *subflow)
{
	const struct connection *connection = it->connection;

	if (subflow->want.by == WANTED_BY_ADMIN)
		return "admin";
	if (subflow->want.by == WANTED_BY_ENDPOINT ||
	    (it->path_manager == PATH_MANAGER_KERNEL && subflow_is_seen(subflow) &&
	     subflow->is.origin == MPTCPD_ORIGIN_POLICY))
		return "endpoint";
	if (!connection->policy || subflow->want.by >= connection->policy->n_plugins)
		return NULL;
	return connection->policy->plugins[subflow->want.by].plugin->name;
}

/* Subflows of applications, peers and the kernel's path manager are no plan's to want. */
static bool is_anybodys(const struct explaining *it, const struct subflow *subflow)
{
	return subflow->is.origin != MPTCPD_ORIGIN_POLICY || !subflow->is.origin_known ||
	       it->path_manager != PATH_MANAGER_USERSPACE;
}

static enum explain_state explain_state(const struct explaining *it, const struct subflow *subflow)
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
		return is_wanted || subflow->is.scout || is_anybodys(it, subflow)
			       ? EXPLAIN_PENDING
			       : EXPLAIN_UNWANTED;
	case SUBFLOW_ESTABLISHED:
		return is_wanted || is_anybodys(it, subflow) ? EXPLAIN_ESTABLISHED
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

/* ---- what went wrong ---- */

static void note_silence(const struct explaining *it, const struct subflow *subflow,
			 const struct local *local, struct explain_path *path)
{
	if (explain_silence(it, local, path))
		return;
	explain_say(path, REASON_SILENT,
		    "silent, because what is sent there is not acknowledged, though its link is "
		    "well");
	if (subflow->is.state != SUBFLOW_ESTABLISHED)
		explain_say(path, REASON_SILENT, "its link does not answer");
}

/* A SYN is out: why is there no answer? */
static void explain_pending(struct explaining *it, const struct subflow *subflow,
			    const struct local *local, struct explain_path *path)
{
	if (subflow->is.scout) {
		explain_say(path, REASON_SILENT, "sent to find out whether %s answers",
			    path->interface);
		return;
	}
	if (explain_silence(it, local, path) || explain_filter(it, local, &subflow->remote, path) ||
	    (!subflow->is.bound && explain_stray(it, local, &subflow->remote, path)))
		return;
	explain_say(path, REASON_UNANSWERED, "SYN sent %" PRIu64 " s ago, not answered so far",
		    (it->now_ms - subflow->is.since_ms) / 1000);
}

/* It is wanted, or was there: what became of it? */
static void explain_lost(struct explaining *it, const struct subflow *subflow,
			 const struct local *local, struct explain_path *path)
{
	if (explain_address(it, local, path) || explain_route(it, local, &subflow->remote, path))
		return;
	if (subflow->try.no_route) {
		explain_say(path, REASON_NO_ROUTE, "no route to the peer from %s", path->interface);
		return;
	}
	if (subflow->try.turned_away)
		explain_turned_away(it, path);
	else
		explain_end(it, subflow->try.error, subflow->try.reset, true, path);
	if (path->reason == REASON_UNANSWERED)
		explain_filter(it, local, &subflow->remote, path);
	if (path->reason)
		return;
	if (subflow->want.by == WANTED_BY_NONE && it->is_planned) {
		explain_by_policy(it, local, &subflow->remote, path);
		path->state = reason_passes(path->reason) ? EXPLAIN_WAITING : EXPLAIN_UNWANTED;
	} else if (!explain_whole(it, path)) {
		explain_say(path, REASON_PLANNED, "about to be made");
	}
}

static void explain_there(struct explaining *it, const struct subflow *subflow,
			  const struct local *local, struct explain_path *path)
{
	if (explain_link(local->interface, path))
		return;
	if (subflow_health(&it->engine->model, subflow) == MPTCPD_HEALTH_SILENT)
		note_silence(it, subflow, local, path);
	else if (path->state == EXPLAIN_UNWANTED && !path->forbidden_by)
		explain_say(path, REASON_POLICY,
			    subflow->is.scout
				    ? "it was made to see whether the link answers, and stays in "
				      "reserve"
				    : "no plan wants it any more: it goes when what is planned is "
				      "there");
	else if (!subflow->is.bound)
		explain_stray(it, local, &subflow->remote, path);
}

/* Who said that there is to be none? */
static void explain_veto(struct explaining *it, const struct subflow *subflow,
			 struct explain_path *path)
{
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE], name[SHELL_WORD_SIZE],
		to[SHELL_WORD_SIZE];
	const struct plan_forbidden *forbidden =
		it->is_planned ? plan_forbids(&it->engine->plan, &subflow->local, &subflow->remote,
					      subflow->ifindex)
			       : NULL;

	if (subflow->want.banned) {
		explain_say(path, REASON_HELD, "a person deleted it, and no policy makes it again");
		explain_remedy(path, "mptcpctl subflow add %" PRIx32 " %s %s dev %s",
			       it->connection->token, addr_format_host(&subflow->local, local),
			       shell_quote(addr_format(&subflow->remote, remote), to),
			       shell_quote(path->interface, name));
		return;
	}
	explain_forbidden(it, forbidden,
			  subflow->want.spared ? ", and nothing else carries the connection" : "",
			  path);
}

static void explain_subflow(struct explaining *it, const struct subflow *subflow,
			    struct explain_path *path)
{
	const struct local *local =
		model_find_local(&it->engine->model, &subflow->local, subflow->ifindex);

	if (explain_fallback(it, path)) {
		if (path->state != EXPLAIN_ESTABLISHED)
			path->state = EXPLAIN_UNWANTED;
	} else if (path->forbidden_by) {
		explain_veto(it, subflow, path);
	} else if (!local && !subflow->is.foreign) {
		const struct interface *interface =
			model_find_interface(&it->engine->model, subflow->ifindex);

		if (!interface || !explain_link(interface, path))
			explain_say(path, REASON_NO_ADDRESS, "the local address is gone");
	} else if (!local) {
		return; /* what there is to say of it is that it is there */
	} else if (subflow->is.state == SUBFLOW_PENDING) {
		explain_pending(it, subflow, local, path);
	} else if (subflow->is.state == SUBFLOW_ESTABLISHED) {
		explain_there(it, subflow, local, path);
	} else if (subflow->is.state == SUBFLOW_ABSENT) {
		explain_lost(it, subflow, local, path);
	} else {
		explain_say(path, REASON_LEAVING, "it is being closed");
	}
}

/* Under the kernel's path manager: what becomes of the endpoint it began on. */
static void explain_endpoint(const struct explaining *it, const struct subflow *subflow,
			     struct explain_path *path)
{
	struct mptcpd_addr host = addr_host(&subflow->local);
	const struct owned *owned = owned_find(&it->engine->endpoints, &host);

	if (!owned || !owned->present || it->path_manager == PATH_MANAGER_USERSPACE)
		return;
	if (owned->leaving != LEAVING_NOT) {
		if (!path->reason)
			explain_say(path, REASON_LEAVING, "%s", "");
		append(path->text, sizeof(path->text),
		       "; its endpoint is leaving: ", engine_leaving_text(owned->leaving));
	} else if (subflow->is.state == SUBFLOW_ABSENT &&
		   (owned->is.flags & MPTCPD_FLAG_FULLMESH) &&
		   addr_equal_host(&subflow->local, &it->connection->local)) {
		append(path->text, sizeof(path->text), "; Linux does not make it again",
		       ", because the endpoint is fullmesh");
	}
}

/* In words of its own where something went wrong; what only waits, or was decided, is no error. */
static void note_error(struct explain_path *path)
{
	if (!reason_is_fault(path->reason) ||
	    (path->reason == REASON_UNANSWERED && path->state == EXPLAIN_PENDING))
		return;
	snprintf(path->error, sizeof(path->error), "%.*s", (int)sizeof(path->error) - 1,
		 path->text);
	if (path->reason == REASON_WRONG_LINK || path->reason == REASON_UNBOUND)
		append(path->error, sizeof(path->error), ": ", path->remedy);
}

static void tell(struct explaining *it, const struct subflow *subflow)
{
	struct explain_path path = {
		.local = subflow->local,
		.remote = subflow->remote,
		.wanted_by = wanted_by(it, subflow),
		.forbidden_by = subflow->want.banned	  ? "admin"
				: subflow->want.forbidden ? "policy"
							  : NULL,
		.state = explain_state(it, subflow),
		.attempts = subflow->try.attempts,
		.backup = subflow_is_seen(subflow) ? subflow->is.backup : subflow->want.backup,
	};

	snprintf(path.interface, sizeof(path.interface), "%s",
		 model_interface_name(&it->engine->model, subflow->ifindex));
	explain_subflow(it, subflow, &path);
	explain_endpoint(it, subflow, &path);
	note_error(&path);
	if (subflow->is.state == SUBFLOW_ABSENT) {
		path.local.port = subflow->want.port;
		path.has_next_try = !it->connection->fallback && !path.forbidden_by &&
				    !subflow->try.no_route &&
				    subflow->want.by != WANTED_BY_ENDPOINT &&
				    subflow->want.by != WANTED_BY_NONE;
		path.next_try_ms =
			subflow->try.due_ms > it->now_ms ? subflow->try.due_ms - it->now_ms : 0;
	}
	it->on_path(it->data, &path);
}

/* ---- all of them ---- */

static void explain_failure(struct explaining *it, const struct failure *failure,
			    const struct local *local, struct explain_path *path)
{
	bool has_route = local && route_exists(&it->engine->routes, local, &failure->remote);

	if (local && explain_link(local->interface, path)) {
		path->state = EXPLAIN_WAITING;
		return;
	}
	if (!failure->error && !failure->reset) {
		explain_turned_away(it, path);
		path->state = EXPLAIN_REFUSED;
		return;
	}
	/* Of a SYN that was taken back here, with the endpoint that it began on, no port is told. */
	if (failure->error == ECONNRESET && failure->remote.port == 0)
		explain_say(path, REASON_UNANSWERED, "taken back here before it was answered");
	else
		explain_end(it, failure->error, failure->reset, has_route, path);
	if (path->reason == REASON_UNANSWERED && local)
		explain_filter(it, local, &failure->remote, path);
}

/* Joins that nobody here asked for, and that nobody tries again. */
static void tell_failures(struct explaining *it)
{
	const struct connection *connection = it->connection;

	for (size_t i = 0; i < connection->more->n_failures; i++) {
		const struct failure *failure = &connection->more->failures[i];
		const struct local *local =
			model_find_local(&it->engine->model, &failure->local, failure->ifindex);
		struct explain_path path = {
			.local = failure->local,
			.remote = failure->remote,
			.wanted_by = it->path_manager == PATH_MANAGER_KERNEL ? "endpoint" : "admin",
			.state = failure_refuses(failure->error, failure->reset) ? EXPLAIN_REFUSED
										 : EXPLAIN_UNWANTED,
			.attempts = failure->attempts,
		};

		if (!explain_is_failure(it->engine, connection, failure))
			continue;
		snprintf(path.interface, sizeof(path.interface), "%s",
			 model_interface_name(&it->engine->model, failure->ifindex));
		subflow_error_text(failure->error, failure->reset, path.error, sizeof(path.error));
		explain_failure(it, failure, local, &path);
		it->on_path(it->data, &path);
	}
}

/* What its policy wants now, for who may be told. */
static void plan(struct explaining *it)
{
	const struct connection *connection = it->connection;

	if (it->path_manager != PATH_MANAGER_USERSPACE || !connection->policy ||
	    connection->fallback || connection->adopted || connection->set_aside)
		return;
	ask_explain(it->engine, it->connection, it->now_ms, it->words, ENGINE_WORDS_SIZE);
	it->is_planned = true;
}

int engine_explain(struct engine *engine, uint32_t token, uint64_t now_ms,
		   void (*on_path)(void *data, const struct explain_path *path), void *data,
		   char ret_words[static ENGINE_WORDS_SIZE])
{
	struct connection *connection = model_find_connection(&engine->model, token);
	struct explaining it = {
		.engine = engine,
		.connection = connection,
		.now_ms = now_ms,
		.words = ret_words,
		.on_path = on_path,
		.data = data,
		.n_pairs = PAIRS_MAX,
		.n_routes = MPTCPD_PLAN_MAX,
	};

	if (!connection)
		return -ESRCH;
	ret_words[0] = '\0';
	it.path_manager = explain_path_manager(engine, connection);
	plan(&it);
	engine->routes.mark = engine_mark(engine, connection);
	for (size_t i = 0; i < connection->n_subflows; i++)
		tell(&it, &connection->subflows[i]);
	tell_failures(&it);
	explain_pairs(&it);
	engine->routes.mark = 0;
	return 0;
}
