/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pure parts of libmptcp: the order of addresses, the race between them, figures of kernels. */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netdb.h>
#include <string.h>

#include "figures.h"
#include "lookup.h"
#include "order.h"
#include "private.h"
#include "race.h"

/* ---- order ---- */

enum { ROOM = 200 };

struct list {
	struct addrinfo info[ROOM];
	struct sockaddr_storage addresses[ROOM];
	size_t n;
};

static void append(struct list *list, const char *text)
{
	struct addrinfo *info = &list->info[list->n];
	struct sockaddr_in *in = (void *)&list->addresses[list->n];
	struct sockaddr_in6 *in6 = (void *)&list->addresses[list->n];

	info->ai_addr = (void *)in;
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		info->ai_addrlen = sizeof(*in);
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		info->ai_addrlen = sizeof(*in6);
	} else {
		in->sin_family = AF_UNIX;
		info->ai_addrlen = sizeof(*in);
	}
	if (list->n > 0)
		list->info[list->n - 1].ai_next = info;
	list->n++;
}

/* The words of `from`, ordered, as one line. */
static char *ordered(const char *from, int family)
{
	g_auto(GStrv) words = g_strsplit(from, " ", -1);
	g_autofree struct list *list = g_new0(struct list, 1);
	struct address addresses[MAX_ADDRESSES];
	GString *line = g_string_new(NULL);
	size_t n;

	for (char **word = words; *word; word++)
		append(list, *word);
	n = mptcp_order_addresses(list->info, family, addresses);
	for (size_t i = 0; i < n; i++) {
		char text[INET6_ADDRSTRLEN];
		const struct address *address = &addresses[i];

		if (address->any.sa_family == AF_INET)
			inet_ntop(AF_INET, &address->in.sin_addr, text, sizeof(text));
		else
			inet_ntop(AF_INET6, &address->in6.sin6_addr, text, sizeof(text));
		g_string_append_printf(line, "%s%s", i ? " " : "", text);
	}
	return g_string_free(line, FALSE);
}

static void test_order(void)
{
	static const struct {
		const char *from, *to;
		int family;
	} rows[] = {
		{"::1 ::2 ::3 1.0.0.1 1.0.0.2", "::1 1.0.0.1 ::2 1.0.0.2 ::3", AF_UNSPEC},
		{"1.0.0.1 1.0.0.2 ::1", "1.0.0.1 ::1 1.0.0.2", AF_UNSPEC},
		{"1.0.0.1 ::1 1.0.0.2 1.0.0.3", "1.0.0.1 ::1 1.0.0.2 1.0.0.3", AF_UNSPEC},
		{"::1 ::2", "::1 ::2", AF_UNSPEC},
		{"1.0.0.2 1.0.0.1", "1.0.0.2 1.0.0.1", AF_UNSPEC},
		{"::1 ::1 1.0.0.1 ::1 1.0.0.1 ::2", "::1 1.0.0.1 ::2", AF_UNSPEC},
		{"unix ::1 unix unix 1.0.0.1 unix", "::1 1.0.0.1", AF_UNSPEC},
		{"::1 1.0.0.1 ::2 1.0.0.2", "1.0.0.1 1.0.0.2", AF_INET},
		{"1.0.0.1 ::1 1.0.0.2 ::2", "::1 ::2", AF_INET6},
		{"1.0.0.1", "", AF_INET6},
		{"unix", "", AF_UNSPEC},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *got = ordered(rows[i].from, rows[i].family);

		g_assert_cmpstr(got, ==, rows[i].to);
	}
}

static void test_order_of_many(void)
{
	g_autofree struct list *list = g_new0(struct list, 1);
	struct address addresses[MAX_ADDRESSES];

	for (int i = 0; i < ROOM; i++) {
		char text[32];

		g_snprintf(text, sizeof(text), "10.0.0.%d", i);
		append(list, text);
	}
	g_assert_cmpuint(mptcp_order_addresses(list->info, AF_UNSPEC, addresses), ==,
			 MAX_ADDRESSES);
	g_assert_cmpuint(mptcp_order_addresses(NULL, AF_UNSPEC, addresses), ==, 0);
	list->info[0].ai_addrlen = 3; /* too short to be one */
	list->info[1].ai_addr = NULL;
	list->info[2].ai_next = NULL;
	g_assert_cmpuint(mptcp_order_addresses(list->info, AF_UNSPEC, addresses), ==, 1);
}

