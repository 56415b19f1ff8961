/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "key.h"

#include <ell/ell.h>
#include <string.h>

#include "auto.h"
#include "setting.h"
#include "value.h"

static const struct key *find(const struct key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

void key_list(const struct key *keys, const char *ret_names[static KEY_MAX + 1])
{
	size_t n = 0;

	for (; keys[n].name; n++)
		ret_names[n] = keys[n].name;
	ret_names[n] = NULL;
}

void key_read_own(const struct key *keys, const struct ini_group *group, void *into,
		  struct faults *faults)
{
	const char *names[KEY_MAX + 1];

	key_list(keys, names);
	for (size_t i = 0; i < group->n_keys; i++) {
		const struct ini_key *line = &group->keys[i];
		const struct key *key = find(keys, line->name);

		if (key && key->read)
			key->read(faults, line, into);
		else if (!key && setting_is_reserved(line->name))
			faults_add_unknown(faults, line->where, "key", line->name, names);
	}
}

void key_read_group(const struct key *keys, const struct ini_group *group, void *into,
		    struct faults *faults)
{
	const char *names[KEY_MAX + 1];

	key_list(keys, names);
	for (size_t i = 0; i < group->n_keys; i++) {
		const struct ini_key *line = &group->keys[i];
		const struct key *key = find(keys, line->name);

		if (key)
			key->read(faults, line, into);
		else
			faults_add_unknown(faults, line->where, "key", line->name, names);
	}
}

static bool read_word(struct faults *faults, const struct ini_key *line, const char *text,
		      const struct key_word *words, const char *what, uint32_t *ret_bits)
{
	const char *names[KEY_MAX + 1];
	size_t n = 0;

	for (; words[n].name; n++) {
		if (strcmp(words[n].name, text) == 0) {
			*ret_bits = words[n].bits;
			return true;
		}
		names[n] = words[n].name;
	}
	names[n] = NULL;
	faults_add_unknown(faults, line->where, what, text, names);
	return false;
}

bool key_read_word(struct faults *faults, const struct ini_key *line, const struct key_word *words,
		   uint32_t *ret_bits)
{
	return read_word(faults, line, line->value, words, line->name, ret_bits);
}

bool key_read_words(struct faults *faults, const struct ini_key *line, const struct key_word *words,
		    const char *what, uint32_t *ret_bits)
{
	const char *cursor = line->value, *word;
	uint32_t all = 0;
	bool good = true;
	size_t size;

	while ((word = value_next_word(&cursor, &size))) {
		AUTO(l_free) char *text = l_strndup(word, size);
		uint32_t bits = 0;

		good &= read_word(faults, line, text, words, what, &bits);
		all |= bits;
	}
	if (good)
		*ret_bits = all;
	return good;
}
