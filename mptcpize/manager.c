/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "mptcpize.h"
#include "unit-name.h"

#define NAME "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"
#define RELOAD_US (90 * 1000000ULL)

/* ---- the way to it ---- */

/* Where systemd itself listens for root, without a bus. */
static int open_private(struct manager *manager)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char address[4096];
	int n, r;

	if (!manager->user)
		n = snprintf(address, sizeof(address), "unix:path=/run/systemd/private");
	else
		n = snprintf(address, sizeof(address), "unix:path=%s/systemd/private",
			     runtime ? runtime : "");
	if (n >= (int)sizeof(address) || sd_bus_new(&manager->bus) < 0)
		return -ENOMEM;
	r = sd_bus_set_address(manager->bus, address);
	if (r >= 0)
		r = sd_bus_start(manager->bus);
	if (r < 0)
		manager->bus = sd_bus_close_unref(manager->bus);
	return r;
}

static bool answers(struct manager *manager)
{
	char *version = manager_get(manager, NULL, MANAGER_SELF, "Version");
	bool found = *version;

	free(version);
	return found;
}

bool manager_open(struct manager *manager, bool user)
{
	int r;

	*manager = (struct manager){.user = user};
	r = user ? sd_bus_open_user(&manager->bus) : sd_bus_open_system(&manager->bus);
	if (r >= 0 && answers(manager))
		return true;
	manager_close(manager);
	/* Who names a bus means that one. */
	if (!getenv(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS") &&
	    open_private(manager) >= 0 && answers(manager))
		return true;
	manager_close(manager);
	return false;
}

int manager_absent(bool user)
{
	cli_fail(user ? "no systemd of this user answers; --user works where the user is logged in"
		      : "no systemd answers");
	return EXIT_NO_SYSTEMD;
}

void manager_close(struct manager *manager)
{
	manager->bus = sd_bus_close_unref(manager->bus);
}

static int fail(const char *what, const char *name, int r, const sd_bus_error *error)
{
	cli_fail("%s%s: %s", what, name, error->message ? error->message : strerror(-r));
	if (r == -EACCES || r == -EPERM ||
	    sd_bus_error_has_name(error,
				  "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"))
		return EXIT_NOT_PERMITTED;
	return EXIT_FAILED;
}

int manager_reload(struct manager *manager)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	int r = sd_bus_message_new_method_call(manager->bus, &call, NAME, PATH, INTERFACE,
					       "Reload");
	int code = EXIT_DONE;

	if (r >= 0)
		r = sd_bus_call(manager->bus, call, RELOAD_US, &error, NULL);
	if (r < 0)
		code = fail("systemd does not read its files again", "", r, &error);
	sd_bus_message_unref(call);
	sd_bus_error_free(&error);
	return code;
}

/* ---- units ---- */

int manager_load(struct manager *manager, const char *name, struct manager_unit *ret_unit)
{
	char instance[2 * UNIT_NAME_SIZE];
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	struct manager_unit unit = {0};
	const char *dot = strrchr(name, '.'), *path;
	int code = EXIT_DONE, r;

	snprintf(instance, sizeof(instance),
		 unit_name_is_template(name) ? "%.*smptcpize%s" : "%.*s%s", (int)(dot - name), name,
		 dot);
	r = sd_bus_call_method(manager->bus, NAME, PATH, INTERFACE, "LoadUnit", &error, &reply, "s",
			       instance);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r < 0) {
		code = fail(name, "", r, &error);
	} else {
		unit.path = strdup(path);
		unit.interface = strcmp(dot, ".socket") == 0 ? NAME ".Socket" : NAME ".Service";
		if (!unit.path)
			abort();
		unit.id = manager_get(manager, &unit, MANAGER_UNIT, "Id");
		*ret_unit = unit;
	}
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	return code;
}

void manager_unit_done(struct manager_unit *unit)
{
	free(unit->path);
	free(unit->id);
	*unit = (struct manager_unit){0};
}

/* ---- properties ---- */

static const char *interface_of(const struct manager_unit *unit, enum manager_scope scope)
{
	switch (scope) {
	case MANAGER_SELF:
		return INTERFACE;
	case MANAGER_UNIT:
		return NAME ".Unit";
	case MANAGER_TYPE:
		break;
	}
	return unit->interface;
}

static const char *path_of(const struct manager_unit *unit, enum manager_scope scope)
{
	return scope == MANAGER_SELF ? PATH : unit->path;
}

char *manager_get(struct manager *manager, const struct manager_unit *unit,
		  enum manager_scope scope, const char *name)
{
	char *value = NULL;

	if (sd_bus_get_property_string(manager->bus, NAME, path_of(unit, scope),
				       interface_of(unit, scope), name, NULL, &value) < 0)
		value = strdup("");
	if (!value)
		abort();
	return value;
}

static char **empty_list(void)
{
	char **list = calloc(1, sizeof(*list));

	if (!list)
		abort();
	return list;
}

char **manager_get_list(struct manager *manager, const struct manager_unit *unit,
			enum manager_scope scope, const char *name)
{
	char **list = NULL;

	if (sd_bus_get_property_strv(manager->bus, NAME, path_of(unit, scope),
				     interface_of(unit, scope), name, NULL, &list) < 0)
		list = NULL;
	return list ? list : empty_list();
}

