/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link is part of a path: two links with the same address, and an address that changes its link. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "engine-scene.h"

#define TWIN 4 /* has the address of link 1 */
#define ADDRESS "10.0.1.1"
#define PACE_MS 200 /* from one ADD_ADDR or RM_ADDR to the next */

static void add_twin(struct scene *scene)
{
	fake_link(scene->fake, TWIN, "eth4", true, true);
	fake_address(scene->fake, TWIN, ADDRESS);
	scene_later(scene, 100);
}

static const struct subflow *initial(const struct scene *scene)
{
	const struct connection *connection = scene_connection(scene);

	for (size_t i = 0; i < connection->n_subflows; i++)
		if (connection->subflows[i].is.initial)
			return &connection->subflows[i];
	g_assert_not_reached();
}

/* How many established subflows leave by this link, says the kernel of those that are bound. */
static size_t count_bound(const struct fake_connection *fake, uint32_t ifindex)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		n += fake->subflows[i].used && !fake->subflows[i].syn_sent &&
		     fake->subflows[i].ifindex == ifindex;
	return n;
}

static struct fake_connection *twin_client(struct scene *scene)
{
	struct fake_connection *fake;

	add_twin(scene);
	fake = scene_client(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 4);
	fake_forget_log(scene->fake);
	return fake;
}

static void both_links_are_paths(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = twin_client(scene);

	g_assert_cmpuint(initial(scene)->ifindex, ==, 1);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 1);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void unbound_is_where_routing_puts_it(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	scene->fake->egress = TWIN;
	fake = twin_client(scene);
	g_assert_cmpuint(initial(scene)->ifindex, ==, TWIN);
	g_assert_cmpuint(count_bound(fake, 1), ==, 1);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 0);
	/* asked once for all connections to there */
	g_assert_cmpuint(scene->fake->counts[FAKE_EGRESS], ==, 0);
	fake_connect(scene->fake, 7, MPTCPD_SIDE_CLIENT, "10.0.1.1:1001", SCENE_SERVER);
	fake_establish(scene->fake, 7);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_EGRESS], ==, 0);
}

static void nothing_is_asked_where_one_link_has_it(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->counts[FAKE_EGRESS], ==, 0);
	g_assert_cmpuint(initial(scene)->ifindex, ==, 1);
}

/* The other link's subflow has the same id: RM_ADDR would end it too. */
static void lost_carrier_closes_what_was_there_alone(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	scene->fake->egress = TWIN;
	fake = twin_client(scene);
	fake_link(scene->fake, TWIN, "eth4", true, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_false(fake->subflows[0].used);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	fake_link(scene->fake, TWIN, "eth4", true, true);
	scene_later(scene, 1300);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 1);
	g_assert_cmpuint(count_bound(fake, 1), ==, 1);
}

static void lost_carrier_of_the_other_leaves_it_alone(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = twin_client(scene);

	fake_link(scene->fake, TWIN, "eth4", true, false);
	scene_later(scene, 100);
	g_assert_true(fake->subflows[0].used);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
}

/* Its routes go with the link, and what was on it would leave by the other. */
static void downed_link_is_lost_though_routes_lead_elsewhere(struct scene *scene,
							     gconstpointer data)
{
	struct fake_connection *fake = twin_client(scene);

	fake_link(scene->fake, 1, "eth1", false, false);
	scene_later(scene, 100);
	g_assert_false(fake->subflows[0].used);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 1);
	/* when the last of them goes the peer is told */
	fake_link(scene->fake, TWIN, "eth4", false, false);
	scene_later(scene, 100);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_WITHDRAW, 0)->id, ==, 0);
}

static void routing_that_moves_it_costs_nothing_that_works(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = twin_client(scene);

	scene->fake->egress = TWIN;
	fake_route(scene->fake, 3, true);
	scene_later(scene, 100);
	g_assert_cmpuint(initial(scene)->ifindex, ==, TWIN);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 1);
	g_assert_cmpuint(count_bound(fake, 1), ==, 1);
	/* and when that link fails, it is lost with it */
	fake_link(scene->fake, TWIN, "eth4", true, false);
	scene_later(scene, 100);
	g_assert_false(fake->subflows[0].used);
	g_assert_cmpuint(count_bound(fake, 1), ==, 1);
}

