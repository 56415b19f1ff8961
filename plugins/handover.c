/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Break before make: no subflow at all by a backup link as long as a normal one works, so that its
 * radio sleeps and nothing is paid for. When all normal ones have failed, the backup links are joined
 * and carry the data; when one has been well for a while, they go. Between the two they are backup: at
 * once nothing is sent there, and so closing them makes the kernel send nothing again.
 */
#include "mesh.h"

#include <mptcpd/addr.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* So often the timeouts of normal subflows are looked at. */
#define LOOK_MS 1000

struct handover {
	struct mesh_rules mesh;
	uint64_t hold_ms;
	uint64_t max_rto_us; /* 0: none */
};

/* What is remembered of a connection. */
struct memory {
	uint64_t away_ms; /* since when backup links are used; 0: they are not */
	uint64_t well_ms; /* meanwhile: since when a normal one is well again; 0: none is */
	uint64_t routeless_ms; /* since when the normal ones are there and no route is; 0: it is */
	/*
	 * Meanwhile: a normal one is well again, or was and is gone: then nothing stands beside the
	 * backup ones, which carry the data without being made normal for it.
	 */
	bool spared;
	uint8_t reserved[7];
};

/* How the normal links do, the best of them. */
enum state {
	STATE_GONE, /* no subflow, or no carrier or address */
	STATE_SILENT,
	STATE_LATE, /* its timeout is too long */
	STATE_ROUTELESS, /* routes go for moments */
	STATE_WELL,
};

enum { SETTING_HOLD, SETTING_MAX_RTO, SETTING_MAX_SUBFLOWS, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_HOLD] = {"hold", MPTCPD_SETTING_DURATION, "10s",
			  "how long a normal link must be well again before backup links are left, "
			  "and how long it may be without a route",
			  1000},
	[SETTING_MAX_RTO] =
		{"max-rto", MPTCPD_SETTING_DURATION, "3s",
		 "the retransmission timeout with which a normal link counts as failed; "
		 "0: none"},
	[SETTING_MAX_SUBFLOWS] = MESH_MAX_SUBFLOWS,
};

/* ---- how they do ---- */

/*
 * Before it has sent data, its timeout comes from the handshake, in which a neighbour had to be found:
 * it says nothing about the path, and stays as it is.
 */
static bool is_late(const struct handover *handover, const struct mptcpd_measure *measure)
{
	return handover->max_rto_us && measure && measure->bytes_sent &&
	       measure->rto_us > handover->max_rto_us;
}

/* Of a subflow whose link is there: without a carrier or its address it is not shown. */
static enum state state_of(const struct handover *handover, const struct mptcpd_view *view,
			   const struct mptcpd_local *local, const struct mptcpd_subflow *subflow)
{
	if (local->health == MPTCPD_HEALTH_SILENT || subflow->health == MPTCPD_HEALTH_SILENT)
		return STATE_SILENT;
	if (is_late(handover, subflow->measure))
		return STATE_LATE;
	return view->routable(view, local, &subflow->remote) ? STATE_WELL : STATE_ROUTELESS;
}

static enum state find_state(const struct handover *handover, const struct mptcpd_view *view,
			     const struct mptcpd_connection *connection)
{
	enum state best = STATE_GONE;
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++) {
		const struct mptcpd_local *local =
			mesh_find_local(view, &subflow->local, subflow->ifindex);
		enum state state;

		if (subflow->state != MPTCPD_SUBFLOW_ESTABLISHED || !local ||
		    (local->flags & MPTCPD_FLAG_BACKUP))
			continue;
		state = state_of(handover, view, local, subflow);
		if (state > best)
			best = state;
	}
	return best;
}

/* ---- what comes of it ---- */

/* Have they failed? Routes are waited for. */
static bool has_failed(const struct handover *handover, enum state state, struct memory *memory,
		       uint64_t now_ms, struct mptcpd_plan *plan)
{
	if (state != STATE_ROUTELESS) {
		memory->routeless_ms = 0;
		return state < STATE_ROUTELESS;
	}
	if (!memory->routeless_ms)
		memory->routeless_ms = now_ms;
	if (now_ms >= memory->routeless_ms + handover->hold_ms)
		return true;
	plan->ask_again(plan, memory->routeless_ms + handover->hold_ms);
	return false;
}

static void leave_or_stay(const struct handover *handover, enum state state, bool failed,
			  struct memory *memory, uint64_t now_ms, struct mptcpd_plan *plan)
{
	if (state != STATE_WELL) {
		memory->spared &= !failed || state == STATE_GONE;
		memory->well_ms = 0;
		return;
	}
	memory->spared = true;
	if (!memory->well_ms)
		memory->well_ms = now_ms;
	if (now_ms >= memory->well_ms + handover->hold_ms)
		*memory = (struct memory){0};
	else
		plan->ask_again(plan, memory->well_ms + handover->hold_ms);
}

