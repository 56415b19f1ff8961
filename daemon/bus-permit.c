/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may change something. At the private socket the peer's credentials say it at once. On the
 * system bus the broker is asked for the caller's uid, and then polkit if that is not enough; a
 * change waits for their answers without anything else waiting for it.
 */
#include "bus-private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_INTERACTION 1
/* Time for a person to find and type a password. */
#define INTERACTION_US (120 * UINT64_C(1000000))

struct waiting {
	struct bus *bus;
	sd_bus_message *m; /* the change */
};

static int refuse(sd_bus_error *error, const char *text)
{
	return sd_bus_error_set(error, WIRE_ERROR_NOT_PERMITTED, text);
}

static const char only_root[] = "only root and the user that runs mptcpd may change this";

static void free_waiting(void *data)
{
	struct waiting *waiting = data;

	waiting->bus->n_waiting--;
	sd_bus_message_unref(waiting->m);
	free(waiting);
}

/* Send a question about a change; takes over neither. */
static int ask(struct bus *bus, sd_bus_message *change, sd_bus_message *question,
	       sd_bus_message_handler_t on_answer, uint64_t timeout_us)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	sd_bus_slot *slot;
	int r;

	if (!waiting)
		abort();
	waiting->bus = bus;
	waiting->m = sd_bus_message_ref(change);
	bus->n_waiting++;
	r = sd_bus_call_async(sd_bus_message_get_bus(change), &slot, question, on_answer, waiting,
			      timeout_us);
	if (r < 0) {
		free_waiting(waiting);
		return r;
	}
	sd_bus_slot_set_destroy_callback(slot, free_waiting);
	sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return 1;
}

/* Answer the change itself with what came of it. */
static int conclude(const struct waiting *waiting, int r, sd_bus_error *error)
{
	if (r < 0)
		r = sd_bus_reply_method_errno(waiting->m, r, error);
	sd_bus_error_free(error);
	return r;
}

static int on_polkit(sd_bus_message *answer, void *data, sd_bus_error *unused)
{
	const struct waiting *waiting = data;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int authorized = 0, challenge = 0, r;

	if (!sd_bus_message_is_method_error(answer, NULL) &&
	    sd_bus_message_enter_container(answer, 'r', "bba{ss}") > 0)
		sd_bus_message_read(answer, "bb", &authorized, &challenge);
	if (authorized)
		r = bus_change_run(waiting->m, waiting->bus, &error);
	else if (challenge)
		r = refuse(&error, "polkit asks for authentication first, and nobody was there to "
				   "give it");
	else
		r = refuse(&error, only_root);
	return conclude(waiting, r, &error);
}

static int ask_polkit(struct bus *bus, sd_bus_message *change)
{
	sd_bus_message *question = NULL;
	bool interactive = sd_bus_message_get_allow_interactive_authorization(change) > 0;
	int r = sd_bus_message_new_method_call(sd_bus_message_get_bus(change), &question,
					       POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
					       "CheckAuthorization");

	if (r >= 0)
		r = sd_bus_message_append(question, "(sa{sv})sa{ss}us", "system-bus-name", 1,
					  "name", "s", sd_bus_message_get_sender(change),
					  bus_change_action(change), 0,
					  interactive ? POLKIT_ALLOW_INTERACTION : 0, "");
	if (r >= 0)
		r = ask(bus, change, question, on_polkit, interactive ? INTERACTION_US : 0);
	sd_bus_message_unref(question);
	return r;
}

static int on_caller(sd_bus_message *answer, void *data, sd_bus_error *unused)
{
	const struct waiting *waiting = data;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	uint32_t uid;
	int r;

	if (sd_bus_message_is_method_error(answer, NULL) ||
	    sd_bus_message_read(answer, "u", &uid) < 0)
		r = refuse(&error, only_root); /* it has left the bus */
	else if (uid == 0 || uid == geteuid())
		r = bus_change_run(waiting->m, waiting->bus, &error);
	else
		r = ask_polkit(waiting->bus, waiting->m);
	return conclude(waiting, r, &error);
}

static int ask_for_caller(struct bus *bus, sd_bus_message *change)
{
	sd_bus_message *question = NULL;
	int r = sd_bus_message_new_method_call(sd_bus_message_get_bus(change), &question,
					       "org.freedesktop.DBus", "/org/freedesktop/DBus",
					       "org.freedesktop.DBus", "GetConnectionUnixUser");

	if (r >= 0)
		r = sd_bus_message_append(question, "s", sd_bus_message_get_sender(change));
	if (r >= 0)
		r = ask(bus, change, question, on_caller, 0);
	sd_bus_message_unref(question);
	return r;
}

int bus_method_change(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;

	if (!bus_change_action(m))
		return bus_change_run(m, peer->bus, error); /* it changes nothing */
	if (!peer->system)
		return peer->privileged ? bus_change_run(m, peer->bus, error)
					: refuse(error, only_root);
	if (peer->bus->n_waiting >= BUS_WAITING_MAX)
		return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
					"too many changes wait for permission already");
	return ask_for_caller(peer->bus, m);
}
