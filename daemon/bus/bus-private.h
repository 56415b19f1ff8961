/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of this room; others use bus.h. */
#ifndef DAEMON_BUS_PRIVATE_H
#define DAEMON_BUS_PRIVATE_H

#include <systemd/sd-bus.h>

#include "intake.h"
#include "bus.h"
#include "loop.h"
#include "traffic.h"
#include "wire.h"
#include "writer.h"

/*
 * Clients of the private socket without rights: all of them, and those of one user. Others are not
 * counted.
 */
#define BUS_PEERS_MAX 48
#define BUS_PEERS_USER 16

/* A user may connect once in so many milliseconds, and so often at once. */
#define BUS_VISIT_MS 4
#define BUS_VISITS 64
/* Users of whom it is remembered how often they came, and what was spent for them. */
#define BUS_GUESTS 64

/* The last changes. A reader that has more of them before it has lost some, and is told so. */
#define BUS_RING 4096
/* A page of a listing ends after so many records, those within others counted too. */
#define BUS_PAGE 64
#define BUS_PAGE_RECORDS 128
/* … of one that is marshalled here: these are as quick. */
#define BUS_PAGE_RECORDS_PACKED 192
/* Listings of the system bus that wait until subflows are measured; more are answered as it is. */
#define BUS_HELD_MAX 16

/* Changes that wait for polkit's answer: all of them, and those of one user. */
#define BUS_WAITING_MAX 64
#define BUS_WAITING_USER 8
/*
 * Bytes of calls that wait until it is known who made them: all of them, and those of one
 * connection of the system bus, which gives a user 256. A message takes so much more than it has.
 */
#define BUS_UNKNOWN_MAX (8u << 20)
#define BUS_UNKNOWN_SENDER (32u << 10)
#define BUS_MESSAGE_COST 1024
/*
 * Programs that monitor over the system bus: those of one user, those of all without rights, and
 * those with rights. Each takes one of the 512 match rules that dbus-daemon gives a connection.
 */
#define BUS_SUBSCRIBERS_USER 16
#define BUS_SUBSCRIBERS_MAX 128
#define BUS_SUBSCRIBERS_PRIVILEGED 64

#define BUS_UID_UNKNOWN UINT32_MAX
#define BUS_UID_OVERFLOW 65534

enum user_kind { USER_OTHER, USER_PRIVILEGED, USER_SYSTEM_BUS };

/* Whose clients they are: time is shared out among users. */
struct user {
	struct user *next;
	uid_t uid;
	enum user_kind kind;
	size_t n_peers;
	int64_t spent_ns; /* time that was spent for him */
};

/* Something that is being asked of the kernel, once for all whose calls wait for it. */
struct awaited {
	struct bus *bus;
	struct loop_timer late; /* then nobody waits for it any longer */
	bool is_asked;
};

/* A call that waits for its answer. */
struct held {
	struct held *next;
	sd_bus_message *m;
	sd_bus_message_handler_t method;
	const struct awaited *awaited;
	void *state; /* how far its answer has come, owned; NULL: it has not begun */
};

/* A connection that speaks D-Bus: to a client, or to the system bus. */
struct peer {
	struct bus *bus;
	struct peer *next;
	struct user *user; /* whose it is; the system bus is one */
	sd_bus *sd; /* owned */
	struct intake intake;
	struct loop_source source; /* the intake's descriptor */
	struct loop_timer timer; /* what is due first, with sd-bus or the intake */
	struct subscriber *subscribers; /* of the system bus; owned */
	struct waiting *waiting; /* calls over the system bus; owned */
	struct held *held; /* owned; the oldest first */
	size_t n_held;
	void *state; /* of the held call that is being answered, owned */
	bool has_answered; /* such a call, at its last turn */
	uint64_t served; /* counts the turns of all: when it had its last one */
	uint64_t told; /* changes that it was told, or that are not for it */
	bool system; /* the system bus */
	bool privileged; /* may change things; false for the system bus as a whole */
	bool subscribed;
	bool ready; /* may have something to say */
	bool writable; /* takes some of what waits to be sent */
	bool hung_up; /* what it said before still counts */
	bool dead; /* to be freed from the loop */
};

