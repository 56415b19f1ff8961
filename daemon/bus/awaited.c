/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of the kernel, once for all whose calls wait for it. */
#include "bus-private.h"

/* A call waits no longer than this. */
#define MOST_MS 1000

void awaited_end(struct awaited *awaited)
{
	if (!awaited->is_asked)
		return;
	awaited->is_asked = false;
	bus_kick(awaited->bus);
}

static void on_late(void *data)
{
	awaited_end(data);
}

void awaited_ask(struct bus *bus, struct awaited *awaited)
{
	awaited->is_asked = true;
	awaited->bus = bus;
	awaited->late.on_due = on_late;
	awaited->late.data = awaited;
	loop_set_timer(bus->setup.loop, &awaited->late, loop_now_ms() + MOST_MS);
	if (bus->setup.settle)
		bus->setup.settle(bus->setup.data);
}
