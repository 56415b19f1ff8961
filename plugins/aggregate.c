/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every path is normal, backup links as well, so that all of them carry data. A subflow that moved far
 * less than its quickest sibling for a whole window is made anew, from another port: a network that
 * chooses ways by the ports (ECMP) may have put it on a bad one. That makes the kernel send again what
 * is under way there, and so it is one of a connection in a window at most, and each pair waits twice
 * as long from time to time.
 */
#include "mesh.h"

#include <mptcpd/addr.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* So soon they are measured first. */
#define LOOK_MS 1000
/* So many subflows of a connection are watched. */
#define WATCHED_MAX 8
/* The quickest moved less than that: there was nothing to compare. */
#define BUSY_BYTES (256 * 1024)
/* A pair waits 2, 4, 8, … and at last so many windows: 2 to the power of this. */
#define REFRESHED_MAX 6

struct aggregate {
	struct mesh_rules mesh;
	uint64_t window_ms;
	uint64_t ratio; /* percent */
};

/* A subflow as it was when the window began. Keys of 0 are free places. */
struct watched {
	uint64_t bytes;
	uint32_t key, pair_key; /* with its port, and without */
	uint8_t n_refreshed; /* how often the pair was made anew */
	uint8_t n_waiting; /* windows that it is left alone */
	uint8_t reserved[6];
};

/* One call of plan_paths(). */
struct scene {
	const struct mptcpd_view *view;
	const struct mptcpd_connection *connection;
	struct mptcpd_plan *plan;
};

/* What is remembered of a connection. */
struct memory {
	uint64_t begin_ms; /* of the window; 0: there is none */
	struct watched watched[WATCHED_MAX];
};

enum { SETTING_RATIO, SETTING_TIME, SETTING_MAX_SUBFLOWS, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_RATIO] = {"ratio", MPTCPD_SETTING_NUMBER, "5",
			   "a subflow that moves less than so many percent of the quickest one is "
			   "made anew; 0: none is",
			   0, 99},
	[SETTING_TIME] = {"time", MPTCPD_SETTING_DURATION, "30s", "if it does for so long", 1000},
	[SETTING_MAX_SUBFLOWS] = MESH_MAX_SUBFLOWS,
};

/* FNV-1a; never 0. */
static uint32_t hash(uint32_t key, const void *bytes, size_t n)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < n; i++)
		key = (key ^ byte[i]) * 16777619U;
	return key ? key : 1;
}

static struct watched watch(const struct mptcpd_subflow *subflow)
{
	uint32_t key = hash(2166136261U, subflow->local.ip, sizeof(subflow->local.ip));
	struct watched watched = {
		.bytes = subflow->measure->bytes_sent + subflow->measure->bytes_received,
	};

	key = hash(key, &subflow->ifindex, sizeof(subflow->ifindex));
	key = hash(key, &subflow->instance, sizeof(subflow->instance));
	watched.pair_key = hash(key, &subflow->remote, sizeof(subflow->remote));
	watched.key = hash(watched.pair_key, &subflow->local.port, sizeof(subflow->local.port));
	return watched;
}

/*
 * Of those that could carry data, and would be made again. One that is silent is not: mptcpd itself
 * replaces it, or its link is, and another port of that is no better.
 */
static bool is_watched(const struct scene *scene, const struct mptcpd_subflow *subflow)
{
	const struct mptcpd_path *path;

	if (subflow->state != MPTCPD_SUBFLOW_ESTABLISHED || !subflow->measure ||
	    subflow->peer_backup || subflow->health == MPTCPD_HEALTH_SILENT)
		return false;
	for (size_t i = 0; (path = scene->plan->get_path(scene->plan, i)); i++)
		if (mesh_serves(subflow, path))
			return true;
	return false;
}

static struct watched *find_pair(struct memory *memory, uint32_t pair_key)
{
	for (size_t i = 0; i < WATCHED_MAX; i++)
		if (memory->watched[i].pair_key == pair_key)
			return &memory->watched[i];
	return NULL;
}

/* How it was when the window began, and what it moved since; NULL: it was not there. */
static struct watched *find_moved(struct memory *memory, const struct mptcpd_subflow *subflow,
				  uint64_t *ret_moved)
{
	struct watched now = watch(subflow);
	struct watched *then = find_pair(memory, now.pair_key);

	if (!then || then->key != now.key || now.bytes < then->bytes)
		return NULL;
	*ret_moved = now.bytes - then->bytes;
	return then;
}

/* What they moved in the window so far. */
struct race {
	uint64_t most, least;
	const struct mptcpd_subflow *slowest; /* of those that have not to wait; NULL: none */
	struct watched *pair; /* its */
};

