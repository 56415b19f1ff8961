/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's own path manager: its endpoints, their ids, its limits. */
#include <errno.h>

#include "scene.h"

static struct event_endpoint endpoint(const char *address, uint8_t id, uint32_t flags)
{
	return (struct event_endpoint){.addr = addr_of(address), .id = id, .flags = flags};
}

static int add(struct scene *scene, const char *address, uint8_t id, uint32_t flags)
{
	struct event_endpoint added = endpoint(address, id, flags);

	return world_ops->endpoint_add(world_kernel(scene->world), &added);
}

static int delete (struct scene *scene, const char *address, uint8_t id)
{
	struct event_endpoint deleted = endpoint(address, id, 0);

	return world_ops->endpoint_delete(world_kernel(scene->world), &deleted);
}

static int set_flags(struct scene *scene, const char *address, uint8_t id, uint32_t flags)
{
	struct event_endpoint changed = endpoint(address, id, flags);

	return world_ops->endpoint_flags(world_kernel(scene->world), &changed);
}

static int set_limits(struct scene *scene, uint32_t subflows, uint32_t add_addr_accepted)
{
	struct event_limits limits = {.subflows = subflows, .add_addr_accepted = add_addr_accepted};

	return world_ops->limits_set(world_kernel(scene->world), &limits);
}

/* A new namespace has the limits 2 and 0. */
#define REST "limits 2 0\npath-manager userspace\n"

static void come_and_go(struct scene *scene, gconstpointer data)
{
	struct event_endpoint on_link = endpoint("10.1.0.1", 3, MPTCPD_FLAG_SUBFLOW);

	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, REST);
	on_link.ifindex = world_link(scene->world, "va");
	g_assert_cmpint(world_ops->endpoint_add(world_kernel(scene->world), &on_link), ==, 0);
	g_assert_cmpint(add(scene, "fd00:2::1", 0, MPTCPD_FLAG_SIGNAL), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS,
			"endpoint 3 10.1.0.1 on va subflow\n"
			"endpoint 4 fd00:2::1 signal\n" REST);
	g_assert_cmpint(delete (scene, "10.1.0.1", 3), ==, 0);
	g_assert_cmpint(delete (scene, "10.1.0.1", 3), ==, -EINVAL);
	/* By address it is no endpoint that goes. */
	g_assert_cmpint(delete (scene, "fd00:2::1", 0), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "endpoint 4 fd00:2::1 signal\n" REST);
}

