/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy for tests that asks for all that makes no sense, ten thousand times: addresses that are not
 * ours, of two families, or nobody's; unknown flags; reserved room that is not zero; the same path again
 * and again. Between all that are two paths that are good.
 */
#include <mptcpd/plugin.h>

#include <mptcpd/addr.h>

#include <netinet/in.h>
#include <string.h>

#define N_ENTRIES 10000

static void add_absurd(const struct mptcpd_connection *connection, struct mptcpd_plan *plan,
		       uint32_t i)
{
	struct mptcpd_path path = {.local = connection->local,
				   .remote = connection->remote,
				   .instance = (uint8_t)i};

	path.local.port = 0;
	switch (i % 7) {
	case 0: /* somebody else's */
		memcpy(path.local.ip, (const uint8_t[]){192, 0, 2, (uint8_t)i}, 4);
		break;
	case 1:
		path.remote.family = path.remote.family == AF_INET ? AF_INET6 : AF_INET;
		break;
	case 2:
		path.flags = 1U << (i % 32) | 1U << 31;
		break;
	case 3:
		path.remote.port = 0;
		break;
	case 4:
		memset(path.reserved, 0xff, sizeof(path.reserved));
		break;
	case 5:
		path.ifindex = 1000000 + i;
		break;
	default:
		memset(&path, 0xff, sizeof(path));
	}
	plan->add_path(plan, &path);
}

static void add_rest(const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	struct mptcpd_announcement announcement = {.addr = {.family = 77}};
	struct mptcpd_forbidden forbidden = {.local = {.family = 77},
					     .local_prefix = 255,
					     .remote_prefix = 255};
	struct mptcpd_addr nobody = {.family = AF_INET, .ip = {192, 0, 2, 1}, .port = 1};

	plan->add_announcement(plan, &announcement);
	plan->forbid(plan, &forbidden);
	plan->drop(plan, &nobody, &connection->remote);
	plan->set_path_flags(plan, SIZE_MAX, UINT32_MAX);
	plan->remove_path(plan, SIZE_MAX);
	plan->remove_announcement(plan, SIZE_MAX);
	plan->ask_again(plan, 0);
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_local *local;

	(void)data;
	for (uint32_t i = 0; i < N_ENTRIES; i++)
		add_absurd(connection, plan, i);
	add_rest(connection, plan);
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++) {
		struct mptcpd_path path = {.local = local->addr,
					   .remote = connection->remote,
					   .ifindex = local->ifindex};

		for (int j = 0; j < 100 && local->addr.family == connection->remote.family; j++)
			plan->add_path(plan, &path);
	}
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "absurd",
	.summary = "asks for what makes no sense",
	.plan_paths = plan_paths,
};
