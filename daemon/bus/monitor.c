/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes for those who monitor. on_change comes between an MPTCP event and the command it causes,
 * so it only copies into a ring, which all readers share; each of them takes signals from it when
 * it has its turn and has read those before. Turns begin at a tick, once the events that belong
 * together are over: to write one signal takes longer than all of them. Who falls behind by the whole
 * ring is told so.
 *
 * "State, then changes" is exact because a listing is answered only after its reader was told all
 * changes, so on one D-Bus connection the listing and the signals come in the order of the model.
 * Each signal has the position of its thing in its listing; a reader that has not come to it yet
 * skips it.
 */
#include "bus-private.h"

#include <ell/ell.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "events.h"
#include "words.h"

/* Signals told one reader before others have their turn. */
#define SLICE 8
/* The longest that a change waits until it is told, where nobody else has to wait. */
#define TICK_MS 10
/* Changes among which one is looked for that shows the same interface. */
#define LOOK_BACK 64

/* Changes that are not in this table are not told. */
static const struct event_kind kinds[] = {
#define KIND(type, name, members) [CHANGE_##type] = {name, members},
	EVENTS(KIND)};

static struct event_kind kind_of(const struct change *change)
{
	return change->type < sizeof(kinds) / sizeof(*kinds) ? kinds[change->type]
							     : (struct event_kind){0};
}

/* ---- remembering ---- */

/* A snapshot ends the wait of those whose calls are held for what it tells. */
static void end_waits(struct bus *bus, const struct change *change)
{
	if (change->snapshot != SNAPSHOT_CONNECTIONS ||
	    (change->type != CHANGE_RESYNCED && change->type != CHANGE_SNAPSHOT_FAILED))
		return;
	awaited_end(&bus->sample);
	if (change->type == CHANGE_SNAPSHOT_FAILED ||
	    !engine_model(bus->setup.engine)->snapshot[SNAPSHOT_CONNECTIONS].brief)
		awaited_end(&bus->measures);
}

/* What is not told yet may have to do with a link that is gone by then: give it the name. */
static void name_interface(struct bus *bus, const struct change *removed)
{
	uint64_t i = bus->n_changes;

	for (const struct peer *peer = bus->peers; peer; peer = peer->next)
		if (peer->subscribed && peer->told < i)
			i = peer->told;
	if (bus->n_changes - i > BUS_RING)
		i = bus->n_changes - BUS_RING;
	for (; i < bus->n_changes; i++) {
		struct change *change = &bus->ring[i % BUS_RING].change;

		if (change->ifindex == removed->ifindex && !change->interface[0])
			memcpy(change->interface, removed->interface, sizeof(change->interface));
	}
}

/* The name as one that stays. */
static const char *keep_name(struct bus *bus, const char *text)
{
	struct bus_name *name = bus->names;

	while (name && strcmp(name->text, text) != 0)
		name = name->next;
	if (!name) {
		name = l_malloc(sizeof(*name) + strlen(text) + 1);
		name->next = bus->names;
		strcpy(name->text, text);
		bus->names = name;
	}
	return name->text;
}

void bus_keep_names(struct bus *bus)
{
	for (size_t i = 0; bus->ring && i < BUS_RING; i++)
		if (bus->ring[i].policy)
			bus->ring[i].policy = keep_name(bus, bus->ring[i].policy);
}

/* Does what was told to nobody yet show the interface, too? It is shown as it is when that is told. */
static bool is_shown_anyway(const struct bus *bus, const struct change *change)
{
	uint64_t told = 0;

	for (const struct peer *peer = bus->peers; peer; peer = peer->next)
		if (peer->subscribed && peer->told > told)
			told = peer->told;
	for (uint64_t i = bus->n_changes; i > told && bus->n_changes - i < LOOK_BACK; i--) {
		const struct change *other = &bus->ring[(i - 1) % BUS_RING].change;
		unsigned int members = kind_of(other).members;

		if (other->ifindex == change->ifindex && (members & EVENT_HAS_INTERFACE) &&
		    !(members & EVENT_HAS_LOCAL))
			return true;
	}
	return false;
}

