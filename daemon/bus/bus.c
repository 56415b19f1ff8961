/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control plane as a whole, and its first door, the private socket. */
#include "bus-private.h"

#include <ell/ell.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "control"
#define ACCEPT_AGAIN_MS 1000
/* Turning away is quick; whoever may come in stands behind those who may not. */
#define ACCEPT_SLICE 64
/* … and waits for as many at most: beyond it callers wait in the order in which they came. */
#define BACKLOG 128

/* ---- the loop's spare time ---- */

static void let_go(struct peer *peer)
{
	bus_forget_subscribers(peer);
	bus_forget_waiting(peer);
	monitor_forget(peer);
	peer_free(peer);
}

/* Free the dead. The system bus may come back. */
static void bury(struct bus *bus)
{
	struct peer **link = &bus->peers, *peer;

	while ((peer = *link)) {
		if (!peer->dead) {
			link = &peer->next;
			continue;
		}
		*link = peer->next;
		if (peer->system)
			system_look_later(bus);
		let_go(peer);
	}
	if (bus->setup.private && !bus->peers)
		bus->setup.private->left(bus->setup.data, bus->open_error);
}

static void run_task(void *data)
{
	struct bus *bus = data;

	loop_be_plain(bus->setup.loop);
	bury(bus);
	if (turn_take(bus))
		bus_kick(bus);
}

/* ---- the private socket ---- */

/* Takes over `fd`. A failure is the client's: it sees its connection closed. */
static void add_client(struct bus *bus, int fd)
{
	struct ucred cred = {.uid = BUS_UID_OVERFLOW};
	socklen_t size = sizeof(cred);
	struct peer *peer;
	bool privileged;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) {
		close(fd);
		return;
	}
	privileged = bus_is_privileged(cred.uid);
	if (!privileged && !bus_admits(bus, fd, cred.uid)) {
		close(fd);
		return;
	}
	(void)peer_new(bus, fd, cred.uid, privileged ? USER_PRIVILEGED : USER_OTHER, &peer);
}

static void start_accepting(void *data)
{
	struct bus *bus = data;

	if (loop_watch(bus->setup.loop, &bus->listen, LOOP_REST, EPOLLIN) < 0)
		loop_set_timer(bus->setup.loop, &bus->accept_again,
			       loop_now_ms() + ACCEPT_AGAIN_MS);
}

static void on_listen(void *data, int listen_fd, uint32_t events)
{
	struct bus *bus = data;
	int fd = 0;

	for (size_t i = 0; i < ACCEPT_SLICE && fd >= 0; i++) {
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			add_client(bus, fd);
	}
	if (fd >= 0 || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* The listening socket stays readable while there is no descriptor to be had. */
	l_warn("control socket: %s", strerror(errno));
	loop_unwatch(&bus->listen);
	loop_set_timer(bus->setup.loop, &bus->accept_again, loop_now_ms() + ACCEPT_AGAIN_MS);
}

/* The claim is ours, so whatever socket is there is stale. */
static int bind_socket(struct bus *bus)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n, fd, r = 0;

	n = snprintf(bus->socket_path, sizeof(bus->socket_path), "%s/" SOCKET_NAME,
		     bus->setup.runtime_directory);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path)) {
		bus->socket_path[0] = '\0';
		return -ENAMETOOLONG;
	}
	memcpy(sun.sun_path, bus->socket_path, (size_t)n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (unlink(bus->socket_path) < 0 && errno != ENOENT)
		r = -errno;
	else if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
		 chmod(bus->socket_path, 0666) < 0 || listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	bus->listen.fd = fd;
	return 0;
}

/* ---- all of it ---- */

/* Nobody else's time is taken from it, whatever it may do. */
static int serve_private(struct bus *bus)
{
	const struct bus_private *private = bus->setup.private;
	struct peer *peer;
	int r = peer_new(bus, private->fd, geteuid(), USER_PRIVILEGED, &peer);

	if (r == 0)
		peer->privileged = private->may_change;
	return r;
}

static int serve(struct bus *bus)
{
	int r = bind_socket(bus);

	if (r < 0)
		return r;
	start_accepting(bus);
	if (bus->setup.system_bus)
		system_look(bus);
	return 0;
}

int bus_new(const struct bus_setup *setup, struct bus **ret_bus)
{
	struct bus *bus = l_new(struct bus, 1);
	int r;

	bus->setup = *setup;
	bus->vtable = bus_vtable;
	bus->task = (struct loop_task){.run = run_task, .data = bus};
	bus->accept_again = (struct loop_timer){.on_due = start_accepting, .data = bus};
	bus->listen = (struct loop_source){.on_ready = on_listen, .data = bus, .fd = -1};
	r = setup->private ? serve_private(bus) : serve(bus);
	if (r < 0) {
		l_free(bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}

void bus_free(struct bus *bus)
{
	struct peer *peer;

	if (!bus)
		return;
	while ((peer = bus->peers)) {
		bus->peers = peer->next;
		let_go(peer);
	}
	loop_drop_task(&bus->task);
	loop_clear_timer(&bus->accept_again);
	loop_clear_timer(&bus->system_again);
	loop_clear_timer(&bus->pause);
	loop_clear_timer(&bus->measures.late);
	loop_clear_timer(&bus->sample.late);
	loop_clear_timer(&bus->tick);
	bus_forget_listeners(bus);
	loop_unwatch(&bus->listen);
	if (bus->listen.fd >= 0) {
		close(bus->listen.fd);
		unlink(bus->socket_path);
	}
	l_free(bus);
}
