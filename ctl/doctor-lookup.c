/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * getaddrinfo() has no deadline, so a child asks and writes down what it gets. It is ended when the
 * time is over.
 */
#include "doctor-lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOKUP_MS 5000

/* The first of each family. Returns how many. */
static size_t choose(const struct addrinfo *list, struct sockaddr_storage ret_addresses[static 2])
{
	static const int families[] = {AF_INET, AF_INET6};
	size_t n = 0;

	for (size_t i = 0; i < 2; i++)
		for (const struct addrinfo *at = list; at; at = at->ai_next) {
			if (at->ai_family != families[i] || at->ai_addrlen > sizeof(*ret_addresses))
				continue;
			memset(&ret_addresses[n], 0, sizeof(*ret_addresses));
			memcpy(&ret_addresses[n++], at->ai_addr, at->ai_addrlen);
			break;
		}
	return n;
}

static size_t look_up(const char *host, const char *port, int flags,
		      struct sockaddr_storage ret_addresses[static 2])
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *list;
	size_t n;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return 0;
	n = choose(list, ret_addresses);
	freeaddrinfo(list);
	return n;
}

/* What the child has written, whole addresses; it takes no room in a pipe. */
static int await(int fd, struct sockaddr_storage ret_addresses[static 2])
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int r = poll(&ready, 1, LOOKUP_MS);
	ssize_t n;

	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	n = read(fd, ret_addresses, 2 * sizeof(*ret_addresses));
	return n < 0 ? -errno : (int)((size_t)n / sizeof(*ret_addresses));
}

int doctor_look_up(const char *host, const char *port,
		   struct sockaddr_storage ret_addresses[static 2])
{
	size_t n = look_up(host, port, AI_NUMERICHOST | AI_NUMERICSERV, ret_addresses);
	int fds[2], r;
	pid_t pid;

	if (n > 0)
		return (int)n;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		n = look_up(host, port, AI_ADDRCONFIG, ret_addresses);
		_exit(n > 0 && write(fds[1], ret_addresses, n * sizeof(*ret_addresses)) < 0);
	}
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r == 0)
		r = await(fds[0], ret_addresses);
	close(fds[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return r;
}
