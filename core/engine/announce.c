/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Announcements of one connection: wanted against made. */
#include <errno.h>

#include "addr.h"
#include "announce.h"
#include "engine-private.h"

/* After an ADD_ADDR or RM_ADDR the next waits: either kernel keeps one, and loses others. */
#define PACE_MS 200
/*
 * The third ACK that establishes a connection is told of before its socket may send: what is to be
 * announced right then stays in the kernel until something else is sent, which may never be.
 */
#define SENDS_MS 20
/* A command that failed is tried again. */
#define RETRY_MS 5000
/* A plain peer tries an address once, when it is told: told again after 1, 2 and 4 s if it must. */
#define REPEAT_MS 1000
#define REPEATS 3

static struct announced *find(const struct connection *connection, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < connection->more->n_announced; i++)
		if (addr_equal(&connection->more->announced[i].addr, addr))
			return &connection->more->announced[i];
	return NULL;
}

/*
 * Let it be wanted. NULL: the peer knows the address without, a person took it back, or there is no
 * room.
 */
static struct announced *want(struct connection *connection, const struct mptcpd_addr *addr,
			      uint32_t ifindex, uint8_t by, uint64_t now_ms)
{
	struct announced *announced = find(connection, addr);

	if (announced && announced->want.banned)
		return NULL;
	if (!announced) {
		uint8_t id = ids_announced(connection, addr);

		announced = id ? connection_add_announced(connection) : NULL;
		if (!announced)
			return NULL;
		announced->addr = *addr;
		announced->id = id;
		announced->try.due_ms = now_ms;
	}
	if (announced->want.by == WANTED_BY_NONE || announced->want.by == WANTED_BY_SOMEBODY)
		announced->want.by = by;
	announced->ifindex = ifindex;
	return announced;
}

void engine_listen(struct engine *engine, struct announced *announced,
		   const struct mptcpd_addr *addr, uint32_t ifindex, enum mptcpd_listen when)
{
	announced->want.listen = *addr;
	announced->want.listen_when = (uint8_t)when;
	announced->is.listening = true;
	listen_want(engine, addr, ifindex, when);
}

void engine_unlisten(struct engine *engine, struct announced *announced)
{
	if (announced->is.listening)
		listen_unwant(engine, &announced->want.listen, announced->want.listen_when);
	announced->is.listening = false;
	announced->want.listen = (struct mptcpd_addr){0};
}

/* Make the listener what the plan says; one of a person stays as it is. */
static void listen_as_planned(struct engine *engine, struct announced *announced,
			      const struct mptcpd_announcement *planned)
{
	if (announced->want.by != WANTED_BY_ADMIN &&
	    (!addr_equal(&announced->want.listen, &planned->listen) ||
	     announced->want.listen_when != planned->listen_when))
		engine_unlisten(engine, announced);
	if (planned->listen.family && !announced->is.listening)
		engine_listen(engine, announced, &planned->listen, announced->ifindex,
			      planned->listen_when);
}

/* A client joins to the initial address without being told; once told to forget it, it has to be. */
static void want_initial(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	struct mptcpd_addr initial = addr_host(&connection->local);
	const struct local *local = model_find_local(&engine->model, &initial, 0);

	if (connection->side == MPTCPD_SIDE_SERVER && connection->local_removed && local)
		want(connection, &initial, local->interface->is.ifindex, WANTED_BY_INITIAL, now_ms);
}

static void match(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *announced = &connection->more->announced[i];

		if (announced->want.by != WANTED_BY_ADMIN &&
		    announced->want.by != WANTED_BY_SOMEBODY)
			announced->want.by = WANTED_BY_NONE;
		else if (announced->want.listen.family && !announced->is.listening)
			engine_listen(engine, announced, &announced->want.listen,
				      announced->ifindex, MPTCPD_LISTEN_ALWAYS);
	}
	for (size_t i = 0; i < engine->plan.n_announcements; i++) {
		const struct plan_announcement *planned = &engine->plan.announcements[i];
		struct announced *announced =
			want(connection, &planned->announcement.addr, planned->announcement.ifindex,
			     planned->wanted_by, now_ms);

		if (announced)
			listen_as_planned(engine, announced, &planned->announcement);
	}
	want_initial(engine, connection, now_ms);
}

