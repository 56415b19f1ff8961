/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source routing: others who delete, numbers of others, and lives of the daemon. */
#include <errno.h>

#include "addr.h"
#include "routing-scene.h"

/* ---- others ---- */

static struct event_rule rule_of(struct scene *scene, const char *from, uint32_t priority)
{
	struct mptcpd_addr addr = fake_addr(from);

	for (size_t i = 0; i < FAKE_ROUTING; i++)
		if (scene->fake->rules[i].priority == priority &&
		    addr_equal_host(&scene->fake->rules[i].from, &addr))
			return scene->fake->rules[i];
	g_assert_not_reached();
}

static void test_deleted(struct scene *scene, gconstpointer unused)
{
	struct event_rule rule;
	uint64_t waits[12];
	size_t n_quick = 0;

	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	rule = rule_of(scene, "10.0.1.1", PRIORITY + 1);
	for (size_t i = 0; i < G_N_ELEMENTS(waits); i++) {
		uint64_t begin_ms = scene->now_ms;

		fake_rule_gone(scene->fake, &rule);
		scene_run(scene);
		while (!routing_has_rules(scene, "10.0.1.1", 1))
			scene_later(scene, 50);
		waits[i] = scene->now_ms - begin_ms;
		n_quick += waits[i] <= 50;
	}
	g_assert_cmpuint(routing_n_deleted, ==, 1); /* said once */
	g_assert_cmpuint(waits[0], <=, 50);
	g_assert_cmpuint(n_quick, ==, 4);
	g_assert_cmpuint(waits[4], >=, 950);
	g_assert_cmpuint(waits[4], <=, 1050);
	g_assert_cmpuint(waits[6], >=, 3900);
	g_assert_cmpuint(waits[11], <=, 60050);
	g_assert_cmpuint(waits[11], >=, 59000);
	/* Left alone for a while, at once again. */
	scene_later(scene, 300000);
	fake_rule_gone(scene->fake, &rule);
	scene_later(scene, 20);
	g_assert_true(routing_has_rules(scene, "10.0.1.1", 1));
	g_assert_cmpuint(routing_n_deleted, ==, 2);
}

static struct event_rule vpn_rule(uint8_t family)
{
	return (struct event_rule){.priority = 32764,
				   .table = ROUTING_TABLE_MAIN,
				   .family = family,
				   .protocol = 3,
				   .no_default = true};
}

/* wg-quick's `down` names no source: it deletes ours, too, until the first one is its own. */
static void test_vpn_goes(struct scene *scene, gconstpointer unused)
{
	static const char *const sources[] = {"10.0.1.1", "10.0.2.1"};
	struct event_rule vpn = vpn_rule(AF_INET), ours[2];

	routing_lead_out(scene);
	fake_rule(scene->fake, &vpn);
	routing_start(scene, SOURCE_ROUTING_YES);
	for (size_t i = 0; i < 2; i++)
		ours[i] = rule_of(scene, sources[i], PRIORITY);
	for (size_t i = 0; i < 2; i++) {
		fake_rule_gone(scene->fake, &ours[i]);
		scene_later(scene, 20);
		scene_later(scene, 2000); /* on a slow machine */
		g_assert_cmpuint(fake_count_rules(scene->fake), ==, 3 - i);
	}
	fake_rule_gone(scene->fake, &vpn);
	scene_later(scene, 20);
	assert_ours(scene, 4, 4);
	/* All of it at once. */
	fake_rule(scene->fake, &vpn);
	scene_later(scene, 20);
	fake_rule_gone(scene->fake, &ours[0]);
	fake_rule_gone(scene->fake, &ours[1]);
	fake_rule_gone(scene->fake, &vpn);
	scene_later(scene, 20);
	assert_ours(scene, 4, 4);
	g_assert_cmpuint(routing_n_deleted, ==, 0);
}

/* Then somebody else deleted ours. */
static void test_vpn_stays(struct scene *scene, gconstpointer unused)
{
	struct event_rule vpn = vpn_rule(AF_INET), first, second;

	routing_lead_out(scene);
	fake_rule(scene->fake, &vpn);
	routing_start(scene, SOURCE_ROUTING_YES);
	first = rule_of(scene, "10.0.1.1", PRIORITY);
	second = rule_of(scene, "10.0.1.1", PRIORITY + 1);
	fake_rule_gone(scene->fake, &first);
	scene_later(scene, 20);
	scene_later(scene, 2900);
	g_assert_cmpuint(fake_count_rules(scene->fake), ==, 3);
	g_assert_cmpuint(routing_n_deleted, ==, 0);
	scene_later(scene, 200);
	assert_ours(scene, 4, 4);
	g_assert_cmpuint(routing_n_deleted, ==, 1);
	/* A VPN does not take what leads to our tables, … */
	fake_rule_gone(scene->fake, &second);
	scene_later(scene, 20);
	assert_ours(scene, 4, 4);
	/* … nor what is of another family. */
	fake_rule_gone(scene->fake, &vpn);
	vpn = vpn_rule(AF_INET6);
	fake_rule(scene->fake, &vpn);
	scene_later(scene, 20);
	fake_rule_gone(scene->fake, &first);
	scene_later(scene, 20);
	assert_ours(scene, 4, 4);
}

