/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All paths are joined; the one with the lowest round-trip time is normal and the others are backup, so
 * that data goes by the quickest. Each change is an MP_PRIO on the wire for two subflows: it needs a
 * margin, and some time since the last one. Only where the chosen path is gone or silent another one is
 * taken at once.
 */
#include "mesh.h"

#include <mptcpd/addr.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So often round-trip times are looked at, where a change is possible. */
#define LOOK_MS 1000

struct interactive {
	struct mesh_rules mesh;
	uint32_t margin; /* percent */
	uint64_t hold_ms;
	bool server_side;
};

/* Identity of a path. It has no room between its members. */
struct pair {
	struct mptcpd_addr local, remote;
	uint32_t ifindex, instance;
};

/* What is remembered of a connection. */
struct memory {
	uint64_t changed_ms; /* when another one was chosen last; 0: never */
	struct pair chosen; /* local.family 0: none yet */
};

/* A path that data could go by now. */
struct candidate {
	size_t path; /* its place in the plan */
	struct pair pair;
	uint32_t rtt_us; /* 0: not known */
	uint64_t heard_ms; /* when that was measured, about: data went by it last; 0: not known */
	bool is_costly; /* its link is a backup one, by the configuration, or the peer says so */
	bool is_initial;
};

struct choice {
	const struct mptcpd_view *view;
	const struct mptcpd_connection *connection;
	struct mptcpd_plan *plan;
	struct candidate candidates[MPTCPD_PLAN_MAX];
	size_t n;
};

enum { SETTING_MARGIN, SETTING_HOLD, SETTING_MAX_SUBFLOWS, SETTING_SERVER_SIDE, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_MARGIN] = {"margin", MPTCPD_SETTING_NUMBER, "20",
			    "by how many percent the round-trip time of another path must be lower",
			    0, 99},
	[SETTING_HOLD] = {"hold", MPTCPD_SETTING_DURATION, "10s",
			  "how long a path that works stays chosen at least", 1000},
	[SETTING_MAX_SUBFLOWS] = MESH_MAX_SUBFLOWS,
	[SETTING_SERVER_SIDE] = {"server-side", MPTCPD_SETTING_BOOL, "no",
				 "choose among the subflows of clients, too"},
};

/* ---- which there are ---- */

static const struct mptcpd_subflow *find_subflow(const struct mptcpd_connection *connection,
						 const struct mptcpd_path *path)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (subflow->state == MPTCPD_SUBFLOW_ESTABLISHED && mesh_serves(subflow, path))
			return subflow;
	return NULL;
}

static bool is_planned(const struct choice *choice, const struct mptcpd_subflow *subflow)
{
	const struct mptcpd_path *path;

	for (size_t i = 0; (path = choice->plan->get_path(choice->plan, i)); i++)
		if (mesh_serves(subflow, path))
			return true;
	return false;
}

/* What others made takes part as well: the initial subflow where it is not in the mesh, a peer's. */
static void plan_others(const struct choice *choice)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(choice->connection, i)); i++) {
		struct mptcpd_path path = {.local = subflow->local,
					   .remote = subflow->remote,
					   .ifindex = subflow->ifindex,
					   .instance = subflow->instance};

		if (subflow->state == MPTCPD_SUBFLOW_ESTABLISHED && subflow->local.port &&
		    subflow->origin != MPTCPD_ORIGIN_POLICY && !is_planned(choice, subflow) &&
		    mesh_find_local(choice->view, &subflow->local, subflow->ifindex))
			choice->plan->add_path(choice->plan, &path);
	}
}

static uint64_t heard_at(const struct mptcpd_measure *measure)
{
	uint32_t age_ms = measure->last_sent_age_ms < measure->last_received_age_ms
				  ? measure->last_sent_age_ms
				  : measure->last_received_age_ms;

	return measure->taken_ms > age_ms ? measure->taken_ms - age_ms : 0;
}

