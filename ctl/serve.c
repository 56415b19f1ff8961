/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One scrape over HTTP: the connection is standard input, as systemd hands it over, one process for
 * each. Whoever is at the other end may be anybody: he gets so long, and may say so much.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "http.h"
#include "metrics.h"

#define REQUEST_MAX 8192
/* All of the request is to come in that time, and all of the answer to be taken. */
#define REQUEST_MS 5000
#define ANSWER_MS 5000
/* What came behind the request is read, or the kernel would take back the answer: so long, so much. */
#define DRAIN_MS 500
#define DRAIN_MAX (64 << 10)

static const char leads_there[] = "Metrics of mptcpd are at /metrics.\n";

/* Wait for the connection until then. False: the time is up, or it has gone. */
static bool wait_for(short events, uint64_t until_ms)
{
	struct pollfd pollfd = {.fd = STDIN_FILENO, .events = events};
	uint64_t now = clock_boot_ms();
	int r;

	do
		r = poll(&pollfd, 1, until_ms > now ? (int)(until_ms - now) : 0);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

/* Returns the status of the answer, 0: nobody is there to be answered. */
static int read_request(struct http_request *ret_request)
{
	uint64_t until_ms = clock_boot_ms() + REQUEST_MS;
	char text[REQUEST_MAX + 1];
	size_t size = 0;

	while (size < REQUEST_MAX) {
		ssize_t n;

		if (!wait_for(POLLIN, until_ms))
			return 408;
		n = read(STDIN_FILENO, text + size, REQUEST_MAX - size);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return size ? 400 : 0;
		if (memchr(text + size, '\0', (size_t)n))
			return 400;
		size += (size_t)n;
		text[size] = '\0';
		if (http_end(text))
			return http_parse(text, ret_request);
	}
	return 431;
}

static void write_all(const char *text, size_t size)
{
	uint64_t until_ms = clock_boot_ms() + ANSWER_MS;

	while (size && wait_for(POLLOUT, until_ms)) {
		ssize_t n = send(STDIN_FILENO, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
}

static void hang_up(void)
{
	uint64_t until_ms = clock_boot_ms() + DRAIN_MS;
	char rest[4096];
	size_t size = 0;

	shutdown(STDIN_FILENO, SHUT_WR);
	while (size < DRAIN_MAX && wait_for(POLLIN, until_ms)) {
		ssize_t n = recv(STDIN_FILENO, rest, sizeof(rest), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return;
		size += n > 0 ? (size_t)n : 0;
	}
}

static const char *type_of(const struct http_request *request)
{
	if (!request->metrics)
		return "text/plain; charset=utf-8";
	return request->openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				    : "text/plain; version=0.0.4; charset=utf-8";
}

static void answer(int status, const struct http_request *request, const char *body, size_t size)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d %s\r\n"
			 "Content-Type: %s\r\n"
			 "Content-Length: %zu\r\n"
			 "%s"
			 "Connection: close\r\n\r\n",
			 status, http_reason(status), type_of(request), size,
			 status == 405 ? "Allow: GET, HEAD\r\n" : "");

	write_all(head, (size_t)n);
	if (!request->head)
		write_all(body, size);
	hang_up();
}

static void answer_metrics(struct ctl *ctl, const struct http_request *request)
{
	struct metrics_text text = {.format = request->openmetrics ? METRICS_OPENMETRICS
								   : METRICS_PROMETHEUS};

	if (ctl_try_connect(ctl) < 0 || metrics_append(ctl, &text) < 0)
		metrics_append_down(&text);
	answer(200, request, text.bytes, text.n);
	free(text.bytes);
}

int ctl_metrics_serve(struct ctl *ctl, int n_args, char **args)
{
	struct http_request request = {0};
	int type, status;
	socklen_t size = sizeof(type);
	char line[64];

	if (n_args)
		return cli_usage("unexpected \"%s\": metrics serve takes no arguments", args[0]);
	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
		return cli_usage("metrics serve answers who is connected to its standard input, "
				 "which is no socket: see mptcpd-metrics.socket");
	status = read_request(&request);
	if (status == 0)
		return EXIT_DONE;
	if (status == 200 && request.metrics) {
		answer_metrics(ctl, &request);
		return EXIT_DONE;
	}
	request.metrics = false;
	snprintf(line, sizeof(line), "%d %s\n", status, http_reason(status));
	if (status == 200)
		answer(status, &request, leads_there, sizeof(leads_there) - 1);
	else
		answer(status, &request, line, strlen(line));
	return EXIT_DONE;
}
