/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keys that a group may have, each with the function that reads its value, and values that
 * are words of a list. Every such list is in the order in which it is told to people.
 */
#ifndef DAEMON_KEY_H
#define DAEMON_KEY_H

#include <stdint.h>

#include "ini.h"

/* The most keys of a group that are no settings. */
#define KEY_MAX 16

/* A key, and who reads its line into what the group makes; reports what is wrong with it. */
struct key {
	const char *name;
	void (*read)(struct faults *faults, const struct ini_key *line, void *into); /* or NULL */
};

/* A word and the number it stands for. */
struct key_word {
	const char *name;
	uint32_t bits;
};

/* These lists end with a NULL name. Read each line of the group; report what is no key. */
void key_read_group(const struct key *keys, const struct ini_group *group, void *into,
		    struct faults *faults);
/* Read the lines of a group whose other keys are settings; report what no setting can be either. */
void key_read_own(const struct key *keys, const struct ini_group *group, void *into,
		  struct faults *faults);
/* Their names, ending with NULL. */
void key_list(const struct key *keys, const char *ret_names[static KEY_MAX + 1]);

/* The value as one of the words. False: reported. */
bool key_read_word(struct faults *faults, const struct ini_key *line, const struct key_word *words,
		   uint32_t *ret_bits);
/* Read any number of words, their bits together; `what` is what one of them is. */
bool key_read_words(struct faults *faults, const struct ini_key *line, const struct key_word *words,
		    const char *what, uint32_t *ret_bits);

#endif