void manager_free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static sd_bus_message *get(struct manager *manager, const struct manager_unit *unit,
			   enum manager_scope scope, const char *name, const char *type)
{
	sd_bus_message *reply = NULL;

	if (sd_bus_get_property(manager->bus, NAME, path_of(unit, scope), interface_of(unit, scope),
				name, NULL, &reply, type) < 0)
		return NULL;
	return reply;
}

uint64_t manager_get_number(struct manager *manager, const struct manager_unit *unit,
			    enum manager_scope scope, const char *name, uint64_t fallback)
{
	static const char *const types[] = {"b", "i", "u", "t"};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		sd_bus_message *reply = get(manager, unit, scope, name, types[i]);
		uint64_t value = 0;
		int32_t word = 0;
		bool wide = *types[i] == 't';

		if (!reply)
			continue;
		if (sd_bus_message_read_basic(reply, *types[i],
					      wide ? (void *)&value : (void *)&word) > 0)
			fallback = wide ? value : (uint64_t)(int64_t)word;
		sd_bus_message_unref(reply);
		break;
	}
	return fallback;
}

static void append(char ***list, size_t n, const char *value)
{
	char **longer = reallocarray(*list, n + 2, sizeof(*longer));

	if (!longer)
		abort();
	longer[n] = strdup(value);
	longer[n + 1] = NULL;
	if (!longer[n])
		abort();
	*list = longer;
}

/* `type` is an array of structures; the string is behind those of type `before`, and before `after`. */
static char **get_strings(struct manager *manager, const struct manager_unit *unit,
			  const char *name, const char *type, const char *before, const char *after)
{
	sd_bus_message *reply = get(manager, unit, MANAGER_TYPE, name, type);
	char **list = empty_list(), contents[32];
	const char *found;
	size_t n = 0;

	snprintf(contents, sizeof(contents), "%ss%s", before, after);
	if (reply && sd_bus_message_enter_container(reply, 'a', type + 1) >= 0)
		while (sd_bus_message_enter_container(reply, 'r', contents) > 0) {
			if (*before)
				sd_bus_message_skip(reply, before);
			if (sd_bus_message_read_basic(reply, 's', &found) > 0)
				append(&list, n++, found);
			if (*after)
				sd_bus_message_skip(reply, after);
			sd_bus_message_exit_container(reply);
		}
	sd_bus_message_unref(reply);
	return list;
}

char **manager_get_firsts(struct manager *manager, const struct manager_unit *unit,
			  const char *name, const char *type)
{
	char after[32];

	/* "a(sb)": what is behind the first string */
	snprintf(after, sizeof(after), "%.*s", (int)strlen(type) - 4, type + 3);
	return get_strings(manager, unit, name, type, "", after);
}

char **manager_get_seconds(struct manager *manager, const struct manager_unit *unit,
			   const char *name)
{
	return get_strings(manager, unit, name, "a(ss)", "s", "");
}

bool manager_forbids_call(struct manager *manager, const struct manager_unit *unit,
			  const char *call)
{
	sd_bus_message *reply = get(manager, unit, MANAGER_TYPE, "SystemCallFilter", "(bas)");
	bool named = false, any = false;
	const char *name;
	int allowed = 0;

	if (reply && sd_bus_message_enter_container(reply, 'r', "bas") >= 0 &&
	    sd_bus_message_read(reply, "b", &allowed) >= 0 &&
	    sd_bus_message_enter_container(reply, 'a', "s") >= 0)
		while (sd_bus_message_read_basic(reply, 's', &name) > 0) {
			/* "socket:EPERM" fails in another way than others */
			any = true;
			named |= strncmp(name, call, strlen(call)) == 0 &&
				 strchr(":", name[strlen(call)]);
		}
	sd_bus_message_unref(reply);
	return any && (allowed ? !named : named);
}

bool manager_is_socket(const struct manager_unit *unit)
{
	return strcmp(unit->interface, NAME ".Socket") == 0;
}

pid_t manager_pid(struct manager *manager)
{
	sd_bus_creds *creds = NULL;
	pid_t pid = 0;
	int r = sd_bus_get_name_creds(manager->bus, NAME, SD_BUS_CREDS_PID, &creds);

	if (r < 0) /* no bus is in between */
		r = sd_bus_get_owner_creds(manager->bus, SD_BUS_CREDS_PID, &creds);
	if (r >= 0)
		r = sd_bus_creds_get_pid(creds, &pid);
	sd_bus_creds_unref(creds);
	return r < 0 ? 0 : pid;
}

int manager_processes(struct manager *manager, const struct manager_unit *unit,
		      void (*on_process)(void *data, pid_t pid), void *data)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	uint32_t pid;
	int code = EXIT_DONE;
	int r = sd_bus_call_method(manager->bus, NAME, unit->path, unit->interface, "GetProcesses",
				   &error, &reply, NULL);

	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(sus)");
	while (r >= 0 && (r = sd_bus_message_read(reply, "(sus)", NULL, &pid, NULL)) > 0)
		on_process(data, (pid_t)pid);
	if (r < 0)
		code = fail(unit->id, "", r, &error);
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	return code;
}
