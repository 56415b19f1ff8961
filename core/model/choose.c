/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "choose.h"

#include <string.h>

#include "addr.h"

/* The part of an address that its network gave. */
#define NETWORK_BITS 64

void choose_count(struct model *model, const struct local *local, enum usability before,
		  enum usability now)
{
	size_t *count =
		local->is.addr.family == AF_INET ? &model->n_usable_v4 : &model->n_usable_v6;

	*count += (now == USABLE) - (before == USABLE);
}

static bool is_lifted(const struct local *local)
{
	return local->lifted & (ADDRESS_TEMPORARY | ADDRESS_STABLE);
}

/*
 * May it be used as a temporary address? When its preferred time is over it still may until the next
 * one is there, or peers would be shown the stable one in between.
 */
static bool is_candidate(const struct local *local)
{
	return local->is.temporary &&
	       (local->judged == USABLE || local->judged == UNUSABLE_DEPRECATED);
}

static bool same_network(const struct local *a, const struct local *b)
{
	return mptcpd_addr_in_prefix(&a->is.addr, &b->is.addr, NETWORK_BITS);
}

/* Does a temporary address of its link hide it? One that is no more preferred, in its network only. */
static bool is_hidden(const struct local *local)
{
	if (!local->interface->is.prefers_temporary)
		return false;
	for (const struct local *other = local->interface->locals; other; other = other->next)
		if (is_candidate(other) && (!other->is.deprecated || same_network(other, local)))
			return true;
	return false;
}

/* Is another temporary address used in its place? They follow each other, a few seconds together. */
static bool is_followed(const struct local *local)
{
	bool is_after = false;

	for (const struct local *other = local->interface->locals; other; other = other->next) {
		is_after |= other == local;
		if (other == local || !is_candidate(other))
			continue;
		if (other->is.deprecated != local->is.deprecated
			    ? local->is.deprecated
			    : !is_after && same_network(other, local))
			return true;
	}
	return false;
}

static enum usability choose(const struct local *local)
{
	if (local->is.addr.family == AF_INET || is_lifted(local))
		return local->judged;
	if (is_candidate(local) && local->interface->is.prefers_temporary && !is_followed(local))
		return USABLE;
	if (local->judged != USABLE)
		return local->judged;
	if (local->is.temporary)
		return UNUSABLE_TEMPORARY;
	return is_hidden(local) ? UNUSABLE_STABLE : USABLE;
}

bool choose_addresses(struct model *model, const struct interface *interface)
{
	bool differs = false;

	for (struct local *local = interface->locals; local; local = local->next) {
		enum usability chosen = choose(local);

		choose_count(model, local, local->usability, chosen);
		differs |= local->usability != chosen;
		local->usability = chosen;
	}
	return differs;
}

/* ---- for one connection ---- */

static bool is_where_it_began(const struct connection *connection, const struct local *local)
{
	if (connection->ifindex)
		return local->interface->is.ifindex == connection->ifindex;
	return mptcpd_addr_in_prefix(&local->is.addr, &connection->local, NETWORK_BITS);
}

static bool is_first(const struct connection *connection, const struct local *local)
{
	return addr_equal_host(&local->is.addr, &connection->local);
}

/* May the address that the connection began on still be used? */
static bool is_first_usable(const struct local *first)
{
	return is_candidate(first) ? !first->is.deprecated || !is_followed(first)
				   : first->judged == USABLE;
}

static bool has_first(const struct connection *connection, const struct interface *interface)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (is_first(connection, local))
			return is_first_usable(local);
	return false;
}

enum usability choose_for(const struct connection *connection, const struct local *local)
{
	if (!connection || local->is.addr.family != AF_INET6 || is_lifted(local) ||
	    !is_where_it_began(connection, local))
		return local->usability;
	if (is_first(connection, local))
		return is_first_usable(local) ? USABLE : local->judged;
	if (!local->is.temporary)
		return connection->temporary && local->judged == USABLE ? UNUSABLE_STABLE
									: local->usability;
	if (!is_candidate(local))
		return local->judged;
	if (has_first(connection, local->interface))
		return UNUSABLE_TEMPORARY;
	if (connection->temporary)
		return is_followed(local) ? UNUSABLE_TEMPORARY : USABLE;
	return local->usability;
}

bool choose_is_special(const struct model *model, const struct connection *connection)
{
	const struct interface *interface;

	if (connection->local.family != AF_INET6)
		return false;
	if (connection->temporary)
		return true;
	interface = connection->ifindex ? model_find_interface(model, connection->ifindex) : NULL;
	for (const struct local *local = interface ? interface->locals : NULL; local;
	     local = local->next)
		if (local->is.temporary)
			return true;
	return false;
}

/* ---- what the kernel prefers ---- */

/* What speaks against it as a source, the worst in the highest bit: RFC 6724, section 5. */
static unsigned int flaws(const struct local *local)
{
	return (local->is.deprecated ? 8U : 0) |
	       (mptcpd_addr_is_link_local(&local->is.addr) ? 4U : 0) |
	       (mptcpd_addr_is_unique_local(&local->is.addr) ? 2U : 0) |
	       (local->is.secondary ||
				(local->is.addr.family == AF_INET6 &&
				 local->is.temporary != local->interface->is.prefers_temporary)
			? 1U
			: 0);
}

bool choose_is_preferred(const struct local *local)
{
	bool is_after = false;

	for (const struct local *other = local->interface->locals; other; other = other->next) {
		is_after |= other == local;
		if (other != local && other->usability == USABLE &&
		    other->is.addr.family == local->is.addr.family &&
		    (flaws(other) < flaws(local) || (flaws(other) == flaws(local) && !is_after)))
			return false;
	}
	return true;
}
