/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of links whose far side does not answer, and what becomes of it. */
#include <errno.h>

#include "health-scene.h"
#include "silence.h"

static void a_link_whose_data_is_not_acknowledged_is_silent(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	health_pass(scene, 1000);
	health_network.link_dead_ms[1] = scene->now_ms;
	health_expect_no_alarm(scene, 1900);
	health_expect_silent(scene, 1, 600);
	g_assert_cmpint(health_link(scene, 1)->health[0].reason, ==, HEALTH_REASON_UNACKNOWLEDGED);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_WELL);
	/* one was asked, and nothing was closed or taken back */
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	g_assert_cmpuint(scene->n_changes[CHANGE_SUBFLOW_HEALTH], ==, 1);
}

static void a_short_outage_is_no_silence(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	health_pass(scene, 1000);
	for (int i = 0; i < 5; i++) {
		health_network.link_dead_ms[1] = scene->now_ms;
		health_expect_no_alarm(scene, 900);
		health_network.link_dead_ms[1] = 0;
		health_expect_no_alarm(scene, 1000);
	}
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

/* What was idle before has heard nothing for long: that is no silence. */
static void idleness_is_no_silence(struct scene *scene, gconstpointer data)
{
	struct event_evidence evidence = health_silence(900);

	evidence.ack_age_ms = 3600000;
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_DOUBT);
	evidence = health_silence(2100);
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_FULL);
	g_assert_cmpint(silence_judge(&evidence, 2000, 500), ==, SILENCE_DOUBT);
	evidence.probes = 1; /* the window is closed */
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_NONE);
	evidence = health_silence(2100);
	evidence.rtt_ms = 4000; /* a queue of seconds */
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), <, SILENCE_NEARLY);
	evidence = health_silence(5000);
	evidence.ack_age_ms = 100; /* something is lost, and the peer answers */
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_DOUBT);
	evidence = health_idle(5000);
	g_assert_cmpint(silence_judge(&evidence, 2000, 3600000), ==, SILENCE_NONE);
}

/* Where the round trips varied much the second timeout is far away, and is not waited for. */
static void one_long_timeout_is_enough(struct scene *scene, gconstpointer data)
{
	struct event_evidence evidence = health_silence(2140);

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
	health_pass(scene, 1000);
	health_network.peer_dead_ms[SCENE_TOKEN & 3] = scene->now_ms;
	health_expect_no_alarm(scene, 30000);
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
	health_network.idle_since_ms[2] = scene->now_ms;
	health_pass(scene, 5000);
	health_network.peer_dead_ms[SCENE_TOKEN & 3] = scene->now_ms;
	health_expect_no_alarm(scene, 30000);
}

