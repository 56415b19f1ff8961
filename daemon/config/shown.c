/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration in use, line by line: what files say, and what holds because none does. */
#include <stdio.h>
#include <string.h>

#include "config.h"

struct showing {
	const struct config *config;
	const struct ini_group *group;
	char title[INI_LINE_MAX];
	config_line_func each;
	void *data;
};

/* The plugins of the group; returns how many. */
static size_t stack_of(const struct showing *showing, const struct policy_plugin **ret_plugins)
{
	const struct rules *rules = &showing->config->rules;
	const struct ini_group *group = showing->group;

	if (strcmp(group->kind, "endpoints") == 0) {
		*ret_plugins = &rules->endpoints;
		return rules->endpoints.plugin != NULL;
	}
	for (size_t i = 0; i < rules->n_policies && strcmp(group->kind, "policy") == 0; i++) {
		if (strcmp(rules->policies[i].name, group->name) != 0)
			continue;
		*ret_plugins = rules->policies[i].plugins;
		return rules->policies[i].n_plugins;
	}
	return 0;
}

static bool has_key(const struct ini_group *group, const char *name)
{
	for (size_t i = 0; i < group->n_keys; i++)
		if (strcmp(group->keys[i].name, name) == 0)
			return true;
	return false;
}

/* How many plugins of the stack have a setting of this name? Where several do, it is said of which. */
static size_t count_owners(const struct policy_plugin *plugins, size_t n_plugins, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < n_plugins; i++)
		for (size_t j = 0; j < plugins[i].plugin->n_settings; j++)
			n += strcmp(plugins[i].plugin->settings[j].name, name) == 0;
	return n;
}

static void show_fallbacks(const struct showing *showing)
{
	const struct policy_plugin *plugins = NULL;
	size_t n_plugins = stack_of(showing, &plugins);

	for (size_t i = 0; i < n_plugins; i++) {
		const struct mptcpd_plugin *plugin = plugins[i].plugin;

		for (size_t j = 0; j < plugin->n_settings; j++) {
			const struct mptcpd_setting *setting = &plugin->settings[j];
			char full[160];

			snprintf(full, sizeof(full), "%s.%s", plugin->name, setting->name);
			if (!setting->fallback || !*setting->fallback ||
			    has_key(showing->group, setting->name) || has_key(showing->group, full))
				continue;
			showing->each(showing->data, showing->title,
				      count_owners(plugins, n_plugins, setting->name) > 1
					      ? full
					      : setting->name,
				      setting->fallback, INI_DEFAULT, 0);
		}
	}
}

void config_show(const struct config *config, config_line_func each, void *data)
{
	const struct ini *ini = &config->ini;

	for (size_t i = 0; i < ini->n_groups; i++) {
		const struct ini_group *group = &ini->groups[i];
		struct showing showing = {.config = config,
					  .group = group,
					  .each = each,
					  .data = data};

		snprintf(showing.title, sizeof(showing.title), "%s%s%s", group->kind,
			 group->name ? ":" : "", group->name ? group->name : "");
		for (size_t j = 0; j < group->n_keys; j++)
			each(data, showing.title, group->keys[j].name, group->keys[j].value,
			     group->keys[j].where.file, group->keys[j].where.line);
		show_fallbacks(&showing);
	}
}
