/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of an endpoint: wanted, leaving, gone, and who needs it. */
#include "life-scene.h"

#include <errno.h>
#include <string.h>

static void expect_flags(struct world *world, const char *address, uint32_t flags)
{
	g_assert_cmpuint(fake_find_endpoint(world->fake, address)->flags, ==, flags);
}

/* What was just lost counts after HOLD, and not before. */
static void expect_held(struct world *world, const char *address)
{
	life_later(world, 50);
	life_later(world, HOLD - 200);
	g_assert_true(life_is_there(world, address));
	life_later(world, 200);
	g_assert_false(life_is_there(world, address));
}

/* ---- one link ---- */

static void blink_costs_no_command(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_SERVER);
	fake_forget_log(world->fake);
	fake_route(world->fake, 1, false);
	life_later(world, 50);
	g_assert_cmpint(life_explain(world, "10.0.1.1").state, ==, ENDPOINT_LEAVING);
	g_assert_cmpstr(life_explain(world, "10.0.1.1").reason, ==, "no-route");
	g_assert_cmpuint(life_explain(world, "10.0.1.1").needed_by, ==, 1);
	fake_route(world->fake, 1, true);
	life_later(world, 50);
	g_assert_cmpint(life_explain(world, "10.0.1.1").state, ==, ENDPOINT_PRESENT);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	g_assert_cmpuint(world->n_told, ==, 0);
}

static void outlives_everything_while_needed(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_SERVER);
	fake_forget_log(world->fake);
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 50);
	g_assert_cmpuint(world->n_told, ==, 1);
	g_assert_cmpint(world->needed_by, ==, 1);
	fake_address_gone(world->fake, 1, "10.0.1.1");
	life_later(world, 50);
	fake_link_gone(world->fake, 1);
	life_later(world, 100 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
	g_assert_cmpuint(world->n_told, ==, 1);
	/* the last one that needs it ends */
	fake_close(world->fake, 71, false);
	life_later(world, 0);
	life_later(world, 200);
	g_assert_false(life_is_there(world, "10.0.1.1"));
}

static void goes_at_once_when_unused(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_CLIENT);
	fake_route(world->fake, 2, false);
	life_later(world, 50);
	g_assert_false(life_is_there(world, "10.0.2.1"));
	g_assert_true(life_is_there(world, "10.0.1.1"));
}

static void is_backup_where_not_configured(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_SERVER);
	fake_link(world->fake, 1, "never1", true, true);
	life_later(world, 50);
	expect_flags(world, "10.0.1.1", MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	g_assert_cmpstr(life_explain(world, "10.0.1.1").reason, ==, "policy");
	fake_link(world->fake, 1, "eth1", true, true);
	life_later(world, 50);
	expect_flags(world, "10.0.1.1", MPTCPD_FLAG_SUBFLOW);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
}

static void other_flags_wait(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_CLIENT);
	fake_rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH;
	life_reload(world);
	expect_flags(world, "10.0.1.1", MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	expect_flags(world, "10.0.2.1", MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH);
	fake_rules.endpoint_flags = MPTCPD_FLAG_SIGNAL;
	life_reload(world);
	expect_flags(world, "10.0.1.1", MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	fake_close(world->fake, 71, false);
	life_later(world, 0);
	life_later(world, 200);
	expect_flags(world, "10.0.1.1", MPTCPD_FLAG_SIGNAL);
}

static void other_manager_keeps_both(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_rules.path_manager = world->fake->path_manager = PATH_MANAGER_USERSPACE;
	engine_event(world->engine,
		     &(struct event){.type = EVENT_PATH_MANAGER,
				     .path_manager = PATH_MANAGER_USERSPACE},
		     world->now);
	life_later(world, 100 * HOLD);
	g_assert_cmpuint(fake_count_subflows(fake_find(world->fake, 71)), ==, 2);
	expect_flags(world, "10.0.1.1", MPTCPD_FLAG_SUBFLOW);
	fake_close(world->fake, 71, false);
	life_later(world, 0);
	life_later(world, 200);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 0);
}

/* ---- two links ---- */

static void client_leaves_a_cable_at_once(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 0);
	g_assert_false(life_is_there(world, "10.0.1.1"));
	fake_link(world->fake, 1, "eth1", true, true);
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.1.1"));
}

static void client_holds_a_route(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_route(world->fake, 1, false);
	expect_held(world, "10.0.1.1");
}

static void never_both(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_rules.endpoints.plugin = NULL;
	fake_forget_log(world->fake);
	life_reload(world);
	g_assert_cmpuint(fake_count_subflows(fake_find(world->fake, 71)), ==, 1);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 1);
	fake_rules.endpoints.plugin = fake_rules.policies[0].plugins[0].plugin;
}

