/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A D-Bus connection in the loop. sd-bus says through its events and timeout what it waits for.
 * The loop only notes that there is something to do; it is done in turns, a message at a time, and
 * nothing new is begun while a message still waits to be sent.
 */
#include "bus-private.h"
#include "wait.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Messages wait to be sent, and not for the end of the handshake. */
static bool is_sending(const struct peer *peer)
{
	return peer->intake.state != INTAKE_HANDSHAKE && peer_queue(peer) > 0;
}

static void bury_later(struct peer *peer)
{
	peer->dead = true;
	bus_kick(peer->bus);
}

/* ---- opening ---- */

/* The settings of sd-bus that differ between a client and the system bus. */
static int set_role(sd_bus *sd, bool system)
{
	sd_id128_t id;
	int r;

	if (system)
		return sd_bus_set_bus_client(sd, 1);
	r = sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_set_server(sd, 1, id);
	/* Its own check would be of the pair; the kernel has told us already who it is. */
	return r < 0 ? r : sd_bus_set_anonymous(sd, 1);
}

/* sd-bus reads from the pair of the intake, and writes to a copy of the connection itself. */
static int open_sd(struct peer *peer)
{
	int output = fcntl(peer->intake.fd, F_DUPFD_CLOEXEC, 3), input, r;

	r = intake_init(&peer->intake, peer->intake.fd, peer->system, loop_now_ms(), &input);
	if (r < 0) {
		if (output >= 0)
			close(output);
		return r;
	}
	r = output < 0 ? -errno : sd_bus_new(&peer->sd);
	if (r >= 0)
		r = sd_bus_set_fd(peer->sd, input, output);
	if (r < 0) {
		close(input);
		if (output >= 0)
			close(output);
		return r;
	}
	r = set_role(peer->sd, peer->system);
	if (r >= 0)
		r = sd_bus_negotiate_fds(peer->sd, 0);
	if (r >= 0)
		r = sd_bus_start(peer->sd);
	return r < 0 ? r
		     : sd_bus_add_object_vtable(peer->sd, NULL, WIRE_PATH, WIRE_MANAGER,
						peer->bus->vtable, peer);
}

/* ---- work ---- */

/* May the oldest held call be answered? */
static bool has_answer(const struct peer *peer)
{
	return peer->held && !peer->held->awaited->is_asked;
}

/* A client's calls are answered in their order; the system bus has many clients. */
static bool may_read(const struct peer *peer)
{
	return peer->ready && (!peer->held || peer->system);
}

bool peer_has_work(const struct peer *peer)
{
	if (peer->dead)
		return false;
	if (is_sending(peer))
		return peer->writable;
	return monitor_has_news(peer) || has_answer(peer) || may_read(peer);
}

static struct held *take_held(struct peer *peer)
{
	struct held *held = peer->held;

	peer->held = held->next;
	peer->n_held--;
	return held;
}

static void free_held(struct held *held)
{
	sd_bus_message_unref(held->m);
	l_free(held->state);
	l_free(held);
}

static void answer(struct peer *peer)
{
	struct held *held = take_held(peer);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_message_rewind(held->m, true);

	peer->bus->answering = true;
	peer->state = held->state;
	held->state = NULL;
	if (r >= 0)
		r = held->method(held->m, peer, &error);
	l_free(peer_take_state(peer));
	peer->bus->answering = false;
	if (r < 0 && sd_bus_reply_method_errno(held->m, r, &error) < 0)
		bury_later(peer);
	sd_bus_error_free(&error);
	free_held(held);
}

/*
 * Write what can be written, and handle one message; sd-bus is given the next one when it is done
 * with the last.
 */
static void process(struct peer *peer)
{
	int r = peer->sd ? 0 : open_sd(peer);

	peer->writable = false;
	if (r < 0)
		peer->bus->open_error = r;
	else
		r = sd_bus_process(peer->sd, NULL);
	if (r == 0 && !is_sending(peer))
		r = intake_feed(&peer->intake, loop_now_ms());
	peer->ready = r > 0 || is_sending(peer);
	if (r < 0 || (r == 0 && peer->hung_up))
		bury_later(peer);
}

void peer_work(struct peer *peer)
{
	bool is_free = !is_sending(peer);
	/* On the system bus others wait behind an answer that is made in parts. */
	bool is_reading = peer->has_answered && may_read(peer);

	peer->has_answered = false;
	if (is_free && monitor_has_news(peer)) {
		monitor_tell(peer);
	} else if (is_free && has_answer(peer) && !is_reading) {
		answer(peer);
		peer->has_answered = true;
	} else {
		process(peer);
	}
	peer_update(peer);
}

/* ---- calls that wait for what is asked of the kernel ---- */

static void add_held(struct peer *peer, const struct held *held)
{
	struct held **end = &peer->held;

	while (*end)
		end = &(*end)->next;
	*end = l_memdup(held, sizeof(*held));
	sd_bus_message_ref(held->m);
	peer->n_held++;
}

