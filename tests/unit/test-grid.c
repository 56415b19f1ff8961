/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns that fit the screen, paragraphs, and numbers with units. */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "print.h"
#include "screen.h"
#include "grid.h"
#include "units.h"

/* What is written to a standard output of so many columns, 0: any. The caller frees it. */
static char *capture(unsigned int width, void (*write_it)(void))
{
	g_autofree char *columns = g_strdup_printf("%u", width);
	static char text[65536];
	FILE *file = tmpfile();
	int kept = dup(STDOUT_FILENO);

	g_assert_nonnull(file);
	if (width)
		g_setenv("COLUMNS", columns, TRUE);
	else
		g_unsetenv("COLUMNS");
	memset(text, 0, sizeof(text));
	fflush(stdout);
	g_assert_cmpint(dup2(fileno(file), STDOUT_FILENO), >=, 0);
	write_it();
	fflush(stdout);
	g_assert_cmpint(dup2(kept, STDOUT_FILENO), >=, 0);
	close(kept);
	g_assert_cmpint(pread(fileno(file), text, sizeof(text) - 1, 0), >=, 0);
	fclose(file);
	return g_strdup(text);
}

static void expect(unsigned int width, void (*write_it)(void), const char *wanted)
{
	g_autofree char *text = capture(width, write_it);

	g_assert_cmpstr(text, ==, wanted);
}

/* ---- tables ---- */

static const struct grid_column columns[] = {
	{"NAME"},
	{"ADDRESS", .may_be_cut = true},
	{"SIZE", .is_number = true},
	{"KIND", .rank = 1},
	{"AGE", .rank = 2, .is_number = true},
	{"NOTES"},
};
static const struct grid_kind kind = {columns, 6};

static void row(struct grid *grid, const char *name, const char *address, unsigned int size,
		const char *notes)
{
	grid_row(grid, 0);
	grid_text(grid, NULL, name);
	grid_text(grid, NULL, address);
	grid_cell(grid, NULL, "%u", size);
	grid_text(grid, NULL, "small");
	grid_text(grid, NULL, "12 s");
	grid_text(grid, NULL, notes);
}

static void fill(bool headers)
{
	struct grid grid;

	grid_begin(&grid, &kind, 1, headers, false);
	row(&grid, "a", "[2001:db8:1234:5678:abcd:ef01:2345:6789]:43210", 5, "");
	row(&grid, "bcd", NULL, 12345, "one two three");
	grid_end(&grid);
}

static void print_plain(void)
{
	fill(false);
}

static void print_headed(void)
{
	fill(true);
}

static void test_pipe(void)
{
	expect(0, print_plain,
	       "a    [2001:db8:1234:5678:abcd:ef01:2345:6789]:43210      5  small  12 s  -\n"
	       "bcd  -                                               12345  small  12 s  "
	       "one two three\n");
	expect(0, print_headed,
	       "NAME  ADDRESS                                          SIZE  KIND    AGE  NOTES\n"
	       "a     [2001:db8:1234:5678:abcd:ef01:2345:6789]:43210      5  small  12 s  -\n"
	       "bcd   -                                               12345  small  12 s  "
	       "one two three\n");
}

static void test_fits(void)
{
	for (unsigned int width = 40; width < 160; width++) {
		g_autofree char *text = capture(width, print_headed);
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

		for (size_t i = 0; lines[i]; i++)
			if (strlen(lines[i]) > width)
				g_error("wider than %u: %s", width, lines[i]);
		g_assert_nonnull(strstr(text, ":43210 "));
		g_assert_nonnull(strstr(text, " 12345"));
		g_assert_nonnull(strstr(text, "three\n"));
		/* the one of the lower rank stays longer */
		g_assert_true(strstr(text, "small") || !strstr(text, "12 s"));
	}
	expect(80, print_plain,
	       "a    [2001:db8:1234:5678:abcd:ef01:2345:6789]:43210      5  small\n"
	       "bcd  -                                               12345  small  one two "
	       "three\n");
	expect(50, print_plain,
	       "a    [2001:db8:1~6789]:43210      5\n"
	       "bcd  -                        12345  one two three\n");
}

/* ---- a tree ---- */

static const struct grid_column branch_columns[] = {{"  LINK"},
						    {"RTT", .is_number = true},
						    {"WHY"}};
static const struct grid_kind tree[] = {{columns, 6}, {branch_columns, 3}};

static void print_tree(void)
{
	struct grid grid;

	grid_begin(&grid, tree, 2, true, false);
	row(&grid, "one", "10.0.0.1", 1, "");
	grid_row(&grid, 1);
	grid_text(&grid, NULL, "|-eth1");
	grid_text(&grid, NULL, "");
	grid_text(&grid, NULL, "because");
	grid_end(&grid);
}

