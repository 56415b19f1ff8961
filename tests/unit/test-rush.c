/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When events of connections are left alone for a moment, and when no longer. */
#include <glib.h>

#include "rush.h"

static struct rush rush;
static uint64_t now, begun;

/* So many connections in so many milliseconds, each in its own, and what is said at the end. */
static bool after(uint64_t n, uint64_t ms)
{
	bool is_on = false;

	for (uint64_t i = 1; i <= ms; i++) {
		now++;
		is_on = rush_is_on(&rush, begun + n * i / ms, now);
	}
	begun += n;
	return is_on;
}

static void begin(void)
{
	rush = (struct rush){0};
	now = 1000000;
	begun = 12345;
	g_assert_false(rush_is_on(&rush, begun, now));
}

static void test_few(void)
{
	begin();
	g_assert_false(after(100, 1000));
	g_assert_false(after(2500, 1000));
	g_assert_false(after(0, 1000));
}

static void test_one_at_once(void)
{
	begin();
	now += 3600000;
	g_assert_false(rush_is_on(&rush, ++begun, now));
}

/* After a long silence what comes is no rush before it lasted. */
static void test_many(void)
{
	begin();
	now += 3600000;
	g_assert_false(rush_is_on(&rush, ++begun, now));
	g_assert_false(after(40, 7));
	g_assert_true(after(10, 1));
	g_assert_true(after(1000, 500));
}

static void test_end(void)
{
	begin();
	g_assert_true(after(1000, 100));
	g_assert_true(after(250, 100));
	g_assert_false(after(150, 100));
	g_assert_false(after(250, 100));
}

static void test_end_of_all(void)
{
	begin();
	g_assert_true(after(1000, 100));
	g_assert_false(after(0, 20));
}

/* One who was held up, or suspended, sees very many at once. */
static void test_gap(void)
{
	begin();
	now += 500;
	begun += 3000;
	g_assert_true(rush_is_on(&rush, begun, now));
	now += 3600000;
	g_assert_false(rush_is_on(&rush, begun, now));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rush/few-connections-are-none", test_few);
	g_test_add_func("/rush/one-after-a-long-silence-is-none", test_one_at_once);
	g_test_add_func("/rush/many-for-some-milliseconds-are-one", test_many);
	g_test_add_func("/rush/ends-when-there-are-fewer", test_end);
	g_test_add_func("/rush/ends-when-there-are-none", test_end_of_all);
	g_test_add_func("/rush/is-judged-over-the-time-that-passed", test_gap);
	return g_test_run();
}
