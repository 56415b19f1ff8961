/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of the model as D-Bus structures. Each ends in an a{sv} that later versions may fill. */
#include "bus-private.h"

#include <ell/ell.h>
#include <stdio.h>
#include <sys/socket.h>
#include <string.h>

#include "addr.h"
#include "words.h"

struct writer bus_reply(sd_bus_message *m)
{
	struct writer writer = {0};

	writer.error = sd_bus_message_new_method_return(m, &writer.m);
	return writer;
}

int bus_send(struct writer *writer)
{
	int r = writer->error < 0 ? writer->error : sd_bus_send(NULL, writer->m, NULL);

	sd_bus_message_unref(writer->m);
	return r;
}

/* ---- values ---- */

void bus_clean(char *text)
{
	if (l_utf8_validate(text, strlen(text), NULL))
		return;
	for (; *text; text++)
		if (*text & 0x80)
			*text = '?';
}

void bus_append_text(struct writer *writer, const char *text)
{
	char *clean;

	if (l_utf8_validate(text, strlen(text), NULL)) {
		writer_append(writer, "s", text);
		return;
	}
	clean = l_strdup(text);
	bus_clean(clean);
	writer_append(writer, "s", clean);
	l_free(clean);
}

void bus_append_extra_text(struct writer *writer, const char *key, const char *text)
{
	writer_open_extra(writer, key, "s");
	bus_append_text(writer, text);
	writer_close_extra(writer);
}

void bus_append_addr(struct writer *writer, const struct mptcpd_addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	writer_append(writer, WIRE_ADDR, addr->family ? addr_format_host(addr, text) : "",
		      addr->port);
}

/* ---- records ---- */

static void append_measure(struct writer *writer, const struct mptcpd_measure *measure)
{
	if (!measure)
		return;
	writer_extra(writer, "rtt-us", "u", measure->rtt_us);
	writer_extra(writer, "bytes-sent", "t", measure->bytes_sent);
	writer_extra(writer, "bytes-received", "t", measure->bytes_received);
	writer_extra(writer, "retransmits", "u", measure->retransmits);
	writer_extra(writer, "measured-ms-ago", "t", loop_now_ms() - measure->taken_ms);
	if (measure->send_rate != MPTCPD_RATE_UNKNOWN &&
	    measure->receive_rate != MPTCPD_RATE_UNKNOWN) {
		writer_extra(writer, "send-rate", "t", measure->send_rate);
		writer_extra(writer, "receive-rate", "t", measure->receive_rate);
	}
}

static uint64_t bytes_of(const struct mptcpd_measure *measure)
{
	return measure ? measure->bytes_sent + measure->bytes_received : 0;
}

/* Of all its subflows that there are, both ways. */
static uint64_t total_bytes(const struct connection *connection)
{
	uint64_t total = 0;

	for (size_t i = 0; connection->more->n_measures && i < connection->n_subflows; i++)
		total += bytes_of(connection_measure(connection, &connection->subflows[i]));
	return total;
}

/* What part of the bytes of all went by it, in millionths. */
static void append_share(struct writer *writer, const struct mptcpd_measure *measure,
			 uint64_t total)
{
	uint64_t bytes = bytes_of(measure);

	/* Very many bytes are not multiplied. */
	while (total >> 40) {
		total >>= 1;
		bytes >>= 1;
	}
	if (measure && total)
		writer_extra(writer, "share", "u", (uint32_t)(bytes * 1000000 / total));
}

static void append_age(struct writer *writer, const struct subflow *subflow)
{
	if (!subflow->is.found)
		writer_extra(writer, "age-ms", "t", loop_now_ms() - subflow->is.since_ms);
}

/* Unknown, for whom no policy speaks: it may be anybody's. */
static const char *subflow_origin(const struct bus *bus, const struct subflow *subflow)
{
	return bus->setup.private && !subflow->is.origin_known ? ""
							       : origin_name(subflow->is.origin);
}

/* What the kernel says of it alone. */
static void append_subflow_detail(struct writer *writer, const struct subflow_detail *detail)
{
	writer_extra(writer, "unsent-bytes", "t", (uint64_t)detail->unsent);
	if (*detail->congestion_control)
		writer_extra(writer, "congestion-control", "s", detail->congestion_control);
}

