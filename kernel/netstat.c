/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netstat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two lines of 76 names and values, after those of TCP and IP: 6 KiB with Linux 6.18. */
#define TEXT_SIZE 32768
#define NETSTAT "/proc/thread-self/net/netstat"
#define SNMP "/proc/thread-self/net/snmp"
#define MPTCP "MPTcpExt: "
#define TCP "TcpExt: "

/* The line of names and the one of values begin alike. */
static char *find_line(char **rest, const char *prefix)
{
	char *line;

	while ((line = strsep(rest, "\n")))
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			return line + strlen(prefix);
	return NULL;
}

static int parse(char *text, const char *prefix, const char *const *names, uint64_t *ret_values,
		 size_t n)
{
	char *words = find_line(&text, prefix), *values = find_line(&text, prefix);
	char *word, *value, *end;

	if (!words || !values)
		return -EBADMSG;
	memset(ret_values, 0, n * sizeof(*ret_values));
	while ((word = strsep(&words, " "))) {
		value = strsep(&values, " ");
		if (!value)
			return -EBADMSG;
		for (size_t i = 0; i < n; i++) {
			if (strcmp(names[i], word) != 0)
				continue;
			ret_values[i] = strtoull(value, &end, 10);
			if (end == value || *end)
				return -EBADMSG;
		}
	}
	return 0;
}

int netstat_parse(char *text, const char *const *names, uint64_t *ret_values, size_t n)
{
	return parse(text, MPTCP, names, ret_values, n);
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void netstat_unanswered_open(struct netstat_unanswered *unanswered)
{
	*unanswered = (struct netstat_unanswered){.segments_fd = open_file(SNMP),
						  .fd = open_file(NETSTAT)};
}

void netstat_unanswered_close(struct netstat_unanswered *unanswered)
{
	if (unanswered->segments_fd >= 0)
		close(unanswered->segments_fd);
	if (unanswered->fd >= 0)
		close(unanswered->fd);
}

/* From the begin of a file that is open; it fits. */
static int read_again(int fd, const char *prefix, const char *const *names, uint64_t *ret_values,
		      size_t n)
{
	char text[TEXT_SIZE];
	ssize_t size;

	if (fd < 0)
		return fd;
	size = pread(fd, text, sizeof(text) - 1, 0);
	if (size < 0)
		return -errno;
	text[size] = '\0';
	return parse(text, prefix, names, ret_values, n);
}

int netstat_unanswered(struct netstat_unanswered *unanswered, uint64_t *ret_count)
{
	static const char *const of_segments[] = {"RetransSegs"};
	static const char *const names[] = {"TCPTimeouts", "TCPSynRetrans"};
	uint64_t segments, values[2];
	int r = read_again(unanswered->segments_fd, "Tcp: ", of_segments, &segments, 1);

	if (r == 0 && !(unanswered->known && segments == unanswered->segments)) {
		r = read_again(unanswered->fd, TCP, names, values, 2);
		unanswered->known = r == 0;
		unanswered->segments = segments;
		unanswered->count = values[0] + values[1];
	}
	*ret_count = unanswered->count;
	return r;
}

int netstat_read(const char *const *names, uint64_t *ret_values, size_t n)
{
	int fd = open(NETSTAT, O_RDONLY | O_CLOEXEC), r = 0;
	char text[TEXT_SIZE];
	size_t size = 0;

	if (fd < 0)
		return -errno;
	while (r == 0 && size < sizeof(text) - 1) {
		ssize_t got = read(fd, text + size, sizeof(text) - 1 - size);

		if (got < 0 && errno != EINTR)
			r = -errno;
		if (got == 0)
			break;
		if (got > 0)
			size += (size_t)got;
	}
	close(fd);
	text[size] = '\0';
	return r < 0 ? r : netstat_parse(text, names, ret_values, n);
}
