/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control plane's two doors: the private socket and the system bus. */
#include "bus-private.h"

#include <ell/ell.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SOCKET_NAME "control"
#define ACCEPT_AGAIN_S 1
/* At boot the system bus comes soon after us, in a container never: ask ever less often. */
#define SYSTEM_AGAIN_MAX_S 32
/* What uids of other user namespaces look like; never our own, whoever we run as. */
#define OVERFLOW_UID 65534

uint64_t bus_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void bus_refresh(struct bus *bus)
{
	if (bus->setup.refresh)
		bus->setup.refresh(bus->setup.data);
}

static void on_system_again(struct l_timeout *timeout, void *data);

static void try_system_again(struct bus *bus)
{
	if (bus->system_again_s < SYSTEM_AGAIN_MAX_S)
		bus->system_again_s = bus->system_again_s ? bus->system_again_s * 2 : 1;
	if (bus->system_again)
		l_timeout_modify(bus->system_again, bus->system_again_s);
	else
		bus->system_again =
			l_timeout_create(bus->system_again_s, on_system_again, bus, NULL);
}

/* ---- the loop's spare time ---- */

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
			try_system_again(bus);
		peer_free(peer);
	}
}

static void on_idle(struct l_idle *idle, void *data)
{
	struct bus *bus = data;
	bool more = false;

	bury(bus);
	for (struct peer *peer = bus->peers; peer; peer = peer->next)
		if (peer->again && !peer->dead)
			peer_service(peer);
	if (monitor_slice(bus))
		more = true;
	for (struct peer *peer = bus->peers; peer; peer = peer->next)
		more |= peer->again || peer->dead;
	if (more)
		return;
	l_idle_remove(bus->idle);
	bus->idle = NULL;
}

void bus_kick(struct bus *bus)
{
	if (!bus->idle)
		bus->idle = l_idle_create(on_idle, bus, NULL);
}

void bus_flush(struct bus *bus)
{
	if (monitor_slice(bus))
		bus_kick(bus);
}

/* ---- the private socket ---- */

/* Is there room for one more client of this user? */
static bool has_room(const struct bus *bus, uid_t uid, bool privileged)
{
	size_t n = 0, n_unprivileged = 0, n_user = 0;

	for (const struct peer *peer = bus->peers; peer; peer = peer->next) {
		if (peer->system || peer->dead)
			continue;
		n++;
		n_unprivileged += !peer->privileged;
		n_user += peer->uid == uid;
	}
	return n < BUS_PEERS_MAX &&
	       (privileged || (n_unprivileged < BUS_PEERS_UNPRIVILEGED && n_user < BUS_PEERS_USER));
}

/* Takes over `fd`. */
static int add_client(struct bus *bus, int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	struct peer *peer;
	sd_id128_t id;
	sd_bus *sd = NULL;
	bool privileged;
	int r;

	r = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 ? -errno : 0;
	privileged =
		r == 0 && (cred.uid == 0 || (cred.uid == geteuid() && cred.uid != OVERFLOW_UID));
	if (r == 0 && !has_room(bus, cred.uid, privileged))
		r = -EUSERS;
	if (r == 0)
		r = sd_id128_randomize(&id);
	if (r == 0)
		r = sd_bus_new(&sd);
	if (r >= 0)
		r = sd_bus_set_fd(sd, fd, fd);
	if (r < 0) {
		close(fd);
		sd_bus_unref(sd);
		return r;
	}
	r = sd_bus_set_server(sd, 1, id);
	if (r >= 0)
		r = sd_bus_start(sd);
	if (r < 0) {
		sd_bus_close_unref(sd);
		return r;
	}
	r = peer_new(bus, sd, &peer);
	if (r < 0)
		return r;
	peer->uid = cred.uid;
	peer->privileged = privileged;
	return 0;
}

static bool on_listen(struct l_io *io, void *data);

static void on_accept_again(struct l_timeout *timeout, void *data)
{
	struct bus *bus = data;

	l_timeout_remove(bus->accept_again);
	bus->accept_again = NULL;
	l_io_set_read_handler(bus->listen_io, on_listen, bus, NULL);
}

static bool on_listen(struct l_io *io, void *data)
{
	struct bus *bus = data;
	int fd = accept4(bus->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		add_client(bus, fd); /* a failure is the client's: it sees its connection closed */
		return true;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return true;
	/* Out of descriptors or memory: the client waits, we must not spin. */
	bus->accept_again = l_timeout_create(ACCEPT_AGAIN_S, on_accept_again, bus, NULL);
	return false;
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
		 chmod(bus->socket_path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	bus->listen_fd = fd;
	bus->listen_io = l_io_new(fd);
	l_io_set_read_handler(bus->listen_io, on_listen, bus, NULL);
	return 0;
}

/* ---- the system bus ---- */

static int on_name(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	uint32_t result = 0;

	if (e)
		l_warn("the system bus refuses the name " WIRE_NAME ": %s", e->message);
	else if (sd_bus_message_read(m, "u", &result) >= 0 && result > 1 && result != 4)
		l_warn("another program has the name " WIRE_NAME " on the system bus");
	return 0;
}

static int connect_system(struct bus *bus)
{
	sd_bus *sd;
	struct peer *peer;
	int r = sd_bus_open_system(&sd);

	if (r < 0)
		return r;
	r = peer_new(bus, sd, &peer);
	if (r < 0)
		return r;
	peer->system = true;
	r = sd_bus_request_name_async(peer->sd, NULL, WIRE_NAME, 0, on_name, NULL);
	if (r < 0)
		peer->dead = true;
	peer_update(peer);
	return 0;
}

static void on_system_again(struct l_timeout *timeout, void *data)
{
	struct bus *bus = data;

	if (connect_system(bus) < 0) {
		try_system_again(bus);
		return;
	}
	l_timeout_remove(bus->system_again);
	bus->system_again = NULL;
}

/* ---- all of it ---- */

int bus_new(const struct bus_setup *setup, struct bus **ret_bus)
{
	struct bus *bus = l_new(struct bus, 1);
	int r;

	bus->setup = *setup;
	bus->listen_fd = -1;
	r = bind_socket(bus);
	if (r < 0) {
		l_free(bus);
		return r;
	}
	if (setup->system_bus && connect_system(bus) < 0)
		try_system_again(bus);
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
		peer_free(peer);
	}
	l_idle_remove(bus->idle);
	l_timeout_remove(bus->accept_again);
	l_timeout_remove(bus->system_again);
	l_io_destroy(bus->listen_io);
	close(bus->listen_fd);
	unlink(bus->socket_path);
	free(bus->ring);
	l_free(bus);
}
