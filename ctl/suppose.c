/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `policy test`: a connection that there is not, as words, and what would become of it. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "json.h"
#include "print.h"
#include "screen.h"
#include "text.h"

/* A number like 16 or 0x10. */
static int parse_mark(const char *word, uint32_t *ret_mark)
{
	bool is_hex = strncmp(word, "0x", 2) == 0;
	char *end;
	unsigned long long number = strtoull(word, &end, is_hex ? 16 : 10);

	if (*end || *word < '0' || *word > '9' || strlen(word) > 10 || number > UINT32_MAX)
		return cli_usage("\"%s\" is no mark, expected a number like 16 or 0x10", word);
	*ret_mark = (uint32_t)number;
	return EXIT_DONE;
}

static int parse_uid(const char *word, uint32_t *ret_uid)
{
	const struct passwd *user;

	if (*word >= '0' && *word <= '9')
		return argument_number(word, "user id", 0, UINT32_MAX - 1, ret_uid);
	user = getpwnam(word);
	if (!user)
		return cli_usage("there is no user \"%s\"", word);
	*ret_uid = user->pw_uid;
	return EXIT_DONE;
}

static int parse_option(const char *name, const char *value, struct mptcpctl_supposed *supposed)
{
	if (strcmp(name, "side") == 0) {
		if (strcmp(value, "client") != 0 && strcmp(value, "server") != 0)
			return cli_usage("\"%s\" is no side, expected client or server", value);
		supposed->side = value;
	} else if (strcmp(name, "interface") == 0 || strcmp(name, "dev") == 0) {
		if (supposed->interface)
			return cli_usage("\"interface\" and \"dev\" are one, expected one of them");
		supposed->interface = value;
	} else if (strcmp(name, "cgroup") == 0) {
		if (*value != '/')
			return cli_usage("\"%s\" is no cgroup, expected a path like "
					 "/system.slice/nginx.service",
					 value);
		supposed->cgroup = value;
	} else if (strcmp(name, "uid") == 0) {
		supposed->has_uid = true;
		return parse_uid(value, &supposed->uid);
	} else {
		supposed->has_mark = true;
		return parse_mark(value, &supposed->mark);
	}
	return EXIT_DONE;
}

static bool is_option(const char *word)
{
	static const char *const names[] = {"side", "interface", "dev", "cgroup", "uid", "mark"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(word, names[i]) == 0)
			return true;
	return false;
}

static int parse_options(int n_args, char **args, struct mptcpctl_supposed *supposed)
{
	int code = EXIT_DONE;

	for (int i = 0; i < n_args && code == EXIT_DONE; i++) {
		const char *name = args[i], *value;

		if (!is_option(name))
			return cli_usage("unexpected \"%s\", expected side, uid, cgroup, mark or "
					 "interface",
					 name);
		code = argument_value(n_args, args, &i, &value);
		if (code == EXIT_DONE)
			code = parse_option(name, value, supposed);
	}
	return code;
}

static const struct grid_column path_columns[] = {
	{"LOCAL", .may_be_cut = true},
	{"REMOTE", .may_be_cut = true},
	{"INTERFACE"},
	{"WANTED-BY"},
	{"NOTES"},
};
static const struct grid_kind path_kind = {path_columns,
					   sizeof(path_columns) / sizeof(*path_columns)};

static void text_path(struct grid *grid, const struct mptcpctl_path *path)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[64] = "";

	if (strcmp(path->state, "established") == 0)
		text_note(notes, sizeof(notes), "initial");
	text_note_plan(notes, sizeof(notes), path);
	grid_row(grid, 0);
	grid_text(grid, NULL, text_addr(&path->local, local));
	grid_text(grid, NULL, text_addr(&path->remote, remote));
	grid_text(grid, NULL, path->interface);
	grid_text(grid, NULL, path->wanted_by);
	grid_text(grid, NULL, notes);
}

static int on_test(void *data, const struct mptcpctl_policy_test *test)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_record(&schema_policy_test, test);
		json_print();
		print_end();
		return 0;
	}
	print_line("policy %s%s%s", test->reason || !test->policy ? "none" : test->policy,
		   test->interface ? " dev " : "", test->interface ? test->interface : "");
	if (test->text)
		screen_wrap(2, "  ", test->text);
	ctl_begin_grid(ctl, &path_kind, 1);
	for (const struct mptcpctl_path *path = test->paths; path; path = path->next)
		text_path(&ctl->grid, path);
	grid_end(&ctl->grid);
	text_announcements(test->announcements);
	return 0;
}

int ctl_policy_test(struct ctl *ctl, int n_args, char **args)
{
	struct mptcpctl_supposed supposed = {0};
	struct argument_address local, remote;
	int code;

	if (n_args < 2)
		return cli_usage("too few arguments, expected LOCAL REMOTE");
	code = argument_address(args[0], ARGUMENT_PORT_MAY, &local);
	if (code == EXIT_DONE)
		code = argument_address(args[1], ARGUMENT_PORT_MAY, &remote);
	if (code == EXIT_DONE && local.family != remote.family)
		return cli_usage("\"%s\" and \"%s\" are of different families", args[0], args[1]);
	if (code == EXIT_DONE)
		code = parse_options(n_args - 2, args + 2, &supposed);
	if (code == EXIT_DONE)
		code = ctl_connect(ctl);
	if (code != EXIT_DONE)
		return code;
	supposed.local = local.addr;
	supposed.remote = remote.addr;
	return ctl_result(ctl, mptcpctl_test_policy(ctl->client, &supposed, on_test, ctl));
}
