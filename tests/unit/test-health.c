/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of links whose far side does not answer, and what becomes of it. */
#include <string.h>

#include "engine-scene.h"
#include "silence.h"

static struct interface *link_of(struct scene *scene, uint32_t i)
{
	return model_find_interface(engine_model(scene->engine), i);
}

static void tell_health(struct scene *scene, uint32_t ifindex, uint8_t family,
			enum mptcpd_health state)
{
	engine_event(scene->engine,
		     &(struct event){.type = EVENT_HEALTH,
				     .health = {ifindex, family, state, HEALTH_REASON_PROBE}},
		     scene->now_ms);
	scene_run(scene);
}

/* ---- verdicts: a network of which parts fall silent ---- */

#define RTO_MS 300

/* When the far side of a link went, and each peer; 0: it has not. And what is sent on subflows. */
static uint64_t link_dead_ms[4], peer_dead_ms[4];
static bool is_sending[4], is_receiving[4];
/* A subflow that alone is dead, since then. */
static uint16_t dead_port;
static uint64_t dead_port_ms;
/* Since when nothing was sent by a link to who lives, and so nothing heard. 0: something is. */
static uint64_t idle_since_ms[4];

static void network(struct scene *scene, gconstpointer data)
{
	memset(link_dead_ms, 0, sizeof(link_dead_ms));
	memset(peer_dead_ms, 0, sizeof(peer_dead_ms));
	memset(is_receiving, 0, sizeof(is_receiving));
	memset(idle_since_ms, 0, sizeof(idle_since_ms));
	memset(is_sending, 1, sizeof(is_sending));
	dead_port = 0;
	scene_set_up(scene, data);
	scene->ops.unanswered = fake_unanswered;
}

/* As TCP has it, `dead_ms` after the last acknowledgement. */
static struct event_evidence silence(uint64_t dead_ms)
{
	struct event_evidence evidence = {.rtt_ms = 50,
					  .rto_ms = RTO_MS,
					  .unacked = 10,
					  .ack_age_ms = (uint32_t)dead_ms,
					  .received_age_ms = UINT32_MAX,
					  .measured = true};

	while (RTO_MS * ((2U << evidence.backoff) - 1) <= dead_ms) {
		evidence.backoff++;
		evidence.rto_ms *= 2;
	}
	evidence.retransmits = evidence.backoff;
	evidence.next_ms = RTO_MS * ((2U << evidence.backoff) - 1) - (uint32_t)dead_ms;
	return evidence;
}

static struct event_evidence idle(uint64_t ms)
{
	struct event_evidence evidence = silence(0);

	evidence.unacked = evidence.next_ms = 0;
	evidence.ack_age_ms = (uint32_t)ms;
	return evidence;
}

static uint64_t dead_since(const struct fake_connection *connection, uint32_t ifindex)
{
	uint64_t link_ms = ifindex < 4 ? link_dead_ms[ifindex] : 0;
	uint64_t peer_ms = peer_dead_ms[connection->token & 3];

	return link_ms && peer_ms ? MIN(link_ms, peer_ms) : link_ms + peer_ms;
}

static void look_at(struct scene *scene, struct fake_connection *connection,
		    struct fake_subflow *subflow)
{
	uint32_t ifindex = subflow->initial ? 1 : subflow->ifindex;
	uint64_t since_ms = dead_port && subflow->local.port == dead_port
				    ? dead_port_ms
				    : dead_since(connection, ifindex);
	uint64_t dead_ms = since_ms ? scene->now_ms - since_ms : 0;
	uint8_t before = subflow->evidence.retransmits;

	if (subflow->syn_sent && !subflow->evidence.rto_ms)
		subflow->evidence.rto_ms = (uint32_t)scene->now_ms; /* when it began */
	if (subflow->syn_sent)
		subflow->evidence.retransmits =
			(uint8_t)((scene->now_ms - subflow->evidence.rto_ms) / 1000);
	else
		subflow->evidence = is_sending[ifindex] ? silence(dead_ms) : idle(dead_ms);
	if (idle_since_ms[ifindex])
		subflow->evidence.ack_age_ms = (uint32_t)(scene->now_ms - idle_since_ms[ifindex]);
	if (is_receiving[ifindex])
		subflow->evidence.received_age_ms = (uint32_t)dead_ms;
	scene->fake->n_unanswered += subflow->evidence.retransmits != before;
}