static void append_subflow(struct writer *writer, const struct bus *bus,
			   const struct connection *connection, const struct subflow *subflow,
			   uint64_t total, bool is_detailed)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct mptcpd_measure *measure = connection_measure(connection, subflow);
	enum mptcpd_health health = subflow_health(model, subflow);
	struct subflow_detail detail;
	bool asks = is_detailed && engine_ask_subflow(bus->setup.engine, subflow, &detail);
	char error[128];

	writer_open(writer, 'r', WIRE_IN_SUBFLOW);
	bus_append_addr(writer, &subflow->local);
	bus_append_addr(writer, &subflow->remote);
	writer_append(writer, "yy", subflow->is.local_id, subflow->is.remote_id);
	bus_append_text(writer, model_interface_name(model, subflow->ifindex));
	writer_append(writer, "sbbbss", subflow_state_name(subflow->is.state), subflow->is.initial,
		      subflow->is.backup, subflow->is.peer_backup, subflow_origin(bus, subflow),
		      subflow_error_text(subflow->try.error, subflow->try.reset, error,
					 sizeof(error)));
	writer_open(writer, 'a', "{sv}");
	append_measure(writer, asks && detail.measure.taken_ms ? &detail.measure : measure);
	append_share(writer, measure, total);
	append_age(writer, subflow);
	if (asks)
		append_subflow_detail(writer, &detail);
	if (health != MPTCPD_HEALTH_UNKNOWN)
		writer_extra(writer, "health", "s", health_name(health));
	writer_close(writer);
	writer_close(writer);
}

static void append_addr_id(struct writer *writer, const struct mptcpd_addr *addr, uint8_t id)
{
	char text[ADDR_TEXT_SIZE];

	writer_append(writer, WIRE_ADDRESS, addr_format_host(addr, text), addr->port, id, 0);
}

static void append_lists(struct writer *writer, const struct bus *bus,
			 const struct connection *connection, bool is_detailed)
{
	uint64_t total = total_bytes(connection);

	writer_open(writer, 'a', WIRE_SUBFLOW);
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]))
			append_subflow(writer, bus, connection, &connection->subflows[i], total,
				       is_detailed);
	writer_close(writer);
	writer_open(writer, 'a', WIRE_ADDRESS);
	for (size_t i = 0; i < connection->more->n_announced; i++)
		if (connection->more->announced[i].is.sent)
			append_addr_id(writer, &connection->more->announced[i].addr,
				       connection->more->announced[i].id);
	writer_close(writer);
	writer_open(writer, 'a', WIRE_ADDRESS);
	for (size_t i = 0; i < connection->more->n_peers; i++)
		append_addr_id(writer, &connection->more->peers[i].addr,
			       connection->more->peers[i].id);
	writer_close(writer);
}

static void append_traffic(struct writer *writer, const struct traffic_row *row)
{
	if (!row || !row->rated)
		return;
	writer_extra(writer, "rate-sent", "t", row->sent_rate);
	writer_extra(writer, "rate-received", "t", row->received_rate);
}

/* Returns whether the kernel counts its bytes. */
static bool append_detail(struct writer *writer, const struct bus *bus,
			  const struct connection *connection)
{
	struct connection_detail detail;
	char scheduler[32];

	if (bus->setup.scheduler && !connection->fallback &&
	    bus->setup.scheduler(bus->setup.data, scheduler, sizeof(scheduler)))
		writer_extra(writer, "scheduler", "s", scheduler);
	if (!engine_ask_connection(bus->setup.engine, connection->token, &detail))
		return false;
	if (detail.has_unacked)
		writer_extra(writer, "unacknowledged-bytes", "t", detail.unacked);
	if (!detail.counts)
		return false;
	writer_extra(writer, "bytes-sent", "t", detail.bytes_sent);
	writer_extra(writer, "bytes-received", "t", detail.bytes_received);
	writer_extra(writer, "reinjected-bytes", "t", detail.reinjected);
	writer_extra(writer, "reinjections", "u", detail.reinjections);
	return true;
}

