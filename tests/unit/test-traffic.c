/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What connections carry, by two samples, and which of them carry most. */
#include <glib.h>
#include <string.h>

#include "traffic.h"

#define N 5000
#define PART 100

/* A sample in which connection i, from 1 on, has sent bytes[i - 1], and received as many. */
static void sample(struct traffic *traffic, uint64_t now_ms, const uint64_t *bytes, uint32_t n)
{
	traffic_begin(traffic, now_ms);
	for (uint32_t i = 0; i < n; i++)
		if (bytes[i])
			traffic_note(traffic, i + 1, bytes[i], bytes[i], now_ms);
	traffic_end(traffic, true, now_ms);
}

/* A whole look, in parts; valid until the next one. Returns how many rows it found, and how many were wanted. */
static size_t top(const struct traffic *traffic, enum traffic_key key,
		  bool (*is_wanted)(void *data, uint32_t token),
		  const struct traffic_row **ret_rows, size_t room, size_t *ret_n_wanted)
{
	static struct traffic_look look;

	look = (struct traffic_look){0};
	while (!traffic_look_on(traffic, &look, key, is_wanted, NULL, room, PART))
		;
	memcpy(ret_rows, look.order, look.n * sizeof(*ret_rows));
	*ret_n_wanted = look.n_wanted;
	return look.n;
}

static void assert_top(const struct traffic *traffic, enum traffic_key key, size_t room,
		       const uint32_t *tokens, size_t n, size_t n_wanted)
{
	const struct traffic_row *rows[16];
	size_t wanted;

	g_assert_cmpuint(top(traffic, key, NULL, rows, room, &wanted), ==, n);
	g_assert_cmpuint(wanted, ==, n_wanted);
	for (size_t i = 0; i < n; i++)
		g_assert_cmpuint(rows[i]->token, ==, tokens[i]);
}

static void test_rates(void)
{
	struct traffic traffic = {0};
	const struct traffic_row *row;
	size_t n;

	sample(&traffic, 1000, (const uint64_t[]){100, 5000, 300}, 3);
	g_assert_cmpuint(top(&traffic, TRAFFIC_RATE, NULL, &row, 1, &n), ==, 1);
	g_assert_false(row->rated);
	assert_top(&traffic, TRAFFIC_BYTES, 2, (const uint32_t[]){2, 3}, 2, 3);
	sample(&traffic, 3000, (const uint64_t[]){2100, 5000, 900}, 3);
	assert_top(&traffic, TRAFFIC_RATE, 3, (const uint32_t[]){1, 3, 2}, 3, 3);
	assert_top(&traffic, TRAFFIC_BYTES, 3, (const uint32_t[]){2, 1, 3}, 3, 3);
	top(&traffic, TRAFFIC_RATE, NULL, &row, 1, &n);
	g_assert_true(row->rated);
	g_assert_cmpuint(row->sent_rate, ==, 1000);
	g_assert_cmpuint(row->received_rate, ==, 1000);
	traffic_done(&traffic);
}

/* One that ended goes, and a token that comes again is another connection's. */
static void test_life(void)
{
	struct traffic traffic = {0};
	const struct traffic_row *row;
	size_t n;

	sample(&traffic, 1000, (const uint64_t[]){100, 200}, 2);
	sample(&traffic, 2000, (const uint64_t[]){100, 0}, 2);
	assert_top(&traffic, TRAFFIC_BYTES, 8, (const uint32_t[]){1}, 1, 1);
	sample(&traffic, 3000, (const uint64_t[]){100, 900}, 2);
	top(&traffic, TRAFFIC_BYTES, NULL, &row, 1, &n);
	g_assert_cmpuint(row->token, ==, 2);
	g_assert_false(row->rated);
	sample(&traffic, 4000, (const uint64_t[]){100, 50}, 2);
	top(&traffic, TRAFFIC_RATE, NULL, &row, 1, &n);
	g_assert_cmpuint(row->sent_rate, ==, 0);
	traffic_done(&traffic);
}

/* While one is taken, and when it fails, the one before is whole. */
static void test_under_way(void)
{
	struct traffic traffic = {0};

	traffic_note(&traffic, 9, 1, 1, 500); /* of a snapshot that began before */
	assert_top(&traffic, TRAFFIC_RATE, 8, NULL, 0, 0);
	sample(&traffic, 1000, (const uint64_t[]){1, 2}, 2);
	traffic_begin(&traffic, 2000);
	traffic_note(&traffic, 1, 10, 10, 2000);
	assert_top(&traffic, TRAFFIC_BYTES, 8, (const uint32_t[]){1, 2}, 2, 2);
	traffic_end(&traffic, false, 2100);
	g_assert_cmpuint(traffic.taken_ms, ==, 1000);
	traffic_done(&traffic);
}

/* A kernel that does not count has them all the same. */
static void test_uncounted(void)
{
	struct traffic traffic = {0};

	for (uint64_t now_ms = 1000; now_ms <= 2000; now_ms += 1000) {
		traffic_begin(&traffic, now_ms);
		traffic_note(&traffic, 7, MPTCPD_BYTES_UNKNOWN, MPTCPD_BYTES_UNKNOWN, now_ms);
		traffic_end(&traffic, true, now_ms);
	}
	assert_top(&traffic, TRAFFIC_RATE, 8, (const uint32_t[]){7}, 1, 1);
	traffic_done(&traffic);
}

