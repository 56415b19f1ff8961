/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verdicts on links: from what witnesses say, and from what else was heard there. */
#include "addr.h"
#include "delivered.h"
#include "engine-private.h"
#include "evidence.h"
#include "watch.h"

/* So much later than planned: the host slept, or was kept from working, and knows nothing now. */
#define LATE_MS 3000
/* Nothing was heard on a silent link for so long, by any socket. */
#define UNHEARD_MS 1000
/* So old at most is the look that says so. */
#define FRESH_MS 3000
/* Of what was heard so short ago it is known that it answers. */
#define WELL_MS 60000
/* Again silent so soon after it got well: it has to be well for longer, up to a limit. */
#define RELAPSE_MS 600000
#define RECOVER_MOST_MS 60000
#define RELAPSES_MAX 10
/* How long a scout is given. One that follows mere quiet is all there is, and has to be sent again. */
#define SCOUT_MS 300
#define SCOUT_ALONE_MS 1500
/* A subflow that received and does not, while another does; and where there is no other. */
#define QUIET_MS 2000
#define QUIET_ALONE_MS 5000
/* Quiet that meant nothing: the next time it is asked about later, and later. */
#define ASK_FIRST_MS 10000
#define ASK_MOST_MS 600000
/* A silent link that no connection tells about any more is forgotten after this. */
#define FORGOTTEN_MS 30000
/* Who had a connection so short ago begins another one, which may wait for an answer in vain. */
#define USED_MS 30000

/* ---- what speaks for a verdict ---- */

/* Was its peer heard by another subflow, or one of another link, well after this one went silent? */
static bool is_heard_beside(const struct engine *engine, const struct witness *witness,
			    bool by_another_link)
{
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		const struct witness *other = &engine->health.witnesses[i];

		if (other->serial == witness->serial &&
		    (!by_another_link || other->ifindex != witness->ifindex) &&
		    other->heard_ms >= witness->waits_ms + UNHEARD_MS)
			return true;
	}
	return false;
}

static bool has_other_link(const struct engine *engine, const struct witness *witness)
{
	const struct connection *connection = model_find_connection(&engine->model, witness->token);

	for (size_t i = 0; connection && i < connection->n_subflows; i++)
		if (connection->subflows[i].is.state == SUBFLOW_ESTABLISHED &&
		    connection->subflows[i].ifindex != witness->ifindex)
			return true;
	return false;
}

static bool is_on(const struct witness *witness, const struct far *far)
{
	return witness->serial && witness->ifindex == far->ifindex &&
	       witness->local.family == far->family;
}

/*
 * Do witnesses say that it is the link, and not one peer? Several peers do, or one that is heard by
 * another link, or the only one that the link has.
 */
static bool is_accused(const struct engine *engine, const struct far *far,
		       const struct witness **ret_witness)
{
	const struct witness *first = NULL;

	*ret_witness = NULL;
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		const struct witness *witness = &engine->health.witnesses[i];

		if (!is_on(witness, far) || witness->silence < SILENCE_NEARLY)
			continue;
		if (!*ret_witness || witness->silence > (*ret_witness)->silence)
			*ret_witness = witness;
		if (witness->silence != SILENCE_FULL)
			continue;
		if (is_heard_beside(engine, witness, true) ||
		    (first && !addr_equal_host(&first->remote, &witness->remote)) ||
		    (!far->has_peers && !has_other_link(engine, witness)))
			return true;
		first = witness;
	}
	return false;
}

/* Is anything unanswered there, and nothing was heard since? Of all links: then it is not this one. */
static void find_doubts(struct engine *engine, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;

	for (size_t i = 0; i < health->n_fars; i++) {
		struct far *far = &health->fars[i];

		delivered_follow(far, UNHEARD_MS + health->look_interval_ms);
		far->doubted = far->nearly = false;
		for (size_t j = 0; j < WITNESSES_MAX; j++) {
			const struct witness *witness = &health->witnesses[j];

			if (!is_on(witness, far))
				continue;
			far->doubted |= witness->silence != SILENCE_NONE &&
					now_ms - far->heard_ms >= UNHEARD_MS / 2;
			far->nearly |= witness->silence >= SILENCE_NEARLY;
		}
		delivered_ask(far, far->nearly, now_ms);
	}
}

static bool is_any_other_well(const struct engine *engine, const struct far *far)
{
	const struct health_watch *health = &engine->health;

	for (size_t i = 0; i < health->n_fars; i++) {
		const struct far *other = &health->fars[i];

		if (other != far && other->family == far->family && !other->silent &&
		    !other->doubted)
			return true;
	}
	return false;
}

