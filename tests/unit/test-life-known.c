/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Endpoints while not all is known: connections half known, a table that others change, a start. */
#include "life-scene.h"

#include <errno.h>

/* ---- what is known of connections ---- */

/* Asked in full, as after a start or a loss. */
static void look_at_connections(struct world *world)
{
	engine_event(world->engine,
		     &(struct event){.type = EVENT_LOST, .snapshot = SNAPSHOT_CONNECTIONS},
		     world->now);
	life_later(world, 300);
}

/* One side said that it sends no more; the other's data still comes. */
static void half_closed_ones_need_it(struct world *world, gconstpointer side)
{
	life_connect_one(world, 71, (enum mptcpd_side)GPOINTER_TO_INT(side));
	fake_find(world->fake, 71)->shut = true;
	look_at_connections(world);
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	g_assert_cmpuint(life_explain(world, "10.0.1.1").needed_by, ==, 1);
}

static void client_half_closed(struct world *world, gconstpointer data)
{
	half_closed_ones_need_it(world, GINT_TO_POINTER(MPTCPD_SIDE_CLIENT));
}

static void server_half_closed(struct world *world, gconstpointer data)
{
	half_closed_ones_need_it(world, GINT_TO_POINTER(MPTCPD_SIDE_SERVER));
}

/* Nobody can join it any more. */
static void half_closed_is_not_made_again(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_find(world->fake, 71)->shut = true;
	look_at_connections(world);
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
}

/* The kernel passes connections by of which no data came yet: what was to be closed lives. */
static void what_the_kernel_spared_needs_it(struct world *world, gconstpointer data)
{
	struct event_endpoint by_hand = {.addr = fake_addr("10.0.1.1")};

	life_connect_one(world, 71, MPTCPD_SIDE_CLIENT);
	fake_find(world->fake, 71)->idle = true;
	g_assert_cmpint(engine_endpoint_delete(world->engine, &by_hand, world->now), ==, 0);
	fake_route(world->fake, 1, false);
	life_later(world, 50);
	fake_route(world->fake, 1, true);
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	fake_find(world->fake, 71)->idle = false;
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
}

/* Of one whose subflows nobody has looked at, each may be the last. */
static void one_just_found_needs_all(struct world *world, gconstpointer data)
{
	engine_event(world->engine,
		     &(struct event){.type = EVENT_SNAPSHOT_BEGIN,
				     .brief = true,
				     .snapshot = SNAPSHOT_CONNECTIONS},
		     world->now);
	world->fake->fail_always[FAKE_SNAPSHOT] = -ENOBUFS;
	engine_event(world->engine,
		     &(struct event){.type = EVENT_SNAPSHOT_CONNECTION,
				     .token = 71,
				     .connection = {.local = fake_addr("10.0.1.1:1000"),
						    .remote = fake_addr("10.9.0.1:80")}},
		     world->now);
	engine_event(world->engine,
		     &(struct event){.type = EVENT_SNAPSHOT_END, .snapshot = SNAPSHOT_CONNECTIONS},
		     world->now);
	life_later(world, 50);
	fake_link(world->fake, 2, "eth2", true, false);
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.2.1"));
}

/* The loss came after the look began. */
static void a_look_does_not_make_up_for_a_later_loss(struct world *world, gconstpointer data)
{
	static const enum event_type story[] = {EVENT_SNAPSHOT_BEGIN, EVENT_LOST,
						EVENT_SNAPSHOT_END};

	world->fake->fail_always[FAKE_SNAPSHOT] = -ENOBUFS;
	for (size_t i = 0; i < G_N_ELEMENTS(story); i++)
		engine_event(world->engine,
			     &(struct event){.type = story[i], .snapshot = SNAPSHOT_CONNECTIONS},
			     world->now);
	life_later(world, 50);
	fake_link(world->fake, 2, "eth2", true, false);
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.2.1"));
	world->fake->fail_always[FAKE_SNAPSHOT] = 0;
	life_later(world, HOLD);
	life_later(world, 50);
	g_assert_false(life_is_there(world, "10.0.2.1"));
}

/* That the table is full is found out by the one that matters most. */
static void the_important_gets_a_place(struct world *world, gconstpointer data)
{
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 50);
	for (uint32_t i = 3; i <= 9; i++)
		life_plug(world, i);
	life_later(world, 50);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, FAKE_ENDPOINTS);
	fake_link(world->fake, 1, "eth1", true, true);
	for (int i = 0; i < 5; i++)
		life_later(world, 1000);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	g_assert_false(life_is_there(world, "10.0.9.1"));
	fake_forget_log(world->fake);
	for (int i = 0; i < 10; i++)
		life_later(world, 10000);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

