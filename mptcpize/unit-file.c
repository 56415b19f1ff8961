/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPACE " \t\n\r"
#define SECTION "[Service]"

/* ---- words ---- */

static int hex(char c)
{
	const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The character behind a backslash; what is no escape stays as it is written. */
static char unescape(const char **at)
{
	static const char from[] = "abfnrtvs", into[] = "\a\b\f\n\r\t\v ";
	const char *p = *at, *found = strchr(from, *p);

	*at = p + 1;
	if (found)
		return into[found - from];
	if (*p == 'x' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
		*at = p + 3;
		return (char)(hex(p[1]) << 4 | hex(p[2]));
	}
	return *p;
}

int unit_file_word(const char **text, char **ret_word)
{
	const char *p = *text + strspn(*text, SPACE);
	char quote = '\0', *word, *into;

	if (!*p)
		return 0;
	word = into = malloc(strlen(p) + 1);
	if (!word)
		return -ENOMEM;
	for (; *p && (quote || !strchr(SPACE, *p));) {
		if (*p == '\\' && p[1]) {
			p++;
			*into++ = unescape(&p);
		} else if (quote ? *p == quote : *p == '"' || *p == '\'') {
			quote = quote ? '\0' : *p;
			p++;
		} else {
			*into++ = *p++;
		}
	}
	*into = '\0';
	if (quote) {
		free(word);
		return -EINVAL;
	}
	*text = p;
	*ret_word = word;
	return 1;
}

int unit_file_program(const char *command, char **ret_program)
{
	const char *text = command + strspn(command, UNIT_FILE_PREFIXES);
	char *word;
	int r = unit_file_word(&text, &word);

	if (r <= 0)
		return r == -ENOMEM ? r : -ENOENT;
	if (strpbrk(word, "%$")) {
		free(word);
		return -ENOENT;
	}
	*ret_program = word;
	return 0;
}

/* ---- settings ---- */

static void forget_commands(struct unit_file *unit)
{
	for (size_t i = 0; i < unit->n_commands; i++)
		free(unit->commands[i]);
	free(unit->commands);
	unit->commands = NULL;
	unit->n_commands = 0;
}

static void forget_environment(struct unit_file *unit)
{
	free(unit->preload);
	free(unit->godebug);
	unit->preload = unit->godebug = NULL;
}

void unit_file_done(struct unit_file *unit)
{
	forget_commands(unit);
	forget_environment(unit);
}

static int add_command(struct unit_file *unit, const char *from, const char *to)
{
	char **commands;

	while (to > from && strchr(SPACE, to[-1]))
		to--;
	if (to == from)
		return 0;
	commands = reallocarray(unit->commands, unit->n_commands + 1, sizeof(*commands));
	if (!commands)
		return -ENOMEM;
	unit->commands = commands;
	commands[unit->n_commands] = strndup(from, (size_t)(to - from));
	return commands[unit->n_commands] && ++unit->n_commands ? 0 : -ENOMEM;
}

/* Several commands in one line have a word ";" between them. */
static int set_commands(struct unit_file *unit, const char *value)
{
	const char *from = value + strspn(value, SPACE), *p = from;
	int r = 0;

	while (r >= 0 && *p) {
		char *word;

		if (*p == ';' && (!p[1] || strchr(SPACE, p[1]))) {
			r = add_command(unit, from, p);
			p++;
			p += strspn(p, SPACE);
			from = p;
			continue;
		}
		r = unit_file_word(&p, &word);
		if (r == -EINVAL) {
			unit->has_bad_quotes = true;
			return 0;
		}
		if (r > 0)
			free(word);
		p += strspn(p, SPACE);
	}
	return r < 0 ? r : add_command(unit, from, p);
}

static int set_variable(char **variable, const char *word, const char *name)
{
	size_t length = strlen(name);
	char *copy;

	if (strncmp(word, name, length) != 0 || word[length] != '=')
		return 0;
	copy = strdup(word + length + 1);
	if (!copy)
		return -ENOMEM;
	free(*variable);
	*variable = copy;
	return 0;
}

static int set_environment(struct unit_file *unit, const char *value)
{
	char *word;
	int r;

	while ((r = unit_file_word(&value, &word)) > 0) {
		int failed = set_variable(&unit->preload, word, "LD_PRELOAD");

		failed |= set_variable(&unit->godebug, word, "GODEBUG");
		free(word);
		if (failed)
			return -ENOMEM;
	}
	if (r == -EINVAL)
		unit->has_bad_quotes = true;
	return r == -ENOMEM ? r : 0;
}

static int set_unset(struct unit_file *unit, const char *value)
{
	char *word;
	int r;

	while ((r = unit_file_word(&value, &word)) > 0) {
		size_t length = strcspn(word, "=");

		unit->unsets |= (length == 10 && strncmp(word, "LD_PRELOAD", length) == 0) ||
				(length == 7 && strncmp(word, "GODEBUG", length) == 0);
		free(word);
	}
	return r == -ENOMEM ? r : 0;
}

static int set(struct unit_file *unit, const char *key, const char *value)
{
	bool empty = !*value;

	if (strcmp(key, "ExecStart") == 0) {
		if (empty) {
			forget_commands(unit);
			unit->is_late_only = unit->is_late;
		}
		unit->has_late_commands = unit->is_late && !unit->is_late_only;
		return set_commands(unit, value);
	}
	if (strcmp(key, "Environment") == 0) {
		if (empty)
			forget_environment(unit);
		return set_environment(unit, value);
	}
	if (strcmp(key, "UnsetEnvironment") == 0) {
		if (empty)
			unit->unsets = false;
		return set_unset(unit, value);
	}
	return 0;
}

/* ---- lines ---- */

static void strip_end(char *line)
{
	size_t length = strlen(line);

	while (length > 0 && strchr(SPACE, line[length - 1]))
		line[--length] = '\0';
}

static bool is_continued(const char *line, size_t length)
{
	bool odd = false;

	for (; length > 0 && line[length - 1] == '\\'; length--)
		odd = !odd;
	return odd;
}

/*
 * Take a line off the front of `text`, into `line`, with those that continue it: a backslash at the
 * end, which no other one escapes, is a space. Comments are none of it, and are not continued.
 */
static void take_line(const char **text, char *line)
{
	bool continues = false;

	do {
		size_t length = strcspn(*text, "\n");
		const char *from = *text, *start = from + strspn(from, " \t\r");

		*text += length + ((*text)[length] == '\n');
		if (*start == '#' || *start == ';')
			continue;
		memcpy(line, from, length);
		while (length > 0 && line[length - 1] == '\r')
			length--;
		continues = is_continued(line, length);
		if (continues)
			line[length - 1] = ' ';
		line += length;
	} while (continues && **text);
	*line = '\0';
}

static int add_line(struct unit_file *unit, char *line, bool *inside)
{
	char *key = line + strspn(line, SPACE), *value;

	strip_end(key);
	if (!*key || *key == '#' || *key == ';')
		return 0;
	if (*key == '[') {
		*inside = strcmp(key, SECTION) == 0;
		return 0;
	}
	value = strchr(key, '=');
	if (!*inside || !value)
		return 0;
	*value++ = '\0';
	strip_end(key);
	return set(unit, key, value + strspn(value, SPACE));
}

int unit_file_add(struct unit_file *unit, const char *text)
{
	char *line = malloc(strlen(text) + 1);
	bool inside = false;
	int r = line ? 0 : -ENOMEM;

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (r == 0 && *text) {
		take_line(&text, line);
		r = add_line(unit, line, &inside);
	}
	free(line);
	return r;
}
