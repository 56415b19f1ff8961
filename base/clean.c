/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clean.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_printable(unsigned int code)
{
	/* C0, DEL and C1; separators of lines and paragraphs; directions of writing. */
	return code >= 0x20 && (code < 0x7f || code >= 0xa0) && (code < 0x2028 || code > 0x202e) &&
	       (code < 0x2066 || code > 0x2069);
}

size_t clean_decode(const char *bytes, unsigned int *ret_code)
{
	const unsigned char *text = (const unsigned char *)bytes;
	static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	unsigned int code = size == 1 ? text[0] : text[0] & (0x7fu >> size);

	if ((text[0] >= 0x80 && text[0] < 0xc0) || text[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3fu);
	}
	if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return size;
}

bool is_clean(const char *text)
{
	while (*text >= ' ' && *text < '\177')
		text++;
	return !*text;
}

char *clean_text(const char *text)
{
	char *clean = malloc(4 * strlen(text) + 1), *end = clean;

	if (!clean)
		abort();
	while (*text) {
		unsigned int code;
		size_t size = clean_decode(text, &code);

		if (size && is_printable(code)) {
			memcpy(end, text, size);
			end += size;
			text += size;
		} else {
			end += snprintf(end, 5, "\\x%02x", (unsigned char)*text++);
		}
	}
	*end = '\0';
	return clean;
}
