/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The method for who looks for faults: how each link stands. */
#include "bus-private.h"

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