struct remembered {
	struct change change;
	const char *policy; /* its name, of the rules or of bus->names; NULL: none */
	uint64_t time_us; /* wall clock */
};

struct bus_name {
	struct bus_name *next;
	char text[];
};

struct bus_guest {
	uid_t uid;
	uint64_t paid_ms; /* until when the visits so far last */
	int64_t spent_ns; /* of the user, when his last connection went */
};

/* The sockets that listen, as they were when it was looked last. */
struct listening {
	struct bus_listener *list; /* owned; by inode */
	size_t n, room;
	bool is_known;
	uint64_t stale_ms; /* then a new listing looks again */
	struct loop_timer forget;
};

struct bus {
	struct bus_setup setup;
	const sd_bus_vtable *vtable; /* what each peer is offered */
	struct bus_guest guests[BUS_GUESTS];
	struct loop_source listen; /* its descriptor is owned */
	struct loop_timer accept_again; /* after running out of descriptors */
	struct loop_timer system_again; /* to look for the system bus, or to ask it for our name */
	bool system_refused; /* the name, and that was said */
	unsigned int system_again_s; /* how long it was last set to */
	struct loop_task task; /* serves who has something to be done, frees the dead */
	struct peer *peers; /* owned */
	struct user *users; /* owned */
	struct loop_timer pause; /* until those without rights have time again */
	int64_t credit_ns, credited_ns; /* … of which so much was left then */
	int64_t spent_least_ns; /* by a user who had work to be done */
	uint64_t n_served;
	struct awaited measures; /* of all subflows */
	struct awaited sample; /* of what connections carry */
	struct listening listening;
	int open_error; /* -errno: the last peer that could not be served */
	bool answering; /* a held call */
	/* Changes: the i-th one of all is at i % BUS_RING. NULL while nobody monitors. */
	struct remembered *ring;
	struct bus_name *names; /* owned: of policies that are gone, and the ring has still */
	uint64_t n_changes;
	uint64_t n_ticked; /* … of which so many were to be told at the last tick */
	struct loop_timer tick; /* until those who monitor are told */
	size_t n_subscribed;
	size_t n_waiters; /* for the configuration */
	uint64_t errors_before; /* failed commands, before the action that runs now */
	char socket_path[108];
};

/* Have the model know endpoints and limits as they are now, whoever changed them. */
static inline void bus_refresh(struct bus *bus)
{
	if (bus->setup.refresh)
		bus->setup.refresh(bus->setup.data);
}

/* Have the loop come back to us: work is left. */
static inline void bus_kick(struct bus *bus)
{
	loop_put_off(bus->setup.loop, &bus->task);
}

/* Messages that wait to be sent to it. While there are any, nothing else is done for it. */
static inline uint64_t peer_queue(const struct peer *peer)
{
	uint64_t n = 0;

	return peer->sd && sd_bus_get_n_queued_write(peer->sd, &n) >= 0 ? n : 0;
}

/* Why connections are not known, where a private client asks and the kernel did not tell; or NULL. */
static inline const char *bus_untold(const struct bus *bus)
{
	return bus->setup.private ? bus->setup.private->untold(bus->setup.data) : NULL;
}

/* May this user, who has no rights, come in by this descriptor? Counts as a visit. */
bool bus_admits(struct bus *bus, int fd, uid_t uid);
/* What is remembered of a user without rights who came lately; NULL: nothing. */
struct bus_guest *bus_find_guest(struct bus *bus, uid_t uid);

/* Look for the system bus, and when there is none again from time to time. */
void system_look(struct bus *bus);
/* Look for it again later, for it is gone. */
void system_look_later(struct bus *bus);

