/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Methods that change something: may the caller, is what it says well-formed, and do it. */
#include "bus-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"

/* ---- reading what the caller wants ---- */

static int invalid(sd_bus_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int invalid(sd_bus_error *error, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return sd_bus_error_set(error, WIRE_ERROR_INVALID, text);
}

/* `what` names it to the caller. Its port may be 0 only if that is allowed. */
static int read_addr(sd_bus_message *m, const char *what, bool needs_port,
		     struct mptcpd_addr *ret_addr, sd_bus_error *error)
{
	const char *text;
	uint16_t port;
	int r = sd_bus_message_read(m, WIRE_ADDR, &text, &port);

	if (r < 0)
		return r;
	if (addr_parse(text, ret_addr) < 0 || ret_addr->port)
		return invalid(error, "%s is \"%s\", expected an IPv4 or IPv6 address", what, text);
	if (needs_port && port == 0)
		return invalid(error, "%s has port 0, expected 1 to 65535", what);
	ret_addr->port = port;
	return 0;
}

/* Options of later versions: whoever sends one means it, so it must not be overlooked. */
static int read_no_options(sd_bus_message *m, sd_bus_error *error)
{
	const char *key;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'e', "sv");
	if (r <= 0)
		return r;
	r = sd_bus_message_read(m, "s", &key);
	return r < 0 ? r : invalid(error, "unknown option \"%s\"", key);
}

static int read_interface(const struct bus *bus, const char *name, uint32_t *ret_ifindex,
			  sd_bus_error *error)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct table_entry *entry;

	*ret_ifindex = 0;
	if (!*name)
		return 0;
	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = (const struct interface *)entry;

		if (strcmp(interface->name, name) != 0)
			continue;
		*ret_ifindex = interface->ifindex;
		return 0;
	}
	return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND, "no interface \"%s\"", name);
}

/* ---- answering ---- */

/* The end of every message: clients read the errno from it. */
static int failed(sd_bus_error *error, const char *name, const char *text, int r)
{
	return sd_bus_error_setf(error, name, "%s [errno %d]", text, -r);
}

/* Word what the engine said. */
static int word_result(sd_bus_message *m, struct bus *bus, uint32_t token, int r,
		       sd_bus_error *error)
{
	const char *words = bus->setup.error_text ? bus->setup.error_text(bus->setup.data) : "";
	char text[256];

	switch (-r) {
	case ESRCH:
		return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND,
					 "no connection with token %08x", token);
	case ENOENT:
		return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND,
					 "connection %08x has no such subflow", token);
	case EPERM:
		return failed(error, WIRE_ERROR_FAILED,
			      "the connection is not under the userspace path manager", r);
	case EOPNOTSUPP:
		return failed(error, WIRE_ERROR_FAILED, "the connection has fallen back to TCP", r);
	default:
		break;
	}
	if (r >= 0)
		return sd_bus_reply_method_return(m, "");
	snprintf(text, sizeof(text), "%s%s%s", strerror(-r), *words ? ": " : "", words);
	return failed(error, WIRE_ERROR_FAILED, text, r);
}

static int answer(sd_bus_message *m, struct bus *bus, uint32_t token, int r, sd_bus_error *error)
{
	r = word_result(m, bus, token, r, error);
	if (bus->setup.settle)
		bus->setup.settle(bus->setup.data);
	return r;
}

/* ---- the changes ---- */

static int add_subflow(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct subflow_request request = {0};
	const char *interface;
	uint32_t token;
	int backup, r = sd_bus_message_read(m, "u", &token);

	if (r >= 0)
		r = read_addr(m, "the local address", false, &request.local, error);
	if (r >= 0)
		r = read_addr(m, "the remote address", true, &request.remote, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "ysb", &request.local_id, &interface, &backup);
	if (r >= 0)
		r = read_no_options(m, error);
	if (r >= 0)
		r = read_interface(bus, interface, &request.ifindex, error);
	if (r < 0)
		return r;
	if (request.local.family != request.remote.family)
		return invalid(error, "the local and the remote address are of different families");
	request.flags = backup ? MPTCPD_FLAG_BACKUP : 0;
	r = engine_subflow_add(bus->setup.engine, token, &request, bus_now_ms());
	return answer(m, bus, token, r, error);
}

