/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which links count: by where their routes lead, and by what that says of the links themselves. */
#include "engine-scene.h"

static char type_tunnel[] = "type:tunnel", name_eth2[] = "eth2";
static struct interface_rule list[] = {
	{.match = name_eth2, .use = USE_AUTO},
	{.match = type_tunnel, .by_type = true, .type = MPTCPD_LINK_TUNNEL, .use = USE_NO},
};

/* Tunnels are not used, and eth2 as told. */
static void set_rules(struct scene *scene, struct rules *rules, enum use use)
{
	list[0].use = use;
	*rules = fake_rules;
	rules->interfaces = list;
	rules->n_interfaces = 2;
	engine_set_rules(scene->engine, rules, scene->now_ms);
	scene_later(scene, 50);
}

static const struct local *local(struct scene *scene, uint32_t i)
{
	g_autofree char *text = g_strdup_printf("10.0.%u.1", i);
	struct mptcpd_addr addr = fake_addr(text);

	return model_find_local(engine_model(scene->engine), &addr, i);
}

/* eth3 is a tap from now on. */
static void tap(struct scene *scene)
{
	fake_find_link(scene->fake, 3)->type = MPTCPD_LINK_TAP;
	engine_event(scene->engine,
		     &(struct event){.type = EVENT_LINK, .link = *fake_find_link(scene->fake, 3)},
		     scene->now_ms);
	fake_route(scene->fake, 3, true);
	scene_later(scene, 50);
}

static void use_yes_lifts_the_route(struct scene *scene, gconstpointer data)
{
	struct rules rules;

	set_rules(scene, &rules, USE_AUTO);
	fake_route(scene->fake, 2, false);
	scene_later(scene, 50);
	g_assert_false(local(scene, 2)->leads_out);
	set_rules(scene, &rules, USE_YES);
	g_assert_true(local(scene, 2)->leads_out);
	g_assert_false(local(scene, 2)->interface->route_v4);
	/* but a subflow needs a real one */
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	set_rules(scene, &rules, USE_AUTO);
	g_assert_false(local(scene, 2)->leads_out);
}

/* A group for a prefix decides for its addresses alone, whatever holds for the interface. */
static void a_prefix_lifts_what_holds_for_the_link(struct scene *scene, gconstpointer data)
{
	struct interface_rule two[] = {
		{.net = fake_addr("10.0.2.0"), .prefix = 24, .use = USE_YES},
		{.match = name_eth2, .use = USE_NO},
	};
	struct rules rules = fake_rules;

	rules.interfaces = two;
	rules.n_interfaces = 2;
	engine_set_rules(scene->engine, &rules, scene->now_ms);
	scene_later(scene, 50);
	g_assert_cmpint(local(scene, 2)->usability, ==, USABLE);
	g_assert_cmpint(interface_usability(local(scene, 2)->interface), ==, USABLE);
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	two[0].use = USE_NO;
	engine_set_rules(scene->engine, &rules, scene->now_ms);
	g_assert_cmpint(interface_usability(local(scene, 2)->interface), ==, UNUSABLE_CONFIGURED);
}

static void a_site_is_no_default_route(struct scene *scene, gconstpointer data)
{
	fake_site(scene->fake, 2);
	scene_later(scene, 50);
	g_assert_true(local(scene, 2)->leads_out);
	g_assert_false(local(scene, 2)->interface->route_v4);
	g_assert_true(local(scene, 1)->interface->route_v4);
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
}

static void a_tap_alone_is_a_link(struct scene *scene, gconstpointer data)
{
	struct rules rules;

	fake_route(scene->fake, 1, false);
	fake_site(scene->fake, 2);
	set_rules(scene, &rules, USE_AUTO);
	tap(scene);
	g_assert_cmpint(local(scene, 3)->usability, ==, USABLE);
	g_assert_true(local(scene, 3)->leads_out);
}

