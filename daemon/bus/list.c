/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods that read: status and listings. What may be long comes in pages. A page is bounded in
 * records, so that no call keeps the loop for long; its cursor stays good whatever ends meanwhile.
 */
#include "bus-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "words.h"

/* Keeps the readers of changes in step: they have been told all that a listing shows. */
static int new_reply(sd_bus_message *m, struct peer *peer, sd_bus_message **ret_reply)
{
	monitor_catch_up(peer);
	return sd_bus_message_new_method_return(m, ret_reply);
}

/* For what the kernel's path manager has, which other programs may have changed. */
static int new_fresh_reply(sd_bus_message *m, struct peer *peer, sd_bus_message **ret_reply)
{
	bus_refresh(peer->bus);
	return new_reply(m, peer, ret_reply);
}

static int send_reply(sd_bus_message *reply)
{
	return sd_bus_send(NULL, reply, NULL);
}

/* Read the arguments of a paged listing. */
static int read_page(sd_bus_message *m, uint64_t *ret_cursor, uint32_t *ret_max)
{
	int r = sd_bus_message_read(m, "tu", ret_cursor, ret_max);

	if (r >= 0 && (*ret_max == 0 || *ret_max > BUS_PAGE))
		*ret_max = BUS_PAGE;
	return r;
}

/* ---- status ---- */