static int delete_subflow(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct mptcpd_addr local, remote;
	uint32_t token;
	int r = sd_bus_message_read(m, "u", &token);

	if (r >= 0)
		r = read_addr(m, "the local address", true, &local, error);
	if (r >= 0)
		r = read_addr(m, "the remote address", true, &remote, error);
	if (r >= 0)
		r = read_no_options(m, error);
	if (r < 0)
		return r;
	r = engine_subflow_delete(bus->setup.engine, token, &local, &remote, bus_now_ms());
	return answer(m, bus, token, r, error);
}

static int change_subflow(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct mptcpd_addr local, remote;
	uint32_t token;
	int backup, r = sd_bus_message_read(m, "u", &token);

	if (r >= 0)
		r = read_addr(m, "the local address", false, &local, error);
	if (r >= 0)
		r = read_addr(m, "the remote address", false, &remote, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "b", &backup);
	if (r >= 0)
		r = read_no_options(m, error);
	if (r < 0)
		return r;
	r = engine_subflow_change(bus->setup.engine, token, &local, &remote, backup, bus_now_ms());
	return answer(m, bus, token, r, error);
}

static int reload(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	char text[512] = "";
	int r;

	if (!bus->setup.reload)
		return sd_bus_error_set(error, SD_BUS_ERROR_NOT_SUPPORTED,
					"this mptcpd does not reload");
	r = bus->setup.reload(bus->setup.data, text, sizeof(text));
	bus_clean(text);
	if (r < 0)
		return failed(error, WIRE_ERROR_FAILED, *text ? text : strerror(-r), r);
	return sd_bus_reply_method_return(m, "");
}

/* One row a method of the vtable whose handler is bus_method_change(). */
static const struct {
	const char *member;
	int (*run)(sd_bus_message *m, struct bus *bus, sd_bus_error *error);
} changes[] = {
	{"AddSubflow", add_subflow},
	{"DeleteSubflow", delete_subflow},
	{"ChangeSubflow", change_subflow},
	{"Reload", reload},
};

static int run_change(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		if (strcmp(changes[i].member, sd_bus_message_get_member(m)) == 0)
			return changes[i].run(m, bus, error);
	return -EOPNOTSUPP;
}

/* ---- who may ---- */

static int refuse(sd_bus_error *error)
{
	return sd_bus_error_set(error, WIRE_ERROR_NOT_PERMITTED,
				"only root and the user that runs mptcpd may change this");
}

/* A change that waits for the system bus to say who asked for it. */
struct waiting {
	struct bus *bus;
	sd_bus_message *m;
};

static void free_waiting(void *data)
{
	struct waiting *waiting = data;

	sd_bus_message_unref(waiting->m);
	free(waiting);
}

static int on_caller(sd_bus_message *answer_message, void *data, sd_bus_error *unused)
{
	struct waiting *waiting = data;
	__attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
	uint32_t uid;
	int r;

	if (sd_bus_message_is_method_error(answer_message, NULL) ||
	    sd_bus_message_read(answer_message, "u", &uid) < 0 || (uid != 0 && uid != geteuid()))
		r = refuse(&error);
	else
		r = run_change(waiting->m, waiting->bus, &error);
	return r < 0 ? sd_bus_reply_method_errno(waiting->m, r, &error) : r;
}

/* Without waiting here: the broker may take its time. */
static int ask_for_caller(sd_bus_message *m, struct peer *peer)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	sd_bus_slot *slot;
	int r;

	if (!waiting)
		abort();
	waiting->bus = peer->bus;
	waiting->m = sd_bus_message_ref(m);
	r = sd_bus_call_method_async(peer->sd, &slot, "org.freedesktop.DBus",
				     "/org/freedesktop/DBus", "org.freedesktop.DBus",
				     "GetConnectionUnixUser", on_caller, waiting, "s",
				     sd_bus_message_get_sender(m));
	if (r < 0) {
		free_waiting(waiting);
		return r;
	}
	sd_bus_slot_set_destroy_callback(slot, free_waiting);
	sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return 1;
}

int bus_method_change(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct peer *peer = data;

	if (peer->system)
		return ask_for_caller(m, peer);
	return peer->privileged ? run_change(m, peer->bus, error) : refuse(error);
}