static void append_connection(struct writer *writer, const struct bus *bus,
			      const struct connection *connection, bool is_detailed,
			      const struct traffic_row *row)
{
	bool private = bus->setup.private;
	bool announced_known = !private || engine_look_at(bus->setup.engine, connection->token);

	writer_open(writer, 'r', WIRE_IN_CONNECTION);
	writer_append(writer, "usssb", connection->token, connection_state_name(connection->state),
		      side_name(connection->side), path_manager_name(connection->path_manager),
		      connection->fallback);
	bus_append_text(writer, connection->policy ? connection->policy->name : "");
	bus_append_addr(writer, &connection->local);
	bus_append_addr(writer, &connection->remote);
	append_lists(writer, bus, connection, is_detailed);
	writer_open(writer, 'a', "{sv}");
	writer_extra(writer, "deny-join-id0", "b", connection->deny_join_id0);
	if (connection->begin_ms)
		writer_extra(writer, "age-ms", "t", loop_now_ms() - connection->begin_ms);
	if (!(is_detailed && append_detail(writer, bus, connection)) &&
	    connection->more->counted_ms && connection->more->bytes_sent != MPTCPD_BYTES_UNKNOWN) {
		writer_extra(writer, "bytes-sent", "t", connection->more->bytes_sent);
		writer_extra(writer, "bytes-received", "t", connection->more->bytes_received);
	}
	if (!announced_known)
		writer_extra(writer, "announced-unknown", "b", true);
	/* No kernel tells what its peers announced before. */
	if (private && connection->more->n_peers == 0)
		writer_extra(writer, "peer-addresses-unknown", "b", true);
	append_traffic(writer, row);
	writer_close(writer);
	writer_close(writer);
}

void bus_append_connection(struct writer *writer, const struct bus *bus,
			   const struct connection *connection)
{
	append_connection(writer, bus, connection, false, NULL);
}

void bus_append_detailed(struct writer *writer, const struct bus *bus,
			 const struct connection *connection, const struct traffic_row *row)
{
	append_connection(writer, bus, connection, true, row);
}

static void append_flags(struct writer *writer, uint32_t flags)
{
	writer_open(writer, 'a', "s");
	for (unsigned int bit = 0; flag_name(bit); bit++)
		if (flags & (1u << bit))
			writer_append(writer, "s", flag_name(bit));
	writer_close(writer);
}

/* Why not? Under the kernel's path manager an endpoint is of use only if its address leads out. */
static enum usability judge(const struct bus *bus, const struct local *local)
{
	const struct model *model = engine_model(bus->setup.engine);

	return local->usability == USABLE && !bus->setup.private &&
			       model->path_manager == PATH_MANAGER_KERNEL && !local->leads_out
		       ? UNUSABLE_ROUTED
		       : local->usability;
}

static void append_source(struct writer *writer, const struct bus *bus, const struct local *local)
{
	struct explain_source source;
	char text[ADDR_TEXT_SIZE];

	engine_explain_source(bus->setup.engine, local, &source);
	if (source.owner) {
		writer_extra(writer, "source-rule", "s", source.owner);
		writer_extra(writer, "route-table", "u", source.table);
	}
	if (source.leads_out && source.gateway.family)
		writer_extra(writer, "gateway", "s", addr_format_host(&source.gateway, text));
}

/* Flags that somebody else chose for its endpoint, in place of those of its link. */
static void append_foreign(struct writer *writer, const struct bus *bus, const struct local *local)
{
	struct explain_foreign foreign;

	if (!engine_explain_foreign(bus->setup.engine, local, &foreign) ||
	    foreign.there->is.flags == foreign.wanted)
		return;
	writer_open_extra(writer, "foreign-flags", "as");
	append_flags(writer, foreign.there->is.flags);
	writer_close_extra(writer);
}

static void append_addresses(struct writer *writer, const struct bus *bus,
			     const struct interface *interface)
{
	const struct model *model = engine_model(bus->setup.engine);
	char text[ADDR_TEXT_SIZE], reason[128];

	writer_open(writer, 'a', WIRE_INTERFACE_ADDRESS);
	for (const struct local *local = interface->locals; local; local = local->next) {
		enum usability usability = judge(bus, local);
		const struct interface *elsewhere = NULL;

		snprintf(reason, sizeof(reason), "%s", usability_text(usability));
		if (usability == USABLE && model->path_manager == PATH_MANAGER_KERNEL)
			elsewhere = model_endpoint_elsewhere(model, local);
		if (elsewhere)
			snprintf(reason, sizeof(reason), SAME_ADDRESS_TEXT, elsewhere->is.name);
		writer_open(writer, 'r', WIRE_IN_INTERFACE_ADDRESS);
		writer_append(writer, "sybs", addr_format_host(&local->is.addr, text),
			      local->is.prefix, !*reason, reason);
		writer_open(writer, 'a', "{sv}");
		append_source(writer, bus, local);
		append_foreign(writer, bus, local);
		writer_close(writer);
		writer_close(writer);
	}
	writer_close(writer);
}

