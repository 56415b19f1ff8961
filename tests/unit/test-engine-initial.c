/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The initial address: joins from it after its link was gone, by the id that the peer knows it by. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

static void remakes_the_initial(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_link(scene->fake, 1, "eth1", false, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_WITHDRAW, 0)->id, ==, 0);
	fake_link(scene->fake, 1, "eth1", true, true);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->id, ==, 0);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->local.port, ==, 0);
	fake_answer(scene->fake, 0);
	scene_later(scene, 5000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
}

/* It was told anew and joined from by that id: the kernel takes it by no other. */
static void remakes_the_initial_by_the_id_it_has(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_link(scene->fake, 1, "eth1", false, false);
	scene_later(scene, 100);
	fake_forget_log(scene->fake);
	for (size_t i = 0; i < FAKE_ADDRESSES; i++) {
		if (fake->addresses[i].addr.family)
			continue;
		fake->addresses[i] = (struct fake_address){.addr = fake_addr("10.0.1.1"), .id = 77};
		break;
	}
	fake_link(scene->fake, 1, "eth1", true, true);
	for (size_t i = 0; i < 20; i++)
		scene_later(scene, 1000);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	/* Asked for among many, then alone, which tells why not, and then as the kernel has it. */
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->id, ==, 0);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 2)->id, ==, 77);
}

/* The peer has two addresses, each of ours leads to both, and the initial one's link is lost. */
static struct fake_connection *lose_first_of_two(struct scene *scene)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_announced(scene->fake, SCENE_TOKEN, 9, "10.9.0.2:5000");
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	fake_link(scene->fake, 1, "eth1", false, false);
	scene_later(scene, 100);
	fake_forget_log(scene->fake);
	return fake;
}

/* From now on a policy tells of the initial address. */
static void tell_of_it(void *data, const struct fake_record *record, int result)
{
	if (record->command == FAKE_CREATE && result == 0)
		fake_policy.announced = fake_addr("10.0.1.1");
}

/* One of two joins from it is refused, the other one made: by that the peer knows it again. */
static void the_initial_is_known_by_one_of_two_joins(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = lose_first_of_two(scene);

	scene->fake->fail[FAKE_CREATE] = -EADDRINUSE;
	scene->fake->on_command = tell_of_it;
	fake_link(scene->fake, 1, "eth1", true, true);
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100);
	fake_policy.announced = (struct mptcpd_addr){0};
	g_assert_cmpuint(fake_count_subflows(fake), ==, 6);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
}

/* So that as many are refused as were asked for without waiting. */
static void refuse_the_next(void *data, const struct fake_record *record, int result)
{
	struct fake_kernel *fake = data;

	if (record->command == FAKE_CREATE && fake->counts[FAKE_CREATE] < 2)
		fake->fail[FAKE_CREATE] = -EADDRINUSE;
	if (record->command == FAKE_CREATE && result < 0)
		fake_policy.announced = fake_addr("10.0.1.1");
}

/* Both joins from it are refused: nobody knows it, and a policy that tells of it is obeyed. */
static void the_initial_is_unknown_without_a_join(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = lose_first_of_two(scene);

	scene->fake->fail[FAKE_CREATE] = -EADDRINUSE;
	scene->fake->on_command = refuse_the_next;
	scene->fake->hook_data = scene->fake;
	fake_link(scene->fake, 1, "eth1", true, true);
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_later(scene, 10000);
	fake_policy.announced = (struct mptcpd_addr){0};
	g_assert_cmpuint(fake_count_subflows(fake), ==, 6);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("link/remakes-the-initial", remakes_the_initial);
	ADD("link/remakes-the-initial-by-the-id-it-has", remakes_the_initial_by_the_id_it_has);
	ADD("link/the-initial-is-unknown-without-a-join", the_initial_is_unknown_without_a_join);
	ADD("link/the-initial-is-known-by-one-of-two-joins",
	    the_initial_is_known_by_one_of_two_joins);
	return g_test_run();
}
