/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state-record.h"

#include <errno.h>
#include <string.h>

#include "saved.h"

/* ---- writing ---- */

struct writer {
	uint8_t *at, *end;
};

/* Room is never short: the most of everything fits into the buffers, and memory is asked for. */
static void put(struct writer *writer, const void *bytes, size_t size)
{
	memcpy(writer->at, bytes, size);
	writer->at += size;
}

static void put_u8(struct writer *writer, unsigned int value)
{
	*writer->at++ = (uint8_t)value;
}

static void put_u16(struct writer *writer, unsigned int value)
{
	uint16_t u16 = (uint16_t)value;

	put(writer, &u16, sizeof(u16));
}

static void put_u32(struct writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_addr(struct writer *writer, const struct mptcpd_addr *addr)
{
	put_u8(writer, addr->family == AF_INET6 ? 6 : 4);
	put(writer, addr->ip, addr->family == AF_INET6 ? 16 : 4);
	put_u16(writer, addr->port);
}

/* ---- reading ---- */

struct reader {
	const uint8_t *at, *end;
	bool bad; /* something was missing, or not what it can be; what was read then is 0 */
};

static void take(struct reader *reader, void *bytes, size_t size)
{
	reader->bad |= (size_t)(reader->end - reader->at) < size;
	if (reader->bad) {
		memset(bytes, 0, size);
		return;
	}
	memcpy(bytes, reader->at, size);
	reader->at += size;
}

/* A number up to `max`. */
static uint8_t take_u8(struct reader *reader, unsigned int max)
{
	uint8_t value;

	take(reader, &value, sizeof(value));
	reader->bad |= value > max;
	return value;
}

static uint16_t take_u16(struct reader *reader, unsigned int max)
{
	uint16_t value;

	take(reader, &value, sizeof(value));
	reader->bad |= value > max;
	return value;
}

static uint32_t take_u32(struct reader *reader)
{
	uint32_t value;

	take(reader, &value, sizeof(value));
	return value;
}

static struct mptcpd_addr take_addr(struct reader *reader)
{
	struct mptcpd_addr addr = {0};
	uint8_t version = take_u8(reader, 6);

	reader->bad |= version != 4 && version != 6;
	addr.family = version == 6 ? AF_INET6 : AF_INET;
	take(reader, addr.ip, version == 6 ? 16 : 4);
	addr.port = take_u16(reader, UINT16_MAX);
	return addr;
}

/* Tell it, unless this is the pass that only checks. */
struct teller {
	void (*on_event)(void *data, const struct event *event);
	void *data;
	uint32_t token;
};

static void tell(const struct teller *teller, const struct reader *reader, struct event *event)
{
	event->token = teller->token;
	if (teller->on_event && !reader->bad)
		teller->on_event(teller->data, event);
}

/* ---- the connection itself ---- */

enum {
	SIDE_MASK = 3,
	DENY_JOIN_ID0 = 1 << 2,
	REMOTE_REMOVED = 1 << 3,
	MAPPED = 1 << 4,
	LOCAL_REMOVED = 1 << 5,
	TEMPORARY = 1 << 6,
};

static void put_connection(struct writer *writer, const struct connection *connection)
{
	put_u8(writer, connection->side | (connection->deny_join_id0 ? DENY_JOIN_ID0 : 0) |
			       (connection->remote_removed ? REMOTE_REMOVED : 0) |
			       (connection->mapped ? MAPPED : 0) |
			       (connection->local_removed ? LOCAL_REMOVED : 0) |
			       (connection->temporary ? TEMPORARY : 0));
	put_addr(writer, &connection->local);
	put_addr(writer, &connection->remote);
}

static void take_connection(struct reader *reader, const struct teller *teller, uint32_t slot)
{
	struct event event = {.type = EVENT_SAVED_CONNECTION};
	uint8_t flags = take_u8(reader, 2 * TEMPORARY - 1);

	reader->bad |= (flags & SIDE_MASK) > MPTCPD_SIDE_SERVER;
	event.saved_connection = (struct event_saved_connection){
		.slot = slot,
		.side = flags & SIDE_MASK,
		.deny_join_id0 = flags & DENY_JOIN_ID0,
		.remote_removed = flags & REMOTE_REMOVED,
		.mapped = flags & MAPPED,
		.local_removed = flags & LOCAL_REMOVED,
		.temporary = flags & TEMPORARY,
	};
	event.saved_connection.local = take_addr(reader);
	event.saved_connection.remote = take_addr(reader);
	tell(teller, reader, &event);
}

/* ---- the peer's addresses ---- */

static void put_peers(struct writer *writer, const struct connection *connection)
{
	put_u8(writer, connection->n_peers);
	for (size_t i = 0; i < connection->n_peers; i++) {
		put_u8(writer, connection->peers[i].id);
		put_addr(writer, &connection->peers[i].addr);
	}
}

static void take_peers(struct reader *reader, const struct teller *teller)
{
	uint8_t n = take_u8(reader, UINT8_MAX);

	for (size_t i = 0; i < n && !reader->bad; i++) {
		struct event event = {.type = EVENT_SAVED_PEER};

		event.peer_address.id = take_u8(reader, UINT8_MAX);
		event.peer_address.addr = take_addr(reader);
		tell(teller, reader, &event);
	}
}

/* ---- subflows ---- */

enum {
	SEEN = 1 << 0,
	BY_ADMIN = 1 << 1,
	INITIAL = 1 << 2,
	SUBFLOW_MAPPED = 1 << 3,
	BACKUP = 1 << 4,
	WANT_BACKUP = 1 << 5,
	BANNED = 1 << 6,
	PINNED = 1 << 7,
	FIXED_ID = 1 << 8,
	STALE = 1 << 9,
	ORIGIN_KNOWN = 1 << 10,
};

static bool was_seen(const struct subflow *subflow)
{
	return subflow_is_seen(subflow) || subflow->saved;
}

/* A plan's wish will be planned again; an administrator's is known to nobody else. */
static bool is_worth_saving(const struct subflow *subflow)
{
	return !subflow->gone && (was_seen(subflow) || subflow->banned || subflow->pinned ||
				  subflow->wanted_by == WANTED_BY_ADMIN);
}

static unsigned int subflow_flags(const struct subflow *subflow)
{
	return (was_seen(subflow) ? SEEN : 0) |
	       (subflow->wanted_by == WANTED_BY_ADMIN ? BY_ADMIN : 0) |
	       (subflow->initial ? INITIAL : 0) | (subflow->mapped ? SUBFLOW_MAPPED : 0) |
	       (subflow->backup ? BACKUP : 0) | (subflow->want_backup ? WANT_BACKUP : 0) |
	       (subflow->banned ? BANNED : 0) | (subflow->pinned ? PINNED : 0) |
	       (subflow->fixed_id ? FIXED_ID : 0) | (subflow->stale ? STALE : 0) |
	       (subflow->origin_known ? ORIGIN_KNOWN : 0);
}

static void put_subflows(struct writer *writer, const struct connection *connection)
{
	uint8_t *n = writer->at;

	put_u8(writer, 0);
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (!is_worth_saving(subflow))
			continue;
		++*n;
		put_addr(writer, &subflow->local);
		put_addr(writer, &subflow->remote);
		put_u32(writer, subflow->ifindex);
		put_u16(writer, subflow->asked_port);
		put_u8(writer, subflow->instance);
		put_u8(writer, subflow->local_id);
		put_u8(writer, subflow->remote_id);
		put_u8(writer, subflow->origin);
		put_u16(writer, subflow_flags(subflow));
	}
}

