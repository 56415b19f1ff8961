/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpize status: the units that are enabled, and whether it worked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "json.h"
#include "print.h"
#include "unit.h"

enum state {
	STATE_CURRENT,
	STATE_STALE, /* the unit has other commands or settings now */
	STATE_OVERRIDDEN, /* or not read yet */
	STATE_GONE, /* there is no such unit any more */
	STATE_UNKNOWN, /* no systemd answers */
};

static const char *const state_words[] = {"current", "stale", "overridden", "gone", "unknown"};

struct status {
	struct unit *unit;
	enum drop_in_way way;
	bool enabled;
	enum state state;
	int running; /* 1: since it has been written, 0: since before, -1: it is not running */
};

static enum state judge(struct status *status, const char *text)
{
	char *now = drop_in_text(status->way, &status->unit->files, &unit_tools);
	bool same = now && strcmp(now, text) == 0;

	free(now);
	if (!same)
		return STATE_STALE;
	return unit_has_effect(status->unit, status->way) ? STATE_CURRENT : STATE_OVERRIDDEN;
}

static int judge_running(struct unit *unit, const struct timespec *written)
{
	char *state = manager_get(&unit->manager, &unit->loaded, MANAGER_UNIT, "ActiveState");
	bool active = strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0;
	uint64_t began = unit->type == UNIT_SOCKET
				 ? manager_get_number(&unit->manager, &unit->loaded, MANAGER_UNIT,
						      "InactiveExitTimestamp", 0)
				 : manager_get_number(&unit->manager, &unit->loaded, MANAGER_TYPE,
						      "ExecMainStartTimestamp", 0);

	free(state);
	if (!active || began == 0)
		return -1;
	return began >= (uint64_t)written->tv_sec * 1000000 + (uint64_t)written->tv_nsec / 1000;
}

/* All there is to know of one unit. Returns an exit code. */
static int look(struct status *status)
{
	struct unit *unit = status->unit;
	struct place_file file;
	int r, code;

	status->running = -1;
	code = unit_load(unit);
	r = place_read(&unit->place, unit->name, &file);
	if (r < 0 && r != -ENOENT && r != -EEXIST)
		return cli_fail("%s: %s", unit->name, strerror(-r));
	status->enabled = r == 0;
	if (r == 0) {
		status->way = file.way;
		status->state = code == EXIT_NO_SYSTEMD ? STATE_UNKNOWN : STATE_GONE;
		if (code == EXIT_DONE) {
			status->state = judge(status, file.text);
			status->running = judge_running(unit, &file.written);
		}
		free(file.text);
		return EXIT_DONE;
	}
	return code;
}

/* ---- words ---- */

static void print_state(const struct status *status)
{
	const char *name = status->unit->name;

	switch (status->state) {
	case STATE_CURRENT:
		break;
	case STATE_STALE:
		print_line("  the unit has changed since: \"mptcpize enable %s\" writes it anew",
			   name);
		break;
	case STATE_OVERRIDDEN:
		print_line("  overridden, or not read yet: \"systemctl cat %s\" shows what comes "
			   "later",
			   name);
		break;
	case STATE_GONE:
		print_line("  there is no such unit now: \"mptcpize disable %s\" cleans up", name);
		break;
	case STATE_UNKNOWN:
		break;
	}
	if (status->state == STATE_UNKNOWN || status->state == STATE_GONE)
		return;
	if (status->running < 0)
		print_line("  not running");
	else
		print_line(status->running ? "  running with it"
					   : "  running without it: it has to be restarted");
}

static void print_one(const struct status *status)
{
	char path[PATH_MAX];

	if (!status->enabled) {
		print_line("%s: not enabled", status->unit->name);
		return;
	}
	print_line("%s: enabled by %s, in %s", status->unit->name, drop_in_word(status->way),
		   place_path(&status->unit->place, status->unit->name, path));
	print_state(status);
}

static void print_one_json(const struct status *status, bool first)
{
	char path[PATH_MAX];

	print(first ? "{" : ",{");
	json_member("unit", status->unit->name);
	print(",\"enabled\":%s", status->enabled ? "true" : "false");
	if (status->enabled) {
		print(",");
		json_member("way", drop_in_word(status->way));
		print(",");
		json_member("file", place_path(&status->unit->place, status->unit->name, path));
		print(",");
		json_member("state", state_words[status->state]);
		print(",\"running-with-it\":%s", status->running < 0 ? "null"
						 : status->running   ? "true"
								     : "false");
	}
	print("}");
}

/* ---- the verb ---- */

struct listing {
	const struct unit *options;
	size_t n;
};

static int on_unit(void *data, const char *name)
{
	struct listing *listing = data;
	struct unit unit = {.user = listing->options->user,
			    .quiet = true,
			    .place = listing->options->place};
	struct status status = {.unit = &unit};

	unit_name_complete(name, unit.name, &unit.type);
	if (look(&status) == EXIT_DONE && status.enabled) {
		if (listing->options->json)
			print_one_json(&status, listing->n == 0);
		else
			print_one(&status);
		listing->n++;
	}
	unit_done(&unit);
	return 0;
}

static int list(const struct unit *options)
{
	struct listing listing = {.options = options};
	int r;

	if (options->json)
		print("{\"units\":[");
	r = place_list(&options->place, on_unit, &listing);
	if (options->json)
		print_line("]}");
	else if (r == 0 && listing.n == 0)
		print_line("no unit is enabled");
	return r < 0 ? cli_fail("%s: %s", options->place.directory, strerror(-r)) : EXIT_DONE;
}

static int show(struct unit *unit)
{
	struct status status = {.unit = unit};
	int code = look(&status);

	if (code != EXIT_DONE)
		return code;
	if (unit->json) {
		print("{\"units\":[");
		print_one_json(&status, true);
		print_line("]}");
		return EXIT_DONE;
	}
	print_one(&status);
	if (unit->manager.bus && unit->loaded.path && !unit_name_is_template(unit->name))
		/* Who may not see them has been told. */
		check_unit(&unit->manager, &unit->loaded, CHECK_INDENTED);
	return EXIT_DONE;
}

static int status(int n_args, char **args)
{
	struct unit unit = {0};
	int code = unit_options(&unit, n_args, args, true);

	if (code == EXIT_DONE)
		code = *unit.name ? show(&unit) : list(&unit);
	unit_done(&unit);
	return code;
}

const struct verb status_verb = {"status", "[--user] [--json] [UNIT]",
				 "list the units that are enabled, or tell all about one", NULL,
				 status};
