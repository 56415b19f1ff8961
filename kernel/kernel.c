/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facade: which socket is whose, and struct kernel_ops on top of them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "diag.h"
#include "kernel.h"
#include "link.h"
#include "listener.h"
#include "pm.h"
#include "snapshot.h"
#include "sysctl.h"

/* Messages read in one kernel_dispatch(). */
#define SLICE 64

struct kernel {
	struct sink sink;
	/* for requests */
	struct pm pm;
	struct socket links, diag;
	/* streams */
	struct socket pm_events, link_events;
	struct snapshot snapshots[SNAPSHOT_KINDS];
	struct listeners listeners;
	int wake; /* an eventfd: readable when a snapshot is to start or to end */
	bool has_diag; /* connections can be dumped: asked once */
	uint64_t deadline_ns;
	const char *text; /* of the last command */
	_Alignas(struct nlmsghdr) char buffer[SOCKET_BUFFER_SIZE];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- opening ------------------------------------------------------------------------------- */

static int __attribute__((format(printf, 3, 4)))
say(char ret_why[static 256], int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_why, 256, format, args);
	va_end(args);
	return error;
}

static int check_mptcp(struct kernel *kernel, char ret_why[static 256])
{
	int r = pm_open(&kernel->pm);

	if (r == -EPROTONOSUPPORT)
		return say(ret_why, r,
			   "this kernel has no MPTCP path manager: "
			   "it needs CONFIG_MPTCP and Linux 5.19 or later");
	if (r < 0)
		return say(ret_why, r, "cannot reach the kernel over generic netlink: %s",
			   strerror(-r));
	if (kernel->pm.family.event_group == 0)
		return say(ret_why, -EPROTONOSUPPORT,
			   "this kernel has no MPTCP path-manager events: "
			   "it needs Linux 5.19 or later");
	if (sysctl_enabled() == 0)
		return say(ret_why, -ENOPROTOOPT,
			   "MPTCP is switched off here: set net.mptcp.enabled=1 with sysctl");
	return 0;
}

/* Some kernels let anyone join the group, so ask for a command too. */
static int check_permission(struct kernel *kernel)
{
	int r = socket_join(&kernel->pm_events, kernel->pm.family.event_group);

	if (r == 0)
		r = pm_is_userspace(&kernel->pm, 0);
	return r < 0 ? r : 0;
}

static int open_sockets(struct kernel *kernel)
{
	int r = socket_open(&kernel->pm_events, NETLINK_GENERIC, SOCKET_STREAM);

	if (r == 0)
		r = socket_open(&kernel->link_events, NETLINK_ROUTE, SOCKET_STREAM);
	if (r == 0)
		r = socket_open(&kernel->links, NETLINK_ROUTE, SOCKET_REQUESTS);
	if (r == 0)
		r = socket_open(&kernel->diag, NETLINK_SOCK_DIAG, SOCKET_REQUESTS);
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS && r == 0; kind++)
		r = snapshot_open(&kernel->snapshots[kind], kind, kernel->pm.family.id,
				  &kernel->sink);
	if (r < 0)
		return r;
	socket_grow(&kernel->pm_events);
	socket_grow(&kernel->link_events);
	kernel->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kernel->wake < 0)
		return -errno;
	return listeners_init(&kernel->listeners);
}

static int kernel_open(struct kernel *kernel, char ret_why[static 256])
{
	int r = check_mptcp(kernel, ret_why);

	if (r < 0)
		return r;
	r = open_sockets(kernel);
	if (r < 0)
		return say(ret_why, r, "cannot open netlink sockets: %s", strerror(-r));
	r = check_permission(kernel);
	if (r == -EPERM)
		return say(ret_why, r,
			   "CAP_NET_ADMIN is missing in the user namespace that owns "
			   "this network namespace");
	if (r == 0)
		r = link_join(&kernel->link_events);
	if (r < 0)
		return say(ret_why, r, "cannot subscribe to kernel events: %s", strerror(-r));
	return 0;
}

int kernel_new(void (*on_event)(void *data, const struct event *event), void *data,
	       struct kernel **ret_kernel, char ret_why[static 256])
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int r;

	if (!kernel)
		return say(ret_why, -ENOMEM, "out of memory");
	kernel->sink.on_event = on_event;
	kernel->sink.data = data;
	kernel->wake = -1;
	kernel->listeners.fd = -1;
	kernel->text = "";
	r = kernel_open(kernel, ret_why);
	if (r < 0) {
		kernel_free(kernel);
		return r;
	}
	*ret_kernel = kernel;
	return 0;
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	listeners_done(&kernel->listeners);
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++)
		snapshot_close(&kernel->snapshots[kind]);
	socket_close(&kernel->link_events);
	socket_close(&kernel->pm_events);
	socket_close(&kernel->diag);
	socket_close(&kernel->links);
	pm_close(&kernel->pm);
	if (kernel->wake >= 0)
		close(kernel->wake);
	free(kernel);
}

