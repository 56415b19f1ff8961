/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of a status that tells how the kernel's MPTCP stands, and what is not as it should be. */
#include "bus-private.h"

struct warnings {
	sd_bus_message *m;
	int r;
};

static void append_warning(void *data, const char *reason, const char *text, const char *remedy)
{
	const char *const words[] = {reason, text, remedy};
	struct warnings *warnings = data;

	if (warnings->r >= 0)
		warnings->r = sd_bus_message_open_container(warnings->m, 'r', WIRE_IN_WARNING);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words) && warnings->r >= 0; i++)
		warnings->r = bus_append_text(warnings->m, words[i]);
	if (warnings->r >= 0)
		warnings->r = sd_bus_message_close_container(warnings->m);
}

static int append_warnings(sd_bus_message *m, const struct bus *bus)
{
	struct warnings warnings = {.m = m};
	int r = sd_bus_message_open_container(m, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", "warnings");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a" WIRE_WARNING);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', WIRE_WARNING);
	warnings.r = r;
	if (bus->setup.warnings)
		bus->setup.warnings(bus->setup.data, append_warning, &warnings);
	r = warnings.r;
	for (int i = 0; i < 3 && r >= 0; i++)
		r = sd_bus_message_close_container(m);
	return r;
}

int bus_append_mptcp(sd_bus_message *m, const struct bus *bus)
{
	struct bus_mptcp mptcp = {.enabled = true};
	int r;

	if (bus->setup.mptcp)
		bus->setup.mptcp(bus->setup.data, &mptcp);
	r = bus_append_extra(m, "mptcp-enabled", "b", mptcp.enabled);
	if (r >= 0 && mptcp.has_since)
		r = bus_append_extra(m, "blackhole-since-ms", "t", loop_real_ms(mptcp.since_ms));
	if (r >= 0 && mptcp.has_until)
		r = bus_append_extra(m, "blackhole-until-ms", "t", loop_real_ms(mptcp.until_ms));
	return r < 0 ? r : append_warnings(m, bus);
}
