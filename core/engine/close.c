/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which subflows go, and which stay though nobody wants them: what carries the connection is closed
 * for something that carries it as well, never for a hope.
 */
#include <errno.h>

#include "addr.h"
#include "announce.h"
#include "choose.h"
#include "engine-private.h"
#include "watch.h"

/* ---- what is seen, judged ---- */

static const struct local *find_local(const struct engine *engine, const struct subflow *subflow)
{
	return model_find_local(&engine->model, &subflow->local, subflow->ifindex);
}

/*
 * Can no packet leave by it any more? What no link ever had, as the address of a transparent proxy or
 * one that is local by a route alone, went with none.
 */
static bool is_lost(const struct engine *engine, const struct subflow *subflow)
{
	const struct local *local = find_local(engine, subflow);

	return local ? !local->interface->is.up || !local->interface->is.carrier
		     : !subflow->is.foreign;
}

static bool is_covered(const struct plan *plan, const struct subflow *subflow)
{
	for (size_t i = 0; i < plan->n_paths; i++)
		if (plan->paths[i].path.ifindex == subflow->ifindex &&
		    addr_equal_host(&plan->paths[i].path.local, &subflow->local) &&
		    addr_equal(&plan->paths[i].path.remote, &subflow->remote))
			return true;
	return false;
}

/* A path of the plan that is not there, or not yet, and that can be made. */
static bool is_awaited(const struct subflow *subflow)
{
	if (subflow->want.by >= WANTED_BY_ENDPOINT || subflow->want.banned ||
	    subflow->want.forbidden)
		return false;
	return subflow->is.state == SUBFLOW_PENDING ||
	       (subflow->is.state == SUBFLOW_ABSENT && !subflow->try.no_route);
}

static void judge_route(struct engine *engine, const struct connection *connection,
			struct subflow *subflow)
{
	const struct local *local = find_local(engine, subflow);

	if (subflow->is.state == SUBFLOW_ABSENT && subflow->want.by != WANTED_BY_NONE)
		subflow->try.no_route =
			!local || choose_for(connection, local) != USABLE ||
			engine_is_elsewhere(engine, connection, local, &subflow->remote) ||
			!route_exists(&engine->routes, local, &subflow->remote) ||
			!engine_can_bind(engine, local, &subflow->remote);
}

/* Who made it makes it again: what a peer joined with has a port where nobody listens. */
static void judge_link(const struct engine *engine, struct subflow *subflow)
{
	if (subflow->is.state != SUBFLOW_ESTABLISHED)
		return;
	if (!is_lost(engine, subflow)) {
		if (subflow->try.due_ms > engine->view.base.now_ms ||
		    subflow->is.origin == MPTCPD_ORIGIN_PEER || !is_covered(&engine->plan, subflow))
			subflow->is.stale = false;
	} else if (!subflow->is.stale) {
		subflow->is.stale = true;
		subflow->try.due_ms = backoff_blink(engine, subflow->ifindex);
	}
}

void engine_judge_links(struct engine *engine, struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		judge_link(engine, &connection->subflows[i]);
}

/* It is to go; the plan of whose plugin says so? */
static uint8_t closed_by(const struct engine *engine, const struct subflow *subflow)
{
	const struct plan_forbidden *forbidden =
		plan_forbids(&engine->plan, &subflow->local, &subflow->remote, subflow->ifindex);

	return forbidden ? forbidden->plugin : subflow->want.dropped_by;
}

/*
 * Nothing is to carry the connection, and nothing is in sight: one that is to go stays, rather one
 * that is only dropped than one that is forbidden.
 */
static bool spare_one(struct engine *engine, struct connection *connection, bool is_forbidden)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		bool dropped = subflow->want.dropped;

		if (subflow->want.unwelcome || subflow->want.forbidden != is_forbidden ||
		    (!dropped && !is_forbidden))
			continue;
		subflow->want.forbidden = subflow->want.dropped = false;
		if (engine_carries(subflow)) {
			subflow->want.spared = is_forbidden;
			plan_refuse(&engine->plan, closed_by(engine, subflow), -EBUSY,
				    &subflow->local, &subflow->remote);
			return true;
		}
		subflow->want.forbidden = is_forbidden;
		subflow->want.dropped = dropped;
	}
	return false;
}

