/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration as text: groups of keys, each remembering where it stands. Knows no key and
 * opens no file.
 *
 *	# a comment is a whole line (# or ;), or stands after white space and #
 *	[kind]
 *	key = value
 *	[kind:name]
 *
 * Files are layered: a later file replaces, key by key, what earlier ones say in a group of the
 * same title and leaves that group in its place. Groups that are new in it come before all of the
 * earlier files.
 */
#ifndef DAEMON_INI_H
#define DAEMON_INI_H

#include <stddef.h>

#include "faults.h"

/* The most of a file; more is refused. */
#define INI_FILE_MAX (1 << 20)
#define INI_LINE_MAX 4096
#define INI_GROUPS_MAX 1024
#define INI_KEYS_MAX 256

/* The file of values that no file says; they have no line. */
#define INI_DEFAULT "default"

struct ini_key {
	char *name, *value; /* value is never empty */
	struct where where;
};

struct ini_group {
	char *kind;
	char *name; /* what follows the colon; NULL: no colon */
	struct where where;
	struct ini_key *keys;
	size_t n_keys;
};

struct ini {
	struct ini_group *groups;
	size_t n_groups;
	char **files; /* read so far, in that order; where.file is one of them, or INI_DEFAULT */
	size_t n_files;
};

/* An empty one is all zeroes. */
void ini_done(struct ini *ini);

/*
 * Layer one file over what is there. Reports every fault, and goes on after it: what could be read
 * is layered all the same, so that the caller can look for faults in it too.
 */
void ini_add(struct ini *ini, const char *file, const char *text, size_t size,
	     struct faults *report);

/*
 * Add a value that holds unless a file says otherwise, after all files. A group with a name counts
 * as a whole: nothing is added to one that a file has. New groups come last.
 */
void ini_add_default(struct ini *ini, const char *kind, const char *name, const char *key,
		     const char *value);

/* NULL: there is none. `name` NULL: the group without a name. */
const struct ini_group *ini_find(const struct ini *ini, const char *kind, const char *name);
const struct ini_key *ini_group_find(const struct ini_group *group, const char *name);

#endif
