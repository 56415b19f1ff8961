/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan under construction: every entry a plugin makes is checked here. */
#include "plan.h"

#include <errno.h>
#include <mptcpd/addr.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "choose.h"

static struct plan *plan_of(struct mptcpd_plan *base)
{
	return (struct plan *)base;
}

void plan_refuse(struct plan *plan, uint8_t plugin, int error, const struct mptcpd_addr *local,
		 const struct mptcpd_addr *remote)
{
	if (plan->n_refusals < MPTCPD_PLAN_MAX)
		plan->refusals[plan->n_refusals] = (struct plan_refusal){.plugin = plugin,
									 .error = error,
									 .local = *local,
									 .remote = *remote};
	plan->n_refusals++;
}

static int refuse(struct plan *plan, int error, const struct mptcpd_addr *local,
		  const struct mptcpd_addr *remote)
{
	plan_refuse(plan, plan->plugin, error, local, remote);
	return error;
}

/* The address on this link, with ifindex 0 on any. -ENOTUNIQ: it is usable on several. */
static int find_usable(const struct plan *plan, const struct mptcpd_addr *addr, uint32_t ifindex,
		       const struct local **ret_local)
{
	const struct local *local = model_find_local(plan->model, addr, ifindex), *other = NULL;

	if (!local || choose_for(plan->connection, local) != USABLE)
		return -EADDRNOTAVAIL;
	while (!ifindex && (other = model_next_local(plan->model, addr, other)))
		if (other != local && choose_for(plan->connection, other) == USABLE)
			return -ENOTUNIQ;
	*ret_local = local;
	return 0;
}

static bool is_usable(const struct plan *plan, const struct mptcpd_addr *addr)
{
	const struct local *local = model_find_local(plan->model, addr, 0);

	return local && choose_for(plan->connection, local) == USABLE;
}

/* Is the room zero that a later version of the interface may give a meaning? */
#define IS_ZERO(room) (memcmp(room, (const uint8_t[sizeof(room)]){0}, sizeof(room)) == 0)
#define IS_RESERVED_ZERO(entry) IS_ZERO((entry)->reserved)

static bool is_in_plan(const struct plan *plan, const struct mptcpd_path *path)
{
	for (size_t i = 0; i < plan->n_paths; i++) {
		const struct mptcpd_path *other = &plan->paths[i].path;

		if (other->instance == path->instance && other->ifindex == path->ifindex &&
		    addr_equal(&other->local, &path->local) &&
		    addr_equal(&other->remote, &path->remote))
			return true;
	}
	return false;
}

/* Can somebody be there? */
static bool is_target(const struct mptcpd_addr *addr)
{
	return addr->family && mptcpd_addr_is_proper(addr) && !mptcpd_addr_is_any(addr) &&
	       !mptcpd_addr_is_multicast(addr);
}

/* To want a subflow that is there is no join. */
static bool is_there(const struct connection *connection, const struct mptcpd_path *path)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]) &&
		    addr_equal(&connection->subflows[i].local, &path->local) &&
		    addr_equal(&connection->subflows[i].remote, &path->remote))
			return true;
	return false;
}

static int check_path(const struct plan *plan, const struct mptcpd_path *path)
{
	const struct connection *connection = plan->connection;

	if (!IS_RESERVED_ZERO(path))
		return -EOPNOTSUPP;
	if (!connection || !path->remote.port || (path->flags & ~(uint32_t)MPTCPD_FLAG_BACKUP) ||
	    !is_target(&path->remote) || !mptcpd_addr_is_proper(&path->local))
		return -EINVAL;
	if (path->local.family != path->remote.family ||
	    (path->local.family != AF_INET && connection_is_ipv4_only(connection)))
		return -EAFNOSUPPORT;
	if (connection->deny_join_id0 && addr_equal(&path->remote, &connection->remote) &&
	    !is_there(connection, path))
		return -EPERM;
	return 0;
}

