/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Announcements: told, forgotten by the kernel, told again, taken back. test-engine-invite.c has more. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "announce-scene.h"

/* ---- once more, when the kernel forgot its entry ---- */

static void announces_again_after_a_close(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	fake_policy.dropped_local = fake->subflows[1].local;
	fake_policy.dropped_remote = fake->subflows[1].remote;
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_ANNOUNCE, 0)->id, ==, id);
	fake_answer(scene->fake, 0);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

static void announces_again_after_a_failed_create(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	fake_reset(scene->fake, fake, 1, ECONNRESET);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	scene->fake->fail[FAKE_CREATE] = -ENOMEM;
	scene_later(scene, 1201);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_ANNOUNCE, 0)->id, ==, id);
	/* with EINVAL it keeps what it has */
	scene->fake->fail[FAKE_CREATE] = -EINVAL;
	scene_later(scene, 2401);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
}

/* The peer forgets it with the lost subflow, and is told again when it can be reached. */
static void announces_again_after_a_lost_link(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 100);
	g_assert_cmpint(scene->fake->log[0].command, ==, FAKE_WITHDRAW);
	g_assert_cmpuint(scene->fake->log[0].id, ==, id);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	scene_later(scene, 2000);
	g_assert_false(announce_is_told(fake, id));
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 20);
	g_assert_true(announce_is_told(fake, id));
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
}

/* ---- where it cannot be reached ---- */

/* The peer joins it by id 0 all the same, so that is what it is told to forget. */
static void offers_the_initial_again(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = announce_by_server(scene);

	for (size_t i = 1; i <= 3; i++) {
		const struct fake_record *announce;

		announce_set_link(scene, 1, false);
		g_assert_cmpuint(scene->fake->n_commands, ==, 2);
		g_assert_cmpuint(scene_record(scene, FAKE_WITHDRAW, 0)->id, ==, 0);
		g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
		fake_forget_log(scene->fake);
		announce_set_link(scene, 1, true);
		g_assert_cmpuint(scene->fake->n_commands, ==, 1);
		announce = scene_record(scene, FAKE_ANNOUNCE, 0);
		g_assert_true(addr_equal_host(&announce->local, &fake->local));
		g_assert_cmpuint(announce->id, !=, 0);
		fake_join(scene->fake, SCENE_TOKEN, "10.0.1.1:5000", "10.9.0.1:1001");
		scene_later(scene, 10000);
		g_assert_cmpuint(scene->fake->n_commands, ==, 1);
		fake_forget_log(scene->fake);
	}
}

/* A plain peer tries it once each time, and its own end of the link may come later. */
static void offers_the_initial_until_it_is_joined(struct scene *scene, gconstpointer data)
{
	announce_by_server(scene);
	for (size_t repeats = 1; repeats <= 4; repeats++) {
		announce_set_link(scene, 1, false);
		fake_forget_log(scene->fake);
		announce_set_link(scene, 1, true);
		for (size_t i = 1; i < repeats; i++) {
			g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, i);
			scene_later(scene, (uint64_t)1000 << (i - 1));
		}
		g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, repeats);
		if (repeats < 4)
			fake_join(scene->fake, SCENE_TOKEN, "10.0.1.1:5000", "10.9.0.1:1001");
		scene_later(scene, 100000);
		g_assert_cmpuint(scene->fake->n_commands, ==, repeats);
	}
}

static void offers_no_client(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	announce_set_link(scene, 1, false);
	announce_set_link(scene, 1, true);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
}

static void takes_back_nothing_that_is_needed(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = announce_by_server(scene);

	fake_reset(scene->fake, fake, 0, ECONNRESET);
	scene_run(scene);
	announce_no_more(scene);
	scene_later(scene, 100000);
	announce_set_link(scene, 2, false);
	announce_set_link(scene, 2, true);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	fake_join(scene->fake, SCENE_TOKEN, "10.0.1.1:5000", "10.9.0.1:1001");
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(scene->fake->n_commands, ==, 1);
}

