/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "world.h"

/* What failed so short ago may still be taken for what works. */
#define RECENT_MS 6000
/* Commands so close to each other belong together; and so soon after a join nobody minds. */
#define TOGETHER_MS 1500
/* After a failure, at most: a silent link has to be noticed. */
#define NOTICED_MS 8000
/* While all is still: attempts of what fails, and of what the peer once closed. */
#define RETRIES_MAX 64
#define JOINS_MAX 6
/* TCP itself needs as long as it was without an answer, at most this. */
#define OUTAGE_MAX_MS 130000

__attribute__((format(printf, 3, 4))) static void
find_fault(struct world *world, const struct talk *talk, const char *format, ...)
{
	struct judge *judge = &world->judge;
	int n = snprintf(judge->text, sizeof(judge->text),
			 "%.3f s, connection %x: ", (double)world->now_ms / 1000, talk->token);
	va_list args;

	va_start(args, format);
	vsnprintf(judge->text + n, sizeof(judge->text) - (size_t)n, format, args);
	va_end(args);
	world_tell(world, "FAULT");
}

/* ---- what is known from outside ---- */

static bool is_backup_link(const struct world *world, const struct uplink *uplink)
{
	const struct interface_rule *rule =
		rules_for_interface(world->rules, uplink->name, uplink->type, false);

	return rule && rule->has_flags && rule->flags & MPTCPD_FLAG_BACKUP;
}

static bool is_used(const struct world *world, const struct uplink *uplink)
{
	const struct interface_rule *rule =
		rules_for_interface(world->rules, uplink->name, uplink->type, false);

	return !rule ||
	       (rule->use != USE_NO && (!rule->has_flags || rule->flags & MPTCPD_FLAG_SUBFLOW));
}

static bool is_on_backup_link(struct world *world, const struct mptcpd_addr *local)
{
	const struct uplink *uplink = world_find_uplink(world, local);

	return uplink && is_backup_link(world, uplink);
}

static bool is_forbidden(struct world *world, const struct mptcpd_addr *local,
			 const struct mptcpd_addr *remote)
{
	const struct bounds *bounds = world->judge.bounds;
	const struct uplink *uplink = world_find_uplink(world, local);

	for (size_t i = 0; i < bounds->n_forbidden; i++) {
		const struct forbidden_pair *pair = &bounds->forbidden[i];

		if (pair->to.family && !mptcpd_addr_in_prefix(remote, &pair->to, pair->to_prefix))
			continue;
		if (pair->interface[0]
			    ? uplink && strcmp(uplink->name, pair->interface) == 0
			    : !pair->from.family ||
				      mptcpd_addr_in_prefix(local, &pair->from, pair->from_prefix))
			return true;
	}
	return false;
}

/* Dead, but nothing was sent there since, so that nobody can know. */
static bool is_hidden(struct world *world, const struct talk *talk, const struct flow *flow)
{
	const struct model *model = engine_model(world->engine);
	const struct connection *connection = model_find_connection(model, talk->token);
	const struct uplink *uplink = world_find_uplink(world, &flow->local);

	if (flow->is_unacked || flow->n_timeouts || !uplink || !uplink->up || !uplink->carrier ||
	    !uplink->routed)
		return false;
	for (size_t i = 0; connection && i < connection->n_subflows; i++)
		if (addr_equal(&connection->subflows[i].local, &flow->local) &&
		    subflow_health(model, &connection->subflows[i]) > MPTCPD_HEALTH_WELL)
			return false;
	return true;
}

static bool carries(struct world *world, const struct talk *talk, const struct flow *flow)
{
	if (!flow->used || !flow->established_ms)
		return false;
	return (flow->worked_ms && world->now_ms - flow->worked_ms <= RECENT_MS) ||
	       is_hidden(world, talk, flow);
}

/* ---- commands ---- */

static struct flow *find_flow(struct talk *talk, const struct fake_record *record)
{
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		struct flow *flow = &talk->flows[i];

