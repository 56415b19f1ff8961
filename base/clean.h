/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, made fit to be shown. */
#ifndef BASE_CLEAN_H
#define BASE_CLEAN_H

/*
 * `text` in which all that is no printable UTF-8 (control characters, what turns the direction of
 * writing, stray bytes) is written as \xNN, so that no terminal obeys it. The caller frees it.
 */
char *clean_text(const char *text);

#endif