static void answer_scouts(struct scene *scene, struct fake_connection *connection)
{
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (connection->subflows[i].used && connection->subflows[i].syn_sent &&
		    !dead_since(connection, connection->subflows[i].ifindex))
			fake_answer_subflow(scene->fake, connection, i, 0);
}

static void pass(struct scene *scene, uint64_t ms)
{
	for (uint64_t end_ms = scene->now_ms + ms; scene->now_ms < end_ms;) {
		scene->now_ms += MIN(50, end_ms - scene->now_ms);
		for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
			struct fake_connection *connection = &scene->fake->connections[i];

			if (!connection->used)
				continue;
			for (size_t j = 0; j < FAKE_SUBFLOWS; j++)
				if (connection->subflows[j].used)
					look_at(scene, connection, &connection->subflows[j]);
			answer_scouts(scene, connection);
		}
		scene_run(scene);
	}
}

static int state(struct scene *scene, uint32_t i)
{
	return link_of(scene, i)->health[0].state;
}

static void expect_silent(struct scene *scene, uint32_t i, uint64_t within_ms)
{
	uint64_t begin_ms = scene->now_ms;

	while (state(scene, i) != MPTCPD_HEALTH_SILENT && scene->now_ms - begin_ms < within_ms)
		pass(scene, 50);
	g_assert_cmpint(state(scene, i), ==, MPTCPD_HEALTH_SILENT);
}

static void expect_no_alarm(struct scene *scene, uint64_t ms)
{
	uint64_t begin_ms = scene->now_ms;

	while (scene->now_ms - begin_ms < ms) {
		pass(scene, 50);
		for (uint32_t i = 1; i <= 3; i++)
			g_assert_cmpint(state(scene, i), !=, MPTCPD_HEALTH_SILENT);
	}
}

static void a_link_whose_data_is_not_acknowledged_is_silent(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	pass(scene, 1000);
	link_dead_ms[1] = scene->now_ms;
	expect_no_alarm(scene, 1900);
	expect_silent(scene, 1, 600);
	g_assert_cmpint(link_of(scene, 1)->health[0].reason, ==, HEALTH_REASON_UNACKNOWLEDGED);
	g_assert_cmpint(state(scene, 2), ==, MPTCPD_HEALTH_WELL);
	/* one was asked, and nothing was closed or taken back */
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	g_assert_cmpuint(scene->n_changes[CHANGE_SUBFLOW_HEALTH], ==, 1);
}

static void a_short_outage_is_no_silence(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	pass(scene, 1000);
	for (int i = 0; i < 5; i++) {
		link_dead_ms[1] = scene->now_ms;
		expect_no_alarm(scene, 900);
		link_dead_ms[1] = 0;
		expect_no_alarm(scene, 1000);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

/* What was idle before has heard nothing for long: that is no silence. */
static void idleness_is_no_silence(struct scene *scene, gconstpointer data)
{
	struct event_evidence evidence = silence(900);

	evidence.ack_age_ms = 3600000;
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_DOUBT);
	evidence = silence(2100);
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_FULL);
	g_assert_cmpint(silence_judge(&evidence, 2000, 500), ==, SILENCE_DOUBT);
	evidence.probes = 1; /* the window is closed */
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_NONE);
	evidence = silence(2100);
	evidence.rtt_ms = 4000; /* a queue of seconds */
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), <, SILENCE_NEARLY);
	evidence = silence(5000);
	evidence.ack_age_ms = 100; /* something is lost, and the peer answers */
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_DOUBT);
	evidence = idle(5000);
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_NONE);
}

