/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

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

static void print_coloured(const struct ctl *ctl, const char *colour, const char *text)
{
	if (ctl->colour)
		printf("%s%s" PLAIN, colour, text);
	else
		fputs(text, stdout);
}

static const char *state_colour(const char *state)
{
	if (strcmp(state, "established") == 0)
		return GREEN;
	return strcmp(state, "closing") == 0 ? RED : YELLOW;
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

void text_status(struct ctl *ctl, const struct mptcpctl_status *status)
{
	char text[1024];
	uint64_t s = status->uptime_ms / 1000;

	print_coloured(ctl, BOLD, "mptcpd ");
	print_coloured(ctl, BOLD, status->version);
	printf(", path manager %s, up %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "\n",
	       status->path_manager, s / 3600, s / 60 % 60, s % 60);
	printf("  connections %" PRIu64 ", subflows %" PRIu64 ", endpoints %" PRIu64 "\n",
	       status->connections, status->subflows, status->endpoints);
	printf("  events %" PRIu64 ", lost %" PRIu64 ", bad %" PRIu64 ", malformed %" PRIu64
	       ", resyncs %" PRIu64 "\n",
	       status->events, status->events_lost, status->events_bad, status->malformed,
	       status->resyncs);
	printf("  commands %" PRIu64 ", errors %" PRIu64 ", plan entries refused %" PRIu64
	       ", announcements refused %" PRIu64 "\n",
	       status->commands, status->command_errors, status->plans_refused,
	       status->announcements_refused);
	printf("  plugins %s\n", join(status->plugins, text, sizeof(text)));
	for (size_t i = 0; status->config && status->config[i]; i++)
		printf("  config %s\n", status->config[i]);
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
		printf("  %s %s id %u\n", word, text_addr(&list->addr, text), list->id);
}

void text_connection(struct ctl *ctl, const struct mptcpctl_connection *connection)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[256], token[16];
	const struct mptcpctl_subflow *subflow;

	snprintf(token, sizeof(token), "%" PRIx32, connection->token);
	print_coloured(ctl, BOLD, token);
	printf(" %s -> %s ", text_addr(&connection->local, local),
	       text_addr(&connection->remote, remote));
	print_coloured(ctl, state_colour(connection->state), connection->state);
	printf(" %s, path manager %s, policy %s%s%s\n", connection->side, connection->path_manager,
	       connection->policy ? connection->policy : "none",
	       connection->fallback ? ", fallen back to TCP" : "",
	       connection->deny_join_id0 ? ", no joins to the peer's initial address" : "");
	for (subflow = connection->subflows; subflow; subflow = subflow->next) {
		note_subflow(notes, sizeof(notes), subflow);
		printf("  subflow %s -> %s ", text_addr(&subflow->local, local),
		       text_addr(&subflow->remote, remote));
		if (subflow->interface)
			printf("dev %s ", subflow->interface);
		printf("ids %u/%u ", subflow->local_id, subflow->remote_id);
		print_coloured(ctl, state_colour(subflow->state), subflow->state);
		printf("%s%s%s%s\n", subflow->origin ? " by " : "",
		       subflow->origin ? subflow->origin : "", notes[0] ? ", " : "", notes);
	}
	print_addresses("announced", connection->announced);
	print_addresses("peer-address", connection->peer_addresses);
}

void text_endpoint_row(struct columns *columns, const struct mptcpctl_endpoint *endpoint)
{
	char text[128];

	columns_add(columns, "%u", endpoint->id);
	columns_add(columns, "%s", text_addr(&endpoint->addr, text));
	columns_add(columns, "%s", endpoint->interface ? endpoint->interface : "");
	columns_add(columns, "%s", join(endpoint->flags, text, sizeof(text)));
	columns_add(columns, "%s", endpoint->owner ? endpoint->owner : "");
}