/* --- facts in ------------------------------------------------------------------------------ */

size_t kernel_fds(const struct kernel *kernel, int ret_fds[static KERNEL_FDS])
{
	size_t n = 0;

	ret_fds[n++] = kernel->pm_events.fd;
	ret_fds[n++] = kernel->link_events.fd;
	ret_fds[n++] = kernel->wake;
	ret_fds[n++] = kernel->listeners.fd;
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++)
		ret_fds[n++] = kernel->snapshots[kind].socket.fd;
	return n;
}

static void wake_up(struct kernel *kernel)
{
	/* It fails only if it is awake already. */
	(void)eventfd_write(kernel->wake, 1);
}

typedef int decoder(const void *message, size_t size, struct event *ret_event);

/* All messages of one datagram, with EVENT_ROUTES held back: one stands for many. */
static void tell_events(struct kernel *kernel, size_t size, decoder *decode, bool *routes)
{
	const char *bytes = kernel->buffer;
	const struct nlmsghdr *nlh;
	struct event event;

	while ((nlh = socket_next(&bytes, &size))) {
		int r = decode(nlh, nlh->nlmsg_len, &event);

		if (r == 0 && event.type == EVENT_ROUTES)
			*routes = true;
		else
			sink_take(&kernel->sink, r, &event);
	}
	if (size > 0)
		kernel->sink.counters.malformed++;
}

static int dispatch_events(struct kernel *kernel, struct socket *socket, decoder *decode,
			   enum snapshot_kind kind)
{
	bool routes = false;
	int r = 1;

	for (size_t n = 0; n < SLICE && r > 0; n++) {
		r = socket_receive(socket, kernel->buffer);
		if (r > 0) {
			tell_events(kernel, (size_t)r, decode, &routes);
		} else if (r == -ENOBUFS || r == -EMSGSIZE) {
			sink_mark(&kernel->sink, EVENT_LOST, kind);
			r = 1;
		}
	}
	if (routes)
		sink_take(&kernel->sink, 0, &(struct event){.type = EVENT_ROUTES});
	if (r == 0) {
		snapshot_finish(&kernel->snapshots[kind]);
		if (kernel->snapshots[kind].state == SNAPSHOT_ASKED)
			wake_up(kernel);
	}
	return r > 0 ? 1 : r;
}

static int dispatch_pm(struct kernel *kernel)
{
	return dispatch_events(kernel, &kernel->pm_events, codec_pm_event, SNAPSHOT_CONNECTIONS);
}

static int dispatch_links(struct kernel *kernel)
{
	return dispatch_events(kernel, &kernel->link_events, link_event, SNAPSHOT_HOST);
}

/* Start what was asked for, and bring to an end what only waits for its events. */
static int dispatch_wake(struct kernel *kernel)
{
	struct snapshot *snapshots = kernel->snapshots;
	eventfd_t count;
	int r = 0;

	(void)eventfd_read(kernel->wake, &count);
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++)
		snapshot_start(&snapshots[kind]);
	/* The kernel has no events for these. */
	snapshot_finish(&snapshots[SNAPSHOT_ENDPOINTS]);
	if (snapshots[SNAPSHOT_CONNECTIONS].state == SNAPSHOT_DRAINING)
		r = dispatch_pm(kernel);
	if (r >= 0 && snapshots[SNAPSHOT_HOST].state == SNAPSHOT_DRAINING)
		r = dispatch_links(kernel);
	if (r < 0)
		return r;
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++) {
		if (snapshots[kind].state == SNAPSHOT_DRAINING ||
		    snapshots[kind].state == SNAPSHOT_ASKED) {
			wake_up(kernel);
			return 1;
		}
	}
	return 0;
}

static int dispatch_snapshot(struct kernel *kernel, struct snapshot *snapshot)
{
	int r = snapshot_dispatch(snapshot, kernel->buffer, SLICE);

	if (snapshot->state == SNAPSHOT_DRAINING || snapshot->state == SNAPSHOT_ASKED)
		wake_up(kernel);
	return r;
}

int kernel_dispatch(struct kernel *kernel, int fd)
{
	if (fd == kernel->pm_events.fd)
		return dispatch_pm(kernel);
	if (fd == kernel->link_events.fd)
		return dispatch_links(kernel);
	if (fd == kernel->wake)
		return dispatch_wake(kernel);
	if (fd == kernel->listeners.fd) {
		listeners_dispatch(&kernel->listeners);
		return 0;
	}
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++) {
		if (fd == kernel->snapshots[kind].socket.fd)
			return dispatch_snapshot(kernel, &kernel->snapshots[kind]);
	}
	return -EBADF;
}

/* --- commands out -------------------------------------------------------------------------- */

/* Remember whose words belong to the outcome. */
static int told(struct kernel *kernel, const struct socket *socket, int r)
{
	kernel->text = r < 0 ? socket->text : "";
	return r;
}

