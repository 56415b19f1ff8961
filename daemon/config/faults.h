/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The faults of a configuration, collected so that a person can mend all of it at once: one
 * line a fault, "FILE:LINE: what is wrong, what was expected". Writes into memory only.
 */
#ifndef DAEMON_FAULTS_H
#define DAEMON_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* More faults than this are counted but not told. */
#define FAULTS_MAX 100

/* A place in a file; line 0: the file as a whole, file NULL: no place at all. */
struct where {
	const char *file; /* not owned */
	unsigned int line;
};

struct faults {
	struct l_string *text;
	unsigned int n_faults;
};

void faults_init(struct faults *report);
void faults_done(struct faults *report);
/* The text, each line with its newline, to be freed with l_free(); the report is empty again. */
char *faults_take(struct faults *report);

void faults_add(struct faults *report, struct where where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "line 5", or "FILE:5" where that is not the file of `from`; for l_free(). */
char *faults_line(struct where where, struct where from);
/* ", expected a, b or c; did you mean 'b'?", as below; "" where there are no names; for l_free(). */
char *faults_expected(const char *word, const char *const *names);
/*
 * "unknown WHAT 'word', expected a, b or c; did you mean 'b'?", the question only where a name is
 * near. `names` ends with NULL.
 */
void faults_add_unknown(struct faults *report, struct where where, const char *what,
			const char *word, const char *const *names);

#endif
