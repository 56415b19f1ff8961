/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Endpoints of somebody else that the kernel tried too early. */
#include <errno.h>
#include <string.h>

#include "life-scene.h"

#define ID 9
#define OTHER "10.0.3.1" /* on eth3, which somebody else looks after */

static void set_tentative(struct world *world, bool tentative)
{
	struct mptcpd_addr addr = fake_addr(OTHER);
	struct event_local *local = fake_find_local(world->fake, 3, &addr);

	g_assert_nonnull(local);
	local->tentative = tentative;
	fake_queue(world->fake, &(struct event){.type = EVENT_LOCAL, .local = *local});
}

/* The link comes, with an address that is no use yet; somebody makes an endpoint all the same. */
static void come_with(struct world *world, const char *address, uint32_t flags, uint32_t ifindex)
{
	fake_rules.mend_foreign = true;
	fake_endpoint(world->fake, ID, address, flags, ifindex);
	life_plug(world, 3);
	set_tentative(world, true);
	life_later(world, 600);
	fake_forget_log(world->fake);
}

static void come(struct world *world)
{
	come_with(world, OTHER, MPTCPD_FLAG_SUBFLOW, 3);
}

static void assert_untouched(struct world *world)
{
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

/* The first such command; what was only asked is logged too. */
static const struct fake_record *find(const struct world *world, enum fake_command command)
{
	for (size_t i = 0; i < world->fake->n_log; i++)
		if (world->fake->log[i].command == command)
			return &world->fake->log[i];
	g_assert_not_reached();
}

static void assert_made_again(struct world *world)
{
	const struct fake_record *delete = find(world, FAKE_ENDPOINT_DELETE);
	const struct fake_record *add = find(world, FAKE_ENDPOINT_ADD);

	g_assert_cmpuint(world->fake->n_commands, ==, 2);
	g_assert_true(delete < add);
	g_assert_cmpuint(delete->id, ==, ID);
	g_assert_cmpuint(add->id, ==, ID);
	g_assert_cmpuint(add->flags, ==, MPTCPD_FLAG_SUBFLOW);
	g_assert_cmpuint(add->ifindex, ==, 3);
	fake_forget_log(world->fake);
}

static void makes_it_again_once(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	assert_untouched(world);
	set_tentative(world, false);
	life_later(world, 30);
	assert_made_again(world);
	life_later(world, 3600000);
	assert_untouched(world);
	g_assert_false(life_explain(world, OTHER).ours);
}

static void makes_it_again_each_time(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	for (int i = 0; i < 5; i++) {
		set_tentative(world, false);
		life_later(world, 300);
		assert_made_again(world);
		set_tentative(world, true);
		life_later(world, 30);
		assert_untouched(world);
	}
}

/* Somebody makes it in the moment in which its address gets usable, and nobody knows of it yet. */
static void finds_one_that_was_made_late(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	fake_rules.mend_foreign = true;
	life_plug(world, 3);
	set_tentative(world, true);
	life_later(world, 700);
	fake_endpoint(world->fake, ID, OTHER, MPTCPD_FLAG_SUBFLOW, 3);
	fake_forget_log(world->fake);
	set_tentative(world, false);
	life_later(world, 30);
	life_later(world, 300);
	for (size_t i = 0; i < world->fake->n_log; i++)
		g_assert_cmpint(world->fake->log[i].command, !=, FAKE_ENDPOINT_FLAGS);
	g_assert_cmpuint(fake_find_endpoint(world->fake, OTHER)->id, ==, ID);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], >=, 1);
}

static void leaves_it_where_told(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	fake_rules.mend_foreign = false;
	set_tentative(world, false);
	life_later(world, 3600000);
	assert_untouched(world);
}

/* Nobody would get a subflow from it. */
static void leaves_it_where_nobody_lacks_one(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_SERVER);
	fake_connect(world->fake, 2, MPTCPD_SIDE_CLIENT, "[2001:db8:1::1]:7", "[2001:db8:9::1]:80");
	fake_establish(world->fake, 2);
	life_connect_two(world, 3, MPTCPD_SIDE_CLIENT);
	fake_find(world->fake, 3)->deny_join_id0 = true;
	fake_connect(world->fake, 4, MPTCPD_SIDE_CLIENT, OTHER ":9", "10.9.0.1:80");
	fake_establish(world->fake, 4);
	fake_connect(world->fake, 5, MPTCPD_SIDE_CLIENT, "10.0.1.1:9", "10.9.0.1:80");
	fake_close(world->fake, 3, false);
	come(world);
	set_tentative(world, false);
	life_later(world, 3600000);
	assert_untouched(world);
}

