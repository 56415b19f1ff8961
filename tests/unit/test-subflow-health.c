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

/*
 * The link loses all for a while, and is well again before it is called silent: what it had is answered
 * when TCP sends it again, after 2.1 s, and is not closed before that. `phase`: of the ticks.
 */
static void pause_link(struct scene *scene, uint16_t port, uint64_t phase)
{
	health_pass(scene, 1000 + phase);
	health_network.link_dead_ms[2] = health_network.dead_port_ms = scene->now_ms;
	health_network.dead_port = port;
	health_pass(scene, 1700);
	health_network.link_dead_ms[2] = 0;
	health_pass(scene, 450);
}

static uint16_t port_of_second_link(const struct fake_connection *fake)
{
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (fake->subflows[i].used && fake->subflows[i].ifindex == 2)
			return fake->subflows[i].local.port;
	return 0;
}

static void one_that_comes_back_with_its_link_stays(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *fake = scene_meshed(scene);
	uint16_t port = port_of_second_link(fake);

	for (uint64_t phase = 0; phase < 250; phase += 50) {
		pause_link(scene, port, phase);
		health_network.dead_port = 0;
		health_expect_no_alarm(scene, 3000);
	}
	g_assert_cmpuint(health_count_creates(scene, 2), >, 0);
	for (size_t i = 0; i < scene->fake->n_log; i++)
		if (scene->fake->log[i].command == FAKE_DESTROY)
			g_assert_cmpuint(scene->fake->log[i].local.port, !=, port);
}

static void one_that_does_not_is_replaced(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *fake = scene_meshed(scene);
	uint16_t port = port_of_second_link(fake);

	pause_link(scene, port, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	health_expect_no_alarm(scene, 1000);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_DESTROY, 0)->local.port, ==, port);
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