/* `ask_engine` says whether there is nothing to wait for. */
static bool hold(struct peer *peer, sd_bus_message *m, sd_bus_message_handler_t method,
		 struct awaited *awaited,
		 bool (*ask_engine)(struct engine *engine, uint64_t now_ms))
{
	struct bus *bus = peer->bus;

	if (bus->answering || peer->n_held >= BUS_HELD_MAX ||
	    ask_engine(bus->setup.engine, loop_now_ms()))
		return false;
	add_held(peer, &(struct held){.m = m, .method = method, .awaited = awaited});
	if (!awaited->is_asked)
		awaited_ask(bus, awaited);
	return true;
}

bool peer_hold(struct peer *peer, sd_bus_message *m, sd_bus_message_handler_t method)
{
	return hold(peer, m, method, &peer->bus->measures, engine_measure);
}

bool peer_hold_sample(struct peer *peer, sd_bus_message *m, sd_bus_message_handler_t method)
{
	return hold(peer, m, method, &peer->bus->sample, engine_watch);
}

bool peer_hold_on(struct peer *peer, sd_bus_message *m, sd_bus_message_handler_t method,
		  void *state)
{
	static const struct awaited nothing;

	if (peer->n_held >= BUS_HELD_MAX)
		return false;
	add_held(peer,
		 &(struct held){.m = m, .method = method, .awaited = &nothing, .state = state});
	return true;
}

void *peer_take_state(struct peer *peer)
{
	void *state = peer->state;

	peer->state = NULL;
	return state;
}

/* ---- what the loop tells ---- */

static void on_ready(void *data, int fd, uint32_t events)
{
	struct peer *peer = data;

	if (peer->dead)
		return;
	peer->ready = true;
	peer->writable |= (events & EPOLLOUT) != 0;
	if (!(events & (EPOLLHUP | EPOLLERR))) {
		peer_update(peer);
		return;
	}
	/*
	 * The calls it made before it hung up still count where it may change something, and calls we
	 * made on it must end. Others would not get their answers any more.
	 */
	loop_unwatch(&peer->source);
	peer->hung_up = peer->writable = true;
	peer->dead = !peer->privileged && !peer->system;
	bus_kick(peer->bus);
}

static void on_due(void *data)
{
	struct peer *peer = data;

	peer->ready = true;
	peer_update(peer);
}

/* When sd-bus has a deadline of its own, of authentication and of calls we made. */
static uint64_t due_ms(const struct peer *peer, uint64_t now_ms)
{
	uint64_t left_ms;

	if (!peer->sd || wait_left_ms(peer->sd, &left_ms) < 0 || left_ms == UINT64_MAX)
		return UINT64_MAX;
	return left_ms ? now_ms + left_ms : 0;
}

static void set_timer(struct peer *peer)
{
	uint64_t now = loop_now_ms(), due = due_ms(peer, now);

	if (due > peer->intake.deadline_ms)
		due = peer->intake.deadline_ms;
	if (peer->ready || due == UINT64_MAX)
		loop_clear_timer(&peer->timer);
	else
		loop_set_timer(peer->bus->setup.loop, &peer->timer, due);
}

void peer_update(struct peer *peer)
{
	int events = peer->sd ? sd_bus_get_events(peer->sd) : 0;
	bool wants_more = !peer->ready && peer->intake.state != INTAKE_ENDED;
	bool has_more = !peer->writable && (events & EPOLLOUT || is_sending(peer));

	if (events < 0 || (peer->source.loop &&
			   loop_rewatch(&peer->source, (wants_more ? EPOLLIN : 0u) |
							       (has_more ? EPOLLOUT : 0u)) < 0))
		peer->dead = true;
	if (!peer->dead)
		set_timer(peer);
	if (peer->dead || peer_has_work(peer))
		bus_kick(peer->bus);
}

int peer_new(struct bus *bus, int fd, uid_t uid, enum user_kind kind, struct peer **ret_peer)
{
	struct peer *peer = l_new(struct peer, 1);
	int r;

	peer->bus = bus;
	peer->system = kind == USER_SYSTEM_BUS;
	peer->privileged = kind == USER_PRIVILEGED;
	peer->ready = true;
	user_join(peer, uid, kind);
	peer->source = (struct loop_source){.on_ready = on_ready, .data = peer, .fd = fd};
	peer->timer = (struct loop_timer){.on_due = on_due, .data = peer};
	peer->intake = (struct intake){.fd = fd, .feed = -1, .deadline_ms = UINT64_MAX};
	/* The costly part of a client is done when it is its user's turn. */
	r = peer->system ? open_sd(peer) : 0;
	if (r >= 0)
		r = loop_watch(bus->setup.loop, &peer->source, LOOP_REST, 0);
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	peer->next = bus->peers;
	bus->peers = peer;
	peer_update(peer);
	*ret_peer = peer;
	return 0;
}

void peer_free(struct peer *peer)
{
	user_leave(peer);
	while (peer->held)
		free_held(take_held(peer));
	loop_clear_timer(&peer->timer);
	loop_unwatch(&peer->source);
	sd_bus_close_unref(peer->sd);
	intake_done(&peer->intake);
	l_free(peer);
}
