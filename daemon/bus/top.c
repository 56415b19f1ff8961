/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GetTop: a screen for who watches. Of all connections those that carry most now, with what the
 * kernel knows of each; and what links carry. However many watch, connections are sampled once a
 * second; a call looks through the sample and asks about what is shown alone.
 */
#include "bus-private.h"

#include <ell/ell.h>
#include <mptcpd/addr.h>
#include <string.h>

#include "words.h"

#define ROWS_MAX TRAFFIC_LOOK_MAX
/* Places of the table that are looked at in one turn, half of them empty. */
#define LOOK_PAGE 1024
/* Subflows and addresses are counted, too: each subflow is asked about. */
#define RECORDS_MAX 192
#define LINKS_MAX 64

/* ---- which ---- */

/* As `mptcpctl connection state` has them, and "fallback". */
enum state {
	STATE_ANY,
	STATE_CREATED,
	STATE_ESTABLISHED,
	STATE_CLOSING,
	STATE_MULTI_PATH,
	STATE_SINGLE_PATH,
	STATE_FALLEN_BACK,
	STATE_FALLBACK,
	STATE_UNHEALTHY,
};

struct wanted {
	const struct bus *bus;
	enum traffic_key key;
	const char *interface, *policy; /* NULL: any */
	enum state state;
	struct mptcpd_addr to; /* family 0: anywhere */
	uint8_t prefix;
	uint16_t port; /* 0: any */
};

/* Returns which of them `text` is, `n`: none. */
static size_t find_word(const char *const *words, size_t n, const char *text)
{
	size_t i = 0;

	while (i < n && (!words[i] || strcmp(text, words[i]) != 0))
		i++;
	return i;
}

static int read_key(const char *text, struct wanted *wanted, sd_bus_error *error)
{
	static const char *const keys[] = {
		[TRAFFIC_RATE] = "rate",
		[TRAFFIC_SENT_RATE] = "rate-sent",
		[TRAFFIC_RECEIVED_RATE] = "rate-received",
		[TRAFFIC_BYTES] = "bytes",
	};
	size_t i = find_word(keys, sizeof(keys) / sizeof(*keys), text);

	if (i == sizeof(keys) / sizeof(*keys))
		return bus_invalid(
			error, "sort is \"%s\", expected rate, rate-sent, rate-received or bytes",
			text);
	wanted->key = (enum traffic_key)i;
	return 0;
}

static int read_state(const char *text, struct wanted *wanted, sd_bus_error *error)
{
	static const char *const states[] = {
		[STATE_CREATED] = "created",	     [STATE_ESTABLISHED] = "established",
		[STATE_CLOSING] = "closing",	     [STATE_MULTI_PATH] = "multi-path",
		[STATE_SINGLE_PATH] = "single-path", [STATE_FALLEN_BACK] = "fallen-back",
		[STATE_FALLBACK] = "fallback",	     [STATE_UNHEALTHY] = "unhealthy",
	};
	size_t i = find_word(states, sizeof(states) / sizeof(*states), text);

	if (i == sizeof(states) / sizeof(*states))
		return bus_invalid(error,
				   "state is \"%s\", expected created, established, closing, "
				   "multi-path, single-path, fallen-back or unhealthy",
				   text);
	wanted->state = (enum state)i;
	return 0;
}

static int read_text_option(const char *key, const char *text, struct wanted *wanted,
			    sd_bus_error *error)
{
	if (strcmp(key, "sort") == 0)
		return read_key(text, wanted, error);
	if (strcmp(key, "state") == 0)
		return read_state(text, wanted, error);
	if (strcmp(key, "interface") == 0)
		wanted->interface = text;
	else if (strcmp(key, "policy") == 0)
		wanted->policy = text;
	else if (strcmp(key, "to") != 0)
		return bus_invalid(error,
				   "unknown option \"%s\", expected sort, interface, policy, "
				   "state, to or port",
				   key);
	else if (mptcpd_addr_parse_prefix(text, &wanted->to, &wanted->prefix) < 0)
		return bus_invalid(error, "to is \"%s\", expected an address or a prefix", text);
	return 0;
}

