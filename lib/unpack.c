/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack.h"

#include <errno.h>
#include <string.h>

/* Variants within variants, of types that are not known here. */
#define SKIP_DEPTH 32

/* The next so many bytes, after the padding. NULL: there are not so many. */
static const uint8_t *take(struct unpack *unpack, size_t size, size_t alignment)
{
	size_t start = (unpack->at + alignment - 1) & ~(alignment - 1);

	if (start > unpack->end || unpack->end - start < size)
		return NULL;
	unpack->at = start + size;
	return unpack->bytes + start;
}

static int take_number(struct unpack *unpack, size_t size, void *into)
{
	const uint8_t *bytes = take(unpack, size, size);

	if (!bytes)
		return -EBADMSG;
	memcpy(into, bytes, size);
	return 0;
}

/* So many bytes, with a zero behind them and none among them. */
static int take_text(struct unpack *unpack, size_t length, const char **ret_text)
{
	const char *text = (const char *)take(unpack, length + 1, 1);

	if (!text || text[length] || strlen(text) != length)
		return -EBADMSG;
	*ret_text = text;
	return 0;
}

static int take_signature(struct unpack *unpack, const char **ret_text)
{
	uint8_t length;
	int r = take_number(unpack, sizeof(length), &length);

	return r < 0 ? r : take_text(unpack, length, ret_text);
}

int unpack_basic(struct unpack *unpack, char type, void *into)
{
	uint32_t word;
	int r;

	switch (type) {
	case 'y':
		return take_number(unpack, 1, into);
	case 'q':
		return take_number(unpack, 2, into);
	case 'u':
		return take_number(unpack, 4, into);
	case 't':
		return take_number(unpack, 8, into);
	case 'b':
		r = take_number(unpack, 4, &word);
		if (r < 0 || word > 1)
			return -EBADMSG;
		*(int *)into = (int)word;
		return 0;
	case 's':
		r = take_number(unpack, 4, &word);
		return r < 0 ? r : take_text(unpack, word, into);
	default:
		return -EBADMSG;
	}
}

int unpack_enter(struct unpack *unpack, char type, const char *contents)
{
	size_t end = unpack->end, alignment = type == 'a' ? pack_alignment(*contents) : 8;
	uint32_t size = 0;
	const char *text;

	if (unpack->depth == PACK_DEPTH || !alignment)
		return -EBADMSG;
	if (type != 'a' && type != 'v' && unpack->at == end)
		return 0;
	if (type == 'a' && take_number(unpack, sizeof(size), &size) < 0)
		return -EBADMSG;
	if (type == 'v' ? take_signature(unpack, &text) < 0 || strcmp(text, contents) != 0
			: !take(unpack, 0, alignment))
		return -EBADMSG;
	if (type == 'a' && size > end - unpack->at)
		return -EBADMSG;
	if (type == 'a')
		unpack->end = unpack->at + size;
	unpack->open[unpack->depth].end = end;
	unpack->open[unpack->depth++].is_array = type == 'a';
	return 1;
}

int unpack_exit(struct unpack *unpack)
{
	if (unpack->depth == 0)
		return -EBADMSG;
	unpack->depth--;
	if (unpack->open[unpack->depth].is_array && unpack->at != unpack->end)
		return -EBADMSG;
	unpack->end = unpack->open[unpack->depth].end;
	return 0;
}

int unpack_entry(struct unpack *unpack, const char **ret_key, const char **ret_type)
{
	if (unpack->at == unpack->end)
		return 0;
	if (!take(unpack, 0, 8) || unpack_basic(unpack, 's', ret_key) < 0 ||
	    take_signature(unpack, ret_type) < 0)
		return -EBADMSG;
	return 1;
}

/* ---- what is not known here ---- */

static int skip(struct unpack *unpack, const char **types, size_t depth);

static int skip_array(struct unpack *unpack, const char **types)
{
	size_t alignment = pack_alignment(**types);
	uint32_t size;

	*types = pack_end_of_type(*types);
	if (!alignment || take_number(unpack, sizeof(size), &size) < 0 ||
	    !take(unpack, 0, alignment) || !take(unpack, size, 1))
		return -EBADMSG;
	return 0;
}

static int skip_structure(struct unpack *unpack, const char **types, size_t depth)
{
	if (!take(unpack, 0, 8))
		return -EBADMSG;
	while (**types && **types != ')')
		if (skip(unpack, types, depth + 1) < 0)
			return -EBADMSG;
	return *(*types)++ ? 0 : -EBADMSG;
}

static int skip_variant(struct unpack *unpack, size_t depth)
{
	const char *type;

	return take_signature(unpack, &type) < 0 ? -EBADMSG : skip(unpack, &type, depth + 1);
}

/* One value of the first of these types, which is then left behind. */
static int skip(struct unpack *unpack, const char **types, size_t depth)
{
	char type = *(*types)++;
	size_t size = pack_alignment(type);
	const char *text;

	if (depth == SKIP_DEPTH)
		return -EBADMSG;
	switch (type) {
	case 's':
	case 'o':
		return unpack_basic(unpack, 's', &text);
	case 'g':
		return take_signature(unpack, &text);
	case 'v':
		return skip_variant(unpack, depth);
	case 'a':
		return skip_array(unpack, types);
	case '(':
		return skip_structure(unpack, types, depth);
	default:
		return size && take(unpack, size, size) ? 0 : -EBADMSG;
	}
}

int unpack_skip(struct unpack *unpack, const char *types)
{
	return skip(unpack, &types, 0);
}