static void add_candidate(struct choice *choice, size_t i, const struct mptcpd_path *path)
{
	const struct mptcpd_subflow *subflow = find_subflow(choice->connection, path);
	const struct mptcpd_local *local =
		mesh_find_local(choice->view, &path->local, path->ifindex);

	if (!subflow || !local || subflow->health == MPTCPD_HEALTH_SILENT ||
	    local->health == MPTCPD_HEALTH_SILENT)
		return;
	choice->candidates[choice->n++] = (struct candidate){
		.path = i,
		.pair = {path->local, path->remote, path->ifindex, path->instance},
		.rtt_us = subflow->measure ? subflow->measure->rtt_us : 0,
		.heard_ms = subflow->measure ? heard_at(subflow->measure) : 0,
		.is_costly = (local->flags & MPTCPD_FLAG_BACKUP) || subflow->peer_backup,
		.is_initial = subflow->initial,
	};
}

/* Backup links count only where there is nothing else. */
static void leave_out_costly(struct choice *choice)
{
	size_t n = 0;

	for (size_t i = 0; i < choice->n; i++)
		if (!choice->candidates[i].is_costly)
			choice->candidates[n++] = choice->candidates[i];
	if (n)
		choice->n = n;
}

/* ---- which one ---- */

static const struct candidate *find_pair(const struct choice *choice, const struct pair *pair)
{
	for (size_t i = 0; i < choice->n; i++)
		if (memcmp(&choice->candidates[i].pair, pair, sizeof(*pair)) == 0)
			return &choice->candidates[i];
	return NULL;
}

/* Of those with a round-trip time the quickest, else the first; NULL: there is none. */
static const struct candidate *find_quickest(const struct choice *choice)
{
	const struct candidate *best = choice->n ? &choice->candidates[0] : NULL;

	for (size_t i = 1; i < choice->n; i++) {
		const struct candidate *other = &choice->candidates[i];

		if (other->rtt_us && (!best->rtt_us || other->rtt_us < best->rtt_us))
			best = other;
	}
	return best;
}

/* The connection began with one, and all others join as backup: no MP_PRIO is needed for that. */
static const struct candidate *find_first(const struct choice *choice,
					  const struct candidate *otherwise)
{
	for (size_t i = 0; i < choice->n; i++)
		if (choice->candidates[i].is_initial)
			return &choice->candidates[i];
	return otherwise;
}

static bool is_better(const struct interactive *interactive, const struct candidate *other,
		      const struct candidate *chosen)
{
	return other->rtt_us && chosen->rtt_us &&
	       (uint64_t)other->rtt_us * 100 <=
		       (uint64_t)chosen->rtt_us * (100 - interactive->margin) &&
	       other->rtt_us < chosen->rtt_us;
}

/* Is the time over that it stays chosen in any case? */
static bool may_change(const struct interactive *interactive, const struct memory *memory,
		       uint64_t now_ms)
{
	return !memory->changed_ms || now_ms >= memory->changed_ms + interactive->hold_ms;
}

static void change(struct memory *memory, const struct candidate *to, uint64_t now_ms)
{
	memory->chosen = to->pair;
	memory->changed_ms = now_ms;
}

/* `all`: with backup links. One that works on a backup link is left like any other, after its time. */
static void choose(const struct interactive *interactive, const struct choice *all,
		   const struct choice *choice, struct memory *memory)
{
	const struct candidate *quickest = find_quickest(choice), *chosen;
	uint64_t now_ms = choice->view->now_ms;

	if (!quickest)
		return;
	if (!memory->chosen.local.family)
		memory->chosen = find_first(choice, quickest)->pair;
	chosen = find_pair(all, &memory->chosen);
	if (!chosen ||
	    (may_change(interactive, memory, now_ms) &&
	     (!find_pair(choice, &memory->chosen) || is_better(interactive, quickest, chosen))))
		change(memory, quickest, now_ms);
}

/* Where there is nothing to choose nobody need measure. */
static void ask_again(const struct interactive *interactive, const struct choice *choice,
		      const struct memory *memory)
{
	uint64_t at_ms = choice->view->now_ms + LOOK_MS;

	if (choice->n == 0 || (choice->n == 1 && find_pair(choice, &memory->chosen)))
		return;
	if (!may_change(interactive, memory, choice->view->now_ms))
		at_ms = memory->changed_ms + interactive->hold_ms;
	choice->plan->ask_again(choice->plan, at_ms);
}