static struct race compare(struct memory *memory, const struct scene *scene)
{
	struct race race = {.least = UINT64_MAX};
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(scene->connection, i)); i++) {
		uint64_t moved = 0;
		struct watched *pair =
			is_watched(scene, subflow) ? find_moved(memory, subflow, &moved) : NULL;

		if (!pair)
			continue;
		if (moved > race.most)
			race.most = moved;
		if (pair->n_waiting == 0 && moved < race.least) {
			race.least = moved;
			race.slowest = subflow;
			race.pair = pair;
		}
	}
	return race;
}

static bool lags(const struct aggregate *aggregate, const struct race *race)
{
	return race->slowest && race->most >= BUSY_BYTES &&
	       race->least * 100 < race->most * aggregate->ratio;
}

static void refresh(const struct aggregate *aggregate, struct memory *memory,
		    const struct scene *scene)
{
	struct race race = compare(memory, scene);

	for (size_t i = 0; i < WATCHED_MAX; i++)
		memory->watched[i].n_waiting -= memory->watched[i].n_waiting > 0;
	if (!lags(aggregate, &race) ||
	    scene->plan->drop(scene->plan, &race.slowest->local, &race.slowest->remote) < 0)
		return;
	race.pair->n_refreshed += race.pair->n_refreshed < REFRESHED_MAX;
	race.pair->n_waiting = (uint8_t)(1U << race.pair->n_refreshed);
}

/* With those that are there now, and how often their pairs were made anew. */
static void begin(struct memory *memory, const struct scene *scene)
{
	struct memory fresh = {.begin_ms = scene->view->now_ms};
	const struct mptcpd_subflow *subflow;
	size_t n = 0;

	for (size_t i = 0; n < WATCHED_MAX && (subflow = mptcpd_get_subflow(scene->connection, i));
	     i++) {
		const struct watched *before;

		if (!is_watched(scene, subflow))
			continue;
		fresh.watched[n] = watch(subflow);
		before = find_pair(memory, fresh.watched[n].pair_key);
		if (before) {
			fresh.watched[n].n_refreshed = before->n_refreshed;
			fresh.watched[n].n_waiting = before->n_waiting;
		}
		n++;
	}
	if (n == 0)
		fresh.begin_ms = 0; /* they are measured first */
	*memory = fresh;
}

static void explain(const struct aggregate *aggregate, struct memory *memory,
		    const struct scene *scene)
{
	struct race race = compare(memory, scene);
	uint64_t now_ms = scene->view->now_ms, end_ms = memory->begin_ms + aggregate->window_ms;

	if (!memory->begin_ms || !race.slowest || race.most < BUSY_BYTES)
		scene->plan->explain(scene->plan, "nothing to compare so far");
	else
		scene->plan->explain(scene->plan,
				     "port %u of %s moved %" PRIu64 " %% of what the quickest did; "
				     "below %" PRIu64 " %% it is made anew in %" PRIu64 " s",
				     race.slowest->local.port,
				     scene->view->link_name(scene->view, race.slowest->ifindex),
				     race.least * 100 / race.most, aggregate->ratio,
				     end_ms > now_ms ? (end_ms - now_ms + 999) / 1000 : 0);
}

static size_t count_established(const struct mptcpd_connection *connection)
{
	const struct mptcpd_subflow *subflow;
	size_t n = 0;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		n += subflow->state == MPTCPD_SUBFLOW_ESTABLISHED;
	return n;
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct aggregate *aggregate = data;
	struct memory *memory = connection->memory;
	struct scene scene = {view, connection, plan};

	if (!plan->get_path(plan, 0))
		mesh_plan(&aggregate->mesh, view, connection, plan);
	for (size_t i = 0; plan->get_path(plan, i); i++)
		plan->set_path_flags(plan, i, 0);
	if (connection->side != MPTCPD_SIDE_CLIENT || !aggregate->ratio ||
	    count_established(connection) < 2)
		return;
	if (mptcpd_explains(plan))
		explain(aggregate, memory, &scene);
	if (!memory->begin_ms || view->now_ms >= memory->begin_ms + aggregate->window_ms) {
		if (memory->begin_ms)
			refresh(aggregate, memory, &scene);
		begin(memory, &scene);
	}
	plan->ask_again(plan, memory->begin_ms ? memory->begin_ms + aggregate->window_ms
					       : view->now_ms + LOOK_MS);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct aggregate *aggregate = calloc(1, sizeof(*aggregate));

	if (!aggregate)
		return -ENOMEM;
	aggregate->ratio = mptcpd_get_value(start, SETTING_RATIO)->number;
	aggregate->window_ms = mptcpd_get_value(start, SETTING_TIME)->number;
	aggregate->mesh.max_subflows = mptcpd_get_value(start, SETTING_MAX_SUBFLOWS)->number;
	*data = aggregate;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "aggregate",
	.summary = "all paths carry data, and a subflow that lags far behind is made anew",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.memory_size = sizeof(struct memory),
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.needs = MPTCPD_NEED_MEASURES,
};
