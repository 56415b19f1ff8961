/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands to the kernel, and what they need to be right: ids, links, the family in use. */
#include "direct-private.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "words.h"

/* ---- arguments ---- */

/* "" and NULL are no address. */
static struct mptcpd_addr parse(const struct mptcpctl_addr *addr)
{
	struct mptcpd_addr parsed = {0};

	if (addr && addr->address && addr_parse(addr->address, &parsed) == 0)
		parsed.port = addr->port;
	return parsed;
}

static int find_interface(struct direct *direct, const char *name, uint32_t *ret_ifindex)
{
	*ret_ifindex = name ? if_nametoindex(name) : 0;
	return name && !*ret_ifindex ? direct_fail(direct, -ENOENT, "no interface \"%s\"", name)
				     : 0;
}

static uint32_t parse_flags(const char *const *names)
{
	uint32_t flags = 0;

	for (; names && *names; names++)
		flags |= flag_from_name(*names);
	return flags;
}

/* ---- connections ---- */

/* Is it ours to command? */
static int check_connection(struct direct *direct, uint32_t token)
{
	int r = kernel_ops.probe(direct->kernel, token);

	if (r == PROBE_KERNEL)
		return direct_fail(direct, -EOPNOTSUPP,
				   "connection %x is under the kernel's path manager", token);
	if (r == PROBE_GONE)
		return direct_fail(direct, -ENOENT, "no connection with token %x", token);
	return direct_told(direct, r);
}

static int load_connection(struct direct *direct, uint32_t token,
			   const struct connection **ret_connection)
{
	int r = check_connection(direct, token);

	if (r == 0)
		r = direct_load(direct, SNAPSHOT_HOST);
	if (r == 0)
		r = direct_load(direct, SNAPSHOT_CONNECTIONS);
	if (r < 0)
		return r;
	*ret_connection = model_find_connection(&direct->model, token);
	if (*ret_connection)
		return 0;
	direct_fail(direct, -ENOENT, "no connection with token %x", token);
	return -ENOENT;
}

/* Which ids the connection uses, and the one of an address. */
struct ids {
	const struct mptcpd_addr *local;
	int found; /* -1: not yet */
	bool is_used[256];
};

static void note_id(struct ids *ids, const struct mptcpd_addr *addr, uint8_t id)
{
	if (ids->found < 0 && !ids->is_used[id] && addr_equal(addr, ids->local))
		ids->found = id;
	ids->is_used[id] = true;
}

/*
 * The id by which the connection knows the address, else a free one. The kernel gives ids by
 * itself too, to addresses the peer joins: those count up from 1, so ours come from the other end.
 */
static uint8_t choose_id(struct direct *direct, const struct connection *connection,
			 const struct mptcpd_addr *local)
{
	struct ids ids = {.local = local, .found = -1};
	struct event_endpoint known[255];
	uint8_t id = 254;
	int n;

	if (addr_equal_host(local, &connection->local) && !local->port)
		return 0;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];
		struct mptcpd_addr host = addr_host(&subflow->local);

		if (!ids.is_used[subflow->local_id])
			note_id(&ids, &host, subflow->local_id);
	}
	/* The ids of addresses that are only announced; not every kernel tells them. */
	n = kernel_ops.own_addresses(direct->kernel, connection->token, known,
				     sizeof(known) / sizeof(known[0]));
	for (int i = 0; i < n; i++)
		note_id(&ids, &known[i].addr, known[i].id);
	if (ids.found > 0)
		return (uint8_t)ids.found;
	while (id > 1 && ids.is_used[id])
		id--;
	return id;
}

int direct_subflow_add(struct direct *direct, uint32_t token,
		       const struct mptcpctl_subflow_request *request)
{
	struct subflow_request command = {
		.local = parse(&request->local),
		.remote = parse(&request->remote),
		.local_id = request->local_id,
		.flags = request->backup ? MPTCPD_FLAG_BACKUP : 0,
	};
	const struct connection *connection;
	const struct local *local;
	int r = load_connection(direct, token, &connection);

	if (r == 0)
		r = find_interface(direct, request->interface, &command.ifindex);
	if (r < 0)
		return r;
	local = model_find_local(&direct->model, &command.local, command.ifindex);
	if (!local)
		return direct_fail(direct, -EADDRNOTAVAIL, "%s is no address of %s",
				   request->local.address,
				   request->interface ? request->interface : "this host");
	command.ifindex = local->interface->ifindex;
	if (!command.local_id && !request->initial_id)
		command.local_id = choose_id(direct, connection, &command.local);
	return direct_told(direct, kernel_ops.subflow_create(direct->kernel, token, &command));
}

/* A port 0 matches any. */
static bool is_between(const struct subflow *subflow, const struct mptcpd_addr *local,
		       const struct mptcpd_addr *remote)
{
	return addr_equal_host(&subflow->local, local) &&
	       addr_equal_host(&subflow->remote, remote) &&
	       (!local->port || local->port == subflow->local.port) &&
	       (!remote->port || remote->port == subflow->remote.port);
}

