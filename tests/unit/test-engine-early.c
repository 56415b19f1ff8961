/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subflows that are asked for as soon as their connection is established, and what becomes of them. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "early.h"
#include "engine-scene.h"

#define LOCAL "10.0.1.1:1000"

static void set_up_alike(struct scene *scene, gconstpointer data)
{
	scene_set_up(scene, data);
	fake_policies[0].traits = MPTCPD_TRAIT_ADDRESSES;
}

/* Established in the same moment; how often the policy was asked since. */
static size_t connect_at_once(struct scene *scene, uint32_t token, const char *remote)
{
	size_t before = fake_policy.n_asked;

	fake_forget_log(scene->fake);
	fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, LOCAL, remote);
	fake_establish(scene->fake, token);
	scene_run(scene);
	return fake_policy.n_asked - before;
}

static size_t n_created(const struct scene *scene)
{
	return scene->fake->counts[FAKE_CREATE];
}

static void answer_all(struct scene *scene)
{
	fake_answer(scene->fake, 0);
	scene_run(scene);
}

static void asks_before_it_is_told(struct scene *scene, gconstpointer data)
{
	struct event event = {
		.type = EVENT_CONNECTION_ESTABLISHED,
		.token = SCENE_TOKEN,
		.connection = {.local = fake_addr(LOCAL),
			       .remote = fake_addr(SCENE_SERVER),
			       .side = MPTCPD_SIDE_CLIENT},
	};

	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, LOCAL, SCENE_SERVER);
	scene_run(scene);
	fake_establish(scene->fake, SCENE_TOKEN);
	g_assert_cmpuint(scene->fake->n_events, ==, 1);
	engine_early(scene->engine, &event);
	g_assert_cmpuint(n_created(scene), ==, 2);
	engine_early(scene->engine, &event); /* once is enough */
	scene_run(scene);
	g_assert_cmpuint(n_created(scene), ==, 2);
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 3);
	fake_answer(scene->fake, 0);
	scene_later(scene, 7000);
	g_assert_cmpuint(n_created(scene), ==, 2);
	g_assert_cmpuint(scene->n_changes[CHANGE_SUBFLOW_ESTABLISHED], ==, 2);
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 3);
}

static void plans_once_for_all_alike(struct scene *scene, gconstpointer data)
{
	size_t asked = fake_policy.n_asked;

	g_assert_cmpuint(connect_at_once(scene, 1, SCENE_SERVER), >, 0);
	for (uint32_t token = 2; token < 10; token++) {
		g_assert_cmpuint(connect_at_once(scene, token, SCENE_SERVER), ==, 0);
		g_assert_cmpuint(n_created(scene), ==, 2);
	}
	asked = fake_policy.n_asked;
	answer_all(scene);
	g_assert_cmpuint(engine_model(scene->engine)->n_subflows, ==, 9 * 3);
	/* only the first one's, which was planned by itself, asks for what came of it */
	g_assert_cmpuint(fake_policy.n_asked, <=, asked + 2);
	g_assert_cmpuint(connect_at_once(scene, 10, "10.9.0.2:5000"), >, 0);
}

static void asks_for_each_that_does_not_say_so(struct scene *scene, gconstpointer data)
{
	for (uint32_t token = 1; token < 4; token++)
		g_assert_cmpuint(connect_at_once(scene, token, SCENE_SERVER), >, 0);
}

static void asks_again_when_something_happens(struct scene *scene, gconstpointer data)
{
	const struct connection *connection;
	size_t asked;

	connect_at_once(scene, 1, SCENE_SERVER);
	connect_at_once(scene, 2, SCENE_SERVER);
	answer_all(scene);
	asked = fake_policy.n_asked;
	fake_announced(scene->fake, 2, 3, "10.9.0.7:5000");
	scene_run(scene);
	g_assert_cmpuint(fake_policy.n_asked, ==, asked + 1);
	connection = model_find_connection(engine_model(scene->engine), 2);
	g_assert_cmpuint(connection->n_subflows, ==, 6);
}

