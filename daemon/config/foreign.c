/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of the mptcpd that had this name and place before, up to 0.13: one [core] with keys of its
 * own. They are told as a whole, with the way out, and not key by key.
 */
#include <ell/ell.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "config-private.h"

/* Where the Debian package puts such a file. */
#define MOVED "/etc/mptcpd/mptcpd.conf.dpkg-old"

static bool is_among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static bool is_foreign(const struct ini_key *key)
{
	static const char *const keys[] = {"addr-flags",   "load-plugins", "log",
					   "notify-flags", "plugin-dir",   NULL};
	static const char *const path_managers[] = {"addr_adv", "sspi", NULL};

	return is_among(key->name, keys) ||
	       (strcmp(key->name, "path-manager") == 0 && is_among(key->value, path_managers));
}

bool config_report_foreign(struct config_loader *loader, const struct ini_group *core)
{
	for (size_t i = 0; i < core->n_keys; i++) {
		const struct ini_key *key = &core->keys[i];

		if (!is_foreign(key))
			continue;
		faults_add(&loader->faults, key->where,
			   "'%s = %s' is of another mptcpd, up to version 0.13, expected a file of "
			   "this one; 'mptcpctl config import %s' translates it",
			   key->name, key->value, key->where.file);
		return true;
	}
	return false;
}

void config_warn_moved(struct config_loader *loader)
{
	const char *root = loader->setup->root ? loader->setup->root : "";
	const struct ini *ini = &loader->config->ini;
	AUTO(l_free) char *etc = l_strdup_printf("%s/etc/", root);
	AUTO(l_free) char *moved = l_strdup_printf("%s" MOVED, root);

	for (size_t i = 0; i < ini->n_files; i++)
		if (strncmp(ini->files[i], etc, strlen(etc)) == 0)
			return;
	if (access(moved, F_OK) == 0)
		faults_add(
			&loader->warnings, (struct where){moved, 0},
			"is of another mptcpd, up to version 0.13, and not read; 'mptcpctl config "
			"import %s' translates it",
			moved);
}