static void neither_without_carrier(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_forget_log(world->fake);
	fake_link(world->fake, 1, "eth1", true, false);
	fake_link(world->fake, 2, "eth2", true, false);
	life_later(world, 100 * HOLD);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
}

/* A cable returns a moment before its route: that is no reason to close. */
static void holds_a_route_that_follows_its_cable(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_link(world->fake, 1, "eth1", true, false);
	fake_link(world->fake, 2, "eth2", true, false);
	life_later(world, 2 * HOLD);
	fake_route(world->fake, 1, false);
	fake_link(world->fake, 2, "eth2", true, true);
	fake_link(world->fake, 1, "eth1", true, true);
	expect_held(world, "10.0.1.1");
}

/* The other's route goes in the moment in which the hold ends, and among many such changes. */
static void a_hold_does_not_end_on_old_routes(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_route(world->fake, 1, false);
	life_later(world, 50);
	life_later(world, HOLD - 10);
	fake_route(world->fake, 1, false);
	life_later(world, 0);
	fake_route(world->fake, 2, false);
	life_later(world, 10);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	g_assert_true(life_is_there(world, "10.0.2.1"));
}

static void server_waits_for_the_address(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_SERVER);
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	fake_address_gone(world->fake, 1, "10.0.1.1");
	expect_held(world, "10.0.1.1");
	g_assert_cmpuint(fake_count_subflows(fake_find(world->fake, 71)), ==, 1);
}

static void fullmesh_is_not_made_again(struct world *world, gconstpointer data)
{
	fake_rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH;
	life_reload(world);
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
}

static void c_flag_is_not_made_again(struct world *world, gconstpointer data)
{
	fake_connect(world->fake, 71, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", "10.9.0.1:80")
		->deny_join_id0 = true;
	fake_establish(world->fake, 71);
	life_later(world, 0);
	life_join(world, 71, "10.0.2.1:777", "10.9.0.2:80");
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
}

static void renumbered_goes_when_the_new_is_joined(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_CLIENT);
	fake_address(world->fake, 1, "10.0.1.77");
	fake_address_gone(world->fake, 1, "10.0.1.1");
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.1.77"));
	g_assert_true(life_is_there(world, "10.0.1.1"));
	life_join(world, 71, "10.0.1.77:777", "10.9.0.1:80");
	life_later(world, 100);
	g_assert_false(life_is_there(world, "10.0.1.1"));
	g_assert_cmpuint(fake_count_subflows(fake_find(world->fake, 71)), ==, 1);
}

static void unknown_connections_need_all(struct world *world, gconstpointer data)
{
	world->fake->fail_always[FAKE_SNAPSHOT] = -ENOBUFS;
	engine_event(world->engine,
		     &(struct event){.type = EVENT_LOST, .snapshot = SNAPSHOT_CONNECTIONS},
		     world->now);
	fake_link(world->fake, 1, "eth1", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	world->fake->fail_always[FAKE_SNAPSHOT] = 0;
	life_later(world, HOLD);
	life_later(world, 50);
	g_assert_false(life_is_there(world, "10.0.1.1"));
}

/* ---- places ---- */

static void full_table(struct world *world, gconstpointer data)
{
	struct explain_endpoint waiting = {0};
	size_t cursor = 0;

	life_connect_one(world, 71, MPTCPD_SIDE_SERVER);
	for (uint32_t i = 3; i <= 8; i++)
		life_plug(world, i);
	life_later(world, 50);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, FAKE_ENDPOINTS);
	fake_link(world->fake, 1, "eth1", true, false);
	life_plug(world, 9);
	life_later(world, 50);
	life_later(world, 300);
	life_later(world, 2000);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	g_assert_false(life_is_there(world, "10.0.9.1"));
	g_assert_true(engine_explain_absent(world->engine, &cursor, &waiting));
	g_assert_cmpint(waiting.state, ==, ENDPOINT_WAITING);
	g_assert_cmpstr(waiting.reason, ==, "no-place");
	g_assert_nonnull(strstr(waiting.text, "10.0.1.1"));
	fake_close(world->fake, 71, false);
	life_later(world, 0);
	life_later(world, 300);
	g_assert_true(life_is_there(world, "10.0.9.1"));
}

static void full_table_does_not_hold(struct world *world, gconstpointer data)
{
	life_connect_two(world, 71, MPTCPD_SIDE_CLIENT);
	for (uint32_t i = 3; i <= 8; i++)
		life_plug(world, i);
	life_later(world, 50);
	fake_route(world->fake, 1, false);
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.1.1"));
	life_plug(world, 9);
	life_later(world, 50);
	life_later(world, 300);
	life_later(world, 1500);
	g_assert_false(life_is_there(world, "10.0.1.1"));
	g_assert_true(life_is_there(world, "10.0.9.1"));
}

