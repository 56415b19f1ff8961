// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Flows over MPTCP that are measured where they arrive.
 *
 *	flow DIRECTORY EPOCH server ADDRESS PORT
 *	flow DIRECTORY EPOCH up|down|idle|both NUMBER ADDRESS PORT COUNT [SIZE PERIOD]
 *	flow DIRECTORY EPOCH connect NUMBER ADDRESS PORT PERIOD
 *
 * COUNT connections, with numbers from NUMBER on, carry data up (to the server), down, none, or both
 * ways, of which those that go up are recorded. They do so as fast as they can or, if told, SIZE bytes each PERIOD milliseconds. Whoever receives writes
 * a record (talk.h) to DIRECTORY/NUMBER, beginning at EPOCH, a number of microseconds.
 *
 * With `connect` there is a new connection each PERIOD milliseconds, whether those before it succeeded
 * or not. Each, when it is known how it went, is a line in DIRECTORY/NUMBER: when it began and how
 * many microseconds it took, the errno, and 1 if it is MPTCP.
 *
 * All of them end when stdin does.
 */
#include "talk.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 16384
#define MAX_PENDING 256

enum kind {
	KIND_UP = 1,
	KIND_DOWN,
	KIND_IDLE,
	KIND_BOTH,
};

static const char *directory;
static uint64_t epoch_us;

/* On the wire, in network order: what a client says first. */
struct request {
	uint64_t kind, number, size, period_ms; /* size 0: as fast as it goes */
};

struct flow {
	int fd;
	struct request request;
};

static const char *path_of(uint64_t number, char path[static 256])
{
	snprintf(path, 256, "%s/%" PRIu64, directory, number);
	return path;
}

static void receive(const struct flow *flow)
{
	char path[256], chunk[CHUNK];
	struct record record = record_open(path_of(flow->request.number, path), epoch_us);

	for (;;) {
		ssize_t n = recv(flow->fd, chunk, sizeof(chunk), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		record_add(&record, (size_t)n);
	}
}

/* A period that was missed because the connection took nothing is made up for, as a real source would. */
static void transmit(const struct flow *flow)
{
	static const char chunk[CHUNK];
	uint64_t next_us = now_us();

	while (send_all(flow->fd, chunk, flow->request.size ? flow->request.size : CHUNK) == 0) {
		struct timespec until;

		if (!flow->request.size)
			continue;
		next_us += flow->request.period_ms * 1000;
		until.tv_sec = (time_t)(next_us / 1000000);
		until.tv_nsec = (long)(next_us % 1000000) * 1000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
}

static void *transmit_aside(void *flow)
{
	transmit(flow);
	return NULL;
}

static void discard(const struct flow *flow)
{
	char chunk[CHUNK];

	while (recv(flow->fd, chunk, sizeof(chunk), 0) > 0)
		;
}

static void exchange(struct flow *flow, void (*take)(const struct flow *flow))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, transmit_aside, flow) != 0)
		fail("pthread_create");
	take(flow);
	shutdown(flow->fd, SHUT_RDWR);
	pthread_join(thread, NULL);
}

/* What is left to do when there is nothing to send. */
static void await_end(const struct flow *flow)
{
	char byte;

	receive_all(flow->fd, &byte, 1, &(struct pause){0});
}

static void *serve(void *arg)
{
	struct flow flow = {.fd = (int)(intptr_t)arg};
	uint64_t words[4];

	if (receive_words(flow.fd, words, 4) == 0 && send_all(flow.fd, "!", 1) == 0) {
		flow.request = (struct request){words[0], words[1], words[2] % CHUNK, words[3]};
		if (flow.request.kind == KIND_UP)
			receive(&flow);
		else if (flow.request.kind == KIND_DOWN)
			transmit(&flow);
		else if (flow.request.kind == KIND_BOTH)
			exchange(&flow, receive);
		else
			await_end(&flow);
	}
	close(flow.fd);
	return NULL;
}

static void *run(void *arg)
{
	struct flow *flow = arg;

	if (flow->request.kind == KIND_UP)
		transmit(flow);
	else if (flow->request.kind == KIND_DOWN)
		receive(flow);
	else if (flow->request.kind == KIND_BOTH)
		exchange(flow, discard);
	else
		await_end(flow);
	return NULL;
}

/* Greet and be greeted: the client's side is fully established then (RFC 8684 section 3.1). */
static int begin(const struct flow *flow)
{
	const struct request *request = &flow->request;
	uint64_t words[] = {request->kind, request->number, request->size, request->period_ms};
	char greeting;
	int error = send_words(flow->fd, words, 4);

	return error ? error : receive_all(flow->fd, &greeting, 1, &(struct pause){0});
}

