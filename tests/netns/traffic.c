// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Traffic over MPTCP sockets, for the tests and the demonstration.
 *
 *	traffic server ADDRESS PORT
 *	traffic client ADDRESS PORT [CONNECTIONS]
 *
 * The server greets each connection, so that the client's side is fully established at once
 * (RFC 8684 section 3.1). The client opens its connections, says so on stdout, and then obeys
 * stdin: "upload BYTES" and "download BYTES" move that many bytes over each connection; a number
 * behind that says how often, one after the other. The end of stdin closes everything, for both.
 * What is moved is a pseudo-random stream that the receiver computes too: a byte lost, doubled or
 * changed is seen. Results are one JSON object a line.
 *
 * An IPv6 ADDRESS makes an AF_INET6 socket, ::ffff:10.0.0.1 too.
 */
#include "talk.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536
#define MAX_CONNECTIONS 8192

enum operation {
	OPERATION_UPLOAD = 1,
	OPERATION_DOWNLOAD = 2,
};

/* On the wire, in network order: what the client asks for … */
struct request {
	uint64_t operation, bytes, seed;
};

/* … and how it went, as the receiver saw it. */
struct report {
	uint64_t bytes, intact, max_gap_us;
};

struct job {
	int fd;
	pthread_t thread;
	struct request request;
	size_t times;
	struct report report; /* of the last time */
	int error; /* errno */
};

/* The next bytes of the stream (xorshift64). */
static void fill(uint64_t *state, uint64_t chunk[static CHUNK / 8])
{
	uint64_t x = *state;

	for (size_t i = 0; i < CHUNK / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		chunk[i] = x;
	}
	*state = x;
}

static int stream_out(int fd, uint64_t bytes, uint64_t seed)
{
	uint64_t chunk[CHUNK / 8];
	int error = 0;

	while (bytes > 0 && !error) {
		size_t part = bytes < CHUNK ? bytes : CHUNK;

		fill(&seed, chunk);
		error = send_all(fd, chunk, part);
		bytes -= part;
	}
	return error;
}

static int stream_in(int fd, uint64_t bytes, uint64_t seed, struct report *ret_report)
{
	uint64_t wanted[CHUNK / 8], got[CHUNK / 8];
	struct pause pause = {0};

	*ret_report = (struct report){.intact = 1};
	while (ret_report->bytes < bytes) {
		uint64_t left = bytes - ret_report->bytes;
		size_t part = left < CHUNK ? left : CHUNK;
		int error = receive_all(fd, got, part, &pause);

		if (error)
			return error;
		fill(&seed, wanted);
		if (memcmp(got, wanted, part) != 0)
			ret_report->intact = 0;
		ret_report->bytes += part;
	}
	ret_report->max_gap_us = pause.longest_us;
	return 0;
}

/* Serve one connection until its end. */
static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct request request;
	struct report report;
	uint64_t words[3];
	int error = send_all(fd, "!", 1);

	while (!error && receive_words(fd, words, 3) == 0) {
		request = (struct request){words[0], words[1], words[2]};
		if (request.operation == OPERATION_DOWNLOAD) {
			error = stream_out(fd, request.bytes, request.seed);
			continue;
		}
		error = stream_in(fd, request.bytes, request.seed, &report);
		if (!error)
			error = send_words(fd,
					   (uint64_t[]){report.bytes, report.intact,
							report.max_gap_us},
					   3);
	}
	close(fd);
	return NULL;
}

static void *run_connect(void *arg)
{
	struct job *job = arg;
	char greeting;

	job->error = receive_all(job->fd, &greeting, 1, &(struct pause){0});
	return NULL;
}

static int request_once(struct job *job)
{
	const struct request *request = &job->request;
	uint64_t words[3] = {request->operation, request->bytes, request->seed};
	int error = send_words(job->fd, words, 3);

	if (error)
		return error;
	if (request->operation == OPERATION_DOWNLOAD)
		return stream_in(job->fd, request->bytes, request->seed, &job->report);
	error = stream_out(job->fd, request->bytes, request->seed);
	if (!error)
		error = receive_words(job->fd, words, 3);
	if (!error)
		job->report = (struct report){words[0], words[1], words[2]};
	return error;
}