static void a_tap_beside_another_is_a_tunnel(struct scene *scene, gconstpointer data)
{
	struct rules rules;
	size_t n;

	set_rules(scene, &rules, USE_AUTO);
	n = scene->n_changes[CHANGE_INTERFACE_CHANGED];
	tap(scene);
	g_assert_cmpint(local(scene, 3)->usability, ==, UNUSABLE_TUNNEL);
	g_assert_cmpint(local(scene, 3)->interface->usability, ==, UNUSABLE_TUNNEL);
	g_assert_cmpuint(scene->n_changes[CHANGE_INTERFACE_CHANGED], ==, n + 2);
	g_assert_true(local(scene, 3)->interface->route_v4);
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1); /* eth2 alone */
	/* a site of its own, as a VPN to an office has: ordinary */
	fake_site(scene->fake, 3);
	scene_later(scene, 50);
	g_assert_cmpint(local(scene, 3)->usability, ==, USABLE);
	fake_route(scene->fake, 3, true);
	scene_later(scene, 50);
	g_assert_cmpint(local(scene, 3)->usability, ==, UNUSABLE_TUNNEL);
	/* and when the others lead nowhere any more, this is what there is */
	fake_route(scene->fake, 1, false);
	fake_route(scene->fake, 2, false);
	scene_later(scene, 50);
	g_assert_cmpint(local(scene, 3)->usability, ==, USABLE);
}

static void what_begins_on_such_a_tap_gets_no_policy(struct scene *scene, gconstpointer data)
{
	struct rules rules;

	set_rules(scene, &rules, USE_AUTO);
	tap(scene);
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.3.1:1000", SCENE_SERVER);
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_null(scene_connection(scene)->policy);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

static void a_later_life_knows_before_it_decides(struct scene *scene, gconstpointer data)
{
	struct rules rules;

	set_rules(scene, &rules, USE_AUTO);
	fake_find_link(scene->fake, 3)->type = MPTCPD_LINK_TAP;
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.3.1:1000", SCENE_SERVER);
	fake_establish(scene->fake, SCENE_TOKEN);
	fake_rules.interfaces = rules.interfaces;
	fake_rules.n_interfaces = rules.n_interfaces;
	scene_start(scene);
	scene_later(scene, 1000);
	g_assert_nonnull(scene_connection(scene));
	g_assert_null(scene_connection(scene)->policy);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

/* From now on eth2 leads somewhere for packets with mark 42 alone. */
static void add_rule(struct scene *scene)
{
	scene->fake->marked_rule = 42;
	scene->fake->marked_link = 2;
	fake_route(scene->fake, 2, true);
	scene_later(scene, 50);
}

static struct fake_connection *connect_marked(struct scene *scene, uint32_t token, uint32_t mark)
{
	struct fake_connection *connection =
		fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER);

	connection->mark = mark;
	fake_establish(scene->fake, token);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	return connection;
}

static void marks_are_asked_for_where_rules_do(struct scene *scene, gconstpointer data)
{
	g_assert_cmpuint(fake_count_subflows(connect_marked(scene, 1, 42)), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_OWNER], ==, 0);
	add_rule(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_OWNER], ==, 1);
	g_assert_cmpuint(fake_count_subflows(connect_marked(scene, 2, 42)), ==, 3);
	g_assert_cmpuint(fake_count_subflows(connect_marked(scene, 3, 7)), ==, 2);
	g_assert_cmpuint(fake_count_subflows(connect_marked(scene, 4, 0)), ==, 2);
	/* once each, however often they are planned */
	fake_route(scene->fake, 3, false);
	scene_later(scene, 50);
	fake_route(scene->fake, 3, true);
	scene_later(scene, 50);
	g_assert_cmpuint(scene->fake->counts[FAKE_OWNER], ==, 4);
	/* endpoints are no connection's */
	g_assert_false(local(scene, 2)->leads_out);
}

static void a_mark_set_later_is_seen_by_a_sweep(struct scene *scene, gconstpointer data)
{
	struct fake_connection *connection;

	add_rule(scene);
	connection = connect_marked(scene, 1, 0);
	g_assert_cmpuint(fake_count_subflows(connection), ==, 2);
	connection->mark = 42;
	scene_later(scene, 30000);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(connection), ==, 3);
}

static void on_path(void *data, const struct explain_path *path)
{
	GString *text = data;

	if (path->error[0])
		g_string_append_printf(text, "%s: %s\n", path->interface, path->error);
}

static void what_no_route_leads_to_is_explained(struct scene *scene, gconstpointer data)
{
	char words[ENGINE_WORDS_SIZE];
	g_autoptr(GString) text = g_string_new(NULL);

	add_rule(scene);
	fake_route(scene->fake, 3, false);
	scene_later(scene, 50);
	connect_marked(scene, 1, 7);
	g_assert_cmpint(engine_explain(scene->engine, 1, scene->now_ms, on_path, text, words), ==,
			0);
	g_assert_cmpstr(text->str, ==,
			"eth2: no route to the peer from eth2 with mark 0x7\n"
			"eth3: no route to the peer from eth3 with mark 0x7\n");
}