/* ---- race ---- */

static void assert_due(const struct race *race, uint64_t at_ms)
{
	g_assert_cmpuint(mptcp_race_wake_ms(race), ==, at_ms);
	g_assert_cmpint(mptcp_race_is_due(race, at_ms), ==, at_ms != UINT64_MAX);
	g_assert_false(mptcp_race_is_due(race, at_ms - 1));
}

static void test_one_after_the_other(void)
{
	struct race race;

	mptcp_race_begin(&race, 3, 250, 1000);
	assert_due(&race, 1000);
	mptcp_race_started(&race, 1001);
	assert_due(&race, 1251);
	mptcp_race_started(&race, 1260);
	assert_due(&race, 1510);
	mptcp_race_started(&race, 1510);
	assert_due(&race, UINT64_MAX);
	g_assert_false(mptcp_race_is_lost(&race, 3));
	g_assert_true(mptcp_race_is_lost(&race, 0));
}

static void test_at_once_after_a_failure(void)
{
	struct race race;

	mptcp_race_begin(&race, 3, 250, 1000);
	mptcp_race_started(&race, 1000);
	mptcp_race_failed(&race, -ECONNREFUSED, 1005);
	assert_due(&race, 1005);
	mptcp_race_started(&race, 1005);
	assert_due(&race, 1255);
	mptcp_race_skipped(&race, -EADDRNOTAVAIL, 1255);
	g_assert_false(mptcp_race_is_lost(&race, 1)); /* the second is under way */
	mptcp_race_failed(&race, -ETIMEDOUT, 9000);
	g_assert_true(mptcp_race_is_lost(&race, 0));
	g_assert_cmpint(race.error, ==, -ECONNREFUSED);
}

static void test_error(void)
{
	static const int rows[][4] = {
		/* told, and what came in this order */
		{-ENETUNREACH, -ENETUNREACH, -EADDRNOTAVAIL, -ENETUNREACH},
		{-ECONNREFUSED, -ENETUNREACH, -ECONNREFUSED, -ETIMEDOUT},
		{-ETIMEDOUT, -ETIMEDOUT, -ENETUNREACH, -ECONNREFUSED},
		{-EHOSTUNREACH, -EADDRNOTAVAIL, -ENETUNREACH, -EHOSTUNREACH},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct race race;

		mptcp_race_begin(&race, 3, 250, 0);
		for (int k = 1; k < 4; k++)
			mptcp_race_skipped(&race, rows[i][k], 0);
		g_assert_true(mptcp_race_is_lost(&race, 0));
		g_assert_cmpint(race.error, ==, rows[i][0]);
	}
}

static void test_postponed(void)
{
	struct race race;

	mptcp_race_begin(&race, 2, 250, 0);
	mptcp_race_started(&race, 0);
	mptcp_race_postponed(&race, 250);
	assert_due(&race, 500);
	g_assert_cmpuint(race.next, ==, 1); /* not lost */
	mptcp_race_failed(&race, -ETIMEDOUT, 300);
	assert_due(&race, 300);
}

static void test_second_round(void)
{
	struct race race;

	mptcp_race_begin(&race, 2, 250, 0);
	race.again_ms = 300;
	mptcp_race_started(&race, 0);
	mptcp_race_again(&race, 310);
	g_assert_false(race.is_again); /* the first round first */
	mptcp_race_started(&race, 310);
	g_assert_cmpuint(mptcp_race_wake_ms(&race), ==, 300);
	mptcp_race_again(&race, 299);
	g_assert_false(race.is_again);
	mptcp_race_again(&race, 320);
	g_assert_true(race.is_again);
	assert_due(&race, 320);
	mptcp_race_pass(&race);
	assert_due(&race, 320);
	mptcp_race_started(&race, 321);
	g_assert_cmpuint(mptcp_race_wake_ms(&race), ==, UINT64_MAX);
	mptcp_race_again(&race, 9999);
	g_assert_cmpuint(mptcp_race_wake_ms(&race), ==, UINT64_MAX); /* there is no third */
}

