/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "value.h"

#include <errno.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

int value_bool(const char *text, bool *ret)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0) {
			*ret = i % 2;
			return 0;
		}
	return -EINVAL;
}

/* Digits, times the factor of the unit behind them. */
static int number_with_unit(const char *text, const struct unit *units, uint64_t *ret)
{
	uint64_t number = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *p - '0', &number))
			return -ERANGE;
	if (p == text)
		return -EINVAL;
	if (*p == ' ' && p[1])
		p++;
	for (; units->name; units++)
		if (strcmp(p, units->name) == 0) {
			if (__builtin_mul_overflow(number, units->factor, &number))
				return -ERANGE;
			*ret = number;
			return 0;
		}
	return -EINVAL;
}

int value_number(const char *text, uint64_t *ret)
{
	static const struct unit none[] = {{"", 1}, {NULL}};

	return number_with_unit(text, none, ret);
}

int value_duration(const char *text, uint64_t *ret_ms)
{
	static const struct unit units[] = {{"", 1000},	    {"ms", 1},	    {"s", 1000},
					    {"min", 60000}, {"h", 3600000}, {NULL}};

	uint64_t ms;
	int err = number_with_unit(text, units, &ms);

	if (err < 0)
		return err;
	if (ms > VALUE_DURATION_MAX_MS)
		return -ERANGE;
	*ret_ms = ms;
	return 0;
}

int value_size(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL}};

	return number_with_unit(text, units, ret_bytes);
}

int value_ports(const char *text, uint16_t *ret_min, uint16_t *ret_max)
{
	char first[8];
	const char *dash = strchr(text, '-');
	size_t size = dash ? (size_t)(dash - text) : strlen(text);
	uint64_t min, max;

	if (size >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, size);
	first[size] = '\0';
	if (value_number(first, &min) < 0 || value_number(dash ? dash + 1 : first, &max) < 0)
		return -EINVAL;
	if (min < 1 || max > UINT16_MAX || min > max)
		return -EINVAL;
	*ret_min = (uint16_t)min;
	*ret_max = (uint16_t)max;
	return 0;
}

const char *value_next_word(const char **cursor, size_t *ret_size)
{
	const char *word = *cursor + strspn(*cursor, ", \t");
	size_t size = strcspn(word, ", \t");

	if (size == 0)
		return NULL;
	*cursor = word + size;
	*ret_size = size;
	return word;
}
