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

static bool is_in_uids(const struct mptcpd_list *ranges, uint32_t uid)
{
	for (size_t i = 0; i < ranges->n; i++) {
		const struct uid_range *range = mptcpd_list_get(ranges, i);

		if (uid >= range->min && uid <= range->max)
			return true;
	}
	return false;
}

static bool is_in_marks(const struct mptcpd_list *marks, uint32_t mark)
{
	for (size_t i = 0; i < marks->n; i++) {
		const struct mark_bits *bits = mptcpd_list_get(marks, i);

		if ((mark & bits->mask) == bits->value)
			return true;
	}
	return false;
}

/* Is it this cgroup, or one that it is in? */
static bool is_in_cgroups(const struct mptcpd_list *globs, const char *path)
{
	char outer[CGROUP_PATH_SIZE];
	size_t size = strlen(path);

	if (size >= sizeof(outer))
		return false;
	memcpy(outer, path, size + 1);
	while (!is_in_globs(globs, outer)) {
		char *slash = strrchr(outer, '/');

		if (!slash || !slash[1])
			return false;
		slash[slash == outer] = '\0'; /* the root is "/" */
	}
	return true;
}

/* Does all hold that is known of every connection? */
static bool may_match(const struct policy_match *match, const struct subject *subject)
{
	return (match->side == MPTCPD_SIDE_UNKNOWN || match->side == subject->side) &&
	       ((subject->unknown & FACT_REMOTE_PORT) ||
		is_in_ports(&match->remote_ports, subject->remote.port)) &&
	       is_in_nets(&match->remotes, &subject->remote) &&
	       is_in_nets(&match->locals, &subject->local) &&
	       is_in_globs(&match->interfaces, subject->interface);
}

static uint32_t facts_asked(const struct policy_match *match)
{
	return (match->local_ports.n ? FACT_LOCAL_PORT : 0) | (match->uids.n ? FACT_UID : 0) |
	       (match->marks.n ? FACT_MARK : 0) | (match->cgroups.n ? FACT_CGROUP : 0);
}

static bool fact_matches(const struct policy_match *match, const struct subject *subject,
			 enum fact fact)
{
	switch (fact) {
	case FACT_LOCAL_PORT:
		return is_in_ports(&match->local_ports, subject->local.port);
	case FACT_UID:
		return is_in_uids(&match->uids, subject->uid);
	case FACT_MARK:
		return is_in_marks(&match->marks, subject->mark);
	case FACT_CGROUP:
		return is_in_cgroups(&match->cgroups, subject->cgroup);
	case FACT_REMOTE_PORT:
		break; /* that is not asked for, once it is known */
	}
	return false;
}

/* Do these facts hold, as far as they are known? */
static bool facts_match(const struct policy_match *match, const struct subject *subject,
			uint32_t facts)
{
	for (uint32_t fact = FACT_LOCAL_PORT; fact <= FACT_CGROUP; fact <<= 1)
		if ((facts & fact & ~subject->unknown) &&
		    !fact_matches(match, subject, (enum fact)fact))
			return false;
	return true;
}

struct choice rules_for_connection(const struct rules *rules, const struct subject *subject)
{
	struct choice choice = {0};

	for (size_t i = 0; i < rules->n_policies; i++) {
		const struct policy *policy = &rules->policies[i];
		uint32_t facts;

		if (!may_match(&policy->match, subject))
			continue;
		facts = facts_asked(&policy->match);
		choice.asked |= facts;
		if (!facts_match(&policy->match, subject, facts))
			continue;
		if (policy->match.remote_ports.n)
			facts |= FACT_REMOTE_PORT;
		choice.missing = facts & subject->unknown;
		choice.policy = policy;
		break;
	}
	return choice;
}

bool rules_ask(const struct rules *rules, uint32_t facts)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		if (facts_asked(&rules->policies[i].match) & facts)
			return true;
	return false;
}
