/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The groups [policy:…].
 */
#include <ell/ell.h>
#include <string.h>

#include "addr.h"
#include "config-private.h"
#include "stack.h"
#include "value.h"

/* Policies are shown with their names cut to what struct change has room for. */
#define POLICY_NAME_MAX 31

static const char *const policy_keys[] = {
	"match-interface",
	"match-local-address",
	"match-local-port",
	"match-remote-address",
	"match-remote-port",
	"match-side",
	"plugin",
	"plugins",
	NULL,
};

static const struct config_word side_words[] = {{"client", MPTCPD_SIDE_CLIENT},
						{"server", MPTCPD_SIDE_SERVER},
						{NULL}};

static bool read_prefix(struct faults *report, const struct ini_key *key, struct mptcpd_addr *net,
			uint8_t *prefix)
{
	if (addr_parse_prefix(key->value, net, prefix) == 0)
		return true;
	faults_add(report, key->where,
		   "bad prefix '%s' of '%s', expected one like 10.8.0.0/16 or fd00::/8", key->value,
		   key->name);
	return false;
}

static void read_ports(struct faults *report, const struct ini_key *key, uint16_t *min,
		       uint16_t *max)
{
	if (value_ports(key->value, min, max) < 0)
		faults_add(
			report, key->where,
			"bad ports '%s' of '%s', expected one like 443 or a range like 8000-8099",
			key->value, key->name);
}

static void read_match(struct faults *faults, const struct ini_key *key, struct policy *policy)
{
	const char *name = key->name;
	uint32_t side = MPTCPD_SIDE_UNKNOWN;

	if (strcmp(name, "match-side") == 0) {
		policy->match.has_side = config_read_choice(faults, key, side_words, &side);
		policy->match.side = (uint8_t)side;
	} else if (strcmp(name, "match-local-address") == 0) {
		policy->match.has_local =
			read_prefix(faults, key, &policy->match.local, &policy->match.local_prefix);
	} else if (strcmp(name, "match-remote-address") == 0) {
		policy->match.has_remote = read_prefix(faults, key, &policy->match.remote,
						       &policy->match.remote_prefix);
	} else if (strcmp(name, "match-local-port") == 0) {
		read_ports(faults, key, &policy->match.local_port_min,
			   &policy->match.local_port_max);
	} else if (strcmp(name, "match-remote-port") == 0) {
		read_ports(faults, key, &policy->match.remote_port_min,
			   &policy->match.remote_port_max);
	} else if (strcmp(name, "match-interface") == 0) {
		policy->match.has_interface = true;
		policy->match.interface = l_strdup(key->value);
	}
}

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

void config_read_policy(struct config_loader *loader, const struct ini_group *group)
{
	struct rules *rules = &loader->config->rules;
	struct policy *policy = &rules->policies[rules->n_policies++];
	const struct ini_key *one = ini_group_find(group, "plugin");
	const struct ini_key *several = ini_group_find(group, "plugins");
	const struct ini_key *key = one ? one : several;

	policy->name = l_strdup(group->name);
	check_policy_name(&loader->faults, group);
	for (size_t i = 0; i < group->n_keys; i++)
		read_match(&loader->faults, &group->keys[i], policy);
	if (one && several) {
		faults_add(&loader->faults, several->where,
			   "both 'plugin' (line %u) and 'plugins', expected one of them",
			   one->where.line);
	} else if (!key) {
		faults_add(&loader->faults, group->where, "[policy:%s] has no 'plugin'",
			   group->name);
	} else {
		struct stack_setup setup = {
			.kind = STACK_PATHS,
			.directory = loader->setup->plugin_directory,
			.group = group,
			.plugins = key->value,
			.where = key->where,
			.own_keys = policy_keys,
			.calls = &loader->config->calls,
		};

		policy->n_plugins = stack_start(&setup, &policy->plugins, &loader->faults);
		policy->memory_size = stack_lay_out(policy->plugins, policy->n_plugins);
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