static int add_path(struct mptcpd_plan *base, const struct mptcpd_path *path)
{
	struct plan *plan = plan_of(base);
	struct mptcpd_path wanted = *path;
	const struct local *local;
	int r = check_path(plan, path);

	if (r == 0)
		r = find_usable(plan, &path->local, path->ifindex, &local);
	if (r < 0)
		return refuse(plan, r, &path->local, &path->remote);
	wanted.ifindex = local->interface->is.ifindex;
	if (is_in_plan(plan, &wanted))
		return -EEXIST;
	if (plan->n_paths == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC, &path->local, &path->remote);
	plan->paths[plan->n_paths++] =
		(struct plan_path){.path = wanted, .wanted_by = plan->plugin};
	return 0;
}

static int check_announcement(const struct plan *plan, const struct mptcpd_announcement *ann)
{
	if (!IS_RESERVED_ZERO(ann) || !IS_ZERO(ann->reserved8) ||
	    ann->listen_when > MPTCPD_LISTEN_BESIDE)
		return -EOPNOTSUPP;
	if (!plan->connection || !is_target(&ann->addr) || mptcpd_addr_is_loopback(&ann->addr) ||
	    !mptcpd_addr_is_proper(&ann->listen))
		return -EINVAL;
	if ((ann->listen.family && ann->listen.family != ann->addr.family) ||
	    (ann->addr.family != AF_INET && connection_is_ipv4_only(plan->connection)))
		return -EAFNOSUPPORT;
	return 0;
}

/* Fill in what the plugin left out, and what the operator says of listening there. */
static void complete_listen(const struct plan *plan, struct mptcpd_announcement *ann,
			    const struct local *local)
{
	ann->ifindex = local->interface->is.ifindex;
	if (!ann->listen.port)
		ann->listen.port = ann->addr.port ? ann->addr.port : plan->connection->local.port;
	if (local->listen == LISTEN_NO)
		ann->listen = (struct mptcpd_addr){0};
	else if (local->listen == LISTEN_YES)
		ann->listen_when = MPTCPD_LISTEN_ALWAYS;
}

static int add_announcement(struct mptcpd_plan *base, const struct mptcpd_announcement *ann)
{
	static const struct mptcpd_addr none;
	struct plan *plan = plan_of(base);
	struct mptcpd_announcement wanted = *ann;
	const struct local *local = NULL;
	int r = check_announcement(plan, ann);

	if (r == 0 && ann->listen.family)
		r = find_usable(plan, &ann->listen, ann->ifindex, &local);
	if (r < 0)
		return refuse(plan, r, &ann->addr, &none);
	if (local)
		complete_listen(plan, &wanted, local);
	for (size_t i = 0; i < plan->n_announcements; i++)
		if (addr_equal(&plan->announcements[i].announcement.addr, &ann->addr))
			return -EEXIST;
	if (plan->n_announcements == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC, &ann->addr, &none);
	plan->announcements[plan->n_announcements++] =
		(struct plan_announcement){.announcement = wanted, .wanted_by = plan->plugin};
	return 0;
}

static bool is_prefix(const struct mptcpd_addr *net, uint8_t prefix)
{
	return net->family == 0 ||
	       (mptcpd_addr_is_proper(net) && prefix <= mptcpd_family_bits(net->family));
}

static int forbid(struct mptcpd_plan *base, const struct mptcpd_forbidden *forbidden)
{
	struct plan *plan = plan_of(base);

	if (!IS_RESERVED_ZERO(forbidden) || !IS_ZERO(forbidden->reserved8))
		return refuse(plan, -EOPNOTSUPP, &forbidden->local, &forbidden->remote);
	if (!is_prefix(&forbidden->local, forbidden->local_prefix) ||
	    !is_prefix(&forbidden->remote, forbidden->remote_prefix))
		return refuse(plan, -EINVAL, &forbidden->local, &forbidden->remote);
	if (plan->n_forbidden == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC, &forbidden->local, &forbidden->remote);
	plan->forbidden[plan->n_forbidden++] = (struct plan_forbidden){*forbidden, plan->plugin};
	return 0;
}

