/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parse.h"

#include <string.h>

#include "wire.h"

/* A mandatory string: never NULL. */
static const char *parse_name(struct reader *reader)
{
	const char *text = reader_text(reader);

	return text ? text : "";
}

/*
 * An array of structures (type 'r') or of dictionary entries (type 'e') into a list of nodes of
 * `size` bytes, whose first member is the pointer to the next one.
 */
static void *parse_list(struct reader *reader, const char *element, size_t size,
			void (*parse_one)(struct reader *reader, void *node))
{
	char type = element[0] == '{' ? 'e' : 'r', contents[256];
	size_t length = strlen(element) - 2;
	void *first = NULL, *last = NULL, *node;

	memcpy(contents, element + 1, length);
	contents[length] = '\0';
	if (!reader_enter(reader, 'a', element))
		return NULL;
	while (reader_enter(reader, type, contents)) {
		node = reader_alloc(reader, size);
		if (!node)
			return first;
		parse_one(reader, node);
		reader_exit(reader);
		memcpy(last ? last : &first, &node, sizeof(node));
		last = node;
	}
	reader_exit(reader);
	return first;
}

struct mptcpctl_addr parse_addr(struct reader *reader)
{
	struct mptcpctl_addr addr = {0};

	reader_read(reader, WIRE_ADDR, &addr.address, &addr.port);
	if (addr.address && !*addr.address)
		addr.address = NULL;
	return addr;
}

static void parse_subflow(struct reader *reader, void *node)
{
	struct mptcpctl_subflow *subflow = node;
	const struct reader_key keys[] = {
		{"rtt-us", 'u', &subflow->rtt_us},
		{"bytes-sent", 't', &subflow->bytes_sent},
		{"bytes-received", 't', &subflow->bytes_received},
		{"retransmits", 'u', &subflow->retransmits},
	};

	subflow->local = parse_addr(reader);
	subflow->remote = parse_addr(reader);
	reader_read(reader, "yy", &subflow->local_id, &subflow->remote_id);
	subflow->interface = reader_text(reader);
	subflow->state = parse_name(reader);
	subflow->initial = reader_bool(reader);
	subflow->backup = reader_bool(reader);
	subflow->peer_backup = reader_bool(reader);
	subflow->origin = parse_name(reader);
	subflow->error = reader_text(reader);
	subflow->rtt_us = UINT32_MAX;
	reader_keys(reader, keys, 4);
	subflow->measured = subflow->rtt_us != UINT32_MAX;
	if (!subflow->measured)
		subflow->rtt_us = 0;
}

static void parse_address(struct reader *reader, void *node)
{
	struct mptcpctl_address *address = node;

	address->addr = parse_addr(reader);
	reader_read(reader, "y", &address->id);
	reader_keys(reader, NULL, 0);
}

bool parse_connection(struct reader *reader, struct mptcpctl_connection *ret_connection)
{
	struct mptcpctl_connection connection = {0};
	const struct reader_key keys[] = {{"deny-join-id0", 'b', &connection.deny_join_id0}};

	if (!reader_enter(reader, 'r', WIRE_IN_CONNECTION))
		return false;
	reader_read(reader, "u", &connection.token);
	connection.state = parse_name(reader);
	connection.side = parse_name(reader);
	connection.path_manager = parse_name(reader);
	connection.fallback = reader_bool(reader);
	connection.policy = reader_text(reader);
	connection.local = parse_addr(reader);
	connection.remote = parse_addr(reader);
	connection.subflows =
		parse_list(reader, WIRE_SUBFLOW, sizeof(struct mptcpctl_subflow), parse_subflow);
	connection.announced =
		parse_list(reader, WIRE_ADDRESS, sizeof(struct mptcpctl_address), parse_address);
	connection.peer_addresses =
		parse_list(reader, WIRE_ADDRESS, sizeof(struct mptcpctl_address), parse_address);
	reader_keys(reader, keys, 1);
	reader_exit(reader);
	*ret_connection = connection;
	return reader->error == 0;
}

static void parse_local(struct reader *reader, void *node)
{
	struct mptcpctl_interface_address *address = node;

	address->address = parse_name(reader);
	reader_read(reader, "y", &address->prefix);
	address->usable = reader_bool(reader);
	address->reason = reader_text(reader);
	reader_keys(reader, NULL, 0);
}

bool parse_interface(struct reader *reader, struct mptcpctl_interface *ret_interface)
{
	struct mptcpctl_interface interface = {0};
	const char *reason = NULL;
	const struct reader_key keys[] = {
		{"up", 'b', &interface.up},
		{"type", 's', &interface.type},
		{"reason", 's', &reason},
		{"rp-filter-strict", 'b', &interface.rp_filter_strict},
	};

	if (!reader_enter(reader, 'r', WIRE_IN_LINK))
		return false;
	interface.name = parse_name(reader);
	reader_read(reader, "u", &interface.index);
	interface.carrier = reader_bool(reader);
	interface.use = reader_bool(reader);
	interface.flags = reader_strings(reader);
	interface.addresses = parse_list(reader, WIRE_LOCAL,
					 sizeof(struct mptcpctl_interface_address), parse_local);
	interface.route_ipv4 = reader_bool(reader);
	interface.route_ipv6 = reader_bool(reader);
	reader_keys(reader, keys, 4);
	reader_exit(reader);
	interface.reason = reason && *reason ? reason : NULL;
	*ret_interface = interface;
	return reader->error == 0;
}

