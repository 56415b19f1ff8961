/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control plane's second door: the system bus, as soon as there is one. */
#include "bus-private.h"

#include <ell/ell.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ADDRESS "unix:path=/run/dbus/system_bus_socket"
/* At boot the system bus comes soon after us, in a container never: ask ever less often. */
#define AGAIN_MAX_S 32
/* Answers of org.freedesktop.DBus.RequestName(). */
#define NAME_IS_OURS 1
#define NAME_WAS_OURS 4

/* ---- where it is ---- */

/* The value of an address's key, with its escapes undone: as long as it is, or -EINVAL. */
static int read_value(const char *value, char *text, size_t size)
{
	size_t n = 0;

	while (*value && *value != ',' && *value != ';') {
		char digits[3] = "";

		if (n + 1 >= size)
			return -EINVAL;
		if (*value != '%') {
			text[n++] = *value++;
			continue;
		}
		strncpy(digits, value + 1, 2);
		if (strspn(digits, "0123456789abcdefABCDEF") != 2)
			return -EINVAL;
		text[n++] = (char)strtoul(digits, NULL, 16);
		value += 3;
	}
	return (int)n;
}

static int read_address(const char *address, struct sockaddr_un *ret_sun, socklen_t *ret_size)
{
	size_t skip = 0;
	int n;

	*ret_sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strncmp(address, "unix:abstract=", 14) == 0)
		skip = 1;
	else if (strncmp(address, "unix:path=", 10) != 0)
		return -EAFNOSUPPORT;
	n = read_value(strchr(address, '=') + 1, ret_sun->sun_path + skip,
		       sizeof(ret_sun->sun_path) - skip);
	if (n <= 0)
		return -EINVAL;
	/* An abstract name is as long as it is, a path ends in a zero. */
	*ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
	return 0;
}

/* The first of the addresses that answers. Returns a descriptor or -errno. */
static int connect_first(const char *addresses)
{
	int r = -ENOENT;

	while (addresses && *addresses) {
		struct sockaddr_un sun;
		socklen_t size;
		int fd;

		r = read_address(addresses, &sun, &size);
		fd = r < 0 ? r : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (r == 0 && fd < 0)
			return -errno;
		if (r == 0 && connect(fd, (struct sockaddr *)&sun, size) == 0)
			return fd;
		if (r == 0) {
			r = -errno;
			close(fd);
		}
		addresses = strchr(addresses, ';');
		if (addresses)
			addresses++;
	}
	return r;
}

/* ---- to be there ---- */

/* In the minute after an installation the broker has not read who may own the name; ask it again. */
static int on_name(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	struct bus *bus = peer->bus;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	uint32_t result = 0;

	if (!e && sd_bus_message_read(m, "u", &result) < 0)
		return 1;
	if (!e && (result == NAME_IS_OURS || result == NAME_WAS_OURS)) {
		if (bus->system_refused)
			l_info(WIRE_NAME " is on the system bus now");
		bus->system_refused = false;
		bus->system_again_s = 0;
		return 1;
	}
	if (!bus->system_refused && e)
		l_warn("the system bus refuses the name " WIRE_NAME ": %s; it is asked again",
		       e->message);
	else if (!bus->system_refused)
		l_warn("another program has the name " WIRE_NAME
		       " on the system bus; it is asked for again");
	bus->system_refused = true;
	system_look_later(bus);
	return 1;
}

static int ask_for_name(struct peer *peer)
{
	return sd_bus_request_name_async(peer->sd, NULL, WIRE_NAME, 0, on_name, peer);
}

/* The sender of a message that the intake has cut is told why, before it is looked at. */
static int on_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const struct peer *peer = data;

	if (!peer->intake.is_cut)
		return 0;
	return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
				 "a message may have %d bytes at most, and what waits of one "
				 "program %u",
				 INTAKE_MAX, BACKLOG_MAX / BACKLOG_PART);
}

static int connect_system(struct bus *bus)
{
	const char *addresses = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	struct peer *peer;
	int r = connect_first(addresses ? addresses : ADDRESS);

	if (r >= 0)
		r = peer_new(bus, r, 0, USER_SYSTEM_BUS, &peer);
	if (r < 0)
		return r;
	r = sd_bus_add_filter(peer->sd, NULL, on_message, peer);
	if (r >= 0)
		r = ask_for_name(peer);
	if (r < 0)
		peer->dead = true;
	peer_update(peer);
	return 0;
}

static void on_again(void *data)
{
	struct bus *bus = data;
	struct peer *peer = bus->peers;

	while (peer && !peer->system)
		peer = peer->next;
	if (!peer)
		system_look(bus);
	else if (!peer->dead && ask_for_name(peer) >= 0)
		peer_update(peer);
}

void system_look_later(struct bus *bus)
{
	bus->system_again.on_due = on_again;
	bus->system_again.data = bus;
	if (bus->system_again_s < AGAIN_MAX_S)
		bus->system_again_s = bus->system_again_s ? bus->system_again_s * 2 : 1;
	loop_set_timer(bus->setup.loop, &bus->system_again,
		       loop_now_ms() + UINT64_C(1000) * bus->system_again_s);
}

void system_look(struct bus *bus)
{
	if (connect_system(bus) < 0)
		system_look_later(bus);
}