static void kernel_that_binds_nothing_is_not_asked_again(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	scene->fake->ignores_link = true;
	add_twin(scene);
	fake = scene_client(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	for (int i = 0; i < 10; i++) {
		scene_later(scene, 20000);
		fake_answer(scene->fake, 0);
		scene_run(scene);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_true(fake->subflows[0].used);
}

/* Neither port is known before the answer; nor which of the two a port is for, but by the link. */
static void syns_of_twins_are_told_apart(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_SUBFLOW_ESTABLISHED, .token = SCENE_TOKEN};
	struct fake_connection *fake;
	size_t i = 0;

	add_twin(scene);
	fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.2.1:1000",
			    SCENE_SERVER);
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	while (fake->subflows[i].ifindex != TWIN)
		i++;
	fake->subflows[i].syn_sent = false;
	event.subflow = (struct event_subflow){.local = fake->subflows[i].local,
					       .remote = fake->subflows[i].remote,
					       .local_id = fake->subflows[i].local_id,
					       .ifindex = TWIN};
	engine_event(scene->engine, &event, scene->now_ms);
	/* the other one's link fails: its SYN is given up, and not that which was answered */
	fake_link(scene->fake, 1, "eth1", true, false);
	scene_later(scene, 100);
	g_assert_true(fake->subflows[i].used);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 1);
	g_assert_cmpuint(count_bound(fake, 1), ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
}

static void lost_link_gives_up_its_own_syn(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	add_twin(scene);
	fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.2.1:1000",
			    SCENE_SERVER);
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	fake_link(scene->fake, TWIN, "eth4", true, false);
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(count_bound(fake, 1), ==, 1);
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 0);
}

static void address_that_moves_is_followed(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_address(scene->fake, 2, ADDRESS);
	scene_later(scene, 100);
	fake_address_gone(scene->fake, 1, ADDRESS);
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_later(scene, 100);
	g_assert_cmpuint(count_bound(fake, 2), ==, 2);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
}

static void only_subflow_outlives_the_move(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake;

	fake_policy.plans_nothing = true;
	fake = scene_client(scene);
	fake_address_gone(scene->fake, 1, ADDRESS);
	scene_later(scene, 100);
	fake_address(scene->fake, 2, ADDRESS);
	scene_later(scene, 100);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_cmpuint(initial(scene)->ifindex, ==, 2);
}

static void ban_is_for_the_link_and_outlives_its_index(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = twin_client(scene);
	size_t i = 0;

	while (fake->subflows[i].ifindex != TWIN)
		i++;
	g_assert_cmpint(engine_subflow_delete(scene->engine, SCENE_TOKEN, &fake->subflows[i].local,
					      &fake->subflows[i].remote, scene->now_ms),
			==, 0);
	scene_later(scene, 100000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	fake_link_gone(scene->fake, TWIN);
	scene_later(scene, 100);
	fake_link(scene->fake, 9, "eth4", true, true);
	fake_address(scene->fake, 9, ADDRESS);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

static void administrator_chooses_the_link(struct scene *scene, gconstpointer data)
{
	struct subflow_request request = {.local = fake_addr(ADDRESS),
					  .remote = fake_addr(SCENE_SERVER)};
	static const uint32_t links[] = {TWIN, 0};
	struct fake_connection *fake;

	fake_policy.plans_nothing = true;
	add_twin(scene);
	fake = scene_client(scene);
	for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
		request.ifindex = links[i];
		g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request,
						   scene->now_ms),
				==, 0);
		fake_answer(scene->fake, 0);
		scene_run(scene);
	}
	g_assert_cmpuint(count_bound(fake, TWIN), ==, 1);
	g_assert_cmpuint(count_bound(fake, 1), ==, 1); /* without a link: where routing leads */
	request.ifindex = 2;
	g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request, scene->now_ms), ==,
			-EADDRNOTAVAIL);
}

static void path_without_a_link_is_refused_where_two_have_the_address(struct scene *scene,
								      gconstpointer data)
{
	fake_policy.names_no_link = true;
	add_twin(scene);
	scene_client(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(scene->n_refusals, ==, 4 * fake_policy.n_asked);
}

/* ---- the kernel's path manager ---- */

static size_t n_twins;

static void on_path(void *data, const struct explain_path *path)
{
	n_twins += g_str_equal(path->interface, data) && path->state == EXPLAIN_UNWANTED &&
		   strstr(path->error, "same address as on ") != NULL;
}

static void set_up_kernel(struct scene *scene)
{
	scene->fake->path_manager = PATH_MANAGER_KERNEL;
	scene_start(scene);
	scene_run(scene);
	add_twin(scene);
}

static void endpoint_stays_on_its_link(struct scene *scene, gconstpointer data)
{
	char words[ENGINE_WORDS_SIZE];
	char eth1[] = "eth1", eth4[] = "eth4";

	set_up_kernel(scene);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, ADDRESS)->ifindex, ==, 1);
	scene_client(scene);
	n_twins = 0;
	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path, eth4, words);
	g_assert_cmpuint(n_twins, ==, 1);
	engine_explain(scene->engine, SCENE_TOKEN, scene->now_ms, on_path, eth1, words);
	g_assert_cmpuint(n_twins, ==, 1);
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);

	fake_link(scene->fake, 1, "eth1", true, false);
	scene_later(scene, 10000);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, ADDRESS)->ifindex, ==, TWIN);
	fake_forget_log(scene->fake);
	fake_link(scene->fake, 1, "eth1", true, true);
	scene_later(scene, 10000);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, ADDRESS)->ifindex, ==, TWIN);
	g_assert_cmpuint(scene->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
}

