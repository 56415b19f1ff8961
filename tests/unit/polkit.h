/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A polkit on the broker of the test, which lets everybody manage, and wants a password for all else. */
#ifndef TESTS_POLKIT_H
#define TESTS_POLKIT_H

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

struct polkit {
	GThread *thread;
	sd_bus *bus;
	gint stop;
	unsigned int n_asked;
	bool interactive; /* what the last question allowed */
	char *subject; /* … and whom it was about, owned */
};

extern struct polkit polkit;

void polkit_start(void);
void polkit_stop(void);

#endif
