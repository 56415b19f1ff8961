/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "faults.h"

#include <ell/ell.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "clean.h"

/* Names longer than this are not compared: no name of ours is. */
#define WORD_MAX 48

void faults_init(struct faults *report)
{
	report->text = l_string_new(256);
	report->n_faults = 0;
}

void faults_done(struct faults *report)
{
	l_string_free(report->text);
	report->text = NULL;
}

char *faults_take(struct faults *report)
{
	char *text;

	if (report->n_faults > FAULTS_MAX)
		l_string_append_printf(report->text, "… and %u more\n",
				       report->n_faults - FAULTS_MAX);
	text = l_string_unwrap(report->text);
	faults_init(report);
	return text;
}

void faults_add(struct faults *report, struct where where, const char *format, ...)
{
	struct l_string *line;
	char *text, *clean;
	va_list args;

	if (++report->n_faults > FAULTS_MAX)
		return;
	line = l_string_new(128);
	if (where.file && where.line)
		l_string_append_printf(line, "%s:%u: ", where.file, where.line);
	else if (where.file)
		l_string_append_printf(line, "%s: ", where.file);
	va_start(args, format);
	l_string_append_vprintf(line, format, args);
	va_end(args);
	text = l_string_unwrap(line);
	clean = clean_text(text); /* it quotes what stands in files */
	l_string_append(report->text, clean);
	l_string_append_c(report->text, '\n');
	free(clean);
	l_free(text);
}

/* How many letters must be put in, left out, changed, or swapped with their neighbour. */
static size_t distance(const char *a, const char *b)
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

const char *faults_nearest(const char *word, const char *const *names)
{
	const char *nearest = NULL;
	size_t least = 3;

	for (; *names; names++) {
		size_t d = distance(word, *names);

		/* a name of which hardly a letter is left was not meant */
		if (d < least && d * 2 < strlen(*names)) {
			least = d;
			nearest = *names;
		}
	}
	return nearest;
}

void faults_add_unknown(struct faults *report, struct where where, const char *what,
			const char *word, const char *const *names)
{
	AUTO(l_string_free) struct l_string *expected = l_string_new(128);
	AUTO(l_free) char *text = NULL;
	const char *nearest = faults_nearest(word, names);

	for (size_t i = 0; names[i]; i++)
		l_string_append_printf(expected, "%s%s",
				       i == 0	      ? ", expected "
				       : names[i + 1] ? ", "
						      : " or ",
				       names[i]);
	text = l_string_unwrap(expected);
	expected = NULL;
	faults_add(report, where, "unknown %s '%s'%s%s%s%s", what, word, text,
		   nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}
