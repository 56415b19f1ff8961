// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Very many MPTCP connections, for the tests of what a storm of them does.
 *
 *	storm server ADDRESS PORT
 *	storm plain ADDRESS PORT
 *	storm deaf ADDRESS PORT
 *	storm client ADDRESS PORT
 *
 * They carry a byte each way, so that the client's side is fully established at once (RFC 8684
 * section 3.1). The client speaks first: what a server sends between the kernel's putting a
 * connection into the accept queue and its completing the handshake may stay there for ever. The
 * server keeps a connection until the client closes. The plain one is the same without
 * MPTCP: the client's connections fall back to TCP, and only their client's end takes one of the
 * kernel's tokens. The deaf one never accepts any.
 * The client obeys stdin, and says so on stdout, one JSON object a line:
 *
 *	open N     open N more connections and keep them
 *	knock N    the same without waiting for the greeting, for the deaf
 *	greet      exchange a byte on all that are open, which is what a knock leaves out
 *	short N    open and close N connections, one after the other
 *	spread N   open N more, 2 to 16 ms apart
 *	carry N    say so once all that are open carry data, and by the monotonic clock when each
 *	           had N subflows; meanwhile they go on
 *	abort      drop all that are open (MP_FASTCLOSE)
 *	close      close all that are open
 *
 * The servers that accept obey "abort" and "close" too. The end of stdin ends all of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/mptcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define BACKLOG 4096
#define CARRY_TURNS 100 /* 50 ms of data before anything is awaited */
#define N_EVENTS 256

struct address {
	struct sockaddr_storage storage;
	socklen_t size;
};

/* All open connections: is_open[fd]. */
static bool *is_open;
static size_t n_fds;

static void fail(const char *what)
{
	fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct address parse_address(const char *address, const char *port)
{
	struct address result = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&result.storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&result.storage;
	uint16_t number = (uint16_t)atoi(port);

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(number);
		result.size = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(number);
		result.size = sizeof(*v6);
	} else {
		errno = EINVAL;
		fail(address);
	}
	return result;
}

/* As many files as the hard limit allows. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("setrlimit");
	n_fds = limit.rlim_max;
	is_open = calloc(n_fds, sizeof(*is_open));
	if (!is_open)
		fail("calloc");
}

static int new_socket(const struct address *address, int type, int protocol)
{
	int fd = socket(address->storage.ss_family, type, protocol);

	if (fd < 0)
		fail("socket");
	return fd;
}

static void close_all(bool abort_them)
{
	const struct linger now = {.l_onoff = 1};

	for (size_t fd = 0; fd < n_fds; fd++) {
		if (!is_open[fd])
			continue;
		if (abort_them)
			setsockopt((int)fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close((int)fd);
		is_open[fd] = false;
	}
}

static void obey_end(const char *word)
{
	close_all(strcmp(word, "abort") == 0);
	puts("{}");
}

/* ---- client ---- */

enum order { ORDER_OPEN, ORDER_KNOCK, ORDER_SHORT, ORDER_SPREAD, N_ORDERS };

static const char *const orders[N_ORDERS] = {"open", "knock", "short", "spread"};

static bool greet(int fd)
{
	char greeting;

	return send(fd, "?", 1, MSG_NOSIGNAL) == 1 && recv(fd, &greeting, 1, 0) == 1;
}

static void greet_all(void)
{
	size_t n = 0, n_failed = 0;

	for (size_t fd = 0; fd < n_fds; fd++) {
		if (is_open[fd] && greet((int)fd))
			n++;
		else if (is_open[fd])
			n_failed++;
	}
	printf("{\"greeted\":%zu,\"failed\":%zu}\n", n, n_failed);
}

