/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "print.h"
#include "screen.h"

#define GAP 2
/* What may be cut keeps so much: an IPv4 address with its port. */
#define CUT_MIN 21
/* The last column goes on below itself where it has so much room, else below the row. */
#define LAST_MIN 24
#define LAST_WORDS 14
#define INDENT 4
#define BOLD "\033[1m"

/* ---- filling ---- */

static void *grow(void *memory, size_t *room, size_t least, size_t size)
{
	if (memory && *room >= least)
		return memory;
	*room = 2 * least + 64;
	memory = realloc(memory, *room * size);
	if (!memory)
		abort();
	return memory;
}

void grid_begin(struct grid *grid, const struct grid_kind *kinds, size_t n_kinds, bool headers,
		bool colour)
{
	*grid = (struct grid){
		.kinds = kinds,
		.n_kinds = n_kinds,
		.width = screen_width(),
		.headers = headers,
		.colour = colour,
	};
	for (size_t kind = 0; kind < n_kinds; kind++)
		for (size_t i = 0; i < kinds[kind].n; i++)
			grid->columns[kind][i].is_empty = true;
}

static char *make_room(struct grid *grid, size_t size)
{
	grid->text = grow(grid->text, &grid->room_text, grid->n_text + size, 1);
	return grid->text + grid->n_text;
}

/* A cell of the text behind all others, which is clean. */
static void add_cell(struct grid *grid, const char *colour, size_t length, size_t span)
{
	size_t column = grid->n_cells - grid->row_at;
	struct grid_place *place = &grid->columns[grid->rows[grid->n_rows - 1]][column];

	grid->cells = grow(grid->cells, &grid->room_cells, grid->n_cells + 1, sizeof(*grid->cells));
	grid->cells[grid->n_cells++] = (struct grid_cell){
		.at = grid->n_text,
		.span = span,
		.colour = grid->colour ? colour : NULL,
	};
	if (span > place->width)
		place->width = span;
	place->is_empty &= span == 0;
	grid->n_text += length + 1;
}

void grid_text(struct grid *grid, const char *colour, const char *text)
{
	size_t length = 0;
	char *clean;

	if (!text)
		text = "";
	while (text[length] >= ' ' && text[length] < '\177')
		length++;
	if (!text[length]) { /* ASCII, and so clean */
		memcpy(make_room(grid, length + 1), text, length + 1);
		add_cell(grid, colour, length, length);
		return;
	}
	clean = clean_text(text);
	length = strlen(clean);
	memcpy(make_room(grid, length + 1), clean, length + 1);
	add_cell(grid, colour, length, screen_span(clean));
	free(clean);
}

void grid_blank(struct grid *grid)
{
	grid_text(grid, NULL, "");
	grid->cells[grid->n_cells - 1].is_blank = true;
}

void grid_cell(struct grid *grid, const char *colour, const char *format, ...)
{
	char text[256], *whole;
	va_list args, again;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(text, sizeof(text), format, args);
	if (n >= 0 && (size_t)n < sizeof(text)) {
		grid_text(grid, colour, text);
	} else {
		whole = print_format(format, again);
		grid_text(grid, colour, whole);
		free(whole);
	}
	va_end(again);
	va_end(args);
}

/* ---- which columns, and how wide ---- */

/* Of the last column, which can go on in further lines, a word or two have to fit. */
static size_t total(const struct grid *grid, size_t kind)
{
	const struct grid_kind *is = &grid->kinds[kind];
	size_t sum = 0;

	for (size_t i = 0; i < is->n; i++) {
		const struct grid_place *place = &grid->columns[kind][i];

		if (place->is_hidden)
			continue;
		sum += sum ? GAP : 0;
		sum += i + 1 == is->n && place->width > LAST_WORDS ? LAST_WORDS : place->width;
	}
	return sum;
}

/* Hide the column that is of least use. False: there is none. */
static bool hide_one(struct grid *grid, size_t kind)
{
	const struct grid_kind *is = &grid->kinds[kind];
	size_t found = is->n;

	for (size_t i = 0; i < is->n; i++)
		if (!grid->columns[kind][i].is_hidden && is->columns[i].rank &&
		    (found == is->n || is->columns[i].rank > is->columns[found].rank))
			found = i;
	if (found == is->n)
		return false;
	grid->columns[kind][found].is_hidden = true;
	return true;
}

