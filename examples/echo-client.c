/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Send the lines of the standard input to an echo server, print what comes back, and say at the end
 * over which subflows.
 *
 *	cc -o echo-client echo-client.c show.c $(pkg-config --cflags --libs libmptcp)
 *	./echo-client example.org 4711
 */
#include <mptcp/socket.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "show.h"

/* Send a line, and print what comes back of it. */
static int echo(int fd, const char *line)
{
	size_t length = strlen(line);
	char bytes[4096];
	ssize_t n;

	for (size_t done = 0; done < length; done += (size_t)n) {
		n = send(fd, line + done, length - done, MSG_NOSIGNAL);
		if (n < 0)
			return -1;
	}
	for (size_t done = 0; done < length; done += (size_t)n) {
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n <= 0)
			return -1;
		fwrite(bytes, 1, (size_t)n, stdout);
	}
	fflush(stdout);
	return 0;
}

int main(int argc, char *argv[])
{
	struct mptcp_dial_options options = {
		.size = sizeof(options),
		.timeout_ms = 10000,
		.keepalive_s = 60,
	};
	char line[4096];
	int fd;

	if (argc != 3) {
		fprintf(stderr, "Usage: echo-client HOST PORT\n");
		return 2;
	}
	fd = mptcp_dial(argv[1], argv[2], &options);
	if (fd < 0) {
		fprintf(stderr, "echo-client: %s port %s: %s\n", argv[1], argv[2],
			mptcp_error_text(fd));
		return 1;
	}
	show("connected", fd);
	while (fgets(line, sizeof(line), stdin)) {
		if (echo(fd, line) < 0) {
			perror("echo-client");
			return 1;
		}
	}
	show("finished", fd);
	close(fd);
	return 0;
}