/* Takes over the descriptor, of a client of this user or of the system bus. 0 or -errno. */
int peer_new(struct bus *bus, int fd, uid_t uid, enum user_kind kind, struct peer **ret_peer);
/* Nobody knows of it any more. */
void peer_free(struct peer *peer);
/* Is there anything to be done for it, beside waiting? */
bool peer_has_work(const struct peer *peer);
/* Do a piece of it: one message, or a few signals. */
void peer_work(struct peer *peer);
/* Look again what to wait for. */
void peer_update(struct peer *peer);
/*
 * Have subflows measured before this call is answered: then `method` is called for it again.
 * False: answer it now.
 */
bool peer_hold(struct peer *peer, sd_bus_message *m, sd_bus_message_handler_t method);
/* The same with a sample of what connections carry. */
bool peer_hold_sample(struct peer *peer, sd_bus_message *m, sd_bus_message_handler_t method);

/*
 * Have a call that takes long answered in parts: `method` is called for it again, and then finds `state`,
 * which is taken over. False: it is to be answered now.
 */
bool peer_hold_on(struct peer *peer, sd_bus_message *m, sd_bus_message_handler_t method,
		  void *state);
/* What was kept of the call that is being answered, the caller's to be freed by l_free(); or NULL. */
void *peer_take_state(struct peer *peer);

/* What held calls wait for, awaited.c: the engine was asked for it; it has come, or comes no more. */
void awaited_ask(struct bus *bus, struct awaited *awaited);
void awaited_end(struct awaited *awaited);

/* The user of a peer, user.c. */
void user_join(struct peer *peer, uid_t uid, enum user_kind kind);
void user_leave(struct peer *peer);

/* Turns, turn.c. Work for a moment for those whose turn it is. True: there is more to do. */
bool turn_take(struct bus *bus);

extern const sd_bus_vtable bus_vtable[];

/* An answer to be written, append.c; what went wrong is told by the sending. */
struct writer bus_reply(sd_bus_message *m);
/* An answer about what the kernel's path manager has, which others may have changed, list.c. */
struct writer bus_fresh_reply(sd_bus_message *m, struct peer *peer);
/* The end of what is written: an answer or a signal. Returns as a method does. */
int bus_send(struct writer *writer);

/* The arguments of a listing in pages, list.c. */
int bus_read_page(sd_bus_message *m, uint64_t *ret_cursor, uint32_t *ret_max);
/*
 * The indexes of interfaces above `cursor`, the lowest `max` of them and one more, sorted; returns how
 * many. list.c.
 */
size_t bus_next_interfaces(const struct model *model, uint64_t cursor, size_t max,
			   uint32_t ret_indexes[static BUS_PAGE + 1]);
/* Which page of connections is asked for? 0, 1: the answer comes later, or a negative error. list.c. */
int bus_begin_connections(sd_bus_message *m, struct peer *peer, sd_bus_message_handler_t method,
			  sd_bus_error *error, uint64_t *ret_cursor, uint32_t *ret_max);

/* What becomes of a path, and of an announcement, explain.c. */
void bus_append_path(struct writer *writer, const struct explain_path *path);
void bus_append_announcement(struct writer *writer,
			     const struct explain_announcement *announcement);

/* How a connection is, for who counts and who chooses, status.c. */
bool bus_is_multi_path(const struct connection *connection);
bool bus_is_unhealthy(const struct model *model, const struct connection *connection);

/* Records, append.c. */
void bus_append_connection(struct writer *writer, const struct bus *bus,
			   const struct connection *connection);
/*
 * The same with all that the kernel knows of it, which is asked now; `row` says what it carries, or
 * NULL.
 */
void bus_append_detailed(struct writer *writer, const struct bus *bus,
			 const struct connection *connection, const struct traffic_row *row);
void bus_append_interface(struct writer *writer, const struct bus *bus,
			  const struct interface *interface);
void bus_append_endpoint(struct writer *writer, const struct bus *bus,
			 const struct explain_endpoint *endpoint);
