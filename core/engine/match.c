/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matching: each path of the plan finds the record of the connection that serves it. */
#include "addr.h"
#include "engine-private.h"

bool engine_is_policys(const struct subflow *subflow)
{
	return subflow->is.origin == MPTCPD_ORIGIN_POLICY && subflow->is.origin_known;
}

/*
 * A wish belongs to its link, and when the address went from there to the one that has it now: a
 * device that was plugged in again is the same path.
 */
static bool is_on_link(const struct model *model, const struct subflow *subflow,
		       const struct mptcpd_path *path)
{
	return !subflow->ifindex || subflow->ifindex == path->ifindex ||
	       ((subflow->is.state == SUBFLOW_ABSENT || subflow->want.banned) &&
		!model_find_local(model, &subflow->local, subflow->ifindex));
}

/* How well this record serves the wanted path: 0 is not at all. `serves`: it is one that did so far. */
static int match_score(const struct model *model, const struct subflow *subflow,
		       const struct mptcpd_path *path, bool serves)
{
	bool same_identity =
		subflow->want.instance == path->instance && subflow->want.port == path->local.port;

	if ((subflow->is.state == SUBFLOW_CLOSING && !subflow->want.banned) ||
	    !addr_equal_host(&subflow->local, &path->local) ||
	    !addr_equal(&subflow->remote, &path->remote) || !is_on_link(model, subflow, path))
		return 0;
	if (subflow->is.state == SUBFLOW_CLOSING)
		return 9; /* an administrator closed it: nothing is to take its place */
	if (subflow->is.scout)
		/* It may take the place of another one that is there no more. */
		return subflow->is.state == SUBFLOW_ESTABLISHED ? 3 : 0;
	if (subflow->is.state == SUBFLOW_ABSENT)
		return !same_identity ? 0 : subflow->ifindex == path->ifindex ? 2 : 1;
	if (subflow->is.stale || subflow->want.dropped ||
	    (path->local.port && path->local.port != subflow->local.port &&
	     path->local.port != subflow->want.port))
		return 0;
	/* Routing may have brought an unbound one from another link, where it was of use. */
	if (!subflow->is.bound && !model_sole_local(model, &subflow->local))
		return 3;
	/*
	 * A subflow that no plan may close serves first, or there would be another one beside it,
	 * made for the same path. One that is only supposed to be ours takes no other's place.
	 */
	if (!engine_is_policys(subflow) && subflow->want.instance == path->instance)
		return subflow->is.origin == MPTCPD_ORIGIN_POLICY ? 6 : 8;
	if (!same_identity)
		return 4;
	return serves && subflow->is.state == SUBFLOW_ESTABLISHED ? 7 : 5;
}

static struct subflow *find_match(const struct model *model, const struct connection *connection,
				  const struct mptcpd_path *path, const bool taken[256],
				  const bool served[256])
{
	struct subflow *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		int score = taken[i]
				    ? 0
				    : match_score(model, &connection->subflows[i], path, served[i]);

		if (score > best_score) {
			best = &connection->subflows[i];
			best_score = score;
		}
	}
	return best;
}

static struct subflow *add_wanted(struct connection *connection, const struct plan_path *want,
				  uint64_t now_ms)
{
	struct subflow *subflow = connection_add_subflow(connection);

	if (!subflow)
		return NULL;
	subflow->local = want->path.local;
	subflow->remote = want->path.remote;
	subflow->want.port = want->path.local.port;
	subflow->is.origin = MPTCPD_ORIGIN_POLICY;
	subflow->is.origin_known = true;
	subflow->is.since_ms = subflow->try.due_ms = now_ms;
	return subflow;
}

/* A scout that stays beside the path is to be used as that is, or it would undo what the plan says. */
static void follow_path(struct connection *connection, const struct subflow *path)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *scout = &connection->subflows[i];

		if (scout->is.scout && !scout->want.pinned && scout->ifindex == path->ifindex &&
		    addr_equal_host(&scout->local, &path->local) &&
		    addr_equal(&scout->remote, &path->remote))
			scout->want.backup = path->want.backup;
	}
}

void engine_match_plan(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	bool taken[256] = {false}, served[256] = {false};

	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		served[i] = subflow->want.by != WANTED_BY_NONE;
		if (subflow->want.by != WANTED_BY_ADMIN)
			subflow->want.by = WANTED_BY_NONE;
	}
	for (size_t i = 0; i < engine->plan.n_paths; i++) {
		const struct plan_path *want = &engine->plan.paths[i];
		struct subflow *subflow =
			find_match(&engine->model, connection, &want->path, taken, served);

		if (!subflow)
			subflow = add_wanted(connection, want, now_ms);
		if (!subflow)
			return;
		taken[subflow - connection->subflows] = true;
		subflow->is.origin_known = true;
		subflow->is.scout = false;
		subflow->want.instance = want->path.instance;
		if (!subflow->want.pinned)
			subflow->want.backup = want->path.flags & MPTCPD_FLAG_BACKUP;
		if (subflow->want.by != WANTED_BY_ADMIN)
			subflow->want.by = want->wanted_by;
		if (subflow->is.state == SUBFLOW_ABSENT)
			subflow->ifindex = want->path.ifindex;
		follow_path(connection, subflow);
	}
}
