/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A link that is back, and its neighbours, which have to be found first. */
#include <glib.h>

#include "engine-scene.h"

#define FEW 2
#define MANY 200

static void set_up_alike(struct scene *scene, gconstpointer data)
{
	scene_set_up(scene, data);
	fake_policies[0].traits = MPTCPD_TRAIT_ADDRESSES;
}

/* `n` connections lose eth3, and its carrier comes back. */
static void eth3_returns_for(struct scene *scene, uint32_t n)
{
	scene_clients(scene, n);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_later(scene, 100);
	fake_forget_log(scene->fake);
	fake_link(scene->fake, 3, "eth3", true, true);
}

static void a_link_that_is_back_finds_its_neighbour_first(struct scene *scene, gconstpointer data)
{
	scene->fake->neighbours_unknown = true;
	eth3_returns_for(scene, MANY);
	scene_later(scene, 50);
	scene_later(scene, 10);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpuint(scene->fake->n_sought, >, 0);
	scene->fake->neighbours_unknown = false;
	scene_later(scene, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, MANY);
}

static void a_loss_does_not_wait_for_a_link_that_is_back(struct scene *scene, gconstpointer data)
{
	scene->fake->neighbours_unknown = true;
	eth3_returns_for(scene, MANY);
	scene_later(scene, 50);
	scene_later(scene, 10);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, MANY);
}

static void a_neighbour_that_is_not_found_is_not_waited_for(struct scene *scene, gconstpointer data)
{
	scene->fake->neighbours_unknown = true;
	eth3_returns_for(scene, MANY);
	scene_later(scene, 50);
	scene_later(scene, 10);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, MANY);
}

static void a_few_wait_for_no_neighbour(struct scene *scene, gconstpointer data)
{
	scene->fake->neighbours_unknown = true;
	eth3_returns_for(scene, 2);
	scene_later(scene, 20);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

/* The same, when all neighbours were known before. */
static void eth3_alone_returns_for(struct scene *scene, uint32_t n)
{
	eth3_returns_for(scene, n);
	scene_later(scene, 200);
	fake_answer(scene->fake, 0);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_later(scene, 200);
	scene->fake->neighbours_unknown = true;
	fake_link(scene->fake, 3, "eth3", true, true);
}

/* So many milliseconds, one by one; how often neighbours were sought anew in them. */
static size_t sought_in(struct scene *scene, int ms)
{
	size_t before = scene->fake->n_returned;

	for (int i = 0; i < ms; i++)
		scene_later(scene, 1);
	return scene->fake->n_returned - before;
}

static void a_neighbour_that_does_not_answer_is_sought_again(struct scene *scene,
							     gconstpointer data)
{
	eth3_alone_returns_for(scene, GPOINTER_TO_UINT(data));
	g_assert_cmpuint(sought_in(scene, 3), ==, 1);
	g_assert_cmpuint(sought_in(scene, 4), ==, 1);
	g_assert_cmpuint(sought_in(scene, 90), ==, 4); /* after 8, 16, 32, 64 */
	g_assert_cmpuint(sought_in(scene, 2000), ==, 0);
}

static void a_neighbour_that_answers_is_not_sought_again(struct scene *scene, gconstpointer data)
{
	size_t n;

	eth3_alone_returns_for(scene, GPOINTER_TO_UINT(data));
	g_assert_cmpuint(sought_in(scene, 6), ==, 2);
	scene->fake->neighbours_unknown = false;
	g_assert_cmpuint(sought_in(scene, 6), ==, 0);
	n = scene->fake->n_sought;
	g_assert_cmpuint(sought_in(scene, 2000), ==, 0);
	g_assert_cmpuint(scene->fake->n_sought, ==, n);
}

/* One link after the other, each before the last one's neighbour would have been waited for long enough. */
static void links_that_return_in_turn_are_waited_for_once(struct scene *scene, gconstpointer data)
{
	size_t n;

	fake_link(scene->fake, 2, "eth2", true, false);
	eth3_alone_returns_for(scene, MANY);
	fake_forget_log(scene->fake);
	sought_in(scene, 60);
	fake_link(scene->fake, 2, "eth2", true, true);
	sought_in(scene, 35);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	sought_in(scene, 30);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2 * MANY);
	n = scene->fake->n_sought;
	sought_in(scene, 10);
	g_assert_cmpuint(scene->fake->n_sought, >, n); /* who came last is looked after as long */
}

static void a_link_is_sought_once_for_all_its_addresses(struct scene *scene, gconstpointer data)
{
	fake_address(scene->fake, 3, "10.0.3.2");
	fake_address(scene->fake, 3, "10.0.3.3");
	eth3_alone_returns_for(scene, GPOINTER_TO_UINT(data));
	g_assert_cmpuint(sought_in(scene, 3), ==, 1);
	g_assert_cmpuint(sought_in(scene, 4), ==, 1);
	g_assert_cmpuint(sought_in(scene, 90), ==, 4);
}