		if (flow->used && addr_equal(&flow->local, &record->local) &&
		    addr_equal(&flow->remote, &record->remote))
			return flow;
	}
	return NULL;
}

/* The engine's own rule: as many unplanned ones stay as planned ones are awaited. */
static bool is_for_a_hope(struct world *world, const struct talk *talk, const struct flow *flow)
{
	const struct connection *connection =
		model_find_connection(engine_model(world->engine), talk->token);
	size_t n_hopes = 0, n_others = 0;
	bool is_plain = false;

	for (size_t i = 0; connection && i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];
		bool wanted = subflow->want.by < WANTED_BY_ENDPOINT;
		bool established = subflow->is.state == SUBFLOW_ESTABLISHED;

		n_hopes += wanted && !established && !subflow->want.banned &&
			   !subflow->want.forbidden && !subflow->try.no_route;
		n_others += !wanted && established && !subflow->is.scout;
		is_plain |= addr_equal(&subflow->local, &flow->local) &&
			    addr_equal(&subflow->remote, &flow->remote) && !wanted && established &&
			    !subflow->is.scout && !subflow->is.stale && !subflow->want.dropped &&
			    !subflow->want.forbidden;
	}
	return is_plain && n_others <= n_hopes;
}

/* Its link was unplugged meanwhile: that ended its use, and not who closes what is left of it. */
static bool died_with_link(struct world *world, const struct flow *flow)
{
	const struct uplink *uplink = world_find_uplink(world, &flow->local);

	return uplink && uplink->ifindex != flow->ifindex;
}

static void judge_close(struct world *world, struct talk *talk, const struct flow *flow)
{
	const struct bounds *bounds = world->judge.bounds;
	struct ledger *ledger = &talk->ledger;
	uint64_t since_ms = world->now_ms - ledger->left_ms;
	bool others = false, is_left = true;

	/* One that waits for its next timeout works for nobody. */
	if (!flow->established_ms || !flow->works_ms || flow->n_timeouts)
		return;
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		const struct flow *other = &talk->flows[i];

		others |= other != flow && carries(world, talk, other);
		is_left &=
			other == flow || !other->used || !is_on_backup_link(world, &other->local);
	}
	if (!others && !is_forbidden(world, &flow->local, &flow->remote))
		find_fault(world, talk, "the only subflow that works is closed");
	else if (is_for_a_hope(world, talk, flow))
		find_fault(world, talk, "a subflow that works is closed for one that is not up");
	if (!bounds->backup_hold_ms || !is_left || !is_on_backup_link(world, &flow->local) ||
	    died_with_link(world, flow))
		return;
	if (ledger->left_ms && since_ms > TOGETHER_MS && since_ms < bounds->backup_hold_ms)
		find_fault(world, talk, "a backup link is left %.3f s after it was left before",
			   (double)since_ms / 1000);
	ledger->left_ms = world->now_ms;
}

/*
 * Since when data goes by it; 0: it does not, or only after its next timeout, or SYNs that are to find
 * out were lost: TCP sends them again more and more rarely.
 */
static uint64_t well_since(struct world *world, const struct flow *flow)
{
	const struct uplink *uplink = world_find_uplink(world, &flow->local);

	if (!flow->used || !flow->established_ms || !flow->works_ms || flow->n_timeouts ||
	    (uplink->lost_syn_ms && world->now_ms - uplink->lost_syn_ms < OUTAGE_MAX_MS))
		return 0;
	return MAX(MAX(flow->works_ms, flow->established_ms), flow->answered_ms);
}

/* Is a radio awake for it in any case? */
static bool uses_backup_link(struct world *world, const struct talk *talk)
{
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (talk->flows[i].used && talk->flows[i].established_ms &&
		    is_on_backup_link(world, &talk->flows[i].local))
			return true;
	return false;
}

