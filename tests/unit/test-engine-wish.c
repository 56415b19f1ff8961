/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose wishes the engine follows: plans and the administrator; and how it explains them. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

/* ---- plans ---- */

static void reports_refusals(struct scene *scene, gconstpointer data)
{
	fake_policy.refuses_rules = true;
	scene_client(scene);
	g_assert_cmpuint(scene->n_refusals, ==, 4 * fake_policy.n_asked);
	g_assert_cmpuint(engine_counters(scene->engine)->plans_refused, ==, scene->n_refusals);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

static void closes_what_is_forbidden(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.forbidden = fake_addr("10.0.1.1");
	scene_ask(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	g_assert_false(fake->subflows[0].used);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

static void closes_what_is_unwanted_but_not_the_applications(struct scene *scene,
							     gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.plans_nothing = true;
	scene_ask(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_true(fake->subflows[0].used);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
}

static void refreshes_what_is_dropped(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_policy.dropped_local = fake->subflows[1].local;
	fake_policy.dropped_remote = fake->subflows[1].remote;
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
}

static void announces(struct scene *scene, gconstpointer data)
{
	fake_policy.announced = fake_addr("203.0.113.7");
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==,
			 0); /* its socket may not send yet */
	scene_later(scene, 19);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	scene_later(scene, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_ANNOUNCE, 0)->id, !=, 0);
	scene_later(scene, 20000);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	fake_policy.announced.family = 0;
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 0);
}

static void asks_again_in_time(struct scene *scene, gconstpointer data)
{
	fake_policy.ask_ms = scene->now_ms + 700;
	scene_client(scene);
	g_assert_cmpuint(scene_run(scene), ==, scene->now_ms + 700);
	fake_policy.n_asked = 0;
	fake_policy.ask_ms = 0;
	scene_later(scene, 700);
	g_assert_cmpuint(fake_policy.n_asked, ==, 1);
}

/* ---- backup, of a kernel whose SUBFLOW_CREATE may ignore it ---- */

static struct fake_connection *client_with_backup(struct scene *scene)
{
	struct fake_connection *fake;

	fake_link(scene->fake, 2, "backup0", true, true);
	scene_later(scene, 100);
	fake = scene_client(scene);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->flags, ==, MPTCPD_FLAG_BACKUP);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 1)->flags, ==, 0);
	return fake;
}

static void sets_backup_that_create_ignored(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	scene->fake->ignores_backup = true;
	fake = client_with_backup(scene);
	scene_later(scene, 500);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 0);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 1);
	g_assert_true(fake->subflows[1].backup);
	g_assert_false(fake->subflows[2].backup);
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_LOOK], ==, 1);
}

static void looks_once_where_create_honours_backup(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = client_with_backup(scene);

	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_true(fake->subflows[1].backup);
	g_assert_cmpuint(scene->fake->counts[FAKE_LOOK], ==, 1);
	/* neither for the next of this connection nor for another one's */
	fake_reset(scene->fake, fake, 1, ECONNRESET);
	scene_run(scene);
	scene_later(scene, 1201);
	fake_connect(scene->fake, 7, MPTCPD_SIDE_CLIENT, "10.0.1.1:1001", SCENE_SERVER);
	fake_establish(scene->fake, 7);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 5);
	g_assert_cmpuint(fake_count_subflows(fake_find(scene->fake, 7)), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_LOOK], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 0);
}

static void looks_once_at_two_backups(struct scene *scene, gconstpointer data)
{
	fake_link(scene->fake, 2, "backup0", true, true);
	fake_link(scene->fake, 3, "backup1", true, true);
	scene_later(scene, 100);
	scene_client(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_LOOK], ==, 1);
}

static void tries_a_failed_backup_again(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	scene->fake->ignores_backup = true;
	scene->fake->fail[FAKE_BACKUP] = -ENOMEM;
	fake = client_with_backup(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	scene_later(scene, 999);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 1);
	g_assert_false(fake->subflows[1].backup);
	scene_later(scene, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 2);
	g_assert_true(fake->subflows[1].backup);
}