/* ---- options and names ---- */

static void test_options(void)
{
	struct {
		struct mptcp_dial_options options;
		uint64_t later[4];
	} newer = {.options = {.flags = 1, .timeout_ms = 7}};
	struct mptcp_dial_options got;
	struct mptcp_dial_options options = {.size = 4, .flags = 1};

	g_assert_cmpint(mptcp_copy_options(NULL, &got, sizeof(got)), ==, 0);
	g_assert_cmpuint(got.flags, ==, 0);
	g_assert_cmpint(mptcp_copy_options(&options, &got, sizeof(got)), ==, -EINVAL);
	options.size = SIZE_MAX;
	g_assert_cmpint(mptcp_copy_options(&options, &got, sizeof(got)), ==, -EINVAL);
	options.size = offsetof(struct mptcp_dial_options, timeout_ms); /* of an older program */
	options.timeout_ms = 99;
	g_assert_cmpint(mptcp_copy_options(&options, &got, sizeof(got)), ==, 0);
	g_assert_cmpuint(got.flags, ==, 1);
	g_assert_cmpint(got.timeout_ms, ==, 0);
	newer.options.size = sizeof(newer);
	g_assert_cmpint(mptcp_copy_options(&newer, &got, sizeof(got)), ==, 0);
	g_assert_cmpint(got.timeout_ms, ==, 7);
	newer.later[3] = 1;
	g_assert_cmpint(mptcp_copy_options(&newer, &got, sizeof(got)), ==, -E2BIG);
}

static void test_names(void)
{
	g_autofree char *long_host = g_strnfill(1 << 20, 'a');
	const struct {
		const char *host, *service;
		int dial, listen;
	} rows[] = {
		{"a", "80", 0, 0},
		{NULL, "http", 0, 0},
		{"a", "0", -EINVAL, 0},
		{"a", "65535", 0, 0},
		{"a", "00000000443", 0, 0},
		{"a", "65536", -EINVAL, -EINVAL},
		{"a", "99999", -EINVAL, -EINVAL},
		{"a", "99999999999999999999999999", -EINVAL, -EINVAL},
		{"a", "-1", -EINVAL, -EINVAL},
		{"a", "+80", -EINVAL, -EINVAL},
		{"a", " 80", -EINVAL, -EINVAL},
		{"a", "", -EINVAL, -EINVAL},
		{"a", NULL, -EINVAL, -EINVAL},
		{"", "80", -EINVAL, -EINVAL},
		{long_host, "80", -ENAMETOOLONG, -ENAMETOOLONG},
		{"a", long_host, -ENAMETOOLONG, -ENAMETOOLONG},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct lookup_request request = {.host = rows[i].host, .service = rows[i].service};

		g_assert_cmpint(mptcp_lookup_check(&request), ==, rows[i].dial);
		request.passive = true;
		g_assert_cmpint(mptcp_lookup_check(&request), ==, rows[i].listen);
	}
}

static void test_addresses_ask_nobody(void)
{
	static const struct {
		const char *host, *service;
		int error;
	} rows[] = {
		{"192.0.2.1", "80", 0},
		{"2001:db8::1", "80", 0},
		{NULL, "80", 0},
		{"fe80::1%lo", "80", 0},
		{"fe80::1%nosuch0", "80", -ENOENT},
		{"1:2", "80", -ENOENT},
		{"[::1]", "80", -ENOENT},
		{"192.0.2.1", "no-such-service", -ESRCH},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct lookup_request request = {.host = rows[i].host, .service = rows[i].service};
		struct lookup_result result;

		errno = 4711;
		g_assert_true(mptcp_lookup_now(&request, false, &result));
		g_assert_cmpint(errno, ==, 4711);
		g_assert_cmpint(result.error, ==, rows[i].error);
		g_assert_true(!result.error == !result.code);
		g_assert_true(!result.error == !!result.list);
		if (result.list)
			freeaddrinfo(result.list);
	}
}

/* ---- figures ---- */

