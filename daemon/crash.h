/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes in the guard by which signal, or exit(), the process ends, if it ends in a plugin. */
#ifndef DAEMON_CRASH_H
#define DAEMON_CRASH_H

#include "guard.h"

/* From now on, once. The process dies as it would without. */
void crash_watch(struct guard *guard);
/* Before the guard goes. */
void crash_forget(void);

#endif