/* ---- backup, of two that are asked for alike ---- */

static struct fake_connection *client_with_twins(struct scene *scene)
{
	fake_policy.parallel = fake_policy.second_is_backup = true;
	return scene_client(scene);
}

static void answer_twins(struct scene *scene, struct fake_connection *fake, bool backup, int error)
{
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (fake->subflows[i].used && fake->subflows[i].syn_sent &&
		    fake->subflows[i].backup == backup)
			fake_answer_subflow(scene->fake, fake, i, error);
	scene_run(scene);
}

/* Of each pair one is a backup and one is not, in truth and as far as the engine knows. */
static void expect_one_backup_a_pair(struct scene *scene, const struct fake_connection *fake)
{
	const struct connection *connection = scene_connection(scene);
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];
		const struct fake_subflow *seen = NULL;

		if (subflow->is.state == SUBFLOW_ABSENT)
			continue;
		for (size_t j = 0; j < FAKE_SUBFLOWS; j++)
			if (fake->subflows[j].used &&
			    addr_equal(&fake->subflows[j].local, &subflow->local))
				seen = &fake->subflows[j];
		g_assert_nonnull(seen);
		g_assert_cmpint(subflow->is.state, ==, SUBFLOW_ESTABLISHED);
		g_assert_cmpint(subflow->is.backup, ==, seen->backup);
		g_assert_cmpint(seen->backup, ==, subflow->want.instance == 1);
		n++;
	}
	g_assert_cmpuint(n, ==, 6);
}

static void asks_which_of_two_is_the_backup(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = client_with_twins(scene);

	answer_twins(scene, fake, true, 0);
	answer_twins(scene, fake, false, 0);
	expect_one_backup_a_pair(scene, fake);
}

static void asks_which_of_two_is_left(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = client_with_twins(scene);

	fake_answer_subflow(scene->fake, fake, 1, 0); /* so it is known that CREATE makes backups */
	scene_run(scene);
	answer_twins(scene, fake, true, ETIMEDOUT);
	answer_twins(scene, fake, false, 0);
	scene_later(scene, 2000);
	answer_twins(scene, fake, true, 0);
	answer_twins(scene, fake, false, 0);
	expect_one_backup_a_pair(scene, fake);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 0);
}

static void fail_the_next(void *data, const struct fake_record *record, int result)
{
	struct fake_kernel *fake = data;

	if (record->command == FAKE_CREATE && fake->counts[FAKE_CREATE] == 2)
		fake->fail[FAKE_CREATE] = -ENOMEM;
}

/* The one that was asked for second, and is the second of its pair. */
static void knows_which_of_two_was_refused(struct scene *scene, gconstpointer data)
{
	fake_policy.parallel = fake_policy.second_is_backup = true;
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER);
	scene_run(scene);
	scene->fake->hook_data = scene->fake;
	scene->fake->on_command = fail_the_next;
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpint(scene->fake->n_asked, >, 0);
	for (size_t i = 0; i < scene_connection(scene)->n_subflows; i++) {
		const struct subflow *subflow = &scene_connection(scene)->subflows[i];

		if (subflow->is.state == SUBFLOW_PENDING)
			g_assert_cmpint(subflow->is.backup, ==, subflow->want.instance == 1);
	}
}

static void says_nothing_of_what_it_does_not_know(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = client_with_twins(scene);

	scene->fake->fail_always[FAKE_LOOK] = -ENOBUFS;
	answer_twins(scene, fake, true, 0);
	answer_twins(scene, fake, false, 0);
	scene->fake->fail_always[FAKE_LOOK] = 0;
	scene_ask(scene);
	expect_one_backup_a_pair(scene, fake);
}

/* ---- the administrator ---- */