/* Make the widest of those that may be cut narrower by one. False: all are narrow enough. */
static bool cut_one(struct grid *grid, size_t kind)
{
	const struct grid_kind *is = &grid->kinds[kind];
	struct grid_place *widest = NULL;

	for (size_t i = 0; i < is->n; i++) {
		struct grid_place *place = &grid->columns[kind][i];

		if (is->columns[i].may_be_cut && !place->is_hidden && place->width > CUT_MIN &&
		    (!widest || place->width > widest->width))
			widest = place;
	}
	if (widest)
		widest->width--;
	return widest;
}

static void lay_out(struct grid *grid, size_t kind)
{
	const struct grid_kind *is = &grid->kinds[kind];

	for (size_t i = 0; i < is->n; i++) {
		struct grid_place *place = &grid->columns[kind][i];

		if (!grid->is_laid_out && grid->width && place->is_empty)
			place->is_hidden = true;
		if (place->width < 1)
			place->width = 1;
		if (grid->headers && place->width < strlen(is->columns[i].header))
			place->width = strlen(is->columns[i].header);
	}
	if (!grid->width)
		return;
	while (!grid->is_laid_out && total(grid, kind) > grid->width && hide_one(grid, kind))
		;
	while (total(grid, kind) > grid->width && cut_one(grid, kind))
		;
}

/* ---- printing ---- */

/* A line that is being written. */
struct line {
	struct grid *grid; /* whose `line` has the bytes */
	size_t used; /* columns, without what is still owed */
	size_t owed; /* blanks, if anything follows */
};

static void add_bytes(struct grid *grid, const char *bytes, size_t size)
{
	grid->line = grow(grid->line, &grid->room_line, grid->n_line + size, 1);
	memcpy(grid->line + grid->n_line, bytes, size);
	grid->n_line += size;
}

static void add_blanks(struct grid *grid, size_t n)
{
	grid->line = grow(grid->line, &grid->room_line, grid->n_line + n, 1);
	memset(grid->line + grid->n_line, ' ', n);
	grid->n_line += n;
}

static void put_bytes(struct line *line, const char *colour, const char *text, size_t size,
		      size_t span)
{
	add_blanks(line->grid, line->owed);
	if (colour)
		add_bytes(line->grid, colour, strlen(colour));
	add_bytes(line->grid, text, size);
	if (colour)
		add_bytes(line->grid, PRINT_PLAIN, strlen(PRINT_PLAIN));
	line->used += line->owed + span;
	line->owed = 0;
}

static void put(struct line *line, const char *colour, const char *text, size_t span)
{
	put_bytes(line, colour, text, strlen(text), span);
}

static void end_line(struct line *line)
{
	add_bytes(line->grid, "\n", 1);
	print_clean(line->grid->line, line->grid->n_line);
	line->grid->n_line = 0;
	line->used = line->owed = 0;
}

/* "[2001:db8:…1:0:1]:443", in a place of its own. */
static void cut(const char *text, size_t span, size_t width, char *into, size_t size)
{
	size_t right = (width - 1) / 2, left = screen_fit(text, width - 1 - right);
	const char *tail = text + left + screen_fit(text + left, span - width + 1);

	while (screen_span(tail) > right)
		tail += screen_fit(tail, 1) ? screen_fit(tail, 1) : 1;
	snprintf(into, size, "%.*s%s%s", (int)left, text, screen_is_utf8() ? "…" : "~", tail);
}

static void put_cell(const struct grid *grid, struct line *line, const struct grid_cell *cell,
		     size_t width, bool is_number)
{
	const char *text = cell->span ? grid->text + cell->at : cell->is_blank ? " " : "-";
	size_t span = cell->span ? cell->span : 1;
	char shorter[1024];

	if (grid->width && span > width) {
		cut(text, span, width, shorter, sizeof(shorter));
		text = shorter;
		span = screen_span(shorter);
	}
	if (is_number && span < width)
		line->owed += width - span;
	put(line, cell->colour, text, span);
	if (!is_number && span < width)
		line->owed += width - span;
	line->owed += GAP;
}

