/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy of one's own: two links that work are enough for a connection. While there are fewer, all are
 * tried. With `idle = yes` the others than the first carry data only when that fails.
 */
#include <mptcpd/addr.h>
#include <mptcpd/plugin.h>

enum { IDLE, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[IDLE] = {"idle",
		  MPTCPD_SETTING_BOOL,
		  "yes",
		  "all but the first are backup",
		  0,
		  0,
		  NULL,
		  {0}},
};

static int start(const struct mptcpd_start *start, void **data)
{
	*data = (void *)(uintptr_t)mptcpd_get_value(start, IDLE)->number;
	return 0;
}

/* Does a subflow from there work, as far as is known? */
static bool works(const struct mptcpd_connection *connection, const struct mptcpd_local *local)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (subflow->ifindex == local->ifindex &&
		    mptcpd_addr_equal_host(&subflow->local, &local->addr) &&
		    subflow->health != MPTCPD_HEALTH_SILENT &&
		    subflow->state == MPTCPD_SUBFLOW_ESTABLISHED)
			return true;
	return false;
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_local *local;
	size_t n_works = 0;

	if (connection->side != MPTCPD_SIDE_CLIENT || connection->deny_join_id0)
		return; /* clients make the subflows: they do not listen */
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++)
		n_works += works(connection, local);
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++) {
		bool begins = mptcpd_addr_equal_host(&local->addr, &connection->local);
		struct mptcpd_path path = {
			.local = local->addr,
			.remote = connection->remote,
			.flags = data && !begins ? MPTCPD_FLAG_BACKUP : 0,
			.ifindex = local->ifindex,
		};

		if ((n_works < 2 || works(connection, local)) &&
		    (local->flags & MPTCPD_FLAG_SUBFLOW) &&
		    local->addr.family == connection->remote.family &&
		    view->routable(view, local, &connection->remote))
			plan->add_path(plan, &path);
	}
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "spare",
	.summary = "two links that work are enough",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.plan_paths = plan_paths,
};
