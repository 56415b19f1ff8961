/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facade: which socket is whose, and what comes in. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crowd.h"
#include "kernel-private.h"
#include "link.h"
#include "hot.h"

/* Messages read in one kernel_dispatch(). */
#define SLICE 64
/* Records of a dump, hundreds of which come in one message: some milliseconds of work. */
#define DUMP_SLICE 1024

/*
 * Without a round trip a join is answered before its command returns, and one more read saves a
 * wake-up. Where that was in vain it is tried again after so many.
 */
#define TRY_EVERY 64

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
	if (kernel->sink.reader.on_early)
		r = asking_open(&kernel->asking, kernel->sink.reader.on_refused,
				kernel->sink.reader.data);
	if (r < 0)
		return r;
	socket_grow(&kernel->pm_events);
	socket_grow(&kernel->link_events);
	r = waiting_open(&kernel->waiting, &kernel->sink);
	if (r < 0)
		return r;
	kernel->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kernel->wake < 0)
		return -errno;
	return listeners_init(&kernel->listeners);
}

static int kernel_open(struct kernel *kernel, bool with_events, char ret_why[static 256])
{
	int r = check_mptcp(kernel, ret_why);

	if (r < 0)
		return r;
	r = open_sockets(kernel);
	if (r < 0)
		return say(ret_why, r, "cannot open netlink sockets: %s", strerror(-r));
	r = with_events ? check_permission(kernel) : 0;
	if (r == -EPERM)
		return say(ret_why, r,
			   "CAP_NET_ADMIN is missing in the user namespace that owns "
			   "this network namespace");
	if (r == 0 && with_events)
		r = link_join(&kernel->link_events);
	if (r < 0)
		return say(ret_why, r, "cannot subscribe to kernel events: %s", strerror(-r));
	return 0;
}

static int make(const struct kernel_reader *reader, bool with_events, struct kernel **ret_kernel,
		char ret_why[static 256])
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int r;

	if (!kernel)
		return say(ret_why, -ENOMEM, "out of memory");
	kernel->sink.reader = *reader;
	socket_batch_init(&kernel->batch);
	kernel->wake = -1;
	kernel->listeners.fd = -1;
	kernel->waiting.answers.segments_fd = kernel->waiting.answers.fd = -1;
	r = kernel_open(kernel, with_events, ret_why);
	if (r < 0) {
		kernel_free(kernel);
		return r;
	}
	*ret_kernel = kernel;
	return 0;
}

int kernel_new(const struct kernel_reader *reader, struct kernel **ret_kernel,
	       char ret_why[static 256])
{
	return make(reader, true, ret_kernel, ret_why);
}

int kernel_new_quiet(const struct kernel_reader *reader, struct kernel **ret_kernel,
		     char ret_why[static 256])
{
	return make(reader, false, ret_kernel, ret_why);
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	listeners_done(&kernel->listeners);
	listening_done(&kernel->listening);
	pending_done(&kernel->pending);
	waiting_close(&kernel->waiting);
	cgroups_done(&kernel->cgroups);
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++)
		snapshot_close(&kernel->snapshots[kind]);
	socket_close(&kernel->link_events);
	socket_close(&kernel->pm_events);
	socket_close(&kernel->asking.socket);
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
	ret_fds[n++] = kernel->waiting.socket.fd;
	if (kernel->asking.socket.mnl)
		ret_fds[n++] = kernel->asking.socket.fd;
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++)
		ret_fds[n++] = kernel->snapshots[kind].socket.fd;
	return n;
}

void kernel_wake_up(struct kernel *kernel)
{
	/* It fails only if it is awake already. */
	(void)eventfd_write(kernel->wake, 1);
}

typedef int decoder(const void *message, size_t size, struct event *ret_event);

/* All messages of one datagram, with EVENT_ROUTES held back: the greatest news stand for many. */
static void tell_events(struct kernel *kernel, const char *bytes, size_t size, decoder *decode,
			int *news)
{
	const struct nlmsghdr *nlh;
	struct event event;

	while ((nlh = socket_next(&bytes, &size))) {
		int r = decode(nlh, nlh->nlmsg_len, &event);

		if (r == 0 && event.type == EVENT_ROUTES)
			*news = event.news > *news ? event.news : *news;
		else
			sink_take(&kernel->sink, r, &event);
	}
	if (size > 0)
		kernel->sink.counters.malformed++;
}

