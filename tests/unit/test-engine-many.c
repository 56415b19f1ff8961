/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A link that very many connections had is lost: their subflows are closed without waiting for each. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

#define MANY 100
#define VICTIM 7 /* the token of one of them */

static void set_up(struct scene *scene, gconstpointer data)
{
	scene_set_up(scene, data);
	scene_clients(scene, MANY);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	fake_forget_log(scene->fake);
	scene->fake->n_asked = 0;
}

static void lose(struct scene *scene, uint32_t ifindex, const char *name)
{
	fake_link(scene->fake, ifindex, name, true, false);
	scene_later(scene, 100);
}

static const struct connection *connection_of(struct scene *scene, uint32_t token)
{
	return model_find_connection(engine_model(scene->engine), token);
}

static void check_left(struct scene *scene, size_t n)
{
	for (uint32_t token = 1; token <= MANY; token++)
		g_assert_cmpuint(fake_count_subflows(fake_find(scene->fake, token)), ==, n);
}

/* Fails one command about the victim, and tells how often each was given for it. */
struct fault {
	struct fake_kernel *fake;
	enum fake_command command;
	int error;
	size_t n_withdrawn, n_destroyed; /* in vain or not */
};

static void look_at_victim(void *data, const struct fake_record *record, int result)
{
	struct fault *fault = data;

	/* The next one is the victim's. */
	if (record->token == VICTIM - 1 && record->command == fault->command && fault->error) {
		fault->fake->fail[fault->command] = fault->error;
		fault->error = 0;
	}
	if (record->token != VICTIM)
		return;
	fault->n_withdrawn += record->command == FAKE_WITHDRAW;
	fault->n_destroyed += record->command == FAKE_DESTROY;
	/* No subflow goes before the peer is told. */
	if (record->command == FAKE_DESTROY && fault->command == FAKE_WITHDRAW)
		g_assert_cmpuint(fault->n_withdrawn, ==, 2);
}

static void fail_one(struct scene *scene, struct fault *fault, enum fake_command command, int error)
{
	*fault = (struct fault){.fake = scene->fake, .command = command, .error = error};
	scene->fake->on_command = look_at_victim;
	scene->fake->hook_data = fault;
}

/* ---- tests ---- */

static void closings_are_asked_for_without_waiting(struct scene *scene, gconstpointer data)
{
	bool is_told[MANY + 1] = {false};

	lose(scene, 3, "eth3");
	check_left(scene, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, MANY);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, MANY);
	g_assert_cmpint(scene->fake->n_asked, ==, 2 * MANY);
	for (size_t i = 0; i < scene->fake->n_log; i++) {
		const struct fake_record *record = &scene->fake->log[i];

		if (record->command == FAKE_WITHDRAW)
			is_told[record->token] = true;
		else if (record->command == FAKE_DESTROY)
			g_assert_true(is_told[record->token]);
	}
}

static void a_refused_withdrawal_comes_first_again(struct scene *scene, gconstpointer data)
{
	struct fault fault;

	fail_one(scene, &fault, FAKE_WITHDRAW, -ENOMEM);
	lose(scene, 3, "eth3");
	check_left(scene, 2);
	g_assert_cmpuint(fault.n_withdrawn, ==, 2);
	g_assert_cmpuint(fault.n_destroyed, ==, 1);
}

/* That one of them was refused is known, and not which. */
static void nothing_is_closed_where_refusals_are_lost(struct scene *scene, gconstpointer data)
{
	struct fault fault;

	fail_one(scene, &fault, FAKE_WITHDRAW, -ENOMEM);
	scene->fake->loses_refusals = true;
	lose(scene, 3, "eth3");
	check_left(scene, 2);
	g_assert_false(scene->fake->loses_refusals);
	g_assert_cmpuint(fault.n_withdrawn, ==, 2);
	g_assert_cmpuint(fault.n_destroyed, ==, 1);
}

/* A snapshot shows what is still there. */
static void a_closing_whose_refusal_is_lost_is_tried_again(struct scene *scene, gconstpointer data)
{
	struct fault fault;

	fail_one(scene, &fault, FAKE_DESTROY, -ENOMEM);
	scene->fake->loses_refusals = true;
	lose(scene, 3, "eth3");
	scene_later(scene, 1000);
	check_left(scene, 2);
	g_assert_cmpuint(fault.n_destroyed, ==, 2);
}