static void forgets_when_the_host_changes(struct scene *scene, gconstpointer data)
{
	connect_at_once(scene, 1, SCENE_SERVER);
	fake_link(scene->fake, 3, "eth3", true, false);
	fake_deliver(scene->fake, scene->engine,
		     scene->now_ms); /* what it means is not known yet */
	g_assert_cmpuint(connect_at_once(scene, 2, SCENE_SERVER), >, 0);
	scene_later(scene, 100);
	for (size_t i = 0; i < n_created(scene); i++)
		g_assert_cmpuint(scene_record(scene, FAKE_CREATE, i)->ifindex, ==, 2);
	connect_at_once(scene, 3, SCENE_SERVER);
	g_assert_cmpuint(n_created(scene), ==, 1);
}

static void forgets_with_new_rules(struct scene *scene, gconstpointer data)
{
	connect_at_once(scene, 1, SCENE_SERVER);
	fake_policy.plans_nothing = true;
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	g_assert_cmpuint(connect_at_once(scene, 2, SCENE_SERVER), >, 0);
	g_assert_cmpuint(n_created(scene), ==, 0);
}

static void what_is_refused_is_asked_again(struct scene *scene, gconstpointer data)
{
	static const int errors[] = {EINVAL, ENETUNREACH, EADDRNOTAVAIL, ENOMEM};

	connect_at_once(scene, 1, SCENE_SERVER);
	for (uint32_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		const struct connection *connection;

		scene->fake->fail[FAKE_CREATE] = -errors[i];
		connect_at_once(scene, 2 + i, SCENE_SERVER);
		g_assert_cmpuint(n_created(scene), ==, 3);
		connection = model_find_connection(engine_model(scene->engine), 2 + i);
		g_assert_cmpuint(connection->n_subflows, ==, 3);
		for (size_t j = 0; j < 3; j++)
			g_assert_cmpint(connection->subflows[j].is.state, !=, SUBFLOW_ABSENT);
	}
	g_assert_cmpuint(scene->n_failures, ==, 0);
	scene->fake->fail_always[FAKE_CREATE] = -ENETUNREACH;
	connect_at_once(scene, 20, SCENE_SERVER);
	g_assert_cmpuint(scene->n_failures, ==, 2);
	scene->fake->fail_always[FAKE_CREATE] = 0;
	scene_later(scene, 3000);
	answer_all(scene);
	g_assert_cmpuint(fake_count_subflows(fake_find(scene->fake, 20)), ==, 3);
}

static void one_that_depends_on_its_port_is_planned_by_itself(struct scene *scene,
							      gconstpointer data)
{
	static const struct mptcpd_ports any[] = {{1, 65535}};

	fake_policies[0].match.local_ports = (struct mptcpd_list){any, 1, sizeof(any[0])};
	for (uint32_t token = 1; token < 4; token++)
		g_assert_cmpuint(connect_at_once(scene, token, SCENE_SERVER), >, 0);
	fake_policies[0].match.local_ports.n = 0;
}

static void add_backup_link(struct scene *scene)
{
	fake_link(scene->fake, 8, "backup0", true, true);
	fake_address(scene->fake, 8, "10.0.8.1");
	scene_later(scene, 100);
}

static void backups_are_looked_at(struct scene *scene, gconstpointer data)
{
	scene->fake->ignores_backup = true;
	add_backup_link(scene);
	for (uint32_t token = 1; token < 3; token++)
		connect_at_once(scene, token, SCENE_SERVER);
	answer_all(scene);
	for (uint32_t token = 1; token < 3; token++) {
		const struct fake_connection *connection = fake_find(scene->fake, token);
		size_t n = 0;

		for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
			n += connection->subflows[i].used && connection->subflows[i].backup;
		g_assert_cmpuint(n, ==, 1);
	}
}

