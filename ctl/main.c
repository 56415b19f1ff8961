/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpctl: see and steer mptcpd. Options, and finding the command. */
#include "ctl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lone.h"
#include "print.h"
#include "screen.h"
#include "standard.h"

#define ARGS_MAX 64
#define WATCH_MS 1000
#define WATCH_MS_MIN 100
#define WATCH_MS_MAX 86400000

enum colour {
	COLOUR_AUTO,
	COLOUR_ALWAYS,
	COLOUR_NEVER,
};

struct options {
	const char *socket, *instance, *peer;
	bool json, help, version, verbose, headers, bus;
	enum colour colour;
	unsigned int watch_ms;
	int n_args;
	char *args[ARGS_MAX];
};

/* ---- options ---- */

/*
 * Is the word at *i this option, which has a value: "--NAME=VALUE", or "--NAME VALUE"? `i` is at the
 * last word of it then. NULL in `ret_value`: the value is missing.
 */
static bool is_valued(const char *name, int argc, char **argv, int *i, const char **ret_value)
{
	size_t length = strlen(name);

	if (strncmp(argv[*i], name, length) != 0)
		return false;
	if (argv[*i][length] == '=')
		*ret_value = argv[*i] + length + 1;
	else if (argv[*i][length])
		return false;
	else
		*ret_value = *i + 1 < argc ? argv[++*i] : NULL;
	return true;
}

static int parse_colour(const char *value, enum colour *ret_colour)
{
	static const char *const names[] = {"auto", "always", "never"};

	for (size_t i = 0; value && i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*ret_colour = (enum colour)i;
			return EXIT_DONE;
		}
	}
	return value ? cli_usage("\"%s\" is no time for colour, expected auto, always or never",
				 value)
		     : cli_usage("--color needs auto, always or never");
}

/* Seconds, with a fraction or without. */
static int parse_watch(const char *word, unsigned int *ret_ms)
{
	char *end;
	double ms = strtod(word, &end) * 1000;

	if (!watch_is_seconds(word) || *end || ms < WATCH_MS_MIN || ms > WATCH_MS_MAX)
		return cli_usage("\"%s\" is no number of seconds, expected 0.1 to 86400", word);
	*ret_ms = (unsigned int)ms;
	return EXIT_DONE;
}

/* -w, --watch, each with seconds behind it or without: `i` is at the last word of it. */
static int parse_watch_option(int argc, char **argv, int *i, unsigned int *ret_ms)
{
	const char *value = strchr(argv[*i], '=');

	*ret_ms = WATCH_MS;
	if (value)
		return parse_watch(value + 1, ret_ms);
	if (*i + 1 < argc && watch_is_seconds(argv[*i + 1]))
		return parse_watch(argv[++*i], ret_ms);
	return EXIT_DONE;
}

static bool is_watch(const char *arg)
{
	return strcmp(arg, "-w") == 0 || strcmp(arg, "--watch") == 0 ||
	       strncmp(arg, "--watch=", 8) == 0;
}

