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

static bool is_in_nets(const struct mptcpd_list *nets, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < nets->n; i++) {
		const struct net *net = mptcpd_list_get(nets, i);

		if (mptcpd_addr_in_prefix(addr, &net->addr, net->prefix))
			return true;
	}
	return nets->n == 0;
}

static bool is_in_ports(const struct mptcpd_list *ranges, uint16_t port)
{
	for (size_t i = 0; i < ranges->n; i++) {
		const struct mptcpd_ports *ports = mptcpd_list_get(ranges, i);

		if (port >= ports->min && port <= ports->max)
			return true;
	}
	return ranges->n == 0;
}

static bool is_in_globs(const struct mptcpd_list *globs, const char *text)
{
	for (size_t i = 0; *text && i < globs->n; i++) {
		const char *const *glob = mptcpd_list_get(globs, i);

		if (fnmatch(*glob, text, 0) == 0)
			return true;
	}
	return globs->n == 0;
}

static bool policy_matches(const struct policy_match *match, const struct subject *subject)
{
	return (match->side == MPTCPD_SIDE_UNKNOWN || match->side == subject->side) &&
	       is_in_ports(&match->remote_ports, subject->remote.port) &&
	       is_in_ports(&match->local_ports, subject->local.port) &&
	       is_in_nets(&match->remotes, &subject->remote) &&
	       is_in_nets(&match->locals, &subject->local) &&
	       is_in_globs(&match->interfaces, subject->interface);
}

const struct policy *rules_for_connection(const struct rules *rules, const struct subject *subject)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		if (policy_matches(&rules->policies[i].match, subject))
			return &rules->policies[i];
	return NULL;
}
