/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subscribers. A client of the private socket monitors for itself. On the system bus events are
 * broadcast as long as one of the subscribers is there, for whose leaving we ask the broker, who
 * has a limit on that: so each user has some places, and all together fewer than the broker gives.
 *
 * Nothing here waits for an answer: sd-bus's own tracking does. Subscribe is answered when the
 * broker has said who it is, then that it tells when he leaves, and then that he had not left
 * before.
 */
#include "bus-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program that subscribed over the system bus. */
struct subscriber {
	struct subscriber *next;
	struct peer *peer; /* the system bus */
	sd_bus_slot *slot; /* tells when it leaves, owned */
	sd_bus_message
		*call; /* waits until the slot is installed, owned; NULL: it is, or not yet */
	uid_t uid; /* BUS_UID_UNKNOWN while that is being asked */
	char name[]; /* unique on the bus, and never used again */
};

static struct subscriber *find(const struct peer *peer, sd_bus_message *m)
{
	const char *name = sd_bus_message_get_sender(m);
	struct subscriber *each = peer->subscribers;

	while (each && strcmp(each->name, name) != 0)
		each = each->next;
	return each;
}

static bool is_watched(const struct subscriber *subscriber)
{
	return subscriber->slot && !subscriber->call;
}

static struct subscriber *subscriber_new(struct peer *peer, const char *name)
{
	size_t size = strlen(name) + 1;
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber) + size);

	if (!subscriber)
		abort();
	memcpy(subscriber->name, name, size);
	subscriber->peer = peer;
	subscriber->uid = BUS_UID_UNKNOWN;
	subscriber->next = peer->subscribers;
	peer->subscribers = subscriber;
	return subscriber;
}

static void subscriber_free(struct subscriber *subscriber)
{
	struct subscriber **link = &subscriber->peer->subscribers;

	while (*link != subscriber)
		link = &(*link)->next;
	*link = subscriber->next;
	sd_bus_slot_unref(subscriber->slot);
	sd_bus_message_unref(subscriber->call);
	free(subscriber);
}

/* With the last of them the telling ends. */
static void leave(struct subscriber *subscriber)
{
	struct peer *peer = subscriber->peer;

	subscriber_free(subscriber);
	if (!peer->subscribers)
		monitor_forget(peer);
}

void bus_forget_subscribers(struct peer *peer)
{
	while (peer->subscribers)
		subscriber_free(peer->subscribers);
}

static int refuse(struct subscriber *subscriber, sd_bus_error *error)
{
	if (subscriber)
		leave(subscriber);
	return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
				"too many programs monitor already");
}

/* ---- the last answer: it is still there ---- */

static int confirm(struct peer *peer, sd_bus_message *m, uid_t uid, sd_bus_error *error)
{
	struct subscriber *subscriber = find(peer, m);

	if (!subscriber || uid == BUS_UID_UNKNOWN)
		return refuse(subscriber, error);
	/* The program called twice. Answers come in the order of questions, so the next one finds it watched. */
	if (!is_watched(subscriber))
		return bus_ask_caller(peer, m, confirm, error);
	return sd_bus_reply_method_return(m, "");
}

/* ---- the second one: the broker tells when it leaves ---- */

static int on_left(sd_bus_message *m, void *data, sd_bus_error *error)
{
	leave(data);
	return 1;
}

static int on_installed(sd_bus_message *answer, void *data, sd_bus_error *unused)
{
	struct subscriber *subscriber = data;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = subscriber->call;
	int r;

	subscriber->call = NULL;
	if (sd_bus_message_is_method_error(answer, NULL)) {
		r = refuse(subscriber, &error);
	} else {
		r = bus_ask_caller(subscriber->peer, m, confirm, &error);
		if (r < 0)
			leave(subscriber);
	}
	if (r < 0)
		sd_bus_reply_method_errno(m, r, &error);
	sd_bus_error_free(&error);
	sd_bus_message_unref(m);
	return 1;
}

static int watch(struct subscriber *subscriber, sd_bus_message *m)
{
	char match[512];
	int r;

	snprintf(match, sizeof(match),
		 "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s',arg2=''",
		 subscriber->name);
	r = sd_bus_add_match_async(subscriber->peer->sd, &subscriber->slot, match, on_left,
				   on_installed, subscriber);
	if (r < 0) {
		leave(subscriber);
		return r;
	}
	subscriber->call = sd_bus_message_ref(m);
	return 1;
}

/* ---- the first one: who it is ---- */

/* Has this user a place? Those with rights have some of their own. */
static bool has_place(const struct peer *peer, uid_t uid)
{
	size_t own = 0, others = 0, privileged = 0;

	for (const struct subscriber *each = peer->subscribers; each; each = each->next) {
		if (each->uid == BUS_UID_UNKNOWN)
			continue;
		own += each->uid == uid;
		if (bus_is_privileged(each->uid))
			privileged++;
		else
			others++;
	}
	if (bus_is_privileged(uid))
		return privileged < BUS_SUBSCRIBERS_PRIVILEGED;
	return own < BUS_SUBSCRIBERS_USER && others < BUS_SUBSCRIBERS_MAX;
}

static int admit(struct peer *peer, sd_bus_message *m, uid_t uid, sd_bus_error *error)
{
	struct subscriber *subscriber = find(peer, m);

	/* Unknown: it has left. */
	if (!subscriber || uid == BUS_UID_UNKNOWN || !has_place(peer, uid))
		return refuse(subscriber, error);
	subscriber->uid = uid;
	return watch(subscriber, m);
}

/* The telling begins at once, so that a listing it asks for next is followed by all changes. */
static int subscribe_on_system(struct peer *peer, sd_bus_message *m, sd_bus_error *error)
{
	struct subscriber *subscriber = subscriber_new(peer, sd_bus_message_get_sender(m));
	int r = bus_ask_caller(peer, m, admit, error);

	if (r < 0)
		leave(subscriber);
	else
		monitor_start(peer);
	return r;
}

int bus_method_subscribe(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct subscriber *subscriber = peer->system ? find(peer, m) : NULL;

	if (peer->system && !subscriber)
		return subscribe_on_system(peer, m, error);
	if (subscriber && !is_watched(subscriber))
		return bus_ask_caller(peer, m, confirm, error);
	monitor_start(peer);
	return sd_bus_reply_method_return(m, "");
}

int bus_method_unsubscribe(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct subscriber *subscriber = peer->system ? find(peer, m) : NULL;

	if (subscriber && subscriber->call) /* it was, for a moment */
		sd_bus_reply_method_return(subscriber->call, "");
	if (subscriber)
		leave(subscriber);
	else if (!peer->system)
		monitor_forget(peer);
	return sd_bus_reply_method_return(m, "");
}
