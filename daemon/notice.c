/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notices in words, rate-limited by kind. */
#include "notice.h"

#include <ell/ell.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "events.h"
#include "log.h"
#include "messages.h"
#include "words.h"

#define INTERVAL_MS 60000

/* A kind: what it is about, and which error. Some are remembered, the oldest gives way. */
struct kind {
	enum notice_type type;
	int error;
	char who[64]; /* copied, for a plugin may be unloaded */
	uint64_t logged_ms;
	uint64_t n_suppressed;
};

static struct kind kinds[64];

static struct kind *find_kind(enum notice_type type, int error, const char *who)
{
	struct kind *oldest = &kinds[0];

	for (size_t i = 0; i < L_ARRAY_SIZE(kinds); i++) {
		struct kind *kind = &kinds[i];

		if (kind->logged_ms && kind->type == type && kind->error == error &&
		    strncmp(kind->who, who, sizeof(kind->who) - 1) == 0)
			return kind;
		if (kind->logged_ms < oldest->logged_ms)
			oldest = kind;
	}
	*oldest = (struct kind){.type = type, .error = error};
	snprintf(oldest->who, sizeof(oldest->who), "%s", who);
	return oldest;
}

/* How long one message stands for all of its kind. */
static uint64_t interval_ms(enum notice_type type)
{
	switch (type) {
	case NOTICE_ENDPOINT_FOREIGN:
		return UINT64_MAX; /* who manages a link does so each time it is there */
	case NOTICE_SPARED:
		return 0; /* each says something else */
	case NOTICE_PLAN_REFUSED:
	case NOTICE_PLAN_SLOW:
	case NOTICE_ENDPOINTS_FULL:
	case NOTICE_ANNOUNCEMENT_REFUSED:
	case NOTICE_ENDPOINT_LEAVING:
	case NOTICE_ROUTING_DELETED:
	case NOTICE_ROUTING_CONFLICT:
	case NOTICE_ALL_SILENT:
	case NOTICE_COMMAND_FAILED:
		break;
	}
	return INTERVAL_MS;
}

static const char *refusal_text(int error)
{
	switch (-error) {
	case EADDRNOTAVAIL:
		return "the local address is not ours, or not usable";
	case EAFNOSUPPORT:
		return "the two addresses are of different families";
	case EPERM:
		return "the peer wants no joins to its initial address (C flag)";
	case ENOSPC:
		return "the plan is full";
	case ENOENT:
		return "there is no such subflow";
	case ENOTUNIQ:
		return "several links have the local address, and the path names none";
	case EOPNOTSUPP:
		return "it asks for what this mptcpd does not know";
	case EBUSY:
		return "nothing else carries the connection";
	default:
		return "a port is missing, or an address or flag is not allowed there";
	}
}

static const char *message_id(enum notice_type type)
{
	switch (type) {
	case NOTICE_ENDPOINT_FOREIGN:
		return MESSAGE_ENDPOINT_FOREIGN;
	case NOTICE_ENDPOINTS_FULL:
		return MESSAGE_ENDPOINTS_FULL;
	case NOTICE_ANNOUNCEMENT_REFUSED:
		return MESSAGE_ANNOUNCEMENT_REFUSED;
	case NOTICE_ENDPOINT_LEAVING:
		return MESSAGE_ENDPOINT_LEAVING;
	case NOTICE_ROUTING_DELETED:
		return MESSAGE_ROUTING_DELETED;
	case NOTICE_ROUTING_CONFLICT:
		return MESSAGE_ROUTING_CONFLICT;
	case NOTICE_ALL_SILENT:
		return MESSAGE_ALL_SILENT;
	case NOTICE_PLAN_REFUSED:
	case NOTICE_PLAN_SLOW:
	case NOTICE_SPARED:
	case NOTICE_COMMAND_FAILED:
		break;
	}
	return NULL;
}

/* The policy that decides for the connection; NULL: none does. */
static const char *policy_of(const struct model *model, uint32_t token)
{
	const struct connection *connection = token ? model_find_connection(model, token) : NULL;

	return connection && connection->policy ? connection->policy->name : NULL;
}

/* In words. `who`: its plugin or command. */
static void put_into_words(const struct notice *notice, const char *who, char *text, size_t size)
{
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE], whom[32] = "";

	addr_format(&notice->local, local);
	addr_format(&notice->remote, remote);
	if (notice->token)
		snprintf(whom, sizeof(whom), " for connection %x", notice->token);
	switch (notice->type) {
	case NOTICE_PLAN_REFUSED:
		snprintf(text, size, "plugin %s: connection %x: %s to %s is refused: %s", who,
			 notice->token, local, remote, refusal_text(notice->error));
		break;
	case NOTICE_PLAN_SLOW:
		snprintf(text, size,
			 "plugin %s took %u ms to plan%s: everything else waits meanwhile", who,
			 notice->ms, whom);
		break;
	case NOTICE_ENDPOINT_FOREIGN:
		addr_format_host(&notice->local, local);
		if (*notice->text)
			snprintf(
				text, size,
				"endpoint %s is somebody else's (NetworkManager's?), who chose its "
				"flags: %s; for NetworkManager see connection.mptcp-flags",
				local, notice->text);
		else
			snprintf(text, size, "endpoint %s is somebody else's (NetworkManager's?)",
				 local);
		break;
	case NOTICE_ENDPOINT_LEAVING:
		snprintf(text, size,
			 "endpoint %s is to go (%s), and stays while %d connection%s need%s it",
			 local, notice->text, notice->error, notice->error == 1 ? "" : "s",
			 notice->error == 1 ? "s" : "");
		break;
	case NOTICE_ENDPOINTS_FULL:
		snprintf(text, size, "no place for endpoint %s: the kernel takes %d", local,
			 notice->error);
		break;
	case NOTICE_ANNOUNCEMENT_REFUSED:
		snprintf(text, size, "connection %x: the peer announces %s, which is not used: %s",
			 notice->token, remote, notice->text);
		break;
	case NOTICE_ROUTING_DELETED:
		snprintf(text, size,
			 "somebody else deletes rules or routes of mptcpd's source routing, which "
			 "are made again, more and more slowly; for systemd-networkd see 'Source "
			 "routing' in man mptcpd.conf");
		break;
	case NOTICE_ROUTING_CONFLICT:
		snprintf(text, size,
			 "source-routing makes nothing new: %s, where mptcpd's own belong; choose "
			 "other numbers with 'rule-priority' and 'route-table' in [core]",
			 notice->text);
		break;
	case NOTICE_ALL_SILENT:
		snprintf(text, size,
			 "no link is answered: the fault lies beyond them, and nothing is changed");
		break;
	case NOTICE_SPARED:
		snprintf(text, size, "%s", notice->text);
		break;
	case NOTICE_COMMAND_FAILED:
		snprintf(text, size, "%s%s failed: %s%s%s", who, whom, strerror(-notice->error),
			 notice->text[0] ? ": " : "", notice->text);
		break;
	}
}

