/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes for those who monitor. on_change comes between an MPTCP event and the command it causes,
 * so it only copies into a ring; the ring becomes signals later, in slices.
 *
 * What makes "state, then changes" exact: a listing is answered only after the ring is empty, so
 * on one D-Bus connection the listing and the signals come in the order of the model. Each signal
 * has the position of its thing in its listing; a reader that has not come to it yet skips it.
 */
#include "bus-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "names.h"

/* Signals of one slice. */
#define SLICE 512

static const char *event_name(enum change_type type)
{
	switch (type) {
	case CHANGE_CONNECTION_CREATED:
		return "connection-created";
	case CHANGE_CONNECTION_ESTABLISHED:
		return "connection-established";
	case CHANGE_CONNECTION_CLOSED:
		return "connection-closed";
	case CHANGE_SUBFLOW_ESTABLISHED:
		return "subflow-established";
	case CHANGE_SUBFLOW_CLOSED:
		return "subflow-closed";
	case CHANGE_SUBFLOW_PRIORITY:
		return "subflow-priority";
	case CHANGE_ADDRESS_ANNOUNCED:
		return "address-announced";
	case CHANGE_ADDRESS_REMOVED:
		return "address-removed";
	case CHANGE_LISTENER_CREATED:
		return "listener-created";
	case CHANGE_LISTENER_CLOSED:
		return "listener-closed";
	case CHANGE_INTERFACE_ADDED:
		return "interface-added";
	case CHANGE_INTERFACE_CHANGED:
		return "interface-changed";
	case CHANGE_INTERFACE_REMOVED:
		return "interface-removed";
	case CHANGE_LOCAL_ADDED:
		return "interface-address-added";
	case CHANGE_LOCAL_CHANGED:
		return "interface-address-changed";
	case CHANGE_LOCAL_REMOVED:
		return "interface-address-removed";
	case CHANGE_ENDPOINT_ADDED:
		return "endpoint-added";
	case CHANGE_ENDPOINT_CHANGED:
		return "endpoint-changed";
	case CHANGE_ENDPOINT_REMOVED:
		return "endpoint-removed";
	case CHANGE_LOST:
		return "lost";
	case CHANGE_RESYNCED:
		return "resynced";
	case CHANGE_NONE:
	case CHANGE_CONNECTION_UPDATED:
	case CHANGE_ROUTES:
	case CHANGE_LIMITS:
	case CHANGE_PATH_MANAGER:
	case CHANGE_SNAPSHOT_FAILED:
		break;
	}
	return NULL; /* not told */
}

static bool is_interface_event(enum change_type type)
{
	return type >= CHANGE_INTERFACE_ADDED && type <= CHANGE_LOCAL_REMOVED;
}

static bool is_endpoint_event(enum change_type type)
{
	return type >= CHANGE_ENDPOINT_ADDED && type <= CHANGE_ENDPOINT_REMOVED;
}

static uint64_t wall_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- remembering ---- */

void bus_on_change(struct bus *bus, const struct change *change)
{
	if (!bus->ring || !event_name(change->type))
		return;
	if (change->type == CHANGE_RESYNCED && !change->after_loss)
		return; /* routine */
	if (bus->n_ring == BUS_RING) {
		bus->overflow = true;
		bus->n_ring = 0;
	}
	bus->ring[(bus->tail + bus->n_ring) % BUS_RING] =
		(struct remembered){.change = *change, .time_us = wall_clock_us()};
	bus->n_ring++;
}

/* ---- telling ---- */

static int append_link(sd_bus_message *m, const struct bus *bus, uint32_t ifindex)
{
	const struct interface *interface =
		model_find_interface(engine_model(bus->setup.engine), ifindex);
	int r;

	if (!interface)
		return 0;
	r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "interface");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', WIRE_LINK);
	if (r >= 0)
		r = bus_append_interface(m, bus, interface);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_endpoint(sd_bus_message *m, const struct bus *bus, const struct change *change)
{
	const struct endpoint *seen = engine_model(bus->setup.engine)->endpoints;
	struct explain_endpoint endpoint = {.is = {.addr = change->local,
						   .flags = change->flags,
						   .ifindex = change->ifindex,
						   .id = change->local_id},
					    .ours = change->ours};
	int r = sd_bus_message_open_container(m, 'e', "sv");

	while (seen && seen->id != change->local_id)
		seen = seen->next;
	if (seen && change->type != CHANGE_ENDPOINT_REMOVED)
		engine_explain_endpoint(bus->setup.engine, seen, loop_now_ms(), &endpoint);
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "endpoint");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', WIRE_ENDPOINT);
	if (r >= 0)
		r = bus_append_endpoint(m, bus, &endpoint);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_what(sd_bus_message *m, const struct change *change)
{
	const char *kind = snapshot_name(change->snapshot);

	/* No kind: not the kernel's events were lost, but ours. */
	return bus_append_extra(m, "what", "s", kind ? kind : "monitor");
}

