/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, made fit to be shown. */
#ifndef BASE_CLEAN_H
#define BASE_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `text` in which all that is no printable UTF-8 (control characters, what turns the direction of
 * writing, stray bytes) is written as \xNN, so that no terminal obeys it. The caller frees it.
 */
char *clean_text(const char *text);
/* Is there nothing in it but printable ASCII? */
bool is_clean(const char *text);
/* How many bytes the character at `text` takes, and which one it is; 0: it is no UTF-8. */
size_t clean_decode(const char *text, unsigned int *ret_code);

#endif
