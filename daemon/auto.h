/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locals that are freed when they go out of scope, by ell's functions.
 */
#ifndef DAEMON_AUTO_H
#define DAEMON_AUTO_H

#include <ell/ell.h>

/* AUTO(l_free) char *text = NULL; always with a first value. */
#define AUTO(func) __attribute__((cleanup(func##_cleanup)))

#endif
