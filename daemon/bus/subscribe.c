/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who monitors. A client of the private socket does so itself. On the system bus events are
 * broadcast as long as one of the subscribers is there; each has to say who it is, so that one
 * user cannot take all places. Nothing here waits for an answer: sd-bus's own tracking does.
 */
#include "bus-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One who subscribed over the system bus. */
struct subscriber {
	struct subscriber *next;
	struct peer *peer; /* the system bus */
	sd_bus_slot *slot; /* tells when it leaves, owned */
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

static void subscriber_free(struct subscriber *subscriber)
{
	struct subscriber **link = &subscriber->peer->subscribers;

	while (*link != subscriber)
		link = &(*link)->next;
	*link = subscriber->next;
	sd_bus_slot_unref(subscriber->slot);
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

static int on_left(sd_bus_message *m, void *data, sd_bus_error *error)
{
	leave(data);
	return 1;
}

/* The broker has a limit of its own on what may be waited for. */
static int on_installed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	if (sd_bus_message_is_method_error(m, NULL))
		leave(data);
	return 1;
}

static int add(struct peer *peer, sd_bus_message *m, struct subscriber **ret_subscriber)
{
	const char *name = sd_bus_message_get_sender(m);
	size_t size = strlen(name) + 1;
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber) + size);
	char match[512];
	int r;

	if (!subscriber)
		abort();
	memcpy(subscriber->name, name, size);
	subscriber->peer = peer;
	subscriber->uid = BUS_UID_UNKNOWN;
	subscriber->next = peer->subscribers;
	peer->subscribers = subscriber;
	snprintf(match, sizeof(match),
		 "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s',arg2=''",
		 name);
	r = sd_bus_add_match_async(peer->sd, &subscriber->slot, match, on_left, on_installed,
				   subscriber);
	if (r < 0)
		subscriber_free(subscriber);
	else
		*ret_subscriber = subscriber;
	return r;
}

static int refuse(sd_bus_error *error)
{
	return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
				"too many programs of this user monitor already");
}

static size_t count(const struct peer *peer, uid_t uid)
{
	size_t n = 0;

	for (const struct subscriber *each = peer->subscribers; each; each = each->next)
		n += each->uid == uid;
	return n;
}

/* The broker has said who it is: may it stay? */
static int admit(struct peer *peer, sd_bus_message *m, uid_t uid, sd_bus_error *error)
{
	struct subscriber *subscriber = find(peer, m);

	if (!subscriber)
		return refuse(error);
	/* Unknown: it left before we could notice. */
	if (uid == BUS_UID_UNKNOWN ||
	    (!bus_is_privileged(uid) && count(peer, uid) >= BUS_SUBSCRIBERS_USER)) {
		leave(subscriber);
		return refuse(error);
	}
	subscriber->uid = uid;
	return sd_bus_reply_method_return(m, "");
}

/* It is told at once, so that a listing it asks for next is followed by all changes. */
static int subscribe_on_system(struct peer *peer, sd_bus_message *m, sd_bus_error *error)
{
	struct subscriber *subscriber;
	int r = add(peer, m, &subscriber);

	if (r < 0)
		return r;
	r = bus_ask_caller(peer, m, admit, error);
	if (r < 0)
		leave(subscriber);
	else
		monitor_start(peer);
	return r;
}

int bus_method_subscribe(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;

	if (peer->system && !find(peer, m))
		return subscribe_on_system(peer, m, error);
	monitor_start(peer);
	return sd_bus_reply_method_return(m, "");
}

int bus_method_unsubscribe(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct subscriber *subscriber = peer->system ? find(peer, m) : NULL;

	if (subscriber)
		leave(subscriber);
	else if (!peer->system)
		monitor_forget(peer);
	return sd_bus_reply_method_return(m, "");
}
