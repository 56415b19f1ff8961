/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does MPTCP work here, and what does not? The counters of a daemon's own work are for who asks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "print.h"
#include "screen.h"
#include "text.h"
#include "units.h"

#define INDENT 15

/* "connections   12: 8 multi-path" */
static void print_fact(const struct ctl *ctl, const char *name, const char *colour,
		       const char *text)
{
	size_t width = screen_width();
	char head[64];

	snprintf(head, sizeof(head), "  %-*s ", INDENT - 3, name);
	if (width && INDENT + screen_span(text) > width) {
		screen_wrap(INDENT, head, text);
		return;
	}
	print("%s", head);
	text_coloured(ctl, colour, text);
	print_end();
}

/* ", N NAME" behind what is there, if N is not 0. */
static void add_count(char *text, size_t size, uint64_t n, const char *name)
{
	size_t used = strlen(text);

	if (n)
		snprintf(text + used, size - used, "%s%" PRIu64 " %s", used ? ", " : "", n, name);
}

static void text_connections(const struct ctl *ctl, const struct mptcpctl_status *status)
{
	char kinds[160] = "", text[256];

	add_count(kinds, sizeof(kinds), status->multi_path, "multi-path");
	add_count(kinds, sizeof(kinds), status->single_path, "single-path");
	add_count(kinds, sizeof(kinds), status->fallen_back, "fallen back to TCP");
	add_count(kinds, sizeof(kinds), status->unhealthy, "unhealthy");
	snprintf(text, sizeof(text), "%" PRIu64 "%s%s", status->connections, *kinds ? ": " : "",
		 kinds);
	print_fact(ctl, "connections", NULL, text);
	snprintf(text, sizeof(text), "%" PRIu64, status->subflows);
	print_fact(ctl, "subflows", NULL, text);
	snprintf(text, sizeof(text), "%" PRIu64, status->endpoints);
	print_fact(ctl, "endpoints", NULL, text);
}

static void text_mptcp(const struct ctl *ctl, const struct mptcpctl_status *status)
{
	char left[UNITS_SIZE], text[128];
	uint64_t now_ms = (uint64_t)time(NULL) * 1000;

	if (!status->mptcp_enabled) {
		print_fact(ctl, "MPTCP", TEXT_RED, "off (net.mptcp.enabled is 0)");
	} else if (status->blackhole_until_ms > now_ms) {
		snprintf(text, sizeof(text), "off for another %s (the kernel found a black hole)",
			 units_time(status->blackhole_until_ms - now_ms, left));
		print_fact(ctl, "MPTCP", TEXT_RED, text);
	} else {
		print_fact(ctl, "MPTCP", TEXT_GREEN, "on");
	}
}

static void text_asides(const struct ctl *ctl, const struct mptcpctl_status *status)
{
	char since[32], whom[48], text[256];

	if (status->degraded) {
		text_coloured(ctl, TEXT_RED, "  degraded");
		print_end();
	}
	for (const struct mptcpctl_aside *aside = status->asides; aside; aside = aside->next) {
		time_t seconds = (time_t)(aside->since_ms / 1000);
		struct tm broken;

		strftime(since, sizeof(since), "%F %T", localtime_r(&seconds, &broken));
		snprintf(whom, sizeof(whom), "connection %" PRIx32, aside->token);
		snprintf(text, sizeof(text),
			 "plugin %s for %s since %s, because it crashed or hung", aside->plugin,
			 aside->token ? whom : "all connections", since);
		screen_wrap(4, "  set aside: ", text);
	}
}

static void text_warnings(const struct ctl *ctl, const struct mptcpctl_warning *warning)
{
	char text[1024];

	for (; warning; warning = warning->next) {
		snprintf(text, sizeof(text), "%s: %s%s%s", warning->reason, warning->text,
			 warning->remedy ? "; " : "", warning->remedy ? warning->remedy : "");
		text_coloured(ctl, TEXT_RED, "  warning ");
		screen_wrap_from(10, 4, text);
	}
}

/* The work of the daemon itself. */
static void text_counters(const struct mptcpctl_status *status)
{
	char text[1024];

	print_line("  events %" PRIu64 ", lost %" PRIu64 ", bad %" PRIu64 ", malformed %" PRIu64
		   ", resyncs %" PRIu64,
		   status->events, status->events_lost, status->events_bad, status->malformed,
		   status->resyncs);
	print_line("  commands %" PRIu64 ", errors %" PRIu64, status->commands,
		   status->command_errors);
	print_line("  plan entries refused %" PRIu64 ", announcements refused %" PRIu64,
		   status->plans_refused, status->announcements_refused);
	screen_wrap(4, "  plugins ", text_join(status->plugins, text, sizeof(text)));
	for (size_t i = 0; status->config && status->config[i]; i++)
		screen_wrap(4, "  config ", status->config[i]);
}

/* ---- links ---- */

/* Links that are used, which come before what the status itself says last. */
struct links {
	size_t n;
	struct {
		char name[48], health[16], text[192];
	} link[64];
};

static int on_interface(void *data, const struct mptcpctl_interface *interface)
{
	const char *health = interface->health ? interface->health : "unknown";
	struct links *links = data;

	if (!interface->use || links->n == sizeof(links->link) / sizeof(links->link[0]))
		return 0;
	snprintf(links->link[links->n].name, sizeof(links->link[0].name), "link %s",
		 interface->name);
	snprintf(links->link[links->n].health, sizeof(links->link[0].health), "%s", health);
	snprintf(links->link[links->n++].text, sizeof(links->link[0].text), "%s%s",
		 interface->health_text ? interface->health_text : health,
		 interface->rp_filter_strict ? ", strict rp_filter" : "");
	return 0;
}

static void text_links(const struct ctl *ctl, const struct links *links)
{
	for (size_t i = 0; i < links->n; i++)
		print_fact(ctl, links->link[i].name, text_health_colour(links->link[i].health),
			   links->link[i].text);
	if (!links->n)
		print_fact(ctl, "links", TEXT_YELLOW, "none that is used");
}

/* ---- all of it ---- */

struct showing {
	struct ctl *ctl;
	struct links links;
};

static int on_status(void *data, const struct mptcpctl_status *status)
{
	const struct showing *showing = data;
	struct ctl *ctl = showing->ctl;
	char up[UNITS_SIZE];

	if (ctl->json) {
		json_record(&schema_status, status);
		json_print_wrapped("status");
		return 0;
	}
	text_coloured(ctl, TEXT_BOLD, "mptcpd ");
	text_coloured(ctl, TEXT_BOLD, status->version);
	print_line(", path manager %s, up %s", status->path_manager,
		   units_time(status->uptime_ms, up));
	text_mptcp(ctl, status);
	text_connections(ctl, status);
	text_links(ctl, &showing->links);
	if (ctl->verbose)
		text_counters(status);
	text_asides(ctl, status);
	text_warnings(ctl, status->warnings);
	return 0;
}

int ctl_status(struct ctl *ctl, int n_args, char **args)
{
	struct showing showing = {.ctl = ctl};
	int r = 0,
	    code = n_args ? cli_usage("unexpected \"%s\": status takes no arguments", args[0])
			  : ctl_connect(ctl);

	if (code)
		return code;
	if (!ctl->json)
		r = mptcpctl_list_interfaces(ctl->client, on_interface, &showing.links);
	if (r == 0)
		r = mptcpctl_get_status(ctl->client, on_status, &showing);
	return ctl_result(ctl, r);
}
