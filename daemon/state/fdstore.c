/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fdstore.h"

#include <ell/ell.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "listener.h"

/* Not longer than systemd takes. */
#define NAME_SIZE 256

/* A name for each, because the store removes by name; it takes no colons. */
static void name_of(const struct mptcpd_addr *addr, char name[static NAME_SIZE])
{
	size_t n = addr->family == AF_INET6 ? 16 : 4;
	int length = snprintf(name, NAME_SIZE, "listener-%u-", addr->port);

	for (size_t i = 0; i < n; i++)
		length += snprintf(name + length, NAME_SIZE - (size_t)length, "%02x", addr->ip[i]);
}

static void take_out(const char *name)
{
	char text[NAME_SIZE + 64];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	sd_notify(0, text);
}

static void on_listener(void *data, int fd, const struct mptcpd_addr *addr, bool is_open)
{
	char name[NAME_SIZE], text[NAME_SIZE + 64];
	int r;

	(void)data;
	name_of(addr, name);
	if (!is_open) {
		take_out(name);
		return;
	}
	/* Listening sockets hang up in no way that poll() would tell. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	r = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	if (r < 0)
		l_warn("a listening socket will not survive a restart: %s", strerror(-r));
}

static bool is_ours(const char *name)
{
	return strncmp(name, "listener-", strlen("listener-")) == 0;
}

void fdstore_start(struct kernel *kernel)
{
	struct listeners *listeners = kernel_listeners(kernel);
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		int r = -EINVAL;

		if (is_ours(names[i]))
			r = listeners_adopt(listeners, fd);
		else
			close(fd);
		if (r < 0) {
			l_warn("'%.64s' in the descriptor store is not ours", names[i]);
			take_out(names[i]);
		}
		free(names[i]);
	}
	free(names);
	listeners->on_listener = on_listener;
}

void fdstore_settle(struct kernel *kernel)
{
	listeners_close_unused(kernel_listeners(kernel));
}

void fdstore_stop(struct kernel *kernel)
{
	kernel_listeners(kernel)->on_listener = NULL;
}
