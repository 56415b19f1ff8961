/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Permission for actions. At the private socket the peer's credentials say it at once. On the
 * system bus the broker is asked for the caller's uid, and then polkit if that is not enough; a
 * call waits for their answers without anything else waiting for it.
 */
#include "bus-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_INTERACTION 1
/* Time for a person to find and type a password. */
#define INTERACTION_US (120 * UINT64_C(1000000))

/* A call that waits for an answer about who made it, or about whether he may. */
struct waiting {
	struct waiting *next;
	struct peer *peer;
	sd_bus_message *m; /* the call, owned */
	sd_bus_slot *slot; /* of the question, owned */
	int (*on_answer)(struct waiting *waiting, sd_bus_message *answer, sd_bus_error *error);
	bus_caller_func *then;
	uid_t uid; /* who made it; BUS_UID_UNKNOWN while that is being asked */
	size_t size; /* what it takes */
};

static int refuse(sd_bus_error *error, const char *text)
{
	return sd_bus_error_set(error, WIRE_ERROR_NOT_PERMITTED, text);
}

static const char only_root[] = "only root and the user that runs mptcpd may change this";

static const char no_capability[] = "not permitted: without mptcpd this takes CAP_NET_ADMIN";

static int refuse_more(sd_bus_error *error)
{
	return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
				"too many calls wait for permission already");
}

/* ---- waiting ---- */

static void waiting_free(struct waiting *waiting)
{
	struct waiting **link = &waiting->peer->waiting;

	while (*link != waiting)
		link = &(*link)->next;
	*link = waiting->next;
	sd_bus_slot_unref(waiting->slot);
	sd_bus_message_unref(waiting->m);
	free(waiting);
}

void bus_forget_waiting(struct peer *peer)
{
	while (peer->waiting)
		waiting_free(peer->waiting);
}

static int on_answer(sd_bus_message *answer, void *data, sd_bus_error *unused)
{
	struct waiting *waiting = data;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = waiting->on_answer(waiting, answer, &error);

	if (r < 0)
		sd_bus_reply_method_errno(waiting->m, r, &error);
	sd_bus_error_free(&error);
	waiting_free(waiting);
	return 1;
}

/* Send a question about a call; takes over neither. The call is answered when it is. */
static int ask(struct peer *peer, const struct waiting *about, sd_bus_message *question,
	       uint64_t timeout_us)
{
	struct waiting *waiting = malloc(sizeof(*waiting));
	int r;

	if (!waiting)
		abort();
	*waiting = *about;
	waiting->peer = peer;
	waiting->next = peer->waiting;
	peer->waiting = waiting;
	sd_bus_message_ref(waiting->m);
	r = sd_bus_call_async(peer->sd, &waiting->slot, question, on_answer, waiting, timeout_us);
	if (r < 0)
		waiting_free(waiting);
	return r < 0 ? r : 1;
}

/* ---- who is it? ---- */

static int on_caller(struct waiting *waiting, sd_bus_message *answer, sd_bus_error *error)
{
	uint32_t uid;

	if (sd_bus_message_is_method_error(answer, NULL) ||
	    sd_bus_message_read(answer, "u", &uid) < 0)
		uid = BUS_UID_UNKNOWN;
	return waiting->then(waiting->peer, waiting->m, uid, error);
}

/* Nobody knows yet who it is, so each sender has its share, and root's is not taken by others. */
static bool may_wait_for_caller(const struct peer *peer, sd_bus_message *m, size_t size)
{
	const char *sender = sd_bus_message_get_sender(m);
	size_t all = size, own = size;

	for (const struct waiting *each = peer->waiting; each; each = each->next) {
		if (each->uid != BUS_UID_UNKNOWN)
			continue;
		all += each->size;
		if (strcmp(sd_bus_message_get_sender(each->m), sender) == 0)
			own += each->size;
	}
	return all <= BUS_UNKNOWN_MAX && own <= BUS_UNKNOWN_SENDER;
}