static void a_refused_closing_is_tried_again(struct scene *scene, gconstpointer data)
{
	struct fault fault;

	fail_one(scene, &fault, FAKE_DESTROY, -ENOMEM);
	lose(scene, 3, "eth3");
	check_left(scene, 2);
	g_assert_cmpuint(fault.n_withdrawn, ==, 1);
	g_assert_cmpuint(fault.n_destroyed, ==, 2);
}

static void an_error_that_stays_is_told(struct scene *scene, gconstpointer data)
{
	scene->fake->fail_always[FAKE_WITHDRAW] = -ENOMEM;
	lose(scene, 3, "eth3");
	check_left(scene, 3);
	g_assert_cmpuint(scene->n_failures, ==, MANY);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	scene->fake->fail_always[FAKE_WITHDRAW] = 0;
	scene_later(scene, 1100);
	check_left(scene, 2);
}

/* One that the kernel does not know by that id is closed all the same. */
static void what_cannot_be_withdrawn_is_closed(struct scene *scene, gconstpointer data)
{
	scene->fake->fail_always[FAKE_WITHDRAW] = -EINVAL;
	lose(scene, 1, "eth1");
	check_left(scene, 2);
	g_assert_cmpuint(scene->n_failures, ==, 0);
	for (uint32_t token = 1; token <= MANY; token++)
		g_assert_false(connection_of(scene, token)->local_removed);
}

static void the_initial_address_is_withdrawn(struct scene *scene, gconstpointer data)
{
	lose(scene, 1, "eth1");
	check_left(scene, 2);
	for (uint32_t token = 1; token <= MANY; token++)
		g_assert_true(connection_of(scene, token)->local_removed);
}

/* Its application ended it, and no event told. */
static void a_connection_that_is_gone_is_found_out(struct scene *scene, gconstpointer data)
{
	fake_find(scene->fake, VICTIM)->token = MANY + 1000;
	lose(scene, 3, "eth3");
	g_assert_null(connection_of(scene, VICTIM));
	g_assert_cmpuint(scene->fake->counts[FAKE_PROBE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, MANY + 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, MANY);
}

/* The kernel forgets what was announced with a subflow from there that it refuses. */
static void what_may_be_forgotten_is_announced_again(struct scene *scene, gconstpointer data)
{
	struct fake_connection *victim = fake_find(scene->fake, VICTIM);
	uint8_t id = victim->subflows[2].local_id;

	fake_policy.announced = fake_addr("10.0.3.1");
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	scene_later(scene, 1000);
	g_assert_cmpuint(victim->told[id].family, !=, 0);
	fake_reset(scene->fake, victim, 2, ECONNRESET);
	scene_run(scene);
	fake_forget_log(scene->fake);
	scene->fake->fail[FAKE_CREATE] = -ENOMEM;
	scene->fake->loses_refusals = true;
	scene->fake->n_asked = 0;
	fake_route(scene->fake, 1, true);
	scene_later(scene, 1000);
	g_assert_cmpint(scene->fake->n_asked, ==, 1);
	g_assert_false(scene->fake->loses_refusals);
	fake_policy.announced.family = 0;
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	scene_later(scene, 1000);
	g_assert_cmpuint(victim->told[id].family, ==, 0);
}

#define MANY_TEST(name, func)                                                                      \
	g_test_add("/many/" name, struct scene, NULL, set_up, func, scene_tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	MANY_TEST("closings-are-asked-for-without-waiting", closings_are_asked_for_without_waiting);
	MANY_TEST("a-refused-withdrawal-comes-first-again", a_refused_withdrawal_comes_first_again);
	MANY_TEST("nothing-is-closed-where-refusals-are-lost",
		  nothing_is_closed_where_refusals_are_lost);
	MANY_TEST("a-closing-whose-refusal-is-lost-is-tried-again",
		  a_closing_whose_refusal_is_lost_is_tried_again);
	MANY_TEST("a-refused-closing-is-tried-again", a_refused_closing_is_tried_again);
	MANY_TEST("an-error-that-stays-is-told", an_error_that_stays_is_told);
	MANY_TEST("what-cannot-be-withdrawn-is-closed", what_cannot_be_withdrawn_is_closed);
	MANY_TEST("the-initial-address-is-withdrawn", the_initial_address_is_withdrawn);
	MANY_TEST("a-connection-that-is-gone-is-found-out", a_connection_that_is_gone_is_found_out);
	MANY_TEST("what-may-be-forgotten-is-announced-again",
		  what_may_be_forgotten_is_announced_again);
	return g_test_run();
}
