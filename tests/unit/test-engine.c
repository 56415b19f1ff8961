/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine does with the kernel, on a fake one and a clock of our own. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

/* ---- making subflows ---- */

static void makes_the_planned(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_client(scene);
	size_t *counts = scene->fake->counts;

	g_assert_cmpuint(counts[FAKE_CREATE], ==, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct fake_record *create = scene_record(scene, FAKE_CREATE, i);
		struct mptcpd_addr local = fake_addr(i ? "10.0.3.1" : "10.0.2.1");

		g_assert_true(addr_equal(&create->local, &local));
		g_assert_cmpuint(create->ifindex, ==, i + 2);
		g_assert_cmpuint(create->id, !=, 0);
		g_assert_cmpuint(create->flags, ==, 0);
	}
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->id, !=,
			 scene_record(scene, FAKE_CREATE, 1)->id);
	/* asked for, not yet seen: not asked for again, whatever happens */
	fake_announced(scene->fake, SCENE_TOKEN, 3, "10.9.0.1:5000");
	scene_later(scene, 500);
	g_assert_cmpuint(counts[FAKE_CREATE], ==, 2);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->n_changes[CHANGE_SUBFLOW_ESTABLISHED], ==, 2);
}

static void waits_until_established(struct scene *scene, gconstpointer data)
{
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

static void second_settle_does_nothing(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	for (int i = 0; i < 5; i++)
		scene_later(scene, 7000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void leaves_servers_alone(struct scene *scene, gconstpointer data)
{
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_SERVER, "10.0.1.1:5000", "10.9.0.1:999");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpint(scene_connection(scene)->path_manager, ==, PATH_MANAGER_USERSPACE);
}

static void stays_on_a_link_not_to_be_used(struct scene *scene, gconstpointer data)
{
	fake_link(scene->fake, 8, "never0", true, true);
	fake_address(scene->fake, 8, "10.0.8.1");
	scene_run(scene);
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.8.1:1000", SCENE_SERVER);
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_later(scene, 100);
	g_assert_null(scene_connection(scene)->policy);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void leaves_the_kernels_alone(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000",
			    SCENE_SERVER);
	fake->path_manager = PATH_MANAGER_KERNEL;
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpint(scene_connection(scene)->path_manager, ==, PATH_MANAGER_KERNEL);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	/* what was planned before that was known is nobody's wish */
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 1);
	g_assert_cmpuint(scene_connection(scene)->subflows[0].want.by, ==, WANTED_BY_NONE);
	fake_forget_log(scene->fake);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 60000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void marks_backup(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	/* the interface gets a name whose rule says backup */
	fake_link(scene->fake, 2, "backup0", true, true);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 1);
	g_assert_true(fake->subflows[1].backup);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 100);
	g_assert_false(fake->subflows[1].backup);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

static void honours_c_flag(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->deny_join_id0 = true;
	scene->fake->n_events = 0; /* tell it again, with the flag */
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	fake_announced(scene->fake, SCENE_TOKEN, 4, "10.9.0.2:5000");
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

static void makes_parallel_ones(struct scene *scene, gconstpointer data)
{
	fake_policy.parallel = true;
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 5);
	fake_answer(scene->fake, 0);
	scene_later(scene, 5000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 5);
	fake_policy.parallel = false;
	fake_link(scene->fake, 9, "other", true, true);
	fake_address(scene->fake, 9, "10.0.9.1");
	fake_route(scene->fake, 9, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 3);
}

static void ignores_ipv6_for_ipv4_peers(struct scene *scene, gconstpointer data)
{
	fake_address(scene->fake, 2, "2001:db8::2");
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

static void follows_peer_addresses(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_announced(scene->fake, SCENE_TOKEN, 7, "10.9.0.2:5000");
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 6);
	fake_forget_log(scene->fake);
	fake_removed(scene->fake, SCENE_TOKEN, 7);
	scene_later(scene, 120000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void goes_on_by_one_without_time(struct scene *scene, gconstpointer data)
{
	scene->fake->out_of_time = true;
	for (uint32_t token = 1; token <= 3; token++) {
		fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER);
		fake_establish(scene->fake, token);
	}
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	for (uint32_t token = 1; token <= 3; token++) {
		uint64_t next = engine_settle(scene->engine, scene->now_ms);

		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2 * token);
		if (token < 3)
			g_assert_cmpuint(next, ==, scene->now_ms);
	}
}

static void waits_in_peace_for_the_host(struct scene *scene, gconstpointer data)
{
	struct event link = {.type = EVENT_LINK, .link = {.ifindex = 9, .name = "eth9"}};

	scene_start(scene);
	engine_settle(scene->engine, scene->now_ms);
	engine_event(scene->engine, &link, scene->now_ms);
	g_assert_cmpuint(engine_settle(scene->engine, scene->now_ms), >, scene->now_ms);
}

/* ---- links come and go ---- */

static void moves_off_a_lost_link(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	uint8_t id = fake->subflows[1].local_id;

	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
	g_assert_cmpint(scene->fake->log[0].command, ==, FAKE_WITHDRAW);
	g_assert_cmpuint(scene->fake->log[0].id, ==, id);
	g_assert_cmpint(scene->fake->log[1].command, ==, FAKE_DESTROY);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 2);

	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->id, ==, id);
	g_assert_cmpuint(scene->fake->n_returned, ==, 1);
}