/* Where the round trips varied much the second timeout is far away, and is not waited for. */
static void one_long_timeout_is_enough(struct scene *scene, gconstpointer data)
{
	struct event_evidence evidence = silence(2140);

	evidence.backoff = evidence.retransmits = 1;
	evidence.rtt_ms = 118;
	evidence.rto_ms = 1560;
	evidence.next_ms = 1160;
	g_assert_cmpint(silence_judge(&evidence, 1000, 3600000), ==, SILENCE_NEARLY);
	evidence.next_ms = 200;
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_FULL);
	evidence.ack_age_ms = 1000;
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_DOUBT);
}

static void one_peer_that_dies_makes_no_link_silent(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_connect(scene->fake, 2, MPTCPD_SIDE_CLIENT, "10.0.1.1:2000", "10.9.0.2:80");
	fake_establish(scene->fake, 2);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	pass(scene, 1000);
	peer_dead_ms[SCENE_TOKEN & 3] = scene->now_ms;
	expect_no_alarm(scene, 30000);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

/* What is sent again goes by the other link, which was idle: it was heard there long before. */
static void a_peer_that_dies_makes_no_idle_link_silent(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_connect(scene->fake, 2, MPTCPD_SIDE_CLIENT, "10.0.1.1:2000", "10.9.0.2:80");
	fake_establish(scene->fake, 2);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	idle_since_ms[2] = scene->now_ms;
	pass(scene, 5000);
	peer_dead_ms[SCENE_TOKEN & 3] = scene->now_ms;
	expect_no_alarm(scene, 30000);
}

static void where_all_links_are_silent_none_is(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_connect(scene->fake, 2, MPTCPD_SIDE_CLIENT, "10.0.1.1:2000", "10.9.0.2:80");
	fake_establish(scene->fake, 2);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	pass(scene, 1000);
	for (uint32_t i = 1; i <= 3; i++)
		link_dead_ms[i] = scene->now_ms;
	expect_no_alarm(scene, 30000);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

static void a_suspend_is_no_silence(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	pass(scene, 1000);
	link_dead_ms[1] = scene->now_ms;
	pass(scene, 1000);
	/* the ages that sockets tell stood still meanwhile; here they did not, which is worse */
	scene->now_ms += 30000;
	expect_no_alarm(scene, 1200);
	link_dead_ms[1] = 0;
	expect_no_alarm(scene, 5000);
}

static void a_suspend_makes_verdicts_void(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	pass(scene, 1000);
	link_dead_ms[1] = scene->now_ms;
	expect_silent(scene, 1, 3000);
	scene->now_ms += 30000;
	scene_run(scene);
	g_assert_cmpint(state(scene, 1), ==, MPTCPD_HEALTH_UNKNOWN);
}

static size_t count_creates(struct scene *scene, uint32_t ifindex)
{
	size_t n = 0;

	for (size_t i = 0; i < scene->fake->n_log; i++)
		n += scene->fake->log[i].command == FAKE_CREATE &&
		     scene->fake->log[i].ifindex == ifindex;
	return n;
}

/* Three at most, further and further apart; TCP repeats each of them. */
static void few_scouts_are_sent(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	pass(scene, 1000);
	link_dead_ms[2] = scene->now_ms;
	pass(scene, 4000);
	g_assert_cmpuint(count_creates(scene, 2), ==, 1);
	pass(scene, 60000);
	g_assert_cmpuint(count_creates(scene, 2), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

static void a_link_that_answers_is_well_after_recover(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	pass(scene, 1000);
	link_dead_ms[2] = scene->now_ms;
	expect_silent(scene, 2, 3000);
	pass(scene, 6000);
	link_dead_ms[2] = 0;
	pass(scene, 1500);
	g_assert_cmpint(state(scene, 2), ==, MPTCPD_HEALTH_SILENT);
	pass(scene, 1000);
	g_assert_cmpint(state(scene, 2), ==, MPTCPD_HEALTH_WELL);
	/* again so soon: twice as long */
	link_dead_ms[2] = scene->now_ms;
	expect_silent(scene, 2, 3000);
	link_dead_ms[2] = 0;
	pass(scene, 3500);
	g_assert_cmpint(state(scene, 2), ==, MPTCPD_HEALTH_SILENT);
	pass(scene, 1500);
	g_assert_cmpint(state(scene, 2), ==, MPTCPD_HEALTH_WELL);
}

static void a_receiver_that_goes_quiet_is_asked(struct scene *scene, gconstpointer data)
{
	memset(is_sending, 0, sizeof(is_sending));
	memset(is_receiving, 1, sizeof(is_receiving));
	scene_meshed(scene);
	pass(scene, 3000);
	g_assert_cmpuint(scene->fake->n_evidence_looks, <=, 1);
	link_dead_ms[2] = scene->now_ms;
	expect_silent(scene, 2, 5000);
	g_assert_cmpint(link_of(scene, 2)->health[0].reason, ==, HEALTH_REASON_SCOUT);
	g_assert_cmpuint(count_creates(scene, 2), ==, 1);
}

static void probes_tell_of_a_link_that_is_idle(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_PROBE, .probe = {.ifindex = 3, .family = AF_INET}};

	memset(is_sending, 0, sizeof(is_sending));
	scene_meshed(scene);
	pass(scene, 5000);
	engine_event(scene->engine, &event, scene->now_ms);
	scene_run(scene);
	g_assert_cmpint(state(scene, 3), ==, MPTCPD_HEALTH_SILENT);
	g_assert_cmpint(link_of(scene, 3)->health[0].reason, ==, HEALTH_REASON_PROBE);
	event.probe.ok = true;
	engine_event(scene->engine, &event, scene->now_ms);
	pass(scene, 2500);
	g_assert_cmpint(state(scene, 3), ==, MPTCPD_HEALTH_WELL);
}

static void probes_tell_without_connections(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_PROBE, .probe = {.ifindex = 3, .family = AF_INET}};

	engine_event(scene->engine, &event, scene->now_ms);
	pass(scene, 40000);
	g_assert_cmpint(state(scene, 3), ==, MPTCPD_HEALTH_SILENT);
	event.probe.ok = true;
	for (int i = 0; i < 20; i++) {
		engine_event(scene->engine, &event, scene->now_ms);
		pass(scene, 5000);
		g_assert_cmpint(state(scene, 3), ==, MPTCPD_HEALTH_WELL);
	}
	pass(scene, 70000); /* nobody asks any more */
	g_assert_cmpint(state(scene, 3), ==, MPTCPD_HEALTH_UNKNOWN);
}

static void without_connections_nothing_runs(struct scene *scene, gconstpointer data)
{
	g_assert_cmpuint(scene_run(scene), >, scene->now_ms + 20000);
	scene_meshed(scene);
	g_assert_cmpuint(scene_run(scene), <=, scene->now_ms + 250);
	fake_close(scene->fake, SCENE_TOKEN, false);
	/* who had one may want another */
	pass(scene, 500);
	g_assert_cmpuint(scene_run(scene), <=, scene->now_ms + 250);
	pass(scene, 30500);
	g_assert_cmpuint(scene_run(scene), >, scene->now_ms + 20000);
}

/* Under the kernel's path manager: that closes nothing, and is over with the silence. */
static void the_endpoint_of_a_silent_link_is_a_backup(struct scene *scene, gconstpointer data)
{
	const uint32_t backup = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP;

	scene->fake->path_manager = PATH_MANAGER_KERNEL;
	fake_endpoint(scene->fake, 1, "192.0.2.7", MPTCPD_FLAG_SUBFLOW, 2);
	scene_start(scene);
	scene_run(scene);
	tell_health(scene, 2, AF_INET, MPTCPD_HEALTH_SILENT);
	scene_later(scene, 50);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, "10.0.2.1")->flags, ==, backup);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, "192.0.2.7")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
	tell_health(scene, 2, AF_INET, MPTCPD_HEALTH_WELL);
	scene_later(scene, 50);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, "10.0.2.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
	g_assert_cmpuint(scene->fake->counts[FAKE_ENDPOINT_FLAGS], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
}

