/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policies that do what none may do: mptcpd-simulate has to find each out. */
#include <mptcpd/plugin.h>

#include <stdint.h>
#include <string.h>

enum how {
	HOW_NOTHING,
	HOW_PRIORITIES, /* all are backup by turns */
	HOW_DROPS,
	HOW_FORBIDS,
	HOW_COMMUTES, /* to the modem and back */
	HOW_LEAVES, /* nothing is made from eth0, and what there is stays */
};

static const struct mptcpd_setting settings[] = {
	{"how",
	 MPTCPD_SETTING_CHOICE,
	 "nothing",
	 "what it does wrong",
	 0,
	 0,
	 "nothing priorities drops forbids commutes leaves",
	 {0}},
};

static bool is_left_out(const struct mptcpd_view *view, const struct mptcpd_local *local,
			enum how how)
{
	return (how == HOW_LEAVES && strcmp(local->interface, "eth0") == 0) ||
	       (how == HOW_COMMUTES && strcmp(local->interface, "wwan0") == 0 &&
		view->now_ms / 4000 % 2);
}

static void mesh(const struct mptcpd_view *view, const struct mptcpd_connection *connection,
		 struct mptcpd_plan *plan, enum how how)
{
	const struct mptcpd_local *local;

	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++) {
		struct mptcpd_path path = {.local = local->addr,
					   .remote = connection->remote,
					   .ifindex = local->ifindex};

		if (how == HOW_PRIORITIES && view->now_ms / 4000 % 2)
			path.flags = MPTCPD_FLAG_BACKUP;
		if (is_left_out(view, local, how))
			continue;
		if (!connection->deny_join_id0 && local->addr.family == connection->remote.family &&
		    view->routable(view, local, &connection->remote))
			plan->add_path(plan, &path);
	}
}

/* Beside any other one, however that does, the first may not be. */
static void forbid_first(const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_subflow *first = mptcpd_get_subflow(connection, 0);
	struct mptcpd_forbidden pair = {0};

	if (!mptcpd_get_subflow(connection, 1))
		return;
	pair.local = first->local;
	pair.remote = first->remote;
	pair.local_prefix = pair.remote_prefix = first->local.family == AF_INET ? 32 : 128;
	plan->forbid(plan, &pair);
}

static void drop_first(const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_subflow *first = mptcpd_get_subflow(connection, 0);

	if (first && mptcpd_get_subflow(connection, 1))
		plan->drop(plan, &first->local, &first->remote);
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	enum how how = (enum how)(uintptr_t)data;

	if (connection->side != MPTCPD_SIDE_CLIENT || how == HOW_NOTHING)
		return;
	mesh(view, connection, plan, how);
	if (how == HOW_FORBIDS)
		forbid_first(connection, plan);
	if (how == HOW_DROPS)
		drop_first(connection, plan);
	plan->ask_again(plan, view->now_ms + 4000);
}

static int start(const struct mptcpd_start *start, void **data)
{
	*data = (void *)(uintptr_t)mptcpd_get_value(start, 0)->number;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "broken",
	.summary = "does what no policy may do",
	.settings = settings,
	.n_settings = 1,
	.start = start,
	.plan_paths = plan_paths,
};
