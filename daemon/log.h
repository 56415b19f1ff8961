/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the log goes, for l_log_set_handler(): nothing in it can steer a terminal. */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stdbool.h>

/* A line of text on stderr. */
__attribute__((format(printf, 5, 0))) void log_to_stderr(int priority, const char *file,
							 const char *line, const char *function,
							 const char *format, va_list arguments);
/*
 * The same with the priority in front, while starting. Of a process that has ended meanwhile the
 * journal's native protocol, which is used from then on, could not tell which service it was, and
 * the reason why a start failed would be missing there.
 */
__attribute__((format(printf, 5, 0))) void log_to_stream(int priority, const char *file,
							 const char *line, const char *function,
							 const char *format, va_list arguments);
/* The journal's native protocol; ell's own writer leaves out who speaks. */
__attribute__((format(printf, 5, 0))) void log_to_journal(int priority, const char *file,
							  const char *line, const char *function,
							  const char *format, va_list arguments);

/* Log a text of several lines. */
void log_lines(const char *text, bool is_error);

#endif
