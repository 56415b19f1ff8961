/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Monitoring: subscribe first, then list. mptcpd answers a listing only after it has told all
 * changes the listing knows of, so the two come in one order, and a change counts as soon as the
 * listing has gone past its thing. What the listing has not come to yet, it will show.
 */
#include "client-private.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "parse.h"
#include "replay.h"

static void next_page(struct mptcpctl *ctl);

/* Nothing is told any more once the callback wants to stop, or something failed. */
static void emit(void *data, enum mptcpctl_event_type type, struct mptcpctl_event *event)
{
	struct mptcpctl *ctl = data;

	if (ctl->monitor.result)
		return;
	replay_stamp(event, type);
	ctl->monitor.result = ctl->monitor.on_event(ctl->monitor.data, event);
}

/* ---- the present state ---- */

/* Tell a page of the listing of this stage. Returns how many records it had. */
static size_t tell_page(struct mptcpctl *ctl, struct reader *reader)
{
	struct mptcpctl_connection connection;
	struct mptcpctl_interface interface;
	struct mptcpctl_endpoint endpoint;
	size_t n = 0;

	switch (ctl->monitor.stage) {
	case STAGE_INTERFACES:
		if (!reader_enter(reader, 'a', WIRE_INTERFACE))
			return 0;
		for (; parse_record(reader, &schema_interface, &interface); n++)
			replay_interface(&interface, emit, ctl);
		break;
	case STAGE_ENDPOINTS:
		if (!reader_enter(reader, 'a', WIRE_ENDPOINT))
			return 0;
		for (; parse_record(reader, &schema_endpoint, &endpoint); n++)
			replay_endpoint(&endpoint, emit, ctl);
		break;
	case STAGE_CONNECTIONS:
		if (!reader_enter(reader, 'a', WIRE_CONNECTION))
			return 0;
		for (; parse_record(reader, &schema_connection, &connection); n++)
			replay_connection(&connection, emit, ctl);
		break;
	case STAGE_OFF:
	case STAGE_SYNCHRONIZED:
		return 0;
	}
	reader_exit(reader);
	return n;
}

static int on_page(sd_bus_message *m, void *data, sd_bus_error *unused)
{
	struct mptcpctl *ctl = data;
	struct monitor *monitor = &ctl->monitor;
	struct reader reader = {.m = m, .arena = &ctl->arena};
	uint64_t cursor = 0;
	size_t n;
	int r;

	monitor->call = sd_bus_slot_unref(monitor->call);
	if (sd_bus_message_is_method_error(m, NULL)) {
		monitor->result = handle_fail_call(ctl, -sd_bus_message_get_errno(m),
						   sd_bus_message_get_error(m));
		return 1;
	}
	n = tell_page(ctl, &reader);
	if (monitor->stage != STAGE_ENDPOINTS)
		reader_basic(&reader, 't', &cursor);
	arena_reset(&ctl->arena);
	if (reader.error < 0) {
		monitor->result =
			handle_fail(ctl, -EBADMSG, "mptcpd answered what cannot be understood");
		return 1;
	}
	r = handle_turn_page(ctl, &monitor->pages, n, cursor);
	if (r < 0) {
		monitor->result = r;
		return 1;
	}
	if (!cursor)
		monitor->stage++;
	next_page(ctl);
	return 1;
}

/* Ask for the next page, or be done. */
static void next_page(struct mptcpctl *ctl)
{
	static const char *const members[] = {
		[STAGE_INTERFACES] = "ListInterfaces",
		[STAGE_ENDPOINTS] = "ListEndpoints",
		[STAGE_CONNECTIONS] = "ListConnections",
	};
	struct monitor *monitor = &ctl->monitor;
	struct writer writer;

	if (monitor->stage == STAGE_SYNCHRONIZED) {
		emit(ctl, MPTCPCTL_SYNCHRONIZED, &(struct mptcpctl_event){0});
		return;
	}
	writer = handle_new_call(ctl, members[monitor->stage]);
	if (monitor->stage != STAGE_ENDPOINTS)
		writer_append(&writer, "tu", monitor->pages.cursor, 0);
	/* sd-bus would give up before it looks for what came while nobody read. */
	if (writer.error >= 0)
		writer.error = sd_bus_call_async(ctl->bus, &monitor->call, writer.m, on_page, ctl,
						 UINT64_MAX);
	monitor->until_us = clock_work_ns() / 1000 + ctl->patience_us;
	sd_bus_message_unref(writer.m);
	if (writer.error < 0)
		monitor->result = handle_fail_call(ctl, writer.error, NULL);
}

