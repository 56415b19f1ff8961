/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One subflow and no more: nothing is made and nothing announced. Where another policy decided before,
 * the initial subflow is what stays, and the first of the others if that has ended.
 */
#include <mptcpd/plugin.h>

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_subflow *subflow, *kept = NULL;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++) {
		bool established = subflow->state == MPTCPD_SUBFLOW_ESTABLISHED;

		/* What no policy made stays without a plan. */
		if (subflow->initial || (established && subflow->origin != MPTCPD_ORIGIN_POLICY))
			return;
		if (!kept && established)
			kept = subflow;
	}
	if (kept) {
		struct mptcpd_path path = {
			.local = kept->local,
			.remote = kept->remote,
			.flags = kept->backup ? MPTCPD_FLAG_BACKUP : 0,
			.ifindex = kept->ifindex,
			.instance = kept->instance,
		};

		plan->add_path(plan, &path);
	}
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "none",
	.summary = "no subflow but the initial one",
	.plan_paths = plan_paths,
	.traits = MPTCPD_TRAIT_ADDRESSES,
};
