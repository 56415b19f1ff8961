/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What config.c and config-policy.c share.
 */
#ifndef DAEMON_CONFIG_PRIVATE_H
#define DAEMON_CONFIG_PRIVATE_H

#include "config.h"
#include "faults.h"

/* A word of the configuration and the number it stands for. */
struct config_word {
	const char *name;
	uint32_t bits;
};

struct config_loader {
	const struct config_setup *setup;
	struct config *config;
	struct faults faults, warnings;
};

/* The value of `key` as one of the words, which end with a NULL name. False: reported. */
bool config_read_choice(struct faults *report, const struct ini_key *key,
			const struct config_word *words, uint32_t *ret_bits);

void config_read_policy(struct config_loader *loader, const struct ini_group *group);
/* Add to what the files say what holds besides, under this path manager. */
void config_add_defaults(struct ini *ini, enum path_manager path_manager);
/* Within one file only: a drop-in may mean to take the place of what is shipped. */
void config_warn_unreachable(struct config_loader *loader);

#endif
