/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration: files in, rules with their plugins started out. All of it is right, or none
 * of it is taken.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "calls.h"
#include "ini.h"
#include "rules.h"

struct config_setup {
	const char *file; /* the only file; NULL: the layered default */
	const char *plugin_directory;
	const char *root; /* NULL, or what goes before /etc, /run, /usr/local/lib and /usr/lib */
	struct guard *guard; /* as of struct calls; must outlive the configuration */
	bool retry;
	char *place;
	/* May echo requests be sent (net.ipv4.ping_group_range)? NULL: it is not asked. */
	bool (*can_ping)(void);
	const char *instance; /* of the layered default: below mptcpd/ in each place; NULL: there */
};

struct config {
	struct rules rules;
	struct ini ini; /* as layered: every group and key with its file and line; files in order */
	struct calls calls; /* its plugins by their ids */
	char *warnings; /* one a line, "" none */
};

/*
 * Returns 0, or -EINVAL and all faults, one a line ("FILE:LINE: …"), to be freed with l_free().
 * Another configuration that is loaded is not touched: one can be loaded beside the one in
 * use, and take its place.
 */
int config_load(const struct config_setup *setup, struct config **ret_config, char **ret_faults);
/*
 * Do the files say that the sysctl of the path manager is nobody's business here? No plugin is
 * loaded, and of files with faults that counts which can be read.
 */
bool config_is_unmanaged(const struct config_setup *setup);
/* Stops its plugins. NULL is none. */
void config_free(struct config *config);

/* A line of what holds, `file` being "default" and `line` 0 where no file says it. */
typedef void (*config_line_func)(void *data, const char *group, const char *key, const char *value,
				 const char *file, unsigned int line);
/* Tell all of them, group by group, the settings of plugins that have their defaults included. */
void config_show(const struct config *config, config_line_func each, void *data);

/* The name of a path manager as the configuration writes it. */
const char *config_path_manager_name(const struct rules *rules);

#endif
