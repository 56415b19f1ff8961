/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A subflow from each address of this host to each address of the peer, as far as routes lead.
 *
 * The pair of the initial subflow comes first, so that it is made again when its link returns.
 * Then each of our addresses gets its first path before any gets a second one, and they begin with
 * different addresses of the peer: what a limit leaves over uses as many links as possible.
 */
#include <mptcpd/plugin.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More addresses, of either side, than this are not looked at: no plan has more paths. */
#define ADDRESSES_MAX MPTCPD_PLAN_MAX

struct fullmesh {
	size_t max_subflows;
	bool server_side;
};

/* An address of ours, and how far it has come. */
struct source {
	const struct mptcpd_local *local;
	size_t first; /* the address of the peer it begins with */
	size_t n_tried;
};

struct mesh {
	const struct mptcpd_view *view;
	struct mptcpd_plan *plan;
	struct source sources[ADDRESSES_MAX];
	size_t n_sources;
	struct mptcpd_addr remotes[ADDRESSES_MAX];
	size_t n_remotes;
	size_t n_paths, max_paths; /* of the plan, those of other plugins included */
};

enum { SETTING_MAX_SUBFLOWS, SETTING_SERVER_SIDE, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_MAX_SUBFLOWS] = {"max-subflows", MPTCPD_SETTING_NUMBER, "8",
				  "the most subflows of a connection, the initial one included", 1,
				  MPTCPD_PLAN_MAX},
	[SETTING_SERVER_SIDE] =
		{"server-side", MPTCPD_SETTING_BOOL, "no",
		 "make subflows on the server's side too; most clients refuse them"},
};

static bool same_host(const struct mptcpd_addr *a, const struct mptcpd_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool same(const struct mptcpd_addr *a, const struct mptcpd_addr *b)
{
	return same_host(a, b) && a->port == b->port;
}

static void add_remote(struct mesh *mesh, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < mesh->n_remotes; i++)
		if (same(&mesh->remotes[i], addr))
			return;
	if (mesh->n_remotes < ADDRESSES_MAX)
		mesh->remotes[mesh->n_remotes++] = *addr;
}

/* The initial address first, unless the peer does not want it; then what it announced. */
static void collect_remotes(struct mesh *mesh, const struct mptcpd_connection *connection)
{
	if (!connection->deny_join_id0 && !connection->remote_removed)
		add_remote(mesh, &connection->remote);
	for (size_t i = 0; i < connection->n_peer_addresses; i++) {
		const struct mptcpd_addr *addr = &connection->peer_addresses[i].addr;

		/* RFC 8684 section 3.1: the C flag speaks of this address and port */
		if (connection->deny_join_id0 && same(addr, &connection->remote))
			continue;
		add_remote(mesh, addr);
	}
}

static bool can_have(const struct mptcpd_connection *connection, uint8_t family)
{
	return family == AF_INET || !connection->ipv4_only;
}

static void add_source(struct mesh *mesh, const struct mptcpd_local *local)
{
	struct source *source = &mesh->sources[mesh->n_sources];
	size_t rank = 0;

	if (mesh->n_sources == ADDRESSES_MAX)
		return;
	for (size_t i = 0; i < mesh->n_sources; i++)
		rank += mesh->sources[i].local->addr.family == local->addr.family;
	*source = (struct source){.local = local, .first = rank};
	mesh->n_sources++;
}

/* Is it the address of the initial subflow, and on its link, if others have the same? */
static bool is_start(const struct mptcpd_connection *connection, const struct mptcpd_local *local)
{
	const struct mptcpd_subflow *subflow = connection->subflows;

	if (!same_host(&local->addr, &connection->local))
		return false;
	for (size_t i = 0; i < connection->n_subflows; i++, subflow++)
		if (subflow->initial && subflow->ifindex)
			return subflow->ifindex == local->ifindex;
	return true;
}

