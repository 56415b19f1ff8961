/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program for people says when it ends: words on stderr, with the exit codes of all of them. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* Say something that is no fault, where errors go. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Say what is wrong with the arguments. Returns EXIT_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Say why it did not work. Returns EXIT_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Say why stdout could not be written, unless its reader has gone (EPIPE). Returns EXIT_FAILED. */
int cli_unwritten(int error);
/*
 * Close stdout, and say so if something was lost. Nothing written is no failure, nor is stdout that
 * was closed then. Returns `code`, or why it is none.
 */
int cli_close_stdout(int code);

#endif
