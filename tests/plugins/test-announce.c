/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <mptcpd/addr.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define C "10.0.3.1"
#define PUBLIC "203.0.113.7"

static const struct mptcpd_plugin *plugin;

/* A server's connection at A:40000; all addresses of the host are to be announced. */
static void set_up(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_init(scene, plugin);
	scene->connection.side = MPTCPD_SIDE_SERVER;
	for (size_t i = 0; i < scene->view.base.locals.n; i++)
		scene->view.locals[i].flags = MPTCPD_FLAG_SIGNAL;
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

static void print_addr(GString *text, const struct mptcpd_addr *addr)
{
	char ip[INET6_ADDRSTRLEN];

	g_assert_nonnull(inet_ntop(addr->family, addr->ip, ip, sizeof(ip)));
	g_string_append(text, ip);
	if (addr->port)
		g_string_append_printf(text, ":%u", addr->port);
}

/* "ADDRESS%IFINDEX@LISTEN" each, with "!" where it listens whatever applications do. */
static char *announced(const struct fake_scene *scene)
{
	GString *text = g_string_new("");

	for (size_t i = 0; i < scene->plan.n_announcements; i++) {
		const struct mptcpd_announcement *ann = &scene->plan.announcements[i];

		if (i)
			g_string_append_c(text, ' ');
		print_addr(text, &ann->addr);
		g_string_append_printf(text, "%%%u@", ann->ifindex);
		print_addr(text, &ann->listen);
		if (ann->listen_when == MPTCPD_LISTEN_ALWAYS)
			g_string_append_c(text, '!');
	}
	return g_string_free(text, FALSE);
}

#define assert_announced(scene, expected)                                                          \
	do {                                                                                       \
		g_autofree char *announced_ = NULL;                                                \
                                                                                                   \
		assert_plan(scene, "");                                                            \
		announced_ = announced(scene);                                                     \
		g_assert_cmpstr(announced_, ==, expected);                                         \
	} while (0)

static void test_signal(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_SUBFLOW);
	fake_view_add(&scene->view, "10.0.4.1", MPTCPD_FLAG_SUBFLOW);
	assert_announced(scene, B "%2@" B " " C "%3@" C);
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
}

static void test_client(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_CLIENT;
	assert_announced(scene, "");
	scene->connection.side = MPTCPD_SIDE_UNKNOWN;
	assert_announced(scene, "");
}

static void test_families(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, FAKE_A6, MPTCPD_FLAG_SIGNAL);
	assert_announced(scene, B "%2@" B " " FAKE_A6 "%3@" FAKE_A6);
	scene->connection.ipv4_only = true;
	assert_announced(scene, B "%2@" B);
}

static void test_v6(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_use_v6(scene);
	scene->view.locals[0].flags = scene->view.locals[1].flags = MPTCPD_FLAG_SIGNAL;
	fake_scene_start(scene, "port", "4430");
	assert_announced(scene, FAKE_B6 ":4430%2@" FAKE_B6 "!");
}

static void test_port(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_start(scene, "port", "4430");
	assert_announced(scene, B ":4430%2@" B "!");
	/* that of the connection: an application may listen there */
	fake_scene_start(scene, "port", "40000");
	assert_announced(scene, B ":40000%2@" B);
}

static void test_public(struct fake_scene *scene, gconstpointer unused)
{
	scene->view.locals[1].announce = fake_addr(PUBLIC);
	assert_announced(scene, PUBLIC "%2@" B ":40000");
	/* no port of its own: a NAT leads to the connection's */
	fake_scene_start(scene, "port", "4430");
	assert_announced(scene, PUBLIC "%2@" B ":40000");
	scene->view.locals[1].announce = fake_addr(PUBLIC ":8443");
	assert_announced(scene, PUBLIC ":8443%2@" B ":40000");
	/* the client came by it */
	scene->connection.local = fake_addr(PUBLIC ":40000");
	scene->view.locals[0].flags = 0;
	assert_announced(scene, "");
}

static void test_public_ports(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SIGNAL);
	scene->view.locals[1].announce = fake_addr(PUBLIC ":8443");
	scene->view.locals[2].announce = fake_addr(PUBLIC ":8444");
	assert_announced(scene, PUBLIC ":8443%2@" B ":40000 " PUBLIC ":8444%3@" C ":40000");
}

/* The port that an interface names is that of its address, whatever holds for the others. */
static void test_port_of_interface(struct fake_scene *scene, gconstpointer unused)
{
	scene->view.locals[1].announce = fake_addr(B ":9000");
	fake_scene_start(scene, "port", "4430");
	assert_announced(scene, B ":9000%2@" B "!");
}

static void announce_before(struct fake_scene *scene, const char *addr)
{
	struct mptcpd_announcement ann = {.addr = fake_addr(addr), .listen = fake_addr(B)};

	fake_plan_init(&scene->plan, &scene->connection);
	scene->plan.base.add_announcement(&scene->plan.base, &ann);
}

#define assert_left(scene, expected)                                                               \
	do {                                                                                       \
		g_autofree char *left_ = NULL;                                                     \
                                                                                                   \
		g_free(fake_scene_plan(scene));                                                    \
		left_ = announced(scene);                                                          \
		g_assert_cmpstr(left_, ==, expected);                                              \
	} while (0)

static void test_stacked(struct fake_scene *scene, gconstpointer unused)
{
	announce_before(scene, B);
	assert_left(scene, B "%0@" B "!");
	announce_before(scene, B ":9000");
	assert_left(scene, B ":9000%0@" B "!");
	fake_scene_start(scene, "port", "4430");
	announce_before(scene, B);
	assert_left(scene, B ":4430%2@" B "!");
	announce_before(scene, B ":9000");
	assert_left(scene, B ":9000%0@" B "!");
}

static void test_eight(struct fake_scene *scene, gconstpointer unused)
{
	for (int i = 3; i <= 9; i++) {
		g_autofree char *addr = g_strdup_printf("10.0.%d.1", i);

		fake_view_add(&scene->view, addr, MPTCPD_FLAG_SIGNAL);
	}
	assert_plan(scene, "");
	g_assert_cmpuint(scene->plan.n_announcements, ==, 8);
}

#define ADD(name, func)                                                                            \
	g_test_add("/announce/" name, struct fake_scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("addresses-with-the-flag-but-the-one-that-is-known", test_signal);
	ADD("client-announces-nothing", test_client);
	ADD("families-that-are-of-use", test_families);
	ADD("port-of-its-own-v6", test_v6);
	ADD("port-of-its-own", test_port);
	ADD("public-address-in-its-place", test_public);
	ADD("one-public-address-with-two-ports", test_public_ports);
	ADD("port-of-the-interface-goes-before", test_port_of_interface);
	ADD("what-is-announced-already-is-not-announced-twice", test_stacked);
	ADD("as-many-as-there-are", test_eight);
	return g_test_run();
}
