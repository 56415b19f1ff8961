/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listening sockets stay open over a restart: systemd keeps them in the unit's file descriptor
 * store (FileDescriptorStoreMax=). Without systemd all of this does nothing.
 */
#ifndef FDSTORE_H
#define FDSTORE_H

#include "kernel.h"

/* Take over what the store holds, and keep it up to date from now on. */
void fdstore_start(struct kernel *kernel);
/* All connections have said what they need: let go of the rest. */
void fdstore_settle(struct kernel *kernel);
/* What is in the store now stays there. Before the engine goes. */
void fdstore_stop(struct kernel *kernel);

#endif