/* Can packets come in there? The address of a NAT in front of us is where its link is. */
bool engine_is_reachable(const struct engine *engine, const struct announced *announced)
{
	const struct local *local = model_find_local(&engine->model, &announced->addr, 0);
	const struct interface *interface =
		local ? local->interface : model_find_interface(&engine->model, announced->ifindex);

	if (local ? local->is.tentative : announced->is.local)
		return false;
	return !interface || (interface->is.up && interface->is.carrier);
}

/* Is its address gone, but for so short that it may be back at once? Sets when it is not, then. */
static bool is_blinking(const struct engine *engine, struct announced *announced, uint64_t now_ms,
			uint64_t *next)
{
	if (engine_is_reachable(engine, announced)) {
		announced->try.lost_ms = 0;
		return false;
	}
	if (!announced->try.lost_ms)
		announced->try.lost_ms = backoff_blink(engine, announced->ifindex);
	if (announced->try.lost_ms <= now_ms)
		return false;
	*next = announced->try.lost_ms < *next ? announced->try.lost_ms : *next;
	return true;
}

/* Is the peer to know it now? */
static bool is_to_be_known(const struct engine *engine, const struct connection *connection,
			   const struct announced *announced)
{
	/* Where a policy was set aside, its announcements stay as they are. */
	if (connection->set_aside && announced->want.by != WANTED_BY_ADMIN)
		return announced->is.sent;
	return announced->want.by != WANTED_BY_NONE && engine_is_reachable(engine, announced);
}

/* Does the peer know the subflow by the announcement? Behind a NAT, its link has to tell. */
static bool is_at(const struct subflow *subflow, const struct announced *announced)
{
	uint16_t port = announced->addr.port;

	if (subflow->is.initial || (port && port != subflow->local.port))
		return false;
	if (announced->is.local)
		return addr_equal_host(&subflow->local, &announced->addr);
	return announced->ifindex && subflow->ifindex == announced->ifindex;
}

/*
 * Would the connection end with what the peer has joined there? It closes that when it is told to
 * forget the address.
 */
static bool is_needed(const struct connection *connection, const struct announced *announced)
{
	bool is_used = false;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.state != SUBFLOW_ESTABLISHED)
			continue;
		if (is_at(subflow, announced))
			is_used = true;
		else if (engine_carries(subflow))
			return false;
	}
	return is_used;
}

/*
 * Does RM_ADDR of id 0 say it? Whatever joins the initial address has that id for the kernel, at
 * both ends, and of two RM_ADDRs the peer drops the one that comes right after the other.
 */
static bool is_told_by_id_0(const struct connection *connection, const struct announced *announced)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]) &&
		    connection->subflows[i].is.state != SUBFLOW_CLOSING &&
		    connection->subflows[i].is.local_id == 0 &&
		    is_at(&connection->subflows[i], announced))
			return true;
	return false;
}

bool engine_is_joined(const struct connection *connection, const struct announced *announced,
		      const struct subflow *except)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (subflow != except && subflow_is_seen(subflow) &&
		    subflow->is.state != SUBFLOW_CLOSING && is_at(subflow, announced))
			return true;
	}
	return false;
}

/* PACE_MS after the last, or as soon as the peer has joined where that led it. */
static uint64_t told_due(const struct connection *connection)
{
	const struct connection_more *more = connection->more;

	for (size_t i = 0; !more->told_to_forget && i < more->n_announced; i++)
		if (more->announced[i].id == more->told_id &&
		    engine_is_joined(connection, &more->announced[i], NULL))
			return 0;
	return more->told_ms ? more->told_ms + PACE_MS : 0;
}

void engine_note_told(struct connection *connection, uint8_t id, bool to_forget, uint64_t now_ms)
{
	struct connection_more *more = connection_more(connection);

	more->told_id = id;
	more->told_to_forget = to_forget;
	more->told_ms = now_ms;
}

/* When it can be told, or taken back. */
static uint64_t due_of(const struct connection *connection, const struct announced *announced)
{
	uint64_t due_ms = told_due(connection);

	if (connection->begin_ms && connection->begin_ms + SENDS_MS > due_ms)
		due_ms = connection->begin_ms + SENDS_MS;
	return announced->try.due_ms > due_ms ? announced->try.due_ms : due_ms;
}

