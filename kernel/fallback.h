/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel counts of connections that became plain TCP. */
#ifndef KERNEL_FALLBACK_H
#define KERNEL_FALLBACK_H

#include <stddef.h>

#include "ops.h"

/* "DssFallback 2, MPFailRx 1": those of this namespace that are not 0. 0 or -errno. */
int fallback_count(enum fallback when, char *ret_text, size_t size);

#endif