static bool is_even(void *data, uint32_t token)
{
	return token % 2 == 0;
}

static void test_many(void)
{
	static uint64_t bytes[N];
	const struct traffic_row *rows[64];
	struct traffic traffic = {0};
	size_t n_wanted, n_above = 0;

	for (uint32_t i = 0; i < N; i++)
		bytes[i] = 1;
	sample(&traffic, 1000, bytes, N);
	for (uint32_t i = 0; i < N; i++)
		bytes[i] += (i * UINT64_C(7919)) % N;
	sample(&traffic, 2000, bytes, N);
	g_assert_cmpuint(top(&traffic, TRAFFIC_SENT_RATE, is_even, rows, 64, &n_wanted), ==, 64);
	g_assert_cmpuint(n_wanted, ==, N / 2);
	for (size_t i = 0; i < 64; i++) {
		g_assert_true(rows[i]->token % 2 == 0);
		g_assert_cmpuint(rows[i]->sent_rate, ==, bytes[rows[i]->token - 1] - 1);
		g_assert_true(i == 0 || rows[i]->sent_rate <= rows[i - 1]->sent_rate);
	}
	for (uint32_t i = 1; i < N; i += 2) /* token i + 1 is even */
		n_above += bytes[i] - 1 > rows[63]->sent_rate;
	g_assert_cmpuint(n_above, ==, 63);
	/* What ended gives its room back. */
	for (uint64_t now_ms = 3000; now_ms < 40000; now_ms += 1000)
		sample(&traffic, now_ms, bytes, 10);
	for (uint32_t i = 0; i < 3 * N; i++) {
		traffic_begin(&traffic, 40000 + i);
		traffic_note(&traffic, N + i, 1, 1, 40000 + i);
		traffic_end(&traffic, true, 40000 + i);
	}
	g_assert_cmpuint(traffic.room, <=, 8 * N);
	traffic_done(&traffic);
}

/* Each part looks at so much; where the table was made anew in between, all is found all the same. */
static void test_parts(void)
{
	static uint64_t bytes[2 * N];
	struct traffic traffic = {0};
	struct traffic_look look = {0};
	size_t n_parts = 1;

	for (uint32_t i = 0; i < 2 * N; i++)
		bytes[i] = i + 1;
	sample(&traffic, 1000, bytes, N);
	while (!traffic_look_on(&traffic, &look, TRAFFIC_BYTES, NULL, NULL, 3, PART))
		n_parts++;
	g_assert_cmpuint(n_parts, ==, (traffic.room + PART - 1) / PART);
	g_assert_cmpuint(look.n_wanted, ==, N);
	look = (struct traffic_look){0};
	for (size_t i = 0; i < 10; i++)
		g_assert_false(
			traffic_look_on(&traffic, &look, TRAFFIC_BYTES, NULL, NULL, 3, PART));
	sample(&traffic, 2000, bytes, 2 * N);
	while (!traffic_look_on(&traffic, &look, TRAFFIC_BYTES, NULL, NULL, 3, PART))
		;
	g_assert_cmpuint(look.n_wanted, ==, 2 * N);
	for (uint32_t i = 0; i < 3; i++)
		g_assert_cmpuint(look.order[i]->token, ==, 2 * N - i);
	/* Who no longer watches takes the table away. */
	look = (struct traffic_look){0};
	g_assert_false(traffic_look_on(&traffic, &look, TRAFFIC_BYTES, NULL, NULL, 3, PART));
	traffic_done(&traffic);
	g_assert_true(traffic_look_on(&traffic, &look, TRAFFIC_BYTES, NULL, NULL, 3, PART));
	g_assert_cmpuint(look.n, ==, 0);
}

/* It comes to an end, however often that happens. */
static void test_unrest(void)
{
	struct traffic traffic = {0};
	struct traffic_look look = {0};
	unsigned int n = 0;

	do {
		traffic.n_rebuilt++;
		if (!traffic.rows)
			sample(&traffic, 1000, (const uint64_t[]){1, 2, 3}, 3);
	} while (!traffic_look_on(&traffic, &look, TRAFFIC_BYTES, NULL, NULL, 3, 1) && n++ < N);
	g_assert_cmpuint(n, <, 10);
	g_assert_cmpuint(look.n_wanted, ==, 3);
	traffic_done(&traffic);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/traffic/rates-are-of-two-samples", test_rates);
	g_test_add_func("/traffic/who-ended-goes-and-who-comes-is-new", test_life);
	g_test_add_func("/traffic/one-under-way-or-failed-leaves-the-one-before", test_under_way);
	g_test_add_func("/traffic/without-counters-all-are-listed", test_uncounted);
	g_test_add_func("/traffic/the-highest-of-many", test_many);
	g_test_add_func("/traffic/many-are-looked-through-in-parts", test_parts);
	g_test_add_func("/traffic/a-look-ends-though-all-is-made-anew", test_unrest);
	return g_test_run();
}