/* Which are told and closed by now, of those that are lost. */
static void assert_told(const struct scene *scene, size_t n)
{
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, n);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, n);
}

/* Of two RM_ADDRs one right after the other the peer's kernel drops the second. */
static void two_that_are_lost_are_told_apart(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_link(scene->fake, 2, "eth2", true, false);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_later(scene, 20);
	assert_told(scene, 1);
	scene_later(scene, PACE_MS - 1);
	assert_told(scene, 1);
	scene_later(scene, 1);
	assert_told(scene, 2);
	scene_later(scene, 10000);
	assert_told(scene, 2);
}

static void one_lost_a_little_later_is_told_after_the_first(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 20);
	assert_told(scene, 1);
	scene_later(scene, 50);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_run(scene);
	assert_told(scene, 1);
	scene_later(scene, PACE_MS - 50);
	assert_told(scene, 2);
}

/* What is told once covers all of an address; what comes there later is told of anew. */
static void one_that_comes_back_is_told_again(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	for (size_t n = 1; n <= 2; n++) {
		fake_link(scene->fake, 2, "eth2", true, false);
		scene_later(scene, 20);
		assert_told(scene, n);
		fake_link(scene->fake, 2, "eth2", true, true);
		scene_later(scene, 5000);
		fake_answer(scene->fake, 0);
		scene_later(scene, 5000);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, n);
	}
}

/* It is planned, to be steered, and all that is there. Where it comes from nobody listens. */
static void what_a_peer_made_is_not_made_again(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_SERVER,
						    "10.0.1.1:5000", "10.9.0.1:999");

	fake_policy.plans_peers = true;
	fake_establish(scene->fake, SCENE_TOKEN);
	fake_join(scene->fake, SCENE_TOKEN, "10.0.2.1:5000", "10.9.0.1:1000");
	scene_run(scene);
	fake_reset(scene->fake, fake, 0, ECONNRESET);
	scene_run(scene);
	fake_forget_log(scene->fake);
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 1000);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 60000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("link/both-with-the-same-address-are-paths", both_links_are_paths);
	ADD("link/unbound-subflow-is-where-routing-puts-it", unbound_is_where_routing_puts_it);
	ADD("link/nothing-is-asked-where-one-link-has-the-address",
	    nothing_is_asked_where_one_link_has_it);
	ADD("link/lost-carrier-closes-what-was-there-alone",
	    lost_carrier_closes_what_was_there_alone);
	ADD("link/lost-carrier-of-the-other-leaves-it-alone",
	    lost_carrier_of_the_other_leaves_it_alone);
	ADD("link/downed-link-is-lost-though-routes-lead-elsewhere",
	    downed_link_is_lost_though_routes_lead_elsewhere);
	ADD("link/routing-that-moves-it-costs-nothing-that-works",
	    routing_that_moves_it_costs_nothing_that_works);
	ADD("link/kernel-that-binds-nothing-is-not-asked-again",
	    kernel_that_binds_nothing_is_not_asked_again);
	ADD("link/syns-of-twins-are-told-apart", syns_of_twins_are_told_apart);
	ADD("link/two-that-are-lost-are-told-one-after-another", two_that_are_lost_are_told_apart);
	ADD("link/one-lost-a-little-later-is-told-after-the-first",
	    one_lost_a_little_later_is_told_after_the_first);
	ADD("link/one-that-comes-back-is-told-again", one_that_comes_back_is_told_again);
	ADD("link/what-a-peer-made-is-not-made-again", what_a_peer_made_is_not_made_again);
	ADD("link/lost-one-gives-up-its-own-syn", lost_link_gives_up_its_own_syn);
	ADD("link/address-that-moves-is-followed", address_that_moves_is_followed);
	ADD("link/only-subflow-outlives-the-move", only_subflow_outlives_the_move);
	ADD("link/ban-is-for-the-link-and-outlives-its-index",
	    ban_is_for_the_link_and_outlives_its_index);
	ADD("link/administrator-chooses-it", administrator_chooses_the_link);
	ADD("link/path-without-one-is-refused-where-two-have-the-address",
	    path_without_a_link_is_refused_where_two_have_the_address);
	ADD("link/endpoint-stays-where-it-is", endpoint_stays_on_its_link);
	return g_test_run();
}
