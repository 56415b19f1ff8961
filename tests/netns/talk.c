// SPDX-License-Identifier: LGPL-2.1-or-later
#include "talk.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#define TALK_MPTCP_INFO 1 /* MPTCP_INFO; its name depends on the age of the headers */

#define STACK 262144
#define MAX_WORDS 8

void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

struct sockaddr_storage parse_address(const char *address, const char *port, socklen_t *ret_size)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
	uint16_t number = (uint16_t)atoi(port);

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(number);
		*ret_size = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(number);
		*ret_size = sizeof(*v6);
	} else {
		errno = EINVAL;
		fail(address);
	}
	return storage;
}

int mptcp_socket(int family, int flags)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_MPTCP);

	if (fd < 0)
		fail("socket");
	return fd;
}

bool is_mptcp(int fd)
{
	char info[128];
	socklen_t size = sizeof(info);

	return getsockopt(fd, SOL_MPTCP, TALK_MPTCP_INFO, info, &size) == 0;
}

struct service {
	int listener;
	void *(*serve)(void *);
};

static void *accept_all(void *arg)
{
	const struct service *service = arg;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	for (;;) {
		pthread_t thread;
		int fd = accept(service->listener, NULL, NULL);

		if (fd < 0)
			fail("accept");
		if (pthread_create(&thread, &attr, service->serve, (void *)(intptr_t)fd) != 0)
			fail("pthread_create");
	}
	return NULL;
}

void serve_all(const char *address, const char *port, void *(*serve)(void *))
{
	socklen_t size;
	struct sockaddr_storage storage = parse_address(address, port, &size);
	struct service service = {mptcp_socket(storage.ss_family, 0), serve};
	pthread_t thread;
	char line[64];

	setsockopt(service.listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(service.listener, (struct sockaddr *)&storage, size) < 0 ||
	    listen(service.listener, 4096) < 0)
		fail("listen");
	if (pthread_create(&thread, NULL, accept_all, &service) != 0)
		fail("pthread_create");
	printf("{\"listening\":%s}\n", port);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
}

int send_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int receive_all(int fd, void *data, size_t size, struct pause *pause)
{
	char *at = data;

	while (size > 0) {
		ssize_t n = recv(fd, at, size, 0);
		uint64_t now;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? ECONNRESET : errno;
		now = now_us();
		if (pause->last_us && now - pause->last_us > pause->longest_us)
			pause->longest_us = now - pause->last_us;
		pause->last_us = now;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int send_words(int fd, const uint64_t *words, size_t n)
{
	uint64_t wire[MAX_WORDS];

	for (size_t i = 0; i < n; i++)
		wire[i] = htobe64(words[i]);
	return send_all(fd, wire, n * sizeof(*wire));
}

int receive_words(int fd, uint64_t *words, size_t n)
{
	int error = receive_all(fd, words, n * sizeof(*words), &(struct pause){0});

	for (size_t i = 0; !error && i < n; i++)
		words[i] = be64toh(words[i]);
	return error;
}

struct record record_open(const char *path, uint64_t begin_us)
{
	size_t size = RECORD_BUCKETS * sizeof(uint32_t);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct record record = {.begin_us = begin_us};

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		fail(path);
	record.buckets = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (record.buckets == MAP_FAILED)
		fail(path);
	close(fd);
	return record;
}

void record_add(struct record *record, size_t bytes)
{
	uint64_t i = (now_us() - record->begin_us) / RECORD_BUCKET_US;

	if (i < RECORD_BUCKETS)
		record->buckets[i] += (uint32_t)bytes;
}
