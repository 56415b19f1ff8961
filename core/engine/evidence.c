/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "evidence.h"

#include "addr.h"
#include "delivered.h"
#include "engine-private.h"
#include "failure.h"
#include "watch.h"

/* Looks take a hundredth of the time; for a verdict that is near a twentieth, but not for long. */
#define LOOK_PART 100
#define MEASURE_PART 20
#define MEASURE_SLOW_MS 2000
/* So much later looks may be due and are made: what moves after a quiet time is looked at quickly. */
#define LOOK_AHEAD_MS 6000
/* SYNs that were sent again so often and are not answered mean something, for so long. */
#define SYN_RETRANSMITS 2
#define SYN_FRESH_MS 3000
/* Of so many of them it is asked whether they left by the link of their address; and whose they are. */
#define LED_MAX 64
#define JOINS_MAX 64
/* Peers that were heard so short ago could tell. */
#define PEER_MS 60000
/* Connections that are looked through for one with a peer. */
#define SEARCHED_MAX 256

/* ---- what sockets say ---- */

static uint32_t link_of(const struct engine *engine, const struct event_evidence *evidence,
			const struct local **ret_local)
{
	const struct local *local =
		evidence->ifindex
			? model_find_local(&engine->model, &evidence->local, evidence->ifindex)
			: model_sole_local(&engine->model, &evidence->local);

	*ret_local = local;
	return local ? local->interface->is.ifindex : 0;
}

/* A neighbour answers whatever becomes of the world behind. */
static bool is_near(const struct local *local, const struct mptcpd_addr *remote)
{
	return mptcpd_addr_in_prefix(remote, &local->is.addr, local->is.prefix);
}

static bool speaks_for(const struct subflow *subflow, const struct far *far,
		       const struct mptcpd_addr *remote)
{
	return subflow->is.state == SUBFLOW_ESTABLISHED && !subflow->is.silent &&
	       subflow->ifindex != far->ifindex && addr_equal_host(&subflow->remote, remote);
}

/* Do we know that this peer lives, because a connection has it by another link and not in vain? */
static bool is_known_peer(const struct engine *engine, const struct far *far,
			  const struct mptcpd_addr *remote)
{
	const struct connection *connection = model_next_connection(&engine->model, 0);

	for (size_t i = 0; connection && i < SEARCHED_MAX; i++) {
		for (size_t j = 0; j < connection->n_subflows; j++)
			if (speaks_for(&connection->subflows[j], far, remote))
				return true;
		connection = connection_next(connection);
	}
	return false;
}

/*
 * What is bound to an address alone leaves where routing leads it: into the tunnel of a VPN, say. Then
 * it tells nothing of the link that has the address.
 */
static bool is_led_there(struct engine *engine, const struct far *far,
			 const struct event_evidence *evidence)
{
	uint32_t out;

	if (evidence->ifindex)
		return true;
	if (engine->health.n_led >= LED_MAX)
		return false;
	engine->health.n_led++;
	out = route_egress(&engine->routes, &evidence->local, &evidence->remote);
	return !out || out == far->ifindex;
}

/*
 * A join may lead to an address that the peer announced and that nobody reaches from here: who
 * announces two of them is not to make links silent. Where too many are asked for, nothing is known.
 */
static bool may_be_join(struct engine *engine, const struct event_evidence *evidence)
{
	struct event_evidence measured;

	if (engine->health.n_joins >= JOINS_MAX)
		return true;
	engine->health.n_joins++;
	return engine->ops->evidence(engine->kernel, &evidence->local, &evidence->remote,
				     evidence->ifindex, &measured) == 0 &&
	       model_find_connection(&engine->model, measured.token);
}

static void take_syn(struct engine *engine, struct far *far, const struct event_evidence *evidence,
		     uint64_t now_ms)
{
	bool is_known;

	far->syn_begun_ms = now_ms;
	if (evidence->retransmits < SYN_RETRANSMITS || !is_led_there(engine, far, evidence))
		return;
	is_known = is_known_peer(engine, far, &evidence->remote);
	if (!is_known && may_be_join(engine, evidence))
		return;
	if (now_ms - far->syn_ms > SYN_FRESH_MS)
		far->syn_known = far->syn_several = false;
	else
		far->syn_several |= !addr_equal_host(&far->syn_peer, &evidence->remote);
	far->syn_peer = evidence->remote;
	far->syn_known |= is_known;
	far->syn_ms = now_ms;
}

/* It waits in vain: have it watched, with all that may know better. */
static void take_unanswered(struct engine *engine, const struct far *far,
			    const struct event_evidence *evidence)
{
	struct event_evidence measured;
	struct connection *connection;

	/* Only what is measured tells whose it is. */
	if (watch_count(engine, far) >= WITNESSES_OF_FAR ||
	    engine->ops->evidence(engine->kernel, &evidence->local, &evidence->remote,
				  evidence->ifindex, &measured) < 0)
		return;
	connection = model_find_connection(&engine->model, measured.token);
	if (connection && !connection->fallback)
		watch_all(engine, connection);
}

static void take_measured(struct engine *engine, struct far *far,
			  const struct event_evidence *evidence, uint64_t now_ms)
{
	uint64_t awake_ms = now_ms - engine->health.awake_ms;
	uint32_t age_ms = silence_heard_age(evidence);

	if (age_ms <= awake_ms)
		watch_heard(far, now_ms - age_ms);
	delivered_take(far, evidence, awake_ms, now_ms);
	if (age_ms > PEER_MS)
		return; /* it is idle, and no peer that could tell */
	if (far->peer.family)
		far->has_peers |= !addr_equal_host(&far->peer, &evidence->remote);
	far->peer = evidence->remote;
}

