/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What runs between an event of the kernel and the command it causes. A daemon that has slept finds
 * nothing of itself in the caches, so that each line and page it touches there is waited for: the
 * compiler puts these functions beside each other, and they call nothing else.
 */
#ifndef BASE_HOT_H
#define BASE_HOT_H

#define HOT __attribute__((hot))

#endif
