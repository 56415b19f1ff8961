/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods that read: listings. What may be long comes in pages. A page is bounded in
 * records, so that no call keeps the loop for long; its cursor stays good whatever ends meanwhile.
 */
#include "bus-private.h"

/* Keeps the readers of changes in step: they have been told all that a listing shows. */
static struct writer reply_in_step(sd_bus_message *m, struct peer *peer)
{
	monitor_catch_up(peer);
	return bus_reply(m);
}

struct writer bus_fresh_reply(sd_bus_message *m, struct peer *peer)
{
	bus_refresh(peer->bus);
	return reply_in_step(m, peer);
}

int bus_read_page(sd_bus_message *m, uint64_t *ret_cursor, uint32_t *ret_max)
{
	int r = sd_bus_message_read(m, "tu", ret_cursor, ret_max);

	if (r >= 0 && (*ret_max == 0 || *ret_max > BUS_PAGE))
		*ret_max = BUS_PAGE;
	return r;
}

/* ---- connections ---- */

/* Append connections that came after the cursor until the page is full. Where the next begins. */
static uint64_t append_connections(struct writer *writer, const struct bus *bus, uint64_t cursor,
				   uint32_t max, size_t max_records)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct connection *connection = model_next_connection(model, cursor);
	size_t n = 0, n_records = 0;
	uint64_t last = 0;

	writer_open(writer, 'a', WIRE_CONNECTION);
	for (; connection && n < max && n_records < max_records;
	     connection = connection_next(connection)) {
		bus_append_connection(writer, bus, connection);
		last = connection->serial;
		n++;
		n_records += 1u + connection->n_subflows + connection->more->n_peers +
			     connection->more->n_announced;
	}
	writer_close(writer);
	return connection ? last : 0;
}

/* 0, or the answer where the kernel did not tell its connections. */
static int check_connections(const struct bus *bus, sd_bus_error *error)
{
	const char *why = bus_untold(bus);

	return why ? sd_bus_error_set(error, WIRE_ERROR_FAILED, why) : 0;
}

int bus_method_connection(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct connection *connection;
	struct writer writer;
	uint32_t token;
	int r = bus_read_token(m, peer->bus, &token);

	if (r >= 0)
		r = check_connections(peer->bus, error);
	if (r < 0)
		return r;
	if (peer_hold(peer, m, bus_method_connection))
		return 1;
	connection = model_find_connection(engine_model(peer->bus->setup.engine), token);
	if (!connection)
		return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND, "no connection with token %x",
					 token);
	writer = reply_in_step(m, peer);
	bus_append_detailed(&writer, peer->bus, connection, NULL);
	return bus_send(&writer);
}

/* ---- the host ---- */

/* They are known in the order of their making, which is mostly that of their indexes. */
size_t bus_next_interfaces(const struct model *model, uint64_t cursor, size_t max,
			   uint32_t ret_indexes[static BUS_PAGE + 1])
{
	const struct table_entry *entry;
	size_t n = 0;

	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		uint32_t index = ((const struct interface *)entry)->is.ifindex;
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

/* Append interfaces that come after the cursor until the page is full. Where the next begins. */
static uint64_t append_interfaces(struct writer *writer, const struct bus *bus, uint64_t cursor,
				  uint32_t max)
{
	const struct model *model = engine_model(bus->setup.engine);
	uint32_t indexes[BUS_PAGE + 1];
	size_t n = bus_next_interfaces(model, cursor, max, indexes), i, n_records = 0;

	writer_open(writer, 'a', WIRE_INTERFACE);
	for (i = 0; i < n && i < max && n_records < BUS_PAGE_RECORDS; i++) {
		const struct interface *interface = model_find_interface(model, indexes[i]);

		bus_append_interface(writer, bus, interface);
		n_records += 1 + count_addresses(interface);
	}
	writer_close(writer);
	return i < n ? indexes[i - 1] : 0;
}

int bus_method_interfaces(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct writer writer;
	uint64_t cursor;
	uint32_t max;
	int r = bus_read_page(m, &cursor, &max);

	if (r < 0)
		return r;
	writer = reply_in_step(m, peer);
	writer_append(&writer, "t", append_interfaces(&writer, peer->bus, cursor, max));
	return bus_send(&writer);
}

int bus_begin_connections(sd_bus_message *m, struct peer *peer, sd_bus_message_handler_t method,
			  sd_bus_error *error, uint64_t *ret_cursor, uint32_t *ret_max)
{
	int r = bus_read_page(m, ret_cursor, ret_max);

	if (r >= 0)
		r = check_connections(peer->bus, error);
	if (r < 0)
		return r;
	return *ret_cursor == 0 && peer_hold(peer, m, method);
}

int bus_method_connections(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct writer writer;
	uint64_t cursor;
	uint32_t max;
	int r = bus_begin_connections(m, peer, bus_method_connections, error, &cursor, &max);

	if (r != 0)
		return r;
	writer = reply_in_step(m, peer);
	writer_append(&writer, "t",
		      append_connections(&writer, peer->bus, cursor, max, BUS_PAGE_RECORDS));
	return bus_send(&writer);
}

/*
 * The same page, marshalled here: a listing of very many takes a tenth of the time then, at both
 * ends.
 */
int bus_method_packed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct pack pack = {0};
	struct writer writer;
	uint64_t cursor;
	uint32_t max;
	int r = bus_begin_connections(m, peer, bus_method_packed, error, &cursor, &max);

	if (r != 0)
		return r;
	writer = reply_in_step(m, peer);
	writer.pack = &pack;
	cursor = append_connections(&writer, peer->bus, cursor, max, BUS_PAGE_RECORDS_PACKED);
	writer.pack = NULL;
	if (writer.error >= 0)
		writer.error = sd_bus_message_append_array(writer.m, 'y', pack.bytes, pack.size);
	pack_done(&pack);
	writer_append(&writer, "t", cursor);
	return bus_send(&writer);
}

int bus_method_endpoints(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct engine *engine = peer->bus->setup.engine;
	struct writer writer = bus_fresh_reply(m, peer);
	const struct endpoint *seen = engine_model(engine)->endpoints;
	struct explain_endpoint endpoint;
	size_t cursor = 0;

	writer_open(&writer, 'a', WIRE_ENDPOINT);
	for (; seen; seen = seen->next) {
		engine_explain_endpoint(engine, seen, loop_now_ms(), &endpoint);
		bus_append_endpoint(&writer, peer->bus, &endpoint);
	}
	while (engine_explain_absent(engine, &cursor, &endpoint))
		bus_append_endpoint(&writer, peer->bus, &endpoint);
	writer_close(&writer);
	return bus_send(&writer);
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
