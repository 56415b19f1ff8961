/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy for tests: it writes down what it is shown, one JSON object a line, and announces what its
 * settings say. No policy should write files; this one is a witness.
 */
#include <mptcpd/plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct witness {
	const char *file;
	struct mptcpd_announcement announcement;
	uint64_t interval_ms;
};

enum { FILE_NAME, INTERVAL, ANNOUNCE, LISTEN, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[FILE_NAME] = {.name = "file",
		       .type = MPTCPD_SETTING_STRING,
		       .fallback = "/dev/null",
		       .help = "where to write"},
	[INTERVAL] = {.name = "interval",
		      .type = MPTCPD_SETTING_DURATION,
		      .fallback = "300ms",
		      .help = "how often to look"},
	[ANNOUNCE] = {.name = "announce",
		      .type = MPTCPD_SETTING_ADDRESS,
		      .fallback = "",
		      .help = "what to announce as a server"},
	[LISTEN] = {.name = "listen-at",
		    .type = MPTCPD_SETTING_ADDRESS,
		    .fallback = "",
		    .help = "an address to listen on for it"},
};

static void write_subflows(FILE *file, const struct mptcpd_connection *connection)
{
	const struct mptcpd_subflow *subflow;
	const char *comma = "";

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++) {
		const struct mptcpd_measure *measure = subflow->measure;

		if (!measure)
			continue;
		fprintf(file,
			"%s{\"taken\":%" PRIu64 ",\"rtt\":%u,\"min-rtt\":%u,\"cwnd\":%u,\"mss\":%u,"
			"\"rate\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"received\":%" PRIu64
			",\"sent-age\":%u,\"rto\":%u}",
			comma, measure->taken_ms, measure->rtt_us, measure->min_rtt_us,
			measure->cwnd, measure->mss, measure->delivery_rate, measure->bytes_sent,
			measure->bytes_received, measure->last_sent_age_ms, measure->rto_us);
		comma = ",";
	}
}

static void write_down(const char *name, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection)
{
	FILE *file = fopen(name, "ae");

	if (!file)
		return;
	fprintf(file,
		"{\"asked\":%" PRIu64 ",\"now\":%" PRIu64 ",\"begin\":%" PRIu64
		",\"known\":%s,\"sent\":%" PRIu64 ",\"received\":%" PRIu64
		",\"uid\":%d,\"mark\":%d,\"cgroup\":%" PRIu64 ",\"measures\":[",
		*(uint64_t *)connection->memory, view->now_ms, connection->begin_ms,
		connection->bytes_sent == MPTCPD_BYTES_UNKNOWN ? "false" : "true",
		connection->bytes_sent, connection->bytes_received,
		connection->owner ? (int)connection->owner->uid : -1,
		connection->owner ? (int)connection->owner->mark : -1,
		connection->owner ? connection->owner->cgroup : 0);
	write_subflows(file, connection);
	fprintf(file, "]}\n");
	fclose(file);
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct witness *witness = data;

	++*(uint64_t *)connection->memory;
	write_down(witness->file, view, connection);
	plan->ask_again(plan, view->now_ms + witness->interval_ms);
	if (connection->side == MPTCPD_SIDE_SERVER && witness->announcement.addr.family)
		plan->add_announcement(plan, &witness->announcement);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct witness *witness = calloc(1, sizeof(*witness));

	if (!witness)
		return -ENOMEM;
	witness->file = mptcpd_get_value(start, FILE_NAME)->string;
	witness->interval_ms = mptcpd_get_value(start, INTERVAL)->number;
	witness->announcement.addr = mptcpd_get_value(start, ANNOUNCE)->addr;
	witness->announcement.listen = mptcpd_get_value(start, LISTEN)->addr;
	*data = witness;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "witness",
	.summary = "writes down what it sees",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.memory_size = sizeof(uint64_t),
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.needs = MPTCPD_NEED_MEASURES | MPTCPD_NEED_OWNER,
};