static void take(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	const struct event_evidence *evidence = &event->evidence;
	const struct local *local;
	uint32_t ifindex = link_of(engine, evidence, &local);
	struct far *far = ifindex ? watch_find(engine, ifindex, evidence->local.family) : NULL;

	if (!far)
		return;
	if (evidence->syn_sent)
		take_syn(engine, far, evidence, now_ms);
	else if (!evidence->measured)
		take_unanswered(engine, far, evidence);
	else if ((evidence->token || !is_near(local, &evidence->remote)))
		take_measured(engine, far, evidence, now_ms);
}

static void ended(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;
	uint64_t took_ms = (uint64_t)event->evidence_end.cost_us / 1000;

	health->looking = false;
	health->look_interval_ms = (uint32_t)ms_at_least(LOOK_PART * took_ms, HEALTH_TICK_MS);
	/* Reckoned from its begin, so that the next tick may be soon enough. */
	if (health->measuring)
		health->measure_due_ms =
			health->look_ms + ms_at_least(MEASURE_PART * took_ms, HEALTH_TICK_MS / 2);
	else
		health->look_due_ms =
			ms_at_least(health->look_due_ms, now_ms) + health->look_interval_ms;
	if (health->measuring && !event->error)
		health->measured_ms = health->look_ms;
}

bool evidence_has_syns(const struct far *far, uint64_t now_ms)
{
	return far->syn_ms && now_ms - far->syn_ms <= SYN_FRESH_MS;
}

/* ---- what else tells ---- */

/* What we sent arrived, and was answered. */
static void answered(struct far *far, uint64_t now_ms)
{
	watch_heard(far, now_ms);
	delivered_note(far, now_ms);
}

static void take_probe(struct engine *engine, const struct event_probe *probe, uint64_t now_ms)
{
	struct far *far;

	watch_links(engine);
	far = watch_find(engine, probe->ifindex, probe->family);
	if (!far)
		return;
	far->probe_failed = !probe->ok;
	far->probed_ms = now_ms;
	if (probe->ok)
		answered(far, now_ms);
	if (!engine->health.due_ms || engine->health.due_ms > now_ms)
		engine->health.due_ms = now_ms; /* judged at once */
}

void evidence_event(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	switch ((int)event->type) {
	case EVENT_EVIDENCE:
		take(engine, event, now_ms);
		break;
	case EVENT_EVIDENCE_END:
		ended(engine, event, now_ms);
		break;
	case EVENT_PROBE:
		take_probe(engine, &event->probe, now_ms);
		break;
	default:
		break;
	}
}

void evidence_unmade(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	if (failure_refuses(change->error, change->reset))
		answered(watch_find(engine, change->ifindex, change->local.family), now_ms);
}

/* ---- when they are asked ---- */

void evidence_count(struct engine *engine, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;
	uint64_t missed = 0, heard = 0;
	int r = engine->ops->answers(engine->kernel, &missed, &heard);
	bool is_known = r == 0 && health->counted;

	if (!is_known || missed != health->missed)
		health->look_wanted = true;
	if (!is_known || missed != health->missed || heard != health->heard)
		health->stirred_ms = now_ms;
	health->missed = missed;
	health->heard = heard;
	health->counted = r == 0;
}

/* Is a verdict near that others on the link may contradict, or a link silent that may be heard? */
static bool needs_measures(const struct engine *engine, uint64_t now_ms, bool *ret_near)
{
	bool is_needed = false;

	*ret_near = false;
	for (size_t i = 0; i < engine->health.n_fars; i++) {
		const struct far *far = &engine->health.fars[i];

		*ret_near |= !far->silent &&
			     (far->nearly ||
			      (far->syn_begun_ms && now_ms - far->syn_begun_ms < SYN_FRESH_MS / 2));
		is_needed |= far->silent;
	}
	for (size_t i = 0; i < WITNESSES_MAX; i++)
		*ret_near |=
			engine->health.witnesses[i].serial && engine->health.witnesses[i].asked;
	return is_needed || *ret_near;
}

static void ask_for_look(struct engine *engine, bool measured, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;

	if (engine->ops->look(engine->kernel, measured) < 0)
		return;
	for (size_t i = 0; measured && i < health->n_fars; i++) {
		health->fars[i].peer.family = 0;
		health->fars[i].has_peers = false;
	}
	health->looking = true;
	health->measuring = measured;
	health->look_ms = now_ms;
	health->n_led = health->n_joins = 0;
	if (!measured)
		health->look_wanted = false;
}

/* Is the first snapshot still to come? Until then nobody knows of whom evidence speaks. */
static bool is_beginning(const struct engine *engine)
{
	return !engine->resync[SNAPSHOT_CONNECTIONS].known &&
	       !engine->resync[SNAPSHOT_CONNECTIONS].n_failed;
}

void evidence_look(struct engine *engine, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;
	bool is_near, may_look;

	/* A look at all sockets takes time that very many connections are waiting for. */
	if (health->looking || walk_is_busy(&engine->walk, now_ms) || is_beginning(engine))
		return;
	may_look = health->look_wanted && now_ms + LOOK_AHEAD_MS >= health->look_due_ms;
	/* In turns, where both are wanted. */
	if (may_look && health->measuring)
		ask_for_look(engine, false, now_ms);
	else if (needs_measures(engine, now_ms, &is_near) &&
		 now_ms >= health->measure_due_ms + (is_near ? 0 : MEASURE_SLOW_MS))
		ask_for_look(engine, true, now_ms);
	else if (may_look)
		ask_for_look(engine, false, now_ms);
}

uint32_t engine_look_interval_ms(const struct engine *engine)
{
	return engine->health.due_ms ? engine->health.look_interval_ms : 0;
}