/* Others fill the table when we ask, and are gone when all is looked at. */
static void others_who_leave_take_no_place_along(struct world *world, gconstpointer data)
{
	for (uint8_t i = 1; i <= 6; i++) {
		g_autofree char *address = g_strdup_printf("192.0.2.%u", i);

		fake_endpoint(world->fake, 100 + i, address, MPTCPD_FLAG_SIGNAL, 0);
	}
	life_plug(world, 3);
	fake_deliver(world->fake, world->engine, world->now);
	engine_settle(world->engine, world->now + 50);
	for (uint8_t i = 1; i <= 6; i++)
		fake_endpoint_gone(world->fake, 100 + i);
	for (uint32_t i = 4; i <= 8; i++)
		life_plug(world, i);
	for (int i = 0; i < 5; i++)
		life_later(world, 1000);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, FAKE_ENDPOINTS);
}

/* ---- others ---- */

/* Somebody put the table in order, and nobody has told us yet. */
static void the_id_of_another_is_not_deleted(struct world *world, gconstpointer data)
{
	uint8_t id = fake_find_endpoint(world->fake, "10.0.2.1")->id;

	fake_endpoint_gone(world->fake, id);
	fake_endpoint(world->fake, id, "192.0.2.7", MPTCPD_FLAG_SIGNAL, 0);
	fake_link(world->fake, 2, "eth2", true, false);
	life_later(world, 50);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "192.0.2.7"));
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
}

/* SET_FLAGS overwrites: to make it a backup would take fullmesh away and close all. */
static void flags_just_set_by_hand_are_not_overwritten(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_SERVER);
	fake_find_endpoint(world->fake, "10.0.1.1")->flags |= MPTCPD_FLAG_FULLMESH;
	fake_link(world->fake, 1, "never1", true, true);
	life_later(world, 50);
	life_later(world, 300);
	g_assert_cmpuint(fake_count_subflows(fake_find(world->fake, 71)), ==, 1);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.1.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH);
}

/* However many addresses came and went since. */
static void one_deleted_by_hand_is_not_forgotten(struct world *world, gconstpointer data)
{
	struct event_endpoint by_hand = {.addr = fake_addr("10.0.2.1")};

	g_assert_cmpint(engine_endpoint_delete(world->engine, &by_hand, world->now), ==, 0);
	for (uint32_t i = 0; i < 300; i++) {
		g_autofree char *address = g_strdup_printf("10.1.%u.%u", i / 200, 1 + i % 200);

		fake_address(world->fake, 1, address);
		life_later(world, 50);
		fake_address_gone(world->fake, 1, address);
		life_later(world, 50);
	}
	g_assert_false(life_is_there(world, "10.0.2.1"));
	g_assert_true(life_is_there(world, "10.0.1.1"));
}

static void what_a_person_did_outlives_a_restart(struct world *world, gconstpointer data)
{
	struct event_endpoint by_hand = {.addr = fake_addr("10.0.2.1")};

	g_assert_cmpint(engine_endpoint_delete(world->engine, &by_hand, world->now), ==, 0);
	by_hand = (struct event_endpoint){.addr = fake_addr("10.0.1.1"),
					  .flags = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP};
	g_assert_cmpint(engine_endpoint_change(world->engine, &by_hand, world->now), ==, 0);
	life_later(world, 0);
	for (int i = 0; i < 2; i++) {
		life_restart(world);
		life_later(world, 1000);
		g_assert_false(life_is_there(world, "10.0.2.1"));
		g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.1.1")->flags, ==,
				 MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	}
	/* until the address went and came back */
	fake_link(world->fake, 2, "eth2", true, false);
	life_later(world, 50);
	fake_link(world->fake, 2, "eth2", true, true);
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.2.1"));
}

/*
 * One of ours went while nobody looked; after the first look, and before the host was known, somebody
 * made one in its place, with its id.
 */
static void one_made_after_the_first_look_is_his(struct world *world, gconstpointer data)
{
	uint8_t id;

	life_plug(world, 3);
	life_later(world, 600);
	id = fake_find_endpoint(world->fake, "10.0.3.1")->id;
	fake_endpoint_gone(world->fake, id);
	life_restart(world);
	engine_settle(world->engine, world->now);
	world->fake->snapshot_wanted[SNAPSHOT_HOST] = false;
	fake_deliver(world->fake, world->engine, world->now);
	engine_settle(world->engine, world->now);
	g_assert_true(engine_knows(world->engine, SNAPSHOT_ENDPOINTS));
	fake_endpoint(world->fake, id, "10.0.3.1", MPTCPD_FLAG_SUBFLOW, 3);
	world->fake->snapshot_wanted[SNAPSHOT_HOST] = true;
	world->fake->snapshot_wanted[SNAPSHOT_ENDPOINTS] = true;
	life_later(world, 600);
	g_assert_false(life_explain(world, "10.0.3.1").ours);
	fake_link_gone(world->fake, 3);
	life_later(world, 3600000);
	g_assert_true(life_is_there(world, "10.0.3.1"));
}

