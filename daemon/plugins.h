/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plugins as files: find, check, open, close. Starting them is stack.c's.
 *
 * A plugin is code that runs as the daemon, so only a file that nobody else may change is opened,
 * and what was checked is what is opened. Loaded objects are counted, process-wide as the dynamic
 * linker's are: two groups, or the old and the new configuration, share one.
 */
#ifndef DAEMON_PLUGINS_H
#define DAEMON_PLUGINS_H

#include <mptcpd/plugin.h>

/* The most memory a plugin may ask for, bytes a connection. */
#define PLUGINS_MEMORY_MAX 256
/* The most settings of one plugin. */
#define PLUGINS_SETTINGS_MAX 64

/*
 * Load DIRECTORY/NAME.so, or count it once more. Returns 0, or -errno and one line that names the
 * file and what is wrong with it, to be freed with l_free(): -ENOENT there is none, -EPERM it may
 * be changed by others, -ENOEXEC it is not a plugin for this mptcpd, -EINVAL not a name.
 */
int plugins_load(const char *directory, const char *name, const struct mptcpd_plugin **ret_plugin,
		 char **ret_why);
/* The counterpart of each plugins_load(); NULL is none. */
void plugins_unload(const struct mptcpd_plugin *plugin);

/* Read a setting's value: 0, or -EINVAL and what was expected (a phrase), for l_free(). */
int plugins_parse_setting(const struct mptcpd_setting *setting, const char *text,
			  struct mptcpd_value *ret_value, char **ret_expected);

#endif
