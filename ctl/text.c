/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "print.h"

#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RED "\033[31m"

const char *text_addr(const struct mptcpctl_addr *addr, char text[static TEXT_ADDR_SIZE])
{
	if (!addr->address)
		snprintf(text, TEXT_ADDR_SIZE, "-");
	else if (!addr->port)
		snprintf(text, TEXT_ADDR_SIZE, "%s", addr->address);
	else if (strchr(addr->address, ':'))
		snprintf(text, TEXT_ADDR_SIZE, "[%s]:%u", addr->address, addr->port);
	else
		snprintf(text, TEXT_ADDR_SIZE, "%s:%u", addr->address, addr->port);
	return text;
}

static void coloured(const struct ctl *ctl, const char *colour, const char *text)
{
	print_coloured(ctl->colour ? colour : NULL, text);
}

static const char *state_colour(const char *state)
{
	if (strcmp(state, "established") == 0)
		return GREEN;
	return strcmp(state, "closing") == 0 ? RED : YELLOW;
}

static const char *health_colour(const char *health)
{
	return health && strcmp(health, "silent") == 0 ? RED
	       : health && strcmp(health, "well") == 0 ? GREEN
						       : YELLOW;
}

/* "a,b,c", cut if it must be. */
static const char *join(const char *const *strings, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; strings && strings[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "",
					 strings[i]);
	return text;
}

/* Notes are words with a blank before each. */
static void note(char *notes, size_t size, const char *word)
{
	size_t used = strlen(notes);

	snprintf(notes + used, size - used, "%s%s", used ? " " : "", word);
}

/* ---- listings ---- */

static void text_asides(struct ctl *ctl, const struct mptcpctl_status *status)
{
	char since[32], whom[48];

	if (status->degraded) {
		coloured(ctl, RED, "  degraded");
		print_line("%s", "");
	}
	for (const struct mptcpctl_aside *aside = status->asides; aside; aside = aside->next) {
		time_t seconds = (time_t)(aside->since_ms / 1000);
		struct tm broken;

		strftime(since, sizeof(since), "%F %T", localtime_r(&seconds, &broken));
		snprintf(whom, sizeof(whom), "connection %" PRIx32, aside->token);
		print_line("  set aside: plugin %s for %s since %s, because it crashed or hung",
			   aside->plugin, aside->token ? whom : "all connections", since);
	}
}

static void text_warnings(struct ctl *ctl, const struct mptcpctl_warning *warning)
{
	for (; warning; warning = warning->next) {
		coloured(ctl, RED, "  warning ");
		print_line("%s: %s%s%s", warning->reason, warning->text,
			   warning->remedy ? "; " : "", warning->remedy ? warning->remedy : "");
	}
}

void text_status(struct ctl *ctl, const struct mptcpctl_status *status)
{
	char text[1024];
	uint64_t s = status->uptime_ms / 1000;

	coloured(ctl, BOLD, "mptcpd ");
	coloured(ctl, BOLD, status->version);
	print_line(", path manager %s, up %" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
		   status->path_manager, s / 3600, s / 60 % 60, s % 60);
	print_line("  connections %" PRIu64 ", subflows %" PRIu64 ", endpoints %" PRIu64,
		   status->connections, status->subflows, status->endpoints);
	print_line("  events %" PRIu64 ", lost %" PRIu64 ", bad %" PRIu64 ", malformed %" PRIu64
		   ", resyncs %" PRIu64,
		   status->events, status->events_lost, status->events_bad, status->malformed,
		   status->resyncs);
	print_line("  commands %" PRIu64 ", errors %" PRIu64 ", plan entries refused %" PRIu64
		   ", announcements refused %" PRIu64,
		   status->commands, status->command_errors, status->plans_refused,
		   status->announcements_refused);
	text_asides(ctl, status);
	text_warnings(ctl, status->warnings);
	print_line("  plugins %s", join(status->plugins, text, sizeof(text)));
	for (size_t i = 0; status->config && status->config[i]; i++)
		print_line("  config %s", status->config[i]);
}

static void note_subflow(char *notes, size_t size, const struct mptcpctl_subflow *subflow)
{
	char text[64];

	notes[0] = '\0';
	if (subflow->initial)
		note(notes, size, "initial");
	if (subflow->backup)
		note(notes, size, "backup");
	if (subflow->peer_backup)
		note(notes, size, "peer-backup");
	if (subflow->health && strcmp(subflow->health, "silent") == 0)
		note(notes, size, "silent");
	if (subflow->measured) {
		snprintf(text, sizeof(text), "rtt %u.%03u ms", subflow->rtt_us / 1000,
			 subflow->rtt_us % 1000);
		note(notes, size, text);
	}
	if (subflow->error)
		note(notes, size, subflow->error);
}