/* A connection, or -1. */
static int connect_one(const struct address *address, bool wait_for_greeting)
{
	int fd = new_socket(address, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (connect(fd, (const struct sockaddr *)&address->storage, address->size) == 0 &&
	    (!wait_for_greeting || greet(fd)))
		return fd;
	close(fd);
	return -1;
}

/* Until the server has closed too: else it falls behind, and runs out of files. */
static void close_both(int fd)
{
	char byte;

	shutdown(fd, SHUT_WR);
	(void)recv(fd, &byte, 1, 0);
	close(fd);
}

static void connect_some(const struct address *address, size_t n, enum order order)
{
	uint64_t begin_us = now_us();
	size_t n_failed = 0;

	for (size_t i = 0; i < n; i++) {
		int fd = connect_one(address, order != ORDER_KNOCK);

		if (fd < 0)
			n_failed++;
		else if (order != ORDER_SHORT)
			is_open[fd] = true;
		else
			close_both(fd);
		if (order == ORDER_SPREAD)
			usleep((useconds_t)(2000 + i % 7 * 2333));
	}
	printf("{\"connected\":%zu,\"failed\":%zu,\"elapsed-ms\":%llu}\n", n - n_failed, n_failed,
	       (unsigned long long)((now_us() - begin_us) / 1000));
}

/* As many as are in the kernel's list: a counter of MPTCP_INFO follows what was asked for. */
static size_t count_subflows(int fd)
{
	struct mptcp_subflow_data data = {.size_subflow_data = sizeof(data)};
	socklen_t size = sizeof(data);

	if (getsockopt(fd, SOL_MPTCP, MPTCP_TCPINFO, &data, &size) < 0)
		fail("MPTCP_TCPINFO");
	return data.num_subflows;
}

/* A piece each way; returns whether the connection has so many subflows. */
static bool carry_on(int fd, size_t n_subflows)
{
	char piece[64] = "?";

	while (recv(fd, piece, sizeof(piece), MSG_DONTWAIT) > 0)
		;
	(void)send(fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
	return count_subflows(fd) == n_subflows;
}

static void carry(size_t n_subflows)
{
	size_t n_wrong = 1;

	for (size_t turn = 0; n_wrong > 0 || turn <= CARRY_TURNS; turn++) {
		n_wrong = 0;
		for (size_t fd = 0; fd < n_fds; fd++) {
			if (is_open[fd] && !carry_on((int)fd, n_subflows))
				n_wrong++;
		}
		if (turn == CARRY_TURNS)
			puts("{\"carrying\":true}");
		usleep(500);
	}
	printf("{\"at-us\":%llu}\n", (unsigned long long)now_us());
}

static bool obey(const struct address *address, const char *line)
{
	char word[16];
	size_t n;
	int n_words = sscanf(line, "%15s %zu", word, &n);

	for (enum order order = 0; n_words == 2 && order < N_ORDERS; order++) {
		if (strcmp(word, orders[order]) == 0) {
			connect_some(address, n, order);
			return true;
		}
	}
	if (n_words == 2 && strcmp(word, "carry") == 0)
		carry(n);
	else if (n_words != 1)
		return false;
	else if (strcmp(word, "greet") == 0)
		greet_all();
	else if (strcmp(word, "abort") == 0 || strcmp(word, "close") == 0)
		obey_end(word);
	else
		return false;
	return true;
}

static int client(const struct address *address)
{
	char line[64];

	puts("{}");
	while (fgets(line, sizeof(line), stdin)) {
		if (!obey(address, line)) {
			fprintf(stderr,
				"storm: expected open|knock|short N, greet, abort or close: "
				"%s",
				line);
			return 2;
		}
	}
	close_all(false);
	return 0;
}

/* ---- server ---- */

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

static void accept_some(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		is_open[fd] = true;
		watch(epoll, fd);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		fail("accept");
}

static void on_readable(int fd)
{
	char bytes[64];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	if (n > 0)
		(void)send(fd, "!", 1, MSG_NOSIGNAL);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return;
	close(fd);
	is_open[fd] = false;
}

/* Returns false at the end of stdin. */
static bool on_stdin(void)
{
	char line[64] = "";
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n > 0) {
		line[strcspn(line, "\n")] = '\0';
		obey_end(line);
	}
	return n > 0;
}

static int listen_on(const struct address *address, int type, int protocol)
{
	int fd = new_socket(address, type, protocol);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, (const struct sockaddr *)&address->storage, address->size) < 0 ||
	    listen(fd, BACKLOG) < 0)
		fail("listen");
	puts("{}");
	return fd;
}

static int serve(const struct address *address, int protocol)
{
	int listener = listen_on(address, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		fail("epoll");
	watch(epoll, listener);
	watch(epoll, STDIN_FILENO);
	for (;;) {
		struct epoll_event events[N_EVENTS];
		int n = epoll_wait(epoll, events, N_EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == STDIN_FILENO && !on_stdin())
				return 0;
			if (fd == listener)
				accept_some(epoll, listener);
			else if (fd != STDIN_FILENO && is_open[fd])
				on_readable(fd);
		}
	}
}

static int server(const struct address *address)
{
	return serve(address, IPPROTO_MPTCP);
}

static int plain(const struct address *address)
{
	return serve(address, IPPROTO_TCP);
}

static int deaf(const struct address *address)
{
	char line[64];

	listen_on(address, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	while (fgets(line, sizeof(line), stdin))
		;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct address *address);
	} modes[] = {{"server", server}, {"plain", plain}, {"deaf", deaf}, {"client", client}};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc == 4 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name) == 0) {
			struct address address = parse_address(argv[2], argv[3]);

			raise_limit();
			return modes[i].run(&address);
		}
	}
	fputs("usage: storm server|plain|deaf|client ADDRESS PORT\n", stderr);
	return 2;
}