static void keeps_what_the_admin_adds(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct subflow_request request = {.local = fake_addr("10.0.2.1:4444"),
					  .remote = fake_addr("10.9.0.8:80"),
					  .local_id = 9};

	g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request, scene->now_ms), ==,
			0);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 4);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->id, ==, 9);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->ifindex, ==, 2);
	scene_later(scene, 90000);
	fake_reset(scene->fake, fake, 3, ECONNRESET);
	scene_later(scene, 0);
	scene_later(scene, 2000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	request.local = fake_addr("10.0.77.1");
	g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request, scene->now_ms), ==,
			-EADDRNOTAVAIL);
	g_assert_cmpint(engine_subflow_add(scene->engine, 1, &request, scene->now_ms), ==, -ESRCH);
}

static void does_not_remake_what_the_admin_deletes(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct mptcpd_addr local = fake->subflows[2].local, remote = fake_addr(SCENE_SERVER);

	for (size_t i = 0; i < 3; i += 2) {
		local = fake->subflows[i].local;
		g_assert_cmpint(engine_subflow_delete(scene->engine, SCENE_TOKEN, &local, &remote,
						      scene->now_ms),
				==, 0);
		scene_run(scene);
		g_assert_cmpint(engine_subflow_delete(scene->engine, SCENE_TOKEN, &local, &remote,
						      scene->now_ms),
				==, -ENOENT);
	}
	for (uint32_t i = 1; i <= 3; i += 2) {
		fake_link(scene->fake, i, "eth", true, false);
		scene_later(scene, 100);
		fake_link(scene->fake, i, "eth", true, true);
		scene_later(scene, 90000);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

/* Also when the engine looks again before the kernel's answer has come in. */
static void does_not_remake_before_the_event(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct mptcpd_addr local = fake->subflows[2].local, remote = fake_addr(SCENE_SERVER);

	g_assert_cmpint(engine_subflow_delete(scene->engine, SCENE_TOKEN, &local, &remote,
					      scene->now_ms),
			==, 0);
	engine_settle(scene->engine, scene->now_ms);
	scene_later(scene, 90000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

static void keeps_the_admins_backup(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct mptcpd_addr local = fake_addr("10.0.1.1"), remote = fake_addr("10.9.0.1");

	g_assert_cmpint(engine_subflow_change(scene->engine, SCENE_TOKEN, &local, &remote, true,
					      scene->now_ms),
			==, 0);
	scene_later(scene, 100000);
	g_assert_true(fake->subflows[0].backup);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP], ==, 1);
}

/* What a person said of a path, the initial one too, holds when its link was away meanwhile. */
static void keeps_it_over_a_flap(struct scene *scene, gconstpointer data)
{
	static const char *const locals[] = {"10.0.2.1", "10.0.1.1"}, *const links[] = {"eth2",
											"eth1"};
	struct fake_connection *fake = scene_meshed(scene);
	struct mptcpd_addr remote = fake_addr("10.9.0.1");

	for (size_t i = 0; i < 4; i++) {
		struct mptcpd_addr local = fake_addr(locals[i % 2]);
		uint32_t link = 2 - i % 2;

		if (i < 2)
			g_assert_cmpint(engine_subflow_change(scene->engine, SCENE_TOKEN, &local,
							      &remote, true, scene->now_ms),
					==, 0);
		fake_link(scene->fake, link, links[i % 2], false, false);
		scene_later(scene, 3000);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
		fake_link(scene->fake, link, links[i % 2], true, true);
		scene_later(scene, 3000);
		fake_answer(scene->fake, 0);
		scene_later(scene, 3000);
		g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
		for (size_t j = 0; j < FAKE_SUBFLOWS; j++)
			if (fake->subflows[j].used &&
			    addr_equal_host(&fake->subflows[j].local, &local))
				g_assert_true(fake->subflows[j].backup);
	}
}

/* ---- explain ---- */

struct explained {
	size_t n;
	struct explain_path paths[8];
};

static void on_path(void *data, const struct explain_path *path)
{
	struct explained *explained = data;

	explained->paths[explained->n++] = *path;
}

static void explains(struct scene *scene, gconstpointer data)
{
	char words[ENGINE_WORDS_SIZE];
	struct explained explained = {0};

	scene_client(scene);
	fake_answer(scene->fake, ECONNREFUSED);
	scene_run(scene);
	g_assert_cmpint(engine_explain(scene->engine, 1, scene->now_ms, on_path, &explained, words),
			==, -ESRCH);
	g_assert_cmpint(engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path,
				       &explained, words),
			==, 0);
	g_assert_cmpuint(explained.n, ==, 3);
	g_assert_cmpint(explained.paths[0].state, ==, EXPLAIN_ESTABLISHED);
	g_assert_cmpstr(explained.paths[0].wanted_by, ==, "mesh");
	g_assert_cmpint(explained.paths[1].state, ==, EXPLAIN_REFUSED);
	g_assert_cmpstr(explained.paths[1].error, ==, "refused by the peer (ECONNREFUSED)");
	g_assert_cmpstr(explained.paths[1].interface, ==, "eth2");
	g_assert_cmpuint(explained.paths[1].attempts, ==, 1);
	g_assert_true(explained.paths[1].has_next_try);
	g_assert_cmpuint(explained.paths[1].next_try_ms, >=, 1600);
	g_assert_cmpuint(explained.paths[1].next_try_ms, <=, 2400);
}

static void says(struct scene *scene, const char *wanted)
{
	struct explained explained = {0};
	char words[ENGINE_WORDS_SIZE];

	g_assert_cmpint(engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path,
				       &explained, words),
			==, 0);
	g_assert_cmpstr(words, ==, wanted);
}

