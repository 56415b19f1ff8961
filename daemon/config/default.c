/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values that hold where no file says otherwise. Each line is a key of a group, as a file has it;
 * the interfaces in the order in which they are asked.
 */
#include <string.h>

#include "config-private.h"

#define TEXT(number) #number
#define TEXT_OF(number) TEXT(number)

struct preset {
	const char *kind, *name, *key, *value;
};

static const struct preset presets[] = {
	{"core", NULL, "path-manager", "kernel"},
	{"core", NULL, "deny-join-initial", "keep"},
	{"core", NULL, "source-routing", "no"},
	{"core", NULL, "spare-new-connections", "no"},
	{"core", NULL, "route-table", TEXT_OF(ROUTE_TABLE_DEFAULT)},
	{"core", NULL, "rule-priority", TEXT_OF(RULE_PRIORITY_DEFAULT)},
	{"endpoints", NULL, "plugin", "endpoints"},
	{"endpoints", NULL, "flags", "subflow"},
	{"endpoints", NULL, "foreign", "mend"},
	{"endpoints", NULL, "hold", "5s"},
	{"endpoints", NULL, "rejoin", "lazy"},
	/* Mobile broadband may cost money: it is kept for the time when nothing else works. */
	{"interface", "type:wwan", "flags", "subflow,backup"},
	{"interface", "wwan*", "flags", "subflow,backup"},
	/* Tunnels are no links of their own: what they carry leaves by another interface. */
	{"interface", "type:tunnel", "use", "no"},
	/*
	 * Bridges of containers and virtual machines. These have no route out, and so would be left
	 * out anyway, until a routing table says otherwise.
	 */
	{"interface", "docker*", "use", "no"},
	{"interface", "podman*", "use", "no"},
	{"interface", "cni*", "use", "no"},
	{"interface", "lxcbr*", "use", "no"},
	{"interface", "lxdbr*", "use", "no"},
	{"interface", "incusbr*", "use", "no"},
	{"interface", "virbr*", "use", "no"},
	{"policy", "default", "plugin", "fullmesh"},
};

static bool has_kind(const struct ini *ini, const char *kind)
{
	for (size_t i = 0; i < ini->n_groups; i++)
		if (strcmp(ini->groups[i].kind, kind) == 0)
			return true;
	return false;
}

/*
 * Plugins are loaded for those connections alone that the path manager in charge leaves to them,
 * unless a file names them all the same.
 */
static bool is_of_use(const struct preset *preset, enum path_manager path_manager,
		      bool has_endpoints, bool has_policies)
{
	if (strcmp(preset->kind, "endpoints") == 0)
		return has_endpoints || path_manager != PATH_MANAGER_USERSPACE;
	if (strcmp(preset->kind, "policy") == 0)
		return !has_policies && path_manager != PATH_MANAGER_KERNEL;
	return true;
}

void config_add_defaults(struct ini *ini, enum path_manager path_manager)
{
	bool has_endpoints = has_kind(ini, "endpoints"), has_policies = has_kind(ini, "policy");

	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		const struct preset *preset = &presets[i];

		if (is_of_use(preset, path_manager, has_endpoints, has_policies))
			ini_add_default(ini, preset->kind, preset->name, preset->key,
					preset->value);
	}
}