static void test_figures(void)
{
	static const struct {
		size_t size;
		uint32_t known;
	} rows[] = {
		{0, 0},
		{47, 0},
		{48, MPTCP_KNOWN_FIGURES},
		{80, MPTCP_KNOWN_FIGURES | MPTCP_KNOWN_BYTES},
		{88, MPTCP_KNOWN_FIGURES | MPTCP_KNOWN_BYTES | MPTCP_KNOWN_TOTAL},
		{96,
		 MPTCP_KNOWN_FIGURES | MPTCP_KNOWN_BYTES | MPTCP_KNOWN_TOTAL | MPTCP_KNOWN_TIMES},
		{256,
		 MPTCP_KNOWN_FIGURES | MPTCP_KNOWN_BYTES | MPTCP_KNOWN_TOTAL | MPTCP_KNOWN_TIMES},
	};
	unsigned char bytes[256];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct mptcp_socket_info info = {0};
		size_t size = rows[i].size;
		uint32_t token = 0, last = 0;

		mptcp_read_figures(bytes, size, &info);
		g_assert_cmphex(info.known, ==, rows[i].known);
		memcpy(&token, bytes + 12, 4);
		memcpy(&last, bytes + 92, 4);
		g_assert_cmphex(info.token, ==, size >= 48 ? token : info.token);
		g_assert_cmphex(info.last_ack_recv_ms, ==, size >= 96 ? last : 0);
		g_assert_cmpuint(info.subflows_total, ==, size > 80 ? 80 : 0);
	}
}

static void test_tcp_figures(void)
{
	unsigned char bytes[512];
	struct mptcp_socket_subflow subflow = {0};
	uint64_t retrans;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	mptcp_read_tcp_figures(bytes, 104, &subflow); /* as long ago as 2.6 */
	g_assert_cmpuint(subflow.known, ==, MPTCP_KNOWN_TCP);
	g_assert_cmphex(subflow.snd_cwnd, ==, 0x53525150);
	g_assert_cmphex(subflow.bytes_acked, ==, 0);
	mptcp_read_tcp_figures(bytes, sizeof(bytes), &subflow);
	memcpy(&retrans, bytes + 208, 8);
	g_assert_cmphex(subflow.bytes_retrans, ==, retrans);
}

/* ---- words ---- */

static void test_words(void)
{
	static const int errors[] = {ENOENT,	   ESRCH,  EAGAIN, EREMOTEIO, EINVAL, ENOTCONN,
				     ECONNREFUSED, EMFILE, 0,	   INT_MAX,   INT_MIN};

	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		const char *text = mptcp_error_text(errors[i]);

		g_assert_nonnull(text);
		g_assert_cmpint(*text, !=, 0);
		if (errors[i] > 0 && errors[i] < 1000)
			g_assert_cmpstr(text, ==, mptcp_error_text(-errors[i]));
	}
	g_assert_cmpstr(mptcp_error_text(-ENOENT), !=, mptcp_error_text(-ESRCH));
	g_assert_cmpstr(mptcp_error_text(INT_MIN), !=, strerror(0));
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mptcp/order/families-take-turns-and-keep-their-order", test_order);
	g_test_add_func("/mptcp/order/of-very-many-a-bounded-number-and-nothing-bad",
			test_order_of_many);
	g_test_add_func("/mptcp/race/attempts-begin-one-delay-apart", test_one_after_the_other);
	g_test_add_func("/mptcp/race/the-next-begins-at-once-when-one-fails",
			test_at_once_after_a_failure);
	g_test_add_func("/mptcp/race/the-error-is-of-the-first-that-could-be-reached", test_error);
	g_test_add_func("/mptcp/race/what-lacks-descriptors-waits-for-another-to-end",
			test_postponed);
	g_test_add_func("/mptcp/race/a-second-round-follows-the-first-and-its-time",
			test_second_round);
	g_test_add_func("/mptcp/options/older-and-newer-programs", test_options);
	g_test_add_func("/mptcp/names/what-cannot-be-one-is-refused", test_names);
	g_test_add_func("/mptcp/names/addresses-and-services-ask-nobody",
			test_addresses_ask_nobody);
	g_test_add_func("/mptcp/figures/of-each-kernel-what-it-has", test_figures);
	g_test_add_func("/mptcp/figures/of-tcp-what-it-has", test_tcp_figures);
	g_test_add_func("/mptcp/words/each-error-has-some", test_words);
	return g_test_run();
}
