/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which way is right for a unit. */
#include "unit.h"

#include <errno.h>
#include <glob.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reach.h"

/* Since when sockets of systemd may be MPTCP ones. */
#define SYSTEMD_WITH_MPTCP 257

const struct drop_in_tools unit_tools = {.program = MPTCPIZE_PROGRAM, .library = MPTCPIZE_LIBRARY};

/* ---- sockets ---- */

static int systemd_version(struct unit *unit)
{
	char *text = manager_get(&unit->manager, NULL, MANAGER_SELF, "Version");
	int version = atoi(text + strcspn(text, "0123456789"));

	free(text);
	return version;
}

/* A path or an abstract name: no protocol but its own would do there. */
static bool listens_elsewhere(struct unit *unit)
{
	char **kinds = manager_get_firsts(&unit->manager, &unit->loaded, "Listen", "a(ss)");
	char **places = manager_get_seconds(&unit->manager, &unit->loaded, "Listen");
	bool found = false;

	for (size_t i = 0; kinds[i] && places[i]; i++)
		found |= strcmp(kinds[i], "Stream") != 0 || strchr("/@", *places[i]) ||
			 strncmp(places[i], "vsock:", 6) == 0;
	manager_free_list(kinds);
	manager_free_list(places);
	return found;
}

static int choose_for_socket(struct unit *unit, enum drop_in_way *ret_way)
{
	int version = systemd_version(unit);

	if (version < SYSTEMD_WITH_MPTCP)
		return cli_fail(
			"%s: the sockets are made by systemd, and systemd %d knows no "
			"SocketProtocol=mptcp (%d does). If its service can listen by itself, "
			"have it do so without this unit, and enable the service",
			unit->name, version, SYSTEMD_WITH_MPTCP);
	if (listens_elsewhere(unit))
		return cli_fail("%s: SocketProtocol=mptcp would be for all of its sockets, and not "
				"all of them are TCP sockets",
				unit->name);
	*ret_way = DROP_IN_SOCKET;
	return EXIT_DONE;
}

/* ---- services ---- */

static bool names_variable(const char *line)
{
	line += strspn(line, " \t");
	return strncmp(line, "LD_PRELOAD=", 11) == 0 || strncmp(line, "GODEBUG=", 8) == 0;
}

static bool file_sets(const char *path)
{
	char *text;
	bool found = false;

	if (place_slurp(path, &text, NULL) < 0)
		return false;
	for (const char *line = text; line && !found; line = strchr(line, '\n')) {
		line += *line == '\n';
		found = names_variable(line);
	}
	free(text);
	return found;
}

/* The name may stand for several files. */
static bool files_set(const char *pattern)
{
	bool found = false;
	glob_t paths;

	if (glob(pattern, 0, NULL, &paths) != 0)
		return false;
	for (size_t i = 0; i < paths.gl_pathc && !found; i++)
		found = file_sets(paths.gl_pathv[i]);
	globfree(&paths);
	return found;
}

/* Is there something about these variables that comes after, or is not seen in, the unit's files? */
static bool is_set_elsewhere(struct unit *unit)
{
	char **files =
		manager_get_firsts(&unit->manager, &unit->loaded, "EnvironmentFiles", "a(sb)");
	char **variables = manager_get_list(&unit->manager, NULL, MANAGER_SELF, "Environment");
	bool found = unit->files.unsets;

	for (size_t i = 0; files[i]; i++)
		found |= files_set(files[i]);
	for (size_t i = 0; variables[i]; i++)
		found |= names_variable(variables[i]);
	manager_free_list(variables);
	manager_free_list(files);
	return found;
}

static bool is_run_by_root(struct unit *unit)
{
	char *user = manager_get(&unit->manager, &unit->loaded, MANAGER_TYPE, "User");
	bool is_root =
		!unit->user && (!*user || strcmp(user, "root") == 0 || strcmp(user, "0") == 0) &&
		!manager_get_number(&unit->manager, &unit->loaded, MANAGER_TYPE, "DynamicUser", 0);

	free(user);
	return is_root;
}

/* Of the program that is the hardest to reach. */
static enum reach reach_of_all(struct unit *unit)
{
	enum reach worst = REACH_ENVIRONMENT;

	for (size_t i = 0; i < unit->files.n_commands; i++) {
		char *program;
		int r = unit_file_program(unit->files.commands[i], &program);
		enum reach reach = REACH_RUN;

		if (r == -ENOMEM)
			abort();
		if (r == 0) {
			reach = reach_of(program, is_run_by_root(unit));
			free(program);
		}
		if (reach > worst)
			worst = reach;
	}
	return worst;
}

