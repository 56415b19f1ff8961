/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of temporary and stable IPv6 addresses of one link: which are used, and whom they are shown to. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "choose.h"
#include "engine-scene.h"

#define SERVER "[2001:db8:9::1]:5000"
#define STABLE "2001:db8:1::1"
#define TEMPORARY "2001:db8:1::aaaa"
#define LATER "2001:db8:1::bbbb"

/* Each link has a stable IPv6 address, and link 1 a temporary one. */
static void set_up(struct scene *scene, bool prefer)
{
	for (uint32_t i = 1; i <= 3; i++) {
		g_autofree char *address = g_strdup_printf("2001:db8:%u::1", i);

		fake_prefer_temporary(scene->fake, i, prefer);
		fake_address(scene->fake, i, address);
	}
	fake_temporary(scene->fake, 1, TEMPORARY);
	scene_later(scene, 1000);
	scene_later(scene, 100);
	fake_forget_log(scene->fake);
}

static struct fake_connection *begin(struct scene *scene, const char *address)
{
	g_autofree char *local = g_strdup_printf("[%s]:1000", address);
	struct fake_connection *fake =
		fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, local, SERVER);

	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	return fake;
}

static void answer_for(struct scene *scene, uint64_t ms)
{
	for (int i = 0; i < 4; i++) {
		scene_later(scene, ms / 4);
		fake_answer(scene->fake, 0);
	}
	scene_run(scene);
}

static size_t count(const struct fake_connection *fake, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	size_t n = 0;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		n += fake->subflows[i].used && addr_equal_host(&fake->subflows[i].local, &addr);
	return n;
}

/* How often it was ever tried from there. */
static size_t count_tries(const struct scene *scene, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	size_t n = 0;

	for (size_t i = 0; i < scene->fake->n_log; i++)
		n += scene->fake->log[i].command == FAKE_CREATE &&
		     addr_equal_host(&scene->fake->log[i].local, &addr);
	return n;
}

static enum usability usability(const struct scene *scene, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);

	return model_find_local(engine_model(scene->engine), &addr, 0)->usability;
}

static void preferred_temporary_is_used_alone(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	set_up(scene, true);
	g_assert_cmpint(usability(scene, STABLE), ==, UNUSABLE_STABLE);
	g_assert_cmpint(usability(scene, TEMPORARY), ==, USABLE);
	fake = begin(scene, TEMPORARY);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 1);
	g_assert_cmpuint(count(fake, STABLE), ==, 0);
	/* from another link it is used as any other one */
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);
	fake = begin(scene, "2001:db8:2::1");
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 1);
	g_assert_cmpuint(count(fake, STABLE), ==, 0);
}

static void stable_is_used_where_it_is_preferred(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	set_up(scene, false);
	g_assert_cmpint(usability(scene, STABLE), ==, USABLE);
	g_assert_cmpint(usability(scene, TEMPORARY), ==, UNUSABLE_TEMPORARY);
	fake = begin(scene, STABLE);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 0);
}

/* The application asked for it, by bind() or IPV6_ADDR_PREFERENCES. */
static void chosen_temporary_hides_the_stable_one(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	set_up(scene, false);
	fake = begin(scene, TEMPORARY);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(count(fake, STABLE), ==, 0);
	/* its pair is made again, as that of any initial subflow */
	fake_reset(scene->fake, fake, 0, ECONNRESET);
	answer_for(scene, 4000);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 1);
	g_assert_cmpuint(count_tries(scene, STABLE), ==, 0);
}

static void chosen_stable_keeps_the_temporary_away(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	set_up(scene, true);
	fake = begin(scene, STABLE);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 0);
}

