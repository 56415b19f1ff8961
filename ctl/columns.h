/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text in aligned columns, printed in batches so that long listings neither wait nor pile up. */
#ifndef CTL_COLUMNS_H
#define CTL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#define COLUMNS_MAX 12
#define COLUMNS_BATCH 256

struct columns {
	size_t n;
	size_t n_cells; /* of all rows */
	size_t width[COLUMNS_MAX];
	char *cells[COLUMNS_BATCH * COLUMNS_MAX]; /* owned */
};

/* Begin a table; `headers` (n of them) is its first row, shown if `show`. */
void columns_begin(struct columns *columns, const char *const *headers, size_t n, bool show);
/* The next cell, formatted; NULL or "" is shown as "-". */
void columns_add(struct columns *columns, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Print what is left. */
void columns_end(struct columns *columns);

#endif
