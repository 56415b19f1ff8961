/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods that say why: the configuration, its policies, and what becomes of each path a
 * connection should have.
 */
#include "bus-private.h"

#include <stdlib.h>

#include "addr.h"
#include "clock.h"
#include "words.h"

/* ---- the configuration ---- */

static void on_config(void *data, const char *group, const char *key, const char *value,
		      const char *file, unsigned int line)
{
	const char *const texts[] = {group, key, value, file};
	struct writer *writer = data;

	writer_open(writer, 'r', WIRE_IN_CONFIG);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		bus_append_text(writer, texts[i]);
	writer_append(writer, "u", line);
	writer_no_extras(writer);
	writer_close(writer);
}

int bus_method_config(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const struct peer *peer = data;
	const struct bus_setup *setup = &peer->bus->setup;
	struct writer writer = bus_reply(m);

	writer_open(&writer, 'a', WIRE_CONFIG);
	if (setup->config)
		setup->config(setup->data, on_config, &writer);
	writer_close(&writer);
	return bus_send(&writer);
}

/* ---- policies ---- */

/* A match or a setting. */
static void on_setting(void *data, const char *key, const char *value)
{
	struct writer *writer = data;

	writer_open(writer, 'e', "ss");
	bus_append_text(writer, key);
	bus_append_text(writer, value);
	writer_close(writer);
}

static void append_policy(struct writer *writer, const struct bus *bus, const struct policy *policy)
{
	writer_open(writer, 'r', WIRE_IN_POLICY);
	bus_append_text(writer, policy->name);
	writer_open(writer, 'a', "s");
	for (size_t i = 0; i < policy->n_plugins; i++)
		bus_append_text(writer, policy->plugins[i].plugin->name);
	writer_close(writer);
	writer_open(writer, 'a', "{ss}");
	if (bus->setup.matches)
		bus->setup.matches(bus->setup.data, policy, on_setting, writer);
	writer_close(writer);
	writer_open(writer, 'a', "{ss}");
	if (bus->setup.settings)
		bus->setup.settings(bus->setup.data, policy, on_setting, writer);
	writer_close(writer);
	writer_append(writer, "t", (uint64_t)engine_count_policy(bus->setup.engine, policy));
	writer_open(writer, 'a', "{sv}");
	writer_extra(writer, "decides", "b",
		     engine_model(bus->setup.engine)->path_manager != PATH_MANAGER_KERNEL);
	writer_close(writer);
	writer_close(writer);
}

int bus_method_policies(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const struct peer *peer = data;
	const struct rules *rules = engine_model(peer->bus->setup.engine)->rules;
	struct writer writer = bus_reply(m);

	writer_open(&writer, 'a', WIRE_POLICY);
	for (size_t i = 0; i < rules->n_policies; i++)
		append_policy(&writer, peer->bus, &rules->policies[i]);
	writer_close(&writer);
	return bus_send(&writer);
}

/* ---- explain ---- */

static const char *explain_state_name(enum explain_state state)
{
	switch (state) {
	case EXPLAIN_ESTABLISHED:
		return "established";
	case EXPLAIN_PENDING:
		return "pending";
	case EXPLAIN_WAITING:
		return "waiting";
	case EXPLAIN_REFUSED:
		return "refused";
	case EXPLAIN_UNWANTED:
		return "unwanted";
	}
	return "unknown";
}

static void append_extra_text(struct writer *writer, const char *key, const char *text)
{
	if (*text)
		bus_append_extra_text(writer, key, text);
}

static void append_reason(struct writer *writer, enum reason reason, const char *text,
			  const char *remedy)
{
	append_extra_text(writer, "reason", reason ? reason_name(reason) : "");
	append_extra_text(writer, "text", text);
	append_extra_text(writer, "remedy", remedy);
}

void bus_append_path(struct writer *writer, const struct explain_path *path)
{
	writer_open(writer, 'r', WIRE_IN_EXPLAIN_PATH);
	bus_append_addr(writer, &path->local);
	bus_append_addr(writer, &path->remote);
	bus_append_text(writer, path->interface);
	writer_append(writer, "sss", path->wanted_by ? path->wanted_by : "",
		      path->forbidden_by ? path->forbidden_by : "",
		      explain_state_name(path->state));
	bus_append_text(writer, path->error);
	writer_append(writer, "ub", path->attempts, path->backup);
	writer_open(writer, 'a', "{sv}");
	if (path->has_next_try)
		writer_extra(writer, "next-try-ms", "t", path->next_try_ms);
	append_reason(writer, path->reason, path->text, path->remedy);
	writer_close(writer);
	writer_close(writer);
}