static void check_expiry(struct scene *scene, bool prefer)
{
	struct fake_connection *fake;

	set_up(scene, prefer);
	fake = begin(scene, TEMPORARY);
	fake_temporary(scene->fake, 1, LATER);
	answer_for(scene, 400);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	fake_temporary(scene->fake, 1, TEMPORARY); /* deprecated */
	answer_for(scene, 400);
	g_assert_cmpuint(count(fake, LATER), ==, 1);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 1);
	fake_address_gone(scene->fake, 1, TEMPORARY);
	answer_for(scene, 400);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	fake_address_gone(scene->fake, 1, LATER);
	answer_for(scene, 100000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	g_assert_cmpuint(count_tries(scene, STABLE), ==, 0);
}

static void next_one_takes_over_where_preferred(struct scene *scene, gconstpointer data)
{
	check_expiry(scene, true);
}

static void next_one_takes_over_where_chosen(struct scene *scene, gconstpointer data)
{
	check_expiry(scene, false);
}

static void next_one_is_joined_before_the_old_is_closed(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	set_up(scene, true);
	fake = begin(scene, "2001:db8:2::1");
	fake_temporary(scene->fake, 1, LATER);
	fake_temporary(scene->fake, 1, TEMPORARY);
	scene_later(scene, 100);
	g_assert_cmpuint(count_tries(scene, LATER), ==, 1);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 1);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
}

static void rules_may_use_both(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	set_up(scene, true);
	fake_link(scene->fake, 1, "both1", true, true);
	scene_later(scene, 100);
	fake = begin(scene, TEMPORARY);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 4);
	g_assert_cmpuint(count(fake, STABLE), ==, 1);
}

/* net.ipv6.conf.*.use_tempaddr changes in silence; what it is for is the next temporary address. */
static void preference_is_read_again_with_each_new_one(struct scene *scene, gconstpointer data)
{
	set_up(scene, false);
	fake_prefer_temporary(scene->fake, 1, true);
	scene_later(scene, 10000);
	g_assert_cmpint(usability(scene, STABLE), ==, USABLE);
	fake_temporary(scene->fake, 1, LATER);
	scene_later(scene, 1000);
	g_assert_cmpint(usability(scene, STABLE), ==, UNUSABLE_STABLE);
	fake_prefer_temporary(scene->fake, 1, false);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	scene_later(scene, 1000);
	g_assert_cmpint(usability(scene, STABLE), ==, USABLE);
}

/* The kernel may make the next one when the last is deprecated already: nothing is shown meanwhile. */
static void last_one_is_used_until_the_next_is_there(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	set_up(scene, true);
	fake = begin(scene, "2001:db8:2::1");
	fake_temporary(scene->fake, 1, TEMPORARY); /* deprecated */
	answer_for(scene, 400);
	g_assert_cmpint(usability(scene, STABLE), ==, UNUSABLE_STABLE);
	g_assert_cmpint(usability(scene, TEMPORARY), ==, USABLE);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 1);
	fake_temporary(scene->fake, 1, LATER);
	answer_for(scene, 400);
	g_assert_cmpint(usability(scene, TEMPORARY), ==, UNUSABLE_DEPRECATED);
	g_assert_cmpuint(count(fake, LATER), ==, 1);
	g_assert_cmpuint(count(fake, TEMPORARY), ==, 0);
	g_assert_cmpuint(count_tries(scene, STABLE), ==, 0);
	fake_address_gone(scene->fake, 1, TEMPORARY);
	fake_address_gone(scene->fake, 1, LATER);
	scene_later(scene, 100);
	g_assert_cmpint(usability(scene, STABLE), ==, USABLE);
}

/* A network that is given up takes its temporary address along: what is fresh is used. */
static void old_network_hides_nothing_of_the_new(struct scene *scene, gconstpointer data)
{
	set_up(scene, true);
	fake_address(scene->fake, 1, "2001:db8:77::1");
	fake_temporary(scene->fake, 1, TEMPORARY); /* deprecated */
	scene_later(scene, 100);
	g_assert_cmpint(usability(scene, "2001:db8:77::1"), ==, USABLE);
	fake_temporary(scene->fake, 1, "2001:db8:77::aaaa");
	scene_later(scene, 100);
	g_assert_cmpint(usability(scene, "2001:db8:77::aaaa"), ==, USABLE);
	g_assert_cmpint(usability(scene, "2001:db8:77::1"), ==, UNUSABLE_STABLE);
	g_assert_cmpint(usability(scene, TEMPORARY), ==, UNUSABLE_DEPRECATED);
}