static void who_only_looks_asks_for_nothing(struct scene *scene, gconstpointer data)
{
	scene->passive = true;
	scene_start(scene);
	scene_run(scene);
	for (uint32_t token = 1; token < 3; token++) {
		connect_at_once(scene, token, SCENE_SERVER);
		g_assert_cmpuint(n_created(scene), ==, 0);
	}
}

/* What is a backup for the policy, and was not asked for: the initial subflow. */
static void initial_subflows_become_backups(struct scene *scene, gconstpointer data)
{
	add_backup_link(scene);
	for (uint32_t token = 1; token < 4; token++) {
		const struct fake_connection *connection =
			fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, "10.0.8.1:1000",
				     SCENE_SERVER);

		fake_establish(scene->fake, token);
		scene_run(scene);
		g_assert_true(connection->subflows[0].backup);
	}
}

/* Others were asked for since: nobody knows any more what it was. */
static void what_is_refused_late_is_asked_again(struct scene *scene, gconstpointer data)
{
	int refused[2];

	connect_at_once(scene, 1, SCENE_SERVER);
	scene->fake->fail_always[FAKE_CREATE] = -ENETUNREACH;
	fake_connect(scene->fake, 2, MPTCPD_SIDE_CLIENT, LOCAL, SCENE_SERVER);
	fake_establish(scene->fake, 2);
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	scene->fake->fail_always[FAKE_CREATE] = 0;
	g_assert_cmpuint(scene->fake->n_refused, ==, G_N_ELEMENTS(refused));
	memcpy(refused, scene->fake->refused, sizeof(refused));
	scene->fake->n_refused = 0;
	for (uint32_t token = 3; token < 3 + EARLY_ASKED / 2; token++) {
		connect_at_once(scene, token, SCENE_SERVER);
		fake_close(scene->fake, token, false);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
		engine_refused(scene->engine, refused[i], scene->now_ms);
	scene_later(scene, 1000);
	scene_later(scene, 5000);
	answer_all(scene);
	g_assert_cmpuint(fake_count_subflows(fake_find(scene->fake, 2)), ==, 3);
}

/* Its plan was made when nobody had said so. */
static void who_denies_its_address_late_is_not_asked_there(struct scene *scene, gconstpointer data)
{
	struct event event = {
		.type = EVENT_CONNECTION_ESTABLISHED,
		.token = SCENE_TOKEN,
		.connection = {.local = fake_addr(LOCAL),
			       .remote = fake_addr(SCENE_SERVER),
			       .side = MPTCPD_SIDE_CLIENT,
			       .deny_join_id0 = true},
	};

	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, LOCAL, SCENE_SERVER);
	scene_run(scene);
	engine_early(scene->engine, &event);
	engine_event(scene->engine, &event, scene->now_ms);
	scene_run(scene);
	g_assert_cmpuint(n_created(scene), ==, 0);
}

/* By the peer, or by nobody at all: with the pauses of any other one. */
static void what_fails_is_tried_again(struct scene *scene, gconstpointer data)
{
	connect_at_once(scene, 1, SCENE_SERVER);
	for (uint32_t token = 2; token < 4; token++) {
		connect_at_once(scene, token, SCENE_SERVER);
		g_assert_cmpuint(n_created(scene), ==, 2);
		fake_answer(scene->fake, token == 2 ? ECONNREFUSED : ETIMEDOUT);
		fake_forget_log(scene->fake);
		scene_run(scene);
		g_assert_cmpuint(n_created(scene), ==, 0);
		scene_later(scene, 60000);
		g_assert_cmpuint(n_created(scene), >=, 2);
		g_assert_cmpuint(n_created(scene), <=, 24);
	}
	answer_all(scene);
	for (uint32_t token = 1; token < 4; token++)
		g_assert_cmpuint(fake_count_subflows(fake_find(scene->fake, token)), ==, 3);
}

