/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "print.h"

#include <stdlib.h>
#include <string.h>

#include "clean.h"

#define PLAIN "\033[0m"
/* Of what needs no memory. */
#define LINE_SIZE 512

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
	put(stdout, format, args);
	va_end(args);
}

void print_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(stdout, format, args);
	va_end(args);
	print_end();
}

void print_text(const char *text)
{
	if (is_clean(text))
		fputs_unlocked(text, stdout);
	else
		print("%s", text);
}

void print_end(void)
{
	putchar_unlocked('\n');
}

void print_coloured(const char *colour, const char *text)
{
	if (colour)
		fputs(colour, stdout);
	print_text(text);
	if (colour)
		fputs(PLAIN, stdout);
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

void print_json(const char *part, size_t size)
{
	fwrite_unlocked(part, 1, size, stdout);
}

void print_error(const char *format, va_list args)
{
	fputs("mptcpctl: ", stderr);
	put(stderr, format, args);
	fputc('\n', stderr);
}
