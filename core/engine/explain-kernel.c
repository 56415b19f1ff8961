/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel's own path manager makes of endpoints and limits, and why it has made no subflow. */
#include <inttypes.h>
#include <string.h>

#include "addr.h"
#include "explain.h"
#include "failure.h"
#include "owned.h"
#include "shell.h"
#include "words.h"

/* An endpoint as the kernel's own tool names it. */
static void say_foreign(const struct endpoint *endpoint, const char *why, struct explain_path *path)
{
	char text[ADDR_TEXT_SIZE];

	explain_say(path, REASON_FOREIGN_ENDPOINT,
		    "endpoint %u has the address, somebody else made it, and %s", endpoint->is.id,
		    why);
	explain_remedy(path, "mptcpctl endpoint delete id %u %s", endpoint->is.id,
		       addr_format_host(&endpoint->is.addr, text));
}

/* Why there is none. */
static void explain_absent(const struct explaining *it, const struct local *local,
			   const struct owned *owned, struct explain_path *path)
{
	const struct endpoints *endpoints = &it->engine->endpoints;
	char text[ADDR_TEXT_SIZE], name[SHELL_WORD_SIZE];

	addr_format_host(&local->is.addr, text);
	if (owned && owned->hands_off) {
		explain_say(path, REASON_HELD,
			    "somebody deleted its endpoint: it is made again when the address "
			    "went and came back");
		explain_remedy(path, "mptcpctl endpoint add %s dev %s subflow", text,
			       shell_quote(local->interface->is.name, name));
	} else if (owned && owned->wanted && !endpoints->is_tight) {
		explain_say(path, REASON_ENDPOINT_REFUSED,
			    "the kernel refused its endpoint, and is asked again");
	} else if (owned && owned->planned) {
		explain_say(path, REASON_NO_PLACE,
			    "no place for its endpoint: the kernel's table has %" PRIu32,
			    endpoints->max);
		explain_remedy(path, "use = no in [interface:…] for links that matter less");
	} else if (!it->engine->rules->endpoints.plugin) {
		explain_say(path, REASON_POLICY, "mptcpd makes no endpoints here");
		explain_remedy(path, "mptcpctl endpoint add %s dev %s subflow", text,
			       shell_quote(local->interface->is.name, name));
	} else if (!local->leads_out && !local->forced) {
		explain_no_way_out(local, path);
	} else {
		explain_say(path, REASON_POLICY,
			    "plugin %s of [endpoints] wants no endpoint for it",
			    it->engine->rules->endpoints.plugin->name);
	}
}

/* Is there an endpoint for it, that works? */
static bool explain_endpoint(const struct explaining *it, const struct local *local, uint32_t flag,
			     const struct endpoint **ret_endpoint, struct explain_path *path)
{
	const struct mptcpd_addr host = addr_host(&local->is.addr);
	const struct interface *there = model_endpoint_elsewhere(&it->engine->model, local);
	const struct owned *owned = owned_find(&it->engine->endpoints, &host);
	const struct endpoint *endpoint = model_find_endpoint(&it->engine->model, 0, &host);

	*ret_endpoint = endpoint;
	if (owned && owned->present && owned->leaving != LEAVING_NOT) {
		explain_say(path, REASON_LEAVING, "its endpoint is leaving: %s",
			    engine_leaving_text(owned->leaving));
	} else if (there) {
		explain_say(path, REASON_SAME_ADDRESS, SAME_ADDRESS_TEXT, there->is.name);
		memcpy(path->error, path->text, sizeof(path->error));
		explain_remedy(path, "path-manager = userspace in [core]");
	} else if (!endpoint || (endpoint->is.flags & MPTCPD_FLAG_IMPLICIT)) {
		explain_absent(it, local, owned, path);
	} else if (endpoint->is.ifindex && endpoint->is.ifindex != local->interface->is.ifindex) {
		say_foreign(endpoint, "it names another link", path);
	} else if (!(endpoint->is.flags & flag) && !endpoint->ours) {
		say_foreign(endpoint,
			    flag == MPTCPD_FLAG_SIGNAL ? "it lacks the flag signal"
						       : "it lacks the flag subflow",
			    path);
	} else if (owned && owned->foreign && owned->mending != MENDING_DONE &&
		   it->engine->rules->mend_foreign) {
		explain_say(path, REASON_FOREIGN_ENDPOINT,
			    "somebody else made endpoint %u too early: the kernel tries it again "
			    "when no connection needs what that closes",
			    endpoint->is.id);
	} else {
		return false;
	}
	return true;
}

