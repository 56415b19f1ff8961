/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What config.c and config-policy.c share.
 */
#ifndef DAEMON_CONFIG_PRIVATE_H
#define DAEMON_CONFIG_PRIVATE_H

#include "config.h"
#include "report.h"

/* A word of the configuration and the number it stands for. */
struct config_word {
	const char *name;
	uint32_t bits;
};

struct config_loader {
	const struct config_setup *setup;
	struct config *config;
	struct report faults, warnings;
};

/* The value of `key` as one of the words, which end with a NULL name. False: reported. */
bool config_read_choice(struct report *report, const struct ini_key *key,
			const struct config_word *words, uint32_t *ret_bits);

void config_read_policy(struct config_loader *loader, const struct ini_group *group);
/*
 * Where no policy is configured, connections that are ours to decide for get `fullmesh`. Under the
 * kernel's path manager there are none, and nothing is loaded.
 */
void config_add_default_policy(struct config_loader *loader);
/* Within one file only: a drop-in may mean to take the place of what is shipped. */
void config_warn_unreachable(struct config_loader *loader);

#endif