bool parse_endpoint(struct reader *reader, struct mptcpctl_endpoint *ret_endpoint)
{
	struct mptcpctl_endpoint endpoint = {0};
	const struct reader_key keys[] = {
		{"state", 's', &endpoint.state},
		{"reason", 's', &endpoint.reason},
		{"text", 's', &endpoint.text},
		{"needed-by", 't', &endpoint.needed_by},
	};

	if (!reader_enter(reader, 'r', WIRE_IN_ENDPOINT))
		return false;
	reader_read(reader, "y", &endpoint.id);
	endpoint.addr.address = reader_text(reader);
	reader_read(reader, "q", &endpoint.addr.port);
	endpoint.interface = reader_text(reader);
	endpoint.flags = reader_strings(reader);
	endpoint.owner = reader_text(reader);
	reader_keys(reader, keys, 4);
	reader_exit(reader);
	*ret_endpoint = endpoint;
	return reader->error == 0;
}

static void parse_setting(struct reader *reader, void *node)
{
	struct mptcpctl_setting *setting = node;

	setting->key = parse_name(reader);
	setting->value = parse_name(reader);
}

bool parse_policy(struct reader *reader, struct mptcpctl_policy *ret_policy)
{
	struct mptcpctl_policy policy = {0};

	if (!reader_enter(reader, 'r', WIRE_IN_POLICY))
		return false;
	policy.name = parse_name(reader);
	policy.plugins = reader_strings(reader);
	policy.match = parse_list(reader, "{ss}", sizeof(struct mptcpctl_setting), parse_setting);
	policy.settings =
		parse_list(reader, "{ss}", sizeof(struct mptcpctl_setting), parse_setting);
	reader_read(reader, "t", &policy.connections);
	reader_keys(reader, NULL, 0);
	reader_exit(reader);
	*ret_policy = policy;
	return reader->error == 0;
}

static void parse_path(struct reader *reader, void *node)
{
	struct mptcpctl_path *path = node;
	uint64_t next_try_ms = UINT64_MAX;
	const struct reader_key keys[] = {{"next-try-ms", 't', &next_try_ms}};

	path->local = parse_addr(reader);
	path->remote = parse_addr(reader);
	path->interface = reader_text(reader);
	path->wanted_by = reader_text(reader);
	path->forbidden_by = reader_text(reader);
	path->state = parse_name(reader);
	path->error = reader_text(reader);
	reader_read(reader, "u", &path->attempts);
	path->backup = reader_bool(reader);
	reader_keys(reader, keys, 1);
	path->has_next_try = next_try_ms != UINT64_MAX;
	path->next_try_ms = path->has_next_try ? next_try_ms : 0;
}

const struct mptcpctl_path *parse_paths(struct reader *reader)
{
	return parse_list(reader, WIRE_EXPLAIN_PATH, sizeof(struct mptcpctl_path), parse_path);
}

static void parse_announcement(struct reader *reader, void *node)
{
	struct mptcpctl_announcement *announcement = node;

	announcement->addr = parse_addr(reader);
	reader_read(reader, "y", &announcement->id);
	announcement->wanted_by = reader_text(reader);
	announcement->sent = reader_bool(reader);
	announcement->listening = reader_bool(reader);
	reader_keys(reader, NULL, 0);
}

const struct mptcpctl_announcement *parse_announcements(struct reader *reader)
{
	return parse_list(reader, WIRE_ANNOUNCEMENT, sizeof(struct mptcpctl_announcement),
			  parse_announcement);
}

bool parse_config(struct reader *reader, struct mptcpctl_config *ret_config)
{
	struct mptcpctl_config config = {0};

	if (!reader_enter(reader, 'r', WIRE_IN_CONFIG))
		return false;
	config.group = parse_name(reader);
	config.key = parse_name(reader);
	config.value = parse_name(reader);
	config.file = parse_name(reader);
	reader_read(reader, "u", &config.line);
	reader_keys(reader, NULL, 0);
	reader_exit(reader);
	*ret_config = config;
	return reader->error == 0;
}

static void parse_aside(struct reader *reader, void *node)
{
	struct mptcpctl_aside *aside = node;

	aside->plugin = parse_name(reader);
	reader_read(reader, "ut", &aside->token, &aside->since_ms);
}

void parse_asides(struct reader *reader, void *into)
{
	const struct mptcpctl_aside **first = into;

	*first = parse_list(reader, WIRE_ASIDE, sizeof(struct mptcpctl_aside), parse_aside);
}

static void parse_warning(struct reader *reader, void *node)
{
	struct mptcpctl_warning *warning = node;

	warning->reason = parse_name(reader);
	warning->text = parse_name(reader);
	warning->remedy = reader_text(reader);
}

void parse_warnings(struct reader *reader, void *into)
{
	const struct mptcpctl_warning **first = into;

	*first = parse_list(reader, WIRE_WARNING, sizeof(struct mptcpctl_warning), parse_warning);
}