static int told_pm(struct kernel *kernel, int r)
{
	return told(kernel, &kernel->pm.socket, r);
}

static int subflow_create(void *data, uint32_t token, const struct subflow_request *request)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_subflow_create(&kernel->pm, token, request));
}

static int subflow_destroy(void *data, uint32_t token, const struct mptcpd_addr *local,
			   const struct mptcpd_addr *remote, bool mapped)
{
	struct kernel *kernel = data;
	struct mptcpd_addr from = *local;
	int r;

	if (from.port == 0) {
		r = diag_find_port(&kernel->diag, token, local, remote, &from.port);
		if (r < 0)
			return told(kernel, &kernel->diag, r);
	}
	return told_pm(kernel, pm_subflow_destroy(&kernel->pm, token, &from, remote, mapped));
}

static int subflow_backup(void *data, uint32_t token, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, bool backup)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_subflow_backup(&kernel->pm, token, local, remote, backup));
}

static int announce(void *data, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
		    uint32_t ifindex)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_announce(&kernel->pm, token, addr, id, ifindex));
}

static int withdraw(void *data, uint32_t token, uint8_t id)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_withdraw(&kernel->pm, token, id));
}

static int probe(void *data, uint32_t token)
{
	struct kernel *kernel = data;
	int r = pm_is_userspace(&kernel->pm, token);

	if (r != 0)
		return r < 0 ? told_pm(kernel, r) : PROBE_USERSPACE;
	/* The words differ between versions; the socket itself is there or not. */
	if (pm_says_kernel(&kernel->pm))
		return PROBE_KERNEL;
	r = diag_has_connection(&kernel->diag, token);
	if (r < 0)
		return told(kernel, &kernel->diag, r);
	return r ? PROBE_KERNEL : PROBE_GONE;
}

static int route(void *data, const struct mptcpd_addr *local, uint32_t ifindex,
		 const struct mptcpd_addr *remote)
{
	struct kernel *kernel = data;

	return told(kernel, &kernel->links, link_route(&kernel->links, local, ifindex, remote));
}

static int endpoint_add(void *data, const struct event_endpoint *endpoint)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_endpoint_add(&kernel->pm, endpoint));
}

static int endpoint_delete(void *data, const struct event_endpoint *endpoint)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_endpoint_delete(&kernel->pm, endpoint));
}

static int endpoint_flags(void *data, const struct event_endpoint *endpoint)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_endpoint_flags(&kernel->pm, endpoint));
}

static int limits_set(void *data, const struct event_limits *limits)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_limits_set(&kernel->pm, limits));
}

static int listen_on(void *data, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	struct kernel *kernel = data;

	kernel->text = "";
	return listeners_add(&kernel->listeners, addr, ifindex);
}

static int unlisten(void *data, const struct mptcpd_addr *addr)
{
	struct kernel *kernel = data;

	kernel->text = "";
	return listeners_remove(&kernel->listeners, addr);
}

static int take_snapshot(void *data, enum snapshot_kind kind)
{
	struct kernel *kernel = data;
	int r;

	kernel->text = "";
	if (kind == SNAPSHOT_CONNECTIONS && !kernel->has_diag) {
		r = diag_check(&kernel->diag);
		if (r == -ENOENT)
			kernel->text = "no MPTCP socket diagnostics: load the module mptcp_diag";
		if (r < 0)
			return r;
		kernel->has_diag = true;
	}
	snapshot_ask(&kernel->snapshots[kind]);
	wake_up(kernel);
	return 0;
}

static bool out_of_time(void *data)
{
	const struct kernel *kernel = data;

	return now_ns() >= kernel->deadline_ns;
}

static const char *error_text(void *data)
{
	const struct kernel *kernel = data;

	return kernel->text;
}

const struct kernel_ops kernel_ops = {
	.subflow_create = subflow_create,
	.subflow_destroy = subflow_destroy,
	.subflow_backup = subflow_backup,
	.announce = announce,
	.withdraw = withdraw,
	.probe = probe,
	.route = route,
	.endpoint_add = endpoint_add,
	.endpoint_delete = endpoint_delete,
	.endpoint_flags = endpoint_flags,
	.limits_set = limits_set,
	.listen = listen_on,
	.unlisten = unlisten,
	.snapshot = take_snapshot,
	.out_of_time = out_of_time,
	.error_text = error_text,
};

void kernel_start_budget(struct kernel *kernel, uint32_t ms)
{
	kernel->deadline_ns = now_ns() + (uint64_t)ms * 1000000;
}

const struct kernel_counters *kernel_counters(const struct kernel *kernel)
{
	return &kernel->sink.counters;
}

int kernel_measure(struct kernel *kernel, const struct mptcpd_addr *local,
		   const struct mptcpd_addr *remote, uint32_t ifindex,
		   struct mptcpd_measure *ret_measure)
{
	return diag_measure(&kernel->diag, local, remote, ifindex, ret_measure);
}
