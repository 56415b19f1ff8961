/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text in aligned columns that fits the screen. Rows may be of several kinds, each with columns of its
 * own, as a tree has them. Printed in batches, so that long listings neither wait nor pile up: the
 * first batch decides which columns there are.
 *
 * Where lines are bounded, columns go that are empty, then those of the highest rank; then what may be
 * cut is cut in its middle; and what the last column has no room for goes on in further lines.
 */
#ifndef CTL_GRID_H
#define CTL_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRID_COLUMNS 16
#define GRID_KINDS 2
/* A batch ends with the first row of kind 0 after so many rows, and in any case after so many. */
#define GRID_BATCH 256
#define GRID_ROWS 1024

struct grid_column {
	const char *header; /* ASCII */
	uint8_t rank; /* 0: it stays */
	bool is_number; /* to the right; never of the last column */
	bool may_be_cut;
};

struct grid_kind {
	const struct grid_column *columns;
	size_t n;
};

/* Zero it before the first use. */
struct grid {
	const struct grid_kind *kinds; /* NULL: it has not begun */
	size_t n_kinds;
	size_t width; /* of a line; 0: any */
	bool headers, colour;
	bool is_laid_out; /* a batch was printed */
	struct grid_place {
		size_t width; /* of the widest cell */
		bool is_hidden;
		bool is_empty; /* as far as was seen */
	} columns[GRID_KINDS][GRID_COLUMNS];
	struct grid_cell {
		size_t at; /* in `text` */
		size_t span;
		const char *colour; /* or NULL */
		bool is_blank;
	} * cells; /* owned */
	size_t n_cells, room_cells;
	size_t row_at; /* the first cell of the last row */
	uint8_t rows[GRID_ROWS]; /* the kind of each */
	size_t n_rows;
	char *text; /* owned */
	size_t n_text, room_text;
	char *line; /* owned: the one that is being written */
	size_t n_line, room_line;
};

/* The kinds must stay until the end. */
void grid_begin(struct grid *grid, const struct grid_kind *kinds, size_t n_kinds, bool headers,
		bool colour);
/* A row of this kind begins; all its cells follow. */
void grid_row(struct grid *grid, size_t kind);
/* The next cell, formatted; "" is shown as "-", of the last column only where lines are not bounded. */
void grid_cell(struct grid *grid, const char *colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, as it is; NULL is "". `colour` is one of print_coloured(), or NULL. */
void grid_text(struct grid *grid, const char *colour, const char *text);
/* The next cell stays blank: nothing of its kind could be there. */
void grid_blank(struct grid *grid);
/* Print what is left. Nothing, if it has not begun. */
void grid_end(struct grid *grid);

#endif
