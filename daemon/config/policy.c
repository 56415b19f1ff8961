/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The groups [policy:…]. */
#include <ell/ell.h>
#include <string.h>

#include "addr.h"
#include "auto.h"
#include "config-private.h"
#include "key.h"
#include "stack.h"
#include "value.h"

/* Policies are shown with their names cut to what struct change has room for. */
#define POLICY_NAME_MAX 31

static const struct key policy_keys[] = {
	{"match-cgroup", config_match_cgroup},
	{"match-interface", config_match_interface},
	{"match-local-address", config_match_local_address},
	{"match-local-port", config_match_local_port},
	{"match-mark", config_match_mark},
	{"match-remote-address", config_match_remote_address},
	{"match-remote-port", config_match_remote_port},
	{"match-side", config_match_side},
	{"match-uid", config_match_uid},
	{"plugin", NULL},
	{"plugins", NULL},
	{NULL},
};

/* ---- the whole ---- */

static void check_policy_name(struct faults *faults, const struct ini_group *group)
{
	size_t size = strlen(group->name);

	if (size > POLICY_NAME_MAX ||
	    strspn(group->name,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != size)
		faults_add(faults, group->where,
			   "bad policy name '%s', expected at most %d letters, digits, '.', '_' or "
			   "'-'",
			   group->name, POLICY_NAME_MAX);
}

/* The line that names the plugins, in one of its two spellings. NULL: reported. */
static const struct ini_key *find_plugins(struct faults *faults, const struct ini_group *group)
{
	const struct ini_key *one = ini_group_find(group, "plugin");
	const struct ini_key *several = ini_group_find(group, "plugins");

	if (!one != !several)
		return one ? one : several;
	if (one) {
		AUTO(l_free) char *line = faults_line(one->where, several->where);

		faults_add(faults, several->where,
			   "both 'plugin' (%s) and 'plugins', expected one of them", line);
	} else {
		faults_add(faults, group->where,
			   "[policy:%s] has no 'plugin', expected 'plugin = NAME'", group->name);
	}
	return NULL;
}

void config_read_policy(struct config_loader *loader, const struct ini_group *group)
{
	struct rules *rules = &loader->config->rules;
	struct policy *policy = &rules->policies[rules->n_policies++];
	const char *own_keys[KEY_MAX + 1];
	struct stack_setup setup = {
		.kind = STACK_PATHS,
		.directory = loader->setup->plugin_directory,
		.group = group,
		.own_keys = own_keys,
		.calls = &loader->config->calls,
	};
	const struct ini_key *plugins;

	policy->name = l_strdup(group->name);
	check_policy_name(&loader->faults, group);
	key_read_own(policy_keys, group, &policy->match, &loader->faults);
	plugins = find_plugins(&loader->faults, group);
	if (!plugins)
		return;
	setup.plugins = plugins->value;
	setup.where = plugins->where;
	key_list(policy_keys, own_keys);
	policy->n_plugins = stack_start(&setup, &policy->plugins, &loader->faults);
	policy->memory_size = stack_lay_out(policy->plugins, policy->n_plugins);
	policy->traits = UINT32_MAX;
	for (size_t i = 0; i < policy->n_plugins; i++) {
		policy->needs |= policy->plugins[i].plugin->needs;
		policy->traits &= policy->plugins[i].plugin->traits;
	}
}

static bool matches_all(const struct ini_group *group)
{
	for (size_t i = 0; i < group->n_keys; i++)
		if (strncmp(group->keys[i].name, "match-", 6) == 0)
			return false;
	return true;
}

void config_warn_unreachable(struct config_loader *loader)
{
	const struct ini *ini = &loader->config->ini;
	const struct ini_group *last = NULL;

	for (size_t i = 0; i < ini->n_groups; i++) {
		const struct ini_group *group = &ini->groups[i];

		if (strcmp(group->kind, "policy") != 0)
			continue;
		if (last && last->where.file == group->where.file)
			faults_add(&loader->warnings, group->where,
				   "[policy:%s] is never reached: [policy:%s] in line %u matches "
				   "every connection",
				   group->name, last->name, last->where.line);
		else if (matches_all(group))
			last = group;
	}
}

void config_warn_powerless(struct config_loader *loader)
{
	const struct ini *ini = &loader->config->ini;

	if (loader->config->rules.path_manager != PATH_MANAGER_KERNEL)
		return;
	for (size_t i = 0; i < ini->n_groups; i++) {
		const struct ini_group *group = &ini->groups[i];

		if (strcmp(group->kind, "policy") != 0)
			continue;
		faults_add(&loader->warnings, group->where,
			   "[policy:%s] decides nothing, nor does any other policy: the kernel "
			   "decides, expected path-manager = userspace",
			   group->name);
		return;
	}
}

/* Is this all the same port? */
static bool is_one_port(const struct mptcpd_list *ranges, uint16_t port)
{
	for (size_t i = 0; i < ranges->n; i++) {
		const struct mptcpd_ports *ports = mptcpd_list_get(ranges, i);

		if (ports->min != port || ports->max != port)
			return false;
	}
	return true;
}

/* The ports of the first policy of servers that names any, and of one that names others. */
static bool find_two_ports(const struct rules *rules, const struct policy **ret_first,
			   const struct policy **ret_other)
{
	const struct mptcpd_ports *ports = NULL;

	*ret_first = NULL;
	for (size_t i = 0; i < rules->n_policies; i++) {
		const struct policy *policy = &rules->policies[i];
		const struct policy_match *match = &policy->match;

		if (match->side == MPTCPD_SIDE_CLIENT || match->local_ports.n == 0)
			continue;
		if (!*ret_first) {
			*ret_first = policy;
			ports = mptcpd_list_get(&match->local_ports, 0);
		}
		*ret_other = policy;
		if (!is_one_port(&match->local_ports, ports->min))
			return true;
	}
	return false;
}

/* "[policy:a] is", or of two "[policy:a] and [policy:b] are". */
static char *subject_of(const struct policy *first, const struct policy *other)
{
	return first == other ? l_strdup_printf("[policy:%s] is", first->name)
			      : l_strdup_printf("[policy:%s] and [policy:%s] are", first->name,
						other->name);
}

void config_warn_ports(struct config_loader *loader)
{
	const struct ini *ini = &loader->config->ini;
	const struct policy *first, *other;
	AUTO(l_free) char *subject = NULL;
	struct mptcpd_addr addr;

	if (loader->config->rules.path_manager == PATH_MANAGER_KERNEL ||
	    !find_two_ports(&loader->config->rules, &first, &other))
		return;
	subject = subject_of(first, other);
	for (size_t i = 0; i < ini->n_groups; i++) {
		const struct ini_key *key = ini_group_find(&ini->groups[i], "announce");

		if (!key || strcmp(ini->groups[i].kind, "interface") != 0 ||
		    addr_parse(key->value, &addr) < 0 || addr.port == 0)
			continue;
		faults_add(&loader->warnings, key->where,
			   "if %s is translated to an address of this host, port %u leads to one "
			   "port, and %s for more: peers of the others "
			   "will be refused (MismatchPortSynRx)",
			   key->value, addr.port, subject);
	}
}
