/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "print.h"

#define ROOM_FIRST 4096
/* What a byte takes at most, as an escape. */
#define ESCAPE_SIZE 6
/* A byte in each of a word's eight. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static struct {
	char *text; /* owned */
	size_t n, room;
} out;

/* ---- text ---- */

static void grow(size_t size)
{
	out.room = out.room + size + ROOM_FIRST;
	out.text = realloc(out.text, out.room);
	if (!out.text)
		abort();
}

/* Where the next bytes go, so many at most. */
static inline char *make_room(size_t size)
{
	if (out.room - out.n < size)
		grow(size);
	return out.text + out.n;
}

static inline void put(const char *text)
{
	size_t size = strlen(text);

	memcpy(make_room(size), text, size);
	out.n += size;
}

/* What comes next may be the first of its list; nothing else ends so. */
static inline bool needs_comma(void)
{
	char last = out.n ? out.text[out.n - 1] : '{';

	return last != '{' && last != '[' && last != ':';
}

static inline void put_comma(void)
{
	if (needs_comma())
		put(",");
}

static void open_list(const char *bracket)
{
	put_comma();
	put(bracket);
}

/* Take the end of an object off, for more members. */
static void reopen(void)
{
	out.n--;
}

static void put_name(const char *name)
{
	size_t size = strlen(name);
	char *into = make_room(size + 4);

	if (needs_comma()) {
		*into++ = ',';
		out.n++;
	}
	into[0] = '"';
	memcpy(into + 1, name, size);
	into[size + 1] = '"';
	into[size + 2] = ':';
	out.n += size + 3;
}

static size_t escape(unsigned int code, char *into)
{
	static const char letters[] = {
		['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
		['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
	};

	if (code < sizeof(letters) && letters[code]) {
		into[0] = '\\';
		into[1] = letters[code];
		return 2;
	}
	if (code == 0x7f)
		return (size_t)sprintf(into, "\\u007f");
	if (code < 0x10000)
		return (size_t)sprintf(into, "\\u%04X", code);
	code -= 0x10000;
	return (size_t)sprintf(into, "\\u%04X\\u%04X", 0xd800 | code >> 10,
			       0xdc00 | (code & 0x3ff));
}

static bool is_plain(char byte)
{
	return (unsigned char)(byte - ' ') < '\177' - ' ' && byte != '"' && byte != '\\';
}

/* Is none of the eight bytes below `byte`, which is at most 128? */
static bool has_none_below(uint64_t word, unsigned int byte)
{
	return !((word - EACH(byte)) & ~word & EACH(0x80));
}

static bool has_none(uint64_t word, char byte)
{
	return has_none_below(word ^ EACH((unsigned char)byte), 1);
}

/* As is_plain(), of all bytes, eight at a time: behind them are seven spaces, or more. */
static bool are_plain(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, text + i, sizeof(word));
		if (word & EACH(0x80) || !has_none_below(word, ' ') || !has_none(word, '\177') ||
		    !has_none(word, '"') || !has_none(word, '\\'))
			return false;
	}
	return true;
}

/* False: it is no UTF-8, and nothing is written. */
static bool put_string(const char *text)
{
	size_t length = strlen(text);
	char *start = make_room(ESCAPE_SIZE * length + 2 + sizeof(uint64_t)), *end = start;

	*end++ = '"';
	memcpy(end, text, length);
	memset(end + length, ' ', sizeof(uint64_t));
	if (are_plain(end, length)) {
		end += length;
		text += length;
	}
	while (*text) {
		unsigned int code;
		size_t size;

		if (is_plain(*text)) {
			*end++ = *text++;
			continue;
		}
		size = clean_decode(text, &code);
		if (!size)
			return false;
		end += escape(code, end);
		text += size;
	}
	*end++ = '"';
	out.n += (size_t)(end - start);
	return true;
}

/* JSON holds UTF-8 alone, the kernel's names any bytes. */
static void put_text(const char *text)
{
	char *clean;

	put_comma();
	if (!text) {
		put("null");
	} else if (!put_string(text)) {
		clean = clean_text(text);
		put_string(clean);
		free(clean);
	}
}

static void put_number(uint64_t number)
{
	char digits[20], *first = digits + sizeof(digits);

	if (number > INT64_MAX)
		number = INT64_MAX;
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	memcpy(make_room(sizeof(digits)), first, (size_t)(digits + sizeof(digits) - first));
	out.n += (size_t)(digits + sizeof(digits) - first);
}

static void put_token(uint32_t token)
{
	char digits[11], *first = digits + sizeof(digits) - 1;

	*first = '\0';
	*--first = '"';
	do
		*--first = "0123456789abcdef"[token & 15];
	while (token >>= 4);
	*--first = '"';
	put(first);
}

static void put_share(uint32_t millionths)
{
	char text[] = "0.000000", *digit = text + sizeof(text) - 1;

	if (millionths >= 1000000) {
		put("1.000000");
		return;
	}
	for (; millionths; millionths /= 10)
		*--digit = (char)('0' + millionths % 10);
	put(text);
}

/* Microseconds of today's wall clock are 16 digits. */
static void put_seconds(uint64_t us)
{
	char text[32];

	snprintf(text, sizeof(text), "%.16g", (double)us / 1e6);
	put(text);
	if (!strpbrk(text, ".e"))
		put(".0");
}

static void put_double(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	put(__builtin_isfinite(value) ? text : "null");
}

/* ---- records ---- */

static void put_record(const struct record *kind, const void *data, unsigned int members);

static void put_strings(const char *const *values)
{
	open_list("[");
	for (; values && *values; values++)
		put_text(*values);
	put("]");
}

static void put_addr(const struct mptcpctl_addr *addr)
{
	put_name("address");
	put_text(addr->address);
	put_name("port");
	put_number(addr->port);
}

