/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors 0 to 2 of a program that was started without some of them. */
#ifndef BASE_STANDARD_H
#define BASE_STANDARD_H

#include <fcntl.h>
#include <unistd.h>

/*
 * Take those that are closed, so that no file or socket opened later gets their number and what is
 * meant for a person. Reading or writing them fails with EBADF, as before. No device file is needed.
 */
static inline void standard_fill(void)
{
	int fd;

	do
		fd = open("/", O_PATH);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

#endif
