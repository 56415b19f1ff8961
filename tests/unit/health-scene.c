/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "health-scene.h"

#define RTO_MS 300
#define STEP_MS 50
#define AGAIN_MS 300

struct health_network health_network;

struct interface *health_link(struct scene *scene, uint32_t i)
{
	return model_find_interface(engine_model(scene->engine), i);
}

void health_tell(struct scene *scene, uint32_t ifindex, uint8_t family, enum mptcpd_health state)
{
	engine_event(scene->engine,
		     &(struct event){.type = EVENT_HEALTH,
				     .health = {ifindex, family, state, HEALTH_REASON_PROBE}},
		     scene->now_ms);
	scene_run(scene);
}

void health_set_up(struct scene *scene, gconstpointer data)
{
	health_network = (struct health_network){.is_sending = {true, true, true, true}};
	scene_set_up(scene, data);
	scene->ops.answers = fake_answers;
}

/* As TCP has it, `dead_ms` after the last acknowledgement. */
struct event_evidence health_silence(uint64_t dead_ms)
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

struct event_evidence health_idle(uint64_t ms)
{
	struct event_evidence evidence = health_silence(0);

	evidence.unacked = evidence.next_ms = 0;
	evidence.ack_age_ms = (uint32_t)ms;
	return evidence;
}

static uint64_t dead_since(const struct fake_connection *connection, uint32_t ifindex)
{
	uint64_t link_ms = ifindex < 4 ? health_network.link_dead_ms[ifindex] +
						 health_network.link_deaf_ms[ifindex]
				       : 0;
	uint64_t peer_ms = health_network.peer_dead_ms[connection->token & 3];

	return link_ms && peer_ms ? MIN(link_ms, peer_ms) : link_ms + peer_ms;
}

static void look_at(struct scene *scene, struct fake_connection *connection,
		    struct fake_subflow *subflow)
{
	uint32_t ifindex = subflow->initial ? 1 : subflow->ifindex;
	uint64_t since_ms =
		health_network.dead_port && subflow->local.port == health_network.dead_port
			? health_network.dead_port_ms
			: dead_since(connection, ifindex);
	uint64_t dead_ms = since_ms ? scene->now_ms - since_ms : 0;
	uint8_t before = subflow->evidence.retransmits;

	if (subflow->syn_sent && !subflow->evidence.rto_ms)
		subflow->evidence.rto_ms = (uint32_t)scene->now_ms; /* when it began */
	if (subflow->syn_sent)
		subflow->evidence.retransmits =
			(uint8_t)((scene->now_ms - subflow->evidence.rto_ms) / 1000);
	else
		subflow->evidence = health_network.is_sending[ifindex] ? health_silence(dead_ms)
								       : health_idle(dead_ms);
	if (health_network.idle_since_ms[ifindex])
		subflow->evidence.ack_age_ms =
			(uint32_t)(scene->now_ms - health_network.idle_since_ms[ifindex]);
	if (health_network.is_receiving[ifindex])
		subflow->evidence.received_age_ms =
			(uint32_t)(health_network.received_ms[ifindex]
					   ? scene->now_ms - health_network.received_ms[ifindex]
					   : dead_ms);
	subflow->evidence.delivered = (uint32_t)((since_ms ? since_ms : scene->now_ms) / STEP_MS);
	subflow->evidence.sent_age_ms =
		subflow->evidence.unacked ? 0 : subflow->evidence.ack_age_ms;
	subflow->evidence.is_full = health_network.is_full;
	if (health_network.link_deaf_ms[ifindex])
		subflow->evidence.ack_age_ms = (uint32_t)(dead_ms % AGAIN_MS);
	scene->fake->n_missed += subflow->evidence.retransmits != before;
	scene->fake->n_heard +=
		MIN(subflow->evidence.ack_age_ms, subflow->evidence.received_age_ms) < STEP_MS;
}

static void answer_scouts(struct scene *scene, struct fake_connection *connection)
{
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (connection->subflows[i].used && connection->subflows[i].syn_sent &&
		    !dead_since(connection, connection->subflows[i].ifindex))
			fake_answer_subflow(scene->fake, connection, i, 0);
}

void health_pass(struct scene *scene, uint64_t ms)
{
	for (uint64_t end_ms = scene->now_ms + ms; scene->now_ms < end_ms;) {
		scene->now_ms += MIN(STEP_MS, end_ms - scene->now_ms);
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

int health_of(struct scene *scene, uint32_t i)
{
	return health_link(scene, i)->health[0].state;
}

void health_expect_silent(struct scene *scene, uint32_t i, uint64_t within_ms)
{
	uint64_t begin_ms = scene->now_ms;

	while (health_of(scene, i) != MPTCPD_HEALTH_SILENT && scene->now_ms - begin_ms < within_ms)
		health_pass(scene, 50);
	g_assert_cmpint(health_of(scene, i), ==, MPTCPD_HEALTH_SILENT);
}

void health_expect_no_alarm(struct scene *scene, uint64_t ms)
{
	uint64_t begin_ms = scene->now_ms;

	while (scene->now_ms - begin_ms < ms) {
		health_pass(scene, 50);
		for (uint32_t i = 1; i <= 3; i++)
			g_assert_cmpint(health_of(scene, i), !=, MPTCPD_HEALTH_SILENT);
	}
}

size_t health_count_creates(struct scene *scene, uint32_t ifindex)
{
	size_t n = 0;

	for (size_t i = 0; i < scene->fake->n_log; i++)
		n += scene->fake->log[i].command == FAKE_CREATE &&
		     scene->fake->log[i].ifindex == ifindex;
	return n;
}