static void judge_create(struct world *world, struct talk *talk, const struct fake_record *record)
{
	const struct bounds *bounds = world->judge.bounds;
	uint64_t most_ms = bounds->backup_hold_ms + NOTICED_MS;

	if (is_forbidden(world, &record->local, &record->remote))
		find_fault(world, talk, "a subflow is made that is forbidden");
	if (!bounds->backup_hold_ms || !is_on_backup_link(world, &record->local) ||
	    uses_backup_link(world, talk))
		return;
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		uint64_t since_ms = well_since(world, &talk->flows[i]);

		if (since_ms && world->now_ms - since_ms > most_ms &&
		    !is_on_backup_link(world, &talk->flows[i].local))
			find_fault(world, talk, "a backup link is joined, and a normal one works");
	}
}

/* Its link is gone, whether or not it worked before. */
static bool is_cut(struct world *world, const struct flow *flow)
{
	const struct uplink *uplink = world_find_uplink(world, &flow->local);

	return flow->used && flow->established_ms &&
	       (!uplink || !uplink->up || !uplink->carrier || !uplink->routed);
}

static bool is_taken_for_silent(struct world *world, const struct talk *talk)
{
	const struct model *model = world->engine ? engine_model(world->engine) : NULL;
	const struct connection *connection =
		model ? model_find_connection(model, talk->token) : NULL;

	for (size_t i = 0; connection && i < connection->n_subflows; i++)
		if (subflow_health(model, &connection->subflows[i]) == MPTCPD_HEALTH_SILENT)
			return true;
	return false;
}

/*
 * Has a path of it failed since its last change, or shortly before, is one cut, or taken for
 * silent?
 */
static bool has_lost(struct world *world, const struct talk *talk)
{
	if (is_taken_for_silent(world, talk))
		return true;
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (is_cut(world, &talk->flows[i]))
			return true;
	return talk->ledger.lost_ms + NOTICED_MS >= talk->ledger.prioritized_ms &&
	       talk->ledger.lost_ms;
}

/* Another one is chosen, that is: what comes back to be a backup is told so whenever it does. */
static void judge_priority(struct world *world, struct talk *talk, const struct flow *flow)
{
	const struct bounds *bounds = world->judge.bounds;
	struct ledger *ledger = &talk->ledger;
	uint64_t since_ms = world->now_ms - ledger->prioritized_ms;

	if (!flow || !flow->established_ms || world->now_ms - flow->established_ms < TOGETHER_MS)
		return;
	if (ledger->prioritized_ms && since_ms < TOGETHER_MS)
		return;
	if (bounds->priority_hold_ms && ledger->prioritized_ms && !has_lost(world, talk) &&
	    since_ms < bounds->priority_hold_ms)
		find_fault(world, talk, "priorities change %.3f s after they did",
			   (double)since_ms / 1000);
	ledger->prioritized_ms = world->now_ms;
	ledger->n_changes++;
}

/* While all is still there is nothing to do, but for what fails, and what is made anew on purpose. */
static void judge_still_command(struct world *world, struct talk *talk,
				const struct fake_record *record, const struct flow *flow)
{
	static const char *const names[] = {"SUBFLOW_CREATE", "SUBFLOW_DESTROY", "SET_FLAGS",
					    "ANNOUNCE", "REMOVE"};
	const struct bounds *bounds = world->judge.bounds;
	struct ledger *ledger = &talk->ledger;
	uint64_t since_ms = world->now_ms - ledger->closed_ms;

	if (record->command == FAKE_CREATE) {
		bool works = world_reaches(world, &record->local, &record->remote) &&
			     !world_refuses(&record->remote);

		ledger->n_joins += works;
		ledger->n_retries += !works;
		if (ledger->n_joins > JOINS_MAX || ledger->n_retries > RETRIES_MAX)
			find_fault(world, talk,
				   "%u subflows are made, and %u tried in vain, while "
				   "nothing happens",
				   ledger->n_joins, ledger->n_retries);
		return;
	}
	/* Figures are never the same: one may be the best by so little that another one is, then. */
	if (bounds->priority_hold_ms && record->command == FAKE_BACKUP && ledger->n_changes <= 1)
		return;
	if (bounds->refresh_ms && record->command == FAKE_DESTROY &&
	    (!ledger->closed_ms || since_ms >= bounds->refresh_ms))
		ledger->closed_ms = world->now_ms;
	else if (!bounds->refresh_ms || since_ms > TOGETHER_MS)
		find_fault(world, talk, "%s of %s, while nothing happens", names[record->command],
			   flow ? "a subflow" : "an address");
}