static int drop(struct mptcpd_plan *base, const struct mptcpd_addr *local,
		const struct mptcpd_addr *remote)
{
	struct plan *plan = plan_of(base);
	const struct connection *connection = plan->connection;

	for (size_t i = 0; connection && i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (!subflow_is_seen(subflow) || !addr_equal(&subflow->local, local) ||
		    !addr_equal(&subflow->remote, remote))
			continue;
		if (plan->n_drops == MPTCPD_PLAN_MAX)
			return refuse(plan, -ENOSPC, local, remote);
		plan->drops[plan->n_drops++] = (struct plan_drop){*local, *remote, plan->plugin};
		return 0;
	}
	return refuse(plan, -ENOENT, local, remote);
}

static void ask_again(struct mptcpd_plan *base, uint64_t at_ms)
{
	struct plan *plan = plan_of(base);

	if (at_ms < plan->ask_ms)
		plan->ask_ms = at_ms;
}

static const struct mptcpd_path *get_path(struct mptcpd_plan *base, size_t i)
{
	struct plan *plan = plan_of(base);

	return i < plan->n_paths ? &plan->paths[i].path : NULL;
}

static int remove_path(struct mptcpd_plan *base, size_t i)
{
	struct plan *plan = plan_of(base);

	if (i >= plan->n_paths)
		return -ENOENT;
	plan->n_paths--;
	memmove(&plan->paths[i], &plan->paths[i + 1], (plan->n_paths - i) * sizeof(plan->paths[0]));
	return 0;
}

static const struct mptcpd_announcement *get_announcement(struct mptcpd_plan *base, size_t i)
{
	struct plan *plan = plan_of(base);

	return i < plan->n_announcements ? &plan->announcements[i].announcement : NULL;
}

static int remove_announcement(struct mptcpd_plan *base, size_t i)
{
	struct plan *plan = plan_of(base);

	if (i >= plan->n_announcements)
		return -ENOENT;
	plan->n_announcements--;
	memmove(&plan->announcements[i], &plan->announcements[i + 1],
		(plan->n_announcements - i) * sizeof(plan->announcements[0]));
	return 0;
}

static int set_path_flags(struct mptcpd_plan *base, size_t i, uint32_t flags)
{
	struct plan *plan = plan_of(base);

	if (i >= plan->n_paths)
		return -ENOENT;
	if (flags & ~(uint32_t)MPTCPD_FLAG_BACKUP)
		return refuse(plan, -EINVAL, &plan->paths[i].path.local,
			      &plan->paths[i].path.remote);
	plan->paths[i].path.flags = flags;
	return 0;
}

/* The kernel refuses these, and so do we: signal with fullmesh; a port without signal. */
static bool are_endpoint_flags(const struct mptcpd_endpoint *endpoint)
{
	const uint32_t known = MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP |
			       MPTCPD_FLAG_FULLMESH | MPTCPD_FLAG_LAMINAR;
	bool signal = endpoint->flags & MPTCPD_FLAG_SIGNAL;

	if ((endpoint->flags & ~known) || (signal && (endpoint->flags & MPTCPD_FLAG_FULLMESH)))
		return false;
	return !endpoint->addr.port || (signal && !(endpoint->flags & MPTCPD_FLAG_SUBFLOW));
}

static int check_endpoint(const struct plan *plan, const struct mptcpd_endpoint *endpoint)
{
	if (!IS_RESERVED_ZERO(endpoint))
		return -EOPNOTSUPP;
	if (plan->connection || !is_target(&endpoint->addr) ||
	    mptcpd_addr_is_loopback(&endpoint->addr) || !are_endpoint_flags(endpoint))
		return -EINVAL;
	/* An address that is only announced may be that of a NAT in front of us. */
	if (endpoint->flags != MPTCPD_FLAG_SIGNAL && !is_usable(plan, &endpoint->addr))
		return -EADDRNOTAVAIL;
	return 0;
}

