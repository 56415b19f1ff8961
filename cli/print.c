/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "print.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"

/* Of what needs no memory. */
#define LINE_SIZE 512

static const char *own_name = "";
static struct {
	FILE *page; /* NULL: nothing is kept */
	bool errors;
	char *text;
	size_t size;
} kept;

static FILE *out(void)
{
	return kept.page ? kept.page : stdout;
}

static FILE *err(void)
{
	return kept.page && kept.errors ? kept.page : stderr;
}

char *print_format(const char *format, va_list args)
{
	char *text, *clean;

	if (vasprintf(&text, format, args) < 0)
		abort();
	if (is_clean(text))
		return text;
	clean = clean_text(text);
	free(text);
	return clean;
}

__attribute__((format(printf, 2, 0))) static void put(FILE *stream, const char *format,
						      va_list args)
{
	char line[LINE_SIZE], *text;
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(line, sizeof(line), format, again);
	va_end(again);
	if (n >= 0 && n < LINE_SIZE && is_clean(line)) {
		fwrite_unlocked(line, 1, (size_t)n, stream); /* main() looks at stdout's errors */
		return;
	}
	text = print_format(format, args);
	fputs(text, stream);
	free(text);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(out(), format, args);
	va_end(args);
}

void print_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(out(), format, args);
	va_end(args);
	print_end();
}

void print_text(const char *text)
{
	if (is_clean(text))
		fputs_unlocked(text, out());
	else
		print("%s", text);
}

void print_end(void)
{
	putc_unlocked('\n', out());
}

void print_clear(void)
{
	fputs("\033[H\033[2J", out());
}

void print_coloured(const char *colour, const char *text)
{
	if (colour)
		fputs(colour, out());
	print_text(text);
	if (colour)
		fputs(PRINT_PLAIN, out());
}

void print_lines(FILE *stream, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		char *line = strndup(text, length), *clean;

		if (!line)
			abort();
		clean = clean_text(line);
		fprintf(stream, "%s\n", clean);
		free(clean);
		free(line);
		text += length + (text[length] != '\0');
	}
}

void print_about(const char *help, const char *more)
{
	print_end();
	print_line("%c%s.", toupper(*help), help + 1);
	if (!more)
		return;
	print_end();
	print_lines(stdout, more);
}

void print_clean(const char *part, size_t size)
{
	fwrite_unlocked(part, 1, size, out());
}

void print_name(const char *name)
{
	own_name = name;
}

void print_error(const char *format, va_list args)
{
	fprintf(err(), "%s: ", own_name);
	put(err(), format, args);
	fputc('\n', err());
}

void print_hint(void)
{
	fprintf(err(), "Try \"%s --help\".\n", own_name);
}

/* ---- keeping ---- */

void print_keep(bool errors)
{
	kept.errors = errors;
	kept.page = open_memstream(&kept.text, &kept.size);
	if (!kept.page)
		abort();
}

char *print_kept(void)
{
	if (fclose(kept.page) != 0)
		abort();
	kept.page = NULL;
	return kept.text;
}
