/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>

#include "clock.h"
#include "diag.h"
#include "link.h"
#include "snapshot.h"
#include "sysctl.h"

/* How often a dump is done again because something changed under it. */
#define RESTARTS_MAX 8
/*
 * Records that are decoded before the first of them is told. Of many connections none is in the cache,
 * and the processor waits for several at a time, if it knows early enough which ones they are.
 */
#define AHEAD 16

void sink_take(struct sink *sink, int r, const struct event *event)
{
	if (r == 0)
		sink->reader.on_event(sink->reader.data, event);
	else if (r == CODEC_UNKNOWN)
		sink->counters.unknown++;
	else if (r < 0)
		sink->counters.malformed++;
}

void sink_mark(struct sink *sink, enum event_type type, enum snapshot_kind kind)
{
	struct event event = {.type = type, .snapshot = kind};

	sink->reader.on_event(sink->reader.data, &event);
}

int snapshot_open(struct snapshot *snapshot, enum snapshot_kind kind, uint16_t family,
		  struct sink *sink)
{
	static const int buses[SNAPSHOT_KINDS] = {
		[SNAPSHOT_CONNECTIONS] = NETLINK_SOCK_DIAG,
		[SNAPSHOT_HOST] = NETLINK_ROUTE,
		[SNAPSHOT_ENDPOINTS] = NETLINK_GENERIC,
		[SNAPSHOT_ROUTING] = NETLINK_ROUTE,
	};
	int r;

	*snapshot = (struct snapshot){.kind = kind, .family = family, .sink = sink};
	r = socket_open(&snapshot->socket, buses[kind], SOCKET_STREAM);
	return r == 0 && kind == SNAPSHOT_ROUTING ? socket_filter(&snapshot->socket) : r;
}

void snapshot_close(struct snapshot *snapshot)
{
	socket_close(&snapshot->socket);
}

/* The request of the present stage, or NULL after the last one. */
static struct nlmsghdr *stage_request(const struct snapshot *snapshot, void *buffer)
{
	if (snapshot->kind == SNAPSHOT_CONNECTIONS) {
		if (snapshot->stage == 0)
			return codec_get_connections(buffer, CODEC_CONNECTED);
		if (snapshot->stage == 1 && !snapshot->brief)
			return codec_get_subflows(buffer, CODEC_CONNECTED | CODEC_SYN_SENT);
	} else if (snapshot->kind == SNAPSHOT_HOST) {
		if (snapshot->stage == 0)
			return codec_get_links(buffer);
		if (snapshot->stage == 1)
			return codec_get_addresses(buffer);
	} else if (snapshot->kind == SNAPSHOT_ROUTING) {
		if (snapshot->stage < 2)
			return codec_get_rules(buffer, snapshot->stage ? AF_INET6 : AF_INET);
		if (snapshot->stage < 4)
			return codec_get_all_routes(buffer,
						    snapshot->stage == 3 ? AF_INET6 : AF_INET,
						    snapshot->brief);
	} else {
		if (snapshot->stage == 0)
			return codec_get_addr(buffer, snapshot->family, 0);
		if (snapshot->stage == 1)
			return codec_get_limits(buffer, snapshot->family);
	}
	return NULL;
}

/* A route is as many records as it has next hops, a rule one. */
static void tell_routing(const struct snapshot *snapshot, const struct nlmsghdr *nlh)
{
	struct event event;
	size_t hop = 0;
	int r;

	while ((r = codec_routing_event(nlh, nlh->nlmsg_len, hop++, &event)) != -ENOENT) {
		sink_take(snapshot->sink, r, &event);
		if (r < 0)
			break;
	}
}

static int decode_record(const struct snapshot *snapshot, const struct nlmsghdr *nlh,
			 uint64_t now_ms, struct event *ret_event)
{
	int r;

	if (snapshot->kind == SNAPSHOT_CONNECTIONS && snapshot->stage == 0)
		return codec_diag_connection(nlh, nlh->nlmsg_len, ret_event);
	if (snapshot->kind == SNAPSHOT_CONNECTIONS)
		return codec_diag_subflow(nlh, nlh->nlmsg_len, now_ms, ret_event);
	r = snapshot->kind == SNAPSHOT_HOST ? link_event(nlh, nlh->nlmsg_len, ret_event)
					    : codec_pm_reply(nlh, nlh->nlmsg_len, ret_event);
	if (r == 0)
		ret_event->dumped = true; /* news come in the same form */
	return r;
}

static void go_idle(struct snapshot *snapshot)
{
	snapshot->state = snapshot->again ? SNAPSHOT_ASKED : SNAPSHOT_IDLE;
	snapshot->brief = snapshot->again_brief;
	snapshot->again = false;
}

void snapshot_fail(struct snapshot *snapshot, int error)
{
	struct event event = {
		.type = EVENT_SNAPSHOT_FAILED,
		.error = (uint8_t)-error,
		.snapshot = snapshot->kind,
	};

	snapshot->sink->counters.snapshots_failed++;
	go_idle(snapshot);
	sink_take(snapshot->sink, 0, &event);
}

/* What a snapshot says beside its dumps, once they are read. */
static void tell_rest(struct snapshot *snapshot)
{
	struct event event = {0};

	if (snapshot->kind == SNAPSHOT_HOST) {
		event.type = EVENT_ROUTES;
		sink_take(snapshot->sink, 0, &event);
	} else if (snapshot->kind == SNAPSHOT_ENDPOINTS) {
		event.type = EVENT_PATH_MANAGER;
		event.path_manager = sysctl_path_manager();
		sink_take(snapshot->sink, 0, &event);
	}
}

