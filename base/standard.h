/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors 0 to 2 of a program, some of which may be closed or lead elsewhere than to a person; and those
 * above.
 */
#ifndef BASE_STANDARD_H
#define BASE_STANDARD_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Take those that are closed, so that no file or socket opened later gets their number and what is
 * meant for a person. Reading or writing them fails with EBADF, as before, and who is executed finds
 * them closed. No device file is needed.
 */
static inline void standard_fill(void)
{
	int fd;

	do
		fd = open("/", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Is stderr the journal? systemd says by device and inode what that is. */
static inline bool standard_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* Close all descriptors from this one on. 0, or -1 and errno. Not every C library has a function for it. */
static inline int standard_close_from(int first)
{
	return (int)syscall(SYS_close_range, first, ~0U, 0);
}

#endif
