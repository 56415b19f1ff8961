/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "columns.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "print.h"

static void print_batch(struct columns *columns)
{
	for (size_t i = 0; i < columns->n_cells; i++) {
		size_t column = i % columns->n;
		bool last = column + 1 == columns->n;

		if (last)
			print_line("%s", columns->cells[i]);
		else
			print("%-*s  ", (int)columns->width[column], columns->cells[i]);
		free(columns->cells[i]);
	}
	columns->n_cells = 0;
}

void columns_begin(struct columns *columns, const char *const *headers, size_t n, bool show)
{
	*columns = (struct columns){.n = n};
	for (size_t i = 0; show && i < n; i++)
		columns_add(columns, "%s", headers[i]);
}

void columns_add(struct columns *columns, const char *format, ...)
{
	size_t column = columns->n_cells % columns->n, width;
	char *text;
	va_list args;

	va_start(args, format);
	text = print_format(format, args);
	va_end(args);
	if (!*text) {
		free(text);
		text = clean_text("-");
	}
	width = strlen(text);
	if (width > columns->width[column])
		columns->width[column] = width;
	columns->cells[columns->n_cells++] = text;
	if (columns->n_cells == COLUMNS_BATCH * columns->n)
		print_batch(columns);
}

void columns_end(struct columns *columns)
{
	if (columns->n)
		print_batch(columns);
}
