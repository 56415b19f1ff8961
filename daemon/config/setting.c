/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setting.h"

#include <ell/ell.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "addr.h"
#include "auto.h"
#include "image.h"
#include "value.h"
#include "word.h"

/* The most bytes of the words that a setting allows, all together. */
#define WORDS_MAX 1023

/* What is being read, and what of it was expected to be otherwise. */
struct reading {
	const struct mptcpd_setting *setting;
	const char *text;
	struct mptcpd_value value;
	char *expected; /* NULL: it is good */
};

static bool is_word(const char *word, size_t size, const char *text)
{
	return strncmp(word, text, size) == 0 && text[size] == '\0';
}

/* The place of the word among those that are allowed; -1: it is none of them. */
static int find_word(const char *words, const char *text)
{
	const char *cursor = words, *word;
	size_t size;

	for (int i = 0; (word = value_next_word(&cursor, &size)); i++)
		if (is_word(word, size, text))
			return i;
	return -1;
}

/* "a, b, c" */
static char *list_words(const char *words)
{
	struct l_string *list = l_string_new(64);
	const char *cursor = words, *word, *comma = "";
	size_t size;

	while ((word = value_next_word(&cursor, &size))) {
		l_string_append(list, comma);
		l_string_append_fixed(list, word, size);
		comma = ", ";
	}
	return l_string_unwrap(list);
}

/* The one that was most likely meant, as the end of a sentence; "" if none is. */
static char *suggest(const char *words, const char *text)
{
	char **names = l_strv_new();
	const char *cursor = words, *word;
	char *sentence;
	size_t size;

	while ((word = value_next_word(&cursor, &size)))
		names = l_strv_append_printf(names, "%.*s", (int)size, word);
	word = word_nearest(text, (const char *const *)names);
	sentence = word ? l_strdup_printf("; did you mean '%s'?", word) : l_strdup("");
	l_strv_free(names);
	return sentence;
}

/* ---- numbers ---- */

/* A type that is a number. */
struct number_type {
	int (*read)(const char *text, uint64_t *ret);
	uint64_t max; /* that it can read */
	const char *max_text, *form, *unit;
};

#define NUMBER_MAX UINT64_MAX, "18446744073709551615"

static const struct number_type numbers = {value_number, NUMBER_MAX, "a number", ""};
static const struct number_type sizes = {value_size, NUMBER_MAX, "a size like 4096, 64K, 2M or 1G",
					 ""};
static const struct number_type durations = {value_duration, VALUE_DURATION_MAX_MS,
					     VALUE_DURATION_MAX,
					     "a duration like 500ms, 30s, 5min or 1h", "ms"};

static void read_number(struct reading *reading, const struct number_type *type)
{
	uint64_t min = reading->setting->min, max = reading->setting->max, number = 0;
	int err = type->read(reading->text, &number);

	if (max >= type->max)
		max = 0; /* bounds nothing */
	if (err == 0 && number >= min && (!max || number <= max))
		reading->value.number = number;
	else if (err == -EINVAL)
		reading->expected = l_strdup(type->form);
	else if (max)
		reading->expected = l_strdup_printf("%" PRIu64 "%s to %" PRIu64 "%s", min,
						    type->unit, max, type->unit);
	else if (err == -ERANGE)
		reading->expected = l_strdup_printf("at most %s", type->max_text);
	else
		reading->expected = l_strdup_printf("at least %" PRIu64 "%s", min, type->unit);
}

static void read_bool(struct reading *reading)
{
	bool yes = false;

	if (value_bool(reading->text, &yes) < 0)
		reading->expected = l_strdup("yes or no");
	reading->value.number = yes;
}

/* ---- addresses ---- */

static void read_address(struct reading *reading)
{
	if (*reading->text && addr_parse(reading->text, &reading->value.addr) < 0)
		reading->expected = l_strdup("an address like 10.0.0.1 or 2001:db8::1, with a port "
					     "10.0.0.1:80 or [2001:db8::1]:80");
}

static void read_prefix(struct reading *reading)
{
	if (*reading->text && mptcpd_addr_parse_prefix(reading->text, &reading->value.addr,
						       &reading->value.prefix) < 0)
		reading->expected = l_strdup("a prefix like 10.8.0.0/16 or fd00::/8");
}

/* ---- words, and lists of them ---- */

static void read_choice(struct reading *reading)
{
	int place = find_word(reading->setting->words, reading->text);

	if (place < 0) {
		AUTO(l_free) char *words = list_words(reading->setting->words);
		AUTO(l_free) char *end = suggest(reading->setting->words, reading->text);

		reading->expected = l_strdup_printf("one of %s%s", words, end);
		return;
	}
	reading->value.number = (uint64_t)place;
	reading->value.string = reading->text;
}

static size_t count_items(const char *text)
{
	const char *cursor = text;
	size_t n = 0, size;

	while (value_next_word(&cursor, &size))
		n++;
	return n;
}

/* How many there may be: what a list of items is refused for first. */
static bool check_count(struct reading *reading, size_t n)
{
	const struct mptcpd_setting *setting = reading->setting;
	uint64_t max = setting->max && setting->max < MPTCPD_SETTING_ITEMS_MAX
			       ? setting->max
			       : MPTCPD_SETTING_ITEMS_MAX;

	if (n > max)
		reading->expected = l_strdup_printf("at most %" PRIu64 " of them", max);
	else if (n < setting->min)
		reading->expected = l_strdup_printf("at least %" PRIu64 " of them", setting->min);
	return !reading->expected;
}

