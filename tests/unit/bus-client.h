/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of the bus, by libmptcpctl. */
#ifndef TESTS_BUS_CLIENT_H
#define TESTS_BUS_CLIENT_H

#include <glib.h>
#include <mptcpctl/client.h>

/* Connected to this socket, NULL: to the system bus. */
static inline struct mptcpctl *client_new(const char *socket)
{
	struct mptcpctl *ctl;

	g_assert_cmpint(mptcpctl_new(&ctl), ==, 0);
	g_assert_cmpint(mptcpctl_connect(ctl, socket), ==, 0);
	return ctl;
}

#endif