static bool is_heard(const struct far *far, uint64_t now_ms)
{
	return now_ms - far->heard_ms < UNHEARD_MS;
}

static bool is_measured(const struct engine *engine, uint64_t now_ms)
{
	return engine->health.measured_ms + FRESH_MS >= now_ms;
}

static bool is_unheard(const struct engine *engine, const struct far *far, uint64_t now_ms)
{
	return engine->health.measured_ms >= far->heard_ms + UNHEARD_MS &&
	       is_measured(engine, now_ms);
}

/* Is what we send by it lost, whatever comes? */
static bool is_lost(const struct engine *engine, const struct far *far, uint64_t now_ms)
{
	return is_measured(engine, now_ms) &&
	       delivered_is_lost(far, engine->health.measured_ms, now_ms);
}

static bool answers(const struct engine *engine, const struct far *far, uint64_t now_ms)
{
	return is_heard(far, now_ms) && !is_lost(engine, far, now_ms);
}

/* ---- verdicts ---- */

static void set_silent(struct far *far, enum health_reason reason, uint64_t now_ms)
{
	uint64_t well_ms = now_ms - far->well_ms;

	if (!far->well_ms || well_ms > RELAPSE_MS)
		far->relapses /= 2;
	else if (far->relapses < RELAPSES_MAX)
		far->relapses++;
	far->silent = true;
	far->deaf = is_heard(far, now_ms);
	far->reason = reason;
	far->silent_ms = now_ms;
	far->answered_ms = 0;
	far->poke_ms = now_ms;
}

/* Ask, unless that was done; has it been asked for long enough? True where nobody can ask. */
static bool is_asked_in_vain(struct engine *engine, struct far *far, const struct witness *beside,
			     uint64_t patience_ms, uint64_t now_ms)
{
	bool is_asked = far->scout_ms > beside->stuck_ms && scout_look(engine, far) != SCOUT_NONE;

	if (!is_asked && !scout_send(engine, far, beside, now_ms))
		return true;
	return scout_look(engine, far) == SCOUT_OUT && now_ms - far->scout_ms >= patience_ms;
}

/*
 * Does the peer that does not answer SYNs leave data unanswered, too? By another link: then it is the
 * peer. By this one: then that tells more, and the SYN may be the scout's that was sent for it.
 */
static bool is_peer_silent(const struct engine *engine, const struct far *far)
{
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		const struct witness *witness = &engine->health.witnesses[i];

		if (witness->serial && witness->silence != SILENCE_NONE &&
		    addr_equal_host(&witness->remote, &far->syn_peer))
			return true;
	}
	return false;
}

static bool is_accused_by_syns(const struct engine *engine, const struct far *far, uint64_t now_ms)
{
	return evidence_has_syns(far, now_ms) &&
	       (far->syn_several || (far->syn_known && !is_peer_silent(engine, far)));
}

static void judge(struct engine *engine, struct far *far, uint64_t now_ms)
{
	const struct witness *witness;
	bool by_data = is_accused(engine, far, &witness);

	if (far->probe_failed && !is_heard(far, now_ms)) {
		set_silent(far, HEALTH_REASON_PROBE, now_ms);
		return;
	}
	/* What all links have in common is beyond them; and what is heard, and hears, needs not be asked. */
	if (answers(engine, far, now_ms) || !is_any_other_well(engine, far))
		return;
	if (witness && !is_asked_in_vain(engine, far, witness, SCOUT_MS + witness->rtt_ms, now_ms))
		return;
	if (by_data && (is_lost(engine, far, now_ms) || is_unheard(engine, far, now_ms)))
		set_silent(far, HEALTH_REASON_UNACKNOWLEDGED, now_ms);
	else if (is_accused_by_syns(engine, far, now_ms) && is_unheard(engine, far, now_ms))
		set_silent(far, HEALTH_REASON_SYN, now_ms);
}

static bool has_relapsed(const struct engine *engine, const struct far *far)
{
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		const struct witness *witness = &engine->health.witnesses[i];

		if (is_on(witness, far) && witness->silence >= SILENCE_NEARLY &&
		    witness->heard_ms > far->answered_ms)
			return true;
	}
	return false;
}

/* How long it has to answer until it counts as well. */
static uint64_t recover_ms(const struct far *far)
{
	uint64_t ms = far->recover_ms << far->relapses;

	return ms > RECOVER_MOST_MS && far->relapses ? ms_at_least(RECOVER_MOST_MS, far->recover_ms)
						     : ms;
}