static void keeps_the_last(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	for (uint32_t i = 1; i <= 3; i++)
		fake_link(scene->fake, i, "eth", true, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);

	/* one comes back: it gets a fresh subflow, and once that is there the old ones go */
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->n_commands, ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->ifindex, ==, 2);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 2);
	scene_later(scene, 200); /* the peer is told of one address after the other */
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 3);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

static void follows_a_new_index(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_link_gone(scene->fake, 2);
	scene_later(scene, 100);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	fake_link(scene->fake, 12, "eth2", true, true);
	fake_address(scene->fake, 12, "10.0.2.1");
	scene_later(scene, 100);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->ifindex, ==, 12);
}

static void aborts_a_syn_on_a_lost_link(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_client(scene);

	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

static void waits_for_a_route(struct scene *scene, gconstpointer data)
{
	fake_route(scene->fake, 2, false);
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	fake_route(scene->fake, 2, true);
	scene_later(scene, 50);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

static void keeps_subflows_through_a_route_change(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_route(scene->fake, 2, false);
	scene_later(scene, 50);
	fake_route(scene->fake, 2, true);
	scene_later(scene, 50);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void asks_for_a_route_once(struct scene *scene, gconstpointer data)
{
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ROUTE], ==, 3);
	fake_connect(scene->fake, 7, MPTCPD_SIDE_CLIENT, "10.0.1.1:1001", SCENE_SERVER);
	fake_establish(scene->fake, 7);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 4);
	g_assert_cmpuint(scene->fake->counts[FAKE_ROUTE], ==, 3);
}

static void tries_a_failed_close_again(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	scene->fake->fail[FAKE_DESTROY] = -ENOMEM;
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 50);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	scene_later(scene, 1001);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
}

static void tells_the_peer_before_a_close(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	const size_t *counts = scene->fake->counts;

	scene->fake->fail[FAKE_WITHDRAW] = -ENOMEM;
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 50);
	scene_later(scene, 999);
	g_assert_cmpuint(counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(counts[FAKE_DESTROY], ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	scene_later(scene, 1);
	g_assert_cmpuint(counts[FAKE_WITHDRAW], ==, 2);
	g_assert_cmpuint(counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
}

/* ---- failures ---- */

static uint64_t next_try(struct scene *scene)
{
	return scene_run(scene) - scene->now_ms;
}

static void backs_off(struct scene *scene, gconstpointer data)
{
	uint64_t expected = 1000;
	size_t tries = 2;

	scene_client(scene);
	for (int i = 0; i < 9; i++) {
		fake_answer(scene->fake, ETIMEDOUT);
		scene_run(scene);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, tries);
		/* not a moment before four fifths of the delay, and surely after six */
		scene_later(scene, expected * 4 / 5 - 1);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, tries);
		scene_later(scene, expected * 2 / 5 + 2);
		tries += 2;
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, tries);
		expected = MIN(expected * 2, 60000);
	}
	g_assert_cmpuint(next_try(scene), >, 0);
}