static void *run_request(void *arg)
{
	struct job *job = arg;

	for (size_t i = 0; i < job->times && !job->error; i++)
		job->error = request_once(job);
	return NULL;
}

static void run_all(struct job *jobs, size_t n, void *(*run)(void *))
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 4 * CHUNK);
	for (size_t i = 0; i < n; i++) {
		if (pthread_create(&jobs[i].thread, &attr, run, &jobs[i]) != 0)
			fail("pthread_create");
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(jobs[i].thread, NULL);
	pthread_attr_destroy(&attr);
}

/* Open all connections, then wait until each was greeted. */
static void connect_all(struct job *jobs, size_t n, const char *address, const char *port)
{
	socklen_t size;
	struct sockaddr_storage storage = parse_address(address, port, &size);
	size_t n_mptcp = 0;

	for (size_t i = 0; i < n; i++) {
		jobs[i].fd = mptcp_socket(storage.ss_family, 0);
		if (connect(jobs[i].fd, (struct sockaddr *)&storage, size) < 0)
			fail("connect");
	}
	run_all(jobs, n, run_connect);
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].error) {
			errno = jobs[i].error;
			fail("greeting");
		}
		n_mptcp += is_mptcp(jobs[i].fd);
	}
	printf("{\"connected\":%zu,\"mptcp\":%zu}\n", n, n_mptcp);
}

static void obey(struct job *jobs, size_t n, enum operation operation, uint64_t bytes, size_t times)
{
	uint64_t begin_us = now_us(), total = 0, max_gap_us = 0;
	bool intact = true;
	size_t n_failed = 0;
	int error = 0;

	for (size_t i = 0; i < n; i++) {
		jobs[i].report = (struct report){0};
		jobs[i].request = (struct request){operation, bytes, begin_us * 2 + 2 * i + 1};
		jobs[i].times = times;
	}
	run_all(jobs, n, run_request);
	for (size_t i = 0; i < n; i++) {
		total += jobs[i].report.bytes;
		intact = intact && jobs[i].report.intact && jobs[i].report.bytes == bytes;
		if (jobs[i].report.max_gap_us > max_gap_us)
			max_gap_us = jobs[i].report.max_gap_us;
		if (jobs[i].error) {
			n_failed++;
			error = jobs[i].error;
		}
	}
	printf("{\"bytes\":%" PRIu64 ",\"intact\":%s,\"failed\":%zu,\"error\":\"%s\","
	       "\"max-gap-ms\":%" PRIu64 ",\"elapsed-ms\":%" PRIu64 "}\n",
	       total, intact ? "true" : "false", n_failed, error ? strerror(error) : "",
	       max_gap_us / 1000, (now_us() - begin_us) / 1000);
}

static int client(const char *address, const char *port, size_t n)
{
	struct job *jobs = calloc(n, sizeof(*jobs));
	char line[64], word[16];
	uint64_t bytes;

	if (!jobs)
		fail("calloc");
	connect_all(jobs, n, address, port);
	while (fgets(line, sizeof(line), stdin)) {
		size_t times = 1;
		bool ok = sscanf(line, "%15s %" SCNu64 " %zu", word, &bytes, &times) >= 2;

		if (ok && strcmp(word, "upload") == 0) {
			obey(jobs, n, OPERATION_UPLOAD, bytes, times);
		} else if (ok && strcmp(word, "download") == 0) {
			obey(jobs, n, OPERATION_DOWNLOAD, bytes, times);
		} else {
			fprintf(stderr, "traffic: expected \"upload|download BYTES [TIMES]\": %s",
				line);
			return 2;
		}
	}
	for (size_t i = 0; i < n; i++)
		close(jobs[i].fd);
	free(jobs);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "server") == 0)
		return serve_all(argv[2], argv[3], serve), 0;
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "client") == 0) {
		int n = argc == 5 ? atoi(argv[4]) : 1;

		if (n >= 1 && n <= MAX_CONNECTIONS)
			return client(argv[2], argv[3], (size_t)n);
	}
	fprintf(stderr,
		"usage: traffic server ADDRESS PORT\n"
		"       traffic client ADDRESS PORT [1-%d]\n",
		MAX_CONNECTIONS);
	return 2;
}
