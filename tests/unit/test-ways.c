/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which routes lead beyond their own link. */
#include <glib.h>
#include <linux/rtnetlink.h>

#include "addr.h"
#include "ways.h"

static struct codec_route route(const char *net, bool gateway, uint8_t protocol)
{
	struct codec_route route = {.ifindex = 2,
				    .type = RTN_UNICAST,
				    .protocol = protocol,
				    .gateway = gateway};

	g_assert_cmpint(mptcpd_addr_parse_prefix(net, &route.net, &route.prefix), ==, 0);
	return route;
}

static size_t count(struct codec_route route)
{
	struct ways ways = {0};

	ways_add(&ways, &route);
	return ways.n;
}

static void beyond(void)
{
	struct codec_route own = route("10.1.0.0/16", false, RTPROT_DHCP);

	g_assert_cmpuint(count(route("10.0.0.0/8", true, RTPROT_STATIC)), ==, 1);
	g_assert_cmpuint(count(route("2000::/3", true, RTPROT_RA)), ==, 1);
	g_assert_cmpuint(count(route("fd00:1::/32", true, RTPROT_BOOT)), ==, 1);
	g_assert_cmpuint(count(route("10.9.0.0/16", false, RTPROT_BOOT)), ==, 1); /* wg-quick */
	/* what the link has by itself */
	g_assert_cmpuint(count(route("10.0.1.0/24", false, RTPROT_KERNEL)), ==, 0);
	g_assert_cmpuint(count(route("2001:db8::/64", false, RTPROT_RA)), ==, 0);
	g_assert_cmpuint(count(route("fe80::/64", false, RTPROT_BOOT)), ==, 0);
	g_assert_cmpuint(count(route("ff00::/8", false, RTPROT_BOOT)), ==, 0);
	g_assert_cmpint(addr_parse("10.1.2.3", &own.source), ==, 0);
	g_assert_cmpuint(count(own), ==, 0);
	g_assert_cmpint(addr_parse("10.2.2.3", &own.source), ==, 0);
	g_assert_cmpuint(count(own), ==, 1);
	/* no way at all */
	own.type = RTN_BLACKHOLE;
	g_assert_cmpuint(count(own), ==, 0);
}

static void hosts(void)
{
	struct codec_route host = route("10.0.9.1/32", true, RTPROT_BOOT);
	struct codec_route wide = route("10.9.0.0/16", true, RTPROT_BOOT);
	struct codec_route all = route("0.0.0.0/0", false, RTPROT_BOOT);
	struct ways ways = {0}, other = {0};

	ways_add(&ways, &host);
	ways_add(&ways, &host);
	g_assert_cmpuint(ways.n, ==, 2);
	ways_add(&ways, &wide);
	ways_add(&ways, &host);
	g_assert_cmpuint(ways.n, ==, 1);
	g_assert_cmpuint(ways.list[0].prefix, ==, 16);
	/* a default route is another question, but then hosts are not all there is */
	ways_add(&other, &host);
	ways_add(&other, &all);
	g_assert_cmpuint(other.n, ==, 0);
	host.gateway = false; /* a container behind its own interface */
	g_assert_cmpuint(count(host), ==, 0);
	for (size_t i = 0; i < 2 * WAYS_MAX; i++)
		ways_add(&ways, &wide);
	g_assert_cmpuint(ways.n, ==, WAYS_MAX);
}

static void assert_ends(const char *net, const char *near, const char *far)
{
	struct way way = {0};
	char text[ADDR_TEXT_SIZE];
	struct mptcpd_addr probe;

	g_assert_cmpint(mptcpd_addr_parse_prefix(net, &way.net, &way.prefix), ==, 0);
	probe = way_probe(&way, false);
	g_assert_cmpstr(addr_format_host(&probe, text), ==, near);
	probe = way_probe(&way, true);
	g_assert_cmpstr(addr_format_host(&probe, text), ==, far);
}

static void ends(void)
{
	assert_ends("10.0.0.0/8", "10.0.0.0", "10.255.255.255");
	assert_ends("100.64.0.0/10", "100.64.0.0", "100.127.255.255");
	assert_ends("10.0.9.1/32", "10.0.9.1", "10.0.9.1");
	assert_ends("2000::/3", "2000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_ends("fd00:1::/48", "fd00:1::", "fd00:1:0:ffff:ffff:ffff:ffff:ffff");
	assert_ends("2001:db8::1/128", "2001:db8::1", "2001:db8::1");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ways/lead-beyond-the-link", beyond);
	g_test_add_func("/ways/to-single-hosts-count-alone-only", hosts);
	g_test_add_func("/ways/have-two-ends", ends);
	return g_test_run();
}