static void ids_are_not_given_twice(struct scene *scene, gconstpointer data)
{
	g_assert_cmpint(add(scene, "10.1.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	g_assert_cmpint(add(scene, "10.2.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	g_assert_cmpint(add(scene, "10.3.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	g_assert_cmpint(delete (scene, "10.1.0.1", 1), ==, 0);
	/* It goes on from the greatest that was given. */
	g_assert_cmpint(add(scene, "10.4.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	g_assert_cmpint(add(scene, "10.5.0.1", 255, MPTCPD_FLAG_SUBFLOW), ==, 0);
	/* Then from the beginning. */
	g_assert_cmpint(add(scene, "10.6.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	g_assert_cmpint(add(scene, "10.7.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS,
			"endpoint 1 10.6.0.1 subflow\n"
			"endpoint 2 10.2.0.1 subflow\n"
			"endpoint 255 10.5.0.1 subflow\n"
			"endpoint 3 10.3.0.1 subflow\n"
			"endpoint 4 10.4.0.1 subflow\n"
			"endpoint 5 10.7.0.1 subflow\n" REST);
	g_assert_cmpint(world_ops->endpoint_flush(world_kernel(scene->world)), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, REST);
	g_assert_cmpint(add(scene, "10.1.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "endpoint 1 10.1.0.1 subflow\n" REST);
}

static void are_refused(struct scene *scene, gconstpointer data)
{
	g_assert_cmpint(add(scene, "10.1.0.1", 3, MPTCPD_FLAG_SUBFLOW), ==, 0);
	g_assert_cmpint(add(scene, "10.1.0.1", 4, MPTCPD_FLAG_SUBFLOW), ==, -EEXIST);
	g_assert_cmpint(add(scene, "10.1.0.1", 0, MPTCPD_FLAG_SUBFLOW), ==, -EEXIST);
	g_assert_cmpint(add(scene, "10.2.0.1", 3, MPTCPD_FLAG_SUBFLOW), ==, -EBUSY);
	/* A port is one to listen on, which has to be announced. */
	g_assert_cmpint(add(scene, "10.2.0.1:4800", 0, MPTCPD_FLAG_SUBFLOW), ==, -EINVAL);
	g_assert_cmpint(add(scene, "10.2.0.1:4800", 0, 0), ==, -EINVAL);
	g_assert_cmpint(add(scene, "10.2.0.1", 0, MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_FULLMESH), ==,
			-EINVAL);
	g_assert_cmpint(set_flags(scene, "10.2.0.1", 9, MPTCPD_FLAG_BACKUP), ==, -EINVAL);
	g_assert_cmpint(set_limits(scene, 9, 0), ==, -EINVAL);
	g_assert_cmpint(set_limits(scene, 0, 9), ==, -EINVAL);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "endpoint 3 10.1.0.1 subflow\n" REST);
}

static void eight_fill_the_table(struct scene *scene, gconstpointer data)
{
	for (int i = 1; i <= 8; i++) {
		g_autofree char *address = g_strdup_printf("10.1.0.%d", i);

		g_assert_cmpint(add(scene, address, 0, MPTCPD_FLAG_SUBFLOW), ==, 0);
	}
	g_assert_cmpint(add(scene, "10.1.0.9", 0, MPTCPD_FLAG_SUBFLOW), ==, -ERANGE);
	g_assert_cmpint(delete (scene, "10.1.0.4", 4), ==, 0);
	g_assert_cmpint(add(scene, "10.1.0.9", 4, MPTCPD_FLAG_SUBFLOW), ==, 0);
}

static void port_is_listened_on(struct scene *scene, gconstpointer data)
{
	bool tells = !world_before(6, 2);

	g_assert_cmpint(add(scene, "10.2.0.1:4800", 5, MPTCPD_FLAG_SIGNAL), ==, 0);
	if (tells)
		expect_host(scene, "listener 10.2.0.1:4800");
	g_assert_cmpint(add(scene, "10.2.0.1:4800", 6, MPTCPD_FLAG_SIGNAL), ==, -EADDRINUSE);
	/* Another port is another endpoint, and not an address of ours is none. */
	g_assert_cmpint(add(scene, "10.2.0.1:4801", 6, MPTCPD_FLAG_SIGNAL), ==, 0);
	g_assert_cmpint(add(scene, "10.2.0.55:4800", 7, MPTCPD_FLAG_SIGNAL), ==, -EADDRNOTAVAIL);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS,
			"endpoint 5 10.2.0.1:4800 signal\n"
			"endpoint 6 10.2.0.1:4801 signal\n" REST);
	g_assert_cmpint(delete (scene, "10.2.0.1:4800", 5), ==, 0);
	if (tells)
		expect_host(scene, "listener-closed 10.2.0.1:4800");
}

static void flags_change(struct scene *scene, gconstpointer data)
{
	uint32_t mesh = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH;

	g_assert_cmpint(add(scene, "10.1.0.1", 3, MPTCPD_FLAG_SUBFLOW), ==, 0);
	g_assert_cmpint(set_flags(scene, "10.1.0.1", 3, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP),
			==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "endpoint 3 10.1.0.1 subflow backup\n" REST);
	g_assert_cmpint(set_flags(scene, "10.1.0.1", 3, mesh), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "endpoint 3 10.1.0.1 subflow fullmesh\n" REST);
	/* No others change. */
	g_assert_cmpint(set_flags(scene, "10.1.0.1", 3, MPTCPD_FLAG_SIGNAL), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "endpoint 3 10.1.0.1 subflow\n" REST);
	g_assert_cmpint(add(scene, "10.2.0.1", 4, MPTCPD_FLAG_SIGNAL), ==, 0);
	g_assert_cmpint(set_flags(scene, "10.2.0.1", 4, MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_FULLMESH),
			==, -EINVAL);
}

static void limits_change(struct scene *scene, gconstpointer data)
{
	g_assert_cmpint(set_limits(scene, 8, 8), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "limits 8 8\npath-manager userspace\n");
	/* UINT32_MAX: as it is. */
	g_assert_cmpint(set_limits(scene, UINT32_MAX, 1), ==, 0);
	g_assert_cmpint(set_limits(scene, 4, UINT32_MAX), ==, 0);
	expect_snapshot(scene, SNAPSHOT_ENDPOINTS, "limits 4 1\npath-manager userspace\n");
}

void add_endpoint_scenarios(void)
{
	SCENARIO("endpoint/come-and-go", come_and_go);
	SCENARIO("endpoint/ids-are-not-given-twice", ids_are_not_given_twice);
	SCENARIO("endpoint/are-refused", are_refused);
	SCENARIO("endpoint/eight-fill-the-table", eight_fill_the_table);
	SCENARIO("endpoint/port-is-listened-on", port_is_listened_on);
	SCENARIO("endpoint/flags-change", flags_change);
	SCENARIO("limits/change", limits_change);
}
