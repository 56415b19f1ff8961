/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of the kernel room share: a namespace of their own, and a kernel whose events are
 * kept. What they wait for they wait for on its descriptors, with a deadline; nothing sleeps.
 */
#ifndef TESTS_KERNEL_FIXTURE_H
#define TESTS_KERNEL_FIXTURE_H

#include <glib.h>

#include "kernel.h"

struct fixture {
	struct kernel *kernel;
	GArray *events; /* of struct event, in order */
	guint seen; /* how many of them were looked at */
	void (*on_early)(struct fixture *f, const struct event *event); /* may be NULL */
	GArray *refused; /* of int: what was asked for early and refused */
};

/* Enter a new namespace and bring up lo. False: it cannot be, which was said in TAP. */
bool enter_namespace(void);

/* For g_test_add(). */
void set_up(struct fixture *f, const void *data);
void tear_down(struct fixture *f, const void *data);
void on_event(void *data, const struct event *event);

/* When waiting has been long enough; the environment's MPTCPD_SLOW makes it so much longer. */
gint64 deadline(void);
/* Is the running kernel older than that version? */
bool kernel_before(int major, int minor);

/* Wait for one descriptor, and read those that are ready. */
void pump(struct fixture *f, gint64 until);
/* The next event of this type (and token, if not 0) after those already looked at. */
struct event wait_for(struct fixture *f, enum event_type type, uint32_t token);

/* Run a command that must succeed. */
void run(const char *format, ...) G_GNUC_PRINTF(1, 2);

struct mptcpd_addr parse(const char *text);
void assert_addr(const struct mptcpd_addr *addr, const char *expected);

#endif