void text_subflow_row(struct columns *columns, uint32_t token,
		      const struct mptcpctl_subflow *subflow)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[256];

	note_subflow(notes, sizeof(notes), subflow);
	columns_add(columns, "%" PRIx32, token);
	columns_add(columns, "%s", subflow->state);
	columns_add(columns, "%s", text_addr(&subflow->local, local));
	columns_add(columns, "%s", text_addr(&subflow->remote, remote));
	columns_add(columns, "%s", subflow->interface ? subflow->interface : "");
	columns_add(columns, "%u/%u", subflow->local_id, subflow->remote_id);
	columns_add(columns, "%s", subflow->origin ? subflow->origin : "");
	columns_add(columns, "%s", notes);
}

static void print_addresses(const char *word, const struct mptcpctl_address *list)
{
	char text[TEXT_ADDR_SIZE];

	for (; list; list = list->next)
		print_line("  %s %s id %u", word, text_addr(&list->addr, text), list->id);
}

void text_connection(struct ctl *ctl, const struct mptcpctl_connection *connection)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[256], token[16];
	const struct mptcpctl_subflow *subflow;

	snprintf(token, sizeof(token), "%" PRIx32, connection->token);
	coloured(ctl, BOLD, token);
	print(" %s -> %s ", text_addr(&connection->local, local),
	      text_addr(&connection->remote, remote));
	coloured(ctl, state_colour(connection->state), connection->state);
	print_line(" %s, path manager %s, policy %s%s%s", connection->side,
		   connection->path_manager, connection->policy ? connection->policy : "none",
		   connection->fallback ? ", fallen back to TCP" : "",
		   connection->deny_join_id0 ? ", no joins to the peer's initial address" : "");
	for (subflow = connection->subflows; subflow; subflow = subflow->next) {
		note_subflow(notes, sizeof(notes), subflow);
		print("  subflow %s -> %s ", text_addr(&subflow->local, local),
		      text_addr(&subflow->remote, remote));
		if (subflow->interface)
			print("dev %s ", subflow->interface);
		print("ids %u/%u ", subflow->local_id, subflow->remote_id);
		coloured(ctl, state_colour(subflow->state), subflow->state);
		print_line("%s%s%s%s", subflow->origin ? " by " : "",
			   subflow->origin ? subflow->origin : "", notes[0] ? ", " : "", notes);
	}
	print_addresses("announced", connection->announced);
	print_addresses("peer-address", connection->peer_addresses);
}

void text_endpoint_row(struct columns *columns, const struct mptcpctl_endpoint *endpoint)
{
	char text[128];

	if (endpoint->id)
		columns_add(columns, "%u", endpoint->id);
	else
		columns_add(columns, "-");
	columns_add(columns, "%s", text_addr(&endpoint->addr, text));
	columns_add(columns, "%s", endpoint->interface ? endpoint->interface : "");
	columns_add(columns, "%s", join(endpoint->flags, text, sizeof(text)));
	columns_add(columns, "%s", endpoint->owner ? endpoint->owner : "");
	columns_add(columns, "%s", endpoint->text ? endpoint->text : "");
}

void text_interface(struct ctl *ctl, const struct mptcpctl_interface *interface)
{
	const struct mptcpctl_interface_address *address;
	char text[128];

	coloured(ctl, BOLD, interface->name);
	print(" index %u%s%s %s ", interface->index, interface->type ? " type " : "",
	      interface->type ? interface->type : "",
	      !interface->up	   ? "down"
	      : interface->carrier ? "carrier"
				   : "no-carrier");
	if (interface->use)
		coloured(ctl, GREEN, "used");
	else
		coloured(ctl, YELLOW, "not used");
	if (interface->reason)
		print(" (%s)", interface->reason);
	join(interface->flags, text, sizeof(text));
	print("%s%s", text[0] ? " flags " : "", text);
	print("%s%s", interface->route_ipv4 ? " route ipv4" : "",
	      interface->route_ipv6 ? " route ipv6" : "");
	if (interface->rp_filter_strict)
		coloured(ctl, YELLOW, " rp_filter-strict");
	print_end();
	if (interface->health_text) {
		print("%s", "  ");
		coloured(ctl, health_colour(interface->health), interface->health_text);
		print_end();
	}
	for (address = interface->addresses; address; address = address->next) {
		print("  %s/%u ", address->address ? address->address : "-", address->prefix);
		if (address->usable)
			coloured(ctl, GREEN, "usable");
		else
			print("not usable (%s)", address->reason ? address->reason : "unknown");
		if (address->source_rule)
			print(" leaves by %s (table %u, rule of %s)",
			      address->gateway ? address->gateway : "no gateway",
			      address->route_table, address->source_rule);
		print_end();
	}
}