int bus_ask_caller(struct peer *peer, sd_bus_message *m, bus_caller_func *then, sd_bus_error *error)
{
	struct waiting about = {.m = m,
				.on_answer = on_caller,
				.then = then,
				.uid = BUS_UID_UNKNOWN,
				.size = sizeof(about) + BUS_MESSAGE_COST + peer->intake.fed};
	sd_bus_message *question = NULL;
	int r;

	if (!may_wait_for_caller(peer, m, about.size))
		return refuse_more(error);
	r = sd_bus_message_new_method_call(peer->sd, &question, "org.freedesktop.DBus",
					   "/org/freedesktop/DBus", "org.freedesktop.DBus",
					   "GetConnectionUnixUser");
	if (r >= 0)
		r = sd_bus_message_append(question, "s", sd_bus_message_get_sender(m));
	if (r >= 0)
		r = ask(peer, &about, question, 0);
	sd_bus_message_unref(question);
	return r;
}

bool bus_is_privileged(uid_t uid)
{
	/* The overflow uid is what those of other user namespaces look like, whoever we run as. */
	return uid == 0 || (uid == geteuid() && uid != BUS_UID_OVERFLOW);
}

/* ---- may he? ---- */

static int on_polkit(struct waiting *waiting, sd_bus_message *answer, sd_bus_error *error)
{
	int authorized = 0, challenge = 0;

	if (!sd_bus_message_is_method_error(answer, NULL) &&
	    sd_bus_message_enter_container(answer, 'r', "bba{ss}") > 0)
		sd_bus_message_read(answer, "bb", &authorized, &challenge);
	if (authorized)
		return bus_action_run(waiting->m, waiting->peer->bus, error);
	if (challenge)
		return refuse(error, "polkit asks for authentication first, and nobody was there "
				     "to give it");
	return refuse(error, only_root);
}

static bool may_wait_for_polkit(const struct peer *peer, uid_t uid)
{
	size_t all = 0, own = 0;

	for (const struct waiting *each = peer->waiting; each; each = each->next) {
		all += each->uid != BUS_UID_UNKNOWN;
		own += each->uid == uid;
	}
	return all < BUS_WAITING_MAX && own < BUS_WAITING_USER;
}

static int ask_polkit(struct peer *peer, sd_bus_message *call, uid_t uid, sd_bus_error *error)
{
	struct waiting about = {.m = call, .on_answer = on_polkit, .uid = uid};
	bool interactive = sd_bus_message_get_allow_interactive_authorization(call) > 0;
	sd_bus_message *question = NULL;
	int r;

	if (!may_wait_for_polkit(peer, uid))
		return refuse_more(error);
	r = sd_bus_message_new_method_call(peer->sd, &question, POLKIT_NAME, POLKIT_PATH,
					   POLKIT_INTERFACE, "CheckAuthorization");
	if (r >= 0)
		r = sd_bus_message_append(question, "(sa{sv})sa{ss}us", "system-bus-name", 1,
					  "name", "s", sd_bus_message_get_sender(call),
					  bus_action_polkit(call), 0,
					  interactive ? POLKIT_ALLOW_INTERACTION : 0, "");
	if (r >= 0)
		r = ask(peer, &about, question, interactive ? INTERACTION_US : 0);
	sd_bus_message_unref(question);
	return r;
}

static int decide(struct peer *peer, sd_bus_message *call, uid_t uid, sd_bus_error *error)
{
	if (uid == BUS_UID_UNKNOWN)
		return refuse(error, only_root); /* it has left the bus */
	if (bus_is_privileged(uid))
		return bus_action_run(call, peer->bus, error);
	return ask_polkit(peer, call, uid, error);
}

int bus_method_action(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;

	if (peer->system)
		return bus_ask_caller(peer, m, decide, error);
	if (peer->privileged)
		return bus_action_run(m, peer->bus, error);
	return refuse(error, peer->bus->setup.private ? no_capability : only_root);
}