static void test_tree(void)
{
	expect(80, print_tree,
	       "NAME  ADDRESS   SIZE  KIND    AGE\n"
	       "  LINK  WHY\n"
	       "one   10.0.0.1     1  small  12 s\n"
	       "|-eth1  because\n");
}

static void print_coloured_rows(void)
{
	struct grid grid;

	grid_begin(&grid, &kind, 1, false, true);
	grid_row(&grid, 0);
	grid_text(&grid, "\033[1m", "x\033[31m");
	for (int i = 0; i < 5; i++)
		grid_text(&grid, NULL, "y");
	grid_end(&grid);
}

static void test_colour(void)
{
	expect(0, print_coloured_rows, "\033[1mx\\x1b[31m\033[0m  y  y  y  y  y\n");
}

static void print_many(void)
{
	struct grid grid;

	grid_begin(&grid, &kind, 1, false, false);
	for (unsigned int i = 0; i < 3 * GRID_BATCH + 5; i++)
		row(&grid, "n", "10.0.0.1", i, "");
	grid_end(&grid);
}

static void test_batches(void)
{
	g_autofree char *text = capture(60, print_many);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_assert_cmpuint(g_strv_length(lines), ==, 3 * GRID_BATCH + 6);
}

/* ---- paragraphs ---- */

static void print_paragraph(void)
{
	screen_wrap(2, "head: ", "one two three four");
}

static void test_wrap(void)
{
	expect(0, print_paragraph, "head: one two three four\n");
	expect(14, print_paragraph, "head: one two\n  three four\n");
	expect(5, print_paragraph, "head: one two three four\n");
}

static void test_span(void)
{
	screen_begin();
	g_assert_cmpuint(screen_span("abc"), ==, 3);
	g_assert_cmpuint(screen_span("f\xc3\xbcr"), ==, 3);
	g_assert_cmpuint(screen_fit("f\xc3\xbcr", 2), ==, 3);
	g_assert_cmpuint(screen_fit("abc", 9), ==, 3);
	g_assert_cmpuint(screen_fit_words("one two", 5), ==, 3);
	g_assert_cmpuint(screen_fit_words("longer words", 3), ==, 6);
}

/* ---- units ---- */

static void test_units(void)
{
	char text[UNITS_SIZE];

	g_assert_cmpstr(units_bytes(0, text), ==, "0 B");
	g_assert_cmpstr(units_bytes(999, text), ==, "999 B");
	g_assert_cmpstr(units_bytes(1000, text), ==, "1.00 kB");
	g_assert_cmpstr(units_bytes(9994, text), ==, "9.99 kB");
	g_assert_cmpstr(units_bytes(9995, text), ==, "10.0 kB");
	g_assert_cmpstr(units_bytes(99949, text), ==, "99.9 kB");
	g_assert_cmpstr(units_bytes(999499, text), ==, "999 kB");
	g_assert_cmpstr(units_bytes(999500, text), ==, "1.00 MB");
	g_assert_cmpstr(units_bytes(UINT64_MAX, text), ==, "18.4 EB");
	g_assert_cmpstr(units_rate(12345678, text), ==, "12.3 MB/s");
	g_assert_cmpstr(units_time(850, text), ==, "850 ms");
	g_assert_cmpstr(units_time(59999, text), ==, "59 s");
	g_assert_cmpstr(units_time(185000, text), ==, "3 min");
	g_assert_cmpstr(units_time(7500000, text), ==, "2 h 5 min");
	g_assert_cmpstr(units_time(UINT64_C(90000000), text), ==, "1 d 1 h");
	g_assert_cmpstr(units_delay(850, text), ==, "0.85 ms");
	g_assert_cmpstr(units_delay(12345, text), ==, "12.3 ms");
	g_assert_cmpstr(units_delay(1250000, text), ==, "1.25 s");
	g_assert_cmpstr(units_share(0, text), ==, "0%");
	g_assert_cmpstr(units_share(1, text), ==, "<1%");
	g_assert_cmpstr(units_share(625000, text), ==, "63%");
	g_assert_cmpstr(units_share(1000000, text), ==, "100%");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/grid/a-pipe-has-all-columns", test_pipe);
	g_test_add_func("/grid/no-line-is-wider-than-the-screen", test_fits);
	g_test_add_func("/grid/kinds-of-rows-have-their-own-columns", test_tree);
	g_test_add_func("/grid/colour-surrounds-what-is-clean", test_colour);
	g_test_add_func("/grid/batches-lose-nothing", test_batches);
	g_test_add_func("/screen/paragraphs-are-wrapped", test_wrap);
	g_test_add_func("/screen/characters-have-columns", test_span);
	g_test_add_func("/units/three-digits", test_units);
	return g_test_run();
}