/* The kernel tells of no SYN: a snapshot shows it. */
static void join_unheard(struct world *world)
{
	fake_find(world->fake, 1)->subflows[1] = (struct fake_subflow){
		.used = true,
		.syn_sent = true,
		.ours = true,
		.local = fake_addr(OTHER ":777"),
		.remote = fake_addr("10.9.0.1:80"),
		.local_id = ID,
	};
}

static void leaves_it_where_a_join_is_under_way(struct world *world, gconstpointer data)
{
	life_connect_one(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	join_unheard(world);
	set_tentative(world, false);
	life_later(world, 30);
	assert_untouched(world);
	life_later(world, 3600000);
	assert_untouched(world);
}

/* In the middle of a snapshot its address gets usable, another one is asked for, and a SYN is sent. */
static void join_in_a_snapshot(void *data)
{
	const struct mptcpd_addr addr = fake_addr(OTHER);
	struct world *world = data;
	struct event event = {.type = EVENT_LOCAL};

	if (!engine_model(world->engine)->snapshot[SNAPSHOT_CONNECTIONS].open)
		return;
	world->fake->between = NULL;
	set_tentative(world, false);
	event.local = *fake_find_local(world->fake, 3, &addr);
	engine_event(world->engine, &event, world->now);
	for (int i = 0; i < 3; i++) {
		world->now += 300;
		engine_settle(world->engine, world->now);
	}
	g_assert_true(world->fake->snapshot_wanted[SNAPSHOT_CONNECTIONS]);
	join_unheard(world);
}

/* The one that was under way may have read before the SYN. */
static void asks_for_a_snapshot_of_its_own(struct world *world, gconstpointer data)
{
	struct event unknown = {.type = EVENT_SUBFLOW_ESTABLISHED, .token = 99};

	life_connect_one(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	unknown.subflow.local = fake_addr("10.0.1.1:7");
	unknown.subflow.remote = fake_addr("10.9.0.1:80");
	engine_event(world->engine, &unknown, world->now);
	engine_settle(world->engine, world->now);
	world->fake->between = join_in_a_snapshot;
	world->fake->between_data = world;
	fake_deliver(world->fake, world->engine, world->now);
	g_assert_null(world->fake->between);
	for (int i = 0; i < 3; i++)
		engine_settle(world->engine, world->now);
	assert_untouched(world);
	life_later(world, 3600000);
	assert_untouched(world);
}

static void leaves_it_where_limits_do(struct world *world, gconstpointer data)
{
	world->fake->limits = (struct event_limits){1, 1};
	life_later(world, 31000);
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	set_tentative(world, false);
	life_later(world, 3600000);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
}

/* One connection has its only subflow there, and another one lacks one. */
static void closes_nothing_that_is_needed(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	fake_connect(world->fake, 2, MPTCPD_SIDE_CLIENT, OTHER ":9", "10.9.0.1:80");
	fake_establish(world->fake, 2);
	life_later(world, 0);
	come(world);
	set_tentative(world, false);
	life_later(world, 30);
	life_later(world, 60000);
	assert_untouched(world);
	life_join(world, 2, "10.0.2.1:777", "10.9.0.1:80");
	life_later(world, 120000);
	assert_made_again(world);
}

/* A subflow from there died: nothing that lives is closed for that, as with endpoints of ours. */
static void mends_what_died_without_closing(struct world *world, gconstpointer data)
{
	come(world);
	set_tentative(world, false);
	life_later(world, 30);
	life_connect_one(world, 1, MPTCPD_SIDE_CLIENT);
	life_join(world, 1, OTHER ":777", "10.9.0.1:80");
	life_connect_one(world, 2, MPTCPD_SIDE_CLIENT);
	life_join(world, 2, OTHER ":778", "10.9.0.1:80");
	fake_forget_log(world->fake);
	fake_reset(world->fake, fake_find(world->fake, 1), 1, ECONNRESET);
	life_later(world, 120000);
	assert_untouched(world);
	fake_close(world->fake, 2, false);
	life_later(world, 120000);
	assert_made_again(world);
}

/* One that is not mended, whatever becomes of its address. */
static void come_for_good(struct world *world, const char *address, uint32_t flags,
			  uint32_t ifindex)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	come_with(world, address, flags, ifindex);
	set_tentative(world, false);
	life_later(world, 3600000);
}

static void leaves_one_with_a_port(struct world *world, gconstpointer data)
{
	come_for_good(world, OTHER ":4000", MPTCPD_FLAG_SIGNAL, 3);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
	g_assert_cmpuint(fake_find_endpoint(world->fake, OTHER ":4000")->id, ==, ID);
}

static void leaves_one_without_a_link(struct world *world, gconstpointer data)
{
	come_for_good(world, OTHER, MPTCPD_FLAG_SUBFLOW, 0);
	assert_untouched(world);
}

static void leaves_one_of_another_link(struct world *world, gconstpointer data)
{
	come_for_good(world, OTHER, MPTCPD_FLAG_SUBFLOW, 2);
	assert_untouched(world);
}

static void leaves_one_that_only_announces(struct world *world, gconstpointer data)
{
	come_for_good(world, OTHER, MPTCPD_FLAG_SIGNAL, 3);
	assert_untouched(world);
}

static void gives_way_to_who_was_faster(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	world->fake->fail[FAKE_ENDPOINT_DELETE] = -EINVAL;
	fake_endpoint_gone(world->fake, ID);
	set_tentative(world, false);
	life_later(world, 30);
	life_later(world, 3600000);
	/* It is ours then, as where nobody else ever was. */
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_ADD], ==, 1);
	g_assert_true(life_explain(world, OTHER).ours);
}

