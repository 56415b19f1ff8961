/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directory where an administrator's, or a user's, drop-ins lie, and our file in it. Names of
 * units have passed unit_name_complete(). Only files with our mark are read, replaced or removed.
 */
#ifndef MPTCPIZE_PLACE_H
#define MPTCPIZE_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "drop-in.h"

struct place {
	char directory[PATH_MAX]; /* /etc/systemd/system */
};

/* 0, or -ENOENT: there is no home for a user's own. Nothing is created. */
int place_find(struct place *place, bool user);
/* The path of the unit's file. */
const char *place_path(const struct place *place, const char *unit, char ret_path[static PATH_MAX]);

struct place_file {
	char *text; /* owned */
	enum drop_in_way way;
	struct timespec written;
};

/* 0, -ENOENT: there is none, -EEXIST: it is not ours, or another -errno. */
int place_read(const struct place *place, const char *unit, struct place_file *ret_file);
/* In one step, with all directories that it needs. 0 or -errno, and nothing is changed. */
int place_write(const struct place *place, const char *unit, const char *text);
/* It, and the unit's directory if nothing else is in there. 0 or -errno, as of place_read(). */
int place_remove(const struct place *place, const char *unit);
/* Each unit with a file of ours, by name. 0 or -errno. */
int place_list(const struct place *place, int (*on_unit)(void *data, const char *unit), void *data);

/* The text of any regular file that is not too long. 0 and a string to free, or -errno. */
int place_slurp(const char *path, char **ret_text, struct timespec *ret_written);

#endif