/* More than are remembered, all in one moment. */
static void very_many_at_once_get_all_they_need(struct scene *scene, gconstpointer data)
{
	connect_at_once(scene, 1, SCENE_SERVER);
	for (uint32_t token = 2; token <= FAKE_CONNECTIONS; token++) {
		fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, LOCAL, SCENE_SERVER);
		fake_establish(scene->fake, token);
	}
	scene_run(scene);
	answer_all(scene);
	for (uint32_t token = 1; token <= FAKE_CONNECTIONS; token++)
		g_assert_cmpuint(fake_count_subflows(fake_find(scene->fake, token)), ==, 3);
}

/* A person's word about a subflow that was asked for early holds as ever. */
static void what_a_person_says_holds(struct scene *scene, gconstpointer data)
{
	const struct mptcpd_addr server = fake_addr(SCENE_SERVER);
	struct mptcpd_addr local = fake_addr("10.0.2.1");
	const struct fake_connection *connection;

	connect_at_once(scene, 1, SCENE_SERVER);
	connect_at_once(scene, 2, SCENE_SERVER);
	answer_all(scene);
	connection = fake_find(scene->fake, 2);
	g_assert_cmpint(engine_subflow_change(scene->engine, 2, &local, &server, true,
					      scene->now_ms),
			==, 0);
	fake_announced(scene->fake, 2, 1, "[2001:db8::9]:1"); /* the policy is asked anew */
	scene_later(scene, 100);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (connection->subflows[i].used)
			g_assert_cmpint(connection->subflows[i].backup, ==,
					addr_equal_host(&connection->subflows[i].local, &local));
	g_assert_cmpint(engine_subflow_delete(scene->engine, 2, &local, &server, scene->now_ms), ==,
			0);
	fake_answer(scene->fake, 0);
	scene_later(scene, 60000);
	g_assert_cmpuint(fake_count_subflows(connection), ==, 2);
}

/* It is about one connection: those that begin like it are not meant. */
static void what_a_person_says_is_of_one_connection(struct scene *scene, gconstpointer data)
{
	const struct mptcpd_addr server = fake_addr(SCENE_SERVER);
	const struct mptcpd_addr local = fake_addr("10.0.2.1");

	fake_link(scene->fake, 3, "eth3", true, false);
	scene_later(scene, 100);
	connect_at_once(scene, 1, SCENE_SERVER);
	answer_all(scene);
	g_assert_cmpint(engine_subflow_change(scene->engine, 1, &local, &server, true,
					      scene->now_ms),
			==, 0);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 100);
	connect_at_once(scene, 2, SCENE_SERVER);
	g_assert_cmpuint(n_created(scene), ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->flags, ==, 0);
}

/* ---- many at once ---- */

#define MANY 200

static unsigned int count(const struct scene *scene, enum fake_command command, uint32_t token)
{
	unsigned int n = 0;

	for (size_t i = 0; i < scene->fake->n_log; i++)
		n += scene->fake->log[i].command == command && scene->fake->log[i].token == token;
	return n;
}

/* A few connections at a time, until this one has so many of these commands. How many times that took. */
static unsigned int walk_on(struct scene *scene, enum fake_command command, uint32_t token,
			    unsigned int n)
{
	unsigned int turns = 0;

	scene->fake->look_ns = 1000000;
	for (; count(scene, command, token) < n; turns++) {
		fake_deliver(scene->fake, scene->engine, scene->now_ms);
		engine_settle(scene->engine, scene->now_ms);
	}
	scene->fake->look_ns = 0;
	return turns;
}

/* `MANY` clients, of whom this one carries data. */
static void clients_and_busy(struct scene *scene, uint32_t token)
{
	scene_clients(scene, MANY);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_later(scene, 1000);
	fake_find(scene->fake, token)->is_busy = true;
	fake_forget_log(scene->fake);
}

static void those_with_data_come_first(struct scene *scene, gconstpointer data)
{
	clients_and_busy(scene, MANY);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene->now_ms += 100;
	walk_on(scene, FAKE_DESTROY, 1, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_DESTROY, 0)->token, ==, MANY);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, MANY);
}

