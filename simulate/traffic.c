/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP on the subflows of the fake kernel: SYNs that are answered or sent again, data that is
 * acknowledged or waits longer and longer, and what of that a look at the sockets shows.
 */
#include <errno.h>

#include "addr.h"
#include "world.h"

/* As the kernel's: a SYN is sent again after 1, 3, 7, … s and given up after 127 s. */
#define SYN_MS 1000
#define SYN_TIMEOUTS 6
#define SYN_LOST_ONE_IN 16
#define RTO_MIN_MS 200
#define RTO_MAX_MS 120000
#define TIMEOUTS_MAX 15
/* A connection without a subflow ends. */
#define BARE_MS 60000
/* Bytes a millisecond; one flow in so many is put on a bad way by its ports. */
#define RATE 1000
#define SLOW_ONE_IN 8

static uint32_t rtt_of(struct world *world, const struct flow *flow)
{
	const struct uplink *uplink = world_find_uplink(world, &flow->local);

	return uplink ? uplink->rtt_ms : 1;
}

static uint64_t rto_of(struct world *world, const struct flow *flow)
{
	uint64_t first_ms = 2 * (uint64_t)rtt_of(world, flow) + RTO_MIN_MS;
	uint64_t rto_ms = first_ms << flow->n_timeouts;

	return MIN(rto_ms, RTO_MAX_MS);
}

static void begin_flow(struct world *world, struct flow *flow, const struct fake_subflow *subflow)
{
	const struct uplink *uplink = world_find_uplink(world, &subflow->local);

	*flow = (struct flow){
		.used = true,
		.is_slow = world_dice(world, SLOW_ONE_IN) == 0,
		.local = subflow->local,
		.remote = subflow->remote,
		.ifindex = uplink ? uplink->ifindex : 0,
		.begin_ms = world->now_ms,
		.heard_ms = world->now_ms,
		.counted_ms = world->now_ms,
		.established_ms = subflow->syn_sent ? 0 : world->now_ms,
		.due_ms = subflow->syn_sent ? world->now_ms : UINT64_MAX,
	};
}

/* One that is bound to a link that was unplugged is dead, though its address is back. */
static bool reaches(struct world *world, const struct fake_subflow *subflow)
{
	const struct uplink *uplink = world_find_uplink(world, &subflow->local);

	return world_reaches(world, &subflow->local, &subflow->remote) &&
	       (!subflow->ifindex || subflow->ifindex == uplink->ifindex);
}

static bool is_same(const struct flow *flow, const struct fake_subflow *subflow)
{
	return flow->used && addr_equal(&flow->local, &subflow->local) &&
	       addr_equal(&flow->remote, &subflow->remote);
}

/* ---- a SYN ---- */

/* By chance, or because somebody between does not like it. */
static bool is_syn_lost(struct world *world, const struct flow *flow)
{
	const struct uplink *uplink = world_find_uplink(world, &flow->local);

	return uplink->eats_joins || world_dice(world, SYN_LOST_ONE_IN) == 0;
}

static void settle_syn(struct world *world, struct fake_connection *connection, size_t i,
		       struct flow *flow)
{
	struct fake_subflow *subflow = &connection->subflows[i];
	struct uplink *uplink = world_find_uplink(world, &flow->local);

	if (flow->due_ms > world->now_ms)
		return;
	if (flow->is_answered) {
		bool refused = world_refuses(&subflow->remote);

		flow->established_ms = flow->heard_ms = world->now_ms;
		flow->due_ms = UINT64_MAX;
		flow->n_timeouts = 0;
		fake_answer_subflow(world->fake, connection, i, refused ? ECONNREFUSED : 0);
		flow->used = !refused;
		return;
	}
	world->fake->n_missed += flow->n_timeouts > 0;
	if (reaches(world, subflow) && !is_syn_lost(world, flow)) {
		flow->is_answered = true;
		flow->due_ms = world->now_ms + rtt_of(world, flow);
		return;
	}
	if (uplink)
		uplink->lost_syn_ms = world->now_ms;
	if (flow->n_timeouts > SYN_TIMEOUTS) {
		fake_answer_subflow(world->fake, connection, i, ETIMEDOUT);
		flow->used = false;
	} else {
		flow->due_ms = world->now_ms + (SYN_MS << flow->n_timeouts++);
	}
}

