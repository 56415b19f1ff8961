/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of a connection is the byte PARTS and then its parts, each with its kind and its size,
 * so that a later build may add what an earlier one skips: a kind, or bytes at the end of a part. A
 * part that is missing says nothing. The format before had no sizes, and each kind in its place;
 * its first byte is never PARTS.
 */
#include "state-record.h"

#include <errno.h>
#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "policy-memory.h"

#define PARTS 0xff

enum part {
	PART_CONNECTION = 1, /* always there, and the first */
	PART_PEER, /* one of the peer's addresses */
	PART_SUBFLOW,
	PART_ANNOUNCED,
	PART_MEMORY, /* of the policy */
};

/* Begin a part; end_part() wants what it returns. */
static uint8_t *begin_part(struct writer *writer, enum part part)
{
	put_u8(writer, part);
	put_u16(writer, 0);
	return writer->at;
}

static void end_part(const struct writer *writer, uint8_t *start)
{
	uint16_t size = (uint16_t)(writer->at - start);

	memcpy(start - sizeof(size), &size, sizeof(size));
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
	HAS_BEGIN = 1 << 7, /* when it began follows */
};

static void put_connection(struct writer *writer, const struct connection *connection)
{
	uint8_t *start = begin_part(writer, PART_CONNECTION);
	uint64_t begin_ms = connection->begin_ms;

	put_u8(writer, connection->side | (connection->deny_join_id0 ? DENY_JOIN_ID0 : 0) |
			       (connection->remote_removed ? REMOTE_REMOVED : 0) |
			       (connection->mapped ? MAPPED : 0) |
			       (connection->local_removed ? LOCAL_REMOVED : 0) |
			       (connection->temporary ? TEMPORARY : 0) |
			       (begin_ms ? HAS_BEGIN : 0));
	put_addr(writer, &connection->local);
	put_addr(writer, &connection->remote);
	if (begin_ms)
		put(writer, &begin_ms, sizeof(begin_ms));
	end_part(writer, start);
}

static void take_connection(struct reader *reader, const struct teller *teller, uint32_t slot)
{
	struct event event = {.type = EVENT_SAVED_CONNECTION};
	uint8_t flags = take_u8(reader, UINT8_MAX);

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
	if (flags & HAS_BEGIN)
		take(reader, &event.saved_connection.begin_ms, sizeof(uint64_t));
	tell(teller, reader, &event);
}

/* ---- the peer's addresses ---- */

static void put_peers(struct writer *writer, const struct connection *connection)
{
	for (size_t i = 0; i < connection->more->n_peers; i++) {
		uint8_t *start = begin_part(writer, PART_PEER);

		put_u8(writer, connection->more->peers[i].id);
		put_addr(writer, &connection->more->peers[i].addr);
		end_part(writer, start);
	}
}

static void take_peer(struct reader *reader, const struct teller *teller)
{
	struct event event = {.type = EVENT_SAVED_PEER};

	event.peer_address.id = take_u8(reader, UINT8_MAX);
	event.peer_address.addr = take_addr(reader);
	tell(teller, reader, &event);
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
	FOREIGN = 1 << 11,
};

/* A plan's wish will be planned again; an administrator's is known to nobody else. */
static bool is_worth_saving(const struct subflow *subflow)
{
	return subflow_is_seen(subflow) || subflow->want.banned || subflow->want.pinned ||
	       subflow->want.by == WANTED_BY_ADMIN;
}

static unsigned int subflow_flags(const struct subflow *subflow)
{
	return (subflow_is_seen(subflow) ? SEEN : 0) |
	       (subflow->want.by == WANTED_BY_ADMIN ? BY_ADMIN : 0) |
	       (subflow->is.initial ? INITIAL : 0) | (subflow->is.mapped ? SUBFLOW_MAPPED : 0) |
	       (subflow->is.backup ? BACKUP : 0) | (subflow->want.backup ? WANT_BACKUP : 0) |
	       (subflow->want.banned ? BANNED : 0) | (subflow->want.pinned ? PINNED : 0) |
	       (subflow->want.fixed_id ? FIXED_ID : 0) | (subflow->is.stale ? STALE : 0) |
	       (subflow->is.origin_known ? ORIGIN_KNOWN : 0) | (subflow->is.foreign ? FOREIGN : 0);
}