enum path_manager explain_path_manager(const struct engine *engine,
				       const struct connection *connection)
{
	return connection->path_manager != PATH_MANAGER_UNKNOWN ? connection->path_manager
								: engine->model.path_manager;
}

bool explain_is_failure(const struct engine *engine, const struct connection *connection,
			const struct failure *failure)
{
	const struct endpoint *endpoint = model_find_endpoint(&engine->model, 0, &failure->local);

	/* What was there goes with its endpoint, too. */
	if (!endpoint)
		return failure->error || failure->reset;
	/* Another one, that came since, is tried anew; how the one before fared says nothing of it. */
	return explain_path_manager(engine, connection) == PATH_MANAGER_USERSPACE ||
	       !failure->endpoint || failure->endpoint == endpoint->serial;
}

static bool explain_limit(const struct explaining *it, struct explain_path *path)
{
	const struct event_limits *limits = &it->engine->model.limits;
	size_t n = connection_count_joins(it->connection);

	if (!it->engine->model.limits_known || n < limits->subflows)
		return false;
	explain_say(path, REASON_OWN_LIMIT,
		    "the limit of this host is reached: %" PRIu32 " more subflow%s a connection",
		    limits->subflows, limits->subflows == 1 ? "" : "s");
	explain_remedy(path, "mptcpctl limits set subflows %zu", n + 1);
	return true;
}

static size_t count_joined_peers(const struct connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->more->n_peers; i++)
		for (size_t j = 0; j < connection->n_subflows; j++)
			if (subflow_is_seen(&connection->subflows[j]) &&
			    addr_equal(&connection->subflows[j].remote,
				       &connection->more->peers[i].addr)) {
				n++;
				break;
			}
	return n;
}

/* An address that the peer announced: Linux joins it once, unless the endpoint is fullmesh. */
static bool explain_announced(const struct explaining *it, const struct endpoint *endpoint,
			      struct explain_path *path)
{
	const struct event_limits *limits = &it->engine->model.limits;

	if (it->engine->model.limits_known &&
	    count_joined_peers(it->connection) >= limits->add_addr_accepted) {
		explain_say(path, REASON_OWN_LIMIT,
			    "the limit of this host is reached: %" PRIu32
			    " announced address%s joined",
			    limits->add_addr_accepted,
			    limits->add_addr_accepted == 1 ? " is" : "es are");
		explain_remedy(path, "mptcpctl limits set add_addr_accepted %" PRIu32,
			       limits->add_addr_accepted + 1);
		return true;
	}
	if (endpoint && (endpoint->is.flags & MPTCPD_FLAG_FULLMESH))
		return false;
	explain_say(path, REASON_POLICY,
		    "Linux joins an announced address once, from where routing puts it: only an "
		    "endpoint with the flag fullmesh joins it from here, too");
	explain_remedy(path, "flags = subflow,fullmesh in [interface:%s]", path->interface);
	return true;
}

void explain_by_kernel(struct explaining *it, const struct local *local,
		       const struct mptcpd_addr *remote, struct explain_path *path)
{
	bool is_initial = addr_equal(remote, &it->connection->remote);
	const struct endpoint *endpoint;

	if (explain_flags(it, local, MPTCPD_FLAG_SUBFLOW, path) ||
	    explain_endpoint(it, local, MPTCPD_FLAG_SUBFLOW, &endpoint, path))
		return;
	path->wanted_by = "endpoint";
	if (explain_whole(it, path) || explain_limit(it, path) ||
	    (!is_initial && explain_announced(it, endpoint, path)) ||
	    explain_route(it, local, remote, path) || explain_silence(it, local, path) ||
	    explain_filter(it, local, remote, path))
		return;
	explain_say(path, REASON_UNKNOWN,
		    "the kernel's path manager has made none, and does not say why");
}

/* The kernel announces its endpoints when a connection is established, and does not tell when. */
void explain_announced_by_kernel(const struct explaining *it, const struct local *local,
				 struct explain_path *path)
{
	uint64_t age_ms = it->now_ms - it->connection->begin_ms;
	const struct endpoint *endpoint;

	if (explain_flags(it, local, MPTCPD_FLAG_SIGNAL, path) ||
	    explain_endpoint(it, local, MPTCPD_FLAG_SIGNAL, &endpoint, path))
		return;
	path->wanted_by = "endpoint";
	if (it->connection->begin_ms && age_ms < EXPLAIN_PATIENCE_MS)
		explain_say(path, REASON_PLANNED,
			    "announced by endpoint %u %" PRIu64 " s ago, no join so far",
			    endpoint->is.id, age_ms / 1000);
	else
		explain_not_joined(it, it->connection->begin_ms, path);
}
