/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <stdlib.h>

#include "clean.h"
#include "print.h"

/* Microseconds of today's wall clock are 16 digits. */
#define FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(16))

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		abort();
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		abort();
}

void json_print(json_t *value)
{
	json_dump_callback(value, print_json, NULL, FLAGS);
	json_decref(value);
}

void json_print_wrapped(const char *name, json_t *value)
{
	json_t *object = json_object();

	json_put(object, name, value);
	json_print(object);
	print_end();
}

json_t *json_token(uint32_t token)
{
	return json_sprintf("%x", token);
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* JSON holds UTF-8 alone, the kernel's names any bytes. */
static json_t *text(const char *value)
{
	json_t *string = value ? json_string(value) : json_null();
	char *clean;

	if (string)
		return string;
	clean = clean_text(value);
	string = json_string(clean);
	free(clean);
	return string;
}

static json_t *strings(const char *const *values)
{
	json_t *array = json_array();

	for (; values && *values; values++)
		append(array, text(*values));
	return array;
}

/* An object also where the address is missing, for those that carry more. */
static json_t *address_object(const struct mptcpctl_addr *addr)
{
	json_t *object = json_object();

	json_put(object, "address", text(addr->address));
	json_put(object, "port", number(addr->port));
	return object;
}

static json_t *address(const struct mptcpctl_addr *addr)
{
	return addr->address ? address_object(addr) : json_null();
}

static json_t *addresses(const struct mptcpctl_address *list)
{
	json_t *array = json_array(), *object;

	for (; list; list = list->next) {
		object = address_object(&list->addr);
		json_put(object, "id", number(list->id));
		append(array, object);
	}
	return array;
}

static json_t *asides(const struct mptcpctl_aside *list)
{
	json_t *array = json_array(), *object;

	for (; list; list = list->next) {
		object = json_object();
		json_put(object, "plugin", text(list->plugin));
		json_put(object, "token", list->token ? json_token(list->token) : json_null());
		json_put(object, "since-ms", number(list->since_ms));
		append(array, object);
	}
	return array;
}

static json_t *time_or_null(uint64_t ms)
{
	return ms ? number(ms) : json_null();
}

static json_t *mptcp(const struct mptcpctl_status *status)
{
	json_t *object = json_object();

	json_put(object, "enabled", json_boolean(status->mptcp_enabled));
	json_put(object, "blackhole-since-ms", time_or_null(status->blackhole_since_ms));
	json_put(object, "blackhole-until-ms", time_or_null(status->blackhole_until_ms));
	return object;
}

static json_t *warnings(const struct mptcpctl_warning *list)
{
	json_t *array = json_array(), *object;

	for (; list; list = list->next) {
		object = json_object();
		json_put(object, "reason", text(list->reason));
		json_put(object, "text", text(list->text));
		json_put(object, "remedy", text(list->remedy));
		append(array, object);
	}
	return array;
}

json_t *json_status(const struct mptcpctl_status *status)
{
	json_t *object = json_object();

	json_put(object, "version", text(status->version));
	json_put(object, "path-manager", text(status->path_manager));
	json_put(object, "connections", number(status->connections));
	json_put(object, "subflows", number(status->subflows));
	json_put(object, "endpoints", number(status->endpoints));
	json_put(object, "events", number(status->events));
	json_put(object, "events-lost", number(status->events_lost));
	json_put(object, "events-bad", number(status->events_bad));
	json_put(object, "malformed", number(status->malformed));
	json_put(object, "resyncs", number(status->resyncs));
	json_put(object, "commands", number(status->commands));
	json_put(object, "command-errors", number(status->command_errors));
	json_put(object, "plans-refused", number(status->plans_refused));
	json_put(object, "announcements-refused", number(status->announcements_refused));
	json_put(object, "degraded", json_boolean(status->degraded));
	json_put(object, "set-aside", asides(status->asides));
	json_put(object, "mptcp", mptcp(status));
	json_put(object, "warnings", warnings(status->warnings));
	json_put(object, "uptime-ms", number(status->uptime_ms));
	json_put(object, "plugins", strings(status->plugins));
	json_put(object, "config", strings(status->config));
	return object;
}

json_t *json_subflow(const struct mptcpctl_subflow *subflow)
{
	json_t *object = json_object();

	json_put(object, "local", address(&subflow->local));
	json_put(object, "remote", address(&subflow->remote));
	json_put(object, "local-id", number(subflow->local_id));
	json_put(object, "remote-id", number(subflow->remote_id));
	json_put(object, "interface", text(subflow->interface));
	json_put(object, "state", text(subflow->state));
	json_put(object, "initial", json_boolean(subflow->initial));
	json_put(object, "backup", json_boolean(subflow->backup));
	json_put(object, "peer-backup", json_boolean(subflow->peer_backup));
	json_put(object, "origin", text(subflow->origin));
	json_put(object, "error", text(subflow->error));
	if (!subflow->measured)
		return object;
	json_put(object, "rtt-us", number(subflow->rtt_us));
	json_put(object, "bytes-sent", number(subflow->bytes_sent));
	json_put(object, "bytes-received", number(subflow->bytes_received));
	json_put(object, "retransmits", number(subflow->retransmits));
	return object;
}

json_t *json_connection(const struct mptcpctl_connection *connection)
{
	json_t *object = json_object(), *subflows = json_array();
	const struct mptcpctl_subflow *subflow;

	for (subflow = connection->subflows; subflow; subflow = subflow->next)
		append(subflows, json_subflow(subflow));
	json_put(object, "token", json_token(connection->token));
	json_put(object, "state", text(connection->state));
	json_put(object, "side", text(connection->side));
	json_put(object, "path-manager", text(connection->path_manager));
	json_put(object, "fallback", json_boolean(connection->fallback));
	json_put(object, "deny-join-id0", json_boolean(connection->deny_join_id0));
	json_put(object, "policy", text(connection->policy));
	json_put(object, "local", address(&connection->local));
	json_put(object, "remote", address(&connection->remote));
	json_put(object, "subflows", subflows);
	json_put(object, "announced",
		 connection->announced_unknown ? json_null() : addresses(connection->announced));
	json_put(object, "peer-addresses",
		 connection->peer_addresses_unknown ? json_null()
						    : addresses(connection->peer_addresses));
	return object;
}

json_t *json_endpoint(const struct mptcpctl_endpoint *endpoint)
{
	json_t *object = json_object();

	json_put(object, "id", endpoint->id ? number(endpoint->id) : json_null());
	json_put(object, "address", text(endpoint->addr.address));
	json_put(object, "port", number(endpoint->addr.port));
	json_put(object, "interface", text(endpoint->interface));
	json_put(object, "flags", strings(endpoint->flags));
	json_put(object, "owner", text(endpoint->owner));
	if (!endpoint->state)
		return object; /* nobody is there who knows */
	json_put(object, "state", text(endpoint->state));
	json_put(object, "reason", text(endpoint->reason));
	json_put(object, "text", text(endpoint->text));
	json_put(object, "needed-by", number(endpoint->needed_by));
	return object;
}

json_t *json_limits(const struct mptcpctl_limits *limits)
{
	json_t *object = json_object();

	json_put(object, "subflows", number(limits->subflows));
	json_put(object, "add-addr-accepted", number(limits->add_addr_accepted));
	return object;
}

json_t *json_flush(size_t n_endpoints, bool known, size_t n_cut_off)
{
	json_t *object = json_object();

	json_put(object, "endpoints", number(n_endpoints));
	json_put(object, "connections-without-subflows", known ? number(n_cut_off) : json_null());
	return object;
}

static json_t *interface_addresses(const struct mptcpctl_interface_address *list)
{
	json_t *array = json_array(), *object;

	for (; list; list = list->next) {
		object = json_object();
		json_put(object, "address", text(list->address));
		json_put(object, "prefix", number(list->prefix));
		json_put(object, "usable", json_boolean(list->usable));
		json_put(object, "reason", text(list->reason));
		append(array, object);
	}
	return array;
}

json_t *json_interface(const struct mptcpctl_interface *interface)
{
	json_t *object = json_object(), *route = json_object();

	json_put(route, "ipv4", json_boolean(interface->route_ipv4));
	json_put(route, "ipv6", json_boolean(interface->route_ipv6));
	json_put(object, "name", text(interface->name));
	json_put(object, "index", number(interface->index));
	json_put(object, "type", text(interface->type));
	json_put(object, "up", json_boolean(interface->up));
	json_put(object, "carrier", json_boolean(interface->carrier));
	json_put(object, "use", json_boolean(interface->use));
	json_put(object, "reason", text(interface->reason));
	json_put(object, "flags", strings(interface->flags));
	json_put(object, "addresses", interface_addresses(interface->addresses));
	json_put(object, "default-route", route);
	json_put(object, "rp-filter-strict", json_boolean(interface->rp_filter_strict));
	return object;
}

static json_t *settings(const struct mptcpctl_setting *list)
{
	json_t *object = json_object();

	for (; list; list = list->next)
		json_put(object, list->key, text(list->value));
	return object;
}

json_t *json_policy(const struct mptcpctl_policy *policy)
{
	json_t *object = json_object();

	json_put(object, "name", text(policy->name));
	json_put(object, "plugins", strings(policy->plugins));
	json_put(object, "match", settings(policy->match));
	json_put(object, "settings", settings(policy->settings));
	json_put(object, "connections", number(policy->connections));
	return object;
}

static json_t *path(const struct mptcpctl_path *path)
{
	json_t *object = json_object();

	json_put(object, "local", address(&path->local));
	json_put(object, "remote", address(&path->remote));
	json_put(object, "interface", text(path->interface));
	json_put(object, "backup", json_boolean(path->backup));
	json_put(object, "wanted-by", text(path->wanted_by));
	json_put(object, "forbidden-by", text(path->forbidden_by));
	json_put(object, "state", text(path->state));
	json_put(object, "error", text(path->error));
	json_put(object, "attempts", number(path->attempts));
	json_put(object, "next-try-ms",
		 path->has_next_try ? number(path->next_try_ms) : json_null());
	return object;
}

json_t *json_explanation(const struct mptcpctl_explanation *explanation)
{
	json_t *object = json_object(), *paths = json_array(), *announcements = json_array();
	const struct mptcpctl_announcement *announcement;
	const struct mptcpctl_path *each;

	for (each = explanation->paths; each; each = each->next)
		append(paths, path(each));
	for (announcement = explanation->announcements; announcement;
	     announcement = announcement->next) {
		json_t *item = address_object(&announcement->addr);

		json_put(item, "id", number(announcement->id));
		json_put(item, "wanted-by", text(announcement->wanted_by));
		json_put(item, "sent", json_boolean(announcement->sent));
		json_put(item, "listening", json_boolean(announcement->listening));
		append(announcements, item);
	}
	json_put(object, "token", json_token(explanation->token));
	json_put(object, "policy", text(explanation->policy));
	json_put(object, "paths", paths);
	json_put(object, "announcements", announcements);
	return object;
}

json_t *json_config(const struct mptcpctl_config *config)
{
	json_t *object = json_object();

	json_put(object, "group", text(config->group));
	json_put(object, "key", text(config->key));
	json_put(object, "value", text(config->value));
	json_put(object, "file", text(config->file));
	json_put(object, "line", config->line ? number(config->line) : json_null());
	return object;
}

/* ---- events ---- */

/* Which keys go with which event. */
enum fields {
	TOKEN = 1 << 0,
	SIDE = 1 << 1, /* and policy */
	LOCAL = 1 << 2,
	REMOTE = 1 << 3,
	LOCAL_ID = 1 << 4,
	REMOTE_ID = 1 << 5,
	SUBFLOW = 1 << 6, /* backup, peer-backup, interface by name */
	ERROR = 1 << 7,
	DENY = 1 << 8,
	INTERFACE = 1 << 9,
	ENDPOINT = 1 << 10,
	WHAT = 1 << 11,
};

#define BOTH (LOCAL | REMOTE)
#define IDS (LOCAL_ID | REMOTE_ID)

static const unsigned int event_fields[] = {
	[MPTCPCTL_SYNCHRONIZED] = 0,
	[MPTCPCTL_CONNECTION_CREATED] = TOKEN | SIDE | BOTH | DENY,
	[MPTCPCTL_CONNECTION_ESTABLISHED] = TOKEN | SIDE | BOTH | DENY,
	[MPTCPCTL_CONNECTION_CLOSED] = TOKEN | SIDE | BOTH,
	[MPTCPCTL_SUBFLOW_ESTABLISHED] = TOKEN | SIDE | BOTH | IDS | SUBFLOW,
	[MPTCPCTL_SUBFLOW_CLOSED] = TOKEN | SIDE | BOTH | IDS | SUBFLOW | ERROR,
	[MPTCPCTL_SUBFLOW_PRIORITY] = TOKEN | SIDE | BOTH | IDS | SUBFLOW,
	[MPTCPCTL_ADDRESS_ANNOUNCED] = TOKEN | SIDE | REMOTE | REMOTE_ID,
	[MPTCPCTL_ADDRESS_REMOVED] = TOKEN | SIDE | REMOTE | REMOTE_ID,
	[MPTCPCTL_LISTENER_CREATED] = LOCAL,
	[MPTCPCTL_LISTENER_CLOSED] = LOCAL,
	[MPTCPCTL_INTERFACE_ADDED] = INTERFACE,
	[MPTCPCTL_INTERFACE_CHANGED] = INTERFACE,
	[MPTCPCTL_INTERFACE_REMOVED] = INTERFACE,
	[MPTCPCTL_INTERFACE_ADDRESS_ADDED] = INTERFACE | LOCAL,
	[MPTCPCTL_INTERFACE_ADDRESS_CHANGED] = INTERFACE | LOCAL,
	[MPTCPCTL_INTERFACE_ADDRESS_REMOVED] = INTERFACE | LOCAL,
	[MPTCPCTL_ENDPOINT_ADDED] = ENDPOINT,
	[MPTCPCTL_ENDPOINT_CHANGED] = ENDPOINT,
	[MPTCPCTL_ENDPOINT_REMOVED] = ENDPOINT,
	[MPTCPCTL_LOST] = WHAT,
	[MPTCPCTL_RESYNCED] = WHAT,
};

static json_t *interface_of_event(const struct mptcpctl_event *event)
{
	json_t *object;

	if (event->interface_now)
		return json_interface(event->interface_now);
	object = json_object(); /* it is gone: its name is all that is left */
	json_put(object, "name", text(event->interface));
	return object;
}

static void put_connection_fields(json_t *object, const struct mptcpctl_event *event,
				  unsigned int fields)
{
	if (fields & TOKEN)
		json_put(object, "token", json_token(event->token));
	if (fields & SIDE) {
		json_put(object, "side", text(event->side));
		json_put(object, "policy", text(event->policy));
	}
	if (fields & LOCAL)
		json_put(object, "local", address(&event->local));
	if (fields & REMOTE)
		json_put(object, "remote", address(&event->remote));
	if (fields & LOCAL_ID)
		json_put(object, "local-id", number(event->local_id));
	if (fields & REMOTE_ID)
		json_put(object, "remote-id", number(event->remote_id));
	if (fields & SUBFLOW) {
		json_put(object, "backup", json_boolean(event->backup));
		json_put(object, "peer-backup", json_boolean(event->peer_backup));
		json_put(object, "interface", text(event->interface));
	}
	if (fields & ERROR)
		json_put(object, "error", text(event->error));
	if (fields & DENY)
		json_put(object, "deny-join-id0", json_boolean(event->deny_join_id0));
}

json_t *json_event(const struct mptcpctl_event *event)
{
	json_t *object = json_object();
	unsigned int fields = 0;

	if (event->type < sizeof(event_fields) / sizeof(*event_fields))
		fields = event_fields[event->type];
	json_put(object, "time", json_real((double)event->time_us / 1e6));
	json_put(object, "event", text(event->name));
	put_connection_fields(object, event, fields);
	if (fields & INTERFACE)
		json_put(object, "interface", interface_of_event(event));
	if (fields & ENDPOINT && event->endpoint)
		json_put(object, "endpoint", json_endpoint(event->endpoint));
	if (fields & WHAT)
		json_put(object, "what", text(event->what));
	return object;
}