void engine_mark_drops(struct engine *engine, struct connection *connection)
{
	for (size_t i = 0; i < engine->plan.n_drops; i++) {
		const struct plan_drop *drop = &engine->plan.drops[i];

		for (size_t j = 0; j < connection->n_subflows; j++) {
			struct subflow *subflow = &connection->subflows[j];

			if (!subflow_is_seen(subflow) || subflow->is.state == SUBFLOW_CLOSING ||
			    !addr_equal(&drop->local, &subflow->local) ||
			    !addr_equal(&drop->remote, &subflow->remote))
				continue;
			subflow->want.dropped = true;
			subflow->want.dropped_by = drop->plugin;
		}
	}
}

/*
 * Did the peer come again where an administrator closed what it had, and invited nobody since? What
 * an earlier life closed has no time.
 */
static bool comes_again(const struct connection *connection, const struct subflow *subflow)
{
	if (subflow->is.origin != MPTCPD_ORIGIN_PEER || subflow->want.banned)
		return false;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *deleted = &connection->subflows[i];

		if (deleted->want.banned && !subflow_is_seen(deleted) && deleted->is.since_ms &&
		    subflow->is.since_ms >= deleted->is.since_ms &&
		    addr_equal(&deleted->local, &subflow->local) &&
		    addr_equal_host(&deleted->remote, &subflow->remote))
			return true;
	}
	return false;
}

struct verdict engine_judge(struct engine *engine, struct connection *connection)
{
	struct verdict verdict = {0};

	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		bool carries;

		subflow->want.forbidden = plan_forbids(&engine->plan, &subflow->local,
						       &subflow->remote, subflow->ifindex);
		subflow->want.spared = false;
		judge_route(engine, connection, subflow);
		subflow->want.unwelcome = comes_again(connection, subflow);
		carries = engine_carries(subflow) && !subflow->want.unwelcome;
		verdict.carried |= carries;
		verdict.carried_on |= carries && (subflow->want.by != WANTED_BY_NONE ||
						  !engine_is_policys(subflow));
		verdict.n_awaited += is_awaited(subflow);
	}
	if (!verdict.carried && !verdict.n_awaited)
		verdict.carried =
			spare_one(engine, connection, false) || spare_one(engine, connection, true);
	return verdict;
}

/* ---- what is closed ---- */

/*
 * Might a plan want it, if it had the room, and if no other address of its link were the better one?
 * Otherwise the host or its configuration has changed.
 */
static bool is_eligible(struct engine *engine, const struct subflow *subflow)
{
	const struct local *local = find_local(engine, subflow);

	return local && !usability_is_of_link(local->judged) &&
	       (local->flags & MPTCPD_FLAG_SUBFLOW);
}

/* A subflow that a plan would want if only a route led there is left to TCP meanwhile. */
static bool lacks_route(struct engine *engine, const struct connection *connection,
			const struct subflow *subflow)
{
	const struct local *local = find_local(engine, subflow);

	return local && choose_for(connection, local) == USABLE &&
	       !route_exists(&engine->routes, local, &subflow->remote);
}

/* Before anything is known of its link, as after a restart: has it been sending in vain? */
static bool is_in_doubt(const struct engine *engine, const struct subflow *subflow)
{
	struct event_evidence evidence;

	return engine->ops->answers && watch_evidence(engine, subflow, &evidence) == 0 &&
	       evidence.retransmits && evidence.unacked;
}

/*
 * Does another one carry the connection, or, if `planned`, one that is to stay, as far as is known? Not
 * one that does not answer, nor one of which it is not sure: that is soon found out.
 */
static bool is_carried_well(const struct engine *engine, const struct connection *connection,
			    bool planned)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];
		enum mptcpd_health health = subflow_health(&engine->model, subflow);

		if (engine_carries(subflow) && !subflow->want.unwelcome &&
		    (!planned || subflow->want.by != WANTED_BY_NONE ||
		     !engine_is_policys(subflow)) &&
		    health != MPTCPD_HEALTH_SILENT && health != MPTCPD_HEALTH_SUSPECT &&
		    (health != MPTCPD_HEALTH_UNKNOWN || !is_in_doubt(engine, subflow)))
			return true;
	}
	return false;
}

