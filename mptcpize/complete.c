/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a shell may complete a word with: `mptcpize --complete WORD…`, of which the last is the one to
 * be completed. One candidate a line, a tab and what it is behind it; ":commands" and ":files" stand for
 * what the shell knows better.
 */
#include <stdio.h>
#include <string.h>

#include "mptcpize.h"
#include "print.h"

#define LIST_UNITS                                                                                 \
	"systemctl --no-legend --no-pager --plain list-unit-files "                                \
	"--type=service,socket 2>/dev/null"
#define LIST_USER_UNITS                                                                            \
	"systemctl --user --no-legend --no-pager --plain list-unit-files "                         \
	"--type=service,socket 2>/dev/null"

static void offer(const char *word, const char *candidate, const char *what)
{
	if (strncmp(candidate, word, strlen(word)) != 0)
		return;
	print_text(candidate);
	print_clean("\t", 1);
	print_line("%s", what);
}

/* One of "[--backend=auto|preload]": each of its values, if it has some. */
static void offer_option(const char *word, const char *option, size_t length)
{
	const char *value = memchr(option, '=', length), *end = option + length;
	char candidate[64];
	size_t n;

	if (!value || memchr(option, '[', length) || value[1] < 'a' || value[1] > 'z') {
		n = strcspn(option, "=[ ]");
		snprintf(candidate, sizeof(candidate), "%.*s", (int)(n < length ? n : length),
			 option);
		offer(word, candidate, "");
		return;
	}
	for (const char *each = value + 1; each < end; each += n + 1) {
		n = strcspn(each, "|]");
		snprintf(candidate, sizeof(candidate), "%.*s%.*s", (int)(value + 1 - option),
			 option, (int)n, each);
		offer(word, candidate, "");
	}
}

/* Those of the verb's usage line. */
static void offer_options(const struct verb *verb, const char *word)
{
	const char *option = verb->arguments;

	while ((option = strstr(option, "[--"))) {
		size_t length = strcspn(++option, " ");

		if (option[2] != ']')
			offer_option(word, option, length - 1);
		option += length;
	}
	offer(word, "--help", "");
}

static void offer_units(const char *word, bool is_user)
{
	FILE *list = popen(is_user ? LIST_USER_UNITS : LIST_UNITS, "re");
	char line[512];

	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, " \n")] = '\0';
		offer(word, line, "");
	}
	if (list)
		pclose(list);
}

int complete_run(int n_args, char **args, const struct verb *(*find)(const char *name),
		 const struct verb *const *all, size_t n)
{
	const char *word = n_args ? args[n_args - 1] : "";
	const struct verb *verb = n_args > 1 ? find(args[0]) : NULL;
	size_t n_values = 0;
	bool is_user = false;

	for (int i = 1; i + 1 < n_args; i++) {
		is_user |= strcmp(args[i], "--user") == 0;
		n_values += n_values || *args[i] != '-';
	}
	if (n_args <= 1) {
		for (size_t i = 0; i < n; i++)
			offer(word, all[i]->name, all[i]->help);
	} else if (verb && *word == '-' && !n_values) {
		offer_options(verb, word);
	} else if (verb == &run_verb) {
		print_line(n_values ? ":files" : ":commands");
	} else if (verb && !n_values) {
		offer_units(word, is_user);
	}
	return EXIT_DONE;
}
