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
/* Hang up, and see the private daemon end. */
void lone_end(struct ctl *ctl);

/*
 * The program mptcpd: $MPTCPD, else the one of the tree that this program was built in, else the
 * one that was installed with it. It gets no other rights than its caller's, whoever names it.
 */
const char *lone_find_program(char beside[static PATH_MAX]);

#endif