static void read_ports(struct reading *reading)
{
	size_t n = count_items(reading->text), size;
	const char *cursor = reading->text, *word;
	struct mptcpd_ports *ports;

	if (!check_count(reading, n) || n == 0)
		return;
	ports = l_new(struct mptcpd_ports, n);
	reading->value.items = (struct mptcpd_list){ports, n, sizeof(*ports)};
	for (; (word = value_next_word(&cursor, &size)); ports++) {
		AUTO(l_free) char *text = l_strndup(word, size);

		if (value_ports(text, &ports->min, &ports->max) == 0)
			continue;
		reading->expected = l_strdup_printf("a port like 443 or a range like 8000-8099, "
						    "of 1 to 65535, in place of '%.*s'",
						    SETTING_TEXT_MAX, text);
		return;
	}
}

static bool is_allowed(struct reading *reading, const char *text)
{
	const char *words = reading->setting->words;

	if (strlen(text) > SETTING_TEXT_MAX) {
		reading->expected = l_strdup_printf("words of at most %d bytes", SETTING_TEXT_MAX);
	} else if (words && find_word(words, text) < 0) {
		AUTO(l_free) char *list = list_words(words);
		AUTO(l_free) char *end = suggest(words, text);

		reading->expected =
			l_strdup_printf("words of %s in place of '%s'%s", list, text, end);
	}
	return !reading->expected;
}

/* Pointers, and behind them what they point to. */
static void read_words(struct reading *reading)
{
	size_t n = count_items(reading->text), size;
	const char *cursor = reading->text, *word, **words;
	char *at;

	if (!check_count(reading, n) || n == 0)
		return;
	words = l_malloc(n * sizeof(*words) + strlen(reading->text) + n + 1);
	at = (char *)(words + n);
	reading->value.items = (struct mptcpd_list){words, n, sizeof(*words)};
	while ((word = value_next_word(&cursor, &size))) {
		memcpy(at, word, size);
		at[size] = '\0';
		if (!is_allowed(reading, at))
			return;
		*words++ = at;
		at += size + 1;
	}
}

/* ---- all of them ---- */

static void read_value(struct reading *reading)
{
	switch (reading->setting->type) {
	case MPTCPD_SETTING_BOOL:
		read_bool(reading);
		return;
	case MPTCPD_SETTING_NUMBER:
		read_number(reading, &numbers);
		return;
	case MPTCPD_SETTING_DURATION:
		read_number(reading, &durations);
		return;
	case MPTCPD_SETTING_SIZE:
		read_number(reading, &sizes);
		return;
	case MPTCPD_SETTING_STRING:
		reading->value.string = reading->text;
		return;
	case MPTCPD_SETTING_ADDRESS:
		read_address(reading);
		return;
	case MPTCPD_SETTING_PREFIX:
		read_prefix(reading);
		return;
	case MPTCPD_SETTING_PORTS:
		read_ports(reading);
		return;
	case MPTCPD_SETTING_WORDS:
		read_words(reading);
		return;
	case MPTCPD_SETTING_CHOICE:
		read_choice(reading);
		return;
	}
}

int setting_parse(const struct mptcpd_setting *setting, const char *text,
		  struct mptcpd_value *ret_value, char **ret_expected)
{
	struct reading reading = {.setting = setting, .text = text};

	read_value(&reading);
	if (reading.expected) {
		setting_value_done(&reading.value);
		*ret_expected = reading.expected;
		return -EINVAL;
	}
	*ret_value = reading.value;
	return 0;
}

void setting_value_done(struct mptcpd_value *value)
{
	l_free((void *)(uintptr_t)value->items.first);
	value->items = (struct mptcpd_list){0};
}

/* Some bytes, and not too many. */
static bool is_text(const char *text, size_t max)
{
	return text && strnlen(text, max + 1) <= max;
}

static bool is_name(const char *name)
{
	return is_text(name, IMAGE_NAME_SIZE - 1) && *name &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

/* What a group knows by itself would never reach the plugin. */
bool setting_is_reserved(const char *name)
{
	return strcmp(name, "plugin") == 0 || strcmp(name, "plugins") == 0 ||
	       strcmp(name, "flags") == 0 || strncmp(name, "match-", 6) == 0;
}

/* Are the words that are allowed there, where some have to be? */
static bool has_words(const struct mptcpd_setting *setting)
{
	if (!setting->words)
		return setting->type != MPTCPD_SETTING_CHOICE;
	return is_text(setting->words, WORDS_MAX) && count_items(setting->words) > 0;
}

char *setting_distrust(const struct mptcpd_setting *setting)
{
	static const uint64_t zero[3];
	AUTO(l_free) char *expected = NULL;
	struct mptcpd_value value;

	if (!is_name(setting->name))
		return l_strdup("has no proper name");
	if (setting_is_reserved(setting->name))
		return l_strdup("has a reserved name");
	if ((unsigned int)setting->type > MPTCPD_SETTING_CHOICE)
		return l_strdup("is of an unknown type");
	if (memcmp(setting->reserved, zero, sizeof(zero)) != 0)
		return l_strdup("asks for what this mptcpd does not know");
	if (!has_words(setting))
		return l_strdup("has no proper words");
	if (!is_text(setting->help, SETTING_TEXT_MAX) ||
	    !is_text(setting->fallback, SETTING_TEXT_MAX) ||
	    setting_parse(setting, setting->fallback, &value, &expected) < 0)
		return l_strdup("has no proper default or help");
	setting_value_done(&value);
	return NULL;
}
