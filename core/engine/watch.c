/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "change.h"
#include "delivered.h"
#include "engine-private.h"

#define SILENT_AFTER_MS 2000
#define RECOVER_MS 2000
/* So many subflows are asked in a tick whether they receive, and fewer while none does. */
#define SEARCHED 16
#define SEARCHED_IDLE 4
/* So many that do are watched for each link. */
#define RECEIVERS_MAX 4
/* One that received so short ago does receive. */
#define RECEIVING_MS 500
/* Ages differ so much from one time to the next though nothing happened. */
#define COARSE_MS 50

/* ---- links ---- */

static bool is_used(const struct interface *interface, uint8_t family)
{
	if ((interface->rule && interface->rule->health_off) || interface->as_tunnel ||
	    interface->is.type == MPTCPD_LINK_TUNNEL)
		return false;
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->is.addr.family == family && local->usability == USABLE)
			return true;
	return false;
}

struct far *watch_find(struct engine *engine, uint32_t ifindex, uint8_t family)
{
	struct health_watch *health = &engine->health;

	for (size_t i = 0; i < health->n_fars; i++)
		if (health->fars[i].ifindex == ifindex && health->fars[i].family == family)
			return &health->fars[i];
	return NULL;
}

static struct far *add_far(struct health_watch *health, uint32_t ifindex, uint8_t family)
{
	if (health->n_fars == health->room_fars) {
		health->room_fars = health->room_fars ? 2 * health->room_fars : 8;
		health->fars = realloc(health->fars, health->room_fars * sizeof(*health->fars));
		if (!health->fars)
			abort();
	}
	health->fars[health->n_fars] = (struct far){.ifindex = ifindex, .family = family};
	return &health->fars[health->n_fars++];
}

static void take_link(struct engine *engine, const struct interface *interface, uint8_t family)
{
	const struct interface_rule *rule = interface->rule;
	struct far *far;

	if (!is_used(interface, family))
		return;
	far = watch_find(engine, interface->is.ifindex, family);
	if (!far)
		far = add_far(&engine->health, interface->is.ifindex, family);
	far->is_used = true;
	far->after_ms = rule && rule->silent_after_ms ? rule->silent_after_ms : SILENT_AFTER_MS;
	far->recover_ms = rule && rule->has_recover ? rule->recover_ms : RECOVER_MS;
	/* It was forgotten by the model: another network may be behind it now. */
	if (far->silent && interface->health[health_index(family)].state == MPTCPD_HEALTH_UNKNOWN)
		*far = (struct far){.ifindex = far->ifindex,
				    .family = far->family,
				    .is_used = true,
				    .after_ms = far->after_ms,
				    .recover_ms = far->recover_ms};
}

void watch_links(struct engine *engine)
{
	struct health_watch *health = &engine->health;
	struct table_entry *entry;

	for (size_t i = 0; i < health->n_fars; i++)
		health->fars[i].is_used = false;
	for (entry = table_first(&engine->model.interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		take_link(engine, interface, AF_INET);
		take_link(engine, interface, AF_INET6);
	}
	for (size_t i = health->n_fars; i-- > 0;)
		if (!health->fars[i].is_used)
			health->fars[i] = health->fars[--health->n_fars];
}

void watch_heard(struct far *far, uint64_t heard_ms)
{
	if (far && heard_ms > far->heard_ms)
		far->heard_ms = heard_ms;
}

bool watch_is_silent(const struct model *model, uint32_t ifindex, uint8_t family)
{
	const struct interface *interface = ifindex ? model_find_interface(model, ifindex) : NULL;

	return interface && interface->health[health_index(family)].state == MPTCPD_HEALTH_SILENT;
}

void watch_tell(struct engine *engine, const struct far *far, enum mptcpd_health state,
		enum health_reason reason, uint64_t now_ms)
{
	struct event event = {.type = EVENT_HEALTH,
			      .health = {far->ifindex, far->family, (uint8_t)state,
					 (uint8_t)reason}};
	struct change change;

	if (model_apply(&engine->model, &event, now_ms, &change) < 0)
		return;
	if (change.host) {
		engine->host_dirty = true;
		engine->host_due_ms = now_ms; /* whoever is on that link does not wait */
		engine->routing.dirty = true; /* new connections may be spared it */
	}
	engine_tell(engine, &change);
}

/* ---- witnesses ---- */

struct subflow *watch_subflow(const struct engine *engine, const struct witness *witness)
{
	struct connection *connection = model_find_connection(&engine->model, witness->token);

	if (!connection || connection->serial != witness->serial)
		return NULL;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.state == SUBFLOW_ESTABLISHED &&
		    addr_equal(&subflow->local, &witness->local) &&
		    addr_equal(&subflow->remote, &witness->remote))
			return subflow;
	}
	return NULL;
}

struct witness *watch_find_witness(struct engine *engine, const struct connection *connection,
				   const struct subflow *subflow)
{
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		struct witness *witness = &engine->health.witnesses[i];

		if (witness->serial && witness->serial == connection->serial &&
		    addr_equal(&witness->local, &subflow->local) &&
		    addr_equal(&witness->remote, &subflow->remote))
			return witness;
	}
	return NULL;
}