/* The policy is asked for that alone, once, and nothing comes of it. */
static void explains_what_the_policy_says(struct scene *scene, gconstpointer data)
{
	size_t n_asked;

	scene_meshed(scene);
	n_asked = fake_policy.n_asked;
	says(scene, "");
	fake_policy.words = "by the quickest";
	fake_policy.drops_all = fake_policy.plans_nothing = true;
	says(scene, "mesh: by the quickest");
	g_assert_cmpuint(fake_policy.n_asked, ==, n_asked + 2);
	fake_policy.plans_nothing = false;
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("plan/reports-refusals", reports_refusals);
	ADD("plan/closes-what-is-forbidden", closes_what_is_forbidden);
	ADD("plan/closes-what-is-unwanted", closes_what_is_unwanted_but_not_the_applications);
	ADD("plan/refreshes-what-is-dropped", refreshes_what_is_dropped);
	ADD("plan/announces", announces);
	ADD("plan/asks-again-in-time", asks_again_in_time);
	ADD("backup/is-set-where-create-ignored-it", sets_backup_that_create_ignored);
	ADD("backup/is-looked-at-once", looks_once_where_create_honours_backup);
	ADD("backup/is-looked-at-once-for-two", looks_once_at_two_backups);
	ADD("backup/is-tried-again", tries_a_failed_backup_again);
	ADD("backup/of-two-alike-is-asked-for", asks_which_of_two_is_the_backup);
	ADD("backup/of-two-alike-is-asked-for-once-one-failed", asks_which_of_two_is_left);
	ADD("backup/of-two-alike-the-right-one-was-refused", knows_which_of_two_was_refused);
	ADD("backup/of-two-alike-waits-for-an-answer", says_nothing_of_what_it_does_not_know);
	ADD("admin/keeps-what-is-added", keeps_what_the_admin_adds);
	ADD("admin/does-not-remake-what-is-deleted", does_not_remake_what_the_admin_deletes);
	ADD("admin/does-not-remake-before-the-event", does_not_remake_before_the_event);
	ADD("admin/keeps-backup", keeps_the_admins_backup);
	ADD("backup/set-by-a-person-holds-over-a-link-that-was-away", keeps_it_over_a_flap);
	ADD("explain/says-why", explains);
	ADD("explain/has-the-words-of-the-policy", explains_what_the_policy_says);
	return g_test_run();
}