bool judge_is_question(struct world *world, const struct fake_record *record)
{
	struct talk *talk = world_find_talk(world, record->token);
	struct fake_connection *connection = talk ? fake_find(world->fake, talk->token) : NULL;
	const struct flow *flow = connection ? find_flow(talk, record) : NULL;

	return record->command == FAKE_BACKUP && flow &&
	       connection->subflows[flow - talk->flows].backup == (record->flags != 0);
}

void judge_command(void *data, const struct fake_record *record, int result)
{
	struct world *world = data;
	struct talk *talk = world_find_talk(world, record->token);
	struct fake_connection *connection = talk ? fake_find(world->fake, talk->token) : NULL;
	struct flow *flow = talk ? find_flow(talk, record) : NULL;

	if (!connection || record->command > FAKE_WITHDRAW || world->judge.text[0] ||
	    judge_is_question(world, record))
		return;
	if (record->command == FAKE_CREATE && result == 0)
		judge_create(world, talk, record);
	if (record->command == FAKE_DESTROY && result == 0 && flow)
		judge_close(world, talk, flow);
	if (record->command == FAKE_BACKUP && result == 0 && !record->flags)
		judge_priority(world, talk, flow);
	for (size_t i = 0; record->command == FAKE_WITHDRAW && result == 0 && i < FAKE_SUBFLOWS;
	     i++)
		if (connection->subflows[i].used && !connection->subflows[i].syn_sent &&
		    connection->subflows[i].local_id == record->id)
			judge_close(world, talk, &talk->flows[i]);
	if (world->judge.is_still)
		judge_still_command(world, talk, record, flow);
}

/* ---- what there is ---- */

/* A SYN that was sent is left to TCP, which sends it again more and more rarely. */
static bool is_left_to_tcp(struct world *world, uint32_t token, const struct mptcpd_addr *local,
			   const struct mptcpd_addr *remote)
{
	const struct talk *talk = world_find_talk(world, token);

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		const struct flow *flow = &talk->flows[i];

		if (flow->used && !flow->established_ms && flow->n_timeouts > 1 &&
		    addr_equal_host(&flow->local, local) && addr_equal(&flow->remote, remote))
			return true;
	}
	return false;
}

/* Could this link and this address of the peer carry it, and may they? */
static bool is_chance(struct world *world, const struct uplink *uplink,
		      const struct fake_connection *connection, const struct mptcpd_addr *remote)
{
	if (!uplink->up || !uplink->carrier || !uplink->routed || uplink->silent ||
	    uplink->eats_joins || !remote->family || !world_is_alive(remote) ||
	    (remote->family == AF_INET6 && !connection->mapped &&
	     connection->local.family == AF_INET))
		return false;
	for (size_t i = 0; i < FAKE_LOCALS; i++) {
		const struct event_local *local = &world->fake->locals[i];

		if (local->ifindex == uplink->ifindex && local->addr.family == remote->family &&
		    world_reaches(world, &local->addr, remote) && !world_refuses(remote) &&
		    !is_forbidden(world, &local->addr, remote) &&
		    !is_left_to_tcp(world, connection->token, &local->addr, remote))
			return true;
	}
	return false;
}

/* No kernel tells of what was announced while nobody was there. */
static bool is_known(struct world *world, const struct fake_connection *fake,
		     const struct mptcpd_addr *peer)
{
	const struct connection *connection =
		model_find_connection(engine_model(world->engine), fake->token);

	for (size_t i = 0; peer->family && connection && i < connection->more->n_peers; i++)
		if (addr_equal(&connection->more->peers[i].addr, peer))
			return true;
	return false;
}