/* The host changes when they had their turn, and nobody may look yet who carries data now. */
static void those_with_data_come_first_again(struct scene *scene, gconstpointer data)
{
	clients_and_busy(scene, 1);
	fake_link(scene->fake, 4, "eth4", true, true);
	fake_address(scene->fake, 4, "10.0.4.1");
	scene->now_ms += 100;
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	engine_settle(scene->engine, scene->now_ms);
	scene->now_ms += 50; /* so long it takes to find out */
	walk_on(scene, FAKE_CREATE, 2, 1);
	fake_link(scene->fake, 5, "eth5", true, true);
	fake_address(scene->fake, 5, "10.0.5.1");
	scene->now_ms += 100;
	g_assert_cmpuint(walk_on(scene, FAKE_CREATE, 1, 2), <, MANY / 4);
}

/* A link that very many had is back; some of them are refused. */
static void many_are_asked_for_without_waiting(struct scene *scene, gconstpointer data)
{
	for (uint32_t token = 1; token <= MANY; token++) {
		fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, LOCAL, SCENE_SERVER);
		fake_establish(scene->fake, token);
	}
	scene_run(scene);
	fake_answer(scene->fake, 0);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_later(scene, 100);
	fake_link(scene->fake, 3, "eth3", true, true);
	scene->fake->fail[FAKE_CREATE] = -ENOMEM;
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_later(scene, 2000);
	answer_all(scene);
	for (uint32_t token = 1; token <= MANY; token++)
		g_assert_cmpuint(fake_count_subflows(fake_find(scene->fake, token)), ==, 3);
	g_assert_cmpint(scene->fake->n_asked, >=, MANY);
}

#define ADD_ALIKE(name, func)                                                                      \
	g_test_add("/early/" name, struct scene, NULL, set_up_alike, func, scene_tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/early/asks-before-it-is-told", struct scene, NULL, scene_set_up,
		   asks_before_it_is_told, scene_tear_down);
	g_test_add("/early/asks-for-each-that-does-not-say-so", struct scene, NULL, scene_set_up,
		   asks_for_each_that_does_not_say_so, scene_tear_down);
	ADD_ALIKE("plans-once-for-all-alike", plans_once_for_all_alike);
	ADD_ALIKE("asks-again-when-something-happens", asks_again_when_something_happens);
	ADD_ALIKE("forgets-when-the-host-changes", forgets_when_the_host_changes);
	ADD_ALIKE("forgets-with-new-rules", forgets_with_new_rules);
	ADD_ALIKE("what-is-refused-is-asked-again", what_is_refused_is_asked_again);
	ADD_ALIKE("one-that-depends-on-its-port-is-planned-by-itself",
		  one_that_depends_on_its_port_is_planned_by_itself);
	ADD_ALIKE("backups-are-looked-at", backups_are_looked_at);
	ADD_ALIKE("who-only-looks-asks-for-nothing", who_only_looks_asks_for_nothing);
	ADD_ALIKE("initial-subflows-become-backups", initial_subflows_become_backups);
	ADD_ALIKE("what-is-refused-late-is-asked-again", what_is_refused_late_is_asked_again);
	ADD_ALIKE("who-denies-its-address-late-is-not-asked-there",
		  who_denies_its_address_late_is_not_asked_there);
	ADD_ALIKE("what-fails-is-tried-again", what_fails_is_tried_again);
	ADD_ALIKE("very-many-at-once-get-all-they-need", very_many_at_once_get_all_they_need);
	ADD_ALIKE("what-a-person-says-holds", what_a_person_says_holds);
	ADD_ALIKE("what-a-person-says-is-of-one-connection",
		  what_a_person_says_is_of_one_connection);
	ADD_ALIKE("those-with-data-come-first", those_with_data_come_first);
	ADD_ALIKE("those-with-data-come-first-again", those_with_data_come_first_again);
	ADD_ALIKE("many-are-asked-for-without-waiting", many_are_asked_for_without_waiting);
	return g_test_run();
}