void text_interface(struct ctl *ctl, const struct mptcpctl_interface *interface)
{
	const struct mptcpctl_interface_address *address;
	char text[128];

	print_coloured(ctl, BOLD, interface->name);
	printf(" index %u%s%s %s ", interface->index, interface->type ? " type " : "",
	       interface->type ? interface->type : "",
	       !interface->up	    ? "down"
	       : interface->carrier ? "carrier"
				    : "no-carrier");
	if (interface->use)
		print_coloured(ctl, GREEN, "used");
	else
		print_coloured(ctl, YELLOW, "not used");
	if (interface->reason)
		printf(" (%s)", interface->reason);
	join(interface->flags, text, sizeof(text));
	printf("%s%s", text[0] ? " flags " : "", text);
	printf("%s%s", interface->route_ipv4 ? " route ipv4" : "",
	       interface->route_ipv6 ? " route ipv6" : "");
	if (interface->rp_filter_strict)
		print_coloured(ctl, YELLOW, " rp_filter-strict");
	putchar('\n');
	for (address = interface->addresses; address; address = address->next) {
		printf("  %s/%u ", address->address, address->prefix);
		if (address->usable)
			print_coloured(ctl, GREEN, "usable");
		else
			printf("not usable (%s)", address->reason ? address->reason : "unknown");
		putchar('\n');
	}
}

void text_policy(struct ctl *ctl, const struct mptcpctl_policy *policy)
{
	const struct mptcpctl_setting *setting;
	char text[512];

	print_coloured(ctl, BOLD, policy->name);
	printf(" plugin %s connections %" PRIu64 "\n", join(policy->plugins, text, sizeof(text)),
	       policy->connections);
	for (setting = policy->match; setting; setting = setting->next)
		printf("  match-%s = %s\n", setting->key, setting->value);
	for (setting = policy->settings; setting; setting = setting->next)
		printf("  %s = %s\n", setting->key, setting->value);
}

void text_path_row(struct columns *columns, const struct mptcpctl_path *path)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[256] = "", text[64];

	if (path->backup)
		note(notes, sizeof(notes), "backup");
	if (path->forbidden_by) {
		note(notes, sizeof(notes), "forbidden by");
		note(notes, sizeof(notes), path->forbidden_by);
	}
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

void text_announcements(const struct mptcpctl_announcement *announcement)
{
	char text[TEXT_ADDR_SIZE];

	for (; announcement; announcement = announcement->next)
		printf("announce %s id %u%s%s%s%s\n", text_addr(&announcement->addr, text),
		       announcement->id, announcement->wanted_by ? " wanted by " : "",
		       announcement->wanted_by ? announcement->wanted_by : "",
		       announcement->sent ? "" : ", not sent yet",
		       announcement->listening ? ", listening" : "");
}

/* ---- events ---- */

static void print_time(uint64_t time_us)
{
	time_t s = (time_t)(time_us / 1000000);
	struct tm tm;
	char text[16];

	if (!localtime_r(&s, &tm) || !strftime(text, sizeof(text), "%H:%M:%S", &tm))
		return;
	printf("%s.%06u ", text, (unsigned int)(time_us % 1000000));
}

void text_event(struct ctl *ctl, const struct mptcpctl_event *event)
{
	char text[TEXT_ADDR_SIZE];

	print_time(event->time_us);
	print_coloured(ctl, BOLD, event->name);
	if (event->token)
		printf(" %" PRIx32 " %s", event->token, event->side ? event->side : "");
	if (event->local.address && !event->endpoint)
		printf(" %s", text_addr(&event->local, text));
	if (event->remote.address)
		printf(" -> %s", text_addr(&event->remote, text));
	if (event->interface)
		printf(" dev %s", event->interface);
	if (!event->endpoint && (event->local_id || event->remote_id))
		printf(" ids %u/%u", event->local_id, event->remote_id);
	if (event->endpoint)
		printf(" %s id %u", text_addr(&event->endpoint->addr, text), event->endpoint->id);
	if (event->what)
		printf(" %s", event->what);
	printf("%s%s", event->backup ? " backup" : "", event->peer_backup ? " peer-backup" : "");
	if (event->error)
		printf(" (%s)", event->error);
	putchar('\n');
}
