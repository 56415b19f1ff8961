/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands on the configuration: show it, check it, have it read again. */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "lone.h"
#include "print.h"
#include "standard.h"

int ctl_reload(struct ctl *ctl, int n_args, char **args)
{
	int code, r;

	if (n_args)
		return cli_usage("unexpected \"%s\": reload takes no arguments", args[0]);
	code = ctl_connect(ctl);
	if (code)
		return code;
	r = mptcpctl_reload(ctl->client);
	if (r >= 0 || r == -ENOTCONN || r == -EACCES)
		return ctl_result(ctl, r);
	/* Of a unit's ExecReload=, beside what mptcpd says there. */
	if (standard_is_journal())
		return EXIT_FAILED;
	/* Editors read lines that begin with FILE:LINE:, so nothing goes before them. */
	print_lines(stderr, mptcpctl_error(ctl->client));
	return cli_fail("mptcpd goes on with the configuration it has");
}

/* ---- check ---- */

/* For a person: silence is for programs, which read what is wrong on standard error. */
static void say_good(const char *what)
{
	if (isatty(STDERR_FILENO))
		cli_say("no fault in %s", what);
}

/* Have mptcpd's own code look at the files: `file`, or NULL for the default ones of the instance. */
static int run_mptcpd(const char *file, const char *instance)
{
	char beside[PATH_MAX];
	const char *program = lone_find_program(beside);
	pid_t pid;
	int r = lone_start_check(program, file, instance, -1, &pid);

	if (r != 0)
		return cli_fail("cannot run %s: %s", program, strerror(r));
	if (lone_wait(pid) != 0)
		return EXIT_FAILED;
	say_good(file ? file : "the configuration that mptcpd would read");
	return EXIT_DONE;
}

static int on_checked(void *data, bool good, const char *text)
{
	bool *is_good = data;

	*is_good = good;
	print_lines(stderr, text);
	return 0;
}

int ctl_config_check(struct ctl *ctl, int n_args, char **args)
{
	bool good = false;
	int r;

	if (n_args > 1)
		return cli_usage("unexpected \"%s\" after the file", args[1]);
	if (n_args && !*args[0])
		return cli_usage("config check needs the name of FILE, or none");
	if (n_args)
		return run_mptcpd(args[0], NULL);
	r = ctl_try_connect(ctl);
	if (r == -ENOTCONN && !ctl_is_socket_named(ctl))
		return run_mptcpd(NULL, ctl->instance);
	if (r == 0)
		r = mptcpctl_check_config(ctl->client, on_checked, &good);
	if (r < 0)
		return ctl_result(ctl, r);
	if (good)
		say_good("the configuration that mptcpd would read now");
	return good ? EXIT_DONE : EXIT_FAILED;
}

/* ---- show ---- */

struct showing {
	struct ctl *ctl;
	char *group; /* the last one, owned; NULL: none yet */
};

/* Print a file that could be read again, with a comment on each line. */
static void show_text(struct showing *showing, const struct mptcpctl_config *config)
{
	if (!showing->group || strcmp(showing->group, config->group) != 0) {
		if (showing->group)
			print_end();
		print_line("[%s]", config->group);
		free(showing->group);
		showing->group = strdup(config->group);
		if (!showing->group)
			abort();
	}
	print("%s = %s  # %s", config->key, config->value, config->file);
	if (config->line)
		print(":%u", config->line);
	print_end();
}

static int on_config(void *data, const struct mptcpctl_config *config)
{
	struct showing *showing = data;

	if (showing->ctl->json) {
		json_record(&schema_config, config);
		ctl_print_item(showing->ctl);
	} else {
		show_text(showing, config);
	}
	return 0;
}

int ctl_config_show(struct ctl *ctl, int n_args, char **args)
{
	struct showing showing = {.ctl = ctl};
	int code;

	if (n_args)
		return cli_usage("unexpected \"%s\", expected show, check or import", args[0]);
	code = ctl_connect(ctl);
	if (code)
		return code;
	ctl_begin_array(ctl, "config");
	code = ctl_end_array(ctl, mptcpctl_list_config(ctl->client, on_config, &showing));
	free(showing.group);
	return code;
}
