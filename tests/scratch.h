/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of a test's own, for files it makes. Modes are as given, whatever the umask is.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <glib.h>
#include <sys/stat.h>

/* An empty directory that nobody else may write to; to be removed by scratch_free(). */
char *scratch_new(void);
void scratch_free(char *scratch);

/* The path of `name` in it; valid until scratch_free() is called. */
const char *scratch_path(const char *scratch, const char *name);
/* Make a file, and the directories it is in. Returns its path as above. */
const char *scratch_write(const char *scratch, const char *name, const char *text);
/* The same with bytes from another file. */
const char *scratch_copy(const char *scratch, const char *name, const char *from, mode_t mode);

#endif
