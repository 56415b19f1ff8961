/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitoring the kernel: its present state as events, then its own events. */
#include "direct-private.h"

#include <errno.h>
#include <string.h>

#include "words.h"
#include "replay.h"

/* The kernel tells nobody that its endpoints changed. */
#define ENDPOINTS_EVERY_MS 1000
/* … nor of every connection that it has ended. */
#define CONNECTIONS_EVERY_MS 30000

struct watch {
	int (*on_event)(void *data, const struct mptcpctl_event *event);
	void *data;
	unsigned int lost; /* 1 << enum snapshot_kind: told, and not resynced since */
	int result; /* of on_event */
};

static void emit(void *data, enum mptcpctl_event_type type, struct mptcpctl_event *event)
{
	struct watch *watch = data;

	if (watch->result)
		return;
	replay_stamp(event, type);
	watch->result = watch->on_event(watch->data, event);
}

/* ---- changes ---- */

/* False: it is not told. */
static bool find_type(enum change_type change, enum mptcpctl_event_type *ret_type)
{
	static const enum mptcpctl_event_type types[] = {
		[CHANGE_CONNECTION_CREATED] = MPTCPCTL_CONNECTION_CREATED,
		[CHANGE_CONNECTION_ESTABLISHED] = MPTCPCTL_CONNECTION_ESTABLISHED,
		[CHANGE_CONNECTION_CLOSED] = MPTCPCTL_CONNECTION_CLOSED,
		[CHANGE_SUBFLOW_ESTABLISHED] = MPTCPCTL_SUBFLOW_ESTABLISHED,
		[CHANGE_SUBFLOW_CLOSED] = MPTCPCTL_SUBFLOW_CLOSED,
		[CHANGE_SUBFLOW_PRIORITY] = MPTCPCTL_SUBFLOW_PRIORITY,
		[CHANGE_ADDRESS_ANNOUNCED] = MPTCPCTL_ADDRESS_ANNOUNCED,
		[CHANGE_ADDRESS_REMOVED] = MPTCPCTL_ADDRESS_REMOVED,
		[CHANGE_LISTENER_CREATED] = MPTCPCTL_LISTENER_CREATED,
		[CHANGE_LISTENER_CLOSED] = MPTCPCTL_LISTENER_CLOSED,
		[CHANGE_INTERFACE_ADDED] = MPTCPCTL_INTERFACE_ADDED,
		[CHANGE_INTERFACE_CHANGED] = MPTCPCTL_INTERFACE_CHANGED,
		[CHANGE_INTERFACE_REMOVED] = MPTCPCTL_INTERFACE_REMOVED,
		[CHANGE_INTERFACE_ADDRESS_ADDED] = MPTCPCTL_INTERFACE_ADDRESS_ADDED,
		[CHANGE_INTERFACE_ADDRESS_CHANGED] = MPTCPCTL_INTERFACE_ADDRESS_CHANGED,
		[CHANGE_INTERFACE_ADDRESS_REMOVED] = MPTCPCTL_INTERFACE_ADDRESS_REMOVED,
		[CHANGE_ENDPOINT_ADDED] = MPTCPCTL_ENDPOINT_ADDED,
		[CHANGE_ENDPOINT_CHANGED] = MPTCPCTL_ENDPOINT_CHANGED,
		[CHANGE_ENDPOINT_REMOVED] = MPTCPCTL_ENDPOINT_REMOVED,
		[CHANGE_LOST] = MPTCPCTL_LOST,
		[CHANGE_RESYNCED] = MPTCPCTL_RESYNCED,
	};

	/* What is not in the table is 0, MPTCPCTL_SYNCHRONIZED, which no change is. */
	*ret_type = change < sizeof(types) / sizeof(*types) ? types[change] : MPTCPCTL_SYNCHRONIZED;
	return *ret_type != MPTCPCTL_SYNCHRONIZED;
}

/* An event to be told from within record_*(), with the object that goes with it. */
struct telling {
	struct watch *watch;
	enum mptcpctl_event_type type;
	struct mptcpctl_event *event;
};

static int tell_with_interface(void *data, const struct mptcpctl_interface *interface)
{
	struct telling *telling = data;

	telling->event->interface_now = interface;
	emit(telling->watch, telling->type, telling->event);
	return 0;
}

static int tell_with_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	struct telling *telling = data;

	telling->event->endpoint = endpoint;
	emit(telling->watch, telling->type, telling->event);
	return 0;
}

