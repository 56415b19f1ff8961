/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Has the configuration checked by another mptcpd, in a process of its own, while the loop turns. One
 * check runs at a time, and answers all who asked before it began: the files may have changed since.
 */
#ifndef DAEMON_CHECKER_H
#define DAEMON_CHECKER_H

#include "config.h"
#include "loop.h"

struct checker;

/* 0 with the warnings, -EINVAL with the faults, or another -errno; one a line. */
typedef void (*checker_func)(void *data, int r, const char *text);

/* Both must outlive it. */
struct checker *checker_new(struct loop *loop, const struct config_setup *setup);
/* Whoever waits is told -ECANCELED. NULL is none. */
void checker_free(struct checker *checker);
/* `on_done` is called once, from the loop or by checker_free(). */
void checker_ask(struct checker *checker, checker_func on_done, void *data);

#endif