static void test_flushed_routes(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	for (size_t i = 0; i < FAKE_ROUTING; i++)
		if (scene->fake->ways[i].protocol == ROUTING_PROTOCOL) {
			struct event_route route = scene->fake->ways[i];

			fake_way_gone(scene->fake, &route);
		}
	scene_later(scene, 20);
	assert_ours(scene, 4, 4);
}

static void test_conflict(struct scene *scene, gconstpointer unused)
{
	struct event_rule rule = {.priority = PRIORITY + 1,
				  .table = 50,
				  .family = AF_INET,
				  .protocol = 4};
	struct event_route route = fake_default(1, "10.0.1.77", 7);

	routing_lead_out(scene);
	fake_rule(scene->fake, &rule);
	routing_start(scene, SOURCE_ROUTING_YES);
	assert_ours(scene, 0, 0);
	g_assert_cmpuint(routing_n_conflicts, ==, 1);
	g_assert_cmpstr(routing_conflict, ==, "a rule of priority 31001 is of protocol 4");
	fake_rule_gone(scene->fake, &rule);
	scene_later(scene, 100);
	assert_ours(scene, 4, 4);
	/* What is there stays when somebody comes later. */
	route.table = TABLE + 2;
	fake_way(scene->fake, &route);
	scene_later(scene, 100);
	assert_ours(scene, 4, 4);
	g_assert_cmpuint(routing_n_conflicts, ==, 2);
}

static void test_later_conflict(struct scene *scene, gconstpointer unused)
{
	struct event_route route = fake_default(2, "10.0.2.254", 7);

	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_AUTO);
	route.table = TABLE + 2;
	fake_way(scene->fake, &route);
	scene_later(scene, 100);
	g_assert_cmpstr(routing_conflict, ==, "a route in table 8684002 is of protocol 16");
	g_assert_cmpuint(fake_count_rules(scene->fake), ==, 4);
}

static void test_refused(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	scene->fake->fail_always[FAKE_ROUTE_ADD] = -EINVAL;
	routing_start(scene, SOURCE_ROUTING_YES);
	/* A rule to a table that leads nowhere would do harm; to the main one it does not. */
	assert_ours(scene, 2, 0);
	g_assert_false(routing_has_rule(scene, "10.0.1.1", PRIORITY + 1, TABLE + 1));
	scene_later(scene, 100); /* what is news is tried at once */
	fake_forget_log(scene->fake);
	scene_later(scene, 500);
	g_assert_cmpuint(scene->fake->counts[FAKE_ROUTE_ADD], ==, 0);
	scene->fake->fail_always[FAKE_ROUTE_ADD] = 0;
	scene_later(scene, 2000);
	assert_ours(scene, 4, 4);
}

/* ---- lives ---- */

static void test_restart(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	routing_drop_default(scene, 1, "10.0.1.254", 100);
	scene_later(scene, 100);
	fake_forget_log(scene->fake);
	/* Killed: nothing was put back, and the rule remembers that link 1 led out. */
	routing_start(scene, SOURCE_ROUTING_YES);
	scene_later(scene, 1000);
	assert_ours(scene, 4, 3);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	/* One that wants none of it takes it away. */
	routing_start(scene, SOURCE_ROUTING_NO);
	assert_ours(scene, 0, 0);
}

static void test_half_done(struct scene *scene, gconstpointer unused)
{
	for (int i = 0; i < 8; i++) {
		struct event_rule rule = {0};
		size_t n = 0;

		routing_lead_out(scene);
		routing_start(scene, SOURCE_ROUTING_YES);
		/* Killed when it had made this much of it. */
		for (size_t j = 0; j < FAKE_ROUTING; j++) {
			if (scene->fake->rules[j].family && (int)n++ >= i - 4)
				scene->fake->rules[j] = rule;
			if (scene->fake->ways[j].protocol == ROUTING_PROTOCOL && i < 4 &&
			    (int)j % 4 >= i)
				scene->fake->ways[j] = (struct event_route){0};
		}
		routing_start(scene, SOURCE_ROUTING_YES);
		assert_ours(scene, 4, 4);
		routing_start(scene, SOURCE_ROUTING_NO);
		assert_ours(scene, 0, 0);
		routing_drop_default(scene, 1, "10.0.1.254", 100);
		routing_drop_default(scene, 2, "10.0.2.254", 200);
	}
}

