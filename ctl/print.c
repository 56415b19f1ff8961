/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "print.h"

#include <stdlib.h>
#include <string.h>

#include "clean.h"

#define PLAIN "\033[0m"

char *print_format(const char *format, va_list args)
{
	char *text, *clean;

	if (vasprintf(&text, format, args) < 0)
		abort();
	clean = clean_text(text);
	free(text);
	return clean;
}

__attribute__((format(printf, 2, 0))) static void put(FILE *stream, const char *format,
						      va_list args)
{
	char *text = print_format(format, args);

	fputs(text, stream); /* main() looks at stdout's errors */
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

void print_end(void)
{
	putchar('\n');
}

void print_coloured(const char *colour, const char *text)
{
	if (colour)
		fputs(colour, stdout);
	print("%s", text);
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

int print_json(const char *part, size_t size, void *unused)
{
	/* JSON escapes every other control character. */
	for (size_t i = 0; i < size; i++)
		if (part[i] == '\177')
			fputs("\\u007f", stdout);
		else
			putchar(part[i]);
	return 0;
}

void print_error(const char *format, va_list args)
{
	fputs("mptcpctl: ", stderr);
	put(stderr, format, args);
	fputc('\n', stderr);
}
