/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy for tests: no subflow may be between an address of the peer, or its network, and us. */
#include <mptcpd/plugin.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

static const struct mptcpd_setting settings[] = {
	{"from", MPTCPD_SETTING_STRING, "", "an address of the peer: none of its joins is to stay",
	 0, 0},
};

static int start(const struct mptcpd_value *values, void **data)
{
	struct mptcpd_forbidden *forbidden = calloc(1, sizeof(*forbidden));

	if (!forbidden)
		return -ENOMEM;
	forbidden->remote.family = AF_INET;
	forbidden->remote_prefix = 32;
	if (inet_pton(AF_INET, values[0].string, forbidden->remote.ip) != 1) {
		forbidden->remote.family = AF_INET6;
		forbidden->remote_prefix = 128;
		if (inet_pton(AF_INET6, values[0].string, forbidden->remote.ip) != 1) {
			free(forbidden);
			return -EINVAL;
		}
	}
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
