/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mptcpd-simulate: a policy, or a whole configuration, lives through the histories of many hosts, in a
 * moment and without a kernel, and what it does is judged.
 */
#include <ell/ell.h>
#include <errno.h>
#include <getopt.h>
#include <glib/gstdio.h>
#include <mptcpd/addr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "world.h"

#define EXIT_USAGE 2
#define EXIT_CONFIG 78
/* So many faults are told; there will be others of the kind. */
#define TOLD_MAX 5

struct simulation {
	const char *plugin_directory;
	char *file; /* the configuration */
	char *directory; /* what is made for it; NULL: nothing */
	struct bounds bounds;
	uint32_t n_hosts, seed;
	bool one; /* of this seed alone */
};

__attribute__((noreturn)) static void fail_usage(const char *what, const char *value)
{
	fprintf(stderr, "mptcpd-simulate: %s '%s'\nTry 'mptcpd-simulate --help'.\n", what, value);
	exit(EXIT_USAGE);
}

static void print_help(void)
{
	puts("mptcpd-simulate - tries a policy on hosts that exist only in memory\n"
	     "\n"
	     "Usage: mptcpd-simulate [OPTION...] PLUGIN[,PLUGIN...] [KEY=VALUE...]\n"
	     "       mptcpd-simulate [OPTION...] --config FILE\n"
	     "\n"
	     "PLUGIN is a file like ./mine.so, or the name of one that is installed; KEY is one "
	     "of\n"
	     "its settings. Links, peers and connections change by chance, and the same way each\n"
	     "time. It is a fault if, whatever happens, the policy\n"
	     "  gives commands again and again while nothing happens;\n"
	     "  closes the only subflow that works, or one that works for one that is not up;\n"
	     "  leaves a connection that sends without a path for long, though there is one.\n"
	     "\n"
	     "  --hosts N                so many (default 200)\n"
	     "  --seed N                 the host of this number alone, telling every step\n"
	     "  --stall TIME             without a path for so long at most (default 15s), or "
	     "none\n"
	     "  --refresh TIME           it closes what works on purpose, once in this time\n"
	     "  --priority-hold TIME     priorities change once in this time\n"
	     "  --backup-hold TIME       no backup link is joined while a normal one works, nor "
	     "left\n"
	     "                           sooner after it was joined\n"
	     "  --forbid 'FROM -> TO'    no subflow there; FROM is eth0, wlan0, wwan0, eth1 or a\n"
	     "                           prefix, TO a prefix or *; may be given several times\n"
	     "  --plugin-directory DIR   where installed plugins are\n"
	     "                           (default " MPTCPD_PLUGIN_DIR ")\n"
	     "  --help                   print this and exit\n"
	     "\n"
	     "TIME is like 500ms, 10s, 2min. Exit status: 0 no fault, 1 faults, which are told "
	     "with\n"
	     "their seeds, 2 wrong usage, 78 the plugin or its settings are refused.");
}

/* ---- arguments ---- */

static uint64_t read_time(const char *text)
{
	static const char *const units[] = {"", "ms", "s", "min"};
	static const uint64_t factors[] = {1000, 1, 1000, 60000};
	char *unit;
	uint64_t number = g_ascii_strtoull(text, &unit, 10);

	for (size_t i = 0; unit != text && i < G_N_ELEMENTS(units); i++)
		if (strcmp(unit, units[i]) == 0)
			return number * factors[i];
	fail_usage("expected a time like 10s, not", text);
}

static uint32_t read_number(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || number > INT32_MAX)
		fail_usage("expected a number, not", text);
	return (uint32_t)number;
}

static void read_forbidden(struct bounds *bounds, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "->", 2);
	struct forbidden_pair *pair = &bounds->forbidden[bounds->n_forbidden];

	if (bounds->n_forbidden == JUDGE_FORBIDDEN_MAX || g_strv_length(parts) != 2)
		fail_usage("expected FROM -> TO, a few times at most, not", text);
	g_strstrip(parts[0]);
	g_strstrip(parts[1]);
	if (strcmp(parts[1], "*") != 0 &&
	    mptcpd_addr_parse_prefix(parts[1], &pair->to, &pair->to_prefix) < 0)
		fail_usage("expected a prefix or * after ->, not", text);
	if (mptcpd_addr_parse_prefix(parts[0], &pair->from, &pair->from_prefix) < 0 &&
	    strcmp(parts[0], "*") != 0)
		g_strlcpy(pair->interface, parts[0], sizeof(pair->interface));
	bounds->n_forbidden++;
}

static void read_option(struct simulation *simulation, int option)
{
	struct bounds *bounds = &simulation->bounds;

	switch (option) {
	case 'c':
		simulation->file = g_strdup(optarg);
		break;
	case 'n':
		simulation->n_hosts = read_number(optarg);
		break;
	case 's':
		simulation->seed = read_number(optarg);
		simulation->one = true;
		break;
	case 't':
		bounds->stall_ms = strcmp(optarg, "none") == 0 ? 0 : read_time(optarg);
		break;
	case 'r':
		bounds->refresh_ms = read_time(optarg);
		break;
	case 'p':
		bounds->priority_hold_ms = read_time(optarg);
		break;
	case 'b':
		bounds->backup_hold_ms = read_time(optarg);
		break;
	case 'f':
		read_forbidden(bounds, optarg);
		break;
	case 'd':
		simulation->plugin_directory = optarg;
		break;
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	default:
		fputs("Try 'mptcpd-simulate --help'.\n", stderr);
		exit(EXIT_USAGE);
	}
}

