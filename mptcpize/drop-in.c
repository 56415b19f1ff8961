/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "drop-in.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "# Written by mptcpize, and removed by \"mptcpize disable\". Way: "
#define GO "multipathtcp=1"

static const char *const words[] = {
	[DROP_IN_ENVIRONMENT] = "environment",
	[DROP_IN_RUN] = "run",
	[DROP_IN_SOCKET] = "socket",
};

const char *drop_in_word(enum drop_in_way way)
{
	return words[way];
}

bool drop_in_is_ours(const char *text, enum drop_in_way *ret_way)
{
	size_t length = strlen(MARK);

	if (strncmp(text, MARK, length) != 0)
		return false;
	text += length;
	*ret_way = DROP_IN_RUN;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strncmp(text, words[i], strlen(words[i])) == 0 &&
		    text[strlen(words[i])] == '\n')
			*ret_way = (enum drop_in_way)i;
	return true;
}

/* ---- text that grows; NULL after memory ran out ---- */

__attribute__((format(printf, 2, 3))) static void add(char **text, const char *format, ...)
{
	char *more = NULL, *whole = NULL;
	va_list args;

	if (!*text)
		return;
	va_start(args, format);
	if (vasprintf(&more, format, args) < 0)
		more = NULL;
	va_end(args);
	if (!more || asprintf(&whole, "%s%s", *text, more) < 0)
		whole = NULL;
	free(more);
	free(*text);
	*text = whole;
}

/* Within quotes of systemd's. A value that came from a unit file keeps its specifiers. */
static void add_quoted(char **text, const char *value, bool keeps_specifiers)
{
	for (; *text && *value; value++) {
		if (*value == '"' || *value == '\\')
			add(text, "\\%c", *value);
		else if (*value == '%' && !keeps_specifiers)
			add(text, "%%%%");
		else if ((unsigned char)*value < ' ')
			add(text, "\\x%02x", (unsigned int)*value);
		else
			add(text, "%c", *value);
	}
}

/* ---- ways ---- */

/* Is it one of these already? They are separated by any of `between`. */
static bool has_member(const char *list, const char *between, const char *member)
{
	size_t length = strlen(member);

	for (const char *at = list; at && (at = strstr(at, member)); at++)
		if ((at == list || strchr(between, at[-1])) &&
		    (!at[length] || strchr(between, at[length])))
			return true;
	return false;
}

static void add_variable(char **text, const char *name, const char *old, const char *between,
			 const char *member)
{
	add(text, "Environment=\"%s=", name);
	if (old)
		add_quoted(text, old, true);
	if (!has_member(old, between, member)) {
		if (old && *old)
			add(text, "%c", *between);
		add_quoted(text, member, false);
	}
	add(text, "\"\n");
}

/* Would systemd read the program's word as something else where it is an argument? */
static bool is_other_as_argument(const char *command, size_t n_prefixes)
{
	const char *text = command + n_prefixes;
	char *word;
	bool other;

	if (unit_file_word(&text, &word) <= 0)
		return true;
	/* Prefixes may be within quotes; variables are put in for arguments, unless ":" forbids it. */
	other = (*word && strchr(UNIT_FILE_PREFIXES, *word)) ||
		(strchr(word, '$') && !memchr(command, ':', n_prefixes));
	free(word);
	return other;
}

/* systemd makes any number of words of a "$NAME" that stands alone; in "--name=$NAME" it would stay. */
static bool is_list(const char *word)
{
	return *word == '$' && !strchr("{$", word[1]);
}

/* The command as it was, behind "mptcpize run". Returns false if it cannot be. */
static bool add_command(char **text, const char *command, const char *program)
{
	size_t n = strspn(command, UNIT_FILE_PREFIXES);
	const char *rest = command + n, *first = rest, *end, *name;
	bool named = memchr(command, '@', n), other;
	char *word;

	/* The shell's, of a later systemd. */
	if (memchr(command, '|', n) || is_other_as_argument(command, n))
		return false;
	add(text, "ExecStart=");
	for (size_t i = 0; i < n; i++)
		if (command[i] != '@')
			add(text, "%c", command[i]);
	add(text, "\"");
	add_quoted(text, program, false);
	add(text, "\" run ");
	if (!named) {
		add(text, "-- %s\n", rest);
		return true;
	}
	/* "@PROGRAM NAME …": the second word is the name that it is to have. */
	if (unit_file_word(&rest, &word) <= 0)
		return false;
	free(word);
	end = rest;
	name = rest += strspn(rest, " \t");
	if (unit_file_word(&rest, &word) <= 0)
		return false;
	other = is_list(word) && !memchr(command, ':', n);
	free(word);
	if (other)
		return false;
	add(text, "--name=%.*s -- %.*s%s\n", (int)(rest - name), name, (int)(end - first), first,
	    rest);
	return true;
}

char *drop_in_text(enum drop_in_way way, const struct unit_file *unit,
		   const struct drop_in_tools *tools)
{
	char *text = strdup("");
	bool good = true;

	add(&text, MARK "%s\n", words[way]);
	switch (way) {
	case DROP_IN_ENVIRONMENT:
		add(&text, "[Service]\n");
		add_variable(&text, "LD_PRELOAD", unit->preload, ": \t", tools->library);
		add_variable(&text, "GODEBUG", unit->godebug, ",", GO);
		break;
	case DROP_IN_RUN:
		add(&text, "[Service]\nExecStart=\n");
		for (size_t i = 0; i < unit->n_commands && good; i++)
			good = add_command(&text, unit->commands[i], tools->program);
		break;
	case DROP_IN_SOCKET:
		add(&text, "[Socket]\nSocketProtocol=mptcp\n");
		break;
	}
	if (text && good)
		return text;
	errno = text ? ENOTSUP : ENOMEM;
	free(text);
	return NULL;
}
