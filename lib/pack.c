/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096
/* Up to the next multiple of 8, and one more, that the compiler knows. */
#define PADDING_MAX 8

size_t pack_alignment(char type)
{
	switch (type) {
	case 'y':
	case 'v':
	case 'g':
		return 1;
	case 'q':
	case 'n':
		return 2;
	case 'b':
	case 'u':
	case 'i':
	case 'h':
	case 's':
	case 'o':
	case 'a':
		return 4;
	case 't':
	case 'x':
	case 'd':
	case '(':
	case '{':
	case 'r':
	case 'e':
		return 8;
	default:
		return 0;
	}
}

static bool make_room(struct pack *pack, size_t size)
{
	size_t room = pack->room ? pack->room * 2 : ROOM_FIRST;
	uint8_t *bytes;

	while (room < size)
		room *= 2;
	bytes = realloc(pack->bytes, room);
	if (!bytes)
		return false;
	pack->bytes = bytes;
	pack->room = room;
	return true;
}

/* Room for so many bytes that begin at a multiple of `alignment`. NULL: there is none. */
static inline uint8_t *grow(struct pack *pack, size_t size, size_t alignment)
{
	size_t start = (pack->size + alignment - 1) & ~(alignment - 1);

	if (start + size + PADDING_MAX > pack->room && !make_room(pack, start + size + PADDING_MAX))
		return NULL;
	memset(pack->bytes + pack->size, 0, PADDING_MAX); /* a size that is known needs no loop */
	pack->size = start + size;
	return pack->bytes + start;
}

static inline int put(struct pack *pack, const void *value, size_t size)
{
	uint8_t *into = grow(pack, size, size);

	if (!into)
		return -ENOMEM;
	memcpy(into, value, size);
	return 0;
}

/* The length, of so many bytes, the text and a zero. */
static int put_text(struct pack *pack, const char *text, size_t length_size)
{
	size_t length = strlen(text);
	uint32_t number = (uint32_t)length;
	uint8_t *into = grow(pack, length_size + length + 1, length_size);

	if (!into)
		return -ENOMEM;
	if (length_size == 1)
		*into = (uint8_t)length;
	else
		memcpy(into, &number, sizeof(number));
	memcpy(into + length_size, text, length + 1);
	return 0;
}

/* The place of its length, which is 0 as yet. */
static int put_array(struct pack *pack, char element, size_t *ret_count_at)
{
	static const uint32_t zero;
	size_t alignment = pack_alignment(element);
	int r = alignment ? put(pack, &zero, sizeof(zero)) : -EINVAL;

	if (r < 0)
		return r;
	*ret_count_at = pack->size - sizeof(zero);
	return grow(pack, 0, alignment) ? 0 : -ENOMEM;
}

const char *pack_end_of_type(const char *types)
{
	size_t depth = 0;

	for (; *types; types++) {
		if (*types == '(' || *types == '{')
			depth++;
		else if (depth > 0 && (*types == ')' || *types == '}'))
			depth--;
		if (depth == 0 && *types != 'a')
			return types + 1;
	}
	return types;
}

int pack_append(struct pack *pack, const char *types, va_list args)
{
	int r = 0;

	while (*types && r == 0) {
		char type = *types++;
		uint8_t byte;
		uint16_t half;
		uint32_t word;
		uint64_t number;
		size_t at;

		switch (type) {
		case 'y':
			byte = (uint8_t)va_arg(args, int);
			r = put(pack, &byte, sizeof(byte));
			break;
		case 'q':
			half = (uint16_t)va_arg(args, int);
			r = put(pack, &half, sizeof(half));
			break;
		case 'b':
			word = va_arg(args, int) != 0;
			r = put(pack, &word, sizeof(word));
			break;
		case 'u':
			word = va_arg(args, uint32_t);
			r = put(pack, &word, sizeof(word));
			break;
		case 't':
			number = va_arg(args, uint64_t);
			r = put(pack, &number, sizeof(number));
			break;
		case 's':
			r = put_text(pack, va_arg(args, const char *), sizeof(word));
			break;
		case '(':
			r = grow(pack, 0, 8) ? 0 : -ENOMEM;
			break;
		case ')':
			break;
		case 'a': /* those with elements are opened and closed */
			r = va_arg(args, int) == 0 ? put_array(pack, *types, &at) : -EINVAL;
			types = pack_end_of_type(types);
			break;
		default:
			return -EINVAL;
		}
	}
	return r;
}

int pack_extra(struct pack *pack, const char *key, const char *types, va_list args)
{
	int r = grow(pack, 0, 8) ? put_text(pack, key, sizeof(uint32_t)) : -ENOMEM;

	if (r == 0)
		r = put_text(pack, types, 1);
	return r < 0 ? r : pack_append(pack, types, args);
}

int pack_open(struct pack *pack, char type, const char *contents)
{
	size_t count_at = 0;
	int r;

	if (pack->depth == PACK_DEPTH)
		return -EINVAL;
	if (type == 'v')
		r = put_text(pack, contents, 1);
	else if (type == 'a')
		r = put_array(pack, *contents, &count_at);
	else
		r = grow(pack, 0, 8) ? 0 : -ENOMEM;
	if (r < 0)
		return r;
	pack->open[pack->depth].count_at = count_at;
	pack->open[pack->depth++].start = type == 'a' ? pack->size : 0;
	return 0;
}

int pack_close(struct pack *pack)
{
	size_t start;
	uint32_t count;

	if (pack->depth == 0)
		return -EINVAL;
	start = pack->open[--pack->depth].start;
	if (!start)
		return 0;
	count = (uint32_t)(pack->size - start);
	memcpy(pack->bytes + pack->open[pack->depth].count_at, &count, sizeof(count));
	return 0;
}

void pack_done(struct pack *pack)
{
	free(pack->bytes);
	*pack = (struct pack){0};
}
