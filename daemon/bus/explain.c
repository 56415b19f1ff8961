/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods that say why: the configuration, its policies, and what becomes of each path a
 * connection should have.
 */
#include "bus-private.h"

#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "words.h"

/* A message being filled from a callback, and the first error it met. */
struct filling {
	sd_bus_message *m;
	int error;
};

/* ---- the configuration ---- */

static void on_config(void *data, const char *group, const char *key, const char *value,
		      const char *file, unsigned int line)
{
	struct filling *filling = data;
	const char *const texts[] = {group, key, value, file};
	int r = filling->error;

	if (r >= 0)
		r = sd_bus_message_open_container(filling->m, 'r', WIRE_IN_CONFIG);
	for (size_t i = 0; r >= 0 && i < sizeof(texts) / sizeof(*texts); i++)
		r = bus_append_text(filling->m, texts[i]);
	if (r >= 0)
		r = sd_bus_message_append(filling->m, "ua{sv}", line, 0);
	if (r >= 0)
		r = sd_bus_message_close_container(filling->m);
	filling->error = r;
}

int bus_method_config(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct bus_setup *setup = &peer->bus->setup;
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	struct filling filling = {0};
	int r = sd_bus_message_new_method_return(m, &reply);

	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', WIRE_CONFIG);
	if (r < 0)
		return r;
	filling.m = reply;
	if (setup->config)
		setup->config(setup->data, on_config, &filling);
	r = filling.error;
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* ---- policies ---- */

static int append_match(sd_bus_message *m, const char *key, const char *value)
{
	int r = sd_bus_message_open_container(m, 'e', "ss");

	if (r >= 0)
		r = bus_append_text(m, key);
	if (r >= 0)
		r = bus_append_text(m, value);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_match_net(sd_bus_message *m, const char *key, const struct mptcpd_addr *net,
			    uint8_t prefix)
{
	char host[ADDR_TEXT_SIZE], text[ADDR_TEXT_SIZE + 4];

	snprintf(text, sizeof(text), "%s/%u", addr_format_host(net, host), prefix);
	return append_match(m, key, text);
}

static int append_match_ports(sd_bus_message *m, const char *key, uint16_t min, uint16_t max)
{
	char text[16];

	if (max == 0)
		return 0;
	if (min == max)
		snprintf(text, sizeof(text), "%u", min);
	else
		snprintf(text, sizeof(text), "%u-%u", min, max);
	return append_match(m, key, text);
}

/* The keys are those of the configuration without their "match-". */
static int append_matches(sd_bus_message *m, const struct policy *policy)
{
	int r = sd_bus_message_open_container(m, 'a', "{ss}");

	if (r >= 0 && policy->match.has_side)
		r = append_match(m, "side", side_name(policy->match.side));
	if (r >= 0 && policy->match.has_local)
		r = append_match_net(m, "local-address", &policy->match.local,
				     policy->match.local_prefix);
	if (r >= 0)
		r = append_match_ports(m, "local-port", policy->match.local_port_min,
				       policy->match.local_port_max);
	if (r >= 0 && policy->match.has_remote)
		r = append_match_net(m, "remote-address", &policy->match.remote,
				     policy->match.remote_prefix);
	if (r >= 0)
		r = append_match_ports(m, "remote-port", policy->match.remote_port_min,
				       policy->match.remote_port_max);
	if (r >= 0 && policy->match.has_interface)
		r = append_match(m, "interface", policy->match.interface);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static void on_setting(void *data, const char *key, const char *value)
{
	struct filling *filling = data;

	if (filling->error >= 0)
		filling->error = append_match(filling->m, key, value);
}

static int append_settings(sd_bus_message *m, const struct bus *bus, const struct policy *policy)
{
	struct filling filling = {.m = m};

	filling.error = sd_bus_message_open_container(m, 'a', "{ss}");
	if (filling.error >= 0 && bus->setup.settings)
		bus->setup.settings(bus->setup.data, policy, on_setting, &filling);
	return filling.error < 0 ? filling.error : sd_bus_message_close_container(m);
}

static int append_policy(sd_bus_message *m, const struct bus *bus, const struct policy *policy)
{
	int r = sd_bus_message_open_container(m, 'r', WIRE_IN_POLICY);

	if (r >= 0)
		r = bus_append_text(m, policy->name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "s");
	for (size_t i = 0; r >= 0 && i < policy->n_plugins; i++)
		r = bus_append_text(m, policy->plugins[i].plugin->name);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = append_matches(m, policy);
	if (r >= 0)
		r = append_settings(m, bus, policy);
	if (r >= 0)
		r = sd_bus_message_append(m, "ta{sv}",
					  (uint64_t)engine_count_policy(bus->setup.engine, policy),
					  0);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_method_policies(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct model *model = engine_model(peer->bus->setup.engine);
	const struct rules *rules = model->rules;
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', WIRE_POLICY);
	for (size_t i = 0; r >= 0 && i < rules->n_policies; i++)
		r = append_policy(reply, peer->bus, &rules->policies[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
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

static int append_path(sd_bus_message *m, const struct explain_path *path)
{
	int r = sd_bus_message_open_container(m, 'r', WIRE_IN_EXPLAIN_PATH);

	if (r >= 0)
		r = bus_append_addr(m, &path->local);
	if (r >= 0)
		r = bus_append_addr(m, &path->remote);
	if (r >= 0)
		r = bus_append_text(m, path->interface);
	if (r >= 0)
		r = sd_bus_message_append(m, "ssssub", path->wanted_by ? path->wanted_by : "",
					  path->forbidden_by ? path->forbidden_by : "",
					  explain_state_name(path->state), path->error,
					  path->attempts, path->backup);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0 && path->has_next_try)
		r = bus_append_extra(m, "next-try-ms", "t", path->next_try_ms);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static void on_path(void *data, const struct explain_path *path)
{
	struct filling *filling = data;

	if (filling->error >= 0)
		filling->error = append_path(filling->m, path);
}

static const char *announcer(const struct connection *connection, uint8_t wanted_by)
{
	if (wanted_by == WANTED_BY_ADMIN)
		return "admin";
	if (connection->policy && wanted_by < connection->policy->n_plugins)
		return connection->policy->plugins[wanted_by].plugin->name;
	return "";
}

static int append_announcements(sd_bus_message *m, const struct connection *connection)
{
	char text[ADDR_TEXT_SIZE];
	int r = sd_bus_message_open_container(m, 'a', WIRE_ANNOUNCEMENT);

	for (size_t i = 0; r >= 0 && i < connection->n_announced; i++) {
		const struct announced *announced = &connection->announced[i];

		if (announced->banned)
			continue;

		r = sd_bus_message_append(m, WIRE_ANNOUNCEMENT,
					  addr_format_host(&announced->addr, text),
					  announced->addr.port, announced->id,
					  announcer(connection, announced->wanted_by),
					  announced->sent, announced->listening, 0);
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_method_explain(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct engine *engine = peer->bus->setup.engine;
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	const struct connection *connection;
	struct filling filling = {0};
	uint32_t token;
	int r = sd_bus_message_read(m, "u", &token);

	if (r < 0)
		return r;
	connection = model_find_connection(engine_model(engine), token);
	if (!connection)
		return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND, "no connection with token %x",
					 token);
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = bus_append_text(reply, connection->policy ? connection->policy->name : "");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', WIRE_EXPLAIN_PATH);
	if (r < 0)
		return r;
	filling.m = reply;
	engine_explain(engine, token, loop_now_ms(), on_path, &filling);
	r = filling.error;
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = append_announcements(reply, connection);
	if (r >= 0)
		r = sd_bus_message_append(reply, "a{sv}", 0);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
