/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GetMetrics: numbers for who draws them over time. None is of a single connection: there are as many
 * as links, policies and reasons. Connections are counted some at a time, a page each; the first page
 * has all else.
 */
#include "bus-private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "census.h"
#include "words.h"

/* Records that a page counts: 10,000 connections of two subflows are eight pages. */
#define PAGE_RECORDS 4096

static void open_metric(struct writer *writer, const char *name, const char *type, const char *help)
{
	writer_open(writer, 'r', WIRE_IN_METRIC);
	writer_append(writer, "sss", name, type, help);
	writer_open(writer, 'a', WIRE_SAMPLE);
}

static void close_metric(struct writer *writer)
{
	writer_close(writer);
	writer_close(writer);
}

/* Labels are pairs of a name and a value, and then NULL. */
static void append_sample(struct writer *writer, const char *suffix, double value, ...)
{
	const char *label;
	va_list labels;

	writer_open(writer, 'r', WIRE_IN_SAMPLE);
	writer_append(writer, "s", suffix);
	writer_open(writer, 'a', "{ss}");
	va_start(labels, value);
	while ((label = va_arg(labels, const char *))) {
		writer_open(writer, 'e', "ss");
		writer_append(writer, "s", label);
		bus_append_text(writer, va_arg(labels, const char *));
		writer_close(writer);
	}
	va_end(labels);
	writer_close(writer);
	writer_append(writer, "d", value);
	writer_close(writer);
}

static void append_one(struct writer *writer, const char *name, const char *type, const char *help,
		       uint64_t value)
{
	open_metric(writer, name, type, help);
	append_sample(writer, "", (double)value, NULL);
	close_metric(writer);
}

/* ---- what is counted by the way ---- */

static void append_counters(struct writer *writer, const struct engine_counters *counters)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} rows[] = {
		{"mptcpd_events_total", "Events that the kernel told.", counters->events},
		{"mptcpd_events_lost_total", "Times that the kernel dropped events.",
		 counters->events_lost},
		{"mptcpd_resyncs_total", "Times that what may have been lost was asked for again.",
		 counters->resyncs},
		{"mptcpd_commands_total", "Commands given to the kernel.", counters->commands},
		{"mptcpd_command_errors_total",
		 "Commands that the kernel refused, of connections that had not ended.",
		 counters->command_errors},
		{"mptcpd_plans_refused_total", "Entries of plans that plugins got wrong.",
		 counters->plans_refused},
		{"mptcpd_announcements_refused_total",
		 "Addresses of peers that cannot be theirs, and are not used.",
		 counters->announcements_refused},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		append_one(writer, rows[i].name, "counter", rows[i].help, rows[i].value);
}

static void append_joins(struct writer *writer, const struct engine_counters *counters)
{
	static const uint32_t bounds[ENGINE_JOIN_BOUNDS] = ENGINE_JOIN_BOUNDS_MS;
	uint64_t n = 0;
	char le[16];

	open_metric(writer, "mptcpd_join_delay_seconds", "histogram",
		    "From the command for a subflow until the kernel tells that it is established. "
		    "Those of the kernel's path manager are not in it.");
	for (size_t i = 0; i <= ENGINE_JOIN_BOUNDS; i++) {
		n += counters->joins[i];
		if (i < ENGINE_JOIN_BOUNDS)
			snprintf(le, sizeof(le), "%" PRIu32 ".%03" PRIu32, bounds[i] / 1000,
				 bounds[i] % 1000);
		else
			snprintf(le, sizeof(le), "+Inf");
		append_sample(writer, "_bucket", (double)n, "le", le, NULL);
	}
	append_sample(writer, "_sum", (double)counters->joins_ms / 1000, NULL);
	append_sample(writer, "_count", (double)n, NULL);
	close_metric(writer);
}

static void append_reasons(struct writer *writer, const char *name, const char *type,
			   const char *help, const uint64_t *by_reason)
{
	open_metric(writer, name, type, help);
	for (enum reason reason = REASON_NONE + 1; reason < REASONS; reason++)
		append_sample(writer, "", (double)by_reason[reason], "reason", reason_name(reason),
			      NULL);
	close_metric(writer);
}

