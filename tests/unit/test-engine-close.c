/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is closed, and what for: never what works for what was never up, never the last. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

#define BOGUS "10.66.0.1:5000"

static void close_all_but(struct scene *scene, struct fake_connection *fake, size_t kept)
{
	fake_policy.plans_nothing = true;
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (fake->subflows[i].used && i != kept)
			fake_reset(scene->fake, fake, i, ECONNRESET);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	fake_forget_log(scene->fake);
}

static void drop(struct scene *scene, const struct fake_subflow *subflow)
{
	fake_policy.dropped_local = subflow->local;
	fake_policy.dropped_remote = subflow->remote;
	scene_ask(scene);
}

/* ---- drops ---- */

static void replaces_the_last_before_it_drops_it(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_link(scene->fake, 2, "eth2", true, false);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_later(scene, 20);
	scene_later(scene, 200); /* the peer is told of one after the other */
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	fake_forget_log(scene->fake);
	drop(scene, &fake->subflows[0]);
	g_assert_cmpuint(scene->fake->n_commands, ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	scene_later(scene, 100000);
	g_assert_true(fake->subflows[0].used);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_false(fake->subflows[0].used);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_cmpuint(scene->n_refusals, ==, 0);
}

/* ---- forbidden pairs ---- */

static void replaces_the_last_before_it_is_forbidden_away(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	close_all_but(scene, fake, 0);
	fake_policy.plans_nothing = false;
	fake_policy.forbidden = fake_addr("10.0.1.1");
	scene_ask(scene);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	g_assert_true(fake->subflows[0].used);
	fake_answer(scene->fake, ETIMEDOUT);
	scene_run(scene);
	scene_later(scene, 100000);
	g_assert_true(fake->subflows[0].used);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100000);
	g_assert_false(fake->subflows[0].used);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	g_assert_cmpuint(scene->n_refusals, ==, 0);
}

