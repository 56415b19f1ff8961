/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Translate the configuration of the mptcpd that had this name before, up to 0.13. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "print.h"

#define LINE_MAX_BYTES 4096
#define DEFAULT_FLAGS "subflow"

struct import {
	const char *file;
	unsigned int line;
	bool is_core; /* the group that a line is in */
	bool failed;
	bool per_connection; /* plugin sspi: one subflow for each interface */
	char flags[256];
};

static void complain(struct import *import, const char *what, const char *word)
{
	cli_fail("%s:%u: %s \"%s\"", import->file, import->line, what, word);
	import->failed = true;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static void take_plugin(struct import *import, const char *value)
{
	if (strcmp(value, "sspi") == 0)
		import->per_connection = true;
	else if (strcmp(value, "addr_adv") != 0)
		complain(import, "no policy here does what this plugin does:", value);
}

static void take_flags(struct import *import, char *value)
{
	static const char *const known[] = {"subflow", "signal", "backup", "fullmesh"};
	size_t n = 0;

	for (char *word; (word = strsep(&value, ","));) {
		bool is_known = false;

		word = trim(word);
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			is_known |= strcmp(word, known[i]) == 0;
		if (!is_known)
			complain(import, "unknown flag", word);
		else if (n < sizeof(import->flags))
			n += (size_t)snprintf(import->flags + n, sizeof(import->flags) - n, "%s%s",
					      n ? "," : "", word);
	}
}

/* What has no counterpart says what holds instead. */
static void take_key(struct import *import, const char *key, char *value)
{
	if (strcmp(key, "path-manager") == 0)
		take_plugin(import, value);
	else if (strcmp(key, "addr-flags") == 0)
		take_flags(import, value);
	else if (strcmp(key, "log") == 0)
		print_line("# %s=%s: mptcpd writes to standard error, or to the journal.", key,
			   value);
	else if (strcmp(key, "plugin-dir") == 0)
		print_line("# %s=%s: plugins for that mptcpd do not work with this one.", key,
			   value);
	else if (strcmp(key, "load-plugins") == 0)
		print_line("# %s=%s: those that are named below are loaded.", key, value);
	else if (strcmp(key, "notify-flags") == 0)
		print_line("# %s=%s: addresses count that exist and have a route out, but no "
			   "link-local ones.",
			   key, value);
	else
		complain(import, "unknown key", key);
}

static void take_line(struct import *import, char *text)
{
	char *equals;

	text = trim(text);
	if (!*text || *text == '#')
		return;
	if (*text == '[') {
		import->is_core = strcmp(text, "[core]") == 0;
		if (!import->is_core)
			complain(import, "expected the group [core] alone, not", text);
		return;
	}
	equals = strchr(text, '=');
	if (!equals || !import->is_core) {
		complain(import, "expected KEY=VALUE in the group [core], not", text);
		return;
	}
	*equals = '\0';
	take_key(import, trim(text), trim(equals + 1));
}

static int read_all(struct import *import, FILE *stream)
{
	char text[LINE_MAX_BYTES];

	while (fgets(text, sizeof(text), stream)) {
		import->line++;
		if (!strchr(text, '\n') && !feof(stream)) {
			cli_fail("%s:%u: a line of more than %d bytes", import->file, import->line,
				 LINE_MAX_BYTES - 2);
			import->failed = true;
			return -1;
		}
		take_line(import, text);
	}
	return ferror(stream) ? -1 : 0;
}

static void print_result(const struct import *import)
{
	if (import->per_connection) {
		print_lines(stdout, "[core]\npath-manager = userspace\n\n[policy:default]\n"
				    "plugin = fullmesh\npairing = per-interface");
	} else {
		print_lines(stdout, "[core]\npath-manager = kernel\n\n[endpoints]");
		print_line("flags = %s", import->flags);
	}
}

int ctl_config_import(struct ctl *ctl, int n_args, char **args)
{
	struct import import = {.flags = DEFAULT_FLAGS};
	FILE *stream;
	int r;

	(void)ctl;
	if (n_args != 1 || !*args[0])
		return cli_usage("config import needs one FILE");
	import.file = args[0];
	stream = fopen(import.file, "re");
	if (!stream)
		return cli_fail("%s cannot be read: %s", import.file, strerror(errno));
	print_line("# Translated from %s, of an mptcpd up to version 0.13.", import.file);
	r = read_all(&import, stream);
	if (r < 0 && !import.failed)
		cli_fail("%s cannot be read: %s", import.file, strerror(errno));
	fclose(stream);
	if (r < 0)
		return EXIT_FAILED;
	print_result(&import);
	return import.failed ? EXIT_FAILED : EXIT_DONE;
}