/*
 * All that was queued is told. After ENOBUFS the kernel drops every event, without a word, until
 * then: what a snapshot misses meanwhile would never be told.
 */
static void read_empty(struct kernel *kernel, bool lossy, enum snapshot_kind kind)
{
	if (lossy)
		sink_mark(&kernel->sink, EVENT_LOST, kind);
	snapshot_finish(&kernel->snapshots[kind]);
	if (kernel->snapshots[kind].state == SNAPSHOT_ASKED)
		kernel_wake_up(kernel);
}

/* Who is established may be asked for subflows at once, but for those that ended since. */
HOT static void tell_early(struct kernel *kernel, const char *bytes, int size,
			   const struct crowd *crowd)
{
	const struct kernel_reader *reader = &kernel->sink.reader;
	struct event event;

	if (!codec_is_established(bytes, size) || codec_pm_event(bytes, (size_t)size, &event) < 0)
		return;
	kernel->n_established++;
	if (reader->on_early && !(crowd && crowd_has_ended(crowd, event.token)))
		reader->on_early(reader->data, &event);
}

/* Tell of those that are established, and only then of all that happened. */
HOT static void tell_batch(struct kernel *kernel, size_t n)
{
	struct socket_batch *batch = &kernel->batch;
	int news = -1;

	for (size_t i = 0; i < n; i++)
		tell_early(kernel, batch->bytes[i], socket_batch_length(batch, i), NULL);
	asking_send(&kernel->asking);
	for (size_t i = 0; i < n; i++) {
		int size = socket_batch_length(batch, i);

		if (size == -EMSGSIZE)
			kernel->pm_events.lossy = true;
		else
			tell_events(kernel, batch->bytes[i], (size_t)size, codec_pm_event, &news);
	}
}

HOT static int dispatch_pm(struct kernel *kernel)
{
	const struct snapshot *snapshot = &kernel->snapshots[SNAPSHOT_CONNECTIONS];
	struct socket *socket = &kernel->pm_events;
	bool is_try = false;
	int n = SOCKET_BATCH;

	for (size_t told = 0; told < SLICE; told += SOCKET_BATCH) {
		uint32_t asked = kernel->asking.socket.seq;

		n = socket_receive_batch(socket, &kernel->batch);
		if (is_try)
			kernel->n_untried = n > 0 ? 0 : 1;
		if (n == -ENOBUFS)
			socket->lossy = true;
		else if (n < 0)
			return n;
		else
			tell_batch(kernel, (size_t)n);
		is_try = asked != kernel->asking.socket.seq && kernel->n_untried++ % TRY_EVERY == 0;
		/* A read that is not full may also have met a loss, which the next one tells. */
		if (n == 0 || (n > 0 && n < SOCKET_BATCH && !socket->lossy && !is_try &&
			       snapshot->state != SNAPSHOT_DRAINING)) {
			read_empty(kernel, socket->lossy, SNAPSHOT_CONNECTIONS);
			socket->lossy = false;
			return 0;
		}
	}
	return 1;
}

static void tell_crowd(struct kernel *kernel, const struct crowd *crowd)
{
	const char *bytes;
	size_t size;
	int news = -1;

	for (size_t i = 0; i < crowd->n; i++) {
		bytes = crowd_get(crowd, i, &size);
		tell_early(kernel, bytes, (int)size, crowd);
	}
	asking_send(&kernel->asking);
	for (size_t i = 0; i < crowd->n; i++) {
		bytes = crowd_get(crowd, i, &size);
		tell_events(kernel, bytes, size, codec_pm_event, &news);
	}
}

/* Of what was refused and not told, a snapshot will show nothing. */
static int heard(struct kernel *kernel, int n)
{
	if (n == -ENOBUFS)
		sink_mark(&kernel->sink, EVENT_LOST, SNAPSHOT_CONNECTIONS);
	return n == -ENOBUFS ? 1 : n < 0 ? n : 0;
}

/*
 * All that was refused of one crowd is told before more is asked for: no more is remembered. Where one
 * crowd comes after the other, the loop alone would not be quick enough.
 */
static int hear_refusals(struct kernel *kernel)
{
	int n = SOCKET_BATCH;

	if (!kernel->asking.socket.mnl)
		return 0;
	for (size_t i = 0; i < CROWD_MAX && n == SOCKET_BATCH; i += SOCKET_BATCH)
		n = asking_dispatch(&kernel->asking, &kernel->batch);
	return heard(kernel, n);
}

