/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor-proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MPTCP "MPTcpExt: "

size_t doctor_slurp(const char *path, char *ret_bytes, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t n = 0;
	ssize_t got = 1;

	while (fd >= 0 && got > 0 && n < size - 1) {
		got = read(fd, ret_bytes + n, size - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	ret_bytes[n] = '\0';
	return n;
}

bool doctor_read_file(const char *path, char *ret_line, size_t size)
{
	if (doctor_slurp(path, ret_line, size) == 0)
		return false;
	ret_line[strcspn(ret_line, "\n")] = '\0';
	return true;
}

/* The line of names and the one of values begin alike. */
static char *find_line(char **rest)
{
	char *line;

	while ((line = strsep(rest, "\n")))
		if (strncmp(line, MPTCP, strlen(MPTCP)) == 0)
			return line + strlen(MPTCP);
	return NULL;
}

uint64_t doctor_counter(const char *name)
{
	char text[32768], *rest = text, *names, *values, *word, *value;

	doctor_slurp("/proc/self/net/netstat", text, sizeof(text));
	names = find_line(&rest);
	values = find_line(&rest);
	while (names && values && (word = strsep(&names, " ")) && (value = strsep(&values, " ")))
		if (strcmp(word, name) == 0)
			return strtoull(value, NULL, 10);
	return 0;
}
