/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpctl: see and steer mptcpd. Options, and finding the command. */
#include "ctl.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lone.h"
#include "print.h"
#include "standard.h"

#define ARGS_MAX 64

struct options {
	const char *socket;
	bool json, help, version;
	int n_args;
	char *args[ARGS_MAX];
};

/* Options may stand anywhere. Returns an exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		char *arg = argv[i];

		if (strcmp(arg, "--json") == 0 || strcmp(arg, "-j") == 0) {
			options->json = true;
		} else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			options->help = true;
		} else if (strcmp(arg, "--version") == 0) {
			options->version = true;
		} else if (strncmp(arg, "--socket=", 9) == 0) {
			options->socket = arg + 9;
		} else if (strcmp(arg, "--socket") == 0) {
			if (++i == argc)
				return ctl_usage("--socket needs a path");
			options->socket = argv[i];
		} else if (arg[0] == '-' && arg[1]) {
			return ctl_usage("unknown option \"%s\", expected --json, --socket, "
					 "--version or --help",
					 arg);
		} else if (options->n_args == ARGS_MAX) {
			return ctl_usage("too many arguments");
		} else {
			options->args[options->n_args++] = arg;
		}
	}
	if (options->socket && !*options->socket)
		return ctl_usage("--socket needs a path");
	return EXIT_DONE;
}

static void print_help(const struct verb *verb)
{
	print_line("Usage: mptcpctl [--json|-j] [--socket PATH] %s%s%s", verb->name,
		   *verb->arguments ? " " : "", verb->arguments);
	print_end();
	print_line("%c%s.", toupper(*verb->help), verb->help + 1);
	if (!verb->more)
		return;
	print_end();
	print_lines(stdout, verb->more);
}

static void print_overview(void)
{
	print_lines(
		stdout,
		"Usage: mptcpctl [--json|-j] [--socket PATH] [COMMAND]\n\n"
		"See and steer mptcpd, the Multipath TCP path manager. Without a command: status.\n"
		"Where no mptcpd runs and no socket is named, connection, subflow, announce, "
		"withdraw,\n"
		"endpoint, limits and monitor work on the kernel all the same.\n\n"
		"Commands:");
	for (size_t i = 0; i < n_verbs; i++) {
		print_line("  %s%s%s", verbs[i].name, *verbs[i].arguments ? " " : "",
			   verbs[i].arguments);
		print_line("        %s", verbs[i].help);
	}
	print_lines(stdout,
		    "\nOptions:\n"
		    "  -j, --json       write JSON\n"
		    "  --socket PATH    where mptcpd listens: else $MPTCPCTL_SOCKET, else\n"
		    "                   /run/mptcpd/control, else the system bus\n"
		    "  --version        print the version\n"
		    "  -h, --help       print this, or more about one command\n\n"
		    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no mptcpd, 4 not permitted.");
}

/* A file or a program takes much at once. glibc wants the room for it. */
static char output[65536];

static int run(struct options *options, const struct verb *verb, int n_words)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int code;
	const char *no_color = getenv("NO_COLOR");

	if (!ctl || mptcpctl_new(&ctl->client) < 0) {
		free(ctl);
		return ctl_fail("out of memory");
	}
	ctl->json = options->json;
	ctl->terminal = isatty(STDOUT_FILENO);
	if (!ctl->terminal)
		setvbuf(stdout, output, _IOFBF, sizeof(output));
	ctl->colour = ctl->terminal && !(no_color && *no_color);
	ctl->socket = options->socket;
	code = verb->run(ctl, options->n_args - n_words, options->args + n_words);
	lone_end(ctl);
	free(ctl);
	return code;
}

/* Nothing written is no failure, nor is stdout that was closed then. A reader may go at any time. */
static int close_stdout(int code)
{
	bool failed = ferror(stdout);
	bool unwritten = __fpending(stdout) > 0;

	errno = 0;
	failed |= fclose(stdout) != 0 && (unwritten || errno != EBADF);
	return failed && code == EXIT_DONE ? ctl_unwritten(errno) : code;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	const struct verb *verb;
	int n_words = 0, code;

	standard_fill();
	signal(SIGPIPE, SIG_IGN);
	code = parse_options(argc, argv, &options);
	if (code != EXIT_DONE)
		return code;
	if (options.version) {
		print_line("mptcpctl " MPTCPD_VERSION);
		return close_stdout(EXIT_DONE);
	}
	if (options.help && !options.n_args) {
		print_overview();
		return close_stdout(EXIT_DONE);
	}
	verb = verb_find(options.n_args, options.args, &n_words);
	if (!verb)
		return ctl_usage("unknown command \"%s\", did you mean \"%s\"?", options.args[0],
				 verb_nearest(options.args[0]));
	if (options.help) {
		print_help(verb);
		return close_stdout(EXIT_DONE);
	}
	return close_stdout(run(&options, verb, n_words));
}
