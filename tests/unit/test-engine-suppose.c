/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would become of a connection that there is not: it is told, and leaves nothing behind. */
#include "addr.h"
#include "engine-scene.h"

static const struct uid_range uids[] = {{1000, 1000}};
static char first_name[] = "first";
static struct policy policies[2];

struct told {
	GString *paths;
	struct supposed supposed;
};

static void on_path(void *data, const struct explain_path *path)
{
	struct told *told = data;
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE];

	g_string_append_printf(told->paths, "%s %s %s %s%s%s%s; ", addr_format(&path->local, local),
			       addr_format(&path->remote, remote), path->interface,
			       path->wanted_by ? path->wanted_by : "nobody",
			       path->state == EXPLAIN_ESTABLISHED ? " initial" : "",
			       path->backup ? " backup" : "",
			       path->forbidden_by ? " forbidden" : "");
}

static void on_announcement(void *data, const struct explain_announcement *announcement)
{
	struct told *told = data;
	char text[ADDR_TEXT_SIZE];

	g_string_append_printf(told->paths, "announce %s; ",
			       addr_format(&announcement->addr, text));
}

static struct subject subject(const char *local, const char *remote)
{
	struct subject subject = {.side = MPTCPD_SIDE_CLIENT,
				  .interface = "",
				  .cgroup = "",
				  .unknown = FACTS_OF_OWNER};

	addr_parse(local, &subject.local);
	addr_parse(remote, &subject.remote);
	if (!subject.local.port)
		subject.unknown |= FACT_LOCAL_PORT;
	if (!subject.remote.port)
		subject.unknown |= FACT_REMOTE_PORT;
	return subject;
}

/* Suppose it; nothing is asked, commanded, or remembered for that. */
static void expect(struct scene *scene, const struct subject *subject, enum supposed_state state,
		   const char *paths)
{
	struct told told = {.paths = g_string_new(NULL)};

	fake_forget_log(scene->fake);
	engine_suppose(scene->engine, subject, scene->now_ms, &told.supposed, on_path,
		       on_announcement, &told);
	g_assert_cmpint(told.supposed.state, ==, state);
	g_assert_cmpstr(told.paths->str, ==, paths);
	g_string_free(told.paths, TRUE);
	g_assert_cmpuint(scene->fake->n_log, ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_OWNER], ==, 0);
	g_assert_cmpuint(table_count(&engine_model(scene->engine)->connections), ==, 0);
	g_assert_cmpuint(engine_model(scene->engine)->n_subflows, ==, 0);
	g_assert_cmpuint(engine_count_policy(scene->engine, &fake_rules.policies[0]), ==, 0);
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
	scene_tear_down(scene, unused);
	fake_rules.policies = fake_policies;
	fake_rules.n_policies = 1;
}

static void tells_what_it_would_plan(struct scene *scene, gconstpointer unused)
{
	struct subject client = subject("10.0.2.1", SCENE_SERVER);

	fake_link(scene->fake, 8, "backup0", true, true);
	fake_address(scene->fake, 8, "10.0.8.1");
	scene_later(scene, 100);
	expect(scene, &client, SUPPOSED_DECIDED,
	       "10.0.1.1 10.9.0.1:5000 eth1 mesh; 10.0.2.1 10.9.0.1:5000 eth2 mesh initial; "
	       "10.0.3.1 10.9.0.1:5000 eth3 mesh; 10.0.8.1 10.9.0.1:5000 backup0 mesh backup; ");
	/* what is said of no port is said of none */
	client = subject("10.0.2.1:77", "10.9.0.1");
	expect(scene, &client, SUPPOSED_DECIDED,
	       "10.0.1.1 10.9.0.1 eth1 mesh; 10.0.2.1:77 10.9.0.1 eth2 mesh initial; "
	       "10.0.3.1 10.9.0.1 eth3 mesh; 10.0.8.1 10.9.0.1 backup0 mesh backup; ");
	/* one of an address that is not ours is only where it is */
	client = subject("192.0.2.1", SCENE_SERVER);
	expect(scene, &client, SUPPOSED_DECIDED,
	       "192.0.2.1 10.9.0.1:5000  nobody initial; 10.0.1.1 10.9.0.1:5000 eth1 mesh; "
	       "10.0.2.1 10.9.0.1:5000 eth2 mesh; 10.0.3.1 10.9.0.1:5000 eth3 mesh; "
	       "10.0.8.1 10.9.0.1:5000 backup0 mesh backup; ");
	/* what one of the stack forbids is not made, whoever plans it */
	fake_policy.forbidden = fake_addr("10.0.3.1");
	client = subject("10.0.2.1", SCENE_SERVER);
	expect(scene, &client, SUPPOSED_DECIDED,
	       "10.0.1.1 10.9.0.1:5000 eth1 mesh; 10.0.2.1 10.9.0.1:5000 eth2 mesh initial; "
	       "10.0.3.1 10.9.0.1:5000 eth3 mesh forbidden; "
	       "10.0.8.1 10.9.0.1:5000 backup0 mesh backup; ");
	fake_policy.forbidden.family = 0;
	/* a connection that comes then is what it would be anyway */
	fake_link(scene->fake, 8, "backup0", true, false);
	scene_later(scene, 100);
	scene_meshed(scene);
}