/* ---- the kernel ---- */

/* What goes up and down, of the kernel's counters. */
#define KERNEL_GAUGE "MPCurrEstab"

struct kernel_counters {
	struct writer *writer;
	double established;
	bool has_established;
};

static void append_counter(void *data, const char *name, uint64_t value)
{
	struct kernel_counters *counters = data;

	if (strcmp(name, KERNEL_GAUGE) == 0) {
		counters->established = (double)value;
		counters->has_established = true;
	} else {
		append_sample(counters->writer, "", (double)value, "counter", name, NULL);
	}
}

static void append_kernel(struct writer *writer, const struct bus_setup *setup)
{
	struct kernel_counters counters = {.writer = writer};
	struct bus_mptcp mptcp = {.enabled = true};

	if (setup->mptcp)
		setup->mptcp(setup->data, &mptcp);
	append_one(writer, "mptcpd_mptcp_enabled", "gauge",
		   "1: applications get MPTCP sockets; 0: net.mptcp.enabled is 0.", mptcp.enabled);
	append_one(writer, "mptcpd_blackhole", "gauge",
		   "1: the kernel makes plain TCP connections, because SYNs with MPTCP got lost.",
		   mptcp.has_since || mptcp.has_until);
	if (!setup->counters)
		return;
	open_metric(writer, "mptcp_kernel_total", "counter", "Counters of MPTcpExt.");
	setup->counters(setup->data, append_counter, &counters);
	close_metric(writer);
	if (!counters.has_established)
		return;
	open_metric(writer, "mptcp_kernel", "gauge", "Those of MPTcpExt that also go down.");
	append_sample(writer, "", counters.established, "counter", KERNEL_GAUGE, NULL);
	close_metric(writer);
}

/* ---- the daemon and the host ---- */

static void count_aside(void *data, const char *plugin, uint32_t token, uint64_t since_ms)
{
	++*(uint64_t *)data;
}

static void append_daemon(struct writer *writer, const struct bus_setup *setup)
{
	const struct model *model = engine_model(setup->engine);
	uint64_t n_asides = 0;

	append_one(writer, "mptcpd_up", "gauge", "1: mptcpd has answered.", 1);
	open_metric(writer, "mptcpd_info", "gauge",
		    "Which mptcpd answers, and who makes subflows.");
	append_sample(writer, "", 1, "version", setup->version, "path_manager",
		      path_manager_name(model->path_manager), NULL);
	close_metric(writer);
	open_metric(writer, "mptcpd_start_time_seconds", "gauge",
		    "When mptcpd started, since 1970.");
	append_sample(writer, "", (double)loop_real_ms(setup->start_ms) / 1000, NULL);
	close_metric(writer);
	if (setup->set_aside)
		setup->set_aside(setup->data, count_aside, &n_asides);
	append_one(writer, "mptcpd_plugins_set_aside", "gauge",
		   "Plugins that crashed or hung and are not asked; where that is for some "
		   "connections alone, once for each.",
		   n_asides);
}

/* Is it one of the links that carry connections, or could? */
static bool is_of_interest(const struct interface *interface)
{
	return interface_usability(interface) == USABLE && interface->locals;
}

static bool has_family(const struct interface *interface, uint8_t family)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->is.addr.family == family && local->usability == USABLE)
			return true;
	return false;
}

static double health_value(uint8_t health)
{
	return health == MPTCPD_HEALTH_SILENT ? 0 : health == MPTCPD_HEALTH_SUSPECT ? 1 : 2;
}

static void append_health(struct writer *writer, const struct model *model)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct table_entry *entry;
	size_t n = 0;

	open_metric(
		writer, "mptcpd_link_health", "gauge",
		"Whether the far side of a link answers: 2 well, 1 suspect, 0 silent; none: not "
		"known.");
	for (entry = table_first(&model->interfaces); entry && n < CENSUS_LINKS;
	     entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		if (!is_of_interest(interface))
			continue;
		n++;
		for (size_t i = 0; i < sizeof(families); i++) {
			uint8_t health = interface->health[health_index(families[i])].state;

			if (health != MPTCPD_HEALTH_UNKNOWN && has_family(interface, families[i]))
				append_sample(writer, "", health_value(health), "interface",
					      interface->is.name, "family",
					      families[i] == AF_INET ? "ipv4" : "ipv6", NULL);
		}
	}
	close_metric(writer);
}

