/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls into plugins while a configuration is taken or let go: each is marked in the guard, and
 * here it is known which plugin, in which line of the configuration, an id of the guard means.
 */
#ifndef DAEMON_CALLS_H
#define DAEMON_CALLS_H

#include "guard.h"
#include "image.h"
#include "ini.h"

/* Room for a place in a file and the name of a plugin. */
#define CALLS_PLACE_SIZE 512

struct calls_plugin {
	uint64_t id;
	char name[IMAGE_NAME_SIZE];
	const struct ini_group *group; /* that names it */
	struct where where;
};

struct calls {
	struct guard *guard; /* NULL: nothing is marked, and nothing set aside */
	bool retry; /* what is set aside is started all the same */
	char *place; /* where each call is told in words, CALLS_PLACE_SIZE bytes; NULL: nowhere */
	struct calls_plugin *plugins; /* owned */
	size_t n_plugins;
};

void calls_done(struct calls *calls);
/* Know the plugin that this group makes of this image. Returns its id, which is never 0. */
uint64_t calls_add(struct calls *calls, const struct ini_group *group, struct where where,
		   const struct image *image);
/* NULL: it is none of this configuration's. */
const struct calls_plugin *calls_find(const struct calls *calls, uint64_t id);
/* Is it not to be run at all? */
bool calls_is_aside(const struct calls *calls, uint64_t id);
void calls_enter(const struct calls *calls, enum guard_function function, uint64_t id);
void calls_leave(const struct calls *calls);

#endif