static void append_health(struct writer *writer, const struct interface *interface)
{
	const struct health *worse = &interface->health[0];
	char text[160];

	if (interface->health[1].state > worse->state)
		worse = &interface->health[1];
	writer_extra(writer, "health", "s", health_name(worse->state));
	writer_extra(writer, "health-ipv4", "s", health_name(interface->health[0].state));
	writer_extra(writer, "health-ipv6", "s", health_name(interface->health[1].state));
	if (worse->since_ms)
		writer_extra(writer, "health-since-ms", "t", loop_real_ms(worse->since_ms));
	writer_extra(writer, "health-reason", "s", health_reason_name(worse->reason));
	writer_extra(writer, "health-text", "s",
		     health_text(worse, loop_now_ms(), text, sizeof(text)));
}

void bus_append_interface(struct writer *writer, const struct bus *bus,
			  const struct interface *interface)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct interface_rule *rule = interface->rule;
	enum usability usability = interface_usability(interface);

	writer_open(writer, 'r', WIRE_IN_INTERFACE);
	bus_append_text(writer, interface->is.name);
	writer_append(writer, "ubb", interface->is.ifindex, interface->is.carrier,
		      usability == USABLE);
	append_flags(writer, rule && rule->has_flags ? rule->flags : model->rules->endpoint_flags);
	append_addresses(writer, bus, interface);
	writer_append(writer, "bb", interface->route_v4, interface->route_v6);
	writer_open(writer, 'a', "{sv}");
	writer_extra(writer, "up", "b", interface->is.up);
	writer_extra(writer, "type", "s", link_type_name(interface->is.type));
	writer_extra(writer, "reason", "s", usability_text(usability));
	writer_extra(writer, "rp-filter-strict", "b", interface->is.rp_filter_strict);
	append_health(writer, interface);
	writer_close(writer);
	writer_close(writer);
}

static const char *const endpoint_states[] = {
	[ENDPOINT_PRESENT] = "present",
	[ENDPOINT_LEAVING] = "leaving",
	[ENDPOINT_WAITING] = "waiting",
	[ENDPOINT_HELD_OFF] = "held-off",
};

/* The name of its owner; none, if it is gone and no mptcpd remembers. */
static const char *endpoint_owner(const struct bus *bus, const struct explain_endpoint *endpoint)
{
	const struct event_endpoint *is = &endpoint->is;

	if (bus->setup.private &&
	    !model_find_endpoint(engine_model(bus->setup.engine), is->id, &is->addr))
		return "";
	return endpoint->ours ? "mptcpd" : "other";
}

static void append_standing(struct writer *writer, const struct explain_endpoint *endpoint)
{
	writer_extra(writer, "state", "s", endpoint_states[endpoint->state]);
	if (endpoint->reason)
		writer_extra(writer, "reason", "s", endpoint->reason);
	if (endpoint->text[0])
		writer_extra(writer, "text", "s", endpoint->text);
	writer_extra(writer, "needed-by", "t", (uint64_t)endpoint->needed_by);
}

void bus_append_endpoint(struct writer *writer, const struct bus *bus,
			 const struct explain_endpoint *endpoint)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct event_endpoint *is = &endpoint->is;
	char text[ADDR_TEXT_SIZE];

	writer_open(writer, 'r', WIRE_IN_ENDPOINT);
	writer_append(writer, "ysq", is->id, addr_format_host(&is->addr, text), is->addr.port);
	bus_append_text(writer, model_interface_name(model, is->ifindex));
	append_flags(writer, is->flags);
	writer_append(writer, "s", endpoint_owner(bus, endpoint));
	writer_open(writer, 'a', "{sv}");
	if (!bus->setup.private)
		append_standing(writer, endpoint);
	writer_close(writer);
	writer_close(writer);
}