static void what_is_made_of_a_link_is_told_once(struct scene *scene, gconstpointer data)
{
	struct rules rules;
	size_t *n = &scene->n_changes[CHANGE_INTERFACE_CHANGED];

	set_rules(scene, &rules, USE_AUTO);
	*n = 0;
	fake_route(scene->fake, 2, false);
	scene_later(scene, 50);
	g_assert_cmpuint(*n, ==, 1);
	set_rules(scene, &rules, USE_AUTO); /* nothing is otherwise */
	scene_later(scene, 1000);
	g_assert_cmpuint(*n, ==, 1);
	fake_route(scene->fake, 2, true);
	scene_later(scene, 50);
	g_assert_cmpuint(*n, ==, 2);
	list[0].has_flags = true;
	list[0].flags = MPTCPD_FLAG_BACKUP;
	set_rules(scene, &rules, USE_AUTO);
	g_assert_cmpuint(*n, ==, 3);
	list[0].has_flags = false;
	set_rules(scene, &rules, USE_AUTO);
	g_assert_cmpuint(*n, ==, 4);
}

#undef ADD
#define ADD(name, func)                                                                            \
	g_test_add("/links/" name, struct scene, NULL, scene_set_up, func, scene_tear_down)

/* A dump that was asked for is under way, and the kernel tells of a link itself. */
static void news_in_a_dump(void *data)
{
	struct scene *scene = data;
	struct event news = {.type = EVENT_LINK, .link = *fake_find_link(scene->fake, 2)};

	if (!engine_model(scene->engine)->snapshot[SNAPSHOT_HOST].open)
		return;
	scene->fake->between = NULL;
	fake_find_link(scene->fake, 2)->carrier = false;
	news.link.carrier = false;
	engine_event(scene->engine, &news, scene->now_ms);
	news = (struct event){.type = EVENT_LOCAL_GONE,
			      .local = {.addr = fake_addr("10.0.1.1"), .ifindex = 1}};
	engine_event(scene->engine, &news, scene->now_ms);
}

/* What the dump says of it, and of an address that went, was so before. */
static void news_are_newer_than_a_dump(struct scene *scene, gconstpointer data)
{
	struct rules rules;

	set_rules(scene, &rules, USE_AUTO);
	g_assert_cmpint(local(scene, 2)->usability, ==, USABLE);
	scene->fake->between = news_in_a_dump;
	scene->fake->between_data = scene;
	scene->fake->snapshot_wanted[SNAPSHOT_HOST] = true;
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	g_assert_null(scene->fake->between);
	g_assert_cmpint(local(scene, 2)->usability, ==, UNUSABLE_CARRIER);
	g_assert_null(local(scene, 1));
	/* Whatever the next one says is so: this address is still there. */
	scene_later(scene, 0);
	scene_later(scene, 1000);
	g_assert_cmpint(local(scene, 2)->usability, ==, UNUSABLE_CARRIER);
	g_assert_nonnull(local(scene, 1));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("use-yes-lifts-the-route-out", use_yes_lifts_the_route);
	ADD("a-prefix-lifts-what-holds-for-the-link", a_prefix_lifts_what_holds_for_the_link);
	ADD("a-site-is-a-way-out-and-no-default-route", a_site_is_no_default_route);
	ADD("tap/alone-is-a-link", a_tap_alone_is_a_link);
	ADD("tap/beside-another-is-a-tunnel", a_tap_beside_another_is_a_tunnel);
	ADD("tap/what-begins-there-gets-no-policy", what_begins_on_such_a_tap_gets_no_policy);
	ADD("told/what-is-made-of-one-and-only-then", what_is_made_of_a_link_is_told_once);
	ADD("mark/is-asked-for-where-rules-do", marks_are_asked_for_where_rules_do);
	ADD("mark/set-later-is-seen-by-a-sweep", a_mark_set_later_is_seen_by_a_sweep);
	ADD("mark/and-missing-routes-are-explained", what_no_route_leads_to_is_explained);
	ADD("dump/news-are-newer-than-it", news_are_newer_than_a_dump);
	ADD("tap/a-later-life-knows-before-it-decides", a_later_life_knows_before_it_decides);
	return g_test_run();
}
