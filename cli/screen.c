/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "clean.h"
#include "print.h"

static bool is_utf8;

size_t screen_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (isatty(STDOUT_FILENO)) {
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
			return size.ws_col;
		if (!columns)
			return 80; /* a serial line does not know */
	}
	return columns ? strtoul(columns, NULL, 10) : 0;
}

size_t screen_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

void screen_begin(void)
{
	setlocale(LC_CTYPE, "");
	is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool screen_is_utf8(void)
{
	return is_utf8;
}

/* The character at `text`: how many bytes it takes, and how many columns. */
static size_t step(const char *text, size_t *ret_columns)
{
	unsigned int code;
	size_t size = clean_decode(text, &code);
	int columns = size > 1 ? wcwidth((wchar_t)code) : 1;

	*ret_columns = columns < 0 ? 1 : (size_t)columns;
	return size ? size : 1;
}

size_t screen_span(const char *text)
{
	size_t span = 0, columns;

	while (*text) {
		if (!(*text & 0x80)) {
			text++;
			span++;
			continue;
		}
		text += step(text, &columns);
		span += columns;
	}
	return span;
}

size_t screen_fit(const char *text, size_t columns)
{
	const char *at = text;
	size_t one, size;

	while (*at) {
		size = step(at, &one);
		if (one > columns)
			break;
		columns -= one;
		at += size;
	}
	return (size_t)(at - text);
}

size_t screen_fit_words(const char *text, size_t columns)
{
	size_t end = screen_fit(text, columns);

	if (!text[end])
		return end;
	while (end > 0 && text[end] != ' ')
		end--;
	return end ? end : strcspn(text, " ");
}

void screen_wrap_from(size_t used, size_t indent, const char *text)
{
	size_t width = screen_width();

	for (;;) {
		size_t n = width > used ? screen_fit_words(text, width - used) : strlen(text);

		print_line("%.*s", (int)n, text);
		text += n;
		text += strspn(text, " ");
		if (!*text)
			return;
		print("%*s", (int)indent, "");
		used = indent;
	}
}

void screen_wrap(size_t indent, const char *head, const char *text)
{
	print("%s", head);
	screen_wrap_from(screen_span(head), indent, text);
}
