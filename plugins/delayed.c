/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In a stack: what the plugins before it want waits until the connection is old enough, or has moved
 * enough. A short one gains nothing of more subflows: many of their joins come when it is over.
 *
 * What is there already stays: a plan that changes closes nothing for that.
 */
#include <mptcpd/addr.h>
#include <mptcpd/plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* So often its bytes are looked at; more often nobody measures. */
#define LOOK_MS 250
/* The most subflows that are told apart: the kernel has an id for each. */
#define SUBFLOWS_MAX 256

struct delayed {
	uint64_t age_ms;
	uint64_t bytes; /* 0: they do not count */
};

enum { SETTING_AGE, SETTING_BYTES, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_AGE] = {"age", MPTCPD_SETTING_DURATION, "2s",
			 "how long a connection has lived before it gets more subflows"},
	[SETTING_BYTES] = {"bytes", MPTCPD_SETTING_SIZE, "1M",
			   "or how much it has moved, both ways together; 0: that does not count"},
};

/* Of both ways: what is known of the connection, or of its subflows, whichever was seen last. */
static uint64_t moved(const struct mptcpd_connection *connection)
{
	const struct mptcpd_subflow *subflow;
	uint64_t known = 0, measured = 0;

	if (connection->bytes_sent != MPTCPD_BYTES_UNKNOWN)
		known += connection->bytes_sent;
	if (connection->bytes_received != MPTCPD_BYTES_UNKNOWN)
		known += connection->bytes_received;
	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (subflow->measure)
			measured += subflow->measure->bytes_sent + subflow->measure->bytes_received;
	return known > measured ? known : measured;
}

/* One that began before mptcpd knew it is old. */
static bool is_due(const struct delayed *delayed, const struct mptcpd_view *view,
		   const struct mptcpd_connection *connection)
{
	return !connection->begin_ms || view->now_ms >= connection->begin_ms + delayed->age_ms ||
	       (delayed->bytes && moved(connection) >= delayed->bytes);
}

static bool serves(const struct mptcpd_subflow *subflow, const struct mptcpd_path *path)
{
	return subflow->state != MPTCPD_SUBFLOW_CLOSING &&
	       mptcpd_addr_equal_host(&subflow->local, &path->local) &&
	       mptcpd_addr_equal(&subflow->remote, &path->remote) &&
	       (!path->local.port || subflow->local.port == path->local.port) &&
	       (!subflow->ifindex || subflow->ifindex == path->ifindex);
}

/* Is there a subflow that serves it, and none before it? */
static bool is_there(const struct mptcpd_connection *connection, const struct mptcpd_path *path,
		     bool taken[SUBFLOWS_MAX])
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; i < SUBFLOWS_MAX && (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (!taken[i] && serves(subflow, path)) {
			taken[i] = true;
			return true;
		}
	return false;
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct delayed *delayed = data;
	bool taken[SUBFLOWS_MAX] = {false};
	const struct mptcpd_path *path;
	uint64_t due_ms;
	size_t i = 0;

	if (is_due(delayed, view, connection))
		return;
	while ((path = plan->get_path(plan, i))) {
		if (is_there(connection, path, taken)) {
			i++;
			continue;
		}
		if (mptcpd_leaves_out(plan))
			plan->leave_out(plan, path, MPTCPD_LEFT_FOR_LATER,
					"waits %" PRIu64 " s for age%s",
					(connection->begin_ms + delayed->age_ms - view->now_ms) /
						1000,
					delayed->bytes ? ", or for bytes" : "");
		plan->remove_path(plan, i);
	}
	/* Where somebody has joined already, what was announced stays so. */
	while (connection->subflows.n < 2 && plan->get_announcement(plan, 0))
		plan->remove_announcement(plan, 0);
	due_ms = connection->begin_ms + delayed->age_ms;
	if (delayed->bytes && due_ms > view->now_ms + LOOK_MS)
		due_ms = view->now_ms + LOOK_MS;
	plan->ask_again(plan, due_ms);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct delayed *delayed = malloc(sizeof(*delayed));

	if (!delayed)
		return -ENOMEM;
	delayed->age_ms = mptcpd_get_value(start, SETTING_AGE)->number;
	delayed->bytes = mptcpd_get_value(start, SETTING_BYTES)->number;
	*data = delayed;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "delayed",
	.summary = "what the plugins before it want, once a connection has lived or moved enough",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.needs = MPTCPD_NEED_MEASURES,
};
