/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What closing costs: each DESTROY has the kernel send again all that is under way, by whichever
 * subflow, and a withdrawal has the peer do it. So they are counted here.
 */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "engine-scene.h"

#define FLAPS 10

static void assert_counts(struct scene *scene, unsigned int creates, unsigned int destroys,
			  unsigned int withdrawals)
{
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, creates);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, destroys);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, withdrawals);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 0);
}

/* The subflows that are not on that link are those that were there at first. */
static void assert_others_untouched(struct fake_connection *fake, const struct fake_subflow *before,
				    size_t n, uint32_t link)
{
	for (size_t i = 0; i < n; i++)
		if (before[i].local.ip[2] != link)
			g_assert_true(fake->subflows[i].used &&
				      addr_equal(&fake->subflows[i].local, &before[i].local));
}

static void settle(struct scene *scene, uint64_t ms)
{
	scene_run(scene);
	fake_answer(scene->fake, 0);
	for (uint64_t left = ms; left >= 100; left -= 100)
		scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_run(scene);
}

/* Once for each time the link goes, and for the subflow on that link alone. */
static void ten_flaps(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct fake_subflow before[3];

	memcpy(before, fake->subflows, sizeof(before));
	for (unsigned int i = 1; i <= FLAPS; i++) {
		fake_link(scene->fake, 2, "eth2", true, false);
		settle(scene, 2000);
		assert_counts(scene, i - 1, i, i);
		fake_link(scene->fake, 2, "eth2", true, true);
		settle(scene, 2000);
		assert_counts(scene, i, i, i);
		assert_others_untouched(fake, before, 3, 2);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	}
}

/* Where no other link is there, what was there carries on until the new one does. */
static void ten_flaps_of_the_only_link(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	for (uint32_t i = 2; i <= 3; i++)
		fake_link_gone(scene->fake, i);
	scene_later(scene, 100);
	fake = scene_client(scene);
	fake_forget_log(scene->fake);
	for (unsigned int i = 1; i <= FLAPS; i++) {
		fake_link(scene->fake, 1, "eth1", true, false);
		settle(scene, 2000);
		assert_counts(scene, i - 1, i - 1, 0);
		fake_link(scene->fake, 1, "eth1", true, true);
		settle(scene, 2000);
		assert_counts(scene, i, i, 0);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	}
}

/* Whoever configures links anew takes their addresses away and gives them back. */
static void addresses_that_blink(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	for (unsigned int i = 0; i < FLAPS; i++) {
		fake_address_gone(scene->fake, 2, "10.0.2.1");
		settle(scene, 200);
		fake_address(scene->fake, 2, "10.0.2.1");
		settle(scene, 2000);
		assert_counts(scene, 0, 0, 0);
	}
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	/* one that stays away is told of, and closed, once */
	fake_address_gone(scene->fake, 2, "10.0.2.1");
	settle(scene, 200);
	assert_counts(scene, 0, 0, 0);
	settle(scene, 200);
	assert_counts(scene, 0, 1, 1);
	settle(scene, 60000);
	assert_counts(scene, 0, 1, 1);
	fake_address(scene->fake, 2, "10.0.2.1");
	settle(scene, 200);
	assert_counts(scene, 1, 1, 1);
	/* with its link it is gone at once */
	fake_address_gone(scene->fake, 2, "10.0.2.1");
	fake_link(scene->fake, 2, "eth2", false, false);
	scene_later(scene, 100);
	assert_counts(scene, 1, 2, 2);
}

static void announced_addresses_that_blink(struct scene *scene, gconstpointer data)
{
	fake_policy.plans_nothing = true;
	fake_policy.announced = fake_addr("10.0.2.1");
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_SERVER, "10.0.1.1:5000", "10.9.0.1:999");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	scene_later(scene, 20);
	fake_join(scene->fake, SCENE_TOKEN, "10.0.2.1:5000", "10.9.0.1:1000");
	scene_run(scene);
	fake_forget_log(scene->fake);
	for (unsigned int i = 0; i < FLAPS; i++) {
		fake_policy.announced = (struct mptcpd_addr){0}; /* it is not there to be seen */
		fake_address_gone(scene->fake, 2, "10.0.2.1");
		settle(scene, 200);
		fake_policy.announced = fake_addr("10.0.2.1");
		fake_address(scene->fake, 2, "10.0.2.1");
		settle(scene, 2000);
		assert_counts(scene, 0, 0, 0);
		g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	}
	fake_policy.announced = (struct mptcpd_addr){0};
	fake_address_gone(scene->fake, 2, "10.0.2.1");
	settle(scene, 2000);
	/* once, for the announcement and the subflow */
	assert_counts(scene, 0, 1, 1);
}

/* Routes go for moments, rules are read again, peers announce and withdraw what they like. */
static void what_is_none_of_its_business(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	for (unsigned int i = 0; i < FLAPS; i++) {
		fake_route(scene->fake, 2, false);
		settle(scene, 1000);
		fake_route(scene->fake, 2, true);
		settle(scene, 1000);
		engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
		settle(scene, 1000);
		scene_ask(scene);
		settle(scene, 1000);
	}
	assert_counts(scene, 0, 0, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

/* A plan that changes its mind closes what it drops, once each time. */
static void plans_that_change(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	for (unsigned int i = 1; i <= FLAPS; i++) {
		fake_policy.forbidden = fake_addr("10.0.3.1");
		scene_ask(scene);
		settle(scene, 5000);
		assert_counts(scene, i - 1, i, 0);
		fake_policy.forbidden = (struct mptcpd_addr){0};
		scene_ask(scene);
		settle(scene, 5000);
		assert_counts(scene, i, i, 0);
	}
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("cost/ten-flaps-of-two-seconds", ten_flaps);
	ADD("cost/ten-flaps-of-the-only-link", ten_flaps_of_the_only_link);
	ADD("cost/addresses-that-blink", addresses_that_blink);
	ADD("cost/announced-addresses-that-blink", announced_addresses_that_blink);
	ADD("cost/routes-rules-and-peers-cost-nothing", what_is_none_of_its_business);
	ADD("cost/plans-that-change", plans_that_change);
	return g_test_run();
}