static void where_all_links_are_silent_none_is(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_connect(scene->fake, 2, MPTCPD_SIDE_CLIENT, "10.0.1.1:2000", "10.9.0.2:80");
	fake_establish(scene->fake, 2);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	health_pass(scene, 1000);
	for (uint32_t i = 1; i <= 3; i++)
		health_network.link_dead_ms[i] = scene->now_ms;
	health_expect_no_alarm(scene, 30000);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

static void a_suspend_is_no_silence(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	health_pass(scene, 1000);
	health_network.link_dead_ms[1] = scene->now_ms;
	health_pass(scene, 1000);
	/* the ages that sockets tell stood still meanwhile; here they did not, which is worse */
	scene->now_ms += 30000;
	health_expect_no_alarm(scene, 1200);
	health_network.link_dead_ms[1] = 0;
	health_expect_no_alarm(scene, 5000);
}

static void a_suspend_makes_verdicts_void(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	health_pass(scene, 1000);
	health_network.link_dead_ms[1] = scene->now_ms;
	health_expect_silent(scene, 1, 3000);
	scene->now_ms += 30000;
	scene_run(scene);
	g_assert_cmpint(health_of(scene, 1), ==, MPTCPD_HEALTH_UNKNOWN);
}

/* Three at most, further and further apart; TCP repeats each of them. */
static void few_scouts_are_sent(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	health_pass(scene, 1000);
	health_network.link_dead_ms[2] = scene->now_ms;
	health_pass(scene, 4000);
	g_assert_cmpuint(health_count_creates(scene, 2), ==, 1);
	health_pass(scene, 60000);
	g_assert_cmpuint(health_count_creates(scene, 2), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
}

/* Each silence is answered by scouts of its own, and few of those that were answered stay. */
static void scouts_are_sent_each_time(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_PROBE, .probe = {.ifindex = 3, .family = AF_INET}};
	struct fake_connection *fake = scene_meshed(scene);

	memset(health_network.is_sending, 0, sizeof(health_network.is_sending));
	for (size_t n = 0; n < 8; n++) {
		size_t before = scene->fake->counts[FAKE_CREATE];

		event.probe.ok = false;
		engine_event(scene->engine, &event, scene->now_ms);
		health_pass(scene, 10000);
		g_assert_cmpint(health_of(scene, 3), ==, MPTCPD_HEALTH_SILENT);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], >, before);
		fake_answer(scene->fake, 0);
		event.probe.ok = true;
		engine_event(scene->engine, &event, scene->now_ms);
		health_pass(scene, 100000);
		g_assert_cmpint(health_of(scene, 3), ==, MPTCPD_HEALTH_WELL);
		g_assert_cmpuint(fake_count_subflows(fake), <=, 6);
	}
}

/* The plan says backup while a normal one is out: what that becomes is to be one, too. */
static void a_scout_becomes_what_its_path_is(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	size_t n = 0;

	health_pass(scene, 1000);
	health_network.link_dead_ms[2] = scene->now_ms;
	health_expect_silent(scene, 2, 3000);
	g_assert_cmpuint(health_count_creates(scene, 2), ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->flags, ==, 0);
	fake_link(scene->fake, 2, "backup0", true, true);
	health_pass(scene, 100);
	health_network.link_dead_ms[2] = 0;
	health_pass(scene, 4000);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		const struct fake_subflow *subflow = &fake->subflows[i];

		if (!subflow->used || subflow->ifindex != 2)
			continue;
		n++;
		g_assert_false(subflow->syn_sent);
		g_assert_true(subflow->backup);
	}
	g_assert_cmpuint(n, ==, 2);
}

static void a_link_that_answers_is_well_after_recover(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	health_pass(scene, 1000);
	health_network.link_dead_ms[2] = scene->now_ms;
	health_expect_silent(scene, 2, 3000);
	health_pass(scene, 6000);
	health_network.link_dead_ms[2] = 0;
	health_pass(scene, 1500);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_SILENT);
	health_pass(scene, 1000);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_WELL);
	/* again so soon: twice as long */
	health_network.link_dead_ms[2] = scene->now_ms;
	health_expect_silent(scene, 2, 3000);
	health_network.link_dead_ms[2] = 0;
	health_pass(scene, 3500);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_SILENT);
	health_pass(scene, 1500);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_WELL);
}

static void probes_tell_of_a_link_that_is_idle(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_PROBE, .probe = {.ifindex = 3, .family = AF_INET}};

	memset(health_network.is_sending, 0, sizeof(health_network.is_sending));
	scene_meshed(scene);
	health_pass(scene, 5000);
	engine_event(scene->engine, &event, scene->now_ms);
	scene_run(scene);
	g_assert_cmpint(health_of(scene, 3), ==, MPTCPD_HEALTH_SILENT);
	g_assert_cmpint(health_link(scene, 3)->health[0].reason, ==, HEALTH_REASON_PROBE);
	event.probe.ok = true;
	engine_event(scene->engine, &event, scene->now_ms);
	health_pass(scene, 2500);
	g_assert_cmpint(health_of(scene, 3), ==, MPTCPD_HEALTH_WELL);
}

