/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words of commands that a person is to copy. */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

/* Holds every word of 300 bytes. */
#define SHELL_WORD_SIZE 1280

/* `word` so that a shell takes it as it is; a longer one is cut if it must be. Returns `text`. */
const char *shell_quote(const char *word, char text[static SHELL_WORD_SIZE]);

#endif