static bool has(struct unit *unit, const char *property)
{
	char *value = manager_get(&unit->manager, &unit->loaded, MANAGER_TYPE, property);
	bool found = *value && strcmp(value, "/") != 0;

	free(value);
	return found;
}

/* May everybody read this file, by every directory on the way? */
static bool is_for_all(const char *path)
{
	char part[PATH_MAX];
	struct stat is;

	for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path) + 1, path);
		if (stat(part, &is) < 0 || !(is.st_mode & S_IXOTH))
			return false;
	}
	return stat(path, &is) == 0 && (is.st_mode & S_IROTH);
}

/* What it takes has to be there for its programs. Returns an exit code. */
static int check_place(struct unit *unit, const char *path)
{
	if (has(unit, "RootDirectory") || has(unit, "RootImage"))
		return cli_fail(
			"%s: its programs see another root directory, in which there is no %s",
			unit->name, path);
	if (access(path, F_OK) < 0)
		return cli_fail("%s is not installed", path);
	if (!is_run_by_root(unit) && !unit->user && !is_for_all(path))
		return cli_fail("%s: its programs run as another user, who may not read %s",
				unit->name, path);
	return EXIT_DONE;
}

static int check_run(struct unit *unit)
{
	if (manager_forbids_call(&unit->manager, &unit->loaded, "seccomp"))
		return cli_fail(
			"%s: one of its programs takes no library, and its SystemCallFilter= "
			"keeps it from being run by mptcpize, which needs seccomp()",
			unit->name);
	if (unit->files.has_late_commands)
		return cli_fail("%s: one of its programs takes no library, and a drop-in that "
				"comes after " DROP_IN_NAME " adds commands, which would run twice",
				unit->name);
	return check_place(unit, unit_tools.program);
}

static int choose_for_service(struct unit *unit, enum drop_in_way *ret_way)
{
	enum reach reach = reach_of_all(unit);

	if (unit->files.has_bad_quotes)
		return cli_fail("%s: a quote in its ExecStart= or Environment= is not closed",
				unit->name);
	if (unit->files.n_commands == 0)
		return cli_fail("%s has no ExecStart=: it starts no program", unit->name);
	if (reach == REACH_NEVER)
		return cli_fail(
			"%s: one of its programs is setuid, setgid or has capabilities, and "
			"takes nothing from who starts it",
			unit->name);
	if (reach == REACH_ENVIRONMENT && !is_set_elsewhere(unit)) {
		*ret_way = DROP_IN_ENVIRONMENT;
		return check_place(unit, unit_tools.library);
	}
	*ret_way = DROP_IN_RUN;
	return check_run(unit);
}

int unit_choose_way(struct unit *unit, enum drop_in_way *ret_way)
{
	if (manager_get_number(&unit->manager, &unit->loaded, MANAGER_UNIT, "Transient", 0))
		return cli_fail(
			"%s is transient: what made it could make \"mptcpize run\" its command",
			unit->name);
	switch (unit->type) {
	case UNIT_SERVICE:
		break;
	case UNIT_SOCKET:
		return choose_for_socket(unit, ret_way);
	}
	return choose_for_service(unit, ret_way);
}

/* ---- what came of it ---- */

static bool has_read(struct unit *unit)
{
	char **paths = manager_get_list(&unit->manager, &unit->loaded, MANAGER_UNIT, "DropInPaths");
	char ours[PATH_MAX];
	bool found = false;

	place_path(&unit->place, unit->name, ours);
	for (size_t i = 0; paths[i]; i++)
		found |= strcmp(paths[i], ours) == 0;
	manager_free_list(paths);
	return found;
}

static bool preloads(struct unit *unit)
{
	char **list = manager_get_list(&unit->manager, &unit->loaded, MANAGER_TYPE, "Environment");
	bool found = false;

	for (size_t i = 0; list[i]; i++)
		found |= strncmp(list[i], "LD_PRELOAD=", 11) == 0 &&
			 strstr(list[i], unit_tools.library);
	manager_free_list(list);
	return found;
}

/* Of the first command: they are replaced together. */
static bool runs(struct unit *unit)
{
	char **programs =
		manager_get_firsts(&unit->manager, &unit->loaded, "ExecStart", "a(sasbttttuii)");
	bool found = *programs && strcmp(*programs, unit_tools.program) == 0;

	manager_free_list(programs);
	return found;
}

bool unit_has_effect(struct unit *unit, enum drop_in_way way)
{
	if (!has_read(unit))
		return false;
	switch (way) {
	case DROP_IN_ENVIRONMENT:
		return preloads(unit);
	case DROP_IN_RUN:
		return runs(unit);
	case DROP_IN_SOCKET:
		break;
	}
	return manager_get_number(&unit->manager, &unit->loaded, MANAGER_TYPE, "SocketProtocol",
				  0) == IPPROTO_MPTCP;
}
