/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "choose.h"

#include <string.h>

#include "addr.h"

/* The part of an address that its network gave. */
#define NETWORK_BITS 64

void choose_count(struct model *model, const struct local *local, enum usability before,
		  enum usability now)
{
	size_t *count = local->addr.family == AF_INET ? &model->n_usable_v4 : &model->n_usable_v6;

	*count += (now == USABLE) - (before == USABLE);
}

static bool is_lifted(const struct local *local)
{
	return local->lifted & (ADDRESS_TEMPORARY | ADDRESS_STABLE);
}

/* A temporary address whose preferred time is over is no source for the kernel. */
static bool is_fresh(const struct local *local)
{
	return local->temporary && local->judged == USABLE && !local->deprecated;
}

static bool has_fresh(const struct interface *interface)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (is_fresh(local))
			return true;
	return false;
}

/* Does another temporary address of its network come before it? They follow each other. */
static bool is_followed(const struct local *local)
{
	bool is_after = false;

	for (const struct local *other = local->interface->locals; other; other = other->next) {
		is_after |= other == local;
		if (other != local && other->temporary && other->judged == USABLE &&
		    addr_in_prefix(&other->addr, &local->addr, NETWORK_BITS) &&
		    (other->deprecated < local->deprecated ||
		     (other->deprecated == local->deprecated && !is_after)))
			return true;
	}
	return false;
}

static enum usability choose(const struct local *local, bool is_hidden)
{
	if (local->judged != USABLE || local->addr.family == AF_INET || is_lifted(local))
		return local->judged;
	if (!local->temporary)
		return is_hidden ? USABLE_NOT_STABLE : USABLE;
	return !local->interface->prefers_temporary || is_followed(local) ? USABLE_NOT_TEMPORARY
									  : USABLE;
}

bool choose_addresses(struct model *model, const struct interface *interface)
{
	bool is_hidden = interface->prefers_temporary && has_fresh(interface), differs = false;

	for (struct local *local = interface->locals; local; local = local->next) {
		enum usability chosen = choose(local, is_hidden);

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
		return local->interface->ifindex == connection->ifindex;
	return addr_in_prefix(&local->addr, &connection->local, NETWORK_BITS);
}

/* Its first address, if that may still be used. */
static bool has_first(const struct connection *connection, const struct interface *interface)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (addr_equal_host(&local->addr, &connection->local))
			return local->judged == USABLE;
	return false;
}

enum usability choose_for(const struct connection *connection, const struct local *local)
{
	if (!connection || local->judged != USABLE || local->addr.family != AF_INET6 ||
	    is_lifted(local) || !is_where_it_began(connection, local))
		return local->usability;
	if (addr_equal_host(&local->addr, &connection->local))
		return USABLE;
	if (!local->temporary)
		return connection->temporary ? USABLE_NOT_STABLE : local->usability;
	if (has_first(connection, local->interface))
		return USABLE_NOT_TEMPORARY;
	if (connection->temporary)
		return is_followed(local) ? USABLE_NOT_TEMPORARY : USABLE;
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
		if (local->temporary)
			return true;
	return false;
}

/* ---- what the kernel prefers ---- */

/* What speaks against it as a source, the worst in the highest bit: RFC 6724, section 5. */
static unsigned int flaws(const struct local *local)
{
	return (local->deprecated ? 8U : 0) | (addr_is_link_local(&local->addr) ? 4U : 0) |
	       (addr_is_unique_local(&local->addr) ? 2U : 0) |
	       (local->secondary || (local->addr.family == AF_INET6 &&
				     local->temporary != local->interface->prefers_temporary)
			? 1U
			: 0);
}

bool choose_is_preferred(const struct local *local)
{
	bool is_after = false;

	for (const struct local *other = local->interface->locals; other; other = other->next) {
		is_after |= other == local;
		if (other != local && other->usability == USABLE &&
		    other->addr.family == local->addr.family &&
		    (flaws(other) < flaws(local) || (flaws(other) == flaws(local) && !is_after)))
			return false;
	}
	return true;
}