static void put_subflows(struct writer *writer, const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];
		uint8_t *start;

		if (!is_worth_saving(subflow))
			continue;
		start = begin_part(writer, PART_SUBFLOW);
		put_addr(writer, &subflow->local);
		put_addr(writer, &subflow->remote);
		put_u32(writer, subflow->ifindex);
		put_u16(writer, subflow->want.port);
		put_u8(writer, subflow->want.instance);
		put_u8(writer, subflow->is.local_id);
		put_u8(writer, subflow->is.remote_id);
		put_u8(writer, subflow->is.origin);
		put_u16(writer, subflow_flags(subflow));
		end_part(writer, start);
	}
}

static void take_subflow(struct reader *reader, const struct teller *teller)
{
	struct event event = {.type = EVENT_SAVED_SUBFLOW};
	struct event_saved_subflow *subflow = &event.saved_subflow;
	uint16_t flags;

	subflow->local = take_addr(reader);
	subflow->remote = take_addr(reader);
	reader->bad |= subflow->local.family != subflow->remote.family;
	subflow->ifindex = take_u32(reader);
	subflow->asked_port = take_u16(reader, UINT16_MAX);
	subflow->instance = take_u8(reader, UINT8_MAX);
	subflow->local_id = take_u8(reader, UINT8_MAX);
	subflow->remote_id = take_u8(reader, UINT8_MAX);
	subflow->origin = take_u8(reader, MPTCPD_ORIGIN_ADMIN);
	flags = take_u16(reader, UINT16_MAX);
	subflow->seen = flags & SEEN;
	subflow->wanted_by_admin = flags & BY_ADMIN;
	subflow->initial = flags & INITIAL;
	subflow->mapped = flags & SUBFLOW_MAPPED;
	subflow->backup = flags & BACKUP;
	subflow->want_backup = flags & WANT_BACKUP;
	subflow->banned = flags & BANNED;
	subflow->pinned = flags & PINNED;
	subflow->fixed_id = flags & FIXED_ID;
	subflow->stale = flags & STALE;
	subflow->origin_known = flags & ORIGIN_KNOWN;
	subflow->foreign = flags & FOREIGN;
	tell(teller, reader, &event);
}

/* ---- announcements ---- */

enum {
	SENT = 1 << 0,
	LISTENING = 1 << 1,
	ANNOUNCED_BY_ADMIN = 1 << 2,
	IS_LOCAL = 1 << 3,
	TAKEN_BACK = 1 << 4,
	LISTENING_ELSEWHERE = 1 << 5, /* than on the announced address: on one that follows */
	HELD = 1 << 6,
};

static void put_announced(struct writer *writer, const struct connection *connection)
{
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		const struct announced *announced = &connection->more->announced[i];
		uint8_t *start = begin_part(writer, PART_ANNOUNCED);
		bool listening = announced->want.listen.family;
		bool elsewhere =
			listening && !addr_equal(&announced->addr, &announced->want.listen);

		put_addr(writer, &announced->addr);
		put_u32(writer, announced->ifindex);
		put_u8(writer, announced->id);
		put_u8(writer,
		       (announced->is.sent ? SENT : 0) | (listening ? LISTENING : 0) |
			       (elsewhere ? LISTENING_ELSEWHERE : 0) |
			       (announced->want.by == WANTED_BY_ADMIN ? ANNOUNCED_BY_ADMIN : 0) |
			       (announced->is.local ? IS_LOCAL : 0) |
			       (announced->want.banned ? TAKEN_BACK : 0) |
			       (announced->want.held ? HELD : 0));
		if (elsewhere)
			put_addr(writer, &announced->want.listen);
		end_part(writer, start);
	}
}

