/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the direct*.c files share. */
#ifndef CTL_DIRECT_PRIVATE_H
#define CTL_DIRECT_PRIVATE_H

#include "direct.h"
#include "record.h"

struct direct {
	struct kernel *kernel;
	struct model model;
	unsigned int ended; /* snapshots that came to their end, 1 << enum snapshot_kind */
	/* Told of every change, while somebody monitors. */
	void (*on_change)(struct direct *direct, const struct change *change);
	void *monitor; /* of on_change */
	char error[256];
};

/* Milliseconds of CLOCK_BOOTTIME. */
uint64_t direct_now_ms(void);
/* Note what went wrong, and return `error`, a negative errno. */
int direct_fail(struct direct *direct, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for what a command returned, in the kernel's words; 0 stays 0. */
int direct_told(struct direct *direct, int r);

/* Take a snapshot, and wait until the model has it. */
int direct_load(struct direct *direct, enum snapshot_kind kind);
/* Read what the kernel has to say, waiting for it up to this long. 0 or -errno. */
int direct_wait(struct direct *direct, int timeout_ms, int reader_fd);

#endif
