/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What unit files say of how a program is started, before systemd puts in what its specifiers (%i)
 * stand for: what is written into a drop-in goes through that again. Pure.
 */
#ifndef MPTCPIZE_UNIT_FILE_H
#define MPTCPIZE_UNIT_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* All zero at first; what it holds is owned. */
struct unit_file {
	char **commands; /* of ExecStart=, one each, as written: prefixes, program, arguments */
	size_t n_commands;
	char *preload, *godebug; /* what Environment= says of LD_PRELOAD and GODEBUG, or NULL */
	bool unsets; /* UnsetEnvironment= names one of the two */
	bool has_bad_quotes; /* a line that systemd will not take either */
	bool is_late; /* the caller's: what is added now comes after our drop-in */
	bool is_late_only; /* an empty ExecStart= came late, and took back ours */
	bool has_late_commands; /* beside those of our drop-in */
};

/* Add what one more file says, in the order in which systemd reads them. 0 or -ENOMEM. */
int unit_file_add(struct unit_file *unit, const char *text);
void unit_file_done(struct unit_file *unit);

/* The characters that may stand before the program: "-/bin/true" may fail. */
#define UNIT_FILE_PREFIXES "-@:+!|"

/*
 * Take a word off the front of `text`, without its quotes. 1, or 0 and no word: there is none left;
 * -EINVAL: a quote is not closed, or -ENOMEM. The caller frees it.
 */
int unit_file_word(const char **text, char **ret_word);

/*
 * The program of a command. 0 and a string to free; -ENOENT: it is known only when it starts,
 * because it has specifiers or variables in it; -ENOMEM.
 */
int unit_file_program(const char *command, char **ret_program);

#endif
