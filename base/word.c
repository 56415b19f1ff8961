/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "word.h"

#include <stdint.h>
#include <string.h>

/* Names longer than this are not compared: no name of ours is. */
#define WORD_MAX 48

size_t word_distance(const char *a, const char *b)
{
	uint8_t rows[3][WORD_MAX + 1];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > WORD_MAX || n_b > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= n_a; i++) {
		uint8_t *row = rows[i % 3];
		const uint8_t *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= n_b; j++) {
			uint8_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above2[j - 2] + 1 < best)
				best = above2[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[n_a % 3][n_b];
}

const char *word_nearest(const char *word, const char *const *names)
{
	const char *nearest = NULL;
	size_t least = 3;

	for (; *names; names++) {
		size_t d = word_distance(word, *names);

		/* a name of which hardly a letter is left was not meant */
		if (d < least && d * 2 < strlen(*names)) {
			least = d;
			nearest = *names;
		}
	}
	return nearest;
}
