/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notices in words, rate-limited by kind. */
#include "notice.h"

#include <ell/ell.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "events.h"
#include "words.h"

#define INTERVAL_MS 60000

/* A kind: what it is about, and which error. A few are remembered, the oldest gives way. */
struct kind {
	enum notice_type type;
	int error;
	char who[64]; /* plugin or command; copied, for a plugin may be unloaded */
	uint64_t logged_ms;
	uint64_t n_suppressed;
};

static struct kind kinds[32];

static struct kind *find_kind(const struct notice *notice, const char *who)
{
	struct kind *oldest = &kinds[0];

	for (size_t i = 0; i < L_ARRAY_SIZE(kinds); i++) {
		struct kind *kind = &kinds[i];

		if (kind->logged_ms && kind->type == notice->type && kind->error == notice->error &&
		    strncmp(kind->who, who, sizeof(kind->who) - 1) == 0)
			return kind;
		if (kind->logged_ms < oldest->logged_ms)
			oldest = kind;
	}
	*oldest = (struct kind){.type = notice->type, .error = notice->error};
	snprintf(oldest->who, sizeof(oldest->who), "%s", who);
	return oldest;
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

/* The engine tells the others once for each case. */
static bool is_limited(enum notice_type type)
{
	return type == NOTICE_PLAN_REFUSED || type == NOTICE_PLAN_SLOW ||
	       type == NOTICE_ANNOUNCEMENT_REFUSED || type == NOTICE_COMMAND_FAILED;
}

void notice_log(const struct notice *notice, uint64_t now_ms)
{
	const char *who = notice->plugin ? notice->plugin : notice->command ? notice->command : "";
	struct kind *kind = find_kind(notice, who);
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE], more[64] = "", about[32] = "";

	if (is_limited(notice->type) && kind->logged_ms && now_ms - kind->logged_ms < INTERVAL_MS) {
		kind->n_suppressed++;
		return;
	}
	if (kind->n_suppressed)
		snprintf(more, sizeof(more), " (%llu more since the last such message)",
			 (unsigned long long)kind->n_suppressed);
	if (notice->token)
		snprintf(about, sizeof(about), " for connection %x", notice->token);
	kind->logged_ms = now_ms;
	kind->n_suppressed = 0;
	switch (notice->type) {
	case NOTICE_PLAN_REFUSED:
		l_warn("plugin %s: connection %x: %s to %s is refused: %s%s", who, notice->token,
		       addr_format(&notice->local, local), addr_format(&notice->remote, remote),
		       refusal_text(notice->error), more);
		break;
	case NOTICE_PLAN_SLOW:
		l_warn("plugin %s took %u ms to plan%s: everything else waits meanwhile%s", who,
		       notice->ms, about, more);
		break;
	case NOTICE_ENDPOINT_FOREIGN:
		l_warn("endpoint %s is somebody else's (NetworkManager's?) and left alone: its "
		       "flags are theirs to choose (connection.mptcp-flags there)",
		       addr_format_host(&notice->local, local));
		return;
	case NOTICE_ENDPOINT_LEAVING:
		l_warn("endpoint %s is to go (%s), and stays while %d connection%s need%s it",
		       addr_format(&notice->local, local), notice->text, notice->error,
		       notice->error == 1 ? "" : "s", notice->error == 1 ? "s" : "");
		return;
	case NOTICE_ENDPOINTS_FULL:
		l_warn("no place for endpoint %s: the kernel takes %d",
		       addr_format(&notice->local, local), notice->error);
		return;
	case NOTICE_ANNOUNCEMENT_REFUSED:
		l_warn("connection %x: the peer announces %s, which is not used: %s%s",
		       notice->token, addr_format(&notice->remote, remote), notice->text, more);
		break;
	case NOTICE_ROUTING_DELETED:
		l_warn("somebody else deletes rules or routes of mptcpd's source routing, which "
		       "are "
		       "made again, more and more slowly; for systemd-networkd see 'Source "
		       "routing' "
		       "in man mptcpd.conf");
		return;
	case NOTICE_ROUTING_CONFLICT:
		l_warn("source-routing makes nothing new: %s, where mptcpd's own belong; choose "
		       "other numbers with 'rule-priority' and 'route-table' in [core]",
		       notice->text);
		return;
	case NOTICE_ALL_SILENT:
		l_warn("no link is answered: the fault lies beyond them, and nothing is changed%s",
		       more);
		break;
	case NOTICE_SPARED:
		l_warn("%s", notice->text);
		return;
	case NOTICE_COMMAND_FAILED:
		l_warn("%s%s failed: %s%s%s%s", who, about, strerror(-notice->error),
		       notice->text[0] ? ": " : "", notice->text, more);
		break;
	}
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
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE], token[16] = "", what[40];
	char health[128] = "";

	if (change->token)
		snprintf(token, sizeof(token), " %x", change->token);
	describe(change->type, what, sizeof(what));
	if (change->health)
		snprintf(health, sizeof(health), ": %s, because %s", health_name(change->health),
			 health_reason_text(change->health_reason));
	l_info("%s%s%s%s%s%s%s%s%s%s%s%s", what, token, change->local.family ? " " : "",
	       change->local.family ? addr_format(&change->local, local) : "",
	       change->remote.family ? " to " : "",
	       change->remote.family ? addr_format(&change->remote, remote) : "",
	       *interface ? " dev " : "", interface, change->error ? ": " : "",
	       change->error ? strerror(change->error) : "", change->backup ? " backup" : "",
	       health);
}