static struct event_saved_subflow take_subflow(struct reader *reader)
{
	struct event_saved_subflow subflow = {0};
	uint16_t flags;

	subflow.local = take_addr(reader);
	subflow.remote = take_addr(reader);
	reader->bad |= subflow.local.family != subflow.remote.family;
	subflow.ifindex = take_u32(reader);
	subflow.asked_port = take_u16(reader, UINT16_MAX);
	subflow.instance = take_u8(reader, UINT8_MAX);
	subflow.local_id = take_u8(reader, UINT8_MAX);
	subflow.remote_id = take_u8(reader, UINT8_MAX);
	subflow.origin = take_u8(reader, MPTCPD_ORIGIN_ADMIN);
	flags = take_u16(reader, 2 * ORIGIN_KNOWN - 1);
	subflow.seen = flags & SEEN;
	subflow.wanted_by_admin = flags & BY_ADMIN;
	subflow.initial = flags & INITIAL;
	subflow.mapped = flags & SUBFLOW_MAPPED;
	subflow.backup = flags & BACKUP;
	subflow.want_backup = flags & WANT_BACKUP;
	subflow.banned = flags & BANNED;
	subflow.pinned = flags & PINNED;
	subflow.fixed_id = flags & FIXED_ID;
	subflow.stale = flags & STALE;
	subflow.origin_known = flags & ORIGIN_KNOWN;
	return subflow;
}