static int find_subflow(struct direct *direct, uint32_t token, const struct mptcpctl_addr *local,
			const struct mptcpctl_addr *remote, const struct subflow **ret_subflow)
{
	const struct mptcpd_addr here = parse(local), there = parse(remote);
	const struct connection *connection;
	int r = load_connection(direct, token, &connection);

	if (r < 0)
		return r;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		*ret_subflow = &connection->subflows[i];
		if (is_between(*ret_subflow, &here, &there))
			return 0;
	}
	return direct_fail(direct, -ENOENT, "connection %x has no such subflow", token);
}

int direct_subflow_delete(struct direct *direct, uint32_t token, const struct mptcpctl_addr *local,
			  const struct mptcpctl_addr *remote)
{
	const struct subflow *subflow;
	int r = find_subflow(direct, token, local, remote, &subflow);

	if (r < 0)
		return r;
	return direct_told(direct, kernel_ops.subflow_destroy(direct->kernel, token,
							      &subflow->local, &subflow->remote,
							      subflow->ifindex, subflow->mapped));
}

int direct_subflow_change(struct direct *direct, uint32_t token, const struct mptcpctl_addr *local,
			  const struct mptcpctl_addr *remote, bool backup)
{
	const struct subflow *subflow;
	int r = find_subflow(direct, token, local, remote, &subflow);

	if (r < 0)
		return r;
	return direct_told(direct, kernel_ops.subflow_backup(direct->kernel, token, &subflow->local,
							     &subflow->remote, backup));
}

int direct_announce(struct direct *direct, uint32_t token, const struct mptcpctl_addr *addr,
		    uint8_t id, const char *interface)
{
	const struct mptcpd_addr parsed = parse(addr);
	uint32_t ifindex;
	int r = check_connection(direct, token);

	if (r == 0)
		r = find_interface(direct, interface, &ifindex);
	if (r < 0)
		return r;
	return direct_told(direct,
			   kernel_ops.announce(direct->kernel, token, &parsed, id, ifindex));
}

int direct_withdraw(struct direct *direct, uint32_t token, uint8_t id)
{
	int r = check_connection(direct, token);

	return r < 0 ? r : direct_told(direct, kernel_ops.withdraw(direct->kernel, token, id));
}

/* ---- endpoints and limits ---- */

int direct_endpoint_add(struct direct *direct, const struct mptcpctl_endpoint_request *request)
{
	struct event_endpoint endpoint = {
		.addr = parse(&request->addr),
		.flags = parse_flags(request->flags),
		.id = request->id,
	};
	int r = find_interface(direct, request->interface, &endpoint.ifindex);

	return r < 0 ? r : direct_told(direct, kernel_ops.endpoint_add(direct->kernel, &endpoint));
}

static int find_endpoint(struct direct *direct, uint8_t id, const struct mptcpctl_addr *addr,
			 struct event_endpoint *ret_endpoint)
{
	const struct mptcpd_addr parsed = parse(addr);
	const struct endpoint *endpoint;
	int r = direct_load(direct, SNAPSHOT_ENDPOINTS);

	if (r < 0)
		return r;
	endpoint = model_find_endpoint(&direct->model, id, &parsed);
	if (!endpoint)
		return direct_fail(direct, -ENOENT, "no such endpoint");
	*ret_endpoint = (struct event_endpoint){.addr = endpoint->addr,
						.flags = endpoint->flags,
						.ifindex = endpoint->ifindex,
						.id = endpoint->id};
	return 0;
}

int direct_endpoint_change(struct direct *direct, uint8_t id, const struct mptcpctl_addr *addr,
			   const char *const *set, const char *const *clear)
{
	struct event_endpoint endpoint;
	int r = find_endpoint(direct, id, addr, &endpoint);

	if (r < 0)
		return r;
	endpoint.flags = (endpoint.flags | parse_flags(set)) & ~parse_flags(clear);
	return direct_told(direct, kernel_ops.endpoint_flags(direct->kernel, &endpoint));
}

int direct_endpoint_delete(struct direct *direct, uint8_t id, const struct mptcpctl_addr *addr)
{
	struct event_endpoint endpoint;
	int r = find_endpoint(direct, id, addr, &endpoint);

	return r < 0 ? r
		     : direct_told(direct, kernel_ops.endpoint_delete(direct->kernel, &endpoint));
}

int direct_endpoint_delete_initial(struct direct *direct, const struct mptcpctl_addr *addr)
{
	const struct event_endpoint initial = {.addr = parse(addr)};

	return direct_told(direct, kernel_ops.endpoint_delete(direct->kernel, &initial));
}

int direct_endpoint_flush(struct direct *direct)
{
	return direct_told(direct, kernel_ops.endpoint_flush(direct->kernel));
}

int direct_limits_set(struct direct *direct, const struct mptcpctl_limits *limits)
{
	const struct event_limits wanted = {.subflows = limits->subflows,
					    .add_addr_accepted = limits->add_addr_accepted};

	return direct_told(direct, kernel_ops.limits_set(direct->kernel, &wanted));
}
