/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetStatus: who runs, how much it has to do, and what is not as it should be. */
#include "bus-private.h"

#include <string.h>

#include "words.h"

/* Each plugin once, in the order of the policies. */
static void append_plugins(struct writer *writer, const struct rules *rules)
{
	const char *names[64];
	size_t n = 0;

	writer_open(writer, 'a', "s");
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
			bus_append_text(writer, name);
		}
	}
	writer_close(writer);
}

static void append_config_files(struct writer *writer, const struct bus_setup *setup)
{
	const char *file;

	writer_open(writer, 'a', "s");
	for (size_t i = 0; setup->config_file && (file = setup->config_file(setup->data, i)); i++)
		bus_append_text(writer, file);
	writer_close(writer);
}

struct asides {
	struct writer *writer;
	unsigned int n;
};

static void append_aside(void *data, const char *plugin, uint32_t token, uint64_t since_ms)
{
	struct asides *asides = data;

	asides->n++;
	writer_append(asides->writer, WIRE_ASIDE, plugin, token, loop_real_ms(since_ms));
}

/* "set-aside", and whether all is as it should be. */
static void append_asides(struct writer *writer, const struct bus_setup *setup)
{
	struct asides asides = {.writer = writer};

	writer_open_extra(writer, "set-aside", "a" WIRE_ASIDE);
	writer_open(writer, 'a', WIRE_ASIDE);
	if (setup->set_aside)
		setup->set_aside(setup->data, append_aside, &asides);
	writer_close(writer);
	writer_close_extra(writer);
	writer_extra(writer, "degraded", "b", asides.n > 0);
}

static void append_mptcp(struct writer *writer, const struct bus_setup *setup)
{
	struct bus_mptcp mptcp = {.enabled = true};

	if (setup->mptcp)
		setup->mptcp(setup->data, &mptcp);
	writer_extra(writer, "mptcp-enabled", "b", mptcp.enabled);
	if (mptcp.has_since)
		writer_extra(writer, "blackhole-since-ms", "t", loop_real_ms(mptcp.since_ms));
	if (mptcp.has_until)
		writer_extra(writer, "blackhole-until-ms", "t", loop_real_ms(mptcp.until_ms));
}

static void append_warning(void *data, const char *reason, const char *text, const char *remedy)
{
	struct writer *writer = data;

	writer_open(writer, 'r', WIRE_IN_WARNING);
	bus_append_text(writer, reason);
	bus_append_text(writer, text);
	bus_append_text(writer, remedy);
	writer_close(writer);
}

static void append_warnings(struct writer *writer, const struct bus_setup *setup)
{
	writer_open_extra(writer, "warnings", "a" WIRE_WARNING);
	writer_open(writer, 'a', WIRE_WARNING);
	if (setup->warnings)
		setup->warnings(setup->data, append_warning, writer);
	writer_close(writer);
	writer_close_extra(writer);
}

static void append_extras(struct writer *writer, const struct bus_setup *setup)
{
	const struct engine_counters *counters = engine_counters(setup->engine);

	writer_open(writer, 'a', "{sv}");
	writer_extra(writer, "uptime-ms", "t", loop_now_ms() - setup->start_ms);
	writer_extra(writer, "events-bad", "t", counters->events_bad);
	writer_extra(writer, "plans-refused", "t", counters->plans_refused);
	writer_extra(writer, "announcements-refused", "t", counters->announcements_refused);
	if (setup->malformed)
		writer_extra(writer, "malformed", "t", setup->malformed(setup->data));
	append_asides(writer, setup);
	append_mptcp(writer, setup);
	append_warnings(writer, setup);
	writer_close(writer);
}

/* Connections that are looked at in one turn. */
#define COUNT_PAGE 2048

bool bus_is_multi_path(const struct connection *connection)
{
	return !connection->fallback && connection_count_established(connection) > 1;
}

bool bus_is_unhealthy(const struct model *model, const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		enum mptcpd_health health = subflow_health(model, &connection->subflows[i]);

		if (subflow_is_seen(&connection->subflows[i]) &&
		    (health == MPTCPD_HEALTH_SILENT || health == MPTCPD_HEALTH_SUSPECT))
			return true;
	}
	return false;
}

int bus_method_count(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct model *model = engine_model(peer->bus->setup.engine);
	const struct connection *connection;
	uint64_t cursor, last = 0, n_multi = 0, n_single = 0, n_fallen = 0, n_unhealthy = 0;
	struct writer writer;
	size_t n = 0;
	int r = sd_bus_message_read(m, "t", &cursor);

	if (r < 0)
		return r;
	connection = model_next_connection(model, cursor);
	for (; connection && n < COUNT_PAGE; connection = connection_next(connection), n++) {
		bool multi = bus_is_multi_path(connection);

		n_fallen += connection->fallback;
		n_multi += multi;
		n_single += !connection->fallback && !multi;
		n_unhealthy += bus_is_unhealthy(model, connection);
		last = connection->serial;
	}
	writer = bus_reply(m);
	writer_append(&writer, "t", connection ? last : 0);
	writer_open(&writer, 'a', "{sv}");
	writer_extra(&writer, "multi-path", "t", n_multi);
	writer_extra(&writer, "single-path", "t", n_single);
	writer_extra(&writer, "fallen-back", "t", n_fallen);
	writer_extra(&writer, "unhealthy", "t", n_unhealthy);
	writer_close(&writer);
	return bus_send(&writer);
}

int bus_method_status(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct bus_setup *setup = &peer->bus->setup;
	const struct model *model = engine_model(setup->engine);
	const struct engine_counters *counters = engine_counters(setup->engine);
	struct writer writer = bus_fresh_reply(m, peer);
	uint64_t n_endpoints = 0;

	for (const struct endpoint *endpoint = model->endpoints; endpoint;
	     endpoint = endpoint->next)
		n_endpoints++;
	writer_append(&writer, "sstttttttt", setup->version, path_manager_name(model->path_manager),
		      (uint64_t)table_count(&model->connections), model->n_subflows, n_endpoints,
		      counters->events, counters->events_lost, counters->resyncs,
		      counters->commands, counters->command_errors);
	append_plugins(&writer, model->rules);
	append_config_files(&writer, setup);
	append_extras(&writer, setup);
	return bus_send(&writer);
}
