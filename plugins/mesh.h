/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What several policies begin with: the pairs of our addresses with the peer's that there may be, as
 * paths of the plan, and on the server's side the announcements. It depends on what
 * MPTCPD_TRAIT_ADDRESSES says.
 */
#ifndef PLUGINS_MESH_H
#define PLUGINS_MESH_H

#include <mptcpd/addr.h>
#include <mptcpd/plugin.h>

/* Which pairs there may be beside each other; the place of each in MESH_PAIRINGS. */
enum mesh_pairing {
	PAIRING_FULL,
	PAIRING_ONE_TO_ONE, /* no address, of either side, in two of them */
	PAIRING_PER_INTERFACE, /* no interface in two of them */
};

#define MESH_PAIRINGS "full one-to-one per-interface"
/* The most subflows of a connection, the initial one included, unless a setting says otherwise. */
#define MESH_SUBFLOWS 8

/* The setting that says otherwise. */
#define MESH_MAX_SUBFLOWS                                                                          \
	{                                                                                          \
		"max-subflows", MPTCPD_SETTING_NUMBER, "8",                                        \
			"the most subflows of a connection, the initial one included", 1,          \
			MPTCPD_PLAN_MAX                                                            \
	}

struct mesh_rules {
	size_t max_subflows; /* those that are in the plan already included */
	enum mesh_pairing pairing;
	bool server_side; /* make subflows on the server's side too */
};

/* Announces, too, as below. Paths of a backup link have its flag. */
__attribute__((visibility("hidden"))) void mesh_plan(const struct mesh_rules *rules,
						     const struct mptcpd_view *view,
						     const struct mptcpd_connection *connection,
						     struct mptcpd_plan *plan);

/*
 * On the server's side alone: announce the addresses whose interface has the flag signal, so that
 * clients join there, in their place what the operator says (1:1 NAT), and not the one that the client
 * knows already. An address of this host gets this port of its own, unless it is 0.
 */
__attribute__((visibility("hidden"))) void mesh_announce(uint16_t port,
							 const struct mptcpd_view *view,
							 const struct mptcpd_connection *connection,
							 struct mptcpd_plan *plan);

/* This address of ours on this link, 0: on any; NULL: it is not there, or not to be used. */
static inline const struct mptcpd_local *
mesh_find_local(const struct mptcpd_view *view, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	const struct mptcpd_local *local;

	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++)
		if (mptcpd_addr_equal_host(&local->addr, addr) &&
		    (!ifindex || local->ifindex == ifindex))
			return local;
	return NULL;
}

/* Is this subflow, as far as it goes, what the path asks for? */
static inline bool mesh_serves(const struct mptcpd_subflow *subflow, const struct mptcpd_path *path)
{
	return subflow->state != MPTCPD_SUBFLOW_CLOSING && subflow->instance == path->instance &&
	       mptcpd_addr_equal_host(&subflow->local, &path->local) &&
	       mptcpd_addr_equal(&subflow->remote, &path->remote) &&
	       (!path->local.port || subflow->local.port == path->local.port) &&
	       (!subflow->ifindex || subflow->ifindex == path->ifindex);
}

#endif