static void judge_return(struct engine *engine, struct far *far, uint64_t now_ms)
{
	scout_look(engine, far);
	if ((far->deaf ? far->delivered_ms : far->heard_ms) <= far->silent_ms ||
	    far->probe_failed || (far->answered_ms && has_relapsed(engine, far))) {
		if (far->answered_ms)
			far->silent_ms = now_ms; /* what is heard from now on counts */
		far->answered_ms = 0;
	} else if (!far->answered_ms) {
		far->answered_ms = now_ms;
	}
	if (!far->answered_ms || now_ms - far->answered_ms < recover_ms(far))
		return;
	far->silent = false;
	far->well_ms = now_ms;
	far->syn_ms = 0;
}

/* Taken by itself: where this is so of all links of a family, it is none of theirs. */
static bool is_unanswered(const struct far *far, uint64_t now_ms)
{
	return far->silent || (far->nearly && now_ms - far->heard_ms >= far->after_ms);
}

static bool are_all_unanswered(const struct engine *engine, uint8_t family, uint64_t now_ms)
{
	const struct health_watch *health = &engine->health;
	bool all = false;

	for (size_t i = 0; i < health->n_fars; i++) {
		if (health->fars[i].family != family)
			continue;
		if (!is_unanswered(&health->fars[i], now_ms))
			return false;
		all = true;
	}
	return all;
}

static void tell_beyond(struct engine *engine, bool is_beyond)
{
	struct notice notice = {.type = NOTICE_ALL_SILENT, .text = ""};

	if (is_beyond && !engine->health.told_beyond && engine->observer.on_notice)
		engine->observer.on_notice(engine->observer.data, &notice);
	engine->health.told_beyond = is_beyond;
}

/* What counts: none is silent if all are. */
static void tell_verdicts(struct engine *engine, uint64_t now_ms)
{
	const bool beyond[] = {are_all_unanswered(engine, AF_INET, now_ms),
			       are_all_unanswered(engine, AF_INET6, now_ms)};

	for (size_t i = 0; i < engine->health.n_fars; i++) {
		const struct far *far = &engine->health.fars[i];
		bool is_beyond = beyond[health_index(far->family)];

		if (far->silent && !is_beyond)
			watch_tell(engine, far, MPTCPD_HEALTH_SILENT, far->reason, now_ms);
		else if (is_beyond)
			watch_tell(engine, far, MPTCPD_HEALTH_SUSPECT, HEALTH_REASON_BEYOND,
				   now_ms);
		else if (far->nearly && !answers(engine, far, now_ms))
			watch_tell(engine, far, MPTCPD_HEALTH_SUSPECT, HEALTH_REASON_UNACKNOWLEDGED,
				   now_ms);
		else if (far->heard_ms && now_ms - far->heard_ms <= WELL_MS)
			watch_tell(engine, far, MPTCPD_HEALTH_WELL, HEALTH_REASON_HEARD, now_ms);
	}
	tell_beyond(engine, beyond[0] || beyond[1]);
}

/* ---- subflows alone ---- */

static void replace(struct engine *engine, const struct witness *witness)
{
	struct subflow *subflow = watch_subflow(engine, witness);

	if (!subflow || subflow->is.stale)
		return;
	subflow->is.stale = true;
	engine_mark_dirty(engine, model_find_connection(&engine->model, witness->token));
}

/*
 * Was it sent again while its link delivered, and not answered? Where the whole link paused, the next
 * time that TCP sends again may bring it back, and to close it is worse. A link that was silent has
 * recovered long ago: one that did not in that time is not waited for.
 */
static bool is_tried_in_vain(const struct far *far, const struct witness *witness, uint64_t now_ms)
{
	return far->well_ms > witness->waits_ms ||
	       (witness->tried_ms > far->run_ms &&
		now_ms - witness->tried_ms >= silence_answer_ms(witness->rtt_ms));
}

/* One that is dead while its link, both ways, and its peer are well: another one takes its place. */
static void replace_dead(struct engine *engine, const struct witness *witness, uint64_t now_ms)
{
	const struct far *far = watch_find(engine, witness->ifindex, witness->local.family);

	if (far && !far->silent && witness->silence == SILENCE_FULL &&
	    far->delivered_ms >= witness->waits_ms + UNHEARD_MS &&
	    is_heard_beside(engine, witness, false) && is_tried_in_vain(far, witness, now_ms))
		replace(engine, witness);
}

static bool receives_elsewhere(const struct engine *engine, const struct witness *witness)
{
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		const struct witness *other = &engine->health.witnesses[i];

		if (other->serial == witness->serial && other->ifindex != witness->ifindex &&
		    other->received_ms >= witness->heard_ms + UNHEARD_MS)
			return true;
	}
	return false;
}