static void takes_another_id_where_it_must(struct world *world, gconstpointer data)
{
	life_connect_two(world, 1, MPTCPD_SIDE_CLIENT);
	come(world);
	world->fake->fail[FAKE_ENDPOINT_ADD] = -EBUSY;
	set_tentative(world, false);
	life_later(world, 30);
	life_later(world, 1000);
	g_assert_nonnull(fake_find_endpoint(world->fake, OTHER));
	g_assert_false(life_explain(world, OTHER).ours);
}

static void tells_flags_without_effect(struct world *world, gconstpointer data)
{
	struct explain_endpoint endpoint;

	fake_rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP;
	come(world);
	set_tentative(world, false);
	life_later(world, 30);
	endpoint = life_explain(world, OTHER);
	g_assert_cmpstr(endpoint.reason, ==, "foreign-endpoint");
	g_assert_nonnull(strstr(endpoint.text, "somebody else made it"));
	g_assert_nonnull(strstr(endpoint.text, "subflow,backup of the configuration"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/mend/makes-it-again-once", makes_it_again_once);
	ADD("/mend/makes-it-again-each-time", makes_it_again_each_time);
	ADD("/mend/finds-one-that-was-made-late", finds_one_that_was_made_late);
	ADD("/mend/leaves-it-where-told", leaves_it_where_told);
	ADD("/mend/leaves-it-where-nobody-lacks-one", leaves_it_where_nobody_lacks_one);
	ADD("/mend/leaves-it-where-a-join-is-under-way", leaves_it_where_a_join_is_under_way);
	ADD("/mend/asks-for-a-snapshot-of-its-own", asks_for_a_snapshot_of_its_own);
	ADD("/mend/leaves-it-where-limits-do", leaves_it_where_limits_do);
	ADD("/mend/closes-nothing-that-is-needed", closes_nothing_that_is_needed);
	ADD("/mend/mends-what-died-without-closing", mends_what_died_without_closing);
	ADD("/mend/leaves-one-with-a-port", leaves_one_with_a_port);
	ADD("/mend/leaves-one-without-a-link", leaves_one_without_a_link);
	ADD("/mend/leaves-one-of-another-link", leaves_one_of_another_link);
	ADD("/mend/leaves-one-that-only-announces", leaves_one_that_only_announces);
	ADD("/mend/gives-way-to-who-was-faster", gives_way_to_who_was_faster);
	ADD("/mend/takes-another-id-where-it-must", takes_another_id_where_it_must);
	ADD("/mend/tells-flags-without-effect", tells_flags_without_effect);
	return g_test_run();
}
