/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "faults.h"

#include <ell/ell.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "clean.h"
#include "word.h"

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

char *faults_line(struct where where, struct where from)
{
	return strcmp(where.file, from.file) == 0
		       ? l_strdup_printf("line %u", where.line)
		       : l_strdup_printf("%s:%u", where.file, where.line);
}

char *faults_expected(const char *word, const char *const *names)
{
	struct l_string *expected = l_string_new(128);
	const char *nearest = word_nearest(word, names);

	for (size_t i = 0; names[i]; i++)
		l_string_append_printf(expected, "%s%s",
				       i == 0	      ? ", expected "
				       : names[i + 1] ? ", "
						      : " or ",
				       names[i]);
	if (nearest)
		l_string_append_printf(expected, "; did you mean '%s'?", nearest);
	return l_string_unwrap(expected);
}

void faults_add_unknown(struct faults *report, struct where where, const char *what,
			const char *word, const char *const *names)
{
	AUTO(l_free) char *expected = faults_expected(word, names);

	faults_add(report, where, "unknown %s '%s'%s", what, word, expected);
}