static void asks_a_refusing_peer_rarely(struct scene *scene, gconstpointer data)
{
	scene_client(scene);
	fake_answer(scene->fake, ECONNREFUSED);
	scene_run(scene);
	scene_later(scene, 1500);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	scene_later(scene, 1000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 4);
	fake_answer(scene->fake, ECONNREFUSED);
	scene_run(scene);
	scene_later(scene, 47000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 4);
	scene_later(scene, 26000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 6);
}

static void tries_at_once_when_the_link_returns(struct scene *scene, gconstpointer data)
{
	scene_client(scene);
	for (int i = 0; i < 5; i++) {
		fake_answer(scene->fake, ETIMEDOUT);
		scene_later(scene, 80000);
	}
	fake_answer(scene->fake, ETIMEDOUT);
	scene_run(scene);
	fake_forget_log(scene->fake);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 50);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 50);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
}

static void comes_back_after_a_reset(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	scene_later(scene, 100000);
	fake_reset(scene->fake, fake, 1, ECONNRESET);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	scene_later(scene, 1201);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
}

static void survives_every_error(struct scene *scene, gconstpointer data)
{
	static const int errors[] = {EINVAL, ENOTCONN, EADDRNOTAVAIL, ENODEV,	 EADDRINUSE,
				     ENOMEM, EPERM,    ENOBUFS,	      ETIMEDOUT, ESRCH};
	struct fake_connection *fake = scene_client(scene);

	fake_answer(scene->fake, ETIMEDOUT);
	scene_run(scene);
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		fake_forget_log(scene->fake);
		scene->fake->fail_always[FAKE_CREATE] = -errors[i];
		scene_later(scene, 80000);
		scene_later(scene, 1);
		/* one try a path: never a tight loop */
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	}
	scene->fake->fail_always[FAKE_CREATE] = 0;
	scene_later(scene, 80000);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	/* but of a connection that takes no subflows nobody has to hear */
	g_assert_cmpuint(engine_counters(scene->engine)->command_errors, ==,
			 2 * (G_N_ELEMENTS(errors) - 1));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("create/makes-the-planned-and-only-once", makes_the_planned);
	ADD("create/waits-until-established", waits_until_established);
	ADD("create/marks-backup", marks_backup);
	ADD("create/honours-c-flag", honours_c_flag);
	ADD("create/makes-parallel-ones", makes_parallel_ones);
	ADD("create/ignores-ipv6-for-ipv4-peers", ignores_ipv6_for_ipv4_peers);
	ADD("create/follows-peer-addresses", follows_peer_addresses);
	ADD("settle/second-does-nothing", second_settle_does_nothing);
	ADD("settle/goes-on-by-one-without-time", goes_on_by_one_without_time);
	ADD("scope/leaves-servers-alone", leaves_servers_alone);
	ADD("scope/stays-on-a-link-not-to-be-used", stays_on_a_link_not_to_be_used);
	ADD("scope/leaves-the-kernels-alone", leaves_the_kernels_alone);
	ADD("link/moves-off-a-lost-one", moves_off_a_lost_link);
	ADD("link/keeps-the-last-subflow", keeps_the_last);
	ADD("link/follows-a-new-index", follows_a_new_index);
	ADD("link/aborts-a-syn-on-a-lost-one", aborts_a_syn_on_a_lost_link);
	ADD("link/tells-the-peer-before-a-close", tells_the_peer_before_a_close);
	ADD("route/waits-for-one", waits_for_a_route);
	ADD("route/keeps-subflows-through-a-change", keeps_subflows_through_a_route_change);
	ADD("route/asks-once", asks_for_a_route_once);
	ADD("back-off/doubles-to-a-minute", backs_off);
	ADD("back-off/asks-a-refusing-peer-rarely", asks_a_refusing_peer_rarely);
	ADD("back-off/ends-when-the-link-returns", tries_at_once_when_the_link_returns);
	ADD("back-off/comes-back-after-a-reset", comes_back_after_a_reset);
	ADD("back-off/survives-every-error", survives_every_error);
	ADD("link/tries-a-failed-close-again", tries_a_failed_close_again);
	ADD("settle/waits-in-peace-for-the-host", waits_in_peace_for_the_host);
	return g_test_run();
}