/* Every list begins with the pointer to the next one. */
static void put_list(const struct record *kind, const void *first)
{
	open_list("[");
	for (const void *each = first; each; each = *(const void *const *)each)
		put_record(kind, each, 0);
	put("]");
}

static const struct mptcpctl_setting *find_setting(const struct mptcpctl_setting *list,
						   const char *key)
{
	while (list && strcmp(list->key, key) != 0)
		list = list->next;
	return list;
}

/* A key is there once, whatever mptcpd told. */
static void put_settings(const struct mptcpctl_setting *list)
{
	open_list("{");
	for (const struct mptcpctl_setting *each = list; each; each = each->next) {
		if (find_setting(list, each->key) != each)
			continue;
		put_text(each->key);
		put(":");
		put_text(each->value);
	}
	put("}");
}

static void put_value(const struct field *field, const void *at)
{
	switch (field->type) {
	case FIELD_BOOL:
		put(*(const bool *)at ? "true" : "false");
		break;
	case FIELD_U8:
		put_number(*(const uint8_t *)at);
		break;
	case FIELD_U16:
		put_number(*(const uint16_t *)at);
		break;
	case FIELD_U32:
		put_number(*(const uint32_t *)at);
		break;
	case FIELD_U64:
		put_number(*(const uint64_t *)at);
		break;
	case FIELD_SHARE:
		put_share(*(const uint32_t *)at);
		break;
	case FIELD_DOUBLE:
		put_double(*(const double *)at);
		break;
	case FIELD_TOKEN:
		put_token(*(const uint32_t *)at);
		break;
	case FIELD_TIME:
		put_seconds(*(const uint64_t *)at);
		break;
	case FIELD_NAME:
	case FIELD_TEXT:
		put_text(*(const char *const *)at);
		break;
	case FIELD_STRINGS:
		put_strings(*(const char *const *const *)at);
		break;
	case FIELD_ADDR:
	case FIELD_ADDR_HERE:
		if (!((const struct mptcpctl_addr *)at)->address) {
			put("null");
			break;
		}
		open_list("{");
		put_addr(at);
		put("}");
		break;
	case FIELD_LIST:
		put_list(field->of, *(const void *const *)at);
		break;
	case FIELD_SETTINGS:
		put_settings(*(const struct mptcpctl_setting *const *)at);
		break;
	case FIELD_RECORD:
		put_record(field->of, *(const void *const *)at, 0);
		break;
	}
}

static bool is_known(const struct field *field, const void *data)
{
	const char *byte = (const char *)data + field->known.offset;
	bool is_set = false;

	if (field->known.size == 0)
		return true;
	for (size_t i = 0; i < field->known.size; i++)
		is_set |= byte[i] != 0;
	return is_set != !!(field->flags & FIELD_UNLESS);
}

/* Has the object this field? Some do not always go with it: those of `members` do. */
static bool is_told(const struct field *field, bool known, unsigned int members)
{
	if (field->flags & FIELD_WIRE || (field->only && !(field->only & members)))
		return false;
	return known || !(field->flags & FIELD_ABSENT);
}

static void put_field(const struct field *field, const void *data, bool known)
{
	const void *at = (const char *)data + field->at.offset;

	if (field->type == FIELD_ADDR_HERE) {
		put_addr(at);
		return;
	}
	put_name(field->json ? field->json : field->name);
	if (known)
		put_value(field, at);
	else
		put("null");
}

/* Both are NULL for most. */
static bool is_same_object(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The fields of an object inside stand together. */
static void put_record(const struct record *kind, const void *data, unsigned int members)
{
	const char *inside = NULL;

	open_list("{");
	for (const struct field *field = kind->fields; field->name; field++) {
		bool known = is_known(field, data);

		if (!is_told(field, known, members))
			continue;
		if (!is_same_object(field->inside, inside)) {
			if (inside)
				put("}");
			if (field->inside) {
				put_name(field->inside);
				put("{");
			}
			inside = field->inside;
		}
		put_field(field, data, known);
	}
	put(inside ? "}}" : "}");
}

void json_record(const struct record *kind, const void *data)
{
	put_record(kind, data, 0);
}

void json_subflow(uint32_t token, const struct mptcpctl_subflow *subflow)
{
	json_record(&schema_subflow, subflow);
	reopen();
	put_name("token");
	put_token(token);
	put("}");
}

void json_flush(size_t n_endpoints, bool known, size_t n_cut_off)
{
	open_list("{");
	put_name("endpoints");
	put_number(n_endpoints);
	put_name("connections-without-subflows");
	if (known)
		put_number(n_cut_off);
	else
		put("null");
	put("}");
}

/* ---- events ---- */

static void put_interface(const struct mptcpctl_event *event)
{
	put_name("interface");
	if (event->interface_now) {
		json_record(&schema_interface, event->interface_now);
		return;
	}
	put("{"); /* it is gone: its name is all that is left */
	put_name("name");
	put_text(event->interface);
	put("}");
}

void json_event(const struct mptcpctl_event *event)
{
	const struct event_kind *kind = schema_kind(event->type);
	unsigned int members = kind ? kind->members : 0;

	put_record(&schema_event, event, members);
	reopen();
	if (members & EVENT_HAS_INTERFACE)
		put_interface(event);
	if (members & EVENT_HAS_ENDPOINT && event->endpoint) {
		put_name("endpoint");
		json_record(&schema_endpoint, event->endpoint);
	}
	put("}");
}

/* ---- printing ---- */

void json_print(void)
{
	print_clean(out.text, out.n);
	out.n = 0;
}

void json_print_wrapped(const char *name)
{
	print("{\"%s\":", name);
	json_print();
	print_line("}");
}