bool engine_waits_to_be_withdrawn(struct connection *connection, const struct subflow *subflow,
				  uint64_t now_ms)
{
	uint64_t due_ms = told_due(connection);

	for (size_t i = 0; i < connection->more->n_announced; i++) {
		const struct announced *announced = &connection->more->announced[i];

		if (announced->is.sent && is_at(subflow, announced))
			due_ms = due_of(connection, announced);
	}
	if (due_ms <= now_ms)
		return false;
	if (due_ms < connection->more->ask_ms)
		connection_more(connection)->ask_ms = due_ms;
	return true;
}

bool engine_is_withdrawn(const struct connection *connection, const struct subflow *subflow)
{
	const struct connection_more *more = connection->more;

	return more->told_to_forget && more->told_id == subflow->is.local_id &&
	       more->told_ms >= subflow->is.since_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int engine_tell_to_forget(struct engine *engine, struct connection *connection, uint8_t id,
			  uint64_t now_ms)
{
	int r = command_withdraw(engine, connection, id);

	if (r == 0)
		engine_note_told(connection, id, true, now_ms);
	return r;
}

static void forget(struct engine *engine, struct connection *connection,
		   struct announced *announced)
{
	engine_unlisten(engine, announced);
	connection_remove_announced(connection, announced);
}

uint64_t engine_withdraw_unwanted(struct engine *engine, struct connection *connection,
				  uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	match(engine, connection, now_ms);
	for (size_t i = connection->more->n_announced; i-- > 0;) {
		struct announced *announced = &connection->more->announced[i];
		bool blinks = is_blinking(engine, announced, now_ms, &next);
		int r = 0;

		/* An address that the kernel has forgotten is announced once more, to be taken back then. */
		if ((announced->is.forgotten && !announced->want.held) ||
		    is_to_be_known(engine, connection, announced) ||
		    (announced->is.sent && (blinks || is_needed(connection, announced))))
			continue;
		announced->try.attempts = 0;
		if (announced->is.sent && is_told_by_id_0(connection, announced))
			announced->is.sent = false;
		if (announced->is.sent && due_of(connection, announced) <= now_ms) {
			r = engine_tell_to_forget(engine, connection, announced->id, now_ms);
			announced->is.sent = r < 0;
			announced->try.due_ms = now_ms + (r < 0 ? RETRY_MS : 0);
		}
		if (announced->is.sent)
			next = earlier(next, due_of(connection, announced));
		else if (announced->want.by == WANTED_BY_NONE && !announced->want.banned)
			forget(engine, connection, announced);
	}
	return next;
}

/* Was it refused for its id, which is another one now? An administrator's stays what it is. */
static bool is_mended(struct engine *engine, struct connection *connection,
		      const struct announced *announced, int error)
{
	return error == -EINVAL && announced->want.by != WANTED_BY_ADMIN &&
	       ids_correct(engine, connection, &announced->addr, announced->id);
}

void engine_ban_announced(struct engine *engine, struct connection *connection,
			  struct announced *announced)
{
	if (announced->want.by == WANTED_BY_ADMIN || announced->want.by == WANTED_BY_SOMEBODY) {
		forget(engine, connection, announced);
		return;
	}
	engine_unlisten(engine, announced);
	announced->is.sent = announced->is.forgotten = false;
	announced->want.by = WANTED_BY_NONE;
	announced->want.banned = true;
}

int engine_take_back(struct engine *engine, struct connection *connection,
		     const struct subflow *closing, bool by_hand)
{
	for (size_t i = connection->more->n_announced; i-- > 0;) {
		struct announced *announced = &connection->more->announced[i];
		uint64_t now_ms = engine->view.base.now_ms;
		int r = 0;

		if (!announced->is.sent || !is_at(closing, announced) ||
		    engine_is_joined(connection, announced, closing))
			continue;
		if (!by_hand && engine_waits_to_be_withdrawn(connection, closing, now_ms))
			return -EAGAIN;
		if (!by_hand || announced->want.by != WANTED_BY_ADMIN)
			r = engine_tell_to_forget(engine, connection, announced->id, now_ms);
		if (r < 0)
			return r;
		engine_ban_announced(engine, connection, announced);
	}
	return 0;
}

void engine_hold_announced(struct connection *connection, const struct subflow *closing)
{
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *announced = &connection->more->announced[i];

		announced->want.held |= announced->is.sent && is_at(closing, announced);
	}
}