/* What it switches on; NULL: it is no such option. */
static bool *find_switch(struct options *options, const char *arg)
{
	const struct {
		const char *brief, *name;
		bool *is_on;
	} switches[] = {
		{"-j", "--json", &options->json},     {"-h", "--help", &options->help},
		{"", "--version", &options->version}, {"-v", "--verbose", &options->verbose},
		{"", "--headers", &options->headers}, {"", "--bus", &options->bus},
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
		if (strcmp(arg, switches[i].brief) == 0 || strcmp(arg, switches[i].name) == 0)
			return switches[i].is_on;
	return NULL;
}

/* Options may stand anywhere. Returns an exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
	int code = EXIT_DONE;

	for (int i = 1; i < argc && code == EXIT_DONE; i++) {
		char *arg = argv[i];
		bool *is_on = *arg == '-' ? find_switch(options, arg) : NULL;
		const char *value = NULL;

		if (is_on) {
			*is_on = true;
		} else if (is_valued("--socket", argc, argv, &i, &value)) {
			options->socket = value;
			if (!value || !*value)
				return cli_usage("--socket needs a path");
		} else if (strcmp(arg, "-N") == 0) {
			if (++i == argc)
				return cli_usage("-N needs the name of a network namespace");
			options->instance = argv[i];
		} else if (is_valued("--peer", argc, argv, &i, &value)) {
			options->peer = value;
			if (!value)
				return cli_usage("--peer needs a HOST[:PORT]");
		} else if (is_valued("--color", argc, argv, &i, &value)) {
			code = parse_colour(value, &options->colour);
		} else if (is_watch(arg)) {
			code = parse_watch_option(argc, argv, &i, &options->watch_ms);
		} else if (arg[0] == '-' && arg[1]) {
			return cli_usage("unknown option \"%s\", expected --json, --watch, "
					 "--verbose, --color, --headers, --socket, -N, --bus, "
					 "--peer, --version or --help",
					 arg);
		} else if (options->n_args == ARGS_MAX) {
			return cli_usage("too many arguments");
		} else {
			options->args[options->n_args++] = arg;
		}
	}
	if (code == EXIT_DONE && !!options->bus + !!options->socket + !!options->instance > 1)
		return cli_usage("--socket, -N and --bus exclude each other");
	return code;
}

/* ---- running ---- */

/* A file or a program takes much at once. glibc wants the room for it. */
static char output[65536];

static bool is_coloured(const struct ctl *ctl, enum colour colour)
{
	const char *no_color = getenv("NO_COLOR");

	return colour == COLOUR_ALWAYS ||
	       (colour == COLOUR_AUTO && ctl->terminal && !(no_color && *no_color));
}

static int run(struct options *options, const struct verb *verb, int n_words)
{
	int code, n_args = options->n_args - n_words;
	char **args = options->args + n_words;
	struct ctl *ctl = calloc(1, sizeof(*ctl));

	if (!ctl || mptcpctl_new(&ctl->client) < 0) {
		free(ctl);
		return cli_fail("out of memory");
	}
	ctl->json = options->json;
	ctl->verbose = options->verbose;
	ctl->terminal = isatty(STDOUT_FILENO);
	ctl->watch_ms = options->watch_ms;
	if (!ctl->terminal || ctl->watch_ms)
		setvbuf(stdout, output, _IOFBF, sizeof(output));
	ctl->headers = ctl->terminal || options->headers;
	ctl->colour = is_coloured(ctl, options->colour);
	ctl->socket = options->socket;
	ctl->peer = options->peer;
	ctl->system_bus = options->bus;
	code = options->instance ? instance_choose(ctl, options->instance) : EXIT_DONE;
	if (code == EXIT_DONE)
		code = ctl->watch_ms ? ctl_watch(ctl, verb, n_args, args)
				     : verb->run(ctl, n_args, args);
	lone_end(ctl);
	free(ctl);
	return code;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	const struct verb *verb;
	int n_words = 0, code;

	standard_fill();
	print_name("mptcpctl");
	screen_begin();
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "--complete") == 0)
		return cli_close_stdout(ctl_complete(argc - 2, argv + 2));
	code = parse_options(argc, argv, &options);
	if (code != EXIT_DONE)
		return code;
	if (options.version) {
		print_line("mptcpctl " MPTCPD_VERSION);
		return cli_close_stdout(EXIT_DONE);
	}
	if (options.help && !options.n_args) {
		verb_print_overview();
		return cli_close_stdout(EXIT_DONE);
	}
	verb = verb_find(options.n_args, options.args, &n_words);
	if (!verb)
		return verb_unknown(options.args[0]);
	if (options.peer && verb->run != ctl_doctor)
		return cli_usage("--peer goes with doctor alone");
	if (options.help) {
		verb_print_help(verb);
		return cli_close_stdout(EXIT_DONE);
	}
	if (options.watch_ms && !verb->is_listing)
		return cli_usage("\"%s\" is no listing, which alone can be watched", verb->name);
	return cli_close_stdout(run(&options, verb, n_words));
}
