/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include <mptcpd/addr.h>

static struct mptcpd_addr addr(const char *text)
{
	struct mptcpd_addr addr = {0};
	uint8_t prefix = 0;

	g_assert_cmpint(mptcpd_addr_parse_prefix(text, &addr, &prefix), ==, 0);
	return addr;
}

static bool is_in(const char *text, const char *net)
{
	struct mptcpd_addr one = addr(text), other = {0};
	uint8_t prefix = 0;

	g_assert_cmpint(mptcpd_addr_parse_prefix(net, &other, &prefix), ==, 0);
	return mptcpd_addr_in_prefix(&one, &other, prefix);
}

static void test_prefix(void)
{
	g_assert_true(is_in("10.1.2.3", "10.0.0.0/8"));
	g_assert_false(is_in("11.1.2.3", "10.0.0.0/8"));
	g_assert_true(is_in("10.1.3.3", "10.1.2.0/23"));
	g_assert_false(is_in("10.1.4.3", "10.1.2.0/23"));
	g_assert_true(is_in("10.1.2.3", "10.1.2.3"));
	g_assert_true(is_in("10.1.2.3", "0.0.0.0/0"));
	g_assert_false(is_in("10.1.2.3", "::/0"));
	g_assert_true(is_in("2001:db8::1", "2001:db8::/33"));
	g_assert_false(is_in("2001:db8:8000::1", "2001:db8::/33"));
	g_assert_true(is_in("::ffff:10.1.2.3", "10.0.0.0/8"));
}

static void test_bad_prefixes(void)
{
	static const char *const bad[] = {"",
					  "/8",
					  "10.0.0.0/",
					  "10.0.0.0/33",
					  "10.0.0.0/8x",
					  "10.0.0/8",
					  "10.0.0.0/-1",
					  "::/129",
					  "::/0000",
					  "10.0.0.0/8/8",
					  "example.org",
					  "10.0.0.0:80"};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct mptcpd_addr addr = {.port = 7};
		uint8_t prefix = 9;

		g_assert_cmpint(mptcpd_addr_parse_prefix(bad[i], &addr, &prefix), ==, -EINVAL);
		g_assert_cmpuint(addr.port + prefix, ==, 16);
	}
}

static void test_equal(void)
{
	struct mptcpd_addr a = addr("10.0.0.1"), b = a;

	b.port = 80;
	g_assert_true(mptcpd_addr_equal_host(&a, &b));
	g_assert_false(mptcpd_addr_equal(&a, &b));
	a.port = 80;
	g_assert_true(mptcpd_addr_equal(&a, &b));
	b.ip[3] = 2;
	g_assert_false(mptcpd_addr_equal_host(&a, &b));
}

static bool same_kind(const char *a, const char *b)
{
	struct mptcpd_addr one = addr(a), other = addr(b);

	g_assert_cmpint(mptcpd_addr_same_kind(&one, &other), ==,
			mptcpd_addr_same_kind(&other, &one));
	return mptcpd_addr_same_kind(&one, &other);
}

static void test_kinds(void)
{
	g_assert_true(same_kind("10.0.0.1", "192.168.0.1"));
	g_assert_true(same_kind("192.0.2.1", "203.0.113.1"));
	g_assert_false(same_kind("10.0.0.1", "203.0.113.1"));
	g_assert_false(same_kind("100.64.0.1", "100.128.0.1"));
	g_assert_false(same_kind("172.16.0.1", "172.32.0.1"));
	g_assert_false(same_kind("169.254.0.1", "203.0.113.1"));
	g_assert_false(same_kind("fe80::1", "2001:db8::1"));
	g_assert_true(same_kind("fc00::1", "fd00::1"));
	g_assert_false(same_kind("fd00::1", "2001:db8::1"));
	g_assert_false(same_kind("2001:db8::1", "203.0.113.1"));
}

static void test_proper(void)
{
	struct mptcpd_addr none = {0}, v4 = addr("10.0.0.1"), v6 = addr("2001:db8::1"), bent;

	g_assert_true(mptcpd_addr_is_proper(&none));
	g_assert_true(mptcpd_addr_is_proper(&v4));
	g_assert_true(mptcpd_addr_is_proper(&v6));
	bent = v4;
	bent.ip[15] = 1;
	g_assert_false(mptcpd_addr_is_proper(&bent));
	bent = v4;
	bent.reserved = 1;
	g_assert_false(mptcpd_addr_is_proper(&bent));
	bent = v4;
	bent.family = 77;
	g_assert_false(mptcpd_addr_is_proper(&bent));
	bent = (struct mptcpd_addr){.port = 80};
	g_assert_false(mptcpd_addr_is_proper(&bent));
	/* IPv4 in the clothes of IPv6 */
	bent = (struct mptcpd_addr){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10},
				    .family = AF_INET6};
	g_assert_false(mptcpd_addr_is_proper(&bent));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/plugin-addr/prefixes", test_prefix);
	g_test_add_func("/plugin-addr/bad-prefixes-are-refused", test_bad_prefixes);
	g_test_add_func("/plugin-addr/equal", test_equal);
	g_test_add_func("/plugin-addr/kinds", test_kinds);
	g_test_add_func("/plugin-addr/proper-layout", test_proper);
	return g_test_run();
}
