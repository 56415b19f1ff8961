/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How wide and high standard output is, and text that fits there. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Columns of the terminal, or what $COLUMNS says where there is none; 0: lines may be as long as they
 * are.
 */
size_t screen_width(void);
/* Lines of the terminal; 0: nobody knows, or there is none. */
size_t screen_lines(void);
/* Take the locale of the environment for what screen_is_utf8() says. Once, at the beginning. */
void screen_begin(void);
/* May more than ASCII be drawn? */
bool screen_is_utf8(void);
/* How many columns clean text takes. */
size_t screen_span(const char *text);
/* How many bytes of it fit into so many columns. */
size_t screen_fit(const char *text, size_t columns);
/*
 * The same, up to a blank; up to the first one, where none is early enough. The blanks after it are to
 * be left out.
 */
size_t screen_fit_words(const char *text, size_t columns);
/* A paragraph: its first line begins with `head`, the others are moved in by `indent`. */
void screen_wrap(size_t indent, const char *head, const char *text);
/* The same, where a beginning of so many columns was printed. */
void screen_wrap_from(size_t used, size_t indent, const char *text);

#endif