static void test_leave(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	engine_leave(scene->engine, scene->now_ms);
	assert_ours(scene, 0, 0);
}

static void test_leave_used(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_SERVER, "10.0.2.1:5000",
		     "10.9.0.1:1000");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	engine_leave(scene->engine, scene->now_ms);
	g_assert_true(routing_has_rules(scene, "10.0.2.1", 2));
	assert_ours(scene, 2, 2);
	/* The next life takes them over, and gives them back when the connection has ended. */
	routing_start(scene, SOURCE_ROUTING_AUTO);
	assert_ours(scene, 4, 2);
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);
	engine_leave(scene->engine, scene->now_ms);
	assert_ours(scene, 0, 0);
}

static void test_renumbered(struct scene *scene, gconstpointer unused)
{
	static struct rules next;

	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	next = routing_rules;
	next.route_table = 5000;
	next.rule_priority = 200;
	engine_set_rules(scene->engine, &next, scene->now_ms);
	scene_later(scene, 100);
	assert_ours(scene, 4, 4);
	g_assert_true(routing_has_rule(scene, "10.0.1.1", 200, ROUTING_TABLE_MAIN));
	g_assert_true(routing_has_rule(scene, "10.0.1.1", 201, 5001));
}

/* ---- paths wait for their rules ---- */

static void test_paths_wait(struct scene *scene, gconstpointer unused)
{
	bool is_ruled = false;

	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	scene_client(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	fake_forget_log(scene->fake);
	fake_link(scene->fake, 4, "eth4", true, true);
	fake_address(scene->fake, 4, "10.0.4.1");
	routing_add_default(scene, 4, "10.0.4.254", 400);
	scene_later(scene, 100);
	for (size_t i = 0; i < scene->fake->n_log; i++) {
		const struct fake_record *record = &scene->fake->log[i];

		is_ruled |= record->command == FAKE_RULE_ADD && record->token == TABLE + 4;
		if (record->command == FAKE_CREATE)
			g_assert_true(is_ruled);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
}

/* … but not for ever: a dump may fail. */
static void test_failing_dump(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	scene_client(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	scene->fake->fail_always[FAKE_DUMP] = -EINTR;
	fake_link(scene->fake, 4, "eth4", true, true);
	fake_address(scene->fake, 4, "10.0.4.1");
	fake_forget_log(scene->fake);
	scene_run(scene);
	scene_later(scene, 900);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	scene_later(scene, 200);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
}

/* What is on a link that goes does not wait for what is new on another one. */
static void test_loss_waits_for_nothing(struct scene *scene, gconstpointer unused)
{
	routing_lead_out(scene);
	routing_start(scene, SOURCE_ROUTING_YES);
	scene_meshed(scene);
	scene->fake->fail_always[FAKE_DUMP] = -EINTR;
	fake_link(scene->fake, 4, "eth4", true, true);
	fake_address(scene->fake, 4, "10.0.4.1");
	scene_later(scene, 25);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW] + scene->fake->counts[FAKE_DESTROY], >,
			 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("deleted-by-others-is-made-again-more-and-more-slowly", test_deleted);
	ADD("a-vpn-that-goes-takes-some-along", test_vpn_goes);
	ADD("a-vpn-that-stays-takes-none", test_vpn_stays);
	ADD("flushed-routes-are-made-again", test_flushed_routes);
	ADD("numbers-of-others-are-left-to-them", test_conflict);
	ADD("others-who-come-later-are-told-of", test_later_conflict);
	ADD("no-rule-without-a-way-out", test_refused);
	ADD("next-life-takes-over-or-back", test_restart);
	ADD("killed-at-any-point", test_half_done);
	ADD("leaves-nothing", test_leave);
	ADD("leaves-what-open-connections-use", test_leave_used);
	ADD("other-numbers-by-a-reload", test_renumbered);
	ADD("paths-are-made-after-their-rules", test_paths_wait);
	ADD("paths-do-not-wait-for-ever", test_failing_dump);
	ADD("what-is-lost-waits-for-nothing", test_loss_waits_for_nothing);
	return g_test_run();
}