/* On this link, too? */
static bool is_present(const struct model *model, const struct mptcpd_endpoint *endpoint)
{
	const struct endpoint *there = model_find_endpoint(model, 0, &endpoint->addr);

	return there && there->is.ifindex == endpoint->ifindex;
}

static int add_endpoint(struct mptcpd_plan *base, const struct mptcpd_endpoint *endpoint)
{
	static const struct mptcpd_addr none;
	struct plan *plan = plan_of(base);
	int r = check_endpoint(plan, endpoint);

	if (r < 0)
		return refuse(plan, r, &endpoint->addr, &none);
	for (size_t i = 0; i < plan->n_endpoints; i++) {
		if (!addr_equal(&plan->endpoints[i].addr, &endpoint->addr))
			continue;
		/* The kernel takes an address once. Of several links it stays with that it is on. */
		if (is_present(plan->model, endpoint))
			plan->endpoints[i] = *endpoint;
		return -EEXIST;
	}
	if (plan->n_endpoints == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC, &endpoint->addr, &none);
	plan->endpoints[plan->n_endpoints++] = *endpoint;
	return 0;
}

static int set_limits(struct mptcpd_plan *base, uint32_t subflows, uint32_t add_addr_accepted)
{
	struct plan *plan = plan_of(base);

	/* The kernel counts them in bytes. */
	if (plan->connection || (subflows > UINT8_MAX && subflows != PLAN_NO_LIMIT) ||
	    (add_addr_accepted > UINT8_MAX && add_addr_accepted != PLAN_NO_LIMIT))
		return -EINVAL;
	plan->limits = (struct event_limits){subflows, add_addr_accepted};
	return 0;
}

static const struct mptcpd_plan functions = {
	.size = sizeof(struct mptcpd_plan),
	.add_path = add_path,
	.add_announcement = add_announcement,
	.forbid = forbid,
	.drop = drop,
	.ask_again = ask_again,
	.get_path = get_path,
	.remove_path = remove_path,
	.set_path_flags = set_path_flags,
	.add_endpoint = add_endpoint,
	.set_limits = set_limits,
	.get_announcement = get_announcement,
	.remove_announcement = remove_announcement,
};

void plan_init(struct plan *plan, const struct model *model, const struct connection *connection)
{
	plan->base = functions;
	plan->model = model;
	plan->connection = connection;
	plan->plugin = 0;
	plan->n_paths = plan->n_announcements = plan->n_forbidden = plan->n_drops = 0;
	plan->n_endpoints = plan->n_refusals = plan->n_left_out = 0;
	plan->limits = (struct event_limits){PLAN_NO_LIMIT, PLAN_NO_LIMIT};
	plan->ask_ms = UINT64_MAX;
	plan->words = NULL;
}

const struct plan_forbidden *plan_forbids(const struct plan *plan, const struct mptcpd_addr *local,
					  const struct mptcpd_addr *remote, uint32_t ifindex)
{
	for (size_t i = 0; i < plan->n_forbidden; i++) {
		const struct mptcpd_forbidden *f = &plan->forbidden[i].pairs;

		if (f->ifindex && f->ifindex != ifindex)
			continue;
		if (f->local.family && !mptcpd_addr_in_prefix(local, &f->local, f->local_prefix))
			continue;
		if (f->remote.family &&
		    !mptcpd_addr_in_prefix(remote, &f->remote, f->remote_prefix))
			continue;
		if (f->local.port && f->local.port != local->port)
			continue;
		if (f->remote.port && f->remote.port != remote->port)
			continue;
		return &plan->forbidden[i];
	}
	return NULL;
}
