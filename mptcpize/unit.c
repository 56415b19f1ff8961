/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What manager_load() puts between "@" and the end of a template's name. */
#define INSTANCE "@mptcpize."

int unit_options(struct unit *unit, int n_args, char **args, bool takes_json)
{
	bool words_only = false;
	int r;

	for (int i = 0; i < n_args; i++) {
		if (words_only || *args[i] != '-') {
			if (unit->asked)
				return cli_usage("one unit at a time: \"%s\" is too many", args[i]);
			unit->asked = args[i];
		} else if (strcmp(args[i], "--") == 0) {
			words_only = true;
		} else if (strcmp(args[i], "--user") == 0) {
			unit->user = true;
		} else if (takes_json &&
			   (strcmp(args[i], "--json") == 0 || strcmp(args[i], "-j") == 0)) {
			unit->json = true;
		} else {
			return cli_usage("unknown option \"%s\", expected --user%s", args[i],
					 takes_json ? " or --json" : "");
		}
	}
	if (place_find(&unit->place, unit->user) < 0)
		return cli_fail("HOME says no directory");
	if (!unit->asked)
		return EXIT_DONE;
	r = unit_name_complete(unit->asked, unit->name, &unit->type);
	if (r == -EOPNOTSUPP)
		return cli_usage("\"%s\" is no service and no socket", unit->asked);
	if (r < 0)
		return cli_usage("no unit has a name like \"%s\"", unit->asked);
	return EXIT_DONE;
}

/* ---- its files ---- */

static int add_file(struct unit *unit, const char *path, bool is_drop_in)
{
	const char *name = strrchr(path, '/');
	enum drop_in_way way;
	char *text;
	int r = place_slurp(path, &text, NULL);

	if (r == 0) {
		unit->files.is_late = is_drop_in && name && strcmp(name + 1, DROP_IN_NAME) > 0;
		if (!drop_in_is_ours(text, &way))
			r = unit_file_add(&unit->files, text);
		free(text);
	}
	if (r == -ENOMEM)
		abort();
	if (r < 0)
		cli_fail("%s: %s", path, strerror(-r));
	return r < 0 ? r == -EACCES ? EXIT_NOT_PERMITTED : EXIT_FAILED : EXIT_DONE;
}

static int read_files(struct unit *unit)
{
	char *fragment = manager_get(&unit->manager, &unit->loaded, MANAGER_UNIT, "FragmentPath");
	char **drop_ins =
		manager_get_list(&unit->manager, &unit->loaded, MANAGER_UNIT, "DropInPaths");
	int code = *fragment ? add_file(unit, fragment, false) : EXIT_DONE;

	for (size_t i = 0; code == EXIT_DONE && drop_ins[i]; i++)
		code = add_file(unit, drop_ins[i], true);
	manager_free_list(drop_ins);
	free(fragment);
	return code;
}

/* ---- loading ---- */

static int check_state(struct unit *unit, const char *state)
{
	if (strcmp(state, "loaded") == 0)
		return EXIT_DONE;
	if (unit->quiet)
		return EXIT_FAILED;
	if (strcmp(state, "not-found") == 0)
		return cli_fail("there is no %s", unit->name);
	if (strcmp(state, "masked") == 0)
		return cli_fail("%s is masked: it cannot run at all", unit->name);
	return cli_fail("systemd cannot load %s: \"systemctl status\" says why", unit->name);
}

/* The real name: files beside an alias would work only by accident. */
static void take_name(struct unit *unit)
{
	char real[UNIT_NAME_SIZE], *instance = strstr(unit->loaded.id, INSTANCE);
	enum unit_type type;

	if (unit_name_is_template(unit->name) && instance)
		memmove(instance + 1, strrchr(instance, '.'), strlen(strrchr(instance, '.')) + 1);
	if (unit_name_complete(unit->loaded.id, real, &type) == 0 && type == unit->type)
		strcpy(unit->name, real);
}

int unit_load(struct unit *unit)
{
	char *state;
	int code;

	if (!manager_open(&unit->manager, unit->user))
		return unit->quiet ? EXIT_NO_SYSTEMD : manager_absent(unit->user);
	code = manager_load(&unit->manager, unit->name, &unit->loaded);
	if (code != EXIT_DONE)
		return code;
	state = manager_get(&unit->manager, &unit->loaded, MANAGER_UNIT, "LoadState");
	code = check_state(unit, state);
	free(state);
	if (code != EXIT_DONE)
		return code;
	take_name(unit);
	return read_files(unit);
}

void unit_done(struct unit *unit)
{
	unit_file_done(&unit->files);
	manager_unit_done(&unit->loaded);
	manager_close(&unit->manager);
}