static void take_subflows(struct reader *reader, const struct teller *teller)
{
	uint8_t n = take_u8(reader, UINT8_MAX);

	for (size_t i = 0; i < n && !reader->bad; i++) {
		struct event event = {.type = EVENT_SAVED_SUBFLOW};

		event.saved_subflow = take_subflow(reader);
		tell(teller, reader, &event);
	}
}

/* ---- announcements ---- */

enum {
	SENT = 1 << 0,
	LISTENING = 1 << 1,
	ANNOUNCED_BY_ADMIN = 1 << 2,
	IS_LOCAL = 1 << 3,
	TAKEN_BACK = 1 << 4,
};

static void put_announced(struct writer *writer, const struct connection *connection)
{
	put_u8(writer, connection->n_announced);
	for (size_t i = 0; i < connection->n_announced; i++) {
		const struct announced *announced = &connection->announced[i];

		put_addr(writer, &announced->addr);
		put_u32(writer, announced->ifindex);
		put_u8(writer, announced->id);
		put_u8(writer,
		       (announced->sent ? SENT : 0) |
			       (announced->listening || announced->saved_listening ? LISTENING
										   : 0) |
			       (announced->wanted_by == WANTED_BY_ADMIN ? ANNOUNCED_BY_ADMIN : 0) |
			       (announced->is_local ? IS_LOCAL : 0) |
			       (announced->banned ? TAKEN_BACK : 0));
	}
}

static void take_announced(struct reader *reader, const struct teller *teller)
{
	uint8_t n = take_u8(reader, UINT8_MAX);

	for (size_t i = 0; i < n && !reader->bad; i++) {
		struct event event = {.type = EVENT_SAVED_ANNOUNCED};
		uint8_t flags;

		event.saved_announced.addr = take_addr(reader);
		event.saved_announced.ifindex = take_u32(reader);
		event.saved_announced.id = take_u8(reader, UINT8_MAX);
		reader->bad |= event.saved_announced.id == 0;
		flags = take_u8(reader, 2 * TAKEN_BACK - 1);
		event.saved_announced.sent = flags & SENT;
		event.saved_announced.listening = flags & LISTENING;
		event.saved_announced.wanted_by_admin = flags & ANNOUNCED_BY_ADMIN;
		event.saved_announced.is_local = flags & IS_LOCAL;
		event.saved_announced.banned = flags & TAKEN_BACK;
		tell(teller, reader, &event);
	}
}

/* ---- memory of the policy ---- */

static void put_memory(struct writer *writer, const struct connection *connection)
{
	const void *bytes = connection->memory;
	uint64_t layout = 0;
	size_t size = 0;

	if (connection->memory && connection->policy_known) {
		layout = saved_layout(connection->policy);
		size = connection->policy->memory_size;
	} else if (connection->memory) {
		const struct saved_memory *saved = connection->memory;

		layout = saved->layout;
		size = saved->size;
		bytes = saved->bytes;
	}
	if (size > (size_t)(writer->end - writer->at) - sizeof(uint32_t) - sizeof(layout))
		size = 0;
	put_u32(writer, (uint32_t)size);
	if (size == 0)
		return;
	put(writer, &layout, sizeof(layout));
	put(writer, bytes, size);
}

