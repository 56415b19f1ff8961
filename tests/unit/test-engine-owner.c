/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policies for users, marks and cgroups: whom they decide for, and what it costs whom. */
#include "engine-scene.h"

static char first_name[] = "first";
static struct policy policies[2];
static const struct uid_range uids[] = {{1000, 1999}};
static const struct mark_bits marks[] = {{0x10, 0xf0}};
static const char *const cgroups[] = {"/slice/[2-9]", "/else/*"};
static const struct mptcpd_ports ports[] = {{5000, 5000}};

#define LIST(items) ((struct mptcpd_list){items, G_N_ELEMENTS(items), sizeof((items)[0])})

/* A group before the one for all others, which match as said. */
static void match(struct scene *scene, struct policy_match first)
{
	policies[0] = policies[1] = fake_policies[0];
	policies[0].name = first_name;
	policies[0].match = first;
	fake_rules.policies = policies;
	fake_rules.n_policies = G_N_ELEMENTS(policies);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	scene_later(scene, 100);
	fake_forget_log(scene->fake);
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
	scene_tear_down(scene, unused);
	fake_rules.policies = fake_policies;
	fake_rules.n_policies = 1;
}

static struct fake_connection *begin(struct scene *scene)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	return fake;
}

static const char *decides(struct scene *scene)
{
	const struct connection *connection = scene_connection(scene);

	return connection->policy ? connection->policy->name : "";
}

#define n_asked scene->fake->counts[FAKE_OWNER]

static void users_are_asked_for_once(struct scene *scene, gconstpointer unused)
{
	match(scene, (struct policy_match){.uids = LIST(uids)});
	scene_client(scene);
	g_assert_cmpstr(decides(scene), ==, "first");
	scene_ask(scene);
	g_assert_cmpuint(n_asked, ==, 1);
	g_assert_cmpuint(engine_count_policy(scene->engine, &policies[0]), ==, 1);
	/* new rules find what is known */
	match(scene, (struct policy_match){.uids = LIST(uids), .remote_ports = LIST(ports)});
	g_assert_cmpstr(decides(scene), ==, "first");
	g_assert_cmpuint(n_asked, ==, 0);
}

static void others_fall_to_the_next(struct scene *scene, gconstpointer unused)
{
	match(scene, (struct policy_match){.uids = LIST(uids)});
	begin(scene)->uid = 999;
	scene_run(scene);
	g_assert_cmpstr(decides(scene), ==, "all");
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);
	match(scene, (struct policy_match){.marks = LIST(marks)});
	begin(scene)->mark = 0x20;
	scene_run(scene);
	g_assert_cmpstr(decides(scene), ==, "all");
}

/* An event asks nobody: only when its turn has come; and there is no other policy until then. */
static void nobody_decides_until_it_is_known(struct scene *scene, gconstpointer unused)
{
	match(scene, (struct policy_match){.marks = LIST(marks)});
	scene->fake->fail_always[FAKE_OWNER] = -ENOBUFS;
	begin(scene)->mark = 0x1f;
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpstr(decides(scene), ==, "");
	g_assert_cmpuint(engine_count_policy(scene->engine, &policies[1]), ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	scene->fake->fail_always[FAKE_OWNER] = 0;
	scene_later(scene, 1000);
	g_assert_cmpstr(decides(scene), ==, "first");
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

static void costs_nobody_else(struct scene *scene, gconstpointer unused)
{
	struct policy_match elsewhere = {.uids = LIST(uids),
					 .marks = LIST(marks),
					 .cgroups = LIST(cgroups)};

	elsewhere.side = MPTCPD_SIDE_SERVER;
	match(scene, elsewhere);
	fake_policies[0].traits = policies[0].traits = policies[1].traits = MPTCPD_TRAIT_ADDRESSES;
	scene_client(scene);
	scene_later(scene, 300000);
	g_assert_cmpstr(decides(scene), ==, "all");
	g_assert_cmpuint(n_asked, ==, 0);
	g_assert_false(scene_connection(scene)->more->has_owner);
	/* nor does one whose group comes before */
	policies[0].match = (struct policy_match){0};
	policies[1].match = elsewhere;
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	scene_later(scene, 100);
	g_assert_cmpstr(decides(scene), ==, "first");
	g_assert_cmpuint(n_asked, ==, 0);
}

/* What all connections to an address get at once is not what those of one user get. */
static void plans_for_all_are_not_for_some(struct scene *scene, gconstpointer unused)
{
	match(scene, (struct policy_match){.uids = LIST(uids)});
	policies[0].traits = policies[1].traits = MPTCPD_TRAIT_ADDRESSES;
	for (uint32_t token = 1; token < 4; token++) {
		fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER)
			->uid = token == 2 ? 1 : 1000;
		scene_run(scene);
		fake_establish(scene->fake, token);
		scene_run(scene);
		g_assert_cmpstr(
			model_find_connection(engine_model(scene->engine), token)->policy->name, ==,
			token == 2 ? "all" : "first");
	}
	g_assert_cmpuint(n_asked, ==, 3);
}

static void cgroups_are_looked_for(struct scene *scene, gconstpointer unused)
{
	match(scene, (struct policy_match){.cgroups = LIST(cgroups)});
	scene->fake->cgroup_walk = 3;
	begin(scene)->cgroup = 4;
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpstr(decides(scene), ==, "");
	for (int i = 0; i < 3; i++)
		scene_later(scene, 1);
	g_assert_cmpstr(decides(scene), ==, "first");
	g_assert_cmpuint(n_asked, ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

/* Old kernels have none, and what ended cannot be found. */
static void unknown_cgroups_match_nothing(struct scene *scene, gconstpointer unused)
{
	static const uint64_t ids[] = {0, 1, 100};

	match(scene, (struct policy_match){.cgroups = LIST(cgroups)});
	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
		begin(scene)->cgroup = ids[i];
		scene_run(scene);
		g_assert_cmpstr(decides(scene), ==, "all");
		fake_close(scene->fake, SCENE_TOKEN, false);
		scene_run(scene);
	}
}

static void cgroups_are_looked_at_with_the_rules(struct scene *scene, gconstpointer unused)
{
	match(scene, (struct policy_match){.uids = LIST(uids)});
	g_assert_cmpuint(scene->fake->counts[FAKE_CGROUP], ==, 0);
	scene->fake->cgroup_walk = 5;
	policies[0].match = (struct policy_match){.cgroups = LIST(cgroups)};
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	for (int i = 0; i < 20; i++)
		scene_later(scene, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_CGROUP], ==, 6);
}

/* Before it is accepted older kernels tell root for all; it is asked again soon, then believed. */
static void nobodys_socket_is_not_roots(struct scene *scene, gconstpointer unused)
{
	struct fake_connection *fake;

	match(scene, (struct policy_match){.uids = LIST(uids)});
	fake = begin(scene);
	fake->is_orphan = true;
	fake->uid = 0;
	scene_run(scene);
	g_assert_cmpstr(decides(scene), ==, "");
	scene_later(scene, 2);
	g_assert_cmpuint(n_asked, ==, 2);
	fake->is_orphan = false;
	fake->uid = 1000;
	scene_later(scene, 4);
	g_assert_cmpstr(decides(scene), ==, "first");
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);
	fake = begin(scene);
	fake->is_orphan = true;
	fake->uid = 0;
	for (int i = 0; i < 40; i++)
		scene_later(scene, 100);
	g_assert_cmpstr(decides(scene), ==, "all");
	/* a sweep knows better */
	fake->uid = 1000;
	fake->is_orphan = false;
	scene_later(scene, 30000);
	g_assert_cmpstr(decides(scene), ==, "first");
}