/* ---- what a page has counted ---- */

static void append_connections(struct writer *writer, const struct rules *rules,
			       const struct census *census)
{
	static const char *const states[] = {
		[CENSUS_CREATED] = "created",
		[CENSUS_ESTABLISHED] = "established",
		[CENSUS_CLOSING] = "closing",
		[CENSUS_FALLBACK] = "fallback",
	};

	open_metric(writer, "mptcpd_connections", "gauge",
		    "Connections by policy; fallback: plain TCP by now.");
	for (size_t i = 0; i <= census->n_policies; i++)
		for (size_t j = 0; j < CENSUS_CONNECTION_STATES; j++)
			append_sample(writer, "", (double)census->connections[i][j], "policy",
				      i < census->n_policies ? rules->policies[i].name : "",
				      "state", states[j], NULL);
	close_metric(writer);
}

static void append_link(struct writer *writer, const char *name, const uint64_t *subflows)
{
	static const char *const states[] = {
		[CENSUS_SUBFLOW_PENDING] = "pending",
		[CENSUS_SUBFLOW_ESTABLISHED] = "established",
		[CENSUS_SUBFLOW_CLOSING] = "closing",
	};

	for (size_t i = 0; i < CENSUS_SUBFLOW_STATES; i++)
		append_sample(writer, "", (double)subflows[i], "interface", name, "state",
			      states[i], NULL);
}

static void append_subflows(struct writer *writer, const struct model *model,
			    const struct census *census, bool is_first)
{
	static const uint64_t none[CENSUS_SUBFLOW_STATES];
	struct table_entry *entry = table_first(&model->interfaces);
	size_t n = 0;

	open_metric(writer, "mptcpd_subflows", "gauge", "Subflows by the link that they leave by.");
	for (; is_first && entry && n < CENSUS_LINKS; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		if (!is_of_interest(interface))
			continue;
		n++;
		append_link(writer, interface->is.name, none);
	}
	for (size_t i = 0; i < census->n_links; i++)
		append_link(writer, model_interface_name(model, census->links[i].ifindex),
			    census->links[i].subflows);
	close_metric(writer);
}

static void append_census(struct writer *writer, const struct model *model,
			  const struct census *census, bool is_first)
{
	append_connections(writer, model->rules, census);
	append_subflows(writer, model, census, is_first);
	append_reasons(
		writer, "mptcpd_missing_paths", "gauge",
		"Paths that somebody wanted and that are not there, addresses that nobody joined, "
		"and connections that can have no paths, by why, as mptcpctl explain says it.",
		census->missing);
}

static void append_rest(struct writer *writer, const struct bus_setup *setup)
{
	const struct engine_counters *counters = engine_counters(setup->engine);

	append_daemon(writer, setup);
	append_health(writer, engine_model(setup->engine));
	append_counters(writer, counters);
	if (setup->malformed)
		append_one(writer, "mptcpd_malformed_total", "counter",
			   "Messages of the kernel that were not what they should be.",
			   setup->malformed(setup->data));
	append_joins(writer, counters);
	append_reasons(writer, "mptcpd_path_failures_total", "counter",
		       "Subflows that failed, or could not be asked for, by why.",
		       counters->failures);
	append_kernel(writer, setup);
}

int bus_method_metrics(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	const struct bus_setup *setup = &peer->bus->setup;
	struct writer writer;
	struct census census;
	uint64_t cursor, next;
	int r = sd_bus_message_read(m, "t", &cursor);

	if (r < 0)
		return r;
	writer = bus_reply(m);
	census_init(&census, setup->engine);
	next = census_take(&census, setup->engine, cursor, loop_now_ms(), PAGE_RECORDS);
	writer_open(&writer, 'a', WIRE_METRIC);
	if (cursor == 0)
		append_rest(&writer, setup);
	append_census(&writer, engine_model(setup->engine), &census, cursor == 0);
	writer_close(&writer);
	census_done(&census);
	writer_append(&writer, "t", next);
	return bus_send(&writer);
}
