/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* On the server's side peers join, where they are told that they can: why they have not. */
#include "addr.h"
#include "explain.h"

/* What was announced for this address: itself, or that of the NAT before it. */
static const struct announced *find_announced(const struct connection *connection,
					      const struct local *local)
{
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		const struct announced *announced = &connection->more->announced[i];

		if (announced->want.banned ||
		    (announced->ifindex && announced->ifindex != local->interface->is.ifindex))
			continue;
		if (addr_equal_host(&announced->addr, &local->is.addr) ||
		    addr_equal_host(&announced->want.listen, &local->is.addr))
			return announced;
	}
	return NULL;
}

static void say_choice(struct explain_path *path)
{
	explain_say(path, REASON_NOT_JOINED,
		    "clients begin subflows, and this one has begun none here: its choice, or "
		    "something on the way; from here they cannot be told apart");
}

static void explain_told(const struct explaining *it, const struct announced *announced,
			 struct explain_path *path)
{
	struct explain_announcement said;

	announce_explain(it->engine, it->connection, announced, it->now_ms, &said);
	path->wanted_by = said.wanted_by;
	if (said.joined) {
		say_choice(path);
		return;
	}
	if (said.reason == REASON_NOT_JOINED) {
		explain_not_joined(it, announced->try.told_ms, path);
		return;
	}
	explain_say(path, said.reason ? said.reason : REASON_PLANNED, "%s", said.text);
	explain_remedy(path, "%s", said.remedy);
}

/* Is it in the plan, and not told yet? */
static bool explain_planned(const struct explaining *it, const struct local *local,
			    struct explain_path *path)
{
	const struct plan *plan = &it->engine->plan;

	for (size_t i = 0; i < plan->n_announcements; i++) {
		const struct mptcpd_announcement *planned = &plan->announcements[i].announcement;

		if (!addr_equal_host(&planned->addr, &local->is.addr) &&
		    !addr_equal_host(&planned->listen, &local->is.addr))
			continue;
		explain_say(path, REASON_PLANNED, "about to be announced");
		return true;
	}
	return false;
}

static void explain_by_plan(struct explaining *it, const struct local *local,
			    struct explain_path *path)
{
	if (explain_flags(it, local, MPTCPD_FLAG_SIGNAL, path) ||
	    (it->is_planned && explain_planned(it, local, path)))
		return;
	explain_say(path, REASON_POLICY, "[policy:%s] does not announce it to the client",
		    it->connection->policy->name);
}

void explain_of_server(struct explaining *it, const struct local *local, struct explain_path *path)
{
	const struct announced *announced = find_announced(it->connection, local);

	if (announced)
		explain_told(it, announced, path);
	else if (explain_whole(it, path))
		return;
	else if (addr_equal_host(&local->is.addr, &it->connection->local))
		say_choice(path);
	else if (it->path_manager == PATH_MANAGER_KERNEL)
		explain_announced_by_kernel(it, local, path);
	else
		explain_by_plan(it, local, path);
}
