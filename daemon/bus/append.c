/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of the model as D-Bus structures. Each ends in an a{sv} that later versions may fill. */
#include "bus-private.h"

#include <ell/ell.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <string.h>

#include "addr.h"
#include "words.h"

void bus_clean(char *text)
{
	if (l_utf8_validate(text, strlen(text), NULL))
		return;
	for (; *text; text++)
		if (*text & 0x80)
			*text = '?';
}

int bus_append_text(sd_bus_message *m, const char *text)
{
	char *clean;
	int r;

	if (l_utf8_validate(text, strlen(text), NULL))
		return sd_bus_message_append(m, "s", text);
	clean = l_strdup(text);
	bus_clean(clean);
	r = sd_bus_message_append(m, "s", clean);
	l_free(clean);
	return r;
}

int bus_append_addr(sd_bus_message *m, const struct mptcpd_addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return sd_bus_message_append(m, WIRE_ADDR, addr->family ? addr_format_host(addr, text) : "",
				     addr->port);
}

int bus_append_extra(sd_bus_message *m, const char *key, const char *type, ...)
{
	va_list args;
	int r = sd_bus_message_open_container(m, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", key);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', type);
	va_start(args, type);
	if (r >= 0)
		r = sd_bus_message_appendv(m, type, args);
	va_end(args);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_measure(sd_bus_message *m, const struct mptcpd_measure *measure)
{
	uint64_t age_ms;
	int r;

	if (!measure->taken_ms)
		return 0;
	age_ms = loop_now_ms() - measure->taken_ms;
	r = bus_append_extra(m, "rtt-us", "u", measure->rtt_us);
	if (r >= 0)
		r = bus_append_extra(m, "bytes-sent", "t", measure->bytes_sent);
	if (r >= 0)
		r = bus_append_extra(m, "bytes-received", "t", measure->bytes_received);
	if (r >= 0)
		r = bus_append_extra(m, "retransmits", "u", measure->retransmits);
	return r < 0 ? r : bus_append_extra(m, "measured-ms-ago", "t", age_ms);
}

static int append_subflow(sd_bus_message *m, const struct bus *bus, const struct subflow *subflow)
{
	const struct model *model = engine_model(bus->setup.engine);
	char error[128];
	int r = sd_bus_message_open_container(m, 'r', WIRE_IN_SUBFLOW);

	if (r >= 0)
		r = bus_append_addr(m, &subflow->local);
	if (r >= 0)
		r = bus_append_addr(m, &subflow->remote);
	if (r >= 0)
		r = sd_bus_message_append(m, "yy", subflow->local_id, subflow->remote_id);
	if (r >= 0)
		r = bus_append_text(m, model_interface_name(model, subflow->ifindex));
	if (r >= 0)
		r = sd_bus_message_append(m, "sbbbss", subflow_state_name(subflow->state),
					  subflow->initial, subflow->backup, subflow->peer_backup,
					  origin_name(subflow->origin),
					  subflow_error_text(subflow, error, sizeof(error)));
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = append_measure(m, &subflow->measure);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_subflows(sd_bus_message *m, const struct bus *bus,
			   const struct connection *connection)
{
	int r = sd_bus_message_open_container(m, 'a', WIRE_SUBFLOW);

	for (size_t i = 0; r >= 0 && i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]))
			r = append_subflow(m, bus, &connection->subflows[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_addr_id(sd_bus_message *m, const struct mptcpd_addr *addr, uint8_t id)
{
	char text[ADDR_TEXT_SIZE];

	return sd_bus_message_append(m, WIRE_ADDRESS, addr_format_host(addr, text), addr->port, id,
				     0);
}

static int append_addresses(sd_bus_message *m, const struct connection *connection)
{
	int r = sd_bus_message_open_container(m, 'a', WIRE_ADDRESS);

	for (size_t i = 0; r >= 0 && i < connection->n_announced; i++)
		if (connection->announced[i].sent)
			r = append_addr_id(m, &connection->announced[i].addr,
					   connection->announced[i].id);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', WIRE_ADDRESS);
	for (size_t i = 0; r >= 0 && i < connection->n_peers; i++)
		r = append_addr_id(m, &connection->peers[i].addr, connection->peers[i].id);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_connection(sd_bus_message *m, const struct bus *bus,
			  const struct connection *connection)
{
	const struct policy *policy = connection->policy;
	int r = sd_bus_message_open_container(m, 'r', WIRE_IN_CONNECTION);

	if (r >= 0)
		r = sd_bus_message_append(m, "usssb", connection->token,
					  connection_state_name(connection->state),
					  side_name(connection->side),
					  path_manager_name(connection->path_manager),
					  connection->fallback);
	if (r >= 0)
		r = bus_append_text(m, policy ? policy->name : "");
	if (r >= 0)
		r = bus_append_addr(m, &connection->local);
	if (r >= 0)
		r = bus_append_addr(m, &connection->remote);
	if (r >= 0)
		r = append_subflows(m, bus, connection);
	if (r >= 0)
		r = append_addresses(m, connection);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = bus_append_extra(m, "deny-join-id0", "b", connection->deny_join_id0);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_flags(sd_bus_message *m, uint32_t flags)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (unsigned int bit = 0; r >= 0 && flag_name(bit); bit++)
		if (flags & (1u << bit))
			r = sd_bus_message_append(m, "s", flag_name(bit));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Why not? Under the kernel's path manager an endpoint is of use only if its address leads out. */
static enum usability judge(const struct model *model, const struct local *local)
{
	const struct interface *interface = local->interface;

	if (local->usability != USABLE)
		return local->usability;
	if (interface->usability != USABLE)
		return interface->usability;
	return model->path_manager == PATH_MANAGER_KERNEL && !local->leads_out ? UNUSABLE_ROUTED
									       : USABLE;
}

static int append_locals(sd_bus_message *m, const struct model *model,
			 const struct interface *interface)
{
	char text[ADDR_TEXT_SIZE], reason[128];
	int r = sd_bus_message_open_container(m, 'a', WIRE_LOCAL);

	for (const struct local *local = interface->locals; r >= 0 && local; local = local->next) {
		enum usability usability = judge(model, local);
		const struct interface *elsewhere = NULL;

		snprintf(reason, sizeof(reason), "%s", usability_text(usability));
		if (usability == USABLE && model->path_manager == PATH_MANAGER_KERNEL)
			elsewhere = model_endpoint_elsewhere(model, local);
		if (elsewhere)
			snprintf(reason, sizeof(reason), SAME_ADDRESS_TEXT, elsewhere->name);
		r = sd_bus_message_append(m, WIRE_LOCAL, addr_format_host(&local->addr, text),
					  local->prefix, !*reason, reason, 0);
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_interface(sd_bus_message *m, const struct bus *bus,
			 const struct interface *interface)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct interface_rule *rule = interface->rule;
	int r = sd_bus_message_open_container(m, 'r', WIRE_IN_LINK);

	if (r >= 0)
		r = bus_append_text(m, interface->name);
	if (r >= 0)
		r = sd_bus_message_append(m, "ubb", interface->ifindex, interface->carrier,
					  interface->usability == USABLE);
	if (r >= 0)
		r = append_flags(m, rule && rule->has_flags ? rule->flags
							    : model->rules->endpoint_flags);
	if (r >= 0)
		r = append_locals(m, model, interface);
	if (r >= 0)
		r = sd_bus_message_append(m, "bb", interface->route_v4, interface->route_v6);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = bus_append_extra(m, "up", "b", interface->up);
	if (r >= 0)
		r = bus_append_extra(m, "type", "s", link_type_name(interface->type));
	if (r >= 0)
		r = bus_append_extra(m, "reason", "s", usability_text(interface->usability));
	if (r >= 0)
		r = bus_append_extra(m, "rp-filter-strict", "b", interface->rp_filter_strict);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static const char *const endpoint_states[] = {
	[ENDPOINT_PRESENT] = "present",
	[ENDPOINT_LEAVING] = "leaving",
	[ENDPOINT_WAITING] = "waiting",
	[ENDPOINT_HELD_OFF] = "held-off",
};

static int append_endpoint_extras(sd_bus_message *m, const struct explain_endpoint *endpoint)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = bus_append_extra(m, "state", "s", endpoint_states[endpoint->state]);
	if (r >= 0 && endpoint->reason)
		r = bus_append_extra(m, "reason", "s", endpoint->reason);
	if (r >= 0 && endpoint->text[0])
		r = bus_append_extra(m, "text", "s", endpoint->text);
	if (r >= 0)
		r = bus_append_extra(m, "needed-by", "t", (uint64_t)endpoint->needed_by);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_endpoint(sd_bus_message *m, const struct bus *bus,
			const struct explain_endpoint *endpoint)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct event_endpoint *is = &endpoint->is;
	char text[ADDR_TEXT_SIZE];
	int r = sd_bus_message_open_container(m, 'r', WIRE_IN_ENDPOINT);

	if (r >= 0)
		r = sd_bus_message_append(m, "ysq", is->id, addr_format_host(&is->addr, text),
					  is->addr.port);
	if (r >= 0)
		r = bus_append_text(m, model_interface_name(model, is->ifindex));
	if (r >= 0)
		r = append_flags(m, is->flags);
	if (r >= 0)
		r = sd_bus_message_append(m, "s", endpoint->ours ? "mptcpd" : "other");
	if (r >= 0)
		r = append_endpoint_extras(m, endpoint);
	return r < 0 ? r : sd_bus_message_close_container(m);
}
