/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place that prints. Names, errors and settings come from outside and may hold anything;
 * what is no printable UTF-8 is shown as \xNN, so that no terminal obeys it.
 */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Text as the format makes it, clean: newlines of the format, too. The caller frees it. */
char *print_format(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* To standard output: a part of a line; the rest of one, with its end; the end alone. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_text(const char *text); /* a part of a line as it is */
void print_end(void);
/* A part of a line, between `colour` and back to none; NULL is no colour. */
void print_coloured(const char *colour, const char *text);
/* Text of several lines, each ended. */
void print_lines(FILE *stream, const char *text);
/* A part of JSON, which is ASCII without control characters. */
void print_json(const char *part, size_t size);

/* A line on standard error: "mptcpctl: …". */
void print_error(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
