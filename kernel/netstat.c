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

/* Hand out each counter of the two lines that begin so. */
static int parse_all(char *text, const char *prefix, netstat_func *each, void *each_data)
{
	char *words = find_line(&text, prefix), *values = find_line(&text, prefix);
	char *word, *value, *end;

	if (!words || !values)
		return -EBADMSG;
	while ((word = strsep(&words, " "))) {
		uint64_t number;

		value = strsep(&values, " ");
		if (!value)
			return -EBADMSG;
		number = strtoull(value, &end, 10);
		if (end == value || *end)
			return -EBADMSG;
		each(each_data, word, number);
	}
	return 0;
}

/* What is wanted of them. */
struct wanted {
	const char *const *names;
	uint64_t *values;
	size_t n;
};

static void take_wanted(void *data, const char *name, uint64_t value)
{
	const struct wanted *wanted = data;

	for (size_t i = 0; i < wanted->n; i++)
		if (strcmp(wanted->names[i], name) == 0)
			wanted->values[i] = value;
}

static int parse(char *text, const char *prefix, const char *const *names, uint64_t *ret_values,
		 size_t n)
{
	struct wanted wanted = {.names = names, .values = ret_values, .n = n};

	memset(ret_values, 0, n * sizeof(*ret_values));
	return parse_all(text, prefix, take_wanted, &wanted);
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

void netstat_answers_open(struct netstat_answers *answers)
{
	*answers =
		(struct netstat_answers){.segments_fd = open_file(SNMP), .fd = open_file(NETSTAT)};
}

void netstat_answers_close(struct netstat_answers *answers)
{
	if (answers->segments_fd >= 0)
		close(answers->segments_fd);
	if (answers->fd >= 0)
		close(answers->fd);
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

int netstat_answers(const struct netstat_answers *answers, uint64_t *ret_missed,
		    uint64_t *ret_heard)
{
	static const char *const of_segments[] = {"InSegs"};
	static const char *const names[] = {"TCPTimeouts", "TCPSynRetrans"};
	uint64_t values[2] = {0};
	int r = read_again(answers->segments_fd, "Tcp: ", of_segments, ret_heard, 1);

	if (r == 0)
		r = read_again(answers->fd, TCP, names, values, 2);
	*ret_missed = values[0] + values[1];
	return r;
}

/* The whole file. */
static int read_text(char text[static TEXT_SIZE])
{
	int fd = open(NETSTAT, O_RDONLY | O_CLOEXEC), r = 0;
	size_t size = 0;

	if (fd < 0)
		return -errno;
	while (r == 0 && size < TEXT_SIZE - 1) {
		ssize_t got = read(fd, text + size, TEXT_SIZE - 1 - size);

		if (got < 0 && errno != EINTR)
			r = -errno;
		if (got == 0)
			break;
		if (got > 0)
			size += (size_t)got;
	}
	close(fd);
	text[size] = '\0';
	return r;
}

int netstat_read(const char *const *names, uint64_t *ret_values, size_t n)
{
	char text[TEXT_SIZE];
	int r = read_text(text);

	return r < 0 ? r : netstat_parse(text, names, ret_values, n);
}

int netstat_each(netstat_func *each, void *each_data)
{
	char text[TEXT_SIZE];
	int r = read_text(text);

	return r < 0 ? r : parse_all(text, MPTCP, each, each_data);
}