struct witness *watch_add(struct engine *engine, const struct connection *connection,
			  const struct subflow *subflow)
{
	struct witness *witness = watch_find_witness(engine, connection, subflow);

	if (witness || subflow->is.state != SUBFLOW_ESTABLISHED || !subflow->local.port)
		return witness;
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		witness = &engine->health.witnesses[i];
		if (witness->serial)
			continue;
		*witness = (struct witness){.serial = connection->serial,
					    .token = connection->token,
					    .ifindex = subflow->ifindex,
					    .local = subflow->local,
					    .remote = subflow->remote};
		return witness;
	}
	return NULL;
}

size_t watch_count(const struct engine *engine, const struct far *far)
{
	size_t n = 0;

	for (size_t i = 0; i < WITNESSES_MAX; i++)
		n += engine->health.witnesses[i].serial &&
		     engine->health.witnesses[i].ifindex == far->ifindex &&
		     engine->health.witnesses[i].local.family == far->family;
	return n;
}

void watch_all(struct engine *engine, const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		watch_add(engine, connection, &connection->subflows[i]);
}

/* Is there a witness of its connection that does not get an answer, or a link that is silent? */
static bool is_needed(const struct engine *engine, const struct witness *witness)
{
	if (witness->silence != SILENCE_NONE || witness->receives ||
	    watch_is_silent(&engine->model, witness->ifindex, witness->local.family))
		return true;
	for (size_t i = 0; i < WITNESSES_MAX; i++)
		if (engine->health.witnesses[i].serial == witness->serial &&
		    (engine->health.witnesses[i].silence != SILENCE_NONE ||
		     engine->health.witnesses[i].receives))
			return true;
	return false;
}

static void tell_subflow(struct engine *engine, const struct witness *witness,
			 struct subflow *subflow, bool silent)
{
	struct connection *connection = model_find_connection(&engine->model, witness->token);
	struct change change = {.type = CHANGE_SUBFLOW_HEALTH,
				.health = silent ? MPTCPD_HEALTH_SILENT : MPTCPD_HEALTH_WELL,
				.health_reason = silent ? HEALTH_REASON_UNACKNOWLEDGED
							: HEALTH_REASON_HEARD};

	subflow->is.silent = silent;
	connection_describe(connection, &change);
	change.local = subflow->local;
	change.remote = subflow->remote;
	change.local_id = subflow->is.local_id;
	change.remote_id = subflow->is.remote_id;
	change.ifindex = subflow->ifindex;
	engine_mark_dirty(engine, connection);
	engine_tell(engine, &change);
}

static void see_delivered(struct far *far, struct witness *witness,
			  const struct event_evidence *evidence, uint64_t now_ms)
{
	bool is_more = witness->stuck_ms && evidence->delivered != witness->delivered;

	if (is_more)
		delivered_note(far, now_ms - evidence->ack_age_ms);
	if (!witness->stuck_ms || is_more || evidence->is_full)
		witness->stuck_ms = now_ms - evidence->ack_age_ms;
	witness->delivered = evidence->delivered;
}

/* Whoever says again what it said before, as all that it sends does, has heard nothing of us since. */
static void judge(struct witness *witness, const struct event_evidence *evidence, uint64_t after_ms,
		  uint64_t now_ms, uint64_t awake_ms)
{
	struct event_evidence judged = *evidence;

	if (now_ms - witness->stuck_ms > judged.ack_age_ms)
		judged.ack_age_ms = (uint32_t)(now_ms - witness->stuck_ms);
	witness->silence = silence_judge(&judged, after_ms, awake_ms);
	witness->waits_ms = now_ms - silence_waited(&judged);
}

/* What is sent while its link delivers should be answered. */
static void see_tried(const struct far *far, struct witness *witness,
		      const struct event_evidence *evidence, uint64_t now_ms)
{
	uint64_t age_ms = silence_tried_age(evidence);

	if (witness->silence == SILENCE_NONE)
		witness->tried_ms = 0;
	else if (witness->tried_ms <= far->run_ms && age_ms < now_ms - far->run_ms)
		witness->tried_ms = now_ms - age_ms;
}

static void hear(struct engine *engine, struct witness *witness, struct subflow *subflow,
		 const struct event_evidence *evidence, uint64_t now_ms)
{
	struct far *far = watch_find(engine, witness->ifindex, witness->local.family);
	uint64_t awake_ms = now_ms - engine->health.awake_ms;
	uint32_t age_ms = silence_heard_age(evidence);

	if (!far) {
		witness->serial = 0; /* no health is kept of this link */
		return;
	}
	see_delivered(far, witness, evidence, now_ms);
	judge(witness, evidence, far->after_ms, now_ms, awake_ms);
	see_tried(far, witness, evidence, now_ms);
	witness->rtt_ms = evidence->rtt_ms;
	if (age_ms <= awake_ms && now_ms - age_ms > witness->heard_ms + COARSE_MS) {
		witness->asked = false;
		witness->heard_ms = now_ms - age_ms;
		watch_heard(far, witness->heard_ms);
	}
	if (evidence->received_age_ms <= awake_ms &&
	    now_ms - evidence->received_age_ms > witness->received_ms + COARSE_MS)
		witness->received_ms = now_ms - evidence->received_age_ms;
	if (subflow->is.backup)
		witness->receives = false; /* its peer sends nothing there, as we asked */
	if (witness->silence == SILENCE_FULL && !subflow->is.silent)
		tell_subflow(engine, witness, subflow, true);
	else if (witness->silence == SILENCE_NONE && subflow->is.silent &&
		 !watch_is_silent(&engine->model, witness->ifindex, witness->local.family))
		tell_subflow(engine, witness, subflow, false);
}