void bus_on_change(struct bus *bus, const struct change *change)
{
	end_waits(bus, change);
	if (!bus->ring || !kind_of(change).name)
		return;
	if (change->as_judged && is_shown_anyway(bus, change))
		return;
	if (change->type == CHANGE_RESYNCED && !change->after_loss)
		return; /* routine */
	if (change->type == CHANGE_INTERFACE_REMOVED)
		name_interface(bus, change);
	bus->ring[bus->n_changes++ % BUS_RING] =
		(struct remembered){.change = *change,
				    .policy = change->policy ? change->policy->name : NULL,
				    .time_us = clock_real_us()};
}

static void on_tick(void *data)
{
	struct bus *bus = data;

	bus->n_ticked = bus->n_changes;
	bus_kick(bus);
}

void bus_flush(struct bus *bus)
{
	if (!bus->ring || bus->n_ticked == bus->n_changes || bus->tick.loop)
		return;
	bus->tick.on_due = on_tick;
	bus->tick.data = bus;
	loop_set_timer(bus->setup.loop, &bus->tick, loop_now_ms() + TICK_MS);
}

/* ---- telling ---- */

/* The interface; in an event of an address, with that address alone however many it has. */
static void append_link(struct writer *writer, const struct bus *bus, const struct change *change)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct interface *found = model_find_interface(model, change->ifindex);
	struct local local;
	struct interface interface;

	if (!found)
		return;
	interface = *found;
	if (kind_of(change).members & EVENT_HAS_LOCAL) {
		local = model_changed_local(model, change);
		local.interface = &interface;
		interface.locals = &local;
	}
	writer_open_extra(writer, "interface", WIRE_INTERFACE);
	bus_append_interface(writer, bus, &interface);
	writer_close_extra(writer);
}

static void append_endpoint(struct writer *writer, const struct bus *bus,
			    const struct change *change)
{
	const struct endpoint *seen = engine_model(bus->setup.engine)->endpoints;
	struct explain_endpoint endpoint = {.is = {.addr = change->local,
						   .flags = change->flags,
						   .ifindex = change->ifindex,
						   .id = change->local_id},
					    .ours = change->ours};

	while (seen && seen->is.id != change->local_id)
		seen = seen->next;
	if (seen && change->type != CHANGE_ENDPOINT_REMOVED)
		engine_explain_endpoint(bus->setup.engine, seen, loop_now_ms(), &endpoint);
	writer_open_extra(writer, "endpoint", WIRE_ENDPOINT);
	bus_append_endpoint(writer, bus, &endpoint);
	writer_close_extra(writer);
}

static void append_health(struct writer *writer, const struct change *change)
{
	writer_extra(writer, "health", "s", health_name(change->health));
	writer_extra(writer, "health-reason", "s", health_reason_name(change->health_reason));
	writer_extra(writer, "health-text", "s", health_reason_text(change->health_reason));
	if (change->family)
		writer_extra(writer, "family", "s", change->family == AF_INET6 ? "ipv6" : "ipv4");
}

static void append_why(struct writer *writer, const struct bus *bus,
		       const struct remembered *remembered)
{
	struct explain_path path;

	engine_explain_closed(bus->setup.engine, &remembered->change, remembered->policy, &path);
	writer_extra(writer, "reason", "s", reason_name(path.reason));
	bus_append_extra_text(writer, "text", path.text);
}

