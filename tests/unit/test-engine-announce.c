/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Announcements: told, forgotten by the kernel, told again, taken back. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "engine-scene.h"

#define ADDRESS "10.0.2.1"

static bool is_told(const struct fake_connection *fake, uint8_t id)
{
	struct mptcpd_addr addr = fake_addr(ADDRESS);

	return addr_equal(&fake->told[id], &addr);
}

/* Meshed, and the address of its second subflow is announced too, by the same id. */
static struct fake_connection *announcing(struct scene *scene, uint8_t *ret_id)
{
	struct fake_connection *fake;

	fake_policy.announced = fake_addr(ADDRESS);
	fake = scene_meshed(scene);
	*ret_id = fake->subflows[1].local_id;
	g_assert_true(is_told(fake, *ret_id));
	return fake;
}

static void want_no_more(struct scene *scene)
{
	fake_policy.announced.family = 0;
	scene_ask(scene);
}

/* ---- once more, when the kernel forgot its entry ---- */

static void announces_again_after_a_close(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announcing(scene, &id);

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
	struct fake_connection *fake = announcing(scene, &id);

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

/* The peer forgets it with the lost subflow: one ADD_ADDR follows when the RM_ADDR has gone out. */
static void announces_again_after_a_lost_link(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announcing(scene, &id);

	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_WITHDRAW, 0)->id, ==, id);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	scene_later(scene, 199);
	g_assert_false(is_told(fake, id));
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	scene_later(scene, 1);
	g_assert_true(is_told(fake, id));
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
}

/* ---- taken back ---- */

static void withdraws_before_a_close(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announcing(scene, &id);

	fake_policy.forbidden = fake_addr(ADDRESS);
	want_no_more(scene);
	g_assert_cmpint(scene->fake->log[0].command, ==, FAKE_WITHDRAW);
	g_assert_cmpuint(scene->fake->log[0].id, ==, id);
	g_assert_cmpint(scene->fake->log[0].result, ==, 0);
	g_assert_cmpint(scene->fake->log[1].command, ==, FAKE_DESTROY);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
	g_assert_false(is_told(fake, id));
	g_assert_cmpuint(scene_connection(scene)->n_announced, ==, 0);
}

static void withdraws_again_what_failed(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announcing(scene, &id);

	scene->fake->fail[FAKE_WITHDRAW] = -ENOMEM;
	want_no_more(scene);
	g_assert_cmpuint(scene->n_failures, ==, 1);
	scene_later(scene, 2000);
	scene_ask(scene);
	scene_later(scene, 2999);
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_true(is_told(fake, id));
	scene_later(scene, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 2);
	g_assert_false(is_told(fake, id));
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 2);
	g_assert_cmpuint(scene->n_failures, ==, 1);
}

static void has_nothing_to_withdraw(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announcing(scene, &id);

	memset(fake->addresses, 0, sizeof(fake->addresses));
	want_no_more(scene);
	g_assert_cmpint(scene_record(scene, FAKE_WITHDRAW, 0)->result, ==, -EINVAL);
	g_assert_cmpuint(scene_connection(scene)->n_announced, ==, 0);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 1);
	g_assert_cmpuint(scene->n_failures, ==, 0);
}

static void withdraws_what_the_kernel_forgot(struct scene *scene, gconstpointer data)
{
	uint8_t id;
	struct fake_connection *fake = announcing(scene, &id);
	struct mptcpd_addr local = fake->subflows[1].local, remote = fake->subflows[1].remote;

	g_assert_cmpint(engine_subflow_delete(scene->engine, SCENE_TOKEN, &local, &remote,
					      scene->now_ms),
			==, 0);
	want_no_more(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	scene_later(scene, 200);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpint(scene_record(scene, FAKE_WITHDRAW, 0)->result, ==, 0);
	g_assert_false(is_told(fake, id));
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 3);
	g_assert_cmpuint(scene_connection(scene)->n_announced, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("announce/again-after-a-close", announces_again_after_a_close);
	ADD("announce/again-after-a-failed-create", announces_again_after_a_failed_create);
	ADD("announce/again-after-a-lost-link", announces_again_after_a_lost_link);
	ADD("withdraw/comes-before-a-close", withdraws_before_a_close);
	ADD("withdraw/tries-again-what-failed", withdraws_again_what_failed);
	ADD("withdraw/is-done-when-the-kernel-knows-nothing", has_nothing_to_withdraw);
	ADD("withdraw/reaches-what-the-kernel-forgot", withdraws_what_the_kernel_forgot);
	return g_test_run();
}