/* Every two milliseconds, also while the host waits for it. */
static void a_neighbour_is_asked_about_once_each_time(struct scene *scene, gconstpointer data)
{
	size_t n;

	eth3_alone_returns_for(scene, GPOINTER_TO_UINT(data));
	for (int i = 0; i < 30; i++)
		scene_later(scene, 1);
	n = scene->fake->n_sought;
	for (int i = 0; i < 20; i++)
		scene_later(scene, 1);
	g_assert_cmpuint(scene->fake->n_sought - n, ==, 10);
}

/* The kernel knows one for all of such a link, by no address. */
static void a_tunnel_has_no_neighbour(struct scene *scene, gconstpointer data)
{
	size_t n;

	fake_find_link(scene->fake, 3)->point_to_point = true;
	eth3_alone_returns_for(scene, MANY);
	fake_forget_log(scene->fake);
	n = scene->fake->n_sought;
	sought_in(scene, 25);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, MANY);
	g_assert_cmpuint(scene->fake->n_sought, ==, n);
}

/* Also where so many others on its link do not that not all can be sought. */
static void among_many_the_one_that_is_waited_for_is_sought(struct scene *scene, gconstpointer data)
{
	eth3_alone_returns_for(scene, GPOINTER_TO_UINT(data));
	sought_in(scene, 7);
	g_assert_cmpuint(scene->fake->n_anew, ==, 0);
	scene->fake->neighbours_many = true;
	g_assert_cmpuint(sought_in(scene, 90), ==, 4);
	g_assert_cmpuint(scene->fake->n_anew, ==, 4);
}

static void who_had_no_time_seeks_it_again_once(struct scene *scene, gconstpointer data)
{
	size_t n;

	eth3_alone_returns_for(scene, GPOINTER_TO_UINT(data));
	g_assert_cmpuint(sought_in(scene, 1), ==, 1);
	n = scene->fake->n_returned;
	scene_later(scene, 150);
	g_assert_cmpuint(scene->fake->n_returned - n, ==, 1);
	g_assert_cmpuint(sought_in(scene, 2000), ==, 0);
}

#define ADD_FOR(name, n, func)                                                                     \
	g_test_add("/returned/" name, struct scene, GUINT_TO_POINTER(n), set_up_alike, func,       \
		   scene_tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD_FOR("a-link-that-is-back-finds-its-neighbour-first", MANY,
		a_link_that_is_back_finds_its_neighbour_first);
	ADD_FOR("a-loss-does-not-wait-for-a-link-that-is-back", MANY,
		a_loss_does_not_wait_for_a_link_that_is_back);
	ADD_FOR("a-neighbour-that-is-not-found-is-not-waited-for", MANY,
		a_neighbour_that_is_not_found_is_not_waited_for);
	ADD_FOR("a-few-wait-for-no-neighbour", FEW, a_few_wait_for_no_neighbour);
	ADD_FOR("a-neighbour-that-does-not-answer-is-sought-again/few", FEW,
		a_neighbour_that_does_not_answer_is_sought_again);
	ADD_FOR("a-neighbour-that-does-not-answer-is-sought-again/many", MANY,
		a_neighbour_that_does_not_answer_is_sought_again);
	ADD_FOR("a-neighbour-that-answers-is-not-sought-again/few", FEW,
		a_neighbour_that_answers_is_not_sought_again);
	ADD_FOR("a-neighbour-that-answers-is-not-sought-again/many", MANY,
		a_neighbour_that_answers_is_not_sought_again);
	ADD_FOR("links-that-return-in-turn-are-waited-for-once", MANY,
		links_that_return_in_turn_are_waited_for_once);
	ADD_FOR("a-link-is-sought-once-for-all-its-addresses/few", FEW,
		a_link_is_sought_once_for_all_its_addresses);
	ADD_FOR("a-link-is-sought-once-for-all-its-addresses/many", MANY,
		a_link_is_sought_once_for_all_its_addresses);
	ADD_FOR("a-neighbour-is-asked-about-once-each-time/few", FEW,
		a_neighbour_is_asked_about_once_each_time);
	ADD_FOR("a-neighbour-is-asked-about-once-each-time/many", MANY,
		a_neighbour_is_asked_about_once_each_time);
	ADD_FOR("among-many-the-one-that-is-waited-for-is-sought", FEW,
		among_many_the_one_that_is_waited_for_is_sought);
	ADD_FOR("who-had-no-time-seeks-it-again-once/few", FEW,
		who_had_no_time_seeks_it_again_once);
	ADD_FOR("who-had-no-time-seeks-it-again-once/many", MANY,
		who_had_no_time_seeks_it_again_once);
	ADD_FOR("a-tunnel-has-no-neighbour", MANY, a_tunnel_has_no_neighbour);
	return g_test_run();
}
