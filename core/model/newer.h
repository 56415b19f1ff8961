/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was told of links, addresses, endpoints and limits while a dump of them runs: by the kernel itself, or
 * by the answers to commands of ours. A record of the dump may have been made before, and says nothing then.
 */
#ifndef CORE_NEWER_H
#define CORE_NEWER_H

#include "model.h"

/*
 * Note what is told meanwhile. Is this a record of the dump, and of something that was told of since the
 * dump began?
 */
bool newer_overtakes(struct model *model, enum snapshot_kind kind, const struct event *event);
/* The dump is over: forget some. False: there are no more. */
bool newer_sweep(struct model *model, enum snapshot_kind kind);

#endif
