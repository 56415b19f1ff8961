/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program mptcpd: its arguments, and where its messages go. */
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asker.h"
#include "daemon.h"
#include "log.h"
#include "standard.h"
#include "trial.h"

/*
 * What is larger than this comes from the system, page by page as it is used, and goes back to it. By
 * default that bound grows with the first large thing that is freed, which a configuration file is.
 */
#define HEAP_MAX (128 << 10)

static int check_config(const struct config_setup *setup)
{
	struct trial trial;
	int r = trial_run(setup, &trial);

	if (r < 0) {
		fprintf(stderr, "mptcpd: cannot make a process: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	fputs(trial.text, stderr);
	l_free(trial.text);
	return trial.outcome == TRIAL_GOOD ? EXIT_SUCCESS : EXIT_CONFIG;
}

/*
 * The instance of a network namespace has its own of all that is one a host. False: no namespace is
 * called so, or its files would be somebody else's.
 */
static bool set_instance(struct daemon *daemon, const char *name)
{
	static char directory[NAME_MAX + 1];
	int length = snprintf(directory, sizeof(directory), "/run/mptcpd-%s", name);

	if (!*name || *name == '.' || strchr(name, '/') || strncmp(name, "mptcpd.conf", 11) == 0 ||
	    length >= (int)sizeof(directory))
		return false;
	daemon->config_setup.instance = name;
	daemon->runtime_directory = directory;
	return true;
}

static void print_help(void)
{
	puts("mptcpd - decides which paths Multipath TCP connections use\n"
	     "\n"
	     "Usage: mptcpd [OPTION...]\n"
	     "\n"
	     "  --config FILE            read this file instead of mptcpd/mptcpd.conf and\n"
	     "                           mptcpd/mptcpd.conf.d/*.conf in /etc, /run,\n"
	     "                           /usr/local/lib and /usr/lib\n"
	     "  --runtime-directory DIR  where the control socket is (default /run/mptcpd)\n"
	     "  --instance NS            be that of the network namespace NS, in which it was "
	     "started:\n"
	     "                           with files from mptcpd/NS, and /run/mptcpd-NS\n"
	     "  --plugin-directory DIR   where plugins are (default " MPTCPD_PLUGIN_DIR ")\n"
	     "  --check-config           read the configuration, say what is wrong with it, and "
	     "exit\n"
	     "  --put-back               put back what an mptcpd that died has changed for new\n"
	     "                           connections, and exit: for who starts it, after its end\n"
	     "  --private ask|monitor    serve the one client on stdin: for mptcpctl\n"
	     "  --verbose                log each change that mptcpd sees, too\n"
	     "  --version                print the version and exit\n"
	     "  --help                   print this and exit\n"
	     "\n"
	     "Runs in the foreground. Exit status: 0 after SIGTERM or SIGINT, 1 failure, 2 wrong\n"
	     "usage, 78 bad configuration. SIGHUP reads the configuration again.");
}

struct options {
	const char *private_for; /* NULL: it is nobody's private daemon */
	const char *runtime_directory; /* NULL: the usual one */
	int check, put_back, verbose; /* 0 or 1, as getopt_long() writes it */
};

/* False: the program ends with *ret_status. */
static bool read_option(int option, struct daemon *daemon, struct options *options, int *ret_status)
{
	*ret_status = EXIT_USAGE;
	switch (option) {
	case 'c':
		daemon->config_setup.file = optarg;
		return true;
	case 'r':
		options->runtime_directory = optarg;
		return true;
	case 'i':
		if (set_instance(daemon, optarg))
			return true;
		fprintf(stderr,
			"mptcpd: no instance is called '%s', expected the name of a network "
			"namespace\n",
			optarg);
		return false;
	case 'p':
		daemon->config_setup.plugin_directory = optarg;
		return true;
	case 'P':
		options->private_for = optarg;
		return true;
	case 0: /* it is written already */
		return true;
	case 'V':
		puts("mptcpd " MPTCPD_VERSION);
		*ret_status = EXIT_SUCCESS;
		return false;
	case 'h':
		print_help();
		*ret_status = EXIT_SUCCESS;
		return false;
	default:
		fputs("Try 'mptcpd --help'.\n", stderr);
		return false;
	}
}

/* The same. */
static bool read_options(int argc, char **argv, struct daemon *daemon, struct options *options,
			 int *ret_status)
{
	const struct option names[] = {
		{"config", required_argument, NULL, 'c'},
		{"runtime-directory", required_argument, NULL, 'r'},
		{"instance", required_argument, NULL, 'i'},
		{"plugin-directory", required_argument, NULL, 'p'},
		{"check-config", no_argument, &options->check, true},
		{"put-back", no_argument, &options->put_back, true},
		{"private", required_argument, NULL, 'P'},
		{"verbose", no_argument, &options->verbose, true},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option, i;

	while ((option = getopt_long(argc, argv, "", names, &i)) != -1) {
		/* "" is no more the name of an instance than others are that it cannot have. */
		if (option != '?' && option != 'i' && names[i].has_arg && !*optarg) {
			fprintf(stderr, "mptcpd: --%s needs a value\nTry 'mptcpd --help'.\n",
				names[i].name);
			*ret_status = EXIT_USAGE;
			return false;
		}
		if (!read_option(option, daemon, options, ret_status))
			return false;
	}
	if (optind == argc)
		return true;
	fprintf(stderr, "mptcpd: unexpected argument '%s'\nTry 'mptcpd --help'.\n", argv[optind]);
	*ret_status = EXIT_USAGE;
	return false;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {
		.config_setup.plugin_directory = MPTCPD_PLUGIN_DIR,
		.config_setup.can_ping = asker_can_ping,
		.runtime_directory = "/run/mptcpd",
	};
	struct options options = {0};
	int status;

	if (!read_options(argc, argv, &daemon, &options, &status))
		return status;
	if (options.runtime_directory)
		daemon.runtime_directory = options.runtime_directory;
	daemon.verbose = options.verbose;
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, HEAP_MAX);
#endif
	standard_fill();
	signal(SIGPIPE, SIG_IGN);
	if (options.private_for)
		return private_run(&daemon, strcmp(options.private_for, "monitor") == 0);
	if (options.check)
		return check_config(&daemon.config_setup);
	daemon.journal = standard_is_journal();
	log_to(daemon.journal ? LOG_PLACE_STREAM : LOG_PLACE_STDERR);
	return options.put_back ? daemon_put_back(&daemon) : daemon_run(&daemon);
}
