/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pairs of addresses that could be a path and are none: each address of each link, those that are
 * down included, with each address of the peer that is known. For each says why, or until when.
 */
#include <string.h>

#include "addr.h"
#include "choose.h"
#include "explain.h"
#include "failure.h"

bool explain_may_leave(const struct local *local)
{
	const struct mptcpd_addr *addr = &local->is.addr;

	return !local->is.host_scope && !mptcpd_addr_is_link_local(addr) &&
	       !mptcpd_addr_is_loopback(addr) && local->interface->is.type != MPTCPD_LINK_LOOPBACK;
}

/* May packets of the connection ever come from there? Else its link and address are no candidates. */
static bool is_candidate(const struct local *local, const struct mptcpd_addr *remote)
{
	return local->is.addr.family == remote->family && explain_may_leave(local);
}

static bool is_from(const struct local *local, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	return addr_equal_host(addr, &local->is.addr) &&
	       (!ifindex || ifindex == local->interface->is.ifindex);
}

/* Ports of clients are as good as any other one of theirs; that of a SYN may not be known. */
static bool is_to(const struct explaining *it, const struct mptcpd_addr *remote,
		  const struct mptcpd_addr *addr)
{
	return it->connection->side == MPTCPD_SIDE_SERVER || addr->port == 0
		       ? addr_equal_host(remote, addr)
		       : addr_equal(remote, addr);
}

/* Is there a record of it, which was told already? */
static bool is_told(const struct explaining *it, const struct local *local,
		    const struct mptcpd_addr *remote)
{
	const struct connection *connection = it->connection;

	for (size_t i = 0; i < connection->n_subflows; i++)
		if (is_from(local, &connection->subflows[i].local,
			    connection->subflows[i].ifindex) &&
		    is_to(it, remote, &connection->subflows[i].remote))
			return true;
	for (size_t i = 0; i < connection->more->n_failures; i++)
		if (explain_is_failure(it->engine, connection, &connection->more->failures[i]) &&
		    is_from(local, &connection->more->failures[i].local,
			    connection->more->failures[i].ifindex) &&
		    is_to(it, remote, &connection->more->failures[i].remote))
			return true;
	return false;
}

/* That the peer wants nobody there. */
static bool explain_remote(const struct explaining *it, const struct mptcpd_addr *remote,
			   struct explain_path *path)
{
	const struct connection *connection = it->connection;

	if (remote->family == AF_INET6 && connection_is_ipv4_only(connection)) {
		explain_say(path, REASON_IPV4_ONLY,
			    "the connection is of IPv4 alone, and can have no subflow of IPv6");
		explain_remedy(path, "an application that uses an IPv6 socket");
		return true;
	}
	if (!addr_equal(remote, &connection->remote))
		return false;
	if (connection->deny_join_id0) {
		explain_say(path, REASON_DENY_JOIN_ID0,
			    "the peer asks for no joins to its initial address (C flag), and has "
			    "announced %s",
			    connection->more->n_peers ? "others" : "no other one");
		if (!connection->more->n_peers)
			explain_remedy(path, "at the peer: announce an address, or set "
					     "net.mptcp.allow_join_initial_addr_port=1");
	} else if (connection->remote_removed) {
		explain_say(path, REASON_WITHDRAWN, "the peer took its initial address back");
	} else {
		return false;
	}
	return true;
}

static void tell(struct explaining *it, struct explain_path *path)
{
	path->state = reason_passes(path->reason) ? EXPLAIN_WAITING : EXPLAIN_UNWANTED;
	it->n_pairs--;
	it->on_path(it->data, path);
}

static void explain_pair(struct explaining *it, const struct local *local,
			 const struct mptcpd_addr *remote)
{
	struct explain_path path = {.local = local->is.addr, .remote = *remote};

	if (it->n_pairs == 0 || !is_candidate(local, remote) || is_told(it, local, remote))
		return;
	memcpy(path.interface, local->interface->is.name, sizeof(path.interface));
	path.backup = local->flags & MPTCPD_FLAG_BACKUP;
	if (!explain_fallback(it, &path) && !explain_address(it, local, &path)) {
		if (it->connection->side == MPTCPD_SIDE_SERVER)
			explain_of_server(it, local, &path);
		else if (!explain_remote(it, remote, &path) &&
			 it->path_manager == PATH_MANAGER_KERNEL)
			explain_by_kernel(it, local, remote, &path);
		else if (!path.reason)
			explain_by_policy(it, local, remote, &path);
	}
	tell(it, &path);
}

/* ---- links without an address ---- */

bool explain_is_uplink(const struct interface *interface)
{
	if (interface->is.master || (interface->rule && interface->rule->use == USE_NO))
		return false;
	switch ((enum mptcpd_link_type)interface->is.type) {
	case MPTCPD_LINK_ETHERNET:
	case MPTCPD_LINK_WIFI:
	case MPTCPD_LINK_BOND:
	case MPTCPD_LINK_VETH:
	case MPTCPD_LINK_VLAN:
	case MPTCPD_LINK_WWAN:
	case MPTCPD_LINK_PPP:
		return true;
	case MPTCPD_LINK_OTHER:
	case MPTCPD_LINK_LOOPBACK:
	case MPTCPD_LINK_TAP:
	case MPTCPD_LINK_TUNNEL:
	case MPTCPD_LINK_BRIDGE:
		break;
	}
	return false;
}

static bool has_address(const struct explaining *it, const struct interface *interface)
{
	const struct mptcpd_addr *remote = &it->connection->remote;

	for (const struct local *local = interface->locals; local; local = local->next)
		if (is_candidate(local, remote))
			return true;
	/* What was there, and failed when its address went, was told with its record. */
	for (size_t i = 0; i < it->connection->n_subflows; i++)
		if (it->connection->subflows[i].ifindex == interface->is.ifindex &&
		    it->connection->subflows[i].local.family == remote->family)
			return true;
	return false;
}

static void explain_bare(struct explaining *it, const struct interface *interface)
{
	struct explain_path path = {.remote = it->connection->remote};

	if (it->n_pairs == 0 || !explain_is_uplink(interface) || has_address(it, interface))
		return;
	memcpy(path.interface, interface->is.name, sizeof(path.interface));
	if (!explain_fallback(it, &path) && !explain_link(interface, &path))
		explain_say(&path, REASON_NO_ADDRESS, "%s has no %s address", interface->is.name,
			    path.remote.family == AF_INET ? "IPv4" : "IPv6");
	tell(it, &path);
}

void explain_pairs(struct explaining *it)
{
	const struct connection *connection = it->connection;
	struct table_entry *entry;

	/* What stays on this host has no other way. */
	if (!connection->remote.family || mptcpd_addr_is_loopback(&connection->remote))
		return;
	for (entry = table_first(&it->engine->model.interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		for (const struct local *local = interface->locals; local; local = local->next) {
			explain_pair(it, local, &connection->remote);
			for (size_t i = 0; i < connection->more->n_peers; i++)
				if (!addr_equal(&connection->more->peers[i].addr,
						&connection->remote))
					explain_pair(it, local, &connection->more->peers[i].addr);
		}
		explain_bare(it, interface);
	}
}