/* Where all else is silent what replaces it is awaited: it may be the only one that works. */
static void one_that_is_taken_for_dead_waits_for_what_replaces_it(struct scene *scene,
								  gconstpointer data)
{
	struct connection *connection;

	scene_meshed(scene);
	health_tell(scene, 1, AF_INET, MPTCPD_HEALTH_SILENT);
	health_tell(scene, 3, AF_INET, MPTCPD_HEALTH_SILENT);
	connection = model_find_connection(engine_model(scene->engine), SCENE_TOKEN);
	for (size_t i = 0; i < connection->n_subflows; i++)
		connection->subflows[i].is.stale = connection->subflows[i].ifindex == 2;
	fake_forget_log(scene->fake);
	scene_ask(scene);
	g_assert_cmpuint(health_count_creates(scene, 2), ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 3);
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

/* As after a restart, or when the host was asleep: of its link nothing is known yet. */
static void nothing_is_closed_for_one_that_sends_in_vain(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *fake = scene_meshed(scene);

	health_pass(scene, 1000);
	health_network.link_dead_ms[1] = health_network.link_dead_ms[3] = scene->now_ms;
	health_pass(scene, 500);
	scene->now_ms += 30000;
	scene_run(scene);
	g_assert_cmpint(health_of(scene, 1), ==, MPTCPD_HEALTH_UNKNOWN);
	fake_policy.dropped_local = fake->subflows[1].local;
	fake_policy.dropped_remote = fake->subflows[1].remote;
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	health_network.link_dead_ms[1] = health_network.link_dead_ms[3] = 0;
	health_pass(scene, 1000); /* it is well: what waited for that goes */
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
}

/* ---- where only what we send is lost ---- */

/* As another program says of its socket on the first link. */
static struct event_evidence *add_socket(struct scene *scene, const char *local)
{
	struct event_evidence *socket = &scene->fake->sockets[scene->fake->n_sockets++];

	*socket = health_idle(0);
	socket->local = fake_addr(local);
	socket->remote = fake_addr("10.9.0.7:80");
	socket->received_age_ms = 0;
	socket->sent_age_ms = 3600000;
	return socket;
}

static void deafen(struct scene *scene)
{
	scene_meshed(scene);
	health_pass(scene, 1000);
	health_network.link_deaf_ms[1] = scene->now_ms;
}

static void who_speaks_and_does_not_hear_is_silent(struct scene *scene, gconstpointer data)
{
	deafen(scene);
	health_expect_no_alarm(scene, 1900);
	health_expect_silent(scene, 1, 900);
	g_assert_cmpint(health_link(scene, 1)->health[0].reason, ==, HEALTH_REASON_UNACKNOWLEDGED);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	/* and what it says meanwhile is no return */
	for (int i = 0; i < 100; i++) {
		health_pass(scene, 100);
		g_assert_cmpint(health_of(scene, 1), ==, MPTCPD_HEALTH_SILENT);
	}
	health_network.link_deaf_ms[1] = 0;
	health_pass(scene, 3000);
	g_assert_cmpint(health_of(scene, 1), ==, MPTCPD_HEALTH_WELL);
}

/* Who follows the events sees why there is a join. */
static void a_link_that_is_asked_is_told_as_suspect(struct scene *scene, gconstpointer data)
{
	deafen(scene);
	for (int i = 0; i < 300 && !scene->fake->counts[FAKE_CREATE]; i++)
		health_pass(scene, 10);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpint(health_of(scene, 1), ==, MPTCPD_HEALTH_SUSPECT);
}

/* One of very many, who each say something new once, and are not answered. */
static void a_crowd_that_does_not_hear_is_silent(struct scene *scene, gconstpointer data)
{
	struct event_evidence *socket;
	uint16_t port = 20000;

	deafen(scene);
	socket = add_socket(scene, "10.0.1.1:20000");
	for (int i = 0; i < 80 && health_of(scene, 1) != MPTCPD_HEALTH_SILENT; i++) {
		socket->local.port = ++port;
		socket->received++;
		health_pass(scene, 50);
	}
	g_assert_cmpint(health_of(scene, 1), ==, MPTCPD_HEALTH_SILENT);
}

/* The acknowledgements of a download get through, or it would end. */
static void who_goes_on_sending_hears(struct scene *scene, gconstpointer data)
{
	struct event_evidence *socket;

	deafen(scene);
	socket = add_socket(scene, "10.0.1.1:20000");
	for (int i = 0; i < 400; i++) {
		socket->received += 1000;
		health_expect_no_alarm(scene, 50);
	}
}

static void who_acknowledges_anything_hears(struct scene *scene, gconstpointer data)
{
	struct event_evidence *socket;

	deafen(scene);
	socket = add_socket(scene, "10.0.1.1:20000");
	socket->unacked = 10;
	socket->sent_age_ms = 0;
	for (int i = 0; i < 400; i++) {
		socket->delivered++;
		health_expect_no_alarm(scene, 50);
	}
}

/* Its answers arrive, for they are acknowledged. */
static void who_is_answered_hears(struct scene *scene, gconstpointer data)
{
	struct event_evidence *socket;

	deafen(scene);
	socket = add_socket(scene, "10.0.1.1:20000");
	for (int i = 0; i < 400; i++) {
		socket->sent_age_ms = (uint32_t)(i % 10 * 50);
		health_expect_no_alarm(scene, 50);
	}
}

/* What is sent is thrown away, and acknowledged no further. */
static void a_closed_window_is_no_silence(struct scene *scene, gconstpointer data)
{
	deafen(scene);
	for (int i = 0; i < 200; i++) {
		health_network.is_full = true;
		health_expect_no_alarm(scene, 50);
	}
	g_assert_cmpuint(scene->n_changes[CHANGE_SUBFLOW_HEALTH], ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	WATCH("a-receiver-that-goes-quiet-is-asked", a_receiver_that_goes_quiet_is_asked);
	WATCH("one-dead-subflow-is-replaced-and-its-link-stays",
	      one_dead_subflow_is_replaced_and_its_link_stays);
	WATCH("one-that-comes-back-with-its-link-stays", one_that_comes_back_with_its_link_stays);
	WATCH("one-that-does-not-is-replaced", one_that_does_not_is_replaced);
	WATCH("one-dead-port-is-replaced-and-no-other", one_dead_port_is_replaced_and_no_other);
	WATCH("one-that-is-taken-for-dead-waits-for-what-replaces-it",
	      one_that_is_taken_for_dead_waits_for_what_replaces_it);
	WATCH("one-that-is-answered-is-not-quiet", one_that_is_answered_is_not_quiet);
	WATCH("nothing-is-closed-for-one-that-sends-in-vain",
	      nothing_is_closed_for_one_that_sends_in_vain);
	WATCH("who-speaks-and-does-not-hear-is-silent", who_speaks_and_does_not_hear_is_silent);
	WATCH("a-link-that-is-asked-is-told-as-suspect", a_link_that_is_asked_is_told_as_suspect);
	WATCH("a-crowd-that-does-not-hear-is-silent", a_crowd_that_does_not_hear_is_silent);
	WATCH("who-goes-on-sending-hears", who_goes_on_sending_hears);
	WATCH("who-acknowledges-anything-hears", who_acknowledges_anything_hears);
	WATCH("who-is-answered-hears", who_is_answered_hears);
	WATCH("a-closed-window-is-no-silence", a_closed_window_is_no_silence);
	return g_test_run();
}