static void several_of_ipv4_are_all_used(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	fake_address(scene->fake, 1, "10.0.1.77");
	scene_later(scene, 100);
	fake = scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(count(fake, "10.0.1.77"), ==, 1);
}

static void endpoint_is_the_preferred_one(struct scene *scene, gconstpointer data)
{
	scene->fake->path_manager = PATH_MANAGER_KERNEL;
	scene_start(scene);
	scene_run(scene);
	set_up(scene, true);
	g_assert_nonnull(fake_find_endpoint(scene->fake, TEMPORARY));
	g_assert_null(fake_find_endpoint(scene->fake, STABLE));
	fake_temporary(scene->fake, 1, LATER);
	fake_temporary(scene->fake, 1, TEMPORARY);
	scene_later(scene, 10000);
	g_assert_nonnull(fake_find_endpoint(scene->fake, LATER));
	g_assert_null(fake_find_endpoint(scene->fake, TEMPORARY));
	g_assert_null(fake_find_endpoint(scene->fake, STABLE));
}

static void preferred_is_one_of_each_link_and_family(struct scene *scene, gconstpointer data)
{
	const struct model *model = engine_model(scene->engine);
	struct mptcpd_addr stable = fake_addr(STABLE), temporary = fake_addr(TEMPORARY);

	set_up(scene, true);
	fake_link(scene->fake, 1, "both1", true, true);
	scene_later(scene, 100);
	g_assert_true(choose_is_preferred(model_find_local(model, &temporary, 1)));
	g_assert_false(choose_is_preferred(model_find_local(model, &stable, 1)));
	fake_prefer_temporary(scene->fake, 1, false);
	fake_link(scene->fake, 1, "both1", true, true);
	scene_later(scene, 100);
	g_assert_false(choose_is_preferred(model_find_local(model, &temporary, 1)));
	g_assert_true(choose_is_preferred(model_find_local(model, &stable, 1)));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("choose/preferred-temporary-address-is-used-alone", preferred_temporary_is_used_alone);
	ADD("choose/stable-address-is-used-where-it-is-preferred",
	    stable_is_used_where_it_is_preferred);
	ADD("choose/temporary-start-hides-the-stable-address",
	    chosen_temporary_hides_the_stable_one);
	ADD("choose/stable-start-keeps-the-temporary-away", chosen_stable_keeps_the_temporary_away);
	ADD("choose/next-one-takes-over-where-preferred", next_one_takes_over_where_preferred);
	ADD("choose/next-one-takes-over-where-chosen", next_one_takes_over_where_chosen);
	ADD("choose/next-one-is-joined-before-the-old-is-closed",
	    next_one_is_joined_before_the_old_is_closed);
	ADD("choose/rules-may-use-both", rules_may_use_both);
	ADD("choose/preference-is-read-again-with-each-new-one",
	    preference_is_read_again_with_each_new_one);
	ADD("choose/last-one-is-used-until-the-next-is-there",
	    last_one_is_used_until_the_next_is_there);
	ADD("choose/old-network-hides-nothing-of-the-new", old_network_hides_nothing_of_the_new);
	ADD("choose/several-ipv4-addresses-are-all-used", several_of_ipv4_are_all_used);
	ADD("choose/endpoint-is-the-preferred-one", endpoint_is_the_preferred_one);
	ADD("choose/preferred-is-one-of-each-link-and-family",
	    preferred_is_one_of_each_link_and_family);
	return g_test_run();
}
