/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "polkit.h"

#include <string.h>

struct polkit polkit;

static int on_check(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const char *kind, *key, *name, *action;
	uint32_t flags;
	bool is_manage;

	g_assert_cmpint(sd_bus_message_read(m, "(sa{sv})s", &kind, 1, &key, "s", &name, &action), >,
			0);
	g_assert_cmpint(sd_bus_message_skip(m, "a{ss}"), >, 0);
	g_assert_cmpint(sd_bus_message_read(m, "u", &flags), >, 0);
	g_assert_cmpstr(kind, ==, "system-bus-name");
	g_assert_cmpstr(key, ==, "name");
	polkit.n_asked++;
	polkit.interactive = flags & 1;
	g_free(polkit.subject);
	polkit.subject = g_strdup(name);
	is_manage = strcmp(action, "org.mptcpd1.manage") == 0;
	return sd_bus_reply_method_return(m, "(bba{ss})", is_manage, !is_manage, 0);
}

static const sd_bus_vtable polkit_vtable[] = {SD_BUS_VTABLE_START(0),
					      SD_BUS_METHOD("CheckAuthorization",
							    "(sa{sv})sa{ss}us", "(bba{ss})",
							    on_check, SD_BUS_VTABLE_UNPRIVILEGED),
					      SD_BUS_VTABLE_END};

static gpointer serve_polkit(gpointer data)
{
	while (!g_atomic_int_get(&polkit.stop)) {
		int r = sd_bus_process(polkit.bus, NULL);

		g_assert_cmpint(r, >=, 0);
		if (r == 0)
			sd_bus_wait(polkit.bus, 10000);
	}
	sd_bus_flush_close_unref(polkit.bus);
	return NULL;
}

void polkit_start(void)
{
	polkit.stop = 0;
	g_assert_cmpint(sd_bus_open_system(&polkit.bus), >=, 0);
	g_assert_cmpint(sd_bus_add_object_vtable(polkit.bus, NULL,
						 "/org/freedesktop/PolicyKit1/Authority",
						 "org.freedesktop.PolicyKit1.Authority",
						 polkit_vtable, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_request_name(polkit.bus, "org.freedesktop.PolicyKit1", 0), >=, 0);
	polkit.thread = g_thread_new("polkit", serve_polkit, NULL);
}

void polkit_stop(void)
{
	g_atomic_int_set(&polkit.stop, 1);
	g_thread_join(polkit.thread);
}
