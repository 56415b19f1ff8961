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

/* One page of the listing of this stage. Returns how many records it had. */
static size_t tell_page(struct mptcpctl *ctl, struct reader *reader)
{
	struct mptcpctl_connection connection;
	struct mptcpctl_interface interface;
	struct mptcpctl_endpoint endpoint;
	size_t n = 0;

	switch (ctl->monitor.stage) {
	case STAGE_INTERFACES:
		if (!reader_enter(reader, 'a', WIRE_LINK))
			return 0;
		for (; parse_interface(reader, &interface); n++)
			replay_interface(&interface, emit, ctl);
		break;
	case STAGE_ENDPOINTS:
		if (!reader_enter(reader, 'a', WIRE_ENDPOINT))
			return 0;
		for (; parse_endpoint(reader, &endpoint); n++)
			replay_endpoint(&endpoint, emit, ctl);
		break;
	case STAGE_CONNECTIONS:
		if (!reader_enter(reader, 'a', WIRE_CONNECTION))
			return 0;
		for (; parse_connection(reader, &connection); n++)
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
		reader_read(&reader, "t", &cursor);
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
	sd_bus_message *m = NULL;
	int r;

	if (monitor->stage == STAGE_SYNCHRONIZED) {
		emit(ctl, MPTCPCTL_SYNCHRONIZED, &(struct mptcpctl_event){0});
		return;
	}
	r = handle_new_call(ctl, members[monitor->stage], &m);
	if (r >= 0 && monitor->stage != STAGE_ENDPOINTS)
		r = sd_bus_message_append(m, "tu", monitor->pages.cursor, 0);
	if (r >= 0)
		r = sd_bus_call_async(ctl->bus, &monitor->call, m, on_page, ctl, ctl->patience_us);
	sd_bus_message_unref(m);
	if (r < 0)
		monitor->result = handle_fail_call(ctl, r, NULL);
}

/* ---- changes ---- */

/* Has the listing gone past what this change is about? */
static bool is_told(const struct monitor *monitor, enum mptcpctl_event_type type, uint64_t position)
{
	enum stage stage;

	if (type >= MPTCPCTL_INTERFACE_ADDED && type <= MPTCPCTL_INTERFACE_ADDRESS_REMOVED)
		stage = STAGE_INTERFACES;
	else if (type >= MPTCPCTL_ENDPOINT_ADDED && type <= MPTCPCTL_ENDPOINT_REMOVED)
		stage = STAGE_ENDPOINTS;
	else if (type >= MPTCPCTL_CONNECTION_CREATED && type <= MPTCPCTL_ADDRESS_REMOVED)
		stage = STAGE_CONNECTIONS;
	else
		return true; /* not listed */
	if (monitor->stage != stage)
		return monitor->stage > stage;
	return position && position <= monitor->pages.cursor;
}

static void read_objects(struct reader *reader, struct mptcpctl_event *event)
{
	struct mptcpctl_interface *interface = reader_alloc(reader, sizeof(*interface));
	struct mptcpctl_endpoint *endpoint = reader_alloc(reader, sizeof(*endpoint));
	const char *key;

	if (!interface || !endpoint || !reader_enter(reader, 'a', "{sv}"))
		return;
	while (reader_enter(reader, 'e', "sv")) {
		key = reader_text(reader);
		if (key && strcmp(key, "interface") == 0 && reader_enter(reader, 'v', WIRE_LINK)) {
			if (parse_interface(reader, interface))
				event->interface_now = interface;
			reader_exit(reader);
		} else if (key && strcmp(key, "endpoint") == 0 &&
			   reader_enter(reader, 'v', WIRE_ENDPOINT)) {
			if (parse_endpoint(reader, endpoint))
				event->endpoint = endpoint;
			reader_exit(reader);
		} else if (key && strcmp(key, "what") == 0 && reader_enter(reader, 'v', "s")) {
			event->what = reader_text(reader);
			reader_exit(reader);
		} else if (reader->error == 0) {
			int r = sd_bus_message_skip(reader->m, "v");

			reader->error = r < 0 ? r : 0;
		}
		reader_exit(reader);
	}
	reader_exit(reader);
}

static uint64_t read_event(struct reader *reader, struct mptcpctl_event *event,
			   const char **ret_name)
{
	uint64_t position = 0;

	reader_read(reader, "t", &event->time_us);
	*ret_name = reader_text(reader);
	reader_read(reader, "tu", &position, &event->token);
	event->side = reader_text(reader);
	event->local = parse_addr(reader);
	event->remote = parse_addr(reader);
	reader_read(reader, "yy", &event->local_id, &event->remote_id);
	event->backup = reader_bool(reader);
	event->peer_backup = reader_bool(reader);
	event->interface = reader_text(reader);
	event->error = reader_text(reader);
	event->deny_join_id0 = reader_bool(reader);
	event->policy = reader_text(reader);
	read_objects(reader, event);
	return position;
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
	struct mptcpctl_event event = {0};
	enum mptcpctl_event_type type = MPTCPCTL_CONNECTION_CREATED;
	const char *name = NULL;
	uint64_t position = read_event(&reader, &event, &name);

	if (reader.error < 0) {
		ctl->monitor.result =
			handle_fail(ctl, -EBADMSG, "mptcpd told what cannot be understood");
		return 1;
	}
	while (name && replay_name(type) && strcmp(replay_name(type), name) != 0)
		type++;
	if (name && replay_name(type) && is_told(&ctl->monitor, type, position)) {
		emit(ctl, type, &event);
		if (type == MPTCPCTL_LOST && event.what && strcmp(event.what, "monitor") == 0)
			start_over(ctl);
	}
	arena_reset(&ctl->arena);
	return 1;
}

MPTCPCTL_EXPORT int
mptcpctl_monitor(struct mptcpctl *ctl,
		 int (*on_event)(void *data, const struct mptcpctl_event *event), void *data)
{
	struct monitor *monitor = &ctl->monitor;
	sd_bus_message *m = NULL;
	int r;

	if (monitor->stage != STAGE_OFF)
		return handle_fail(ctl, -EALREADY, "this handle monitors already");
	r = handle_new_call(ctl, "Subscribe", &m);
	if (r >= 0)
		r = sd_bus_match_signal(ctl->bus, &monitor->signals, ctl->system ? WIRE_NAME : NULL,
					WIRE_PATH, WIRE_INTERFACE, "Event", on_signal, ctl);
	r = handle_call(ctl, m, r, NULL);
	if (r < 0) {
		monitor->signals = sd_bus_slot_unref(monitor->signals);
		return r;
	}
	monitor->on_event = on_event;
	monitor->data = data;
	start_over(ctl);
	r = monitor->result;
	monitor->result = 0;
	return r;
}