static void says_what_is_missing(struct scene *scene, gconstpointer unused)
{
	static const struct mptcpd_ports ports[] = {{5000, 5000}};
	struct subject client = subject("10.0.2.1", "10.9.0.1");
	struct told told = {.paths = g_string_new(NULL)};

	policies[0] = policies[1] = fake_policies[0];
	policies[0].name = first_name;
	policies[0].match = (struct policy_match){
		.uids = {uids, 1, sizeof(uids[0])},
		.remote_ports = {ports, 1, sizeof(ports[0])},
	};
	fake_rules.policies = policies;
	fake_rules.n_policies = G_N_ELEMENTS(policies);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	scene_later(scene, 100);
	expect(scene, &client, SUPPOSED_OPEN, "");
	engine_suppose(scene->engine, &client, scene->now_ms, &told.supposed, on_path,
		       on_announcement, &told);
	g_string_free(told.paths, TRUE);
	g_assert_cmpuint(told.supposed.missing, ==, FACT_REMOTE_PORT | FACT_UID);
	g_assert_true(told.supposed.policy == &policies[0]);
	g_assert_cmpstr(told.supposed.interface, ==, "eth2");
	/* what is said may be enough */
	client.unknown &= ~(uint32_t)FACT_UID;
	client.uid = 1;
	expect(scene, &client, SUPPOSED_DECIDED,
	       "10.0.1.1 10.9.0.1 eth1 mesh; 10.0.2.1 10.9.0.1 eth2 mesh initial; "
	       "10.0.3.1 10.9.0.1 eth3 mesh; ");
	policies[1].match.side = MPTCPD_SIDE_SERVER;
	expect(scene, &client, SUPPOSED_NOBODY, "");
}

static void says_why_nobody_decides(struct scene *scene, gconstpointer unused)
{
	struct subject client = subject("10.0.2.1", SCENE_SERVER);

	client.interface = "never0";
	expect(scene, &client, SUPPOSED_DECIDED,
	       "10.0.2.1 10.9.0.1:5000  nobody initial; 10.0.1.1 10.9.0.1:5000 eth1 mesh; "
	       "10.0.2.1 10.9.0.1:5000 eth2 mesh; 10.0.3.1 10.9.0.1:5000 eth3 mesh; ");
	fake_link(scene->fake, 9, "never0", true, true);
	fake_address(scene->fake, 9, "10.0.9.1");
	scene_later(scene, 100);
	client = subject("10.0.9.1", SCENE_SERVER);
	expect(scene, &client, SUPPOSED_APART, "");
	client = subject("10.0.2.1", SCENE_SERVER);
	scene->guard.asides[0] = (struct guard_aside){.id = FAKE_POLICY_ID};
	scene->guard.n_asides = 1;
	expect(scene, &client, SUPPOSED_ASIDE, "");
	scene->guard.n_asides = 0;
	engine_event(scene->engine,
		     &(struct event){.type = EVENT_PATH_MANAGER,
				     .path_manager = PATH_MANAGER_KERNEL},
		     scene->now_ms);
	expect(scene, &client, SUPPOSED_KERNEL, "");
	scene_start(scene);
	engine_event(scene->engine,
		     &(struct event){.type = EVENT_PATH_MANAGER,
				     .path_manager = PATH_MANAGER_USERSPACE},
		     scene->now_ms);
	expect(scene, &client, SUPPOSED_UNREADY, "");
}

#define ADD_SUPPOSE(name, func)                                                                    \
	g_test_add("/engine/suppose/" name, struct scene, NULL, scene_set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD_SUPPOSE("tells-what-it-would-plan", tells_what_it_would_plan);
	ADD_SUPPOSE("says-what-is-missing", says_what_is_missing);
	ADD_SUPPOSE("says-why-nobody-decides", says_why_nobody_decides);
	return g_test_run();
}