void notice_log(const struct notice *notice, const struct model *model, uint64_t now_ms)
{
	const char *who = notice->plugin ? notice->plugin : notice->command ? notice->command : "";
	struct mptcpd_addr host = addr_host(&notice->local);
	const struct local *local = notice->local.family ? model_find_local(model, &host, 0) : NULL;
	bool is_harmless = notice->type == NOTICE_ENDPOINT_FOREIGN && !*notice->text;
	struct log_about about = {
		.id = is_harmless ? NULL : message_id(notice->type),
		.token = notice->token,
		.interface = local ? local->interface->is.name : NULL,
	};
	char text[1024], more[64] = "", address[ADDR_TEXT_SIZE];
	struct kind *kind;

	if (notice->type == NOTICE_ENDPOINT_FOREIGN && about.interface)
		kind = find_kind(notice->type, !is_harmless, about.interface);
	else if (notice->plugin || notice->command || !notice->local.family)
		kind = find_kind(notice->type, notice->error, who);
	else
		kind = find_kind(notice->type, 0, addr_format(&notice->local, address));
	if (kind->logged_ms && now_ms - kind->logged_ms < interval_ms(notice->type)) {
		kind->n_suppressed++;
		return;
	}
	if (kind->n_suppressed)
		snprintf(more, sizeof(more), " (%llu more since the last such message)",
			 (unsigned long long)kind->n_suppressed);
	kind->logged_ms = now_ms;
	kind->n_suppressed = 0;
	about.policy = policy_of(model, notice->token);
	put_into_words(notice, who, text, sizeof(text));
	log_about(is_harmless ? L_LOG_INFO : L_LOG_WARNING, &about, "%s%s", text, more);
}

static const char *const event_names[] = {
#define NAME(type, name, members) [CHANGE_##type] = name,
	EVENTS(NAME)};

/* Changes without an event of their own, or with a name that needs more words. */
static const char *const change_texts[] = {
	[CHANGE_CONNECTION_UPDATED] = "connection updated",
	[CHANGE_ROUTES] = "routes changed",
	[CHANGE_LIMITS] = "limits changed",
	[CHANGE_PATH_MANAGER] = "path manager changed",
	[CHANGE_LOST] = "events lost",
	[CHANGE_RESYNCED] = "resynchronized",
	[CHANGE_SNAPSHOT_FAILED] = "dump failed",
};

/* An event's name, its words apart. */
static void describe(enum change_type type, char *text, size_t size)
{
	const char *own = type < L_ARRAY_SIZE(change_texts) ? change_texts[type] : NULL;

	snprintf(text, size, "%s", own ? own : event_names[type]);
	for (; *text; text++)
		if (*text == '-')
			*text = ' ';
}

void notice_log_change(const struct model *model, const struct change *change)
{
	const char *interface = model_changed_interface(model, change);
	struct log_about about = {.token = change->token,
				  .interface = interface,
				  .policy = policy_of(model, change->token)};
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE], token[16] = "", what[40];
	char health[128] = "";

	if (change->token)
		snprintf(token, sizeof(token), " %x", change->token);
	describe(change->type, what, sizeof(what));
	if (change->type == CHANGE_INTERFACE_HEALTH && change->health == MPTCPD_HEALTH_SILENT)
		about.id = MESSAGE_LINK_SILENT;
	if (change->type == CHANGE_INTERFACE_HEALTH && change->health == MPTCPD_HEALTH_WELL)
		about.id = MESSAGE_LINK_WELL;
	if (change->health)
		snprintf(health, sizeof(health), ": %s, because %s", health_name(change->health),
			 health_reason_text(change->health_reason));
	log_about(L_LOG_INFO, &about, "%s%s%s%s%s%s%s%s%s%s%s%s", what, token,
		  change->local.family ? " " : "",
		  change->local.family ? addr_format(&change->local, local) : "",
		  change->remote.family ? " to " : "",
		  change->remote.family ? addr_format(&change->remote, remote) : "",
		  *interface ? " dev " : "", interface, change->error ? ": " : "",
		  change->error ? strerror(change->error) : "", change->backup ? " backup" : "",
		  health);
}
