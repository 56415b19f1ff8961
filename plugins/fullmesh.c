/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A subflow from each address of this host to each address of the peer, and nothing else: see mesh.c. */
#include "mesh.h"

#include <errno.h>
#include <stdlib.h>

enum { SETTING_MAX_SUBFLOWS, SETTING_SERVER_SIDE, SETTING_PAIRING, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_MAX_SUBFLOWS] = MESH_MAX_SUBFLOWS,
	[SETTING_SERVER_SIDE] =
		{"server-side", MPTCPD_SETTING_BOOL, "no",
		 "make subflows on the server's side too; clients that do not listen refuse them"},
	[SETTING_PAIRING] =
		{"pairing", MPTCPD_SETTING_CHOICE, "full",
		 "full: every address with every one of the peer; one-to-one: each with "
		 "one; per-interface: one subflow an interface",
		 .words = MESH_PAIRINGS},
};

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	mesh_plan(data, view, connection, plan);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct mesh_rules *rules = malloc(sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	rules->max_subflows = mptcpd_get_value(start, SETTING_MAX_SUBFLOWS)->number;
	rules->pairing = (enum mesh_pairing)mptcpd_get_value(start, SETTING_PAIRING)->number;
	rules->server_side = mptcpd_get_value(start, SETTING_SERVER_SIDE)->number;
	*data = rules;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "fullmesh",
	.summary = "a subflow from each address of this host to each address of the peer",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.traits = MPTCPD_TRAIT_ADDRESSES,
};