static int read_options(sd_bus_message *m, struct wanted *wanted, sd_bus_error *error)
{
	const char *key, *text;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r < 0)
			return r;
		if (strcmp(key, "port") == 0) {
			if (sd_bus_message_read(m, "v", "q", &wanted->port) < 0)
				return bus_invalid(error, "option \"port\" is no 16-bit number");
		} else {
			if (sd_bus_message_read(m, "v", "s", &text) < 0)
				return bus_invalid(error, "option \"%s\" is no text", key);
			r = read_text_option(key, text, wanted, error);
			if (r < 0)
				return r;
		}
		r = sd_bus_message_exit_container(m);
	}
	return r;
}

static bool is_there(const struct wanted *wanted, const struct mptcpd_addr *remote)
{
	return (!wanted->to.family || mptcpd_addr_in_prefix(remote, &wanted->to, wanted->prefix)) &&
	       (!wanted->port || wanted->port == remote->port);
}

/* Does the connection, or a subflow of it? */
static bool goes_to(const struct connection *connection, const struct wanted *wanted)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]) &&
		    is_there(wanted, &connection->subflows[i].remote))
			return true;
	return is_there(wanted, &connection->remote);
}

static bool goes_by(const struct model *model, const struct connection *connection,
		    const char *interface)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]) &&
		    strcmp(model_interface_name(model, connection->subflows[i].ifindex),
			   interface) == 0)
			return true;
	return false;
}

static bool has_state(const struct model *model, const struct connection *connection,
		      enum state state)
{
	switch (state) {
	case STATE_ANY:
		break;
	case STATE_CREATED:
		return connection->state == MPTCPD_CONNECTION_CREATED;
	case STATE_ESTABLISHED:
		return connection->state == MPTCPD_CONNECTION_ESTABLISHED;
	case STATE_CLOSING:
		return connection->state == MPTCPD_CONNECTION_CLOSING;
	case STATE_MULTI_PATH:
		return bus_is_multi_path(connection);
	case STATE_SINGLE_PATH:
		return !connection->fallback && !bus_is_multi_path(connection);
	case STATE_FALLEN_BACK:
	case STATE_FALLBACK:
		return connection->fallback;
	case STATE_UNHEALTHY:
		return bus_is_unhealthy(model, connection);
	}
	return true;
}

static bool is_wanted(void *data, uint32_t token)
{
	const struct wanted *wanted = data;
	const struct model *model = engine_model(wanted->bus->setup.engine);
	const struct connection *connection = model_find_connection(model, token);

	if (!connection)
		return false;
	if (!goes_to(connection, wanted))
		return false;
	if (wanted->policy &&
	    strcmp(connection->policy ? connection->policy->name : "", wanted->policy) != 0)
		return false;
	if (!has_state(model, connection, wanted->state))
		return false;
	return !wanted->interface || goes_by(model, connection, wanted->interface);
}

/* ---- what of them ---- */

/* One may have gone since it was found. */
static void append_rows(struct writer *writer, const struct bus *bus,
			const struct traffic_look *look)
{
	const struct model *model = engine_model(bus->setup.engine);
	size_t n_records = 0;

	writer_open(writer, 'a', WIRE_CONNECTION);
	for (size_t i = 0; i < look->n && n_records < RECORDS_MAX; i++) {
		const struct connection *connection =
			model_find_connection(model, look->order[i]->token);

		if (!connection)
			continue;
		bus_append_detailed(writer, bus, connection, look->order[i]);
		n_records += 1u + connection->n_subflows + connection->more->n_peers +
			     connection->more->n_announced;
	}
	writer_close(writer);
}