static void tell(struct direct *direct, struct telling *telling, const struct change *change)
{
	struct endpoint endpoint = {.addr = change->local,
				    .flags = change->flags,
				    .ifindex = change->ifindex,
				    .id = change->local_id};
	const struct local local = model_changed_local(&direct->model, change);
	const struct interface *interface = NULL;

	if (telling->type >= MPTCPCTL_INTERFACE_ADDED &&
	    telling->type <= MPTCPCTL_INTERFACE_ADDRESS_REMOVED)
		interface = model_find_interface(&direct->model, change->ifindex);
	if (interface)
		record_interface(direct->kernel, interface,
				 telling->type >= MPTCPCTL_INTERFACE_ADDRESS_ADDED ? &local : NULL,
				 tell_with_interface, telling);
	else if (telling->type >= MPTCPCTL_ENDPOINT_ADDED &&
		 telling->type <= MPTCPCTL_ENDPOINT_REMOVED)
		record_endpoint(&direct->model, &endpoint,
				telling->type == MPTCPCTL_ENDPOINT_REMOVED ? NULL : "other",
				tell_with_endpoint, telling);
	else
		emit(telling->watch, telling->type, telling->event);
}

/* The snapshots that we take now and then are no news; those after a loss are. */
static bool is_news(struct watch *watch, const struct change *change)
{
	unsigned int bit = 1u << change->snapshot;

	if (change->type == CHANGE_LOST)
		watch->lost |= bit;
	if (change->type != CHANGE_RESYNCED)
		return true;
	if (!(watch->lost & bit))
		return false;
	watch->lost &= ~bit;
	return true;
}

static void on_change(struct direct *direct, const struct change *change)
{
	const struct subflow ended = {.error = change->error,
				      .has_reset = change->has_reset,
				      .reset_reason = change->reset_reason};
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE], error[128];
	struct mptcpctl_event event = {
		.token = change->token,
		.side = change->token ? side_name(change->side) : NULL,
		.local = record_addr(&change->local, local),
		.remote = record_addr(&change->remote, remote),
		.local_id = change->local_id,
		.remote_id = change->remote_id,
		.backup = change->backup,
		.peer_backup = change->peer_backup,
		.deny_join_id0 = change->deny_join_id0,
		.error = *subflow_error_text(&ended, error, sizeof(error)) ? error : NULL,
		.interface = *change->interface ? change->interface : NULL,
	};
	struct telling telling = {.watch = direct->monitor, .event = &event};

	if (!find_type(change->type, &telling.type) || !is_news(direct->monitor, change))
		return;
	if (change->type == CHANGE_LOST || change->type == CHANGE_RESYNCED)
		event.what = snapshot_name(change->snapshot);
	tell(direct, &telling, change);
}

/* ---- the present state ---- */

static int on_interface(void *data, const struct mptcpctl_interface *interface)
{
	replay_interface(interface, emit, data);
	return 0;
}

static int on_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	replay_endpoint(endpoint, emit, data);
	return 0;
}

static int on_connection(void *data, const struct mptcpctl_connection *connection)
{
	replay_connection(connection, emit, data);
	return 0;
}

static void tell_state(struct direct *direct, struct watch *watch)
{
	const struct table_entry *entry = table_first(&direct->model.interfaces);
	const struct endpoint *endpoint = direct->model.endpoints;
	const struct connection *connection = model_next_connection(&direct->model, 0);

	for (; entry; entry = table_next(entry))
		record_interface(direct->kernel, (const struct interface *)entry, NULL,
				 on_interface, watch);
	for (; endpoint; endpoint = endpoint->next)
		record_endpoint(&direct->model, endpoint, "other", on_endpoint, watch);
	for (; connection; connection = connection_next(connection))
		record_connection(&direct->model, direct->kernel, connection, on_connection, watch);
	emit(watch, MPTCPCTL_SYNCHRONIZED, &(struct mptcpctl_event){0});
}

/* ---- the loop ---- */

static int look_again(struct direct *direct, uint64_t *endpoints_ms, uint64_t *connections_ms)
{
	uint64_t now_ms = direct_now_ms();
	int r = 0;

	if (now_ms - *endpoints_ms >= ENDPOINTS_EVERY_MS) {
		*endpoints_ms = now_ms;
		r = direct_told(direct, kernel_refresh_endpoints(direct->kernel));
	}
	if (r == 0 && now_ms - *connections_ms >= CONNECTIONS_EVERY_MS) {
		*connections_ms = now_ms;
		r = direct_told(direct, kernel_ops.snapshot(direct->kernel, SNAPSHOT_CONNECTIONS));
	}
	return r;
}

int direct_monitor(struct direct *direct,
		   int (*on_event)(void *data, const struct mptcpctl_event *event), void *data,
		   int reader_fd)
{
	struct watch watch = {.on_event = on_event, .data = data};
	uint64_t endpoints_ms = direct_now_ms(), connections_ms = endpoints_ms;
	int r = 0;

	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_KINDS && r == 0; kind++)
		r = direct_load(direct, kind);
	if (r < 0)
		return r;
	tell_state(direct, &watch);
	direct->monitor = &watch;
	direct->on_change = on_change;
	while (r == 0 && watch.result == 0) {
		r = direct_wait(direct, ENDPOINTS_EVERY_MS, reader_fd);
		if (r == 0)
			r = look_again(direct, &endpoints_ms, &connections_ms);
	}
	direct->on_change = NULL;
	return watch.result ? watch.result : r;
}