/* Those that may be a source; that of the initial subflow first. */
static void collect_sources(struct mesh *mesh, const struct mptcpd_connection *connection)
{
	const struct mptcpd_view *view = mesh->view;

	for (int initial = 1; initial >= 0; initial--)
		for (size_t i = 0; i < view->n_locals; i++) {
			const struct mptcpd_local *local = &view->locals[i];

			if ((local->flags & MPTCPD_FLAG_SUBFLOW) &&
			    can_have(connection, local->addr.family) &&
			    is_start(connection, local) == initial)
				add_source(mesh, local);
		}
}

/* The i-th of the peer's addresses of this family, NULL past the end. */
static const struct mptcpd_addr *remote_of_family(const struct mesh *mesh, uint8_t family, size_t i)
{
	for (size_t j = 0; j < mesh->n_remotes; j++)
		if (mesh->remotes[j].family == family && i-- == 0)
			return &mesh->remotes[j];
	return NULL;
}

static size_t count_remotes(const struct mesh *mesh, uint8_t family)
{
	size_t n = 0;

	for (size_t i = 0; i < mesh->n_remotes; i++)
		n += mesh->remotes[i].family == family;
	return n;
}

/* Plan the next path from this source that can be. False: it has no more. */
static bool plan_next(struct mesh *mesh, struct source *source)
{
	const struct mptcpd_local *local = source->local;
	size_t n = count_remotes(mesh, local->addr.family);

	while (source->n_tried < n) {
		const struct mptcpd_addr *remote =
			remote_of_family(mesh, local->addr.family,
					 (source->first + source->n_tried++) % n);
		struct mptcpd_path path = {
			.local = local->addr,
			.flags = local->flags & MPTCPD_FLAG_BACKUP,
			.ifindex = local->ifindex,
		};

		if (!remote || !mesh->view->routable(mesh->view, local, remote))
			continue;
		path.remote = *remote;
		if (mesh->plan->add_path(mesh->plan, &path) == 0) {
			mesh->n_paths++;
			return true;
		}
	}
	return false;
}

/* A server's clients join to what it announces: the addresses whose interface has the flag signal. */
static void plan_announcements(const struct mptcpd_view *view,
			       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	for (size_t i = 0; i < view->n_locals; i++) {
		const struct mptcpd_local *local = &view->locals[i];
		struct mptcpd_announcement announcement = {
			.addr = local->announce.family ? local->announce : local->addr,
			.ifindex = local->ifindex,
		};

		if ((local->flags & MPTCPD_FLAG_SIGNAL) &&
		    can_have(connection, announcement.addr.family) &&
		    !same_host(&announcement.addr, &connection->local))
			plan->add_announcement(plan, &announcement);
	}
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct fullmesh *fullmesh = data;
	struct mesh mesh = {.view = view, .plan = plan, .max_paths = fullmesh->max_subflows};
	bool more = true;

	if (connection->side == MPTCPD_SIDE_SERVER)
		plan_announcements(view, connection, plan);
	if (connection->side == MPTCPD_SIDE_UNKNOWN ||
	    (connection->side == MPTCPD_SIDE_SERVER && !fullmesh->server_side))
		return;
	while (plan->get_path(plan, mesh.n_paths))
		mesh.n_paths++;
	collect_remotes(&mesh, connection);
	collect_sources(&mesh, connection);
	while (more) {
		more = false;
		for (size_t i = 0; i < mesh.n_sources && mesh.n_paths < mesh.max_paths; i++)
			more |= plan_next(&mesh, &mesh.sources[i]);
	}
}

static int start(const struct mptcpd_value *values, void **data)
{
	struct fullmesh *fullmesh = malloc(sizeof(*fullmesh));

	if (!fullmesh)
		return -ENOMEM;
	fullmesh->max_subflows = values[SETTING_MAX_SUBFLOWS].number;
	fullmesh->server_side = values[SETTING_SERVER_SIDE].number;
	*data = fullmesh;
	return 0;
}

static void stop(void *data)
{
	free(data);
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "fullmesh",
	.summary = "a subflow from each address of this host to each address of the peer",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.stop = stop,
	.plan_paths = plan_paths,
};