/* A NAT that forgot it: what is asked is answered. */
static void one_dead_subflow_is_replaced_and_its_link_stays(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *fake = scene_meshed(scene);

	pass(scene, 1000);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (fake->subflows[i].used && fake->subflows[i].ifindex == 2)
			dead_port = fake->subflows[i].local.port;
	dead_port_ms = scene->now_ms;
	expect_no_alarm(scene, 10000);
	g_assert_cmpuint(count_creates(scene, 2), ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_DESTROY, 0)->local.port, ==, dead_port);
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 3);
}

/* The peer's sender may wait too, and hears nothing by itself. */
static void subflows_of_a_silent_link_are_poked(struct scene *scene, gconstpointer data)
{
	size_t n;

	scene_meshed(scene);
	pass(scene, 1000);
	link_dead_ms[2] = scene->now_ms;
	expect_silent(scene, 2, 3000);
	n = scene->fake->counts[FAKE_BACKUP];
	pass(scene, 5000);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP] - n, >=, 4);
	g_assert_cmpuint(scene->fake->counts[FAKE_BACKUP] - n, <=, 6);
}

static void a_group_may_say_that_nobody_looks(struct scene *scene, gconstpointer data)
{
	static char every[] = "*";
	struct interface_rule off = {.match = every, .health_off = true};
	struct rules rules = fake_rules;

	rules.interfaces = &off;
	rules.n_interfaces = 1;
	engine_set_rules(scene->engine, &rules, scene->now_ms);
	scene_meshed(scene);
	pass(scene, 1000);
	link_dead_ms[1] = scene->now_ms;
	expect_no_alarm(scene, 10000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpint(state(scene, 2), ==, MPTCPD_HEALTH_UNKNOWN);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
}

#define WATCH(name, func)                                                                          \
	g_test_add("/engine/health/" name, struct scene, NULL, network, func, scene_tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	WATCH("idleness-is-no-silence", idleness_is_no_silence);
	WATCH("one-long-timeout-is-enough", one_long_timeout_is_enough);
	WATCH("unacknowledged-data-makes-a-link-silent",
	      a_link_whose_data_is_not_acknowledged_is_silent);
	WATCH("a-short-outage-is-no-silence", a_short_outage_is_no_silence);
	WATCH("one-peer-that-dies-makes-no-link-silent", one_peer_that_dies_makes_no_link_silent);
	WATCH("a-peer-that-dies-makes-no-idle-link-silent",
	      a_peer_that_dies_makes_no_idle_link_silent);
	WATCH("where-all-links-are-silent-none-is", where_all_links_are_silent_none_is);
	WATCH("a-suspend-is-no-silence", a_suspend_is_no_silence);
	WATCH("a-suspend-makes-verdicts-void", a_suspend_makes_verdicts_void);
	WATCH("few-scouts-are-sent", few_scouts_are_sent);
	WATCH("a-link-that-answers-is-well-after-recover",
	      a_link_that_answers_is_well_after_recover);
	WATCH("a-receiver-that-goes-quiet-is-asked", a_receiver_that_goes_quiet_is_asked);
	WATCH("probes-tell-of-a-link-that-is-idle", probes_tell_of_a_link_that_is_idle);
	WATCH("the-endpoint-of-a-silent-link-is-a-backup",
	      the_endpoint_of_a_silent_link_is_a_backup);
	WATCH("one-dead-subflow-is-replaced-and-its-link-stays",
	      one_dead_subflow_is_replaced_and_its_link_stays);
	WATCH("subflows-of-a-silent-link-are-poked", subflows_of_a_silent_link_are_poked);
	WATCH("a-group-may-say-that-nobody-looks", a_group_may_say_that_nobody_looks);
	WATCH("probes-tell-without-connections", probes_tell_without_connections);
	WATCH("without-connections-nothing-runs", without_connections_nothing_runs);
	return g_test_run();
}