void text_policy(struct ctl *ctl, const struct mptcpctl_policy *policy)
{
	const struct mptcpctl_setting *setting;
	char text[512];

	coloured(ctl, BOLD, policy->name);
	print_line(" plugin %s connections %" PRIu64, join(policy->plugins, text, sizeof(text)),
		   policy->connections);
	for (setting = policy->match; setting; setting = setting->next)
		print_line("  match-%s = %s", setting->key, setting->value);
	for (setting = policy->settings; setting; setting = setting->next)
		print_line("  %s = %s", setting->key, setting->value);
}

/* What is true of a path before it is there, too. */
static void note_plan(char *notes, size_t size, const struct mptcpctl_path *path)
{
	if (path->backup)
		note(notes, size, "backup");
	if (!path->forbidden_by)
		return;
	note(notes, size, "forbidden by");
	note(notes, size, path->forbidden_by);
}

void text_path_row(struct columns *columns, const struct mptcpctl_path *path)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[256] = "", text[64];

	note_plan(notes, sizeof(notes), path);
	if (path->has_next_try) {
		snprintf(text, sizeof(text), "next try in %" PRIu64 ".%03" PRIu64 " s",
			 path->next_try_ms / 1000, path->next_try_ms % 1000);
		note(notes, sizeof(notes), text);
	}
	if (path->error)
		note(notes, sizeof(notes), path->error);
	columns_add(columns, "%s", path->state);
	columns_add(columns, "%s", text_addr(&path->local, local));
	columns_add(columns, "%s", text_addr(&path->remote, remote));
	columns_add(columns, "%s", path->interface ? path->interface : "");
	columns_add(columns, "%s", path->wanted_by ? path->wanted_by : "");
	columns_add(columns, "%" PRIu32, path->attempts);
	columns_add(columns, "%s", notes);
}

void text_supposed_row(struct columns *columns, const struct mptcpctl_path *path)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[64] = "";

	if (strcmp(path->state, "established") == 0)
		note(notes, sizeof(notes), "initial");
	note_plan(notes, sizeof(notes), path);
	columns_add(columns, "%s", text_addr(&path->local, local));
	columns_add(columns, "%s", text_addr(&path->remote, remote));
	columns_add(columns, "%s", path->interface ? path->interface : "");
	columns_add(columns, "%s", path->wanted_by ? path->wanted_by : "");
	columns_add(columns, "%s", notes);
}

static void text_announcement(const struct mptcpctl_announcement *announcement)
{
	char text[TEXT_ADDR_SIZE];

	print("announce %s", text_addr(&announcement->addr, text));
	if (announcement->id)
		print(" id %u%s%s%s%s%s", announcement->id,
		      announcement->wanted_by ? " wanted by " : "",
		      announcement->wanted_by ? announcement->wanted_by : "",
		      announcement->sent ? "" : ", not sent yet",
		      announcement->listening ? ", listening" : "",
		      announcement->joined ? ", joined" : "");
	print_end();
	if (announcement->text)
		print_line("  %s", announcement->text);
	if (announcement->remedy)
		print_line("  remedy: %s", announcement->remedy);
}

void text_announcements(const struct mptcpctl_announcement *announcement)
{
	for (; announcement; announcement = announcement->next)
		text_announcement(announcement);
}

/* ---- events ---- */

static void print_time(uint64_t time_us)
{
	time_t s = (time_t)(time_us / 1000000);
	struct tm tm;
	char text[16];

	if (!localtime_r(&s, &tm) || !strftime(text, sizeof(text), "%H:%M:%S", &tm))
		return;
	print("%s.%06u ", text, (unsigned int)(time_us % 1000000));
}

void text_event(struct ctl *ctl, const struct mptcpctl_event *event)
{
	char text[TEXT_ADDR_SIZE];

	print_time(event->time_us);
	coloured(ctl, BOLD, event->name);
	if (event->token)
		print(" %" PRIx32 " %s", event->token, event->side ? event->side : "");
	if (event->local.address && !event->endpoint)
		print(" %s", text_addr(&event->local, text));
	if (event->remote.address)
		print(" -> %s", text_addr(&event->remote, text));
	if (event->interface)
		print(" dev %s", event->interface);
	if (!event->endpoint && (event->local_id || event->remote_id))
		print(" ids %u/%u", event->local_id, event->remote_id);
	if (event->endpoint)
		print(" %s id %u", text_addr(&event->endpoint->addr, text), event->endpoint->id);
	if (event->what)
		print(" %s", event->what);
	if (event->health)
		print(" %s%s%s%s%s", event->family ? event->family : "", event->family ? " " : "",
		      event->health, event->health_text ? ", because " : "",
		      event->health_text ? event->health_text : "");
	print("%s%s", event->backup ? " backup" : "", event->peer_backup ? " peer-backup" : "");
	if (event->error)
		print(" (%s)", event->error);
	print_end();
}
