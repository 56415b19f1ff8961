/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plugins as objects: load from the image of a file, check, unload. Starting them is stack.c's.
 *
 * Loaded objects are counted, process-wide as the dynamic linker's are: two groups, or the old and
 * the new configuration, share one as long as its file has the same bytes.
 */
#ifndef DAEMON_LOADER_H
#define DAEMON_LOADER_H

#include <mptcpd/plugin.h>

#include "image.h"

/*
 * Load it, or count it once more. Takes the image over, whatever comes of it. Returns 0, or -ENOEXEC
 * and one line that names the file and why it is not a plugin for this mptcpd, to be freed with
 * l_free().
 */
int loader_load(struct image *image, const struct mptcpd_plugin **ret_plugin, char **ret_why);
/*
 * A stand-in for a plugin that is not to be run: it has the name and no function.
 * Takes the image over.
 */
const struct mptcpd_plugin *loader_stand_in(struct image *image);
/* The counterpart of both; NULL is none. */
void loader_unload(const struct mptcpd_plugin *plugin);

#endif