/* ---- changes ---- */

/* Has the listing gone past what this change is about? */
static bool is_told(const struct monitor *monitor, unsigned int members, uint64_t position)
{
	enum stage stage = members & EVENT_HAS_INTERFACE  ? STAGE_INTERFACES
			   : members & EVENT_HAS_ENDPOINT ? STAGE_ENDPOINTS
			   : members & EVENT_HAS_TOKEN	  ? STAGE_CONNECTIONS
							  : STAGE_OFF;

	if (stage == STAGE_OFF)
		return true; /* not listed */
	if (monitor->stage != stage)
		return monitor->stage > stage;
	return position && position <= monitor->pages.cursor;
}

static void start_over(struct mptcpctl *ctl)
{
	ctl->monitor.call = sd_bus_slot_unref(ctl->monitor.call);
	ctl->monitor.stage = STAGE_INTERFACES;
	ctl->monitor.pages = (struct pages){0};
	next_page(ctl);
}

static int on_signal(sd_bus_message *m, void *data, sd_bus_error *unused)
{
	struct mptcpctl *ctl = data;
	struct reader reader = {.m = m, .arena = &ctl->arena};
	struct event_told told = {0};
	const struct event_kind *kind;
	unsigned int type = MPTCPCTL_SYNCHRONIZED + 1;

	parse_members(&reader, &schema_event, &told);
	if (reader.error < 0) {
		ctl->monitor.result =
			handle_fail(ctl, -EBADMSG, "mptcpd told what cannot be understood");
		return 1;
	}
	while ((kind = schema_kind(type)) && strcmp(kind->name, told.event.name) != 0)
		type++;
	if (kind && is_told(&ctl->monitor, kind->members, told.position)) {
		emit(ctl, (enum mptcpctl_event_type)type, &told.event);
		if (type == MPTCPCTL_LOST && ctl->monitor.lists && told.event.what &&
		    strcmp(told.event.what, "monitor") == 0)
			start_over(ctl);
	}
	arena_reset(&ctl->arena);
	return 1;
}

/* Be told of changes. */
static int subscribe(struct mptcpctl *ctl,
		     int (*on_event)(void *data, const struct mptcpctl_event *event), void *data)
{
	struct monitor *monitor = &ctl->monitor;
	struct writer writer;
	int r;

	if (monitor->stage != STAGE_OFF)
		return handle_fail(ctl, -EALREADY, "this handle monitors already");
	writer = handle_new_call(ctl, "Subscribe");
	if (writer.error >= 0)
		writer.error = sd_bus_match_signal(ctl->bus, &monitor->signals,
						   ctl->system ? WIRE_NAME : NULL, WIRE_PATH,
						   WIRE_MANAGER, "Event", on_signal, ctl);
	r = handle_call(ctl, &writer, NULL);
	if (r < 0) {
		monitor->signals = sd_bus_slot_unref(monitor->signals);
		return r;
	}
	monitor->on_event = on_event;
	monitor->data = data;
	return 0;
}

MPTCPCTL_EXPORT int
mptcpctl_monitor(struct mptcpctl *ctl,
		 int (*on_event)(void *data, const struct mptcpctl_event *event), void *data)
{
	int r = subscribe(ctl, on_event, data);

	if (r < 0)
		return r;
	ctl->monitor.lists = true;
	start_over(ctl);
	r = ctl->monitor.result;
	ctl->monitor.result = 0;
	return r;
}

MPTCPCTL_EXPORT int mptcpctl_follow(struct mptcpctl *ctl,
				    int (*on_event)(void *data, const struct mptcpctl_event *event),
				    void *data)
{
	int r = subscribe(ctl, on_event, data);

	if (r == 0)
		ctl->monitor.stage = STAGE_SYNCHRONIZED;
	return r;
}