static void append_extras(struct writer *writer, const struct bus *bus,
			  const struct remembered *remembered)
{
	const struct change *change = &remembered->change;
	unsigned int members = kind_of(change).members;
	const char *kind = snapshot_name(change->snapshot);

	writer_open(writer, 'a', "{sv}");
	if (members & EVENT_HAS_INTERFACE)
		append_link(writer, bus, change);
	if (members & EVENT_HAS_ENDPOINT)
		append_endpoint(writer, bus, change);
	if (members & EVENT_HAS_HEALTH)
		append_health(writer, change);
	if (change->type == CHANGE_SUBFLOW_CLOSED)
		append_why(writer, bus, remembered);
	if (members & EVENT_HAS_WHAT)
		/* No kind: not the kernel's events were lost, but ours. */
		writer_extra(writer, "what", "s", kind ? kind : "monitor");
	writer_close(writer);
}

/* The place of the event's thing in its listing. */
static uint64_t position(const struct change *change)
{
	return kind_of(change).members & EVENT_HAS_INTERFACE ? change->ifindex
							     : change->connection_serial;
}

static void append_event(struct writer *writer, const struct bus *bus,
			 const struct remembered *remembered)
{
	const struct change *change = &remembered->change;
	char error[128];

	writer_append(writer, "tstus", remembered->time_us, kind_of(change).name, position(change),
		      change->token, side_name(change->side));
	bus_append_addr(writer, &change->local);
	bus_append_addr(writer, &change->remote);
	writer_append(writer, "yybb", change->local_id, change->remote_id, change->backup,
		      change->peer_backup);
	bus_append_text(writer, model_changed_interface(engine_model(bus->setup.engine), change));
	writer_append(writer, "sb",
		      subflow_error_text(change->error, change->reset, error, sizeof(error)),
		      change->deny_join_id0);
	bus_append_text(writer, remembered->policy ? remembered->policy : "");
	append_extras(writer, bus, remembered);
}

static void tell(struct peer *peer, const struct remembered *remembered)
{
	struct writer writer = {0};

	writer.error =
		sd_bus_message_new_signal(peer->sd, &writer.m, WIRE_PATH, WIRE_MANAGER, "Event");
	append_event(&writer, peer->bus, remembered);
	if (bus_send(&writer) < 0)
		peer->dead = true;
}

/* The reader begins again with the listings, which have all of it. */
static void tell_lost(struct peer *peer)
{
	const struct remembered lost = {.change = {.type = CHANGE_LOST, .snapshot = SNAPSHOT_KINDS},
					.time_us = clock_real_us()};

	peer->told = peer->bus->n_changes;
	tell(peer, &lost);
}

bool monitor_has_news(const struct peer *peer)
{
	return peer->subscribed && peer->told != peer->bus->n_changes;
}

static void tell_next(struct peer *peer)
{
	const struct bus *bus = peer->bus;

	if (bus->n_changes - peer->told > BUS_RING)
		tell_lost(peer);
	else
		tell(peer, &bus->ring[peer->told++ % BUS_RING]);
}

void monitor_tell(struct peer *peer)
{
	for (size_t i = 0; i < SLICE && !peer->dead && monitor_has_news(peer); i++) {
		tell_next(peer);
		if (peer_queue(peer) > 0)
			break;
	}
}

void monitor_catch_up(struct peer *peer)
{
	if (peer_queue(peer) == 0)
		monitor_tell(peer);
	if (!peer->dead && monitor_has_news(peer))
		tell_lost(peer);
}

/* ---- who is told ---- */

void monitor_start(struct peer *peer)
{
	struct bus *bus = peer->bus;

	if (peer->subscribed)
		return;
	if (!bus->ring) {
		bus->ring = calloc(BUS_RING, sizeof(*bus->ring));
		if (!bus->ring)
			abort();
	}
	peer->told = bus->n_changes; /* what was before is not for this one */
	peer->subscribed = true;
	bus->n_subscribed++;
}

void monitor_forget(struct peer *peer)
{
	struct bus *bus = peer->bus;
	struct bus_name *name;

	if (!peer->subscribed)
		return;
	peer->subscribed = false;
	if (--bus->n_subscribed > 0)
		return;
	free(bus->ring);
	bus->ring = NULL;
	while ((name = bus->names)) {
		bus->names = name->next;
		l_free(name);
	}
}
