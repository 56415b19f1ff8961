/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Methods for who looks for faults: how each link stands, and which sockets listen. */
#include "bus-private.h"

#include <string.h>

#include "clock.h"

/* A page holds nobody longer than this, and what one link takes. */
#define PAGE_NS 2000000

struct links {
	struct writer *writer;
	size_t n;
};

static void on_path(void *data, const struct explain_path *path)
{
	struct links *links = data;

	links->n++;
	bus_append_path(links->writer, path);
}

/*
 * Where the next page begins, 0: there is none. Links of which there is nothing to tell make no pages,
 * as long as there is time.
 */
static uint64_t append_links(struct links *links, struct engine *engine, uint64_t cursor,
			     uint32_t max)
{
	uint64_t end_ns = clock_work_ns() + PAGE_NS;
	uint32_t indexes[BUS_PAGE + 1];
	bool is_full = false;

	while (!is_full) {
		size_t n = bus_next_interfaces(engine_model(engine), cursor, max, indexes), i = 0;

		while (i < n && i < max && !is_full) {
			engine_examine(engine, indexes[i++], loop_now_ms(), on_path, links);
			is_full = clock_work_ns() >= end_ns;
		}
		if (i == n)
			return 0;
		cursor = indexes[i - 1];
		is_full |= links->n > 0;
	}
	return cursor;
}

int bus_method_examine(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct writer writer;
	struct links links = {.writer = &writer};
	uint64_t cursor;
	uint32_t max;
	int r = bus_read_page(m, &cursor, &max);

	if (r < 0)
		return r;
	writer = bus_reply(m);
	writer_open(&writer, 'a', WIRE_EXPLAIN_PATH);
	cursor = append_links(&links, peer->bus->setup.engine, cursor, max);
	writer_close(&writer);
	writer_append(&writer, "t", cursor);
	return bus_send(&writer);
}

struct listing {
	struct writer *writer;
	uint64_t cursor;
	uint32_t n_left;
	uint64_t next; /* where the next page begins, 0: there is none */
	uint64_t last;
};

static void on_listener(void *data, const struct bus_listener *listener)
{
	struct listing *listing = data;

	if (listener->inode <= listing->cursor)
		return;
	if (listing->n_left == 0) {
		listing->next = listing->last;
		return;
	}
	listing->n_left--;
	listing->last = listener->inode;
	writer_open(listing->writer, 'r', WIRE_IN_LISTENER);
	writer_append(listing->writer, "s", listener->is_mptcp ? "mptcp" : "tcp");
	bus_append_addr(listing->writer, &listener->local);
	writer_append(listing->writer, "t", (uint64_t)listener->inode);
	writer_no_extras(listing->writer);
	writer_close(listing->writer);
}

int bus_method_listeners(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct bus_setup *setup = &peer->bus->setup;
	struct listing listing = {0};
	struct writer writer;
	int r = bus_read_page(m, &listing.cursor, &listing.n_left);

	if (r < 0)
		return r;
	writer = bus_reply(m);
	listing.writer = &writer;
	writer_open(&writer, 'a', WIRE_LISTENER);
	r = setup->listeners ? setup->listeners(setup->data, on_listener, &listing) : 0;
	writer_close(&writer);
	if (r < 0) {
		sd_bus_message_unref(writer.m);
		return sd_bus_error_setf(error, WIRE_ERROR_FAILED,
					 "the kernel does not list its sockets: %s", strerror(-r));
	}
	writer_append(&writer, "t", listing.next);
	return bus_send(&writer);
}
