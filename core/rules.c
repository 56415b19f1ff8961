/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rules.h"

#include <fnmatch.h>
#include <string.h>

#include "addr.h"

static const char *const link_types[] = {
	[MPTCPD_LINK_OTHER] = "other",	     [MPTCPD_LINK_LOOPBACK] = "loopback",
	[MPTCPD_LINK_ETHERNET] = "ethernet", [MPTCPD_LINK_WIFI] = "wifi",
	[MPTCPD_LINK_WWAN] = "wwan",	     [MPTCPD_LINK_PPP] = "ppp",
	[MPTCPD_LINK_TUNNEL] = "tunnel",     [MPTCPD_LINK_BRIDGE] = "bridge",
	[MPTCPD_LINK_BOND] = "bond",	     [MPTCPD_LINK_VETH] = "veth",
	[MPTCPD_LINK_VLAN] = "vlan",	     [MPTCPD_LINK_TAP] = "tap",
};

const char *link_type_name(enum mptcpd_link_type type)
{
	return type < LINK_TYPES ? link_types[type] : link_types[MPTCPD_LINK_OTHER];
}

int link_type_from_name(const char *name)
{
	for (size_t i = 0; i < LINK_TYPES; i++)
		if (strcmp(link_types[i], name) == 0)
			return (int)i;
	return -1;
}

/* addr NULL: the interface as such, which no prefix matches. */
static const struct interface_rule *find(const struct rules *rules, const char *name,
					 enum mptcpd_link_type type, bool as_tunnel,
					 const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < rules->n_interfaces; i++) {
		const struct interface_rule *rule = &rules->interfaces[i];
		bool matches;

		if (rule->net.family)
			matches = addr && mptcpd_addr_in_prefix(addr, &rule->net, rule->prefix);
		else if (rule->by_type)
			matches = rule->type == type ||
				  (as_tunnel && rule->type == MPTCPD_LINK_TUNNEL);
		else
			matches = fnmatch(rule->match, name, 0) == 0;
		if (matches)
			return rule;
	}
	return NULL;
}

const struct interface_rule *rules_for_interface(const struct rules *rules, const char *name,
						 enum mptcpd_link_type type, bool as_tunnel)
{
	return find(rules, name, type, as_tunnel, NULL);
}

const struct interface_rule *rules_for_address(const struct rules *rules, const char *name,
					       enum mptcpd_link_type type, bool as_tunnel,
					       const struct mptcpd_addr *addr)
{
	return find(rules, name, type, as_tunnel, addr);
}

static bool port_matches(uint16_t port, uint16_t min, uint16_t max)
{
	return (min == 0 && max == 0) || (port >= min && port <= max);
}

/* What is not known matches nothing. */
static bool policy_matches(const struct policy *policy, enum mptcpd_side side,
			   const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
			   const char *interface)
{
	if (policy->match.side != MPTCPD_SIDE_UNKNOWN && policy->match.side != side)
		return false;
	if (policy->match.local.family &&
	    !mptcpd_addr_in_prefix(local, &policy->match.local, policy->match.local_prefix))
		return false;
	if (policy->match.remote.family &&
	    !mptcpd_addr_in_prefix(remote, &policy->match.remote, policy->match.remote_prefix))
		return false;
	if (!port_matches(local->port, policy->match.local_port_min, policy->match.local_port_max))
		return false;
	if (!port_matches(remote->port, policy->match.remote_port_min,
			  policy->match.remote_port_max))
		return false;
	if (policy->match.interface &&
	    (!*interface || fnmatch(policy->match.interface, interface, 0) != 0))
		return false;
	return true;
}

const struct policy *rules_for_connection(const struct rules *rules, enum mptcpd_side side,
					  const struct mptcpd_addr *local,
					  const struct mptcpd_addr *remote, const char *interface)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		if (policy_matches(&rules->policies[i], side, local, remote, interface))
			return &rules->policies[i];
	return NULL;
}