static void probes_tell_without_connections(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_PROBE, .probe = {.ifindex = 3, .family = AF_INET}};

	engine_event(scene->engine, &event, scene->now_ms);
	health_pass(scene, 40000);
	g_assert_cmpint(health_of(scene, 3), ==, MPTCPD_HEALTH_SILENT);
	event.probe.ok = true;
	for (int i = 0; i < 20; i++) {
		engine_event(scene->engine, &event, scene->now_ms);
		health_pass(scene, 5000);
		g_assert_cmpint(health_of(scene, 3), ==, MPTCPD_HEALTH_WELL);
	}
	health_pass(scene, 70000); /* nobody asks any more */
	g_assert_cmpint(health_of(scene, 3), ==, MPTCPD_HEALTH_UNKNOWN);
}

static void without_connections_nothing_runs(struct scene *scene, gconstpointer data)
{
	g_assert_cmpuint(scene_run(scene), >, scene->now_ms + 20000);
	scene_meshed(scene);
	g_assert_cmpuint(scene_run(scene), <=, scene->now_ms + 250);
	fake_close(scene->fake, SCENE_TOKEN, false);
	/* who had one may want another */
	health_pass(scene, 500);
	g_assert_cmpuint(scene_run(scene), <=, scene->now_ms + 250);
	health_pass(scene, 30500);
	g_assert_cmpuint(scene_run(scene), >, scene->now_ms + 20000);
}

/* Also not those that received until then and are watched for going quiet. */
static void where_nothing_moves_nobody_is_asked(struct scene *scene, gconstpointer data)
{
	uint64_t before;

	memset(health_network.is_sending, 0, sizeof(health_network.is_sending));
	memset(health_network.is_receiving, 1, sizeof(health_network.is_receiving));
	scene_meshed(scene);
	health_pass(scene, 3000);
	g_assert_cmpuint(scene->fake->n_evidence, >, 0);
	for (uint32_t i = 1; i <= 3; i++)
		health_network.idle_since_ms[i] = health_network.received_ms[i] = scene->now_ms;
	health_pass(scene, 1000);
	before = scene->fake->n_evidence;
	health_pass(scene, 10000);
	g_assert_cmpuint(scene->fake->n_evidence, ==, before);
	g_assert_cmpuint(scene_run(scene), <=, scene->now_ms + 250);
}

/* With very many sockets, where somebody waits in vain at any time. */
static void looks_take_a_hundredth_of_the_time(struct scene *scene, gconstpointer data)
{
	const uint32_t cost_ms = 50, seconds = 600;
	size_t before;

	scene_meshed(scene);
	scene->fake->look_cost_us = cost_ms * 1000;
	health_pass(scene, 1000);
	before = scene->fake->n_evidence_looks;
	for (uint32_t i = 0; i < seconds * 10; i++) {
		scene->fake->n_missed++;
		scene->fake->n_heard++;
		health_pass(scene, 100);
	}
	g_assert_cmpuint(scene->fake->n_evidence_looks - before, >=, seconds / 10);
	/* and one or two that came sooner, after the quiet time before */
	g_assert_cmpuint(scene->fake->n_evidence_looks - before, <=,
			 seconds * 1000 / 100 / cost_ms + 2);
}

/* What a new engine hears of the end of its snapshots of connections. */
enum end { END_NOTHING, END_WELL, END_FAILED };
struct beginning {
	struct scene *scene;
	enum end end;
};

static void hear(void *data, const struct event *event)
{
	const struct beginning *beginning = data;
	struct event heard = *event;

	if (event->type == EVENT_SNAPSHOT_END && event->snapshot == SNAPSHOT_CONNECTIONS) {
		if (beginning->end == END_NOTHING)
			return;
		if (beginning->end == END_FAILED) {
			heard.type = EVENT_SNAPSHOT_FAILED;
			heard.error = ENOBUFS;
		}
	}
	engine_event(beginning->scene->engine, &heard, beginning->scene->now_ms);
}

