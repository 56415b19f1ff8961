/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that work without a running mptcpd: they ask a private one, which this program starts
 * for itself, with its own rights, and which ends with it.
 */
#ifndef CTL_LONE_H
#define CTL_LONE_H

#include <limits.h>

#include "ctl.h"

/*
 * Connect to mptcpd; if there is none and no socket was named, to a private one. `monitors` is for
 * mptcpctl_monitor(). Returns an exit code.
 */
int lone_connect(struct ctl *ctl, bool monitors);
/* The same, without looking for another one. */
int lone_connect_private(struct ctl *ctl, bool monitors);
/* Hang up, and see the private daemon end. */
void lone_end(struct ctl *ctl);

/*
 * The program mptcpd: $MPTCPD, else the one of the tree that this program was built in, else the
 * one that was installed with it. It gets no other rights than its caller's, whoever names it.
 */
const char *lone_find_program(char beside[static PATH_MAX]);
/*
 * Have it look for faults in the configuration: in `file`, or, if that is NULL, in the files that are read
 * by default, of this instance or of none. It writes them to `out`, -1: where we write. 0 or a positive
 * errno.
 */
int lone_start_check(const char *program, const char *file, const char *instance, int out,
		     pid_t *ret_pid);
/* Returns the exit status of what was started, -1: a signal ended it. */
int lone_wait(pid_t pid);

#endif
