/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What enable, disable and status share: the unit that is meant, its files, and the best way. */
#ifndef MPTCPIZE_UNIT_H
#define MPTCPIZE_UNIT_H

#include "manager.h"
#include "mptcpize.h"
#include "place.h"
#include "unit-name.h"

struct unit {
	bool user, json; /* options */
	bool quiet; /* what cannot be loaded is a fact, no error */
	const char *asked; /* the name that was given, or NULL */
	char name[UNIT_NAME_SIZE]; /* the real one, once it is loaded */
	enum unit_type type;
	struct place place;
	struct manager manager;
	struct manager_unit loaded;
	struct unit_file files; /* what they say without ours */
};

/*
 * Read the options --user and, where it `takes_json`, --json; what is left has to be one name at
 * most. Returns an exit code; without a name `name` is "".
 */
int unit_options(struct unit *unit, int n_args, char **args, bool takes_json);
/*
 * Have systemd load it, and read its files. Returns an exit code: there is none of this name, it
 * is masked, cannot be read, or no systemd answers.
 */
int unit_load(struct unit *unit);
/* Accepts a zeroed one. */
void unit_done(struct unit *unit);

/* Where mptcpize and the library it preloads are installed. */
extern const struct drop_in_tools unit_tools;
/* The way that works for this unit. Returns an exit code: there may be none, which it says. */
int unit_choose_way(struct unit *unit, enum drop_in_way *ret_way);
/* Has systemd read our file, and does nothing that comes later override it? */
bool unit_has_effect(struct unit *unit, enum drop_in_way way);

#endif