/* ---- a configuration, from plugins and settings ---- */

static char *make_directory(void)
{
	char *directory = g_dir_make_tmp("mptcpd-simulate-XXXXXX", NULL);

	if (directory)
		return directory;
	perror("mptcpd-simulate: no temporary directory");
	exit(EXIT_FAILURE);
}

static void copy(const char *from, const char *to)
{
	g_autofree char *bytes = NULL;
	g_autoptr(GError) error = NULL;
	size_t size;

	if (g_file_get_contents(from, &bytes, &size, &error) &&
	    g_file_set_contents(to, bytes, (gssize)size, &error))
		return;
	fprintf(stderr, "mptcpd-simulate: %s\n", error->message);
	exit(EXIT_CONFIG);
}

/* Its name; it lies in the directory afterwards, where nobody else can write. */
static char *fetch_plugin(const struct simulation *simulation, const char *word)
{
	bool is_file = strchr(word, '/') || g_str_has_suffix(word, ".so");
	g_autofree char *base = g_path_get_basename(word);
	char *name = g_strndup(base, strlen(base) - (g_str_has_suffix(base, ".so") ? 3 : 0));
	g_autofree char *to = g_strdup_printf("%s/%s.so", simulation->directory, name);
	g_autofree char *from =
		is_file ? g_strdup(word)
			: g_strdup_printf("%s/%s.so", simulation->plugin_directory, word);

	copy(from, to);
	g_chmod(to, 0600);
	return name;
}

static void write_config(struct simulation *simulation, char **words)
{
	g_autoptr(GString) text = g_string_new("[core]\npath-manager = userspace\n"
					       "[policy:simulated]\nplugin =");
	g_auto(GStrv) stack = NULL;

	if (!words[0])
		fail_usage("expected a plugin or --config, not", "");
	simulation->directory = make_directory();
	stack = g_strsplit(words[0], ",", -1);
	for (char **word = stack; *word; word++) {
		g_autofree char *name = fetch_plugin(simulation, *word);

		g_string_append_printf(text, " %s", name);
	}
	for (char **word = words + 1; *word; word++) {
		if (!strchr(*word, '='))
			fail_usage("expected KEY=VALUE, not", *word);
		g_string_append_printf(text, "\n%s", *word);
	}
	g_string_append_c(text, '\n');
	simulation->file = g_build_filename(simulation->directory, "mptcpd.conf", NULL);
	g_file_set_contents(simulation->file, text->str, -1, NULL);
	simulation->plugin_directory = simulation->directory;
}

static void remove_directory(const char *path)
{
	g_autoptr(GDir) dir = path ? g_dir_open(path, 0, NULL) : NULL;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		g_unlink(file);
	}
	if (path)
		g_rmdir(path);
}

/* ---- hosts ---- */

/* How many of them are at fault. */
static uint32_t live(const struct simulation *simulation, const struct rules *rules)
{
	struct world *world = g_new(struct world, 1);
	uint32_t first = simulation->one ? simulation->seed : 0;
	uint32_t n = simulation->one ? 1 : simulation->n_hosts, n_faults = 0;
	g_autofree char *directory = make_directory();
	struct world_setup setup = {.rules = rules,
				    .bounds = &simulation->bounds,
				    .directory = directory,
				    .tells = simulation->one};

	for (uint32_t seed = first; seed < first + n; seed++) {
		setup.seed = seed;
		if (world_live(world, &setup))
			continue;
		if (n_faults++ < TOLD_MAX)
			printf("--seed %u: %s\n", seed, world->judge.text);
	}
	printf("%u host%s, %u at fault\n", n, n == 1 ? "" : "s", n_faults);
	g_free(world);
	remove_directory(directory);
	return n_faults;
}

static int simulate(const struct simulation *simulation)
{
	struct config_setup setup = {
		.file = simulation->file,
		.plugin_directory = simulation->plugin_directory,
	};
	struct config *config;
	uint32_t n_faults;
	char *faults;

	if (config_load(&setup, &config, &faults) < 0) {
		fputs(faults, stderr);
		l_free(faults);
		return EXIT_CONFIG;
	}
	fputs(config->warnings, stderr);
	n_faults = live(simulation, &config->rules);
	config_free(config);
	return n_faults ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"hosts", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"stall", required_argument, NULL, 't'},
		{"refresh", required_argument, NULL, 'r'},
		{"priority-hold", required_argument, NULL, 'p'},
		{"backup-hold", required_argument, NULL, 'b'},
		{"forbid", required_argument, NULL, 'f'},
		{"plugin-directory", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct simulation simulation = {
		.plugin_directory = MPTCPD_PLUGIN_DIR,
		.bounds.stall_ms = 15000,
		.n_hosts = 200,
	};
	int option, code;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		read_option(&simulation, option);
	if (!simulation.file)
		write_config(&simulation, argv + optind);
	else if (optind < argc)
		fail_usage("unexpected argument", argv[optind]);
	code = simulate(&simulation);
	remove_directory(simulation.directory);
	g_free(simulation.directory);
	g_free(simulation.file);
	return code;
}
