/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server tells its clients where else they can join, and makes no subflow itself: see mesh.h. */
#include "mesh.h"

enum { SETTING_PORT, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_PORT] = {"port", MPTCPD_SETTING_NUMBER, "0",
			  "the port that is announced with addresses of this host; 0: that of the "
			  "connection",
			  0, UINT16_MAX},
};

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	mesh_announce((uint16_t)(uintptr_t)data, view, connection, plan);
}

static int start(const struct mptcpd_start *start, void **data)
{
	*data = (void *)(uintptr_t)mptcpd_get_value(start, SETTING_PORT)->number;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "announce",
	.summary = "a server announces its addresses, and makes no subflow itself",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.plan_paths = plan_paths,
	.traits = MPTCPD_TRAIT_ADDRESSES,
};
