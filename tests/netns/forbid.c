/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy for tests: no subflow may be between an address of the peer, or its network, and us. */
#include <mptcpd/plugin.h>

#include <errno.h>
#include <stdlib.h>

static const struct mptcpd_setting settings[] = {
	{"from",
	 MPTCPD_SETTING_PREFIX,
	 "",
	 "addresses of the peer: none of its joins is to stay",
	 0,
	 0,
	 NULL,
	 {0}},
};

static int start(const struct mptcpd_start *start, void **data)
{
	const struct mptcpd_value *from = mptcpd_get_value(start, 0);
	struct mptcpd_forbidden *forbidden;

	if (!from->addr.family) {
		start->fault(start, 0, "names no address, expected one like 10.0.0.1");
		return -EINVAL;
	}
	forbidden = calloc(1, sizeof(*forbidden));
	if (!forbidden)
		return -ENOMEM;
	forbidden->remote = from->addr;
	forbidden->remote_prefix = from->prefix;
	*data = forbidden;
	return 0;
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	(void)view;
	(void)connection;
	plan->forbid(plan, data);
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "forbid",
	.summary = "closes what comes from one address of the peer",
	.settings = settings,
	.n_settings = 1,
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
};
