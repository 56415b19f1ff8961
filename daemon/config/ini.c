/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ini.h"

#include <ell/ell.h>
#include <string.h>

/* A file while it is read. */
struct reader {
	struct ini own; /* the groups of this file alone */
	struct faults *report;
	struct where where;
	bool in_group; /* keys may come */
	bool skip_group; /* its title is at fault: what it holds is not looked at */
};

static void key_done(struct ini_key *key)
{
	l_free(key->name);
	l_free(key->value);
}

static void group_done(struct ini_group *group)
{
	for (size_t i = 0; i < group->n_keys; i++)
		key_done(&group->keys[i]);
	l_free(group->keys);
	l_free(group->kind);
	l_free(group->name);
}

void ini_done(struct ini *ini)
{
	for (size_t i = 0; i < ini->n_groups; i++)
		group_done(&ini->groups[i]);
	l_free(ini->groups);
	for (size_t i = 0; i < ini->n_files; i++)
		l_free(ini->files[i]);
	l_free(ini->files);
	*ini = (struct ini){0};
}

static struct ini_group *find_group(const struct ini *ini, const char *kind, const char *name)
{
	for (size_t i = 0; i < ini->n_groups; i++) {
		struct ini_group *group = &ini->groups[i];

		if (strcmp(group->kind, kind) == 0 &&
		    (name && group->name ? strcmp(group->name, name) == 0 : name == group->name))
			return group;
	}
	return NULL;
}

static struct ini_key *find_key(const struct ini_group *group, const char *name)
{
	for (size_t i = 0; i < group->n_keys; i++)
		if (strcmp(group->keys[i].name, name) == 0)
			return &group->keys[i];
	return NULL;
}

const struct ini_group *ini_find(const struct ini *ini, const char *kind, const char *name)
{
	return find_group(ini, kind, name);
}

const struct ini_key *ini_group_find(const struct ini_group *group, const char *name)
{
	return find_key(group, name);
}

static void add_key(struct ini_group *group, struct ini_key key)
{
	group->keys = l_realloc(group->keys, (group->n_keys + 1) * sizeof(*group->keys));
	group->keys[group->n_keys++] = key;
}

static struct ini_group *add_group(struct ini *ini, const char *kind, const char *name,
				   struct where where)
{
	struct ini_group group = {.kind = l_strdup(kind), .name = l_strdup(name), .where = where};