/* The peer closes what a client made from there as well. */
static void takes_back_nothing_a_client_needs(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	fake_policy.plans_nothing = true;
	fake_reset(scene->fake, fake, 0, ECONNRESET);
	fake_reset(scene->fake, fake, 2, ECONNRESET);
	scene_run(scene);
	announce_no_more(scene);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_true(announce_is_told(fake, id));
	fake_policy.plans_nothing = false;
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_WITHDRAW, 0)->id, ==, id);
}

static void waits_with_an_administrators(struct scene *scene, gconstpointer data)
{
	struct mptcpd_addr addr = fake_addr("10.0.3.1");

	scene_meshed(scene);
	g_assert_cmpint(engine_announce(scene->engine, SCENE_TOKEN, &addr, 9, 3, scene->now_ms), ==,
			-EINVAL); /* the kernel knows it by another id, from its subflow */
	addr = fake_addr("10.0.3.1:7000");
	g_assert_cmpint(engine_announce(scene->engine, SCENE_TOKEN, &addr, 9, 3, scene->now_ms), ==,
			0);
	fake_forget_log(scene->fake);
	fake_address_gone(scene->fake, 3, "10.0.3.1");
	scene_run(scene); /* it may be back at once */
	scene_later(scene, 2000);
	g_assert_cmpuint(scene_record(scene, FAKE_WITHDRAW, 0)->id, ==, 9);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	fake_address(scene->fake, 3, "10.0.3.1");
	scene_later(scene, 200);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_ANNOUNCE, 0)->id, ==, 9);
}

/* ---- one after the other: the kernels at both ends lose what comes too early ---- */

#define ANNOUNCE_ADDRESS_TOO "10.0.2.9"

/* A server's connection that has two addresses of its second link to tell. */
static struct fake_connection *serving_two(struct scene *scene)
{
	struct fake_connection *fake;

	fake_address(scene->fake, 2, ANNOUNCE_ADDRESS_TOO);
	fake_policy.announced = fake_addr(ANNOUNCE_ADDRESS);
	fake_policy.announced_too = fake_addr(ANNOUNCE_ADDRESS_TOO);
	fake_policy.announced_ifindex = 2;
	fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_SERVER, "10.0.1.1:5000",
			    "10.9.0.1:999");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	scene_later(scene, ANNOUNCE_AFTER_MS);
	return fake;
}

static void tells_one_after_another(struct scene *scene, gconstpointer data)
{
	serving_two(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	for (size_t i = 0; i < 3; i++) {
		scene_ask(scene); /* whatever happens meanwhile */
		scene_later(scene, 60);
		g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	}
	scene_later(scene, 20);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 2);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
}

static void tells_the_next_after_a_join(struct scene *scene, gconstpointer data)
{
	serving_two(scene);
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1000");
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 2);
}

/* Both are told, and joined. */
static struct fake_connection *joined_two(struct scene *scene)
{
	struct fake_connection *fake = serving_two(scene);

	scene_later(scene, 200);
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1000");
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS_TOO ":5000", "10.9.0.1:1001");
	scene_later(scene, 200);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
	fake_forget_log(scene->fake);
	return fake;
}

static void takes_back_one_after_another(struct scene *scene, gconstpointer data)
{
	joined_two(scene);
	fake_policy.announced_too.family = 0;
	announce_no_more(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	scene_later(scene, 100);
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 2);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 0);
}

static size_t count_withdrawn(const struct scene *scene)
{
	size_t n = 0;

	for (size_t i = 0; i < scene->fake->n_commands; i++)
		n += scene->fake->log[i].command == FAKE_WITHDRAW &&
		     scene->fake->log[i].result == 0;
	return n;
}

/* What a plan drops, and what led the peer there. */
static void drops_one_after_another(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = joined_two(scene);

	for (size_t i = 1; i <= 2; i++) {
		fake_policy.dropped_local = fake->subflows[i].local;
		fake_policy.dropped_remote = fake->subflows[i].remote;
		scene_ask(scene);
		scene_later(scene, 50);
		g_assert_cmpuint(count_withdrawn(scene), ==, 1);
		g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	}
	scene_later(scene, 100);
	g_assert_cmpuint(count_withdrawn(scene), ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 2);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	scene_later(scene, 10000);
	g_assert_cmpuint(count_withdrawn(scene), ==, 2);
}

