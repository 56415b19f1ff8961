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
	const char *root; /* NULL, or what goes before /etc, /run and /usr/lib */
	struct guard *guard; /* as of struct calls; must outlive the configuration */
	bool retry;
	char *place;
	/* May echo requests be sent (net.ipv4.ping_group_range)? NULL: it is not asked. */
	bool (*can_ping)(void);
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
/* Stops its plugins. NULL is none. */
void config_free(struct config *config);

/* The name of a path manager as the configuration writes it. */
const char *config_path_manager_name(const struct rules *rules);

#endif
