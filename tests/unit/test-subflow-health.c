/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a subflow that alone is dead, or may be. */
#include "health-scene.h"

static void a_receiver_that_goes_quiet_is_asked(struct scene *scene, gconstpointer data)
{
	memset(health_network.is_sending, 0, sizeof(health_network.is_sending));
	memset(health_network.is_receiving, 1, sizeof(health_network.is_receiving));
	scene_meshed(scene);
	health_pass(scene, 3000);
	g_assert_cmpuint(scene->fake->n_evidence_looks, <=, 1);
	health_network.link_dead_ms[2] = scene->now_ms;
	health_expect_silent(scene, 2, 5000);
	g_assert_cmpint(health_link(scene, 2)->health[0].reason, ==, HEALTH_REASON_SCOUT);
	g_assert_cmpuint(health_count_creates(scene, 2), ==, 1);
}

/* A NAT that forgot it: what is asked is answered. */
static void one_dead_subflow_is_replaced_and_its_link_stays(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *fake = scene_meshed(scene);

	health_pass(scene, 1000);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (fake->subflows[i].used && fake->subflows[i].ifindex == 2)
			health_network.dead_port = fake->subflows[i].local.port;
	health_network.dead_port_ms = scene->now_ms;
	health_expect_no_alarm(scene, 10000);
	g_assert_cmpuint(health_count_creates(scene, 2), ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_DESTROY, 0)->local.port, ==,
			 health_network.dead_port);
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 3);
}

/* A network that has a way for each port: the others are well, on the same link. */
static void one_dead_port_is_replaced_and_no_other(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *fake;

	fake_policy.parallel = true;
	fake_link(scene->fake, 2, "eth2", true, false);
	fake_link(scene->fake, 3, "eth3", true, false);
	fake = scene_client(scene);
	fake_answer(scene->fake, 0);
	health_pass(scene, 1000);
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 2);
	fake_forget_log(scene->fake);
	health_network.dead_port = fake->subflows[1].local.port;
	health_network.dead_port_ms = scene->now_ms;
	health_pass(scene, 2500);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_DESTROY, 0)->local.port, ==,
			 health_network.dead_port);
	health_pass(scene, 60000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 2);
}

/* The peer has said what it had to say there, and takes what it is sent. */
static void one_that_is_answered_is_not_quiet(struct scene *scene, gconstpointer data)
{
	memset(health_network.is_receiving, 1, sizeof(health_network.is_receiving));
	scene_meshed(scene);
	health_pass(scene, 3000);
	health_network.received_ms[1] = scene->now_ms;
	health_expect_no_alarm(scene, 30000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	WATCH("a-receiver-that-goes-quiet-is-asked", a_receiver_that_goes_quiet_is_asked);
	WATCH("one-dead-subflow-is-replaced-and-its-link-stays",
	      one_dead_subflow_is_replaced_and_its_link_stays);
	WATCH("one-dead-port-is-replaced-and-no-other", one_dead_port_is_replaced_and_no_other);
	WATCH("one-that-is-answered-is-not-quiet", one_that_is_answered_is_not_quiet);
	return g_test_run();
}