	ini->groups = l_realloc(ini->groups, (ini->n_groups + 1) * sizeof(*ini->groups));
	ini->groups[ini->n_groups] = group;
	return &ini->groups[ini->n_groups++];
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trim(char *text)
{
	size_t size;

	while (is_blank(*text))
		text++;
	size = strlen(text);
	while (size > 0 && is_blank(text[size - 1]))
		text[--size] = '\0';
	return text;
}

static void cut_comment(char *line)
{
	for (char *p = line; *p; p++)
		if (*p == '#' && (p == line || is_blank(p[-1]))) {
			*p = '\0';
			return;
		}
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

static bool is_made_of(const char *text, const char *letters)
{
	return *text && text[strspn(text, letters)] == '\0';
}

/* "[kind]" or "[kind:name]"; a name may hold brackets itself (a glob does). */
static void read_title(struct reader *reader, char *line)
{
	struct faults *report = reader->report;
	size_t size = strlen(line);
	struct ini_group *group;
	char *kind, *name;

	reader->in_group = true;
	reader->skip_group = true;
	if (line[size - 1] != ']') {
		faults_add(report, reader->where,
			   "']' is missing, expected [GROUP] or [GROUP:NAME]");
		return;
	}
	line[size - 1] = '\0';
	name = strchr(line + 1, ':');
	if (name) {
		*name++ = '\0';
		name = trim(name);
	}
	kind = trim(line + 1);
	if (!is_made_of(kind, LETTERS) || (name && !*name)) {
		faults_add(report, reader->where, "not a group, expected [GROUP] or [GROUP:NAME]");
		return;
	}
	group = find_group(&reader->own, kind, name);
	if (group) {
		faults_add(
			report, reader->where,
			"group [%s%s%s] is in this file twice, first in line %u, expected it once",
			kind, name ? ":" : "", name ? name : "", group->where.line);
		return;
	}
	if (reader->own.n_groups == INI_GROUPS_MAX) {
		faults_add(report, reader->where, "more than %d groups in one file",
			   INI_GROUPS_MAX);
		return;
	}
	reader->skip_group = false;
	add_group(&reader->own, kind, name, reader->where);
}

static void read_key(struct reader *reader, char *line)
{
	struct faults *report = reader->report;
	char *equals = strchr(line, '='), *name, *value;
	const struct ini_key *there;
	struct ini_group *group;

	if (!equals) {
		faults_add(report, reader->where, "expected [GROUP] or KEY = VALUE");
		return;
	}
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	if (!is_made_of(name, LETTERS ".")) {
		faults_add(report, reader->where, "'%s' is not a key, expected KEY = VALUE", name);
		return;
	}
	if (!*value) {
		faults_add(report, reader->where, "'%s' has no value, expected KEY = VALUE", name);
		return;
	}
	if (!reader->in_group) {
		faults_add(report, reader->where,
			   "'%s' stands before the first group, expected [GROUP] before it", name);
		return;
	}
	if (reader->skip_group)
		return;
	group = &reader->own.groups[reader->own.n_groups - 1];
	there = find_key(group, name);
	if (there) {
		faults_add(report, reader->where,
			   "'%s' is in this group twice, first in line %u, expected it once", name,
			   there->where.line);
		return;
	}
	if (group->n_keys == INI_KEYS_MAX) {
		faults_add(report, reader->where, "more than %d keys in one group", INI_KEYS_MAX);
		return;
	}
	add_key(group, (struct ini_key){
			       .name = l_strdup(name),
			       .value = l_strdup(value),
			       .where = reader->where,
		       });
}

/* Only what can be shown to people and sent over D-Bus as it is. */
static bool is_text(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return l_utf8_validate(text, size, NULL);
}

static void read_line(struct reader *reader, const char *text, size_t size)
{
	char line[INI_LINE_MAX + 1], *start;

	if (size > 0 && text[size - 1] == '\r')
		size--;
	if (size > INI_LINE_MAX) {
		faults_add(reader->report, reader->where, "line longer than %d bytes",
			   INI_LINE_MAX);
		return;
	}
	if (!is_text(text, size)) {
		faults_add(reader->report, reader->where,
			   "bytes that are not text, expected UTF-8 without control characters");
		return;
	}
	memcpy(line, text, size);
	line[size] = '\0';
	cut_comment(line);
	start = trim(line);
	if (*start == '\0' || *start == ';')
		return;
	if (*start == '[')
		read_title(reader, start);
	else
		read_key(reader, start);
}

/* Move the keys of `from` over those of `into`. */
static void merge_group(struct ini_group *into, struct ini_group *from)
{
	for (size_t i = 0; i < from->n_keys; i++) {
		struct ini_key *old = find_key(into, from->keys[i].name);

		if (old) {
			key_done(old);
			*old = from->keys[i];
		} else {
			add_key(into, from->keys[i]);
		}
	}
	from->n_keys = 0;
	group_done(from);
}

/* Move the groups of `from` over those of `into`; new ones go in front, in their own order. */
static void merge(struct ini *into, struct ini *from)
{
	size_t n_old = into->n_groups, n_new = 0;
	struct ini_group *groups = l_new(struct ini_group, n_old + from->n_groups + 1);

	for (size_t i = 0; i < from->n_groups; i++) {
		struct ini_group *group = &from->groups[i];
		struct ini_group *same = find_group(into, group->kind, group->name);

		if (same)
			merge_group(same, group);
		else
			groups[n_new++] = *group;
	}
	if (n_old > 0)
		memcpy(groups + n_new, into->groups, n_old * sizeof(*groups));
	l_free(into->groups);
	into->groups = groups;
	into->n_groups = n_old + n_new;
	l_free(from->groups);
	*from = (struct ini){0};
}

void ini_add(struct ini *ini, const char *file, const char *text, size_t size,
	     struct faults *report)
{
	struct reader reader = {.report = report};
	const char *end = text + size;

	ini->files = l_realloc(ini->files, (ini->n_files + 1) * sizeof(*ini->files));
	ini->files[ini->n_files] = l_strdup(file);
	reader.where.file = ini->files[ini->n_files++];
	if (size > INI_FILE_MAX) {
		faults_add(report, reader.where, "larger than %d bytes", INI_FILE_MAX);
		return;
	}
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		reader.where.line++;
		read_line(&reader, text, (size_t)(stop - text));
		text = newline ? newline + 1 : end;
	}
	merge(ini, &reader.own);
}

void ini_add_default(struct ini *ini, const char *kind, const char *name, const char *key,
		     const char *value)
{
	static const struct where nowhere = {INI_DEFAULT, 0};
	struct ini_group *group = find_group(ini, kind, name);

	if (group && ((name && group->where.line) || find_key(group, key)))
		return;
	if (!group)
		group = add_group(ini, kind, name, nowhere);
	add_key(group, (struct ini_key){
			       .name = l_strdup(key),
			       .value = l_strdup(value),
			       .where = nowhere,
		       });
}
