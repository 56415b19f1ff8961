/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "addr.h"

static void reads_and_writes(void)
{
	static const char *const texts[] = {"10.0.0.1", "10.0.0.1:80", "2001:db8::1",
					    "[2001:db8::1]:65535", "::"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct mptcpd_addr addr;
		char text[ADDR_TEXT_SIZE];

		g_assert_cmpint(addr_parse(texts[i], &addr), ==, 0);
		g_assert_cmpstr(addr_format(&addr, text), ==, texts[i]);
	}
}

static void refuses_what_is_no_address(void)
{
	static const char *const texts[] = {
		"",	      "10.0.0",	       "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
		"10.0.0.1:x", "[::1]x",	       "[::1]:",    "[::1",	  "[10.0.0.1]:8",
		"::1::",      "host",	       " 10.0.0.1", "10.0.0.1 ",  "10.0.0.1:+8",
		"[::1]:80 ",  "1.2.3.4:000080"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct mptcpd_addr addr = {.port = 7};

		g_test_message("%s", texts[i]);
		g_assert_cmpint(addr_parse(texts[i], &addr), <, 0);
		g_assert_cmpint(addr.port, ==, 7);
	}
}

static void mapped_is_ipv4(void)
{
	struct mptcpd_addr mapped, plain;

	g_assert_cmpint(addr_parse("[::ffff:10.0.0.1]:80", &mapped), ==, 0);
	g_assert_cmpint(addr_parse("10.0.0.1:80", &plain), ==, 0);
	g_assert_true(addr_equal(&mapped, &plain));
	g_assert_cmpint(mapped.family, ==, AF_INET);
}

static void prefixes(void)
{
	static const struct {
		const char *net, *addr;
		bool in;
	} cases[] = {
		{"10.8.0.0/16", "10.8.255.1", true},
		{"10.8.0.0/16", "10.9.0.1", false},
		{"10.8.0.0/13", "10.15.0.1", true},
		{"10.8.0.0/13", "10.16.0.1", false},
		{"0.0.0.0/0", "1.2.3.4", true},
		{"0.0.0.0/0", "::1", false},
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct mptcpd_addr net, addr;
		uint8_t prefix = 0;

		g_test_message("%s in %s", cases[i].addr, cases[i].net);
		g_assert_cmpint(mptcpd_addr_parse_prefix(cases[i].net, &net, &prefix), ==, 0);
		g_assert_cmpint(addr_parse(cases[i].addr, &addr), ==, 0);
		g_assert_cmpint(mptcpd_addr_in_prefix(&addr, &net, prefix), ==, cases[i].in);
	}
}

static void refuses_what_is_no_prefix(void)
{
	static const char *const texts[] = {"10.0.0.0/33", "::/129", "10.0.0.0/",
					    "10.0.0.0/-1", "/8",     "10.0.0.0/8/8",
					    "::/0008"};
	struct mptcpd_addr net;
	uint8_t prefix;

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_assert_cmpint(mptcpd_addr_parse_prefix(texts[i], &net, &prefix), <, 0);
}

static void kinds(void)
{
	static const struct {
		const char *text;
		bool loopback, link_local, unique_local, multicast, any;
	} cases[] = {
		{"127.0.0.1", true, false, false, false, false},
		{"::1", true, false, false, false, false},
		{"169.254.1.1", false, true, false, false, false},
		{"fe80::1", false, true, false, false, false},
		{"febf::1", false, true, false, false, false},
		{"fec0::1", false, false, false, false, false},
		{"fd00::1", false, false, true, false, false},
		{"fc00::1", false, false, true, false, false},
		{"fe00::1", false, false, false, false, false},
		{"224.0.0.1", false, false, false, true, false},
		{"ff02::1", false, false, false, true, false},
		{"0.0.0.0", false, false, false, false, true},
		{"::", false, false, false, false, true},
		{"192.0.2.1", false, false, false, false, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct mptcpd_addr addr;

		g_test_message("%s", cases[i].text);
		g_assert_cmpint(addr_parse(cases[i].text, &addr), ==, 0);
		g_assert_cmpint(mptcpd_addr_is_loopback(&addr), ==, cases[i].loopback);
		g_assert_cmpint(mptcpd_addr_is_link_local(&addr), ==, cases[i].link_local);
		g_assert_cmpint(mptcpd_addr_is_unique_local(&addr), ==, cases[i].unique_local);
		g_assert_cmpint(mptcpd_addr_is_multicast(&addr), ==, cases[i].multicast);
		g_assert_cmpint(mptcpd_addr_is_any(&addr), ==, cases[i].any);
	}
}

/* What is no address is of no kind and in no network, whatever stands in its bytes. */
static void no_address_has_no_kind(void)
{
	static const char *const texts[] = {"127.0.0.1", "::1",	      "169.254.1.1", "fe80::1",
					    "fd00::1",	 "224.0.0.1", "ff02::1",     "10.0.0.1"};
	static const uint8_t families[] = {0, AF_UNIX};

	for (size_t i = 0; i < G_N_ELEMENTS(texts) * G_N_ELEMENTS(families); i++) {
		struct mptcpd_addr addr;

		g_assert_cmpint(addr_parse(texts[i / 2], &addr), ==, 0);
		addr.family = families[i % 2];
		g_test_message("%s as family %u", texts[i / 2], addr.family);
		g_assert_false(mptcpd_addr_is_loopback(&addr));
		g_assert_false(mptcpd_addr_is_link_local(&addr));
		g_assert_false(mptcpd_addr_is_unique_local(&addr));
		g_assert_false(mptcpd_addr_is_multicast(&addr));
		g_assert_false(addr_is_reserved(&addr));
		g_assert_false(mptcpd_addr_in_prefix(&addr, &addr, 8));
	}
}

static void mapped_prefix_is_ipv4(void)
{
	struct mptcpd_addr net;
	uint8_t prefix;

	g_assert_cmpint(mptcpd_addr_parse_prefix("::ffff:10.0.0.0/8", &net, &prefix), ==, 0);
	g_assert_cmpint(net.family, ==, AF_INET);
	g_assert_cmpint(prefix, ==, 8);
	g_assert_cmpint(mptcpd_addr_parse_prefix("::ffff:10.0.0.0", &net, &prefix), ==, 0);
	g_assert_cmpint(prefix, ==, 32);
	g_assert_cmpint(mptcpd_addr_parse_prefix("::ffff:10.0.0.0/104", &net, &prefix), <, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/addr/reads-and-writes", reads_and_writes);
	g_test_add_func("/addr/refuses-what-is-no-address", refuses_what_is_no_address);
	g_test_add_func("/addr/mapped-is-ipv4", mapped_is_ipv4);
	g_test_add_func("/addr/prefix/contains", prefixes);
	g_test_add_func("/addr/prefix/refuses-what-is-none", refuses_what_is_no_prefix);
	g_test_add_func("/addr/prefix/of-a-mapped-address-counts-as-ipv4", mapped_prefix_is_ipv4);
	g_test_add_func("/addr/kinds", kinds);
	g_test_add_func("/addr/kinds/no-address-is-of-none", no_address_has_no_kind);
	return g_test_run();
}
