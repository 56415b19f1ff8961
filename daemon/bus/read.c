/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading what a caller wants: each part well-formed, or an error that names it. */
#include "bus-private.h"

#include <ell/ell.h>
#include <stdarg.h>
#include <string.h>

#include "addr.h"
#include "words.h"

int bus_invalid(sd_bus_error *error, const char *format, ...)
{
	char *text;
	va_list args;
	int r;

	va_start(args, format);
	text = l_strdup_vprintf(format, args);
	va_end(args);
	r = sd_bus_error_set(error, WIRE_ERROR_INVALID, text);
	l_free(text);
	return r;
}

int bus_read_token(sd_bus_message *m, const struct bus *bus, uint32_t *ret_token)
{
	int r = sd_bus_message_read(m, "u", ret_token);

	if (r >= 0 && bus->setup.catch_up &&
	    !model_find_connection(engine_model(bus->setup.engine), *ret_token))
		bus->setup.catch_up(bus->setup.data);
	return r;
}

int bus_read_maybe_addr(sd_bus_message *m, const char *what, struct mptcpd_addr *ret_addr,
			sd_bus_error *error)
{
	const char *text;
	uint16_t port;
	int r = sd_bus_message_read(m, WIRE_ADDR, &text, &port);

	if (r < 0)
		return r;
	*ret_addr = (struct mptcpd_addr){0};
	if (*text && (addr_parse(text, ret_addr) < 0 || ret_addr->port))
		return bus_invalid(error, "%s is \"%s\", expected an IPv4 or IPv6 address", what,
				   text);
	ret_addr->port = port;
	return 0;
}

int bus_read_addr(sd_bus_message *m, const char *what, bool needs_port,
		  struct mptcpd_addr *ret_addr, sd_bus_error *error)
{
	int r = bus_read_maybe_addr(m, what, ret_addr, error);

	if (r < 0)
		return r;
	if (!ret_addr->family)
		return bus_invalid(error, "%s is \"\", expected an IPv4 or IPv6 address", what);
	if (needs_port && ret_addr->port == 0)
		return bus_invalid(error, "%s has port 0, expected 1 to 65535", what);
	return 0;
}

int bus_read_option(sd_bus_message *m, const char *name, bool *ret_value, sd_bus_error *error)
{
	const char *key;
	int value, r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r < 0)
			return r;
		if (!name || strcmp(key, name) != 0)
			return bus_invalid(error, "unknown option \"%s\", expected %s", key,
					   name ? name : "none");
		if (sd_bus_message_read(m, "v", "b", &value) < 0)
			return bus_invalid(error, "option \"%s\" is no boolean", key);
		*ret_value = value;
		r = sd_bus_message_exit_container(m);
	}
	return r;
}

int bus_read_no_options(sd_bus_message *m, sd_bus_error *error)
{
	return bus_read_option(m, NULL, NULL, error);
}

int bus_read_interface(sd_bus_message *m, const struct bus *bus, uint32_t *ret_ifindex,
		       sd_bus_error *error)
{
	const struct model *model = engine_model(bus->setup.engine);
	const struct table_entry *entry;
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	*ret_ifindex = 0;
	if (r < 0 || !*name)
		return r;
	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = (const struct interface *)entry;

		if (strcmp(interface->is.name, name) != 0)
			continue;
		*ret_ifindex = interface->is.ifindex;
		return 0;
	}
	return sd_bus_error_setf(error, WIRE_ERROR_NOT_FOUND, "no interface \"%s\"", name);
}

int bus_read_flags(sd_bus_message *m, uint32_t *ret_flags, sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	*ret_flags = 0;
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(m, "s", &name)) > 0) {
		uint32_t flag = flag_from_name(name);

		if (!flag)
			return bus_invalid(error,
					   "unknown flag \"%s\", expected signal, subflow, "
					   "backup, fullmesh or laminar",
					   name);
		*ret_flags |= flag;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}
