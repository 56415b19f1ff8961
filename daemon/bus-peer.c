/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One D-Bus connection in the loop. sd-bus says through its events and timeout what it waits for;
 * what may be done at once is bounded, in messages processed and in messages queued.
 */
#include "bus-private.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Steps of sd-bus and of the intake before others get their turn; a message takes two. */
#define SLICE 16
/* … and of one that has hung up. */
#define LAST_WORDS 128

uint64_t peer_queue(const struct peer *peer)
{
	uint64_t n = 0;

	return sd_bus_get_n_queued_write(peer->sd, &n) < 0 ? 0 : n;
}

/* Must its requests wait until it has read our answers? */
static bool is_gated(const struct peer *peer)
{
	return peer_queue(peer) > BUS_QUEUE_REQUESTS;
}

static void bury_later(struct peer *peer)
{
	peer->dead = true;
	bus_kick(peer->bus);
}

/*
 * Write what can be written, and handle one message. sd-bus is given the next one when it is done
 * with the last. 1: something was done, 0: nothing is left to do, -errno: it has come to its end.
 */
static int step(struct peer *peer)
{
	int r = sd_bus_process(peer->sd, NULL);

	return r || is_gated(peer) ? r : intake_feed(&peer->intake, loop_now_ms());
}

static void serve(struct peer *peer, size_t steps)
{
	int r = 1;

	while (r > 0 && steps-- > 0)
		r = step(peer);
	if (r < 0)
		bury_later(peer);
	else if (r > 0)
		loop_put_off(peer->bus->setup.loop, &peer->task);
}

void peer_service(struct peer *peer)
{
	serve(peer, SLICE);
	peer_update(peer);
}

static void on_ready(void *data, int fd, uint32_t events)
{
	struct peer *peer = data;

	if (peer->dead)
		return;
	if (!(events & (EPOLLHUP | EPOLLERR))) {
		peer_service(peer);
		return;
	}
	/* What it said before it hung up still counts, and calls we made on it must end. */
	loop_unwatch(&peer->source);
	serve(peer, LAST_WORDS);
	bury_later(peer);
}

static void on_task(void *data)
{
	struct peer *peer = data;

	if (!peer->dead)
		peer_service(peer);
}

/* When sd-bus has a deadline of its own, of authentication and of calls we made. */
static uint64_t due_ms(const struct peer *peer, uint64_t now_ms)
{
	struct timespec now;
	uint64_t due_us, now_us;

	if (sd_bus_get_timeout(peer->sd, &due_us) < 0 || due_us == UINT64_MAX)
		return UINT64_MAX;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	return due_us <= now_us ? 0 : now_ms + (due_us - now_us) / 1000 + 1;
}

static void set_timer(struct peer *peer)
{
	uint64_t now = loop_now_ms(), due = due_ms(peer, now);

	if (due > peer->intake.deadline_ms)
		due = peer->intake.deadline_ms;
	if (is_gated(peer) || due == UINT64_MAX)
		loop_clear_timer(&peer->timer);
	else
		loop_set_timer(peer->bus->setup.loop, &peer->timer, due);
}

void peer_update(struct peer *peer)
{
	int events = peer->dead ? 0 : sd_bus_get_events(peer->sd);
	bool wants_more, has_more;

	if (events < 0 || peer_queue(peer) > BUS_QUEUE_MAX)
		peer->dead = true;
	if (peer->dead) {
		bus_kick(peer->bus);
		return;
	}
	monitor_caught_up(peer);
	wants_more = !is_gated(peer) && peer->intake.state != INTAKE_ENDED;
	has_more = events & EPOLLOUT || peer_queue(peer) > 0;
	if (loop_rewatch(&peer->source, (wants_more ? EPOLLIN : 0u) | (has_more ? EPOLLOUT : 0u)) <
	    0)
		bury_later(peer);
	set_timer(peer);
}

/* What of it is a client's, and what is the system bus's. */
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
static int open_sd(struct peer *peer, int input)
{
	int output = fcntl(peer->intake.fd, F_DUPFD_CLOEXEC, 3), r;

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
		     : sd_bus_add_object_vtable(peer->sd, NULL, WIRE_PATH, WIRE_INTERFACE,
						bus_vtable, peer);
}

int peer_new(struct bus *bus, int fd, bool system, struct peer **ret_peer)
{
	struct peer *peer = l_new(struct peer, 1);
	int input, r;

	peer->bus = bus;
	peer->system = system;
	peer->source = (struct loop_source){.on_ready = on_ready, .data = peer, .fd = fd};
	peer->timer = (struct loop_timer){.on_due = on_task, .data = peer};
	peer->task = (struct loop_task){.run = on_task, .data = peer};
	r = intake_init(&peer->intake, fd, system, loop_now_ms(), &input);
	if (r == 0)
		r = open_sd(peer, input);
	if (r >= 0)
		r = loop_watch(bus->setup.loop, &peer->source, LOOP_REST, EPOLLIN);
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	peer->next = bus->peers;
	bus->peers = peer;
	peer_update(peer);
	loop_put_off(bus->setup.loop, &peer->task);
	*ret_peer = peer;
	return 0;
}

void peer_free(struct peer *peer)
{
	monitor_forget(peer);
	loop_drop_task(&peer->task);
	loop_clear_timer(&peer->timer);
	loop_unwatch(&peer->source);
	bus_forget_subscribers(peer);
	bus_forget_waiting(peer);
	sd_bus_close_unref(peer->sd);
	intake_done(&peer->intake);
	l_free(peer);
}
