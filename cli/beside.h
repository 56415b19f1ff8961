/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program uses of the others: where it was built, it stands beside the program. */
#ifndef CLI_BESIDE_H
#define CLI_BESIDE_H

#include <limits.h>

/* `path` as from the directory of this program, written into `room`; `installed` if it is not there. */
const char *beside_find(const char *path, const char *installed, char room[static PATH_MAX]);

#endif
