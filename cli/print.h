/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place that prints. Names, errors and settings come from outside and may hold anything;
 * what is no printable UTF-8 is shown as \xNN, so that no terminal obeys it.
 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

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
/* Begin a terminal's screen anew. */
void print_clear(void);
/* Ends what a colour began. */
#define PRINT_PLAIN "\033[0m"
/* A part of a line, between `colour` and back to none; NULL is no colour. */
void print_coloured(const char *colour, const char *text);
/* Text of several lines, each ended. */
void print_lines(FILE *stream, const char *text);
/* Below the usage of a command: its line of help, as a sentence, and what more there is, or NULL. */
void print_about(const char *help, const char *more);
/* A part that is clean: JSON, which is ASCII without control characters, or what was made so. */
void print_clean(const char *part, size_t size);

/*
 * Keep what is printed from now on, errors too if it is said; and take it, to be freed. print_lines()
 * goes where it is told to.
 */
void print_keep(bool errors);
char *print_kept(void);

/* The program's own name, which errors begin with. Said first of all, and never copied. */
void print_name(const char *name);
/* A line on standard error: "NAME: …". */
void print_error(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
/* Another one: Try "NAME --help". */
void print_hint(void);

#endif