/* The last cell has what is left of the line, and then more lines. */
static void put_last(const struct grid *grid, struct line *line, const struct grid_cell *cell)
{
	const char *text = grid->text + cell->at;
	size_t at = line->used + line->owed, indent = INDENT;

	if (!grid->width || at + cell->span <= grid->width) {
		put(line, cell->colour, cell->span ? text : "-", cell->span ? cell->span : 1);
		return;
	}
	if (at + LAST_MIN <= grid->width) {
		indent = at;
	} else {
		end_line(line);
		line->owed = indent;
	}
	while (*text) {
		size_t n = screen_fit_words(text, grid->width > indent ? grid->width - indent : 1);

		put_bytes(line, cell->colour, text, n, 0);
		text += n;
		text += strspn(text, " ");
		if (!*text)
			return;
		end_line(line);
		line->owed = indent;
	}
}

static void print_row(struct grid *grid, size_t kind, const struct grid_cell *cells)
{
	const struct grid_kind *is = &grid->kinds[kind];
	struct line line = {.grid = grid};

	for (size_t i = 0; i < is->n; i++) {
		const struct grid_place *place = &grid->columns[kind][i];

		if (place->is_hidden)
			continue;
		if (i + 1 < is->n)
			put_cell(grid, &line, &cells[i], place->width, is->columns[i].is_number);
		else if (cells[i].span || !grid->width)
			put_last(grid, &line, &cells[i]);
	}
	end_line(&line);
}

static void print_headers(struct grid *grid, size_t kind)
{
	const struct grid_kind *is = &grid->kinds[kind];
	struct line line = {.grid = grid};

	for (size_t i = 0; i < is->n; i++) {
		const struct grid_place *place = &grid->columns[kind][i];
		const char *header = is->columns[i].header;
		size_t span = strlen(header);

		if (place->is_hidden)
			continue;
		if (is->columns[i].is_number)
			line.owed += place->width - span;
		/* What is in the last column goes on below. */
		if (grid->width && line.used + line.owed + span > grid->width)
			break;
		put(&line, grid->colour ? BOLD : NULL, header, span);
		if (!is->columns[i].is_number)
			line.owed += place->width - span;
		line.owed += GAP;
	}
	end_line(&line);
}

static bool has_headers(const struct grid *grid, size_t kind)
{
	const struct grid_kind *is = &grid->kinds[kind];
	bool has = false;

	for (size_t i = 0; i < is->n; i++)
		has |= *is->columns[i].header != '\0';
	return has;
}

static void print_batch(struct grid *grid)
{
	const struct grid_cell *cells = grid->cells;
	bool used[GRID_KINDS] = {0};

	for (size_t row = 0; row < grid->n_rows; row++)
		used[grid->rows[row]] = true;
	for (size_t kind = 0; kind < grid->n_kinds; kind++) {
		lay_out(grid, kind);
		if (grid->headers && !grid->is_laid_out && used[kind] && has_headers(grid, kind))
			print_headers(grid, kind);
	}
	grid->is_laid_out = true;
	for (size_t row = 0; row < grid->n_rows; row++) {
		print_row(grid, grid->rows[row], cells);
		cells += grid->kinds[grid->rows[row]].n;
	}
	grid->n_rows = grid->n_cells = grid->n_text = 0;
}

void grid_row(struct grid *grid, size_t kind)
{
	/* What hangs on a row is printed with it. */
	if (grid->n_rows >= GRID_BATCH && (kind == 0 || grid->n_rows == GRID_ROWS))
		print_batch(grid);
	grid->rows[grid->n_rows++] = (uint8_t)kind;
	grid->row_at = grid->n_cells;
}

void grid_end(struct grid *grid)
{
	if (grid->kinds && grid->n_rows)
		print_batch(grid);
	free(grid->cells);
	free(grid->text);
	free(grid->line);
	*grid = (struct grid){0};
}