/* ---- for people ---- */

/* "wlan0, 12.3 ms, measured 4 s ago" */
static const char *describe(const struct choice *choice, const struct candidate *candidate,
			    char text[static 96])
{
	const struct mptcpd_view *view = choice->view;
	const char *name = view->link_name(view, candidate->pair.ifindex);

	if (candidate->rtt_us)
		snprintf(text, 96, "%s, %u.%03u ms, measured %" PRIu64 " s ago", name,
			 candidate->rtt_us / 1000, candidate->rtt_us % 1000,
			 (view->now_ms - candidate->heard_ms) / 1000);
	else
		snprintf(text, 96, "%s, not measured", name);
	return text;
}

static void explain(const struct interactive *interactive, const struct choice *all,
		    const struct choice *choice, const struct memory *memory)
{
	const struct candidate *chosen = find_pair(all, &memory->chosen);
	const struct candidate *best = find_quickest(choice);
	uint64_t now_ms = choice->view->now_ms, left_s = 0;
	char text[96], other[96];

	if (!chosen)
		return;
	if (!may_change(interactive, memory, now_ms))
		left_s = (memory->changed_ms + interactive->hold_ms - now_ms + 999) / 1000;
	if (!best || memcmp(&best->pair, &chosen->pair, sizeof(best->pair)) == 0)
		choice->plan->explain(choice->plan, "data goes by %s, the quickest",
				      describe(choice, chosen, text));
	else
		choice->plan->explain(choice->plan,
				      "data goes by %s; %s: it has to be %" PRIu32
				      " %% less, and may be chosen in %" PRIu64 " s",
				      describe(choice, chosen, text), describe(choice, best, other),
				      interactive->margin, left_s);
}

static void set_flags(struct mptcpd_plan *plan, const struct memory *memory)
{
	const struct mptcpd_path *path;

	for (size_t i = 0; (path = plan->get_path(plan, i)); i++) {
		struct pair pair = {path->local, path->remote, path->ifindex, path->instance};
		bool is_chosen = memcmp(&memory->chosen, &pair, sizeof(pair)) == 0;

		plan->set_path_flags(plan, i, is_chosen ? 0 : MPTCPD_FLAG_BACKUP);
	}
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct interactive *interactive = data;
	struct memory *memory = connection->memory;
	struct choice all = {.view = view, .connection = connection, .plan = plan}, choice;
	const struct mptcpd_path *path;

	if (!plan->get_path(plan, 0))
		mesh_plan(&interactive->mesh, view, connection, plan);
	if (connection->side == MPTCPD_SIDE_UNKNOWN ||
	    (connection->side == MPTCPD_SIDE_SERVER && !interactive->server_side))
		return;
	plan_others(&all);
	for (size_t i = 0; (path = plan->get_path(plan, i)); i++)
		add_candidate(&all, i, path);
	choice = all;
	leave_out_costly(&choice);
	choose(interactive, &all, &choice, memory);
	if (memory->chosen.local.family)
		set_flags(plan, memory);
	ask_again(interactive, &choice, memory);
	if (mptcpd_explains(plan))
		explain(interactive, &all, &choice, memory);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct interactive *interactive = calloc(1, sizeof(*interactive));

	if (!interactive)
		return -ENOMEM;
	interactive->margin = (uint32_t)mptcpd_get_value(start, SETTING_MARGIN)->number;
	interactive->hold_ms = mptcpd_get_value(start, SETTING_HOLD)->number;
	interactive->mesh.max_subflows = mptcpd_get_value(start, SETTING_MAX_SUBFLOWS)->number;
	interactive->server_side = mptcpd_get_value(start, SETTING_SERVER_SIDE)->number;
	*data = interactive;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "interactive",
	.summary = "data goes by the path with the lowest round-trip time, the others are backup",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.memory_size = sizeof(struct memory),
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.needs = MPTCPD_NEED_MEASURES,
};
