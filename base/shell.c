/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shell.h"

#include <stdio.h>
#include <string.h>

#define PLAIN                                                                                      \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                                     \
	"0123456789-_.,:@%+/"

const char *shell_quote(const char *word, char text[static SHELL_WORD_SIZE])
{
	size_t n = 0;

	if (*word && !word[strspn(word, PLAIN)]) {
		snprintf(text, SHELL_WORD_SIZE, "%s", word);
		return text;
	}
	text[n++] = '\'';
	/* A quote becomes four bytes, and two more end it all. */
	for (; *word && n + 4 + 2 <= SHELL_WORD_SIZE; word++) {
		if (*word == '\'')
			n += (size_t)snprintf(text + n, SHELL_WORD_SIZE - n, "'\\'");
		text[n++] = *word;
	}
	text[n++] = '\'';
	text[n] = '\0';
	return text;
}
