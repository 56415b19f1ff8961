/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the kernel: snapshots into a model, the model as listings. */
#include "direct-private.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The kernel answers a dump at once; one that stops has lost its end. */
#define ANSWER_MS 5000

/* What is not configured: every address counts as far as it could. */
static const struct rules no_rules;

uint64_t direct_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- errors ---- */

const char *direct_error(const struct direct *direct)
{
	return direct->error;
}

int direct_fail(struct direct *direct, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(direct->error, sizeof(direct->error), format, args);
	va_end(args);
	return error;
}

int direct_told(struct direct *direct, int r)
{
	const char *words = kernel_ops.error_text(direct->kernel);

	if (r >= 0)
		return 0;
	if (r == -EPERM)
		return direct_fail(direct, -EACCES,
				   "not permitted: without mptcpd this takes CAP_NET_ADMIN");
	return direct_fail(direct, r, "the kernel says: %s%s%s%s", strerror(-r), *words ? " (" : "",
			   words, *words ? ")" : "");
}

/* ---- facts in ---- */

static void tell(struct direct *direct, const struct change *change)
{
	if (direct->on_change && change->type != CHANGE_NONE)
		direct->on_change(direct, change);
}

static void on_event(void *data, const struct event *event)
{
	struct direct *direct = data;
	struct change change;

	if (model_apply(&direct->model, event, direct_now_ms(), &change) < 0)
		return;
	tell(direct, &change);
	if (change.resync)
		kernel_ops.snapshot(direct->kernel, change.snapshot);
	if (event->type != EVENT_SNAPSHOT_END)
		return;
	while (model_sweep(&direct->model, direct_now_ms(), &change))
		tell(direct, &change);
	direct->ended |= 1u << event->snapshot;
}

int direct_new(bool with_events, struct direct **ret_direct)
{
	struct direct *direct = calloc(1, sizeof(*direct));
	char why[256];
	int r;

	*ret_direct = direct;
	if (!direct)
		return -ENOMEM;
	model_init(&direct->model, &no_rules);
	r = with_events ? kernel_new(on_event, direct, &direct->kernel, why)
			: kernel_new_quiet(on_event, direct, &direct->kernel, why);
	if (r == -EPERM)
		return direct_fail(direct, -EACCES, "not permitted: %s", why);
	return r < 0 ? direct_fail(direct, r, "%s", why) : 0;
}

void direct_free(struct direct *direct)
{
	if (!direct)
		return;
	kernel_free(direct->kernel);
	model_done(&direct->model);
	free(direct);
}

int direct_wait(struct direct *direct, int timeout_ms, int reader_fd)
{
	int kernel_fds_now[KERNEL_FDS], r = 0;
	struct pollfd fds[KERNEL_FDS + 1] = {{.fd = reader_fd}};
	size_t n = kernel_fds(direct->kernel, kernel_fds_now);

	for (size_t i = 0; i < n; i++)
		fds[i + 1] = (struct pollfd){.fd = kernel_fds_now[i], .events = POLLIN};
	if (poll(fds, n + 1, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents & (POLLERR | POLLHUP))
		return -EPIPE;
	for (size_t i = 1; i <= n && r >= 0; i++)
		if (fds[i].revents)
			r = kernel_dispatch(direct->kernel, fds[i].fd);
	return r < 0 ? direct_fail(direct, r, "netlink: %s", strerror(-r)) : 0;
}

int direct_load(struct direct *direct, enum snapshot_kind kind)
{
	uint64_t failed = kernel_counters(direct->kernel)->snapshots_failed;
	uint64_t until_ms = direct_now_ms() + ANSWER_MS;
	int r;

	direct->ended &= ~(1u << kind);
	if (kind == SNAPSHOT_ENDPOINTS)
		return direct_told(direct, kernel_refresh_endpoints(direct->kernel));
	r = direct_told(direct, kernel_ops.snapshot(direct->kernel, kind));
	while (r == 0 && !(direct->ended & 1u << kind)) {
		if (kernel_counters(direct->kernel)->snapshots_failed != failed ||
		    direct_now_ms() > until_ms)
			return direct_fail(direct, -EIO,
					   "the kernel did not tell all of its connections, "
					   "interfaces and addresses");
		r = direct_wait(direct, ANSWER_MS, -1);
	}
	return r;
}

/* ---- listings ---- */

/* Who decides for it? Left unknown where the kernel does not let us ask. */
static void look_up_path_manager(struct direct *direct, struct connection *connection)
{
	int r = kernel_ops.probe(direct->kernel, connection->token);

	if (r == PROBE_USERSPACE)
		connection->path_manager = PATH_MANAGER_USERSPACE;
	else if (r == PROBE_KERNEL)
		connection->path_manager = PATH_MANAGER_KERNEL;
}

static int load_connections(struct direct *direct)
{
	int r = direct_load(direct, SNAPSHOT_HOST);

	return r < 0 ? r : direct_load(direct, SNAPSHOT_CONNECTIONS);
}

int direct_list_connections(struct direct *direct,
			    int (*on_connection)(void *data,
						 const struct mptcpctl_connection *connection),
			    void *data)
{
	struct connection *connection;
	int r = load_connections(direct);

	connection = model_next_connection(&direct->model, 0);
	for (; r == 0 && connection; connection = connection_next(connection)) {
		look_up_path_manager(direct, connection);
		r = record_connection(&direct->model, direct->kernel, connection, on_connection,
				      data);
	}
	return r;
}

int direct_get_connection(struct direct *direct, uint32_t token,
			  int (*on_connection)(void *data,
					       const struct mptcpctl_connection *connection),
			  void *data)
{
	struct connection *connection;
	int r = load_connections(direct);

	if (r < 0)
		return r;
	connection = model_find_connection(&direct->model, token);
	if (!connection)
		return direct_fail(direct, -ENOENT, "no connection with token %x", token);
	look_up_path_manager(direct, connection);
	return record_connection(&direct->model, direct->kernel, connection, on_connection, data);
}

int direct_list_endpoints(struct direct *direct,
			  int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
			  void *data)
{
	int r = direct_load(direct, SNAPSHOT_HOST);

	if (r == 0)
		r = direct_load(direct, SNAPSHOT_ENDPOINTS);
	for (const struct endpoint *endpoint = direct->model.endpoints; r == 0 && endpoint;
	     endpoint = endpoint->next)
		r = record_endpoint(&direct->model, endpoint, "other", on_endpoint, data);
	return r;
}

int direct_get_limits(struct direct *direct,
		      int (*on_limits)(void *data, const struct mptcpctl_limits *limits),
		      void *data)
{
	struct mptcpctl_limits limits;
	int r = direct_load(direct, SNAPSHOT_ENDPOINTS);

	if (r < 0)
		return r;
	limits.subflows = direct->model.limits.subflows;
	limits.add_addr_accepted = direct->model.limits.add_addr_accepted;
	return on_limits(data, &limits);
}
