/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several subflows between the two addresses of the initial one, each from a port of its own: for
 * networks that choose a way by the ports, and for those that limit what one flow may have.
 */
#include <mptcpd/addr.h>
#include <mptcpd/plugin.h>

#include <errno.h>
#include <stdlib.h>

struct ndiffports {
	uint8_t n_subflows;
};

enum { SETTING_SUBFLOWS, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_SUBFLOWS] = {"subflows", MPTCPD_SETTING_NUMBER, "2",
			      "the subflows of a connection, the initial one included", 1,
			      MPTCPD_PLAN_MAX},
};

/* May the peer's initial address be joined? RFC 8684 sections 3.1 and 3.4.2. */
static bool is_open(const struct mptcpd_connection *connection)
{
	const struct mptcpd_peer_address *peer;

	if (connection->deny_join_id0 || !connection->remote_removed)
		return !connection->deny_join_id0;
	for (size_t i = 0; (peer = mptcpd_get_peer_address(connection, i)); i++)
		if (mptcpd_addr_equal(&peer->addr, &connection->remote))
			return true;
	return false;
}

/* The link of the initial subflow, 0: not known. */
static uint32_t initial_link(const struct mptcpd_connection *connection)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (subflow->initial)
			return subflow->ifindex;
	return 0;
}

/* Where it began, if subflows may begin there and reach the peer; NULL. */
static const struct mptcpd_local *find_start(const struct mptcpd_view *view,
					     const struct mptcpd_connection *connection)
{
	uint32_t ifindex = initial_link(connection);
	const struct mptcpd_local *local;

	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++)
		if ((local->flags & MPTCPD_FLAG_SUBFLOW) &&
		    mptcpd_addr_equal_host(&local->addr, &connection->local) &&
		    (!ifindex || local->ifindex == ifindex) &&
		    view->routable(view, local, &connection->remote))
			return local;
	return NULL;
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct ndiffports *ndiffports = data;
	const struct mptcpd_local *local;
	struct mptcpd_path path = {.remote = connection->remote};

	/* Clients do not listen: joins are made on their side. */
	if (connection->side != MPTCPD_SIDE_CLIENT || !is_open(connection))
		return;
	local = find_start(view, connection);
	if (!local)
		return;
	path.local = local->addr;
	path.ifindex = local->ifindex;
	path.flags = local->flags & MPTCPD_FLAG_BACKUP;
	for (; path.instance < ndiffports->n_subflows; path.instance++)
		plan->add_path(plan, &path);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct ndiffports *ndiffports = malloc(sizeof(*ndiffports));

	if (!ndiffports)
		return -ENOMEM;
	ndiffports->n_subflows = (uint8_t)mptcpd_get_value(start, SETTING_SUBFLOWS)->number;
	*data = ndiffports;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "ndiffports",
	.summary = "several subflows between the same two addresses, from different ports",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.traits = MPTCPD_TRAIT_ADDRESSES,
};