void bus_append_addr(struct writer *writer, const struct mptcpd_addr *addr);
/*
 * Text that may hold any bytes: names of interfaces, of files, what the configuration says. D-Bus
 * takes UTF-8 only, so the bytes of what is not are replaced.
 */
void bus_append_text(struct writer *writer, const char *text);
void bus_append_extra_text(struct writer *writer, const char *key, const char *text);
void bus_clean(char *text);

/* Methods that read, list.c, status.c, top.c, metrics.c, explain.c, suppose.c, examine.c and listeners.c. Userdata is the struct peer. */
int bus_method_status(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_count(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_connections(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_packed(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_connection(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_interfaces(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_endpoints(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_limits(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_policies(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_explain(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_explanations(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_test_policy(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_top(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_metrics(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_config(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_examine(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_listeners(sd_bus_message *m, void *data, sd_bus_error *error);

/* What was kept of the sockets that listen, listeners.c. */
void bus_forget_listeners(struct bus *bus);

/* Subscribers, subscribe.c. */
int bus_method_subscribe(sd_bus_message *m, void *data, sd_bus_error *error);
int bus_method_unsubscribe(sd_bus_message *m, void *data, sd_bus_error *error);
/* Without a word: the connection goes. */
void bus_forget_subscribers(struct peer *peer);

/* Monitoring, monitor.c: the peer is told what changes from now on. */
void monitor_start(struct peer *peer);
/* The peer goes, or wants no more. */
void monitor_forget(struct peer *peer);
/* Is there a change that the peer is to be told? */
bool monitor_has_news(const struct peer *peer);
/* Tell it a few, as long as it reads. */
void monitor_tell(struct peer *peer);
/* Tell it all now, if need be that it lost some: what the model is, is then what it was told. */
void monitor_catch_up(struct peer *peer);

/* The method of all actions, permit.c: asks who calls, then runs the right one. */
int bus_method_action(sd_bus_message *m, void *data, sd_bus_error *error);
bool bus_is_privileged(uid_t uid);
/* `uid` is BUS_UID_UNKNOWN if it has left the bus. Answers the call, or returns an error. */
typedef int bus_caller_func(struct peer *peer, sd_bus_message *m, uid_t uid, sd_bus_error *error);
/* Ask the system bus who made this call, and go on when it has answered. Returns as a method. */
int bus_ask_caller(struct peer *peer, sd_bus_message *m, bus_caller_func *then,
		   sd_bus_error *error);
/* The connection goes: those that wait get no answer. */
void bus_forget_waiting(struct peer *peer);
/* Do what this call asks for, action.c. Answers it, or returns an error. */
int bus_action_run(sd_bus_message *m, struct bus *bus, sd_bus_error *error);
/* The polkit action it needs. */
const char *bus_action_polkit(sd_bus_message *m);

/*
 * Arguments, read.c. 0 or positive, or an error that names what is wrong. `what` names an
 * address to the caller.
 */
int bus_invalid(sd_bus_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int bus_read_addr(sd_bus_message *m, const char *what, bool needs_port,
		  struct mptcpd_addr *ret_addr, sd_bus_error *error);
/* "" is no address: family 0. */
int bus_read_maybe_addr(sd_bus_message *m, const char *what, struct mptcpd_addr *ret_addr,
			sd_bus_error *error);
/* "" is none: 0. */
int bus_read_interface(sd_bus_message *m, const struct bus *bus, uint32_t *ret_ifindex,
		       sd_bus_error *error);
int bus_read_flags(sd_bus_message *m, uint32_t *ret_flags, sd_bus_error *error);
/* The token of a connection: one that began before the call is known then. */
int bus_read_token(sd_bus_message *m, const struct bus *bus, uint32_t *ret_token);
/*
 * The one option, a boolean, that the method has, or none: others may be of later versions, and
 * whoever sends one means it, so it must not be overlooked.
 */
int bus_read_option(sd_bus_message *m, const char *name, bool *ret_value, sd_bus_error *error);
int bus_read_no_options(sd_bus_message *m, sd_bus_error *error);

#endif
