/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program mptcpd: its arguments, and where its messages go. */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* systemd says by device and inode whether stderr is its journal. */
static bool is_stderr_the_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

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

static void print_help(void)
{
	puts("mptcpd - decides which paths Multipath TCP connections use\n"
	     "\n"
	     "Usage: mptcpd [OPTION...]\n"
	     "\n"
	     "  --config FILE            read this file instead of mptcpd/mptcpd.conf and\n"
	     "                           mptcpd/mptcpd.conf.d/*.conf in /etc, /run and /usr/lib\n"
	     "  --runtime-directory DIR  where the control socket is (default /run/mptcpd)\n"
	     "  --plugin-directory DIR   where plugins are (default " MPTCPD_PLUGIN_DIR ")\n"
	     "  --check-config           read the configuration, say what is wrong with it, and "
	     "exit\n"
	     "  --private ask|monitor    serve the one client on stdin: for mptcpctl\n"
	     "  --verbose                log each change that mptcpd sees, too\n"
	     "  --version                print the version and exit\n"
	     "  --help                   print this and exit\n"
	     "\n"
	     "Runs in the foreground. Exit status: 0 after SIGTERM or SIGINT, 1 failure, 2 wrong\n"
	     "usage, 78 bad configuration. SIGHUP reads the configuration again.");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"runtime-directory", required_argument, NULL, 'r'},
		{"plugin-directory", required_argument, NULL, 'p'},
		{"check-config", no_argument, NULL, 'k'},
		{"private", required_argument, NULL, 'P'},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct daemon daemon = {
		.config_setup.plugin_directory = MPTCPD_PLUGIN_DIR,
		.config_setup.can_ping = asker_can_ping,
		.runtime_directory = "/run/mptcpd",
	};
	const char *private_for = NULL;
	bool check = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			daemon.config_setup.file = optarg;
			break;
		case 'r':
			daemon.runtime_directory = optarg;
			break;
		case 'p':
			daemon.config_setup.plugin_directory = optarg;
			break;
		case 'k':
			check = true;
			break;
		case 'P':
			private_for = optarg;
			break;
		case 'v':
			daemon.verbose = true;
			break;
		case 'V':
			puts("mptcpd " MPTCPD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		default:
			fputs("Try 'mptcpd --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mptcpd: unexpected argument '%s'\nTry 'mptcpd --help'.\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	mallopt(M_MMAP_THRESHOLD, HEAP_MAX);
	standard_fill();
	signal(SIGPIPE, SIG_IGN);
	if (private_for)
		return private_run(&daemon, strcmp(private_for, "monitor") == 0);
	if (check)
		return check_config(&daemon.config_setup);
	daemon.journal = is_stderr_the_journal();
	if (daemon.journal)
		l_log_set_handler(log_to_stream);
	else
		l_log_set_handler(log_to_stderr);
	return daemon_run(&daemon);
}
