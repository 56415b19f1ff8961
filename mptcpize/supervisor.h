/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process that makes the sockets of a filtered program. It is a child of the program which no
 * wait() finds and no terminal reaches, holds nothing of what the program has open, and ends when the
 * last process of the program has ended.
 */
#ifndef MPTCPIZE_SUPERVISOR_H
#define MPTCPIZE_SUPERVISOR_H

#include "tcp.h"

/* Start it, and wait until it is ready. Returns a descriptor for supervisor_serve(), or an error. */
int supervisor_start(const struct keepalive *keepalive);
/* Have it answer this listener; -1: there is none, so it ends. Closes `supervisor`. */
int supervisor_serve(int supervisor, int listener);

#endif