/* ---- data ---- */

/* Where a normal one gets no answer, what is sent goes by backup ones too. */
static bool is_normal_stuck(const struct talk *talk, const struct fake_connection *connection)
{
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (talk->flows[i].used && talk->flows[i].established_ms &&
		    !connection->subflows[i].backup && !connection->subflows[i].peer_backup &&
		    !talk->flows[i].n_timeouts)
			return false;
	return true;
}

static void count_bytes(struct world *world, const struct talk *talk,
			struct fake_connection *connection, struct flow *flow, bool carries)
{
	uint64_t passed_ms = world->now_ms - flow->counted_ms;
	uint64_t bytes = passed_ms * RATE / (flow->is_slow ? 100 : 1);

	flow->counted_ms = world->now_ms;
	if (!carries || !flow->works_ms || talk->habit != HABIT_SENDS)
		return;
	flow->bytes += bytes;
	connection->bytes_sent += bytes;
}

static void settle_data(struct world *world, const struct talk *talk,
			struct fake_connection *connection, size_t i, struct flow *flow)
{
	const struct fake_subflow *subflow = &connection->subflows[i];
	bool carries =
		!(subflow->backup || subflow->peer_backup) || is_normal_stuck(talk, connection);
	bool sends = carries && talk->habit == HABIT_SENDS;

	count_bytes(world, talk, connection, flow, carries);
	if (carries && talk->habit == HABIT_RECEIVES && flow->works_ms)
		flow->received_ms = flow->heard_ms = world->now_ms;
	if (flow->is_unacked && flow->works_ms && flow->due_ms <= world->now_ms) {
		flow->is_unacked = false;
		if (flow->n_timeouts)
			flow->answered_ms = world->now_ms;
		flow->n_timeouts = 0;
		flow->heard_ms = world->now_ms;
		flow->due_ms = UINT64_MAX;
	}
	if (!flow->is_unacked && sends && flow->works_ms)
		flow->heard_ms = world->now_ms;
	if (!flow->is_unacked && sends && !flow->works_ms) {
		flow->is_unacked = true;
		flow->due_ms = world->now_ms + rto_of(world, flow);
	}
	if (flow->is_unacked && flow->due_ms <= world->now_ms) {
		world->fake->n_missed++;
		flow->n_timeouts++;
		flow->due_ms = world->now_ms + rto_of(world, flow);
	}
	if (flow->n_timeouts > TIMEOUTS_MAX || (subflow->doomed && flow->works_ms)) {
		fake_reset(world->fake, connection, i, subflow->doomed ? 0 : ETIMEDOUT);
		flow->used = false;
	}
}

/* ---- what a look shows ---- */

static uint32_t age_of(const struct world *world, uint64_t at_ms)
{
	return (uint32_t)(world->now_ms - at_ms);
}

static void show(struct world *world, const struct flow *flow, struct fake_subflow *subflow)
{
	uint32_t rto_ms = (uint32_t)rto_of(world, flow);

	world->fake->n_heard += flow->heard_ms == world->now_ms;
	subflow->evidence = (struct event_evidence){
		.retransmits = (uint8_t)flow->n_timeouts,
		.backoff = (uint8_t)flow->n_timeouts,
		.unacked = flow->is_unacked ? 10 : 0,
		.next_ms = flow->is_unacked || subflow->syn_sent
				   ? (uint32_t)(flow->due_ms - world->now_ms)
				   : 0,
		.rto_ms = rto_ms,
		.rtt_ms = rtt_of(world, flow),
		.ack_age_ms = age_of(world, flow->heard_ms),
		.received_age_ms =
			flow->received_ms ? age_of(world, flow->received_ms) : UINT32_MAX,
		.measured = true,
	};
}

