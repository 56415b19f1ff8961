/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpize: have programs speak Multipath TCP that know only TCP. The table of verbs, and help. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mptcpize.h"
#include "print.h"
#include "standard.h"
#include "word.h"

static const struct verb *const verbs[] = {&run_verb, &enable_verb, &disable_verb, &status_verb,
					   &check_verb};

#define N_VERBS (sizeof(verbs) / sizeof(*verbs))

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static int unknown_verb(const char *name)
{
	const char *names[N_VERBS + 1] = {0}, *nearest;

	for (size_t i = 0; i < N_VERBS; i++)
		names[i] = verbs[i]->name;
	nearest = word_nearest(name, names);
	if (nearest)
		return cli_usage("unknown command \"%s\", did you mean \"%s\"?", name, nearest);
	return cli_usage("unknown command \"%s\"", name);
}

static void print_help(const struct verb *verb)
{
	print_line("Usage: mptcpize %s %s", verb->name, verb->arguments);
	print_about(verb->help, verb->more);
}

static void print_overview(void)
{
	print_lines(stdout, "Usage: mptcpize COMMAND …\n\n"
			    "Have programs speak Multipath TCP that know only TCP.\n\n"
			    "Commands:");
	for (size_t i = 0; i < N_VERBS; i++) {
		print_line("  %s %s", verbs[i]->name, verbs[i]->arguments);
		print_line("        %s", verbs[i]->help);
	}
	print_lines(stdout,
		    "\nOptions:\n"
		    "  --version        print the version\n"
		    "  -h, --help       print this, or after a command more about it\n\n"
		    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no systemd, 4 not permitted;\n"
		    "of \"run\" that of PROGRAM, or 125 to 127.");
}

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	const char *name;
	bool help;

	standard_fill();
	print_name("mptcpize");
	if (argc < 2)
		return cli_usage("a command is missing");
	if (strcmp(argv[1], "--version") == 0) {
		print_line("mptcpize " MPTCPD_VERSION);
		return cli_close_stdout(EXIT_DONE);
	}
	if (strcmp(argv[1], "--complete") == 0)
		return cli_close_stdout(
			complete_run(argc - 2, argv + 2, find_verb, verbs, N_VERBS));
	help = is_help(argv[1]);
	if (help && argc == 2) {
		print_overview();
		return cli_close_stdout(EXIT_DONE);
	}
	name = argv[help ? 2 : 1];
	if (*name == '-')
		return cli_usage("unknown option \"%s\", expected --version or --help", name);
	verb = find_verb(name);
	if (!verb)
		return unknown_verb(name);
	if (help || (argc > 2 && is_help(argv[2]))) {
		print_help(verb);
		return cli_close_stdout(EXIT_DONE);
	}
	return cli_close_stdout(verb->run(argc - 2, argv + 2));
}