static void forbids_all_but_one(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.forbids_all = true;
	scene_ask(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_cmpuint(scene->n_refusals, >, 0);
	scene_later(scene, 100000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	/* one that is allowed takes its place */
	fake_policy.forbids_all = false;
	fake_policy.forbidden = fake->subflows[0].used	 ? fake->subflows[0].local
				: fake->subflows[1].used ? fake->subflows[1].local
							 : fake->subflows[2].local;
	fake_policy.forbidden.port = 0;
	scene_ask(scene);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
}

/* Of those that are to go, one stays that is only dropped. */
static void spares_what_is_dropped_first(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.forbidden = fake_addr("10.0.1.1");
	fake_policy.drops_all = fake_policy.plans_nothing = true;
	scene_ask(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_false(fake->subflows[0].used);
	g_assert_cmpuint(scene->n_refusals, ==, 1);
}

/* An attempt that fails drops nothing, however often. */
static void keeps_the_last_while_its_replacement_fails(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.drops_all = true;
	scene_ask(scene);
	for (int i = 0; i < 8; i++) {
		fake_answer(scene->fake, i % 2 ? ECONNREFUSED : ETIMEDOUT);
		scene_later(scene, 80000);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 3);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

static void refuses_to_drop_the_last(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	close_all_but(scene, fake, 1);
	drop(scene, &fake->subflows[1]);
	g_assert_cmpuint(scene->n_refusals, ==, 1);
	g_assert_cmpuint(engine_counters(scene->engine)->plans_refused, ==, 1);
	fake_policy.plans_nothing = false;
	scene_later(scene, 100000);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100000);
	/* refused is not put off */
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

static void drops_all_but_one(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.drops_all = fake_policy.plans_nothing = true;
	scene_ask(scene);
	g_assert_cmpuint(scene->n_refusals, ==, 1);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	scene_later(scene, 100000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

/* One whose link is gone carries nothing. */
static void counts_no_lost_one(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	close_all_but(scene, fake, 1);
	fake_join(scene->fake, SCENE_TOKEN, "10.0.3.1:7000", SCENE_SERVER);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_run(scene);
	drop(scene, &fake->subflows[1]);
	g_assert_true(fake->subflows[1].used);
	g_assert_cmpuint(scene->n_refusals, ==, 1);
}

static void drops_a_syn_at_once(struct scene *scene, gconstpointer data)
{
	scene_client(scene);
	fake_policy.dropped_local = scene_connection(scene)->subflows[1].local;
	fake_policy.dropped_remote = scene_connection(scene)->subflows[1].remote;
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
}

/* ---- what the peer announces ---- */

static void displaces_nothing_that_works(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.only_peers = true;
	fake_announced(scene->fake, SCENE_TOKEN, 7, BOGUS);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	for (int i = 0; i < 8; i++) {
		fake_answer(scene->fake, i % 2 ? ECONNREFUSED : ETIMEDOUT);
		scene_later(scene, 80000);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

/* Each that is there takes the place of one; the application's is nobody's to close. */
static void gives_way_one_by_one(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.only_peers = true;
	fake_announced(scene->fake, SCENE_TOKEN, 7, "10.9.0.2:5000");
	scene_run(scene);
	for (size_t i = 3; i < 6; i++) {
		for (size_t j = 3; j < 6; j++)
			fake->subflows[j].syn_sent = j == i;
		fake_answer(scene->fake, 0);
		scene_run(scene);
		g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, i - 3);
	}
	g_assert_true(fake->subflows[0].used);
}

/* What the configuration does not allow any more goes, whatever is hoped for. */
static void goes_when_its_link_is_not_to_be_used(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.only_peers = true;
	fake_announced(scene->fake, SCENE_TOKEN, 7, BOGUS);
	scene_run(scene);
	fake_link(scene->fake, 2, "never0", true, true);
	scene_later(scene, 20);
	g_assert_false(fake->subflows[1].used);
	g_assert_true(fake->subflows[2].used);
}

static struct fake_subflow joined(const char *local, const char *remote, uint32_t ifindex)
{
	return (struct fake_subflow){
		.used = true,
		.ours = true,
		.local = fake_addr(local),
		.remote = fake_addr(remote),
		.local_id = (uint8_t)(4 + ifindex),
		.ifindex = ifindex,
	};
}

/*
 * Two of one path, as an earlier life and lost events leave them: whose the other one is nobody
 * knows. When the peer's goes, the last record takes its place, before the one that serves.
 */
static void keeps_to_one_of_two(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->established = true;
	fake->subflows[1] = joined("10.0.2.1:776", "10.9.0.1:999", 2);
	fake->subflows[1].ours = false;
	fake->subflows[2] = joined("10.0.3.1:777", SCENE_SERVER, 3);
	fake->subflows[3] = joined("10.0.2.1:778", SCENE_SERVER, 2);
	fake->subflows[4] = joined("10.0.2.1:779", SCENE_SERVER, 2);
	scene->fake->n_events = 0; /* it is older than the engine */
	scene_start(scene);
	scene_later(scene, 10000);
	scene_ask(scene);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	fake_reset(scene->fake, fake, 1, ECONNRESET);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 4);
	g_assert_cmpuint(scene_connection(scene)->subflows[1].local.port, ==, 779);
	scene_ask(scene);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 4);
}

static void leaves_syns_to_tcp(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_client(scene);

	fake_policy.plans_nothing = true;
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 2);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

/* ---- floods ---- */

static void flood(struct scene *scene, size_t n, int error, uint64_t step_ms)
{
	for (size_t i = 0; i < n; i++) {
		g_autofree char *remote =
			g_strdup_printf("10.66.%zu.%zu:%zu", i % 7, 1 + i % 99, 1 + i);

		fake_announced(scene->fake, SCENE_TOKEN, (uint8_t)(1 + i % 255), remote);
		scene_later(scene, step_ms);
		if (error)
			fake_answer(scene->fake, error);
		scene_run(scene);
		g_assert_cmpuint(scene_connection(scene)->n_subflows, <, 230);
	}
}

static void endures_a_flood(struct scene *scene, int error)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct mptcpd_addr good = fake_addr("10.9.0.2:5000");
	bool is_tried = false;

	/* 3000 addresses in 30 s */
	flood(scene, 3000, error, 10);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], <=, 4 * 128);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	for (int id = 1; id <= 255; id++)
		fake_removed(scene->fake, SCENE_TOKEN, (uint8_t)id);
	fake_answer(scene->fake, ETIMEDOUT);
	scene_later(scene, 20000);
	fake_forget_log(scene->fake);
	fake_announced(scene->fake, SCENE_TOKEN, 1, "10.9.0.2:5000");
	scene_later(scene, 2000);
	for (size_t i = 0; i < scene->fake->n_log; i++)
		is_tried |= addr_equal(&scene->fake->log[i].remote, &good);
	g_assert_true(is_tried);
}

static void endures_a_flood_of_silence(struct scene *scene, gconstpointer data)
{
	endures_a_flood(scene, 0);
}

static void endures_a_flood_of_refusals(struct scene *scene, gconstpointer data)
{
	endures_a_flood(scene, ECONNREFUSED);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("drop/last-one-is-replaced-first", replaces_the_last_before_it_drops_it);
	ADD("drop/last-one-stays-while-its-replacement-fails",
	    keeps_the_last_while_its_replacement_fails);
	ADD("drop/last-one-without-another-is-refused", refuses_to_drop_the_last);
	ADD("drop/of-all-leaves-one", drops_all_but_one);
	ADD("forbid/last-waits-for-another", replaces_the_last_before_it_is_forbidden_away);
	ADD("forbid/of-all-leaves-one", forbids_all_but_one);
	ADD("forbid/one-that-is-dropped-is-spared-first", spares_what_is_dropped_first);
	ADD("drop/lost-one-is-none-to-rely-on", counts_no_lost_one);
	ADD("drop/syn-goes-at-once", drops_a_syn_at_once);
	ADD("unwanted/never-for-what-was-never-up", displaces_nothing_that_works);
	ADD("unwanted/one-for-each-that-is-up", gives_way_one_by_one);
	ADD("unwanted/goes-when-its-link-is-not-to-be-used", goes_when_its_link_is_not_to_be_used);
	ADD("unwanted/none-of-two-for-one-path", keeps_to_one_of_two);
	ADD("unwanted/syn-is-left-to-tcp", leaves_syns_to_tcp);
	ADD("flood/of-addresses-that-do-not-answer", endures_a_flood_of_silence);
	ADD("flood/of-addresses-that-refuse", endures_a_flood_of_refusals);
	return g_test_run();
}