/* A mark that the application sets later is seen by the next sweep; a closed socket keeps its user. */
static void changes_are_seen_by_sweeps(struct scene *scene, gconstpointer unused)
{
	struct fake_connection *fake;

	match(scene, (struct policy_match){.marks = LIST(marks), .uids = LIST(uids)});
	fake = scene_meshed(scene);
	g_assert_cmpstr(decides(scene), ==, "all");
	fake->mark = 0x10;
	scene_later(scene, 30000);
	g_assert_cmpstr(decides(scene), ==, "first");
	g_assert_cmpuint(engine_count_policy(scene->engine, &policies[0]), ==, 1);
	g_assert_cmpuint(engine_count_policy(scene->engine, &policies[1]), ==, 0);
	fake->is_orphan = true;
	fake->uid = 0;
	scene_later(scene, 30000);
	g_assert_cmpstr(decides(scene), ==, "first");
}

/* Nothing of another policy's is closed meanwhile. */
static void a_restart_asks_again(struct scene *scene, gconstpointer unused)
{
	match(scene, (struct policy_match){.uids = LIST(uids)});
	scene_meshed(scene);
	scene->fake->fail_always[FAKE_OWNER] = -ENOBUFS;
	scene_start(scene);
	scene_run(scene);
	scene_later(scene, 5000);
	g_assert_cmpstr(decides(scene), ==, "");
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	scene->fake->fail_always[FAKE_OWNER] = 0;
	scene_later(scene, 1000);
	g_assert_cmpstr(decides(scene), ==, "first");
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

#define ADD_OWNER(name, func)                                                                      \
	g_test_add("/engine/owner/" name, struct scene, NULL, scene_set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD_OWNER("users-are-asked-for-once", users_are_asked_for_once);
	ADD_OWNER("others-fall-to-the-next-group", others_fall_to_the_next);
	ADD_OWNER("nobody-decides-until-it-is-known", nobody_decides_until_it_is_known);
	ADD_OWNER("costs-nobody-else", costs_nobody_else);
	ADD_OWNER("plans-for-all-are-not-for-some", plans_for_all_are_not_for_some);
	ADD_OWNER("cgroups-are-looked-for", cgroups_are_looked_for);
	ADD_OWNER("unknown-cgroups-match-nothing", unknown_cgroups_match_nothing);
	ADD_OWNER("cgroups-are-looked-at-with-the-rules", cgroups_are_looked_at_with_the_rules);
	ADD_OWNER("nobodys-socket-is-not-roots", nobodys_socket_is_not_roots);
	ADD_OWNER("changes-are-seen-by-sweeps", changes_are_seen_by_sweeps);
	ADD_OWNER("a-restart-asks-again", a_restart_asks_again);
	return g_test_run();
}