static void client(enum kind kind, char **argv, int argc)
{
	uint64_t number = strtoull(argv[0], NULL, 10);
	size_t count = (size_t)atoi(argv[3]), n_mptcp = 0;
	struct flow *flows = calloc(count, sizeof(*flows));
	socklen_t size;
	struct sockaddr_storage server = parse_address(argv[1], argv[2], &size);
	pthread_t thread;
	char byte;

	if (!flows)
		fail("calloc");
	for (size_t i = 0; i < count; i++) {
		flows[i].fd = mptcp_socket(server.ss_family, 0);
		flows[i].request = (struct request){.kind = kind, .number = number + i};
		if (argc == 6) {
			flows[i].request.size = strtoull(argv[4], NULL, 10);
			flows[i].request.period_ms = strtoull(argv[5], NULL, 10);
		}
		if (connect(flows[i].fd, (struct sockaddr *)&server, size) < 0)
			fail("connect");
		errno = begin(&flows[i]);
		if (errno)
			fail("greeting");
		n_mptcp += is_mptcp(flows[i].fd);
	}
	for (size_t i = 0; i < count; i++) {
		if (pthread_create(&thread, NULL, run, &flows[i]) != 0)
			fail("pthread_create");
	}
	printf("{\"connected\":%zu,\"mptcp\":%zu}\n", count, n_mptcp);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

struct attempt {
	int fd;
	uint64_t begin_us;
};

static int attempt(const struct sockaddr_storage *server, socklen_t size, int *ret_error)
{
	int fd = mptcp_socket(server->ss_family, SOCK_NONBLOCK);

	*ret_error = connect(fd, (const struct sockaddr *)server, size) < 0 ? errno : 0;
	return fd;
}

/* Say how it went, say hello to the server if it went well, and close it. */
static void conclude(FILE *file, const struct attempt *attempt, int error)
{
	static const uint64_t hello[4] = {KIND_IDLE};
	uint64_t took_us = now_us() - attempt->begin_us;

	fprintf(file, "%" PRIu64 " %" PRIu64 " %d %d\n", attempt->begin_us - epoch_us, took_us,
		error, !error && is_mptcp(attempt->fd));
	if (!error)
		send_words(attempt->fd, hello, 4);
	close(attempt->fd);
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void connect_often(char **argv)
{
	struct attempt attempts[MAX_PENDING];
	struct pollfd polled[MAX_PENDING + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
	uint64_t period_us = strtoull(argv[3], NULL, 10) * 1000, next_us = now_us();
	socklen_t size;
	struct sockaddr_storage server = parse_address(argv[1], argv[2], &size);
	char path[256];
	FILE *file = fopen(path_of(strtoull(argv[0], NULL, 10), path), "w");
	size_t n = 0;

	if (!file)
		fail(path);
	setvbuf(file, NULL, _IOLBF, 0);
	printf("{\"connected\":0}\n");
	while (!polled[0].revents) {
		uint64_t now = now_us();

		if (now >= next_us && n < MAX_PENDING) {
			int error;

			attempts[n] = (struct attempt){attempt(&server, size, &error), now};
			polled[1 + n] = (struct pollfd){attempts[n].fd, POLLOUT, 0};
			if (error && error != EINPROGRESS)
				conclude(file, &attempts[n], error);
			else
				n++;
			next_us += period_us;
		}
		if (poll(polled, 1 + n, (int)(next_us > now ? (next_us - now) / 1000 + 1 : 10)) < 0)
			fail("poll");
		for (size_t i = n; i-- > 0;) {
			if (!polled[1 + i].revents)
				continue;
			conclude(file, &attempts[i], socket_error(attempts[i].fd));
			attempts[i] = attempts[--n];
			polled[1 + i] = polled[1 + n];
		}
	}
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {
		[KIND_UP] = "up", [KIND_DOWN] = "down", [KIND_IDLE] = "idle", [KIND_BOTH] = "both"};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 6) {
		fprintf(stderr,
			"usage: flow DIRECTORY EPOCH server|up|down|idle|both|connect ...\n");
		return 2;
	}
	directory = argv[1];
	epoch_us = strtoull(argv[2], NULL, 10);
	if (argc == 6 && strcmp(argv[3], "server") == 0)
		return serve_all(argv[4], argv[5], serve), 0;
	if (argc == 8 && strcmp(argv[3], "connect") == 0)
		return connect_often(argv + 4), 0;
	for (enum kind kind = KIND_UP; kind <= KIND_BOTH; kind++) {
		if ((argc == 8 || argc == 10) && strcmp(argv[3], kinds[kind]) == 0)
			return client(kind, argv + 4, argc - 4), 0;
	}
	fprintf(stderr, "flow: wrong words\n");
	return 2;
}