/* ---- others ---- */

static void one_made_anew_is_others(struct world *world, gconstpointer data)
{
	uint8_t id = fake_find_endpoint(world->fake, "10.0.2.1")->id;

	fake_endpoint_gone(world->fake, id);
	fake_endpoint(world->fake, id, "10.0.2.1", MPTCPD_FLAG_SIGNAL, 2);
	life_later(world, 31000);
	life_later(world, 50);
	g_assert_false(life_explain(world, "10.0.2.1").ours);
	fake_link(world->fake, 2, "eth2", true, false);
	life_later(world, 2 * HOLD);
	g_assert_true(life_is_there(world, "10.0.2.1"));
}

static void looks_at_others_when_addresses_come(struct world *world, gconstpointer data)
{
	static const uint64_t after[] = {700, 2500, 6000};

	life_plug(world, 3);
	life_later(world, 0);
	life_later(world, 300);
	for (size_t i = 0; i < G_N_ELEMENTS(after); i++) {
		size_t before = world->fake->counts[FAKE_DUMP];

		life_later(world, after[i]);
		g_assert_cmpuint(world->fake->counts[FAKE_DUMP], >, before);
	}
}

static void flags_set_by_hand_outlive_a_blink(struct world *world, gconstpointer data)
{
	life_connect_one(world, 71, MPTCPD_SIDE_SERVER);
	fake_find_endpoint(world->fake, "10.0.1.1")->flags |= MPTCPD_FLAG_BACKUP;
	life_later(world, 31000);
	fake_route(world->fake, 1, false);
	life_later(world, 50);
	fake_route(world->fake, 1, true);
	life_later(world, 50);
	expect_flags(world, "10.0.1.1", MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
}

/* Also where the host changes just then, so that the plan wants more for that. */
static void a_limit_set_by_hand_outlives_a_reload(struct world *world, gconstpointer data)
{
	const struct event_limits limits = {.subflows = 1, .add_addr_accepted = 0};

	g_assert_cmpint(engine_limits_set(world->engine, &limits, world->now), ==, 0);
	life_plug(world, 3);
	life_reload(world);
	life_later(world, 50);
	g_assert_true(life_is_there(world, "10.0.3.1"));
	g_assert_cmpuint(world->fake->limits.subflows, ==, 1);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/life/one/a-blink-costs-no-command", blink_costs_no_command);
	ADD("/life/one/outlives-everything-while-needed", outlives_everything_while_needed);
	ADD("/life/one/goes-at-once-when-unused", goes_at_once_when_unused);
	ADD("/life/one/is-backup-where-not-configured", is_backup_where_not_configured);
	ADD("/life/one/other-flags-wait", other_flags_wait);
	ADD("/life/two/other-path-manager-keeps-both", other_manager_keeps_both);
	ADD("/life/two/client-leaves-a-cable-at-once", client_leaves_a_cable_at_once);
	ADD("/life/two/client-holds-a-route", client_holds_a_route);
	ADD("/life/two/never-both", never_both);
	ADD("/life/two/neither-without-carrier", neither_without_carrier);
	ADD("/life/two/holds-a-route-that-follows-its-cable", holds_a_route_that_follows_its_cable);
	ADD("/life/two/a-hold-does-not-end-on-old-routes", a_hold_does_not_end_on_old_routes);
	ADD("/life/two/server-waits-for-the-address", server_waits_for_the_address);
	ADD("/life/two/fullmesh-is-not-made-again", fullmesh_is_not_made_again);
	ADD("/life/two/c-flag-is-not-made-again", c_flag_is_not_made_again);
	ADD("/life/two/renumbered-goes-when-the-new-is-joined",
	    renumbered_goes_when_the_new_is_joined);
	ADD("/life/unknown-connections-need-all", unknown_connections_need_all);
	ADD("/life/full/who-waits-says-for-whom", full_table);
	ADD("/life/full/does-not-hold", full_table_does_not_hold);
	ADD("/life/others/one-made-anew-is-theirs", one_made_anew_is_others);
	ADD("/life/others/looks-when-addresses-come", looks_at_others_when_addresses_come);
	ADD("/life/others/flags-set-by-hand-outlive-a-blink", flags_set_by_hand_outlive_a_blink);
	ADD("/life/limits/one-set-by-hand-outlives-a-reload",
	    a_limit_set_by_hand_outlives_a_reload);
	return g_test_run();
}