/* It received and hears nothing now, no answer either: the far side's wish, or a dead path. */
static bool is_quiet(const struct engine *engine, const struct witness *witness, uint64_t now_ms)
{
	uint64_t quiet_ms = now_ms - witness->heard_ms;

	if (!witness->serial || !witness->receives || witness->silence != SILENCE_NONE)
		return false;
	return has_other_link(engine, witness)
		       ? quiet_ms >= QUIET_MS && receives_elsewhere(engine, witness)
		       : quiet_ms >= QUIET_ALONE_MS;
}

static void ask_quiet(struct engine *engine, struct witness *witness, uint64_t now_ms)
{
	struct far *far = watch_find(engine, witness->ifindex, witness->local.family);

	if (!far || far->silent || now_ms < far->ask_ms)
		return;
	if (!witness->asked) {
		witness->asked = scout_send(engine, far, witness, now_ms);
		witness->receives = witness->asked;
		return;
	}
	if (scout_look(engine, far) == SCOUT_ANSWERED) {
		/* The link is well; whether the subflow is nobody can say, and this one is. */
		replace(engine, witness);
		far->ask_ms = now_ms + backoff_next(&far->n_asked, ASK_FIRST_MS, ASK_MOST_MS);
		witness->receives = false;
		return;
	}
	if (now_ms - far->scout_ms >=
		    ms_at_least(SCOUT_ALONE_MS, 3 * witness->rtt_ms + UNHEARD_MS) &&
	    is_unheard(engine, far, now_ms) && is_any_other_well(engine, far)) {
		far->n_asked = 0;
		set_silent(far, HEALTH_REASON_SCOUT, now_ms);
	}
}

/* ---- the tick ---- */

static void judge_all(struct engine *engine, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;

	find_doubts(engine, now_ms);
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		if (is_quiet(engine, &health->witnesses[i], now_ms))
			ask_quiet(engine, &health->witnesses[i], now_ms);
		if (health->witnesses[i].serial)
			replace_dead(engine, &health->witnesses[i], now_ms);
	}
	for (size_t i = 0; i < health->n_fars; i++) {
		struct far *far = &health->fars[i];

		if (far->silent)
			judge_return(engine, far, now_ms);
		else
			judge(engine, far, now_ms);
	}
	tell_verdicts(engine, now_ms);
	for (size_t i = 0; i < health->n_fars; i++)
		if (health->fars[i].silent)
			scout_poke(engine, &health->fars[i], now_ms);
}

static bool is_needed(const struct engine *engine, uint64_t now_ms)
{
	const struct health_watch *health = &engine->health;

	if (health->unwatched == engine->generation)
		return false;
	if (health->used_ms && now_ms - health->used_ms < USED_MS)
		return true;
	for (size_t i = 0; i < health->n_fars; i++)
		if (health->fars[i].probe_failed ||
		    (health->fars[i].probed_ms && now_ms - health->fars[i].probed_ms < WELL_MS) ||
		    (health->fars[i].silent && now_ms - health->fars[i].silent_ms < FORGOTTEN_MS))
			return true;
	return false;
}

void health_settle(struct engine *engine, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;

	if (now_ms < health->due_ms || (!health->due_ms && health->unwatched == engine->generation))
		return;
	/* Also one that came and went since the last time. */
	if (table_count(&engine->model.connections) ||
	    (health->next_serial && health->next_serial != engine->model.next_serial))
		health->used_ms = now_ms;
	health->next_serial = engine->model.next_serial;
	if (engine->passive || !engine->ops->answers ||
	    (!health->due_ms && !is_needed(engine, now_ms)))
		return;
	if (!is_needed(engine, now_ms)) {
		watch_forget(engine, now_ms);
		health->due_ms = 0;
		return;
	}
	if (!health->due_ms)
		health->awake_ms = now_ms;
	else if (now_ms - health->due_ms > LATE_MS)
		watch_forget(engine, now_ms);
	health->due_ms = now_ms + HEALTH_TICK_MS;
	watch_links(engine);
	if (health->n_fars == 0) {
		health->unwatched = engine->generation;
		return;
	}
	evidence_count(engine, now_ms);
	watch_ask(engine, now_ms);
	watch_search(engine, now_ms);
	judge_all(engine, now_ms);
	evidence_look(engine, now_ms);
}

uint64_t health_next(const struct engine *engine)
{
	return engine->health.due_ms ? engine->health.due_ms : ENGINE_NEVER;
}