/* Nobody knew yet what there is: nothing is touched, and nothing forgotten. */
static void stops_before_it_knows(struct world *world, gconstpointer data)
{
	life_plug(world, 3);
	world->fake->limits = (struct event_limits){2, 2};
	life_later(world, 31000);
	life_plug(world, 4);
	life_later(world, 50);
	g_assert_true(world->host.has_limits);
	life_restart(world);
	engine_leave(world->engine, world->now);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 4);
	g_assert_cmpuint(world->host.n_endpoints, ==, 4);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 2);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 2);
	life_restart(world);
	life_later(world, 1000);
	g_assert_true(life_explain(world, "10.0.3.1").ours);
}

/* In a snapshot of endpoints, after its first record, the daemon is told something else. */
static void reload_in_a_snapshot(void *data)
{
	struct world *world = data;
	const struct model *model = engine_model(world->engine);

	if (!model->snapshot[SNAPSHOT_ENDPOINTS].open)
		return;
	world->fake->between = NULL;
	engine_set_rules(world->engine, &fake_rules, world->now);
	engine_settle(world->engine, world->now);
}

static void snapshot_while_reloaded(struct world *world)
{
	world->fake->between = reload_in_a_snapshot;
	world->fake->between_data = world;
	world->fake->snapshot_wanted[SNAPSHOT_ENDPOINTS] = true;
	fake_deliver(world->fake, world->engine, world->now);
	g_assert_null(world->fake->between);
	engine_settle(world->engine, world->now);
}

/* The kernel wrote its records before the command, and they are read after it. */
static void what_a_dump_tells_late_is_nobodys_doing(struct world *world, gconstpointer data)
{
	fake_rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP;
	snapshot_while_reloaded(world);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.1.1")->flags, ==,
			 fake_rules.endpoint_flags);
	life_later(world, 1000);
	g_assert_cmpuint(life_explain(world, "10.0.2.1").is.flags, ==, fake_rules.endpoint_flags);
	fake_rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW;
	life_reload(world);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.1.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.2.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
}

static void what_is_gone_does_not_return_in_a_late_dump(struct world *world, gconstpointer data)
{
	/* other endpoints of the same addresses */
	fake_rules.endpoint_flags = MPTCPD_FLAG_SIGNAL;
	snapshot_while_reloaded(world);
	for (int i = 0; i < 2; i++) {
		life_later(world, 1000);
		g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.1.1")->flags, ==,
				 MPTCPD_FLAG_SIGNAL);
		g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.2.1")->flags, ==,
				 MPTCPD_FLAG_SIGNAL);
		g_assert_true(life_explain(world, "10.0.1.1").ours);
		g_assert_true(life_explain(world, "10.0.2.1").ours);
		life_restart(world);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/life/known/half-closed-client-needs-it", client_half_closed);
	ADD("/life/known/half-closed-server-needs-it", server_half_closed);
	ADD("/life/known/half-closed-is-not-made-again", half_closed_is_not_made_again);
	ADD("/life/known/what-the-kernel-spared-needs-it", what_the_kernel_spared_needs_it);
	ADD("/life/known/one-just-found-needs-all", one_just_found_needs_all);
	ADD("/life/known/a-look-does-not-make-up-for-a-later-loss",
	    a_look_does_not_make_up_for_a_later_loss);
	ADD("/life/known/what-a-dump-tells-late-is-nobodys-doing",
	    what_a_dump_tells_late_is_nobodys_doing);
	ADD("/life/known/what-is-gone-does-not-return-in-a-late-dump",
	    what_is_gone_does_not_return_in_a_late_dump);
	ADD("/life/full/the-important-gets-a-place", the_important_gets_a_place);
	ADD("/life/full/others-who-leave-take-no-place-along",
	    others_who_leave_take_no_place_along);
	ADD("/life/others/the-id-of-another-is-not-deleted", the_id_of_another_is_not_deleted);
	ADD("/life/others/flags-just-set-by-hand-are-not-overwritten",
	    flags_just_set_by_hand_are_not_overwritten);
	ADD("/life/others/one-deleted-by-hand-is-not-forgotten",
	    one_deleted_by_hand_is_not_forgotten);
	ADD("/life/restart/what-a-person-did-outlives-it", what_a_person_did_outlives_a_restart);
	ADD("/life/restart/one-made-after-the-first-look-is-his",
	    one_made_after_the_first_look_is_his);
	ADD("/life/restart/stops-before-it-knows", stops_before_it_knows);
	return g_test_run();
}