/* Each plugin once, in the order of the policies. */
static int append_plugins(sd_bus_message *m, const struct rules *rules)
{
	const char *names[64];
	size_t n = 0;
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (size_t i = 0; i <= rules->n_policies; i++) {
		bool last = i == rules->n_policies;
		const struct policy_plugin *plugins =
			last ? &rules->endpoints : rules->policies[i].plugins;
		size_t n_plugins =
			last ? rules->endpoints.plugin != NULL : rules->policies[i].n_plugins;

		for (size_t j = 0; j < n_plugins; j++) {
			const char *name = plugins[j].plugin->name;
			size_t k = 0;

			while (k < n && strcmp(names[k], name) != 0)
				k++;
			if (k < n || n == sizeof(names) / sizeof(*names))
				continue;
			names[n++] = name;
			if (r >= 0)
				r = bus_append_text(m, name);
		}
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_config_files(sd_bus_message *m, const struct bus *bus)
{
	const char *file;
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (size_t i = 0; r >= 0 && bus->setup.config_file; i++) {
		file = bus->setup.config_file(bus->setup.data, i);
		if (!file)
			break;
		r = bus_append_text(m, file);
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

struct asides {
	sd_bus_message *m;
	uint64_t real_ms; /* what is added to loop_now_ms() for the time of day */
	unsigned int n;
	int r;
};

static void append_aside(void *data, const char *plugin, uint32_t token, uint64_t since_ms)
{
	struct asides *asides = data;

	asides->n++;
	if (asides->r >= 0)
		asides->r = sd_bus_message_append(asides->m, WIRE_ASIDE, plugin, token,
						  asides->real_ms + since_ms);
}

/* "set-aside", and whether all is as it should be. */
static int append_asides(sd_bus_message *m, const struct bus *bus)
{
	struct asides asides = {.m = m};
	struct timespec now;
	int r = sd_bus_message_open_container(m, 'e', "sv");

	clock_gettime(CLOCK_REALTIME, &now);
	asides.real_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	asides.real_ms -= loop_now_ms();
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "set-aside");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a" WIRE_ASIDE);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', WIRE_ASIDE);
	asides.r = r;
	if (bus->setup.set_aside)
		bus->setup.set_aside(bus->setup.data, append_aside, &asides);
	r = asides.r;
	for (int i = 0; i < 3 && r >= 0; i++)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : bus_append_extra(m, "degraded", "b", asides.n > 0);
}

static int append_counters(sd_bus_message *m, const struct bus *bus)
{
	const struct engine_counters *counters = engine_counters(bus->setup.engine);
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = bus_append_extra(m, "uptime-ms", "t", loop_now_ms() - bus->setup.start_ms);
	if (r >= 0)
		r = bus_append_extra(m, "events-bad", "t", counters->events_bad);
	if (r >= 0)
		r = bus_append_extra(m, "plans-refused", "t", counters->plans_refused);
	if (r >= 0)
		r = bus_append_extra(m, "announcements-refused", "t",
				     counters->announcements_refused);
	if (r >= 0 && bus->setup.malformed)
		r = bus_append_extra(m, "malformed", "t", bus->setup.malformed(bus->setup.data));
	if (r >= 0)
		r = append_asides(m, bus);
	if (r >= 0)
		r = bus_append_mptcp(m, bus);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_method_status(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct bus *bus = peer->bus;
	const struct model *model = engine_model(bus->setup.engine);
	const struct engine_counters *counters = engine_counters(bus->setup.engine);
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	uint64_t n_endpoints = 0;
	int r = new_fresh_reply(m, peer, &reply);

	for (const struct endpoint *endpoint = model->endpoints; endpoint;
	     endpoint = endpoint->next)
		n_endpoints++;
	if (r >= 0)
		r = sd_bus_message_append(reply, "sstttttttt", bus->setup.version,
					  path_manager_name(model->path_manager),
					  (uint64_t)table_count(&model->connections),
					  model->n_subflows, n_endpoints, counters->events,
					  counters->events_lost, counters->resyncs,
					  counters->commands, counters->command_errors);
	if (r >= 0)
		r = append_plugins(reply, model->rules);
	if (r >= 0)
		r = append_config_files(reply, bus);
	if (r >= 0)
		r = append_counters(reply, bus);
	return r < 0 ? r : send_reply(reply);
}

/* ---- connections ---- */

/* Append connections that came after the cursor until the page is full. */
static int append_connections(sd_bus_message *reply, const struct bus *bus, uint64_t cursor,
			      uint32_t max, uint64_t *ret_next)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct connection *connection = model_next_connection(model, cursor);
	size_t n = 0, n_records = 0;
	uint64_t last = 0;
	int r = sd_bus_message_open_container(reply, 'a', WIRE_CONNECTION);

	for (; r >= 0 && connection && n < max && n_records < BUS_PAGE_RECORDS;
	     connection = connection_next(connection)) {
		r = bus_append_connection(reply, bus, connection);
		last = connection->serial;
		n++;
		n_records +=
			1u + connection->n_subflows + connection->n_peers + connection->n_announced;
	}
	*ret_next = connection ? last : 0;
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_method_connection(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	const struct connection *connection;
	uint32_t token;
	int r = sd_bus_message_read(m, "u", &token);

	if (r < 0)
		return r;
	if (peer_hold(peer, m, bus_method_connection))
		return 1;
	connection = model_find_connection(engine_model(peer->bus->setup.engine), token);
	if (!connection)
		return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND, "no connection with token %x",
					 token);
	r = new_reply(m, peer, &reply);
	if (r >= 0)
		r = bus_append_connection(reply, peer->bus, connection);
	return r < 0 ? r : send_reply(reply);
}

/* ---- the host ---- */

/*
 * The indexes above `cursor`, the lowest `max` of them and one more, sorted; returns how many. They
 * are known in the order of their making, which is mostly that of their indexes.
 */
static size_t next_interfaces(const struct model *model, uint64_t cursor, size_t max,
			      uint32_t ret_indexes[static BUS_PAGE + 1])
{
	const struct table_entry *entry;
	size_t n = 0;

	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		uint32_t index = ((const struct interface *)entry)->ifindex;
		size_t i;

		if (index <= cursor || (n > max && index > ret_indexes[max]))
			continue;
		n -= n > max;
		for (i = n++; i > 0 && ret_indexes[i - 1] > index; i--)
			ret_indexes[i] = ret_indexes[i - 1];
		ret_indexes[i] = index;
	}
	return n;
}

static size_t count_addresses(const struct interface *interface)
{
	size_t n = 0;

	for (const struct local *local = interface->locals; local; local = local->next)
		n++;
	return n;
}

/* Append interfaces that come after the cursor until the page is full. */
static int append_interfaces(sd_bus_message *reply, const struct bus *bus, uint64_t cursor,
			     uint32_t max, uint64_t *ret_next)
{
	const struct model *model = engine_model(bus->setup.engine);
	uint32_t indexes[BUS_PAGE + 1];
	size_t n = next_interfaces(model, cursor, max, indexes), i, n_records = 0;
	int r = sd_bus_message_open_container(reply, 'a', WIRE_LINK);

	for (i = 0; r >= 0 && i < n && i < max && n_records < BUS_PAGE_RECORDS; i++) {
		const struct interface *interface = model_find_interface(model, indexes[i]);

		r = bus_append_interface(reply, bus, interface);
		n_records += 1 + count_addresses(interface);
	}
	*ret_next = i < n ? indexes[i - 1] : 0;
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* A page of connections, or of interfaces. */
static int reply_page(sd_bus_message *m, struct peer *peer, bool interfaces, uint64_t cursor,
		      uint32_t max)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	uint64_t next;
	int r = new_reply(m, peer, &reply);

	if (r >= 0)
		r = interfaces ? append_interfaces(reply, peer->bus, cursor, max, &next)
			       : append_connections(reply, peer->bus, cursor, max, &next);
	if (r >= 0)
		r = sd_bus_message_append(reply, "t", next);
	return r < 0 ? r : send_reply(reply);
}

int bus_method_interfaces(sd_bus_message *m, void *data, sd_bus_error *error)
{
	uint64_t cursor;
	uint32_t max;
	int r = read_page(m, &cursor, &max);

	return r < 0 ? r : reply_page(m, data, true, cursor, max);
}

int bus_method_connections(sd_bus_message *m, void *data, sd_bus_error *error)
{
	uint64_t cursor;
	uint32_t max;
	int r = read_page(m, &cursor, &max);

	if (r < 0)
		return r;
	if (cursor == 0 && peer_hold(data, m, bus_method_connections))
		return 1;
	return reply_page(m, data, false, cursor, max);
}

int bus_method_endpoints(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct engine *engine = peer->bus->setup.engine;
	const struct endpoint *seen;
	struct explain_endpoint endpoint;
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	int r = new_fresh_reply(m, peer, &reply);
	size_t cursor = 0;

	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', WIRE_ENDPOINT);
	for (seen = engine_model(engine)->endpoints; r >= 0 && seen; seen = seen->next) {
		engine_explain_endpoint(engine, seen, loop_now_ms(), &endpoint);
		r = bus_append_endpoint(reply, peer->bus, &endpoint);
	}
	while (r >= 0 && engine_explain_absent(engine, &cursor, &endpoint))
		r = bus_append_endpoint(reply, peer->bus, &endpoint);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : send_reply(reply);
}

int bus_method_limits(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct model *model = engine_model(peer->bus->setup.engine);

	bus_refresh(peer->bus);
	if (!model->limits_known)
		return sd_bus_error_set(error, WIRE_ERROR_NOT_FOUND,
					"the kernel has not told its limits");
	return sd_bus_reply_method_return(m, "uua{sv}", model->limits.subflows,
					  model->limits.add_addr_accepted, 0);
}
