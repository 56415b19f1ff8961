/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpize enable, mptcpize disable: a drop-in of ours for a unit, and nothing else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "unit.h"

static int fail_at(struct unit *unit, int r)
{
	char path[PATH_MAX];

	place_path(&unit->place, unit->name, path);
	if (r == -EEXIST)
		return cli_fail("%s is not of mptcpize: it stays as it is", path);
	cli_fail("%s: %s", path, strerror(-r));
	return r == -EACCES || r == -EPERM ? EXIT_NOT_PERMITTED : EXIT_FAILED;
}

/* What was said of it is right; now whoever reads this has to know what to do. */
static void tell_restart(struct unit *unit)
{
	char *state = manager_get(&unit->manager, &unit->loaded, MANAGER_UNIT, "ActiveState");

	if (unit_name_is_template(unit->name))
		print_line("instances that run have to be restarted for it");
	else if (strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0)
		print_line("it is not running, and will have it when it starts");
	else
		print_line("it is running without: \"systemctl %srestart %s\" makes the change",
			   unit->user ? "--user " : "", unit->name);
	free(state);
}

static void tell_sockets(struct unit *unit)
{
	char **by = manager_get_list(&unit->manager, &unit->loaded, MANAGER_UNIT, "TriggeredBy");

	for (size_t i = 0; by[i]; i++)
		if (strstr(by[i], ".socket"))
			print_line(
				"what it gets from %s is not changed by this: systemd makes those "
				"sockets",
				by[i]);
	manager_free_list(by);
}

/* The process beside the program is an orphan as the service itself is, and systemd does not guess. */
static void tell_forking(struct unit *unit)
{
	char *type = manager_get(&unit->manager, &unit->loaded, MANAGER_TYPE, "Type");
	char *file = manager_get(&unit->manager, &unit->loaded, MANAGER_TYPE, "PIDFile");

	if (strcmp(type, "forking") == 0 && !*file)
		print_line("but systemd will not know its main process: it has no PIDFile=");
	free(file);
	free(type);
}

static void tell_kernel(void)
{
	char *text;

	if (place_slurp("/proc/sys/net/mptcp/enabled", &text, NULL) < 0) {
		print_line("but this kernel knows no MPTCP: it goes on with TCP");
		return;
	}
	if (*text == '0')
		print_line("but net.mptcp.enabled is 0: it goes on with TCP until that is 1");
	free(text);
}

/* Is it there already, with the same words? 1, 0, or -errno. */
static int is_written(struct unit *unit, const char *text)
{
	struct place_file old;
	int r = place_read(&unit->place, unit->name, &old);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = strcmp(old.text, text) == 0;
	free(old.text);
	return r;
}

static int write_drop_in(struct unit *unit, enum drop_in_way way)
{
	char path[PATH_MAX], *text = drop_in_text(way, &unit->files, &unit_tools);
	int r;

	if (!text && errno == ENOMEM)
		abort();
	if (!text)
		return cli_fail("%s has an ExecStart= that cannot stand behind \"mptcpize run\": a "
				"variable is its program or its name, or it has a prefix that is "
				"not known",
				unit->name);
	r = is_written(unit, text);
	if (r == 0)
		r = place_write(&unit->place, unit->name, text);
	free(text);
	if (r < 0)
		return fail_at(unit, r);
	if (manager_reload(&unit->manager) != EXIT_DONE)
		return cli_fail("%s is written, and counts when systemd reads it",
				place_path(&unit->place, unit->name, path));
	print_line("%s: enabled by %s, in %s", unit->name, drop_in_word(way),
		   place_path(&unit->place, unit->name, path));
	if (!unit_has_effect(unit, way))
		print_line("but what comes later overrides it: \"systemctl cat %s\" shows all",
			   unit->name);
	if (way == DROP_IN_RUN)
		tell_forking(unit);
	tell_restart(unit);
	tell_sockets(unit);
	tell_kernel();
	return EXIT_DONE;
}

static int enable(int n_args, char **args)
{
	struct unit unit = {0};
	enum drop_in_way way;
	int code = unit_options(&unit, n_args, args, false);

	if (code == EXIT_DONE && !*unit.name)
		code = cli_usage("UNIT is missing");
	if (code == EXIT_DONE)
		code = unit_load(&unit);
	if (code == EXIT_DONE)
		code = unit_choose_way(&unit, &way);
	if (code == EXIT_DONE)
		code = write_drop_in(&unit, way);
	unit_done(&unit);
	return code;
}

/* ---- disable ---- */

/* The name that was given is enough where systemd does not run, or the unit is gone. */
static int find_name(struct unit *unit)
{
	struct place_file file;
	int r = place_read(&unit->place, unit->name, &file);

	if (r == 0)
		free(file.text);
	if (manager_open(&unit->manager, unit->user) && r == -ENOENT)
		return unit_load(unit);
	return EXIT_DONE;
}

static int remove_drop_in(struct unit *unit)
{
	int r = place_remove(&unit->place, unit->name), code = EXIT_DONE;

	if (r == -ENOENT) {
		print_line("%s: not enabled", unit->name);
		return EXIT_DONE;
	}
	if (r < 0)
		return fail_at(unit, r);
	if (!unit->manager.bus) {
		print_line("%s: disabled; no systemd answers that would have to know", unit->name);
		return EXIT_DONE;
	}
	code = manager_reload(&unit->manager);
	if (code != EXIT_DONE)
		return code;
	print_line("%s: disabled", unit->name);
	return EXIT_DONE;
}

static int disable(int n_args, char **args)
{
	struct unit unit = {0};
	int code = unit_options(&unit, n_args, args, false);

	if (code == EXIT_DONE && !*unit.name)
		code = cli_usage("UNIT is missing");
	if (code == EXIT_DONE)
		code = find_name(&unit);
	if (code == EXIT_DONE)
		code = remove_drop_in(&unit);
	unit_done(&unit);
	return code;
}

const struct verb enable_verb = {
	"enable", "[--user] UNIT", "have the sockets of a service or socket unit speak MPTCP",
	"Writes UNIT.d/" DROP_IN_NAME " below /etc/systemd/system, or with --user below\n"
	"~/.config/systemd/user, and has systemd read it. Nothing is restarted. The way:\n"
	"  environment  LD_PRELOAD and GODEBUG, beside what the unit has in them\n"
	"  run          \"mptcpize run\" before each command, where a program takes no library\n"
	"  socket       SocketProtocol=mptcp, from systemd 257\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no systemd, 4 not permitted.",
	enable};
const struct verb disable_verb = {"disable", "[--user] UNIT", "take back what \"enable\" did", NULL,
				  disable};