int kernel_dispatch_crowd(struct kernel *kernel)
{
	struct crowd crowd = {.bytes = kernel->buffer};
	struct socket *socket = &kernel->pm_events;
	size_t n_read = 0; /* what is left out of the crowd takes time, too */
	int r = hear_refusals(kernel), n = SOCKET_BATCH;

	if (r < 0)
		return r;
	while (n != 0 && n_read < CROWD_MAX && crowd_has_room(&crowd)) {
		n = socket_receive_batch(socket, &kernel->batch);
		if (n < 0 && n != -ENOBUFS)
			return n;
		n_read += n > 0 ? (size_t)n : 1;
		if (n == -ENOBUFS || !crowd_add(&crowd, &kernel->batch, (size_t)n))
			socket->lossy = true;
	}
	tell_crowd(kernel, &crowd);
	if (n != 0)
		return 1;
	read_empty(kernel, socket->lossy, SNAPSHOT_CONNECTIONS);
	socket->lossy = false;
	return 0;
}

static int dispatch_links(struct kernel *kernel)
{
	struct socket *socket = &kernel->link_events;
	int r = 1, news = -1;

	for (size_t i = 0; i < 2; i++)
		ways_forget(&kernel->ways[i]);
	for (size_t n = 0; n < SLICE && r > 0; n++) {
		r = socket_receive(socket, kernel->buffer);
		if (r > 0) {
			tell_events(kernel, kernel->buffer, (size_t)r, link_event, &news);
		} else if (r == -ENOBUFS || r == -EMSGSIZE) {
			socket->lossy = true;
			r = 1;
		}
	}
	if (news >= 0)
		sink_take(&kernel->sink, 0,
			  &(struct event){.type = EVENT_ROUTES, .news = (uint8_t)news});
	if (r == 0) {
		read_empty(kernel, socket->lossy, SNAPSHOT_HOST);
		read_empty(kernel, false,
			   SNAPSHOT_ROUTING); /* a loss of the host's is one of these */
		socket->lossy = false;
	}
	return r > 0 ? 1 : r;
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
	if (r >= 0 && (snapshots[SNAPSHOT_HOST].state == SNAPSHOT_DRAINING ||
		       snapshots[SNAPSHOT_ROUTING].state == SNAPSHOT_DRAINING))
		r = dispatch_links(kernel);
	if (r < 0)
		return r;
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++) {
		if (snapshots[kind].state == SNAPSHOT_DRAINING ||
		    snapshots[kind].state == SNAPSHOT_ASKED) {
			kernel_wake_up(kernel);
			return 1;
		}
	}
	return 0;
}

static int dispatch_snapshot(struct kernel *kernel, struct snapshot *snapshot)
{
	int r = snapshot_dispatch(snapshot, kernel->buffer, DUMP_SLICE);

	if (snapshot->state == SNAPSHOT_DRAINING || snapshot->state == SNAPSHOT_ASKED)
		kernel_wake_up(kernel);
	return r;
}

static int dispatch_asking(struct kernel *kernel)
{
	return heard(kernel, asking_dispatch(&kernel->asking, &kernel->batch));
}

HOT int kernel_dispatch(struct kernel *kernel, int fd)
{
	if (fd == kernel->pm_events.fd)
		return dispatch_pm(kernel);
	if (fd == kernel->asking.socket.fd && kernel->asking.socket.mnl)
		return dispatch_asking(kernel);
	if (fd == kernel->link_events.fd)
		return dispatch_links(kernel);
	if (fd == kernel->wake)
		return dispatch_wake(kernel);
	if (fd == kernel->listeners.fd) {
		listeners_dispatch(&kernel->listeners);
		return 0;
	}
	if (fd == kernel->waiting.socket.fd)
		return waiting_dispatch(&kernel->waiting, kernel->buffer, DUMP_SLICE);
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS; kind++) {
		if (fd == kernel->snapshots[kind].socket.fd)
			return dispatch_snapshot(kernel, &kernel->snapshots[kind]);
	}
	return -EBADF;
}

uint64_t kernel_established(const struct kernel *kernel)
{
	return kernel->n_established;
}

struct listeners *kernel_listeners(struct kernel *kernel)
{
	return &kernel->listeners;
}

const struct kernel_counters *kernel_counters(const struct kernel *kernel)
{
	return &kernel->sink.counters;
}