void bus_append_announcement(struct writer *writer, const struct explain_announcement *announcement)
{
	char text[ADDR_TEXT_SIZE];

	writer_open(writer, 'r', WIRE_IN_ANNOUNCEMENT);
	writer_append(writer, "(sq)ysbb", addr_format_host(&announcement->addr, text),
		      announcement->addr.port, announcement->id,
		      announcement->wanted_by ? announcement->wanted_by : "", announcement->sent,
		      announcement->listening);
	writer_open(writer, 'a', "{sv}");
	writer_extra(writer, "joined", "b", announcement->joined);
	append_reason(writer, announcement->reason, announcement->text, announcement->remedy);
	writer_close(writer);
	writer_close(writer);
}

static void on_path(void *data, const struct explain_path *path)
{
	bus_append_path(data, path);
}

static void on_announcement(void *data, const struct explain_announcement *announcement)
{
	bus_append_announcement(data, announcement);
}

/* What is known of the connection, beside its paths. */
static void append_explained(struct writer *writer, const struct connection *connection,
			     const char *words)
{
	writer_open(writer, 'a', "{sv}");
	append_extra_text(writer, "text", words);
	writer_extra(writer, "side", "s", side_name(connection->side));
	writer_extra(writer, "path-manager", "s", path_manager_name(connection->path_manager));
	writer_close(writer);
}

static void append_explanation(struct writer *writer, const struct connection *connection,
			       struct engine *engine)
{
	char words[ENGINE_WORDS_SIZE] = "";

	bus_append_text(writer, connection->policy ? connection->policy->name : "");
	writer_open(writer, 'a', WIRE_EXPLAIN_PATH);
	engine_explain(engine, connection->token, loop_now_ms(), on_path, writer, words);
	writer_close(writer);
	writer_open(writer, 'a', WIRE_ANNOUNCEMENT);
	engine_explain_announcements(engine, connection->token, loop_now_ms(), on_announcement,
				     writer);
	writer_close(writer);
	append_explained(writer, connection, words);
}

int bus_method_explain(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct engine *engine = peer->bus->setup.engine;
	const struct connection *connection;
	struct writer writer;
	uint32_t token;
	int r = bus_read_token(m, peer->bus, &token);

	if (r < 0)
		return r;
	if (peer_hold(peer, m, bus_method_explain))
		return 1;
	writer = bus_fresh_reply(m, peer);
	connection = model_find_connection(engine_model(engine), token);
	if (!connection) {
		sd_bus_message_unref(writer.m);
		return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND, "no connection with token %x",
					 token);
	}
	append_explanation(&writer, connection, engine);
	return bus_send(&writer);
}

/* A page holds nobody longer than this, and what one connection takes. */
#define PAGE_NS 2000000

/* Where the next page begins, 0: there is none. */
static uint64_t append_page(struct writer *writer, struct engine *engine, uint64_t cursor,
			    uint32_t max)
{
	const struct connection *connection = model_next_connection(engine_model(engine), cursor);
	uint64_t last = 0;
	uint64_t end_ns = clock_work_ns() + PAGE_NS;

	writer_open(writer, 'a', WIRE_EXPLANATION);
	for (size_t n = 0; connection && n < max; n++) {
		writer_open(writer, 'r', WIRE_IN_EXPLANATION);
		writer_append(writer, "u", connection->token);
		append_explanation(writer, connection, engine);
		writer_close(writer);
		last = connection->serial;
		connection = connection_next(connection);
		if (clock_work_ns() >= end_ns)
			break;
	}
	writer_close(writer);
	return connection ? last : 0;
}

int bus_method_explanations(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct writer writer;
	uint64_t cursor;
	uint32_t max;
	int r = bus_begin_connections(m, peer, bus_method_explanations, error, &cursor, &max);

	if (r != 0)
		return r;
	writer = cursor ? bus_reply(m) : bus_fresh_reply(m, peer);
	writer_append(&writer, "t", append_page(&writer, peer->bus->setup.engine, cursor, max));
	return bus_send(&writer);
}