/*
 * A policy's, that no plan wants any more. An established one stays as long as one that is planned
 * in its place is not: each of those lets one stay. A scout does no harm. A SYN that was sent is left
 * to TCP; to take it back makes the kernel send again whatever is under way.
 */
static bool should_close_unwanted(struct engine *engine, const struct connection *connection,
				  const struct subflow *subflow, struct verdict *verdict)
{
	if (!engine_is_policys(subflow) || !verdict->carried_on || subflow->is.scout ||
	    lacks_route(engine, connection, subflow))
		return false;
	if (!is_eligible(engine, subflow))
		return true;
	if (subflow->is.state == SUBFLOW_PENDING)
		return false;
	if (verdict->n_awaited == 0)
		return is_carried_well(engine, connection, true);
	verdict->n_awaited--;
	return false;
}

static bool should_close(struct engine *engine, const struct connection *connection,
			 const struct subflow *subflow, struct verdict *verdict)
{
	if (!subflow_is_seen(subflow) || subflow->is.state == SUBFLOW_CLOSING ||
	    connection->set_aside)
		return false;
	if (subflow->want.forbidden || subflow->want.unwelcome)
		return verdict->carried || subflow->is.state == SUBFLOW_PENDING;
	if (subflow->want.dropped)
		return is_carried_well(engine, connection, false) ||
		       subflow->is.state == SUBFLOW_PENDING;
	if (is_lost(engine, subflow))
		return subflow->is.state == SUBFLOW_PENDING ||
		       (verdict->carried_on && subflow->try.due_ms <= engine->view.base.now_ms);
	if (subflow->want.by != WANTED_BY_NONE)
		return false;
	if (scout_is_one_too_many(connection, subflow))
		return is_carried_well(engine, connection, true);
	/* Taken for dead, that is: if nothing else answers it goes when what replaces it does. */
	if (subflow->is.stale)
		return is_carried_well(engine, connection, true);
	return should_close_unwanted(engine, connection, subflow, verdict);
}

/* Has another link that works the same address? Its subflows have the same id. */
static bool is_alive_elsewhere(const struct model *model, const struct subflow *lost)
{
	const struct local *other = NULL;

	while ((other = model_next_local(model, &lost->local, other)))
		if (other->interface->is.ifindex != lost->ifindex && other->interface->is.up &&
		    other->interface->is.carrier)
			return true;
	return false;
}

/*
 * The address is gone: the peer is told to close every subflow of that id, once, and before any
 * DESTROY, which makes the kernel forget the id.
 */
static int withdraw_lost(struct engine *engine, struct connection *connection,
			 const struct subflow *lost)
{
	uint64_t now_ms = engine->view.base.now_ms;
	int r;

	if (is_alive_elsewhere(&engine->model, lost) || engine_is_withdrawn(connection, lost))
		return 0;
	if (engine_waits_to_be_withdrawn(connection, lost, now_ms))
		return -EAGAIN;
	if (many_withdraw(engine, connection, lost)) {
		engine_note_told(connection, lost->is.local_id, true, now_ms);
		r = 0;
	} else {
		r = engine_tell_to_forget(engine, connection, lost->is.local_id, now_ms);
	}
	if (r == 0)
		ids_withdrawn(connection, lost->is.local_id);
	return r < 0 ? r : 0;
}

bool engine_close_unwanted(struct engine *engine, struct connection *connection,
			   struct verdict verdict, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		int r = 0;

		if (!should_close(engine, connection, subflow, &verdict))
			continue;
		if (subflow->is.state == SUBFLOW_ESTABLISHED && verdict.carried_on &&
		    is_lost(engine, subflow))
			r = withdraw_lost(engine, connection, subflow);
		else if (subflow->is.origin == MPTCPD_ORIGIN_PEER && subflow->want.forbidden)
			engine_hold_announced(connection, subflow);
		else if (subflow->is.origin == MPTCPD_ORIGIN_PEER && subflow->want.dropped)
			r = engine_take_back(engine, connection, subflow, false);
		if (r == 0)
			r = command_destroy(engine, connection, subflow, now_ms);
		if (!command_survives(engine, connection, r))
			return false;
		if (r < 0)
			backoff_ask(connection, now_ms); /* it is still there */
	}
	return true;
}
