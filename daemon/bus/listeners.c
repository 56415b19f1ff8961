/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The method that lists the sockets that listen. The kernel tells all of them at once, and there may be
 * very many, whoever made them: so all pages of a listing, and all listings of a moment, are of one look.
 */
#include "bus-private.h"

#include <ell/ell.h>
#include <string.h>

#include "clock.h"

/* A look is good for so long, and for so many times as long as it took. */
#define FRESH_MS 250
#define PART 20
/* It is let go when nobody has asked for so long. */
#define KEEP_MS 5000

static void forget(void *data)
{
	struct listening *listening = data;

	l_free(listening->list);
	listening->list = NULL;
	listening->n = listening->room = 0;
	listening->is_known = false;
}

void bus_forget_listeners(struct bus *bus)
{
	loop_clear_timer(&bus->listening.forget);
	forget(&bus->listening);
}

static void on_listener(void *data, const struct bus_listener *listener)
{
	struct listening *listening = data;

	if (listening->n == listening->room) {
		listening->room = listening->room ? 2 * listening->room : 64;
		listening->list =
			l_realloc(listening->list, listening->room * sizeof(*listening->list));
	}
	listening->list[listening->n++] = *listener;
}

/* 0, or what the kernel said. */
static int look(struct bus *bus)
{
	struct listening *listening = &bus->listening;
	uint64_t begin_ns = clock_work_ns();
	int r = 0;

	bus_forget_listeners(bus);
	if (bus->setup.listeners)
		r = bus->setup.listeners(bus->setup.data, on_listener, listening);
	listening->is_known = r >= 0;
	listening->stale_ms = loop_now_ms() + FRESH_MS;
	listening->stale_ms += PART * (clock_work_ns() - begin_ns) / 1000000;
	return r;
}

/* A listing that has begun goes on with what it began with, if that is still there. */
static int look_if_needed(struct bus *bus, uint64_t cursor)
{
	struct listening *listening = &bus->listening;
	int r = 0;

	if (!listening->is_known || (!cursor && loop_now_ms() >= listening->stale_ms))
		r = look(bus);
	listening->forget.on_due = forget;
	listening->forget.data = listening;
	loop_set_timer(bus->setup.loop, &listening->forget, loop_now_ms() + KEEP_MS);
	return r;
}

/* The first one behind the cursor. */
static size_t find(const struct listening *listening, uint64_t cursor)
{
	size_t begin = 0, end = listening->n;

	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if (listening->list[middle].inode > cursor)
			end = middle;
		else
			begin = middle + 1;
	}
	return begin;
}

static void append_listener(struct writer *writer, const struct bus_listener *listener)
{
	writer_open(writer, 'r', WIRE_IN_LISTENER);
	writer_append(writer, "s", listener->is_mptcp ? "mptcp" : "tcp");
	bus_append_addr(writer, &listener->local);
	writer_append(writer, "t", (uint64_t)listener->inode);
	writer_no_extras(writer);
	writer_close(writer);
}

int bus_method_listeners(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct listening *listening = &peer->bus->listening;
	struct writer writer;
	uint64_t cursor;
	uint32_t max;
	size_t i;
	int r = bus_read_page(m, &cursor, &max);

	if (r < 0)
		return r;
	r = look_if_needed(peer->bus, cursor);
	if (r < 0)
		return sd_bus_error_setf(error, WIRE_ERROR_FAILED,
					 "the kernel does not list its sockets: %s", strerror(-r));
	writer = bus_reply(m);
	writer_open(&writer, 'a', WIRE_LISTENER);
	for (i = find(listening, cursor); i < listening->n && max > 0; i++, max--)
		append_listener(&writer, &listening->list[i]);
	writer_close(&writer);
	writer_append(&writer, "t", i < listening->n ? (uint64_t)listening->list[i - 1].inode : 0);
	return bus_send(&writer);
}
