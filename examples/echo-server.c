/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that sends back what it gets: over MPTCP to clients that speak it, over TCP to others.
 *
 *	cc -o echo-server echo-server.c show.c $(pkg-config --cflags --libs libmptcp)
 *	./echo-server 4711
 */
#include <errno.h>
#include <mptcp/socket.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "show.h"

/* One connection, to its end. */
static void serve(int fd)
{
	char bytes[65536];
	ssize_t n;

	show("connected", fd);
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		for (ssize_t done = 0, sent; done < n; done += sent) {
			sent = send(fd, bytes + done, (size_t)(n - done), MSG_NOSIGNAL);
			if (sent < 0)
				return;
		}
	show("finished", fd);
}

int main(int argc, char *argv[])
{
	int listener;

	if (argc != 2) {
		fprintf(stderr, "Usage: echo-server PORT\n");
		return 2;
	}
	if (mptcp_supported() == 0)
		fprintf(stderr, "echo-server: TCP only: %s\n", mptcp_unsupported_reason());
	listener = mptcp_listen(NULL, argv[1], NULL);
	if (listener < 0) {
		fprintf(stderr, "echo-server: port %s: %s\n", argv[1], mptcp_error_text(listener));
		return 1;
	}
	printf("listening on port %s\n", argv[1]);
	fflush(stdout);
	signal(SIGCHLD, SIG_IGN); /* nobody asks how a child ended */
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			fprintf(stderr, "echo-server: accept: %s\n", strerror(errno));
			return 1;
		}
		if (fork() == 0) {
			close(listener);
			serve(fd);
			exit(0);
		}
		close(fd);
	}
}
