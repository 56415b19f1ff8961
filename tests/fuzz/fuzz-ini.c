/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libFuzzer entry: any bytes as a configuration file, and as a drop-in over itself. What is read
 * must keep the promises of ini.h; values go through every function of value.h.
 */
#include <ell/ell.h>
#include <stdlib.h>
#include <string.h>

#include "ini.h"
#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void read_value(const char *text)
{
	const char *cursor = text;
	uint64_t number;
	uint16_t min = 1, max = 1;
	size_t size;
	bool yes;

	value_bool(text, &yes);
	value_number(text, &number);
	value_duration(text, &number);
	value_size(text, &number);
	value_ports(text, &min, &max);
	require(min > 0 && min <= max);
	while (value_next_word(&cursor, &size))
		require(size > 0 && cursor <= text + strlen(text));
}

static void check_group(const struct ini *ini, const struct ini_group *group)
{
	require(ini_find(ini, group->kind, group->name) == group);
	require(group->n_keys <= 2 * INI_KEYS_MAX);
	for (size_t i = 0; i < group->n_keys; i++) {
		const struct ini_key *key = &group->keys[i];

		require(ini_group_find(group, key->name) == key);
		require(key->value[0] && key->where.line > 0 && key->where.file);
		require(l_utf8_validate(key->value, strlen(key->value), NULL));
		read_value(key->value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t half = size / 2;
	struct ini ini = {0};
	struct faults faults;
	char *text;

	faults_init(&faults);
	ini_add(&ini, "whole", (const char *)bytes, size, &faults);
	ini_add(&ini, "first", (const char *)bytes, half, &faults);
	ini_add(&ini, "second", (const char *)bytes + half, size - half, &faults);
	for (size_t i = 0; i < ini.n_groups; i++)
		check_group(&ini, &ini.groups[i]);
	text = faults_take(&faults);
	require(l_utf8_validate(text, strlen(text), NULL));
	l_free(text);
	faults_done(&faults);
	ini_done(&ini);
	return 0;
}
