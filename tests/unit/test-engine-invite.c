/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is closed on purpose is not invited again by what was announced. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "announce-scene.h"

static void delete_subflow(struct scene *scene, const struct fake_subflow *subflow)
{
	struct mptcpd_addr local = subflow->local, remote = subflow->remote;

	g_assert_cmpint(engine_subflow_delete(scene->engine, SCENE_TOKEN, &local, &remote,
					      scene->now_ms),
			==, 0);
	scene_later(scene, 10000);
}

static void takes_back_what_led_to_the_deleted(struct scene *scene, gconstpointer data)
{
	struct mptcpd_addr addr = fake_addr(ANNOUNCE_ADDRESS);
	struct fake_connection *fake = announce_by_server(scene);

	/* the policy's, and then an administrator's own, which is closed as the kernel's tool does it */
	for (int i = 0; i < 2; i++) {
		size_t n = i ? 1 : 2;

		delete_subflow(scene, &fake->subflows[1]);
		if (i == 0)
			g_assert_cmpint(scene->fake->log[0].command, ==, FAKE_WITHDRAW);
		g_assert_cmpint(scene->fake->log[n - 1].command, ==, FAKE_DESTROY);
		g_assert_cmpuint(scene->fake->n_commands, ==, n);
		announce_set_link(scene, 2, false);
		announce_set_link(scene, 2, true);
		g_assert_cmpuint(scene->fake->n_commands, ==, n);
		fake_forget_log(scene->fake);
		g_assert_cmpint(engine_announce(scene->engine, SCENE_TOKEN, &addr,
						i ? 9
						  : scene_connection(scene)->more->announced[0].id,
						2, scene->now_ms),
				==, 0);
		fake_policy.announced.family = 0;
		fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1007");
		scene_later(scene, 10000);
		g_assert_cmpuint(scene->fake->n_commands, ==, 1);
		fake_forget_log(scene->fake);
	}
}

/* A peer that comes again uninvited is closed again, but never the last one for that. */
static void closes_again_what_a_person_deleted(struct scene *scene, gconstpointer data)
{
	struct mptcpd_addr addr = fake_addr(ANNOUNCE_ADDRESS);
	struct fake_connection *fake = announce_by_server(scene);

	g_assert_cmpint(engine_announce(scene->engine, SCENE_TOKEN, &addr,
					scene_connection(scene)->more->announced[0].id, 2,
					scene->now_ms),
			==, 0);
	fake_policy.announced.family = 0;
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1001");
	scene_later(scene, 10000);
	delete_subflow(scene, &fake->subflows[1]);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2); /* the other one was there before */
	delete_subflow(scene, &fake->subflows[2]);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	fake_forget_log(scene->fake);
	for (size_t i = 0; i < 2; i++) {
		fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000",
			  i ? "10.9.0.1:1003" : "10.9.0.1:1002");
		scene_run(scene);
		g_assert_cmpuint(scene->fake->n_commands, ==, 1 + i);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	}
	fake_reset(scene->fake, fake, 0, ECONNRESET);
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1004");
	scene_later(scene, 10000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
}

static void keeps_what_leads_to_others(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = announce_by_server(scene);

	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.2:1000");
	scene_run(scene);
	delete_subflow(scene, &fake->subflows[1]);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
}

static void does_not_invite_what_is_forbidden(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = announce_by_server(scene);

	fake_policy.forbidden_remote = fake_addr("10.9.0.1");
	fake_policy.forbidden = fake_addr(ANNOUNCE_ADDRESS);
	scene_ask(scene);
	for (int i = 0; i < 3; i++) {
		scene_later(scene, 10000);
		fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1001");
		scene_run(scene);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 4);
	g_assert_cmpuint(scene->fake->n_commands, ==, 4);
}

/* Whichever of the peer's addresses joins first: the others come as if it had not. */
static void goes_on_inviting_others(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	fake_policy.forbidden_remote = fake_addr("10.9.0.1");
	fake_policy.forbidden = fake_addr(ANNOUNCE_ADDRESS);
	fake = announce_by_server(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.2:1001");
	scene_later(scene, 1000);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1002");
	scene_later(scene, 1000);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene->fake->n_commands, ==, 3);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
}

/* Nor is it told once more only to be taken back. */
static void forgets_what_nobody_was_invited_to(struct scene *scene, gconstpointer data)
{
	fake_policy.forbidden_remote = fake_addr("10.9.0.1");
	announce_by_server(scene);
	announce_no_more(scene);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 0);
}

static void what_a_person_takes_back_stays_so(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announce_by_client(scene, &id);
	struct mptcpd_addr addr = scene_connection(scene)->more->announced[0].addr;

	g_assert_cmpint(engine_withdraw(scene->engine, SCENE_TOKEN, id, scene->now_ms), ==, 0);
	scene_later(scene, 10000);
	scene_ask(scene);
	g_assert_false(announce_is_told(fake, id));
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	g_assert_cmpint(engine_announce(scene->engine, SCENE_TOKEN, &addr, id, 0, scene->now_ms),
			==, 0);
	g_assert_true(announce_is_told(fake, id));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("announce/what-a-person-takes-back-stays-so", what_a_person_takes_back_stays_so);
	ADD("banned/where-a-person-deleted-what-came-of-it", takes_back_what_led_to_the_deleted);
	ADD("banned/again-when-the-peer-comes-uninvited", closes_again_what_a_person_deleted);
	ADD("banned/not-where-others-came-of-it", keeps_what_leads_to_others);
	ADD("forbidden/is-not-invited-again", does_not_invite_what_is_forbidden);
	ADD("forbidden/keeps-nobody-else-out", goes_on_inviting_others);
	ADD("forbidden/is-forgotten-with-the-wish", forgets_what_nobody_was_invited_to);
	return g_test_run();
}