static void take_announced(struct reader *reader, const struct teller *teller)
{
	struct event event = {.type = EVENT_SAVED_ANNOUNCED};
	struct event_saved_announced *announced = &event.saved_announced;
	uint8_t flags;

	announced->addr = take_addr(reader);
	announced->ifindex = take_u32(reader);
	announced->id = take_u8(reader, UINT8_MAX);
	reader->bad |= announced->id == 0;
	flags = take_u8(reader, UINT8_MAX);
	announced->sent = flags & SENT;
	announced->listening = flags & LISTENING;
	announced->wanted_by_admin = flags & ANNOUNCED_BY_ADMIN;
	announced->is_local = flags & IS_LOCAL;
	announced->banned = flags & TAKEN_BACK;
	announced->held = flags & HELD;
	if (flags & LISTENING)
		announced->listen =
			flags & LISTENING_ELSEWHERE ? take_addr(reader) : announced->addr;
	tell(teller, reader, &event);
}

/* ---- memory of the policy ---- */

/* Kind and size of the part, size and layout of the memory. */
#define MEMORY_HEAD (1 + 2 + 4 + 8)

static void put_memory(struct writer *writer, const struct connection *connection)
{
	const struct policy_memory *memory = connection->more->memory;
	uint8_t *start;

	if (!memory || memory->size > (size_t)(writer->end - writer->at) - MEMORY_HEAD)
		return;
	start = begin_part(writer, PART_MEMORY);
	put_u32(writer, (uint32_t)memory->size);
	put(writer, &memory->layout, sizeof(memory->layout));
	put(writer, memory->bytes, memory->size);
	end_part(writer, start);
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

	put_u8(&writer, PARTS);
	put_connection(&writer, connection);
	put_peers(&writer, connection);
	put_subflows(&writer, connection);
	put_announced(&writer, connection);
	put_memory(&writer, connection);
	return (size_t)(writer.at - bytes);
}

static void take_part(struct reader *reader, unsigned int kind, uint32_t slot,
		      const struct teller *teller)
{
	switch (kind) {
	case PART_CONNECTION:
		take_connection(reader, teller, slot);
		break;
	case PART_PEER:
		take_peer(reader, teller);
		break;
	case PART_SUBFLOW:
		take_subflow(reader, teller);
		break;
	case PART_ANNOUNCED:
		take_announced(reader, teller);
		break;
	case PART_MEMORY:
		take_memory(reader, teller);
		break;
	}
}

static void take_parts(struct reader *reader, uint32_t slot, const struct teller *teller)
{
	for (bool is_first = true; is_first || (reader->at < reader->end && !reader->bad);
	     is_first = false) {
		uint8_t kind = take_u8(reader, UINT8_MAX);
		uint16_t size = take_u16(reader, UINT16_MAX);
		struct reader part = {reader->at, reader->at, false};

		reader->bad |= size > reader->end - reader->at;
		reader->bad |= (kind == PART_CONNECTION) != is_first;
		if (reader->bad)
			return;
		part.end += size;
		take_part(&part, kind, slot, teller);
		reader->bad |= part.bad;
		reader->at += size;
	}
}

/* The format without sizes. */
static void take_in_order(struct reader *reader, uint32_t slot, const struct teller *teller)
{
	take_connection(reader, teller, slot);
	for (unsigned int kind = PART_PEER; kind <= PART_ANNOUNCED; kind++) {
		uint8_t n = take_u8(reader, UINT8_MAX);

		for (size_t i = 0; i < n && !reader->bad; i++)
			take_part(reader, kind, slot, teller);
	}
	take_memory(reader, teller);
}

static int decode(const uint8_t *bytes, size_t size, uint32_t slot, const struct teller *teller)
{
	struct reader reader = {bytes, bytes + size, false};

	if (size > 0 && bytes[0] == PARTS) {
		reader.at++;
		take_parts(&reader, slot, teller);
	} else {
		take_in_order(&reader, slot, teller);
	}
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