void traffic_measure(void *data, struct event *event)
{
	struct world *world = data;
	struct talk *talk = world_find_talk(world, event->token);
	struct event_subflow *subflow = &event->subflow;

	for (size_t i = 0; talk && i < FAKE_SUBFLOWS; i++) {
		const struct flow *flow = &talk->flows[i];
		uint32_t rtt_us = rtt_of(world, flow) * 1000;

		if (!flow->used || !flow->established_ms ||
		    !addr_equal(&flow->local, &subflow->local) ||
		    !addr_equal(&flow->remote, &subflow->remote))
			continue;
		subflow->measure = (struct mptcpd_measure){
			.taken_ms = world->now_ms,
			.bytes_sent = flow->bytes,
			.rtt_us = rtt_us * (95 + world_dice(world, 11)) / 100,
			.rtt_var_us = rtt_us / 10,
			.min_rtt_us = rtt_us * 9 / 10,
			.rto_us = (uint32_t)rto_of(world, flow) * 1000,
			.retransmits = flow->n_timeouts,
			.cwnd = 10,
			.mss = 1400,
			.last_sent_age_ms =
				talk->habit == HABIT_SENDS ? 0 : age_of(world, flow->begin_ms),
			.last_received_age_ms = age_of(world, flow->received_ms ? flow->received_ms
										: flow->begin_ms),
		};
		return;
	}
}

/* ---- all of it ---- */

static uint64_t settle_flow(struct world *world, struct talk *talk,
			    struct fake_connection *connection, size_t i)
{
	struct fake_subflow *subflow = &connection->subflows[i];
	struct flow *flow = &talk->flows[i];

	if (!subflow->used) {
		flow->used = false;
		return UINT64_MAX;
	}
	if (!is_same(flow, subflow))
		begin_flow(world, flow, subflow);
	if (reaches(world, subflow)) {
		flow->worked_ms = world->now_ms;
		if (!flow->works_ms)
			flow->works_ms = world->now_ms;
	} else {
		flow->works_ms = 0;
	}
	if (subflow->syn_sent)
		settle_syn(world, connection, i, flow);
	else
		settle_data(world, talk, connection, i, flow);
	if (!flow->used)
		return UINT64_MAX;
	show(world, flow, subflow);
	return flow->due_ms;
}

static void settle_bare(struct world *world, struct talk *talk,
			const struct fake_connection *connection)
{
	if (fake_count_subflows(connection)) {
		talk->bare_ms = 0;
		return;
	}
	if (!talk->bare_ms)
		talk->bare_ms = world->now_ms;
	if (world->now_ms < talk->bare_ms + BARE_MS)
		return;
	world_tell(world, "connection %x ends: it has no subflow", talk->token);
	fake_close(world->fake, talk->token, false);
	talk->token = 0;
}

/* Established a round trip after it began. */
static uint64_t settle_talk(struct world *world, struct talk *talk)
{
	struct fake_connection *connection = fake_find(world->fake, talk->token);
	uint64_t next_ms = UINT64_MAX;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		uint64_t due_ms = settle_flow(world, talk, connection, i);

		next_ms = MIN(next_ms, due_ms);
	}
	if (!connection->established && talk->flows[0].used && talk->flows[0].works_ms) {
		uint64_t due_ms = talk->begin_ms + rtt_of(world, &talk->flows[0]);

		if (due_ms <= world->now_ms)
			fake_establish(world->fake, talk->token);
		else
			next_ms = MIN(next_ms, due_ms);
	}
	settle_bare(world, talk, connection);
	return next_ms;
}

uint64_t traffic_settle(struct world *world)
{
	uint64_t next_ms = UINT64_MAX;

	for (size_t i = 0; i < TALKS_MAX; i++)
		if (world->talks[i].token) {
			uint64_t due_ms = settle_talk(world, &world->talks[i]);

			next_ms = MIN(next_ms, due_ms);
		}
	return next_ms;
}
