/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What plugins were compiled with stays as it is within one ABI: what they fill in keeps its size,
 * and what they read keeps its beginning. A failure here means a new ABI, or a member in the wrong
 * place; numbers are of machines with pointers of 64 bits.
 */
#include <glib.h>
#include <stddef.h>

#include <mptcpd/plugin.h>

#define assert_at(type, member, offset)                                                            \
	g_assert_cmpuint(offsetof(struct mptcpd_##type, member), ==, offset)

static void test_filled_in(void)
{
	g_assert_cmpuint(sizeof(struct mptcpd_addr), ==, 20);
	g_assert_cmpuint(sizeof(struct mptcpd_path), ==, 72);
	g_assert_cmpuint(sizeof(struct mptcpd_announcement), ==, 72);
	g_assert_cmpuint(sizeof(struct mptcpd_forbidden), ==, 72);
	g_assert_cmpuint(sizeof(struct mptcpd_endpoint), ==, 52);
	g_assert_cmpuint(sizeof(struct mptcpd_setting), ==, 80);
	assert_at(path, instance, 48);
	assert_at(announcement, listen, 20);
	assert_at(announcement, ifindex, 40);
	assert_at(forbidden, ifindex, 44);
	assert_at(endpoint, flags, 20);
	assert_at(setting, words, 48);
}

static void test_read(void)
{
	g_assert_cmpuint(sizeof(struct mptcpd_list), ==, 24);
	assert_at(start, fault, 32);
	assert_at(value, items, 40);
	assert_at(view, routable, 40);
	assert_at(local, announce, 50);
	assert_at(local, health_since_ms, 72);
	assert_at(measure, app_limited, 72);
	assert_at(subflow, measure, 64);
	assert_at(failure, instance, 48);
	assert_at(connection, peer_addresses, 72);
	assert_at(connection, memory, 144);
	assert_at(connection, owner, 184);
	assert_at(owner, mark, 12);
	assert_at(plan, set_limits, 80);
}

static void test_plugin(void)
{
	assert_at(plugin, size, 4);
	assert_at(plugin, plan_paths, 72);
	assert_at(plugin, needs, 80);
	g_assert_true(MPTCPD_HAS(81 + 3, struct mptcpd_plugin, needs));
	g_assert_false(MPTCPD_HAS(81 + 2, struct mptcpd_plugin, needs));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (sizeof(void *) != 8)
		return g_test_run();
	g_test_add_func("/layout/what-plugins-fill-in", test_filled_in);
	g_test_add_func("/layout/what-plugins-read", test_read);
	g_test_add_func("/layout/plugins-themselves", test_plugin);
	return g_test_run();
}