static void take_memory(struct reader *reader, const struct teller *teller)
{
	struct event event = {.type = EVENT_SAVED_MEMORY};
	struct event_saved_memory *memory = &event.saved_memory;

	memory->size = take_u32(reader);
	if (memory->size == 0)
		return;
	take(reader, &memory->layout, sizeof(memory->layout));
	reader->bad |= memory->size > RECORD_MAX;
	while (memory->offset < memory->size && !reader->bad) {
		uint32_t left = memory->size - memory->offset;

		memory->n = left < sizeof(memory->bytes) ? (uint8_t)left : sizeof(memory->bytes);
		take(reader, memory->bytes, memory->n);
		tell(teller, reader, &event);
		memory->offset += memory->n;
	}
}

/* ---- all together ---- */

size_t record_encode(const struct connection *connection, uint8_t bytes[static RECORD_MAX])
{
	struct writer writer = {bytes, bytes + RECORD_MAX};

	put_connection(&writer, connection);
	put_peers(&writer, connection);
	put_subflows(&writer, connection);
	put_announced(&writer, connection);
	put_memory(&writer, connection);
	return (size_t)(writer.at - bytes);
}

static int decode(const uint8_t *bytes, size_t size, uint32_t slot, const struct teller *teller)
{
	struct reader reader = {bytes, bytes + size, false};

	take_connection(&reader, teller, slot);
	take_peers(&reader, teller);
	take_subflows(&reader, teller);
	take_announced(&reader, teller);
	take_memory(&reader, teller);
	return reader.bad || reader.at != reader.end ? -EBADMSG : 0;
}

int record_decode(const uint8_t *bytes, size_t size, uint32_t token, uint32_t slot,
		  void (*on_event)(void *data, const struct event *event), void *data)
{
	int r = token ? decode(bytes, size, slot, &(struct teller){0}) : -EBADMSG;

	if (r == 0 && on_event)
		r = decode(bytes, size, slot, &(struct teller){on_event, data, token});
	return r;
}

/* ---- the host ---- */

static void put_limits(struct writer *writer, const struct event_limits *limits)
{
	put_u32(writer, limits->subflows);
	put_u32(writer, limits->add_addr_accepted);
}

static struct event_limits take_limits(struct reader *reader)
{
	struct event_limits limits;

	limits.subflows = take_u32(reader);
	limits.add_addr_accepted = take_u32(reader);
	return limits;
}

size_t record_encode_host(const struct state_host *host, uint8_t bytes[static RECORD_HOST_MAX])
{
	struct writer writer = {bytes, bytes + RECORD_HOST_MAX};

	put_u8(&writer, host->path_manager);
	put_u8(&writer, host->has_limits);
	put_limits(&writer, &host->limits_before);
	put_limits(&writer, &host->limits_set);
	put_u16(&writer, (unsigned int)host->n_endpoints);
	for (size_t i = 0; i < host->n_endpoints; i++) {
		const struct event_endpoint *endpoint = &host->endpoints[i];

		put_addr(&writer, &endpoint->addr);
		put_u32(&writer, endpoint->flags);
		put_u32(&writer, endpoint->ifindex);
		put_u8(&writer, endpoint->id);
	}
	return (size_t)(writer.at - bytes);
}

int record_decode_host(const uint8_t *bytes, size_t size, struct state_host *ret_host)
{
	struct reader reader = {bytes, bytes + size, false};
	struct state_host host = {0};

	host.path_manager = take_u8(&reader, PATH_MANAGER_USERSPACE);
	host.has_limits = take_u8(&reader, 1);
	host.limits_before = take_limits(&reader);
	host.limits_set = take_limits(&reader);
	host.n_endpoints = take_u16(&reader, RECORD_ENDPOINTS_MAX);
	for (size_t i = 0; i < host.n_endpoints && !reader.bad; i++) {
		host.endpoints[i].addr = take_addr(&reader);
		host.endpoints[i].flags = take_u32(&reader);
		host.endpoints[i].ifindex = take_u32(&reader);
		host.endpoints[i].id = take_u8(&reader, UINT8_MAX);
	}
	if (reader.bad || reader.at != reader.end)
		return -EBADMSG;
	*ret_host = host;
	return 0;
}
