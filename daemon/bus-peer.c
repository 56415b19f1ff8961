/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One D-Bus connection in ell's loop. sd-bus says through its descriptor, events and timeout what
 * it waits for; what may be done at once is bounded, in messages processed and in messages queued.
 */
#include "bus-private.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <stdlib.h>
#include <time.h>

/* Messages handled before others get their turn. */
#define SLICE 8
/* … and of one that has hung up. */
#define LAST_WORDS 64

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

void peer_service(struct peer *peer)
{
	int r = 0;

	peer->again = false;
	for (size_t i = 0; i < SLICE && !is_gated(peer); i++) {
		r = sd_bus_process(peer->sd, NULL);
		if (r <= 0)
			break;
	}
	if (r < 0)
		bury_later(peer);
	else
		peer->again = r > 0 && !is_gated(peer);
	peer_update(peer);
}

static bool on_read(struct l_io *io, void *data)
{
	struct peer *peer = data;

	if (!peer->dead)
		peer_service(peer);
	return true;
}

static bool on_write(struct l_io *io, void *data)
{
	struct peer *peer = data;

	if (peer->dead)
		return true;
	/* Writes what it can; the only one that is allowed while requests must wait. */
	if (is_gated(peer) && sd_bus_process(peer->sd, NULL) < 0)
		bury_later(peer);
	else
		peer_service(peer);
	return true;
}

/* What it said before it hung up still counts, and calls we made on it must end. */
static void on_disconnect(struct l_io *io, void *data)
{
	struct peer *peer = data;

	for (size_t i = 0; i < LAST_WORDS && !peer->dead; i++)
		if (sd_bus_process(peer->sd, NULL) <= 0)
			break;
	bury_later(peer);
}

static void on_timeout(struct l_timeout *timeout, void *data)
{
	struct peer *peer = data;

	if (!peer->dead)
		peer_service(peer);
}

/* sd-bus has its own deadlines: of authentication and of calls we made. */
static void set_timeout(struct peer *peer)
{
	struct timespec now;
	uint64_t due_us, now_us;

	if (is_gated(peer) || sd_bus_get_timeout(peer->sd, &due_us) < 0)
		due_us = UINT64_MAX;
	if (due_us == UINT64_MAX) {
		l_timeout_remove(peer->timeout);
		peer->timeout = NULL;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (due_us <= now_us)
		peer->again = true;
	else if (peer->timeout)
		l_timeout_modify_ms(peer->timeout, (due_us - now_us) / 1000 + 1);
	else
		peer->timeout =
			l_timeout_create_ms((due_us - now_us) / 1000 + 1, on_timeout, peer, NULL);
}

void peer_update(struct peer *peer)
{
	int events = peer->dead ? 0 : sd_bus_get_events(peer->sd);
	bool want_read, want_write;

	if (events < 0 || peer_queue(peer) > BUS_QUEUE_MAX)
		peer->dead = true;
	if (peer->dead) {
		bus_kick(peer->bus);
		return;
	}
	monitor_caught_up(peer);
	want_read = (events & EPOLLIN) && !is_gated(peer);
	want_write = events & EPOLLOUT || peer_queue(peer) > 0;
	if (want_read != peer->want_read)
		l_io_set_read_handler(peer->io, want_read ? on_read : NULL, peer, NULL);
	if (want_write != peer->want_write)
		l_io_set_write_handler(peer->io, want_write ? on_write : NULL, peer, NULL);
	peer->want_read = want_read;
	peer->want_write = want_write;
	set_timeout(peer);
	if (peer->again)
		bus_kick(peer->bus);
}

/* Sets the descriptor that ell watches: sd-bus closes its own when the peer hangs up, unseen. */
static int open_peer(struct peer *peer)
{
	int fd = sd_bus_get_fd(peer->sd);

	if (fd < 0)
		return fd;
	peer->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (peer->fd < 0)
		return -errno;
	return sd_bus_add_object_vtable(peer->sd, NULL, WIRE_PATH, WIRE_INTERFACE, bus_vtable,
					peer);
}

int peer_new(struct bus *bus, sd_bus *sd, struct peer **ret_peer)
{
	struct peer *peer = l_new(struct peer, 1);
	int r;

	peer->bus = bus;
	peer->sd = sd;
	peer->fd = -1;
	r = open_peer(peer);
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	peer->io = l_io_new(peer->fd);
	l_io_set_disconnect_handler(peer->io, on_disconnect, peer, NULL);
	peer->next = bus->peers;
	bus->peers = peer;
	peer->again = true;
	peer_update(peer);
	*ret_peer = peer;
	return 0;
}

void peer_free(struct peer *peer)
{
	monitor_forget(peer);
	l_timeout_remove(peer->timeout);
	l_io_destroy(peer->io);
	if (peer->fd >= 0)
		close(peer->fd);
	sd_bus_track_unref(peer->track);
	sd_bus_close_unref(peer->sd);
	l_free(peer);
}