/* Returns how many looks a new engine asked for in two seconds. */
static size_t count_looks_of_new(struct scene *scene, enum end end)
{
	size_t before = scene->fake->n_evidence_looks;

	scene_start(scene);
	for (int i = 0; i < 20; i++) {
		engine_settle(scene->engine, scene->now_ms);
		fake_tell(scene->fake, hear, &(struct beginning){scene, end});
		scene->now_ms += 100;
	}
	g_assert_nonnull(scene_connection(scene));
	return scene->fake->n_evidence_looks - before;
}

/* Of whom evidence would speak nobody knows as yet; both go through all sockets. */
static void nobody_looks_before_connections_are_known(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	g_assert_cmpuint(count_looks_of_new(scene, END_NOTHING), ==, 0);
	g_assert_cmpuint(count_looks_of_new(scene, END_WELL), >, 0);
	/* Where they cannot be listed, there is nothing to wait for. */
	g_assert_cmpuint(count_looks_of_new(scene, END_FAILED), >, 0);
}

/* Under the kernel's path manager: that closes nothing, and is over with the silence. */
static void the_endpoint_of_a_silent_link_is_a_backup(struct scene *scene, gconstpointer data)
{
	const uint32_t backup = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP;

	scene->fake->path_manager = PATH_MANAGER_KERNEL;
	fake_endpoint(scene->fake, 1, "192.0.2.7", MPTCPD_FLAG_SUBFLOW, 2);
	scene_start(scene);
	scene_run(scene);
	health_tell(scene, 2, AF_INET, MPTCPD_HEALTH_SILENT);
	scene_later(scene, 50);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, "10.0.2.1")->flags, ==, backup);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, "192.0.2.7")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
	health_tell(scene, 2, AF_INET, MPTCPD_HEALTH_WELL);
	scene_later(scene, 50);
	g_assert_cmpuint(fake_find_endpoint(scene->fake, "10.0.2.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
	g_assert_cmpuint(scene->fake->counts[FAKE_ENDPOINT_FLAGS], ==, 2);
	g_assert_cmpuint(scene->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
}

/* The peer's sender may wait too, and hears nothing by itself. */
static void subflows_of_a_silent_link_are_poked(struct scene *scene, gconstpointer data)
{
	size_t n;

	scene_meshed(scene);
	health_pass(scene, 1000);
	health_network.link_dead_ms[2] = scene->now_ms;
	health_expect_silent(scene, 2, 3000);
	n = scene->fake->counts[FAKE_BACKUP];
	health_pass(scene, 5000);
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
	health_pass(scene, 1000);
	health_network.link_dead_ms[1] = scene->now_ms;
	health_expect_no_alarm(scene, 10000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpint(health_of(scene, 2), ==, MPTCPD_HEALTH_UNKNOWN);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
}

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
	WATCH("scouts-are-sent-each-time", scouts_are_sent_each_time);
	WATCH("a-scout-becomes-what-its-path-is", a_scout_becomes_what_its_path_is);
	WATCH("a-link-that-answers-is-well-after-recover",
	      a_link_that_answers_is_well_after_recover);
	WATCH("probes-tell-of-a-link-that-is-idle", probes_tell_of_a_link_that_is_idle);
	WATCH("the-endpoint-of-a-silent-link-is-a-backup",
	      the_endpoint_of_a_silent_link_is_a_backup);
	WATCH("subflows-of-a-silent-link-are-poked", subflows_of_a_silent_link_are_poked);
	WATCH("a-group-may-say-that-nobody-looks", a_group_may_say_that_nobody_looks);
	WATCH("probes-tell-without-connections", probes_tell_without_connections);
	WATCH("where-nothing-moves-nobody-is-asked", where_nothing_moves_nobody_is_asked);
	WATCH("without-connections-nothing-runs", without_connections_nothing_runs);
	WATCH("looks-take-a-hundredth-of-the-time", looks_take_a_hundredth_of_the_time);
	WATCH("nobody-looks-before-connections-are-known",
	      nobody_looks_before_connections_are_known);
	return g_test_run();
}