static bool has_chance(struct world *world, const struct fake_connection *connection)
{
	if (world->fake->fail_always[FAKE_CREATE])
		return false;
	for (size_t i = 0; i < world->n_uplinks; i++) {
		const struct uplink *uplink = &world->uplinks[i];

		if (!uplink->is_there || !is_used(world, uplink))
			continue;
		if (!connection->deny_join_id0 &&
		    is_chance(world, uplink, connection, &connection->remote))
			return true;
		for (size_t id = 1; id < G_N_ELEMENTS(connection->peers); id++)
			if (is_known(world, connection, &connection->peers[id]) &&
			    is_chance(world, uplink, connection, &connection->peers[id]))
				return true;
	}
	return false;
}

/* Since when something is so, as *since tells; 0: it is not. */
static void note(uint64_t *since, bool is_so, uint64_t now_ms)
{
	if (!is_so)
		*since = 0;
	else if (!*since)
		*since = now_ms;
}

static void look_for_stall(struct world *world, struct talk *talk, bool works,
			   const struct fake_connection *connection)
{
	struct ledger *ledger = &talk->ledger;
	uint64_t stall_ms = world->judge.bounds->stall_ms, begin_ms;

	if (!stall_ms || connection->side != MPTCPD_SIDE_CLIENT || !connection->established)
		return;
	note(&ledger->stalled_ms, !works && talk->habit == HABIT_SENDS, world->now_ms);
	note(&ledger->chance_ms, ledger->stalled_ms && has_chance(world, connection),
	     world->now_ms);
	if (!ledger->stalled_ms || !ledger->chance_ms)
		return;
	begin_ms = ledger->chance_ms;
	stall_ms += MIN(begin_ms - ledger->stalled_ms, OUTAGE_MAX_MS);
	if (world->now_ms - begin_ms > stall_ms)
		find_fault(world, talk,
			   "it sends, has had no path for %.3f s, and one would work "
			   "for %.3f s",
			   (double)(world->now_ms - ledger->stalled_ms) / 1000,
			   (double)(world->now_ms - begin_ms) / 1000);
}

static void look_at(struct world *world, struct talk *talk,
		    const struct fake_connection *connection)
{
	struct ledger *ledger = &talk->ledger;
	bool works = false, forbidden = false, allowed = false;
	uint32_t n_works = 0;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		const struct flow *flow = &talk->flows[i];

		if (!flow->used || !flow->established_ms)
			continue;
		works |= flow->works_ms != 0;
		n_works += flow->works_ms != 0;
		if (is_forbidden(world, &flow->local, &flow->remote))
			forbidden = true;
		else
			allowed |= flow->works_ms != 0;
	}
	if (n_works < ledger->n_works || is_taken_for_silent(world, talk))
		ledger->lost_ms = world->now_ms;
	ledger->n_works = n_works;
	note(&ledger->leaks_ms, forbidden && allowed && connection->established, world->now_ms);
	if (ledger->leaks_ms && world->now_ms - ledger->leaks_ms > NOTICED_MS)
		find_fault(world, talk,
			   "it has a forbidden subflow beside one that works for "
			   "%.3f s",
			   (double)(world->now_ms - ledger->leaks_ms) / 1000);
	look_for_stall(world, talk, works, connection);
}

void judge_look(struct world *world)
{
	for (size_t i = 0; i < TALKS_MAX && !world->judge.text[0]; i++)
		if (world->talks[i].token)
			look_at(world, &world->talks[i],
				fake_find(world->fake, world->talks[i].token));
}

void judge_still(struct world *world, bool is_still)
{
	world->judge.is_still = is_still;
	for (size_t i = 0; i < TALKS_MAX; i++)
		world->talks[i].ledger.n_joins = world->talks[i].ledger.n_retries =
			world->talks[i].ledger.n_changes = 0;
}
