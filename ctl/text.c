/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "print.h"
#include "units.h"

const char *text_addr(const struct mptcpctl_addr *addr, char text[static TEXT_ADDR_SIZE])
{
	const char *host = addr->address ? addr->address : "-";
	bool has_port = addr->address && addr->port, has_colon = has_port && strchr(host, ':');
	char *at = text;

	if (has_colon)
		*at++ = '[';
	at = stpncpy(at, host, TEXT_ADDR_SIZE - sizeof("[]:65535"));
	if (has_colon)
		*at++ = ']';
	if (has_port)
		*at++ = ':';
	if (has_port)
		units_digits(at, addr->port);
	else
		*at = '\0';
	return text;
}

void text_coloured(const struct ctl *ctl, const char *colour, const char *text)
{
	print_coloured(ctl->colour ? colour : NULL, text);
}

const char *text_state_colour(const char *state)
{
	if (strcmp(state, "established") == 0)
		return TEXT_GREEN;
	return strcmp(state, "closing") == 0 ? TEXT_RED : TEXT_YELLOW;
}

const char *text_health_colour(const char *health)
{
	return health && strcmp(health, "silent") == 0 ? TEXT_RED
	       : health && strcmp(health, "well") == 0 ? TEXT_GREEN
						       : TEXT_YELLOW;
}

const char *text_join(const char *const *strings, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; strings && strings[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "",
					 strings[i]);
	return text;
}

void text_note(char *notes, size_t size, const char *word)
{
	size_t used = strlen(notes);

	if (word && *word)
		snprintf(notes + used, size - used, "%s%s", used ? ", " : "", word);
}

void text_note_plan(char *notes, size_t size, const struct mptcpctl_path *path)
{
	char forbidden[64];

	snprintf(forbidden, sizeof(forbidden), "forbidden by %s",
		 path->forbidden_by ? path->forbidden_by : "");
	text_note(notes, size, path->backup ? "backup" : NULL);
	text_note(notes, size, path->forbidden_by ? forbidden : NULL);
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
	text_coloured(ctl, TEXT_BOLD, event->name);
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
	if (event->text)
		print(" because %s", event->text);
	else if (event->error)
		print(" (%s)", event->error);
	print_end();
}