/* ---- links ---- */

struct links {
	const struct interface *interfaces[LINKS_MAX];
	size_t n;
	struct writer *writer;
};

/* Those that carry connections, or would if they worked. */
static void find_links(const struct model *model, struct links *links)
{
	struct table_entry *entry = table_first(&model->interfaces);

	for (; entry && links->n < LINKS_MAX; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);
		enum usability usability = interface_usability(interface);

		if (usability == USABLE ||
		    ((usability == UNUSABLE_DOWN || usability == UNUSABLE_CARRIER) &&
		     interface->locals))
			links->interfaces[links->n++] = interface;
	}
}

static void append_link(void *data, const char *name, uint64_t received, uint64_t sent)
{
	const struct links *links = data;
	struct writer *writer = links->writer;

	for (size_t i = 0; i < links->n; i++) {
		const struct interface *interface = links->interfaces[i];

		if (strcmp(interface->is.name, name) != 0)
			continue;
		writer_open(writer, 'r', WIRE_IN_LINK);
		bus_append_text(writer, name);
		writer_append(writer, "ttbs", received, sent,
			      interface->is.up && interface->is.carrier,
			      health_name(interface_health(interface)));
		writer_no_extras(writer);
		writer_close(writer);
	}
}

static void append_links(struct writer *writer, const struct bus *bus)
{
	struct links links = {.writer = writer};

	find_links(engine_model(bus->setup.engine), &links);
	writer_open(writer, 'a', WIRE_LINK);
	if (bus->setup.links)
		bus->setup.links(bus->setup.data, append_link, &links);
	writer_close(writer);
}

static void append_whole(struct writer *writer, const struct bus *bus, size_t n_wanted)
{
	const struct model *model = engine_model(bus->setup.engine);
	char scheduler[32];

	writer_open(writer, 'a', "{sv}");
	writer_extra(writer, "time-ms", "t", loop_now_ms());
	writer_extra(writer, "connections", "t", (uint64_t)table_count(&model->connections));
	writer_extra(writer, "subflows", "t", model->n_subflows);
	writer_extra(writer, "matching", "t", (uint64_t)n_wanted);
	writer_extra(writer, "path-manager", "s", path_manager_name(model->path_manager));
	if (bus->setup.scheduler &&
	    bus->setup.scheduler(bus->setup.data, scheduler, sizeof(scheduler)))
		writer_extra(writer, "scheduler", "s", scheduler);
	writer_close(writer);
}

static bool look_on(struct wanted *wanted, struct traffic_look *look, size_t room, size_t max)
{
	return traffic_look_on(engine_traffic(wanted->bus->setup.engine), look, wanted->key,
			       is_wanted, wanted, room, max);
}

int bus_method_top(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct wanted wanted = {.bus = peer->bus};
	const char *why = bus_untold(peer->bus);
	struct traffic_look *look;
	struct writer writer;
	uint32_t room;
	int r = sd_bus_message_read(m, "u", &room);

	if (r >= 0)
		r = read_options(m, &wanted, error);
	if (r >= 0 && why)
		r = sd_bus_error_set(error, WIRE_ERROR_FAILED, why);
	if (r < 0)
		return r;
	if (peer_hold_sample(peer, m, bus_method_top))
		return 1;
	if (room > ROWS_MAX)
		room = ROWS_MAX;
	look = peer_take_state(peer);
	if (!look)
		look = l_new(struct traffic_look, 1);
	if (!look_on(&wanted, look, room, LOOK_PAGE)) {
		if (peer_hold_on(peer, m, bus_method_top, look))
			return 1;
		look_on(&wanted, look, room, SIZE_MAX);
	}
	writer = bus_reply(m);
	append_rows(&writer, peer->bus, look);
	append_links(&writer, peer->bus);
	append_whole(&writer, peer->bus, look->n_wanted);
	l_free(look);
	return bus_send(&writer);
}
