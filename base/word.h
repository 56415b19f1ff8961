/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The word that was meant. */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <stddef.h>

/*
 * How many letters must be put in, left out, changed, or swapped with their neighbour, to make one
 * of the other. SIZE_MAX: one is longer than any name of ours.
 */
size_t word_distance(const char *a, const char *b);
/* The name that was most likely meant, or NULL. `names` ends with NULL. */
const char *word_nearest(const char *word, const char *const *names);

#endif