int watch_evidence(const struct engine *engine, const struct subflow *subflow,
		   struct event_evidence *ret_evidence)
{
	return engine->ops->evidence(engine->kernel, &subflow->local, &subflow->remote,
				     subflow->is.bound ? subflow->ifindex : 0, ret_evidence);
}

/* While the counters stand still, what waits for nothing has heard nothing since, either. */
static bool has_news(const struct engine *engine, const struct witness *witness,
		     const struct subflow *subflow, uint64_t now_ms)
{
	return engine->health.stirred_ms == now_ms || !witness->waits_ms ||
	       witness->silence != SILENCE_NONE || subflow->is.silent ||
	       (witness->receives && subflow->is.backup);
}

void watch_ask(struct engine *engine, uint64_t now_ms)
{
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		struct witness *witness = &engine->health.witnesses[i];
		struct subflow *subflow = witness->serial ? watch_subflow(engine, witness) : NULL;
		struct event_evidence evidence;

		if (subflow && !has_news(engine, witness, subflow, now_ms))
			continue;
		if (!subflow || watch_evidence(engine, subflow, &evidence) < 0)
			witness->serial = 0;
		else
			hear(engine, witness, subflow, &evidence, now_ms);
	}
	for (size_t i = 0; i < WITNESSES_MAX; i++)
		if (engine->health.witnesses[i].serial &&
		    !is_needed(engine, &engine->health.witnesses[i]))
			engine->health.witnesses[i].serial = 0;
}

/* ---- those that receive ---- */

static size_t count_receivers(const struct engine *engine, uint32_t ifindex)
{
	size_t n = 0;

	for (size_t i = 0; i < WITNESSES_MAX; i++)
		n += engine->health.witnesses[i].serial && engine->health.witnesses[i].receives &&
		     engine->health.witnesses[i].ifindex == ifindex;
	return n;
}

/* Returns how many were asked. */
static size_t search_connection(struct engine *engine, struct connection *connection,
				uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		struct event_evidence evidence;
		struct witness *witness;

		if (subflow->is.state != SUBFLOW_ESTABLISHED || !subflow->local.port ||
		    watch_find_witness(engine, connection, subflow))
			continue;
		n++;
		if (count_receivers(engine, subflow->ifindex) >= RECEIVERS_MAX ||
		    watch_evidence(engine, subflow, &evidence) < 0 ||
		    evidence.received_age_ms > RECEIVING_MS)
			continue;
		witness = watch_add(engine, connection, subflow);
		if (!witness)
			continue;
		hear(engine, witness, subflow, &evidence, now_ms);
		/* Not what came before anybody looked. */
		witness->receives = witness->received_ms != 0;
	}
	return n;
}

static bool is_any_receiving(const struct health_watch *health)
{
	for (size_t i = 0; i < WITNESSES_MAX; i++)
		if (health->witnesses[i].serial && health->witnesses[i].receives)
			return true;
	return false;
}

void watch_search(struct engine *engine, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;
	struct connection *connection = model_next_connection(&engine->model, health->cursor);
	size_t n = 0, most = is_any_receiving(health) ? SEARCHED : SEARCHED_IDLE;

	if (now_ms - health->stirred_ms > RECEIVING_MS)
		return;
	for (size_t i = 0; i < SEARCHED && connection && n < most; i++) {
		health->cursor = connection->serial;
		if (connection->side == MPTCPD_SIDE_CLIENT && !connection->fallback)
			n += search_connection(engine, connection, now_ms);
		connection = connection_next(connection);
	}
	if (!connection)
		health->cursor = 0;
}

/* ---- the end ---- */

void watch_forget(struct engine *engine, uint64_t now_ms)
{
	struct health_watch *health = &engine->health;

	for (size_t i = 0; i < health->n_fars; i++)
		watch_tell(engine, &health->fars[i], MPTCPD_HEALTH_UNKNOWN, HEALTH_REASON_NONE,
			   now_ms);
	for (size_t i = 0; i < WITNESSES_MAX; i++) {
		struct witness *witness = &health->witnesses[i];
		struct subflow *subflow = witness->serial ? watch_subflow(engine, witness) : NULL;

		if (subflow && subflow->is.silent)
			tell_subflow(engine, witness, subflow, false);
	}
	memset(health->witnesses, 0, sizeof(health->witnesses));
	health->n_fars = 0;
	health->awake_ms = now_ms;
	health->measured_ms = 0;
	health->counted = false;
}