/* Each is told before its subflow is closed, which makes the kernel forget the id. */
static void loses_one_after_another(struct scene *scene, gconstpointer data)
{
	joined_two(scene);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_run(scene);
	for (size_t n = 1; n <= 2; n++) {
		g_assert_cmpuint(count_withdrawn(scene), ==, n);
		g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, n);
		scene_later(scene, 200);
	}
	scene_later(scene, 10000);
	g_assert_cmpuint(count_withdrawn(scene), ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 2);
}

/* ---- taken back ---- */

static void withdraws_before_a_close(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	fake_policy.forbidden = fake_addr(ANNOUNCE_ADDRESS);
	announce_no_more(scene);
	g_assert_cmpint(scene->fake->log[0].command, ==, FAKE_WITHDRAW);
	g_assert_cmpuint(scene->fake->log[0].id, ==, id);
	g_assert_cmpint(scene->fake->log[0].result, ==, 0);
	g_assert_cmpint(scene->fake->log[1].command, ==, FAKE_DESTROY);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
	g_assert_false(announce_is_told(fake, id));
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 0);
}

static void withdraws_again_what_failed(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	scene->fake->fail[FAKE_WITHDRAW] = -ENOMEM;
	announce_no_more(scene);
	g_assert_cmpuint(scene->n_failures, ==, 1);
	scene_later(scene, 2000);
	scene_ask(scene);
	scene_later(scene, 2999);
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_true(announce_is_told(fake, id));
	scene_later(scene, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 2);
	g_assert_false(announce_is_told(fake, id));
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
	g_assert_cmpuint(scene->n_failures, ==, 1);
}

static void has_nothing_to_withdraw(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	memset(fake->addresses, 0, sizeof(fake->addresses));
	announce_no_more(scene);
	g_assert_cmpint(scene_record(scene, FAKE_WITHDRAW, 0)->result, ==, -EINVAL);
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 0);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 1);
	g_assert_cmpuint(scene->n_failures, ==, 0);
}

static void withdraws_what_the_kernel_forgot(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);

	fake_policy.dropped_local = fake->subflows[1].local;
	fake_policy.dropped_remote = fake->subflows[1].remote;
	scene->fake->fail[FAKE_ANNOUNCE] = -ENOMEM;
	scene_ask(scene);
	fake_answer(scene->fake, 0);
	announce_no_more(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	scene_later(scene, 5000);
	scene_later(scene, 200);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpint(scene_record(scene, FAKE_WITHDRAW, 0)->result, ==, 0);
	g_assert_false(announce_is_told(fake, id));
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 5);
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("announce/again-after-a-close", announces_again_after_a_close);
	ADD("announce/again-after-a-failed-create", announces_again_after_a_failed_create);
	ADD("announce/again-after-a-lost-link", announces_again_after_a_lost_link);
	ADD("announce/initial-address-again-when-it-is-back", offers_the_initial_again);
	ADD("announce/initial-address-until-it-is-joined", offers_the_initial_until_it_is_joined);
	ADD("announce/initial-address-of-a-server-alone", offers_no_client);
	ADD("announce/waits-until-it-can-be-reached", waits_with_an_administrators);
	ADD("announce/one-after-another", tells_one_after_another);
	ADD("announce/next-one-after-a-join", tells_the_next_after_a_join);
	ADD("withdraw/one-after-another", takes_back_one_after_another);
	ADD("withdraw/one-after-another-of-what-is-dropped", drops_one_after_another);
	ADD("withdraw/one-after-another-before-its-subflow-goes", loses_one_after_another);
	ADD("withdraw/never-what-the-connection-needs", takes_back_nothing_that_is_needed);
	ADD("withdraw/never-what-a-client-needs", takes_back_nothing_a_client_needs);
	ADD("withdraw/comes-before-a-close", withdraws_before_a_close);
	ADD("withdraw/tries-again-what-failed", withdraws_again_what_failed);
	ADD("withdraw/is-done-when-the-kernel-knows-nothing", has_nothing_to_withdraw);
	ADD("withdraw/reaches-what-the-kernel-forgot", withdraws_what_the_kernel_forgot);
	return g_test_run();
}
