/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words the engine's notices for the log: each kind of trouble once a minute, with a count, and one that
 * is there for good once a life.
 */
#ifndef DAEMON_NOTICE_H
#define DAEMON_NOTICE_H

#include "engine.h"

/* Remember it, or log it if its kind was not logged lately. */
void notice_log(const struct notice *notice, const struct model *model, uint64_t now_ms);
/* Log the change in a line, for those who asked to see all. */
void notice_log_change(const struct model *model, const struct change *change);

#endif