static bool is_there(const struct mptcpd_connection *connection, const struct mptcpd_path *path)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (mesh_serves(subflow, path))
			return true;
	return false;
}

/*
 * While no normal link works, the backup ones are normal; before and after there are none, and while
 * one is well again no more of them.
 */
static void plan_backup_links(const struct memory *memory,
			      const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_path *path;
	size_t i = 0;

	while ((path = plan->get_path(plan, i)))
		if (!(path->flags & MPTCPD_FLAG_BACKUP))
			i++;
		else if (!memory->away_ms || (memory->well_ms && !is_there(connection, path)))
			plan->remove_path(plan, i);
		else
			plan->set_path_flags(plan, i++, memory->spared ? MPTCPD_FLAG_BACKUP : 0);
}

/* A connection may have begun there: its initial subflow goes like the others. */
static void drop_others(const struct mptcpd_view *view, const struct mptcpd_connection *connection,
			struct mptcpd_plan *plan)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++) {
		const struct mptcpd_local *local =
			mesh_find_local(view, &subflow->local, subflow->ifindex);

		if (local && (local->flags & MPTCPD_FLAG_BACKUP) &&
		    subflow->origin == MPTCPD_ORIGIN_APPLICATION &&
		    subflow->state == MPTCPD_SUBFLOW_ESTABLISHED)
			plan->drop(plan, &subflow->local, &subflow->remote);
	}
}

/* ---- for people ---- */

static uint64_t seconds(uint64_t ms)
{
	return (ms + 999) / 1000;
}

static void explain(const struct handover *handover, const struct memory *memory, enum state state,
		    uint64_t now_ms, struct mptcpd_plan *plan)
{
	static const char *const states[] = {
		[STATE_GONE] = "no normal link has a subflow",
		[STATE_SILENT] = "the normal links are silent",
		[STATE_LATE] = "the retransmission timeouts of the normal links exceed max-rto",
		[STATE_ROUTELESS] = "the normal links have no route",
		[STATE_WELL] = "a normal link is well",
	};

	if (memory->well_ms)
		plan->explain(plan, "%s: backup links are left in %" PRIu64 " s", states[state],
			      seconds(memory->well_ms + handover->hold_ms - now_ms));
	else if (memory->away_ms)
		plan->explain(plan,
			      "backup links are used since %" PRIu64 " s; %s: they are left when "
			      "one has been well for %" PRIu64 " s",
			      (now_ms - memory->away_ms) / 1000, states[state],
			      seconds(handover->hold_ms));
	else if (memory->routeless_ms)
		plan->explain(plan, "%s: backup links are used in %" PRIu64 " s", states[state],
			      seconds(memory->routeless_ms + handover->hold_ms - now_ms));
	else
		plan->explain(plan, "%s: backup links are not used", states[state]);
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct handover *handover = data;
	struct memory *memory = connection->memory;
	enum state state = find_state(handover, view, connection);
	bool was_away = memory->away_ms, failed;

	if (!plan->get_path(plan, 0))
		mesh_plan(&handover->mesh, view, connection, plan);
	if (connection->side != MPTCPD_SIDE_CLIENT)
		return;
	/* Before it is established nothing is known, and nothing is lost. */
	if (connection->state == MPTCPD_CONNECTION_CREATED) {
		plan_backup_links(memory, connection, plan);
		return;
	}
	failed = has_failed(handover, state, memory, view->now_ms, plan);
	if (failed && !memory->away_ms)
		memory->away_ms = view->now_ms;
	if (memory->away_ms)
		leave_or_stay(handover, state, failed, memory, view->now_ms, plan);
	if (was_away && !memory->away_ms)
		drop_others(view, connection, plan);
	plan_backup_links(memory, connection, plan);
	if (mptcpd_explains(plan))
		explain(handover, memory, state, view->now_ms, plan);
	if (handover->max_rto_us)
		plan->ask_again(plan, view->now_ms + LOOK_MS);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct handover *handover = calloc(1, sizeof(*handover));

	if (!handover)
		return -ENOMEM;
	handover->hold_ms = mptcpd_get_value(start, SETTING_HOLD)->number;
	handover->max_rto_us = mptcpd_get_value(start, SETTING_MAX_RTO)->number * 1000;
	handover->mesh.max_subflows = mptcpd_get_value(start, SETTING_MAX_SUBFLOWS)->number;
	*data = handover;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "handover",
	.summary =
		"backup links are joined only when no normal one works, and left when one is back",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.memory_size = sizeof(struct memory),
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.needs = MPTCPD_NEED_MEASURES,
};
