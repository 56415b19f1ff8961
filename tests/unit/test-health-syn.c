/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What connections that begin, and are not answered, tell of their link. */
#include "health-scene.h"

static int leads_to_1(void *kernel, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote, uint32_t mark)
{
	return 1;
}

/* Whatever the fake does not know is a join of its connection. */
static int evidence_of_joins(void *kernel, const struct mptcpd_addr *local,
			     const struct mptcpd_addr *remote, uint32_t ifindex,
			     struct event_evidence *ret_evidence)
{
	const struct fake_kernel *fake = kernel;

	if (fake_evidence(kernel, local, remote, ifindex, ret_evidence) == 0)
		return 0;
	*ret_evidence = (struct event_evidence){.local = *local,
						.remote = *remote,
						.syn_sent = true,
						.measured = true,
						.token = fake->connections[0].token};
	return 0;
}

/* Sockets wait in vain for answers of two hosts; they are bound to the address of link 2 alone. */
static void call_in_vain(struct scene *scene, struct mptcpd_addr one, struct mptcpd_addr other)
{
	struct event event = {.type = EVENT_EVIDENCE,
			      .evidence = {.local = fake_addr("10.0.2.1"),
					   .syn_sent = true,
					   .retransmits = 3}};

	health_pass(scene, 1000);
	health_network.idle_since_ms[2] = scene->now_ms;
	for (size_t i = 0; i < 50; i++) {
		scene->fake->n_missed++;
		event.evidence.remote = one;
		engine_event(scene->engine, &event, scene->now_ms);
		event.evidence.remote = other;
		engine_event(scene->engine, &event, scene->now_ms);
		health_pass(scene, 100);
	}
}

static void call_the_peer(struct scene *scene)
{
	scene_meshed(scene);
	call_in_vain(scene, scene_connection(scene)->remote, scene_connection(scene)->remote);
}

static void call_two_strangers(struct scene *scene)
{
	scene_meshed(scene);
	call_in_vain(scene, fake_addr("192.168.7.1"), fake_addr("192.168.7.2"));
}

static void assert_silent(struct scene *scene)
{
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_SILENT);
	g_assert_cmpint(health_link(scene, 2)->health[0].reason, ==, HEALTH_REASON_SYN);
}

static void who_is_called_in_vain_is_silent(struct scene *scene, gconstpointer data)
{
	call_the_peer(scene);
	assert_silent(scene);
}

static void joins_to_who_answers_elsewhere_count(struct scene *scene, gconstpointer data)
{
	scene->ops.evidence = evidence_of_joins;
	call_the_peer(scene);
	assert_silent(scene);
}

static void two_that_programs_call_in_vain_count(struct scene *scene, gconstpointer data)
{
	call_two_strangers(scene);
	assert_silent(scene);
}

/* The peer announced what nobody reaches. */
static void joins_to_strangers_accuse_no_link(struct scene *scene, gconstpointer data)
{
	scene->ops.evidence = evidence_of_joins;
	call_two_strangers(scene);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_WELL);
}

/* Its packets never were on the link. */
static void what_is_led_elsewhere_accuses_no_link(struct scene *scene, gconstpointer data)
{
	scene->ops.egress = leads_to_1;
	call_the_peer(scene);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_WELL);
}

/* A look at ten thousand of them asks of a few whose they are. */
static void few_are_asked_for(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_EVIDENCE,
			      .evidence = {.local = fake_addr("10.0.2.1"),
					   .syn_sent = true,
					   .retransmits = 3}};
	unsigned int n;

	scene_meshed(scene);
	health_pass(scene, 1000);
	n = scene->fake->n_evidence;
	event.evidence.remote = fake_addr("192.168.7.1");
	for (uint16_t port = 1; port <= 10000; port++) {
		event.evidence.local.port = port;
		engine_event(scene->engine, &event, scene->now_ms);
	}
	g_assert_cmpuint(scene->fake->n_evidence - n, >, 0);
	g_assert_cmpuint(scene->fake->n_evidence - n, <=, 64);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	WATCH("who-is-called-in-vain-is-silent", who_is_called_in_vain_is_silent);
	WATCH("joins-to-who-answers-elsewhere-count", joins_to_who_answers_elsewhere_count);
	WATCH("two-that-programs-call-in-vain-count", two_that_programs_call_in_vain_count);
	WATCH("joins-to-strangers-accuse-no-link", joins_to_strangers_accuse_no_link);
	WATCH("what-is-led-elsewhere-accuses-no-link", what_is_led_elsewhere_accuses_no_link);
	WATCH("few-are-asked-for", few_are_asked_for);
	return g_test_run();
}