static int append_extras(sd_bus_message *m, const struct bus *bus, const struct change *change)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0 && is_interface_event(change->type))
		r = append_link(m, bus, change->ifindex);
	else if (r >= 0 && is_endpoint_event(change->type))
		r = append_endpoint(m, bus, change);
	else if (r >= 0 && (change->type == CHANGE_LOST || change->type == CHANGE_RESYNCED))
		r = append_what(m, change);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Where the thing stands in its listing. */
static uint64_t position(const struct change *change)
{
	return is_interface_event(change->type) ? change->ifindex : change->connection_serial;
}

static int append_event(sd_bus_message *m, const struct bus *bus,
			const struct remembered *remembered)
{
	const struct change *change = &remembered->change;
	struct subflow ended = {.error = change->error,
				.has_reset = change->has_reset,
				.reset_reason = change->reset_reason};
	char error[128];
	int r = sd_bus_message_append(m, "tstus", remembered->time_us, event_name(change->type),
				      position(change), change->token, side_name(change->side));

	if (r >= 0)
		r = bus_append_addr(m, &change->local);
	if (r >= 0)
		r = bus_append_addr(m, &change->remote);
	if (r >= 0)
		r = sd_bus_message_append(m, "yybb", change->local_id, change->remote_id,
					  change->backup, change->peer_backup);
	if (r >= 0)
		r = bus_append_text(m, change->interface);
	if (r >= 0)
		r = sd_bus_message_append(m, "sb", subflow_error_text(&ended, error, sizeof(error)),
					  change->deny_join_id0);
	if (r >= 0)
		r = bus_append_text(m, change->policy);
	return r < 0 ? r : append_extras(m, bus, change);
}

static void tell(struct peer *peer, const struct remembered *remembered)
{
	sd_bus_message *m = NULL;
	int r;

	if (!peer->subscribed || peer->dead)
		return;
	if (peer_queue(peer) >= BUS_QUEUE_SIGNALS)
		peer->lagging = true;
	if (peer->lagging)
		return;
	r = sd_bus_message_new_signal(peer->sd, &m, WIRE_PATH, WIRE_INTERFACE, "Event");
	if (r >= 0)
		r = append_event(m, peer->bus, remembered);
	if (r >= 0)
		r = sd_bus_send(peer->sd, m, NULL);
	if (r < 0)
		peer->dead = true;
	sd_bus_message_unref(m);
}

static void tell_lost(struct peer *peer)
{
	struct remembered lost = {.change = {.type = CHANGE_LOST, .snapshot = SNAPSHOT_KINDS},
				  .time_us = wall_clock_us()};

	tell(peer, &lost);
}

void monitor_caught_up(struct peer *peer)
{
	if (!peer->lagging || peer_queue(peer) > BUS_QUEUE_REQUESTS)
		return;
	peer->lagging = false;
	tell_lost(peer);
}

/* Tell up to `max` signals' worth of changes. */
static void tell_some(struct bus *bus, size_t max)
{
	size_t n = 0;

	if (bus->overflow)
		for (struct peer *peer = bus->peers; peer; peer = peer->next)
			tell_lost(peer);
	bus->overflow = false;
	while (bus->n_ring && n < max) {
		for (struct peer *peer = bus->peers; peer; peer = peer->next)
			tell(peer, &bus->ring[bus->tail]);
		bus->tail = (bus->tail + 1) % BUS_RING;
		bus->n_ring--;
		n += bus->n_subscribed;
	}
	for (struct peer *peer = bus->peers; peer; peer = peer->next)
		if (peer->subscribed)
			peer_update(peer);
}

void monitor_drain(struct bus *bus)
{
	if (bus->n_ring || bus->overflow)
		tell_some(bus, SIZE_MAX);
}

bool monitor_slice(struct bus *bus)
{
	if (bus->n_ring || bus->overflow)
		tell_some(bus, SLICE);
	return bus->n_ring > 0;
}

/* ---- who is told ---- */

void monitor_start(struct peer *peer)
{
	struct bus *bus = peer->bus;

	if (peer->subscribed)
		return;
	monitor_drain(bus); /* what was before is not for this one */
	if (!bus->ring) {
		bus->ring = calloc(BUS_RING, sizeof(*bus->ring));
		if (!bus->ring)
			abort();
		bus->tail = bus->n_ring = 0;
	}
	peer->subscribed = true;
	peer->lagging = false;
	bus->n_subscribed++;
}

void monitor_forget(struct peer *peer)
{
	struct bus *bus = peer->bus;

	if (!peer->subscribed)
		return;
	peer->subscribed = false;
	if (--bus->n_subscribed > 0)
		return;
	free(bus->ring);
	bus->ring = NULL;
	bus->n_ring = 0;
	bus->overflow = false;
}