/* Has nobody come there yet who may stay? */
static bool is_held(const struct connection *connection, struct announced *announced)
{
	announced->want.held &= !engine_is_joined(connection, announced, NULL);
	return announced->want.held;
}

/*
 * What came back with its link may have been told to a peer whose own end was not there yet: it is
 * told again, unless it has joined. Returns when to look again.
 */
static uint64_t repeat(struct connection *connection, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *announced = &connection->more->announced[i];
		bool is_initial = addr_equal_host(&announced->addr, &connection->local) &&
				  !announced->addr.port;

		if (!announced->is.sent || !is_initial || announced->try.attempts > REPEATS ||
		    announced->want.by == WANTED_BY_NONE ||
		    engine_is_joined(connection, announced, NULL))
			continue;
		if (announced->try.repeat_ms > now_ms) {
			next = earlier(next, announced->try.repeat_ms);
			continue;
		}
		/* The kernel may still know it: it is not dropped before it was told again. */
		announced->is.sent = false;
		announced->is.forgotten = true;
	}
	return next;
}

static void tell(struct engine *engine, struct connection *connection, struct announced *announced,
		 uint64_t now_ms)
{
	int r = engine->ops->announce(engine->kernel, connection->token, &announced->addr,
				      announced->id, announced->ifindex);

	announced->is.sent = engine_command(engine, connection, "ANNOUNCE", r) == 0;
	announced->is.forgotten &= !announced->is.sent;
	announced->is.local = model_find_local(&engine->model, &announced->addr, 0);
	announced->try.due_ms = now_ms;
	if (r < 0) {
		bool mended = is_mended(engine, connection, announced, r);

		announced->try.due_ms += mended ? PACE_MS : RETRY_MS;
		return;
	}
	announced->try.told_ms = now_ms;
	if (announced->try.attempts <= REPEATS)
		announced->try.repeat_ms =
			now_ms + backoff_next(&announced->try.attempts, REPEAT_MS, UINT64_MAX);
	engine_note_told(connection, announced->id, false, now_ms);
}

static uint64_t announce_wanted(struct engine *engine, struct connection *connection,
				uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *announced = &connection->more->announced[i];

		if (announced->is.sent || is_held(connection, announced) ||
		    !(announced->is.forgotten || is_to_be_known(engine, connection, announced)))
			continue;
		if (due_of(connection, announced) <= now_ms)
			tell(engine, connection, announced, now_ms);
		/* What was told is looked at again: it may have to be repeated, or taken back. */
		next = earlier(next, announced->is.sent ? now_ms + PACE_MS
							: due_of(connection, announced));
	}
	return next;
}

uint64_t engine_announce_wanted(struct engine *engine, struct connection *connection,
				uint64_t now_ms)
{
	uint64_t repeat_ms = repeat(connection, now_ms);

	return earlier(repeat_ms, announce_wanted(engine, connection, now_ms));
}

bool engine_learn_announced(struct engine *engine, struct connection *connection)
{
	struct event_endpoint known[OWN_ADDRESSES_MAX];
	int n = engine->ops->own_addresses(engine->kernel, connection->token, known,
					   OWN_ADDRESSES_MAX);

	/* Not to be had, or not right now. */
	connection->ids_unknown = n < 0 && n != -EINVAL && n != -EOPNOTSUPP;
	for (int i = 0; i < n; i++) {
		struct announced *announced;

		if (!(known[i].flags & MPTCPD_FLAG_SIGNAL) || !known[i].id)
			continue;
		announced = find(connection, &known[i].addr);
		if (!announced) {
			announced = connection_add_announced(connection);
			if (!announced)
				break;
			announced->want.by = WANTED_BY_SOMEBODY;
		}
		announced->addr = known[i].addr;
		announced->ifindex = known[i].ifindex;
		announced->id = known[i].id;
		announced->is.sent = true;
		announced->is.local = model_find_local(&engine->model, &announced->addr, 0);
	}
	return n >= 0;
}