static void send_stage(struct snapshot *snapshot)
{
	union codec_command command;
	struct nlmsghdr *request = stage_request(snapshot, &command);
	int r;

	snapshot->interrupted = false;
	if (!request) {
		tell_rest(snapshot);
		snapshot->state = SNAPSHOT_DRAINING;
		return;
	}
	r = socket_send(&snapshot->socket, request);
	if (r < 0)
		snapshot_fail(snapshot, r);
}

/* Does the kernel say that it was built without that family, or without rules for it? */
static bool has_nothing(const struct snapshot *snapshot, int error)
{
	return snapshot->kind == SNAPSHOT_ROUTING &&
	       (error == -EAFNOSUPPORT || error == -EOPNOTSUPP);
}

static void end_stage(struct snapshot *snapshot, const struct nlmsghdr *nlh)
{
	char text[CODEC_TEXT_SIZE];
	int error;

	if (codec_ack(nlh, nlh->nlmsg_len, &error, text) < 0)
		error = -EBADMSG;
	if (has_nothing(snapshot, error))
		error = 0;
	if (error == 0 && snapshot->interrupted && ++snapshot->restarts > RESTARTS_MAX)
		error = -EINTR;
	if (error < 0) {
		snapshot_fail(snapshot, error);
		return;
	}
	if (!snapshot->interrupted)
		snapshot->stage++;
	send_stage(snapshot);
}

void snapshot_ask(struct snapshot *snapshot, bool brief)
{
	if (snapshot->state == SNAPSHOT_IDLE || snapshot->state == SNAPSHOT_ASKED) {
		snapshot->brief = brief && (snapshot->state == SNAPSHOT_IDLE || snapshot->brief);
		snapshot->state = SNAPSHOT_ASKED;
	} else {
		snapshot->again_brief = brief && (!snapshot->again || snapshot->again_brief);
		snapshot->again = true;
	}
}

void snapshot_give_up(struct snapshot *snapshot)
{
	snapshot->state = SNAPSHOT_IDLE;
	snapshot->again = false;
}

void snapshot_start(struct snapshot *snapshot)
{
	if (snapshot->state != SNAPSHOT_ASKED)
		return;
	snapshot->state = SNAPSHOT_DUMPING;
	snapshot->stage = 0;
	snapshot->restarts = 0;
	/* Before the request: what an event says from here on is newer than any record. */
	sink_take(snapshot->sink, 0,
		  &(struct event){.type = EVENT_SNAPSHOT_BEGIN,
				  .brief = snapshot->brief,
				  .snapshot = snapshot->kind});
	send_stage(snapshot);
}

/* Records that are decoded, and not told yet. */
struct ahead {
	struct event events[AHEAD];
	int results[AHEAD];
	size_t n;
};

static void tell_ahead(struct snapshot *snapshot, struct ahead *ahead)
{
	const struct kernel_reader *reader = &snapshot->sink->reader;
	bool expects = reader->on_soon && snapshot->kind == SNAPSHOT_CONNECTIONS;

	for (size_t i = 0; expects && i < ahead->n; i++)
		if (ahead->results[i] == 0)
			reader->on_soon(reader->data, ahead->events[i].token);
	for (size_t i = 0; i < ahead->n && snapshot->state == SNAPSHOT_DUMPING; i++)
		sink_take(snapshot->sink, ahead->results[i], &ahead->events[i]);
	ahead->n = 0;
}

static void read_ahead(struct snapshot *snapshot, const struct nlmsghdr *nlh, uint64_t now_ms,
		       struct ahead *ahead)
{
	ahead->results[ahead->n] = decode_record(snapshot, nlh, now_ms, &ahead->events[ahead->n]);
	if (++ahead->n == AHEAD)
		tell_ahead(snapshot, ahead);
}

/* Returns how many messages there were. */
static size_t read_records(struct snapshot *snapshot, const char *bytes, size_t size)
{
	uint64_t now_ms = clock_boot_ms();
	const struct nlmsghdr *nlh;
	struct ahead ahead;
	size_t n = 0;

	ahead.n = 0;
	while ((nlh = socket_next(&bytes, &size))) {
		n++;
		/* Of a dump that was given up. */
		if (nlh->nlmsg_seq != snapshot->socket.seq || snapshot->state != SNAPSHOT_DUMPING)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			snapshot->interrupted = true;
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
			tell_ahead(snapshot, &ahead);
			end_stage(snapshot, nlh);
		} else if (snapshot->kind == SNAPSHOT_ROUTING) {
			tell_routing(snapshot, nlh);
		} else {
			read_ahead(snapshot, nlh, now_ms, &ahead);
		}
	}
	tell_ahead(snapshot, &ahead);
	if (size > 0)
		snapshot->sink->counters.malformed++;
	return n;
}

int snapshot_dispatch(struct snapshot *snapshot, char buffer[static SOCKET_BUFFER_SIZE],
		      size_t slice)
{
	size_t n = 0;

	while (n < slice) {
		int r = socket_receive(&snapshot->socket, buffer);

		if (r == 0)
			return 0;
		if (r == -ENOBUFS || r == -EMSGSIZE) {
			/* Records are missing; the dump itself goes on to its end. */
			snapshot->interrupted = true;
			n++;
		} else if (r < 0) {
			return r;
		} else {
			n += read_records(snapshot, buffer, (size_t)r);
		}
	}
	return 1;
}

void snapshot_finish(struct snapshot *snapshot)
{
	if (snapshot->state != SNAPSHOT_DRAINING)
		return;
	sink_mark(snapshot->sink, EVENT_SNAPSHOT_END, snapshot->kind);
	go_idle(snapshot);
}
