/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subflows in the model: which record an event means, and what it makes of it. */
#include "subflow.h"

#include <errno.h>

#include "addr.h"
#include "change.h"
#include "ended.h"
#include "entry.h"
#include "failure.h"
#include "measure.h"
#include "saved.h"

/* A subflow that lived this long had no lasting trouble: its back-off starts anew. */
#define LIVED_MS 60000

/* How well the addresses of the event match this subflow: 0 is not at all. */
static int match_score(const struct subflow *subflow, const struct event_subflow *event)
{
	bool local_host = addr_equal_host(&subflow->local, &event->local);
	bool remote_host = addr_equal_host(&subflow->remote, &event->remote);
	bool same_port = subflow->local.port == event->local.port;
	/* Two links may have the same address, and each a subflow whose port is not known yet. */
	bool may_be_link =
		!subflow->is.bound || !event->ifindex || subflow->ifindex == event->ifindex;

	if (local_host && same_port && addr_equal(&subflow->remote, &event->remote))
		return subflow->is.state == SUBFLOW_ABSENT ? 3 : 6;
	if (subflow->is.state == SUBFLOW_ABSENT)
		return 0;
	/* Asked for, and its port not known until now: not one that says good-bye, which was there before. */
	if (local_host && subflow->local.port == 0 && remote_host && may_be_link &&
	    !event->closing &&
	    (subflow->remote.port == event->remote.port || event->remote.port == 0) &&
	    (subflow->want.port == 0 || subflow->want.port == event->local.port))
		return subflow->is.local_id == event->local_id ? 5 : 4;
	/* Ends of subflows in SYN_SENT come without the remote port, or without addresses. */
	if (local_host && same_port && remote_host && event->remote.port == 0)
		return 3;
	if (mptcpd_addr_is_any(&event->local) && subflow->is.local_id == event->local_id &&
	    (same_port || (subflow->local.port == 0 && subflow->is.state == SUBFLOW_PENDING)))
		return 2;
	return 0;
}

static struct subflow *find_match(const struct connection *connection,
				  const struct event_subflow *event)
{
	struct subflow *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		int score = match_score(&connection->subflows[i], event);

		if (score > best_score) {
			best = &connection->subflows[i];
			best_score = score;
		}
	}
	return best;
}

/* Take over what an earlier life knew of the subflow, with the first word about it. */
static struct subflow *recall(struct model *model, struct connection *connection,
			      const struct event_subflow *event)
{
	struct connection *waiting = saved_find(model, connection->token);
	struct subflow *known = waiting ? find_match(waiting, event) : NULL;
	struct subflow *subflow = known ? connection_add_subflow(connection) : NULL;

	if (!subflow)
		return NULL;
	*subflow = *known;
	connection_remove_subflow(waiting, known);
	subflow->is.state = SUBFLOW_ABSENT;
	return subflow;
}

static struct subflow *match_subflow(struct model *model, struct connection *connection,
				     const struct event_subflow *event)
{
	struct subflow *subflow = find_match(connection, event);

	return subflow ? subflow : recall(model, connection, event);
}

/*
 * Ports tell subflows of one pair apart, once they are known. Until then the event may be about any of
 * those that match alike, and where they were asked for differently the kernel has to say which is which.
 */
static void doubt_backup(struct connection *connection, struct subflow *match,
			 const struct event_subflow *event)
{
	if (match->is.state != SUBFLOW_PENDING || match->local.port)
		return;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *other = &connection->subflows[i];

		if (other->is.state == SUBFLOW_PENDING && other->is.backup != match->is.backup &&
		    match_score(other, event) == match_score(match, event))
			other->is.backup_unsure = match->is.backup_unsure = true;
	}
}

/*
 * Which interface is it on: what the kernel says it is bound to, else the only one that has its
 * local address. Among several, routing decides, of which the model knows nothing.
 */
static void set_interface(const struct model *model, struct subflow *subflow, uint32_t ifindex)
{
	struct local *local;

	subflow->is.bound = ifindex != 0;
	if (ifindex) {
		subflow->ifindex = ifindex;
	} else if (!subflow->ifindex) {
		local = model_sole_local(model, &subflow->local);
		subflow->ifindex = local ? local->interface->is.ifindex : 0;
	}
}

/* Events do not say who sent the MP_JOIN; the port that the peer listens on does. */
static bool is_ours_by_port(const struct connection *connection, const struct event_subflow *event)
{
	if (event->remote.port == connection->remote.port)
		return true;
	for (size_t i = 0; i < connection->more->n_peers; i++)
		if (connection->more->peers[i].addr.port == event->remote.port)
			return true;
	return false;
}

/* Whose is a subflow that nobody asked us for? */
static void guess_origin(const struct model *model, const struct connection *connection,
			 const struct event_subflow *event, struct subflow *subflow)
{
	enum path_manager path_manager = connection->path_manager;

	subflow->is.origin_known = path_manager != PATH_MANAGER_UNKNOWN;
	if (path_manager == PATH_MANAGER_UNKNOWN)
		path_manager = model->path_manager; /* most likely */
	if (!is_ours_by_port(connection, event)) {
		subflow->is.origin = MPTCPD_ORIGIN_PEER;
		subflow->is.origin_known = true;
	} else if (connection->adopted) {
		/* The subflow may answer a command of an earlier life, and so may those of a snapshot. */
		subflow->is.origin = MPTCPD_ORIGIN_POLICY;
		subflow->is.origin_known = false;
	} else if (path_manager == PATH_MANAGER_KERNEL) {
		subflow->is.origin = MPTCPD_ORIGIN_POLICY;
	} else {
		/* Beside us, nobody but a person makes subflows here. */
		subflow->is.origin = MPTCPD_ORIGIN_ADMIN;
	}
}

/* What is made here, and not by an application, begins on an address of a link. */
static void guess_foreign(const struct model *model, struct subflow *subflow,
			  const struct event_subflow *event)
{
	subflow->is.foreign = subflow->is.origin_known &&
			      (subflow->is.origin == MPTCPD_ORIGIN_APPLICATION ||
			       subflow->is.origin == MPTCPD_ORIGIN_PEER) &&
			      !model_next_local(model, &event->local, NULL);
}

static void see_subflow(const struct model *model, struct subflow *subflow,
			const struct event_subflow *event)
{
	subflow->local = event->local;
	subflow->remote = event->remote;
	subflow->is.local_id = event->local_id;
	subflow->is.remote_id = event->remote_id;
	subflow->is.mapped = event->mapped;
	subflow->is.peer_backup = event->peer_backup;
	set_interface(model, subflow, event->ifindex);
}

/* Forget a dead subflow that a new one of the same pair replaces. */
static void forget_dead(struct connection *connection, const struct mptcpd_addr *local,
			const struct mptcpd_addr *remote)
{
	for (size_t i = connection->n_subflows; i-- > 0;) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->want.by == WANTED_BY_ENDPOINT && subflow->is.state == SUBFLOW_ABSENT &&
		    addr_equal_host(&subflow->local, local) && addr_equal(&subflow->remote, remote))
			connection_remove_subflow(connection, subflow);
	}
}

int subflow_apply_established(struct model *model, struct connection *connection,
			      const struct event_subflow *event, uint64_t now_ms,
			      struct change *change)
{
	struct subflow *subflow = match_subflow(model, connection, event);

	if (!event->local.family || !event->remote.family)
		return -EINVAL;
	if (!subflow) {
		forget_dead(connection, &event->local, &event->remote);
		subflow = connection_add_subflow(connection);
		if (!subflow)
			return 0;
		guess_origin(model, connection, event, subflow);
		guess_foreign(model, subflow, event);
	}
	doubt_backup(connection, subflow, event);
	if (!subflow_is_seen(subflow) || subflow->is.state == SUBFLOW_PENDING)
		change->type = CHANGE_SUBFLOW_ESTABLISHED;
	failure_forget(connection, &event->local, &event->remote);
	change->unbound =
		subflow->is.state == SUBFLOW_PENDING && subflow->is.bound && !event->ifindex;
	change->awaited = subflow->is.state == SUBFLOW_PENDING && !change->unbound;
	change->joined = subflow->is.state == SUBFLOW_PENDING;
	change->joined_ms = (uint32_t)(now_ms - subflow->is.since_ms);
	if (!subflow_is_seen(subflow))
		measure_forget(connection, subflow); /* of one that was before */
	see_subflow(model, subflow, event);
	subflow->try.error = subflow->try.reset = 0;
	subflow->try.turned_away = subflow->try.failed = false;
	model_set_subflow_state(model, subflow,
				subflow->is.state == SUBFLOW_CLOSING ? SUBFLOW_CLOSING
								     : SUBFLOW_ESTABLISHED,
				now_ms);
	subflow_describe(connection, subflow, change);
	return 0;
}

/* Did a subflow of the kernel's path manager die, rather than being closed by somebody? */
static bool has_died(const struct connection *connection, const struct subflow *subflow,
		     const struct event_subflow *event)
{
	return connection->path_manager == PATH_MANAGER_KERNEL && event->error != 0 &&
	       subflow->is.state == SUBFLOW_ESTABLISHED && subflow->want.by == WANTED_BY_NONE &&
	       subflow->is.origin != MPTCPD_ORIGIN_PEER;
}

/* Was it an attempt of a policy's, whose failure is to be remembered though no plan wants it? */
static bool has_failed(const struct connection *connection, const struct subflow *subflow)
{
	return connection->path_manager != PATH_MANAGER_KERNEL &&
	       subflow->is.state == SUBFLOW_PENDING && !subflow->is.scout &&
	       subflow->is.origin == MPTCPD_ORIGIN_POLICY && subflow->is.origin_known;
}

bool subflow_is_pinned(const struct subflow *subflow)
{
	return subflow->want.pinned && (subflow->is.origin == MPTCPD_ORIGIN_POLICY ||
					subflow->is.origin == MPTCPD_ORIGIN_APPLICATION);
}

/* Of the kernel's path manager, which tries it no more: a peer at its limit closes what it accepted. */
static bool was_turned_away(const struct connection *connection, const struct subflow *subflow)
{
	return subflow->try.turned_away && connection->path_manager != PATH_MANAGER_USERSPACE &&
	       subflow->is.origin == MPTCPD_ORIGIN_POLICY && !subflow->is.initial;
}

static enum subflow_end end_of(const struct subflow *subflow)
{
	if (subflow->is.state != SUBFLOW_CLOSING)
		return SUBFLOW_END_ITSELF;
	if (subflow->want.banned)
		return SUBFLOW_END_ADMIN;
	return subflow->want.forbidden ? SUBFLOW_END_FORBIDDEN : SUBFLOW_END_UNWANTED;
}

/* The subflow is no more in the kernel: forget it, or keep it as a wish that failed. */
static void close_subflow(struct model *model, struct connection *connection,
			  struct subflow *subflow, const struct event_subflow *event,
			  uint64_t now_ms, struct change *change)
{
	bool lived = subflow->is.state == SUBFLOW_ESTABLISHED &&
		     now_ms - subflow->is.since_ms >= LIVED_MS;
	bool keep;

	if (has_died(connection, subflow, event))
		subflow->want.by = WANTED_BY_ENDPOINT;
	keep = subflow->want.by != WANTED_BY_NONE || subflow->want.banned ||
	       subflow_is_pinned(subflow) || has_failed(connection, subflow);

	/* Its last port and ids are what people want to read. */
	if (event->local.port)
		subflow->local.port = event->local.port;
	subflow->try.error = event->error;
	subflow->try.reset = event->reset;
	subflow->try.turned_away = subflow->is.state == SUBFLOW_ESTABLISHED && !lived &&
				   event->local.family && !event->error && !event->reset;
	change->type = CHANGE_SUBFLOW_CLOSED;
	change->awaited = subflow->is.state == SUBFLOW_CLOSING && !keep;
	change->unmade = subflow->is.state == SUBFLOW_PENDING;
	change->end = end_of(subflow);
	if (!keep && (change->unmade ? event->error != 0 : was_turned_away(connection, subflow)))
		failure_note(model, connection, event, subflow->ifindex);
	subflow_describe(connection, subflow, change);
	subflow->try.failed = subflow->is.state != SUBFLOW_CLOSING;
	if (lived)
		subflow->try.attempts = 0;
	model_set_subflow_state(model, subflow, SUBFLOW_ABSENT, now_ms);
	if (subflow->is.initial)
		subflow->want.port = 0; /* the application chose it; nobody else needs it */
	subflow->is.initial = false;
	if (keep)
		return;
	ended_note_subflow(model, connection, subflow);
	connection_remove_subflow(connection, subflow);
}

/*
 * A subflow ended that nobody knew: a failed join of the kernel's path manager, or of a person.
 * Old kernels repeat the ends of others without their addresses.
 */
static void close_unknown(struct model *model, struct connection *connection,
			  const struct event_subflow *event, struct change *change)
{
	struct subflow unmade = {.want.by = WANTED_BY_NONE};

	if (!event->remote.family || mptcpd_addr_is_any(&event->local))
		return;
	see_subflow(model, &unmade, event);
	unmade.try.error = event->error;
	unmade.try.reset = event->reset;
	change->type = CHANGE_SUBFLOW_CLOSED;
	subflow_describe(connection, &unmade, change);
	change->unmade = true;
	if (event->error)
		failure_note(model, connection, event, unmade.ifindex);
}

int subflow_apply_closed(struct model *model, struct connection *connection,
			 const struct event_subflow *event, uint64_t now_ms, struct change *change)
{
	struct subflow *subflow = match_subflow(model, connection, event);

	if (!subflow) {
		close_unknown(model, connection, event, change);
	} else if (subflow_is_seen(subflow)) {
		doubt_backup(connection, subflow, event);
		close_subflow(model, connection, subflow, event, now_ms, change);
	} else {
		subflow->touched = model->mark;
	}
	return 0;
}

int subflow_apply_priority(struct model *model, struct connection *connection,
			   const struct event_subflow *event, struct change *change)
{
	struct subflow *subflow = match_subflow(model, connection, event);

	if (!subflow || !subflow_is_seen(subflow))
		return 0;
	if (subflow->is.peer_backup != event->peer_backup)
		change->type = CHANGE_SUBFLOW_PRIORITY;
	subflow->is.peer_backup = event->peer_backup;
	subflow->touched = model->mark;
	subflow_describe(connection, subflow, change);
	return 0;
}

static enum subflow_state state_in_snapshot(const struct event_subflow *event)
{
	if (event->syn_sent)
		return SUBFLOW_PENDING;
	return event->closing ? SUBFLOW_CLOSING : SUBFLOW_ESTABLISHED;
}

/* Learn what the record says of its connection. */
static void learn_from_subflow(struct connection *connection, const struct event_subflow *event,
			       struct change *change)
{
	if (event->initial && connection->side == MPTCPD_SIDE_UNKNOWN)
		connection->side = event->joined_here ? MPTCPD_SIDE_CLIENT : MPTCPD_SIDE_SERVER;
	connection->unasked |= event->unasked;
	if (event->fully_established && !event->fallback &&
	    connection->state == MPTCPD_CONNECTION_CREATED) {
		connection->state = MPTCPD_CONNECTION_ESTABLISHED;
		change->established = true;
	}
}

int subflow_apply_snapshot(struct model *model, struct connection *connection,
			   const struct event_subflow *event, uint64_t now_ms,
			   struct change *change)
{
	uint32_t mark = model->snapshot[SNAPSHOT_CONNECTIONS].mark;
	struct subflow *subflow = match_subflow(model, connection, event);
	enum subflow_state state = state_in_snapshot(event);
	bool is_found = !subflow || !subflow_is_seen(subflow) || subflow->is.found;

	if (!event->local.family || !event->remote.family)
		return -EINVAL;
	learn_from_subflow(connection, event, change);
	if (subflow && subflow_is_seen(subflow))
		measure_note(model, connection, subflow, &event->measure);
	if (subflow && subflow->touched >= mark)
		goto out; /* events told newer things */
	/* A closed subflow says good-bye for minutes if nobody answers: nothing to remember. */
	if (state == SUBFLOW_CLOSING && !(subflow && subflow_is_seen(subflow)))
		goto out;
	if (!subflow) {
		if (ended_has_subflow(model, connection->token, event))
			goto out;
		subflow = connection_add_subflow(connection);
		if (!subflow)
			goto out;
		subflow->is.initial = event->initial;
		subflow->is.origin = (event->initial	   ? MPTCPD_ORIGIN_APPLICATION
				      : event->joined_here ? MPTCPD_ORIGIN_POLICY
							   : MPTCPD_ORIGIN_PEER) &
				     3;
		subflow->is.origin_known = event->initial || !event->joined_here;
		guess_foreign(model, subflow, event);
	}
	if (state == SUBFLOW_ESTABLISHED &&
	    (!subflow_is_seen(subflow) || subflow->is.state == SUBFLOW_PENDING) && !event->initial)
		change->type = CHANGE_SUBFLOW_ESTABLISHED;
	else if (subflow->is.state != state || subflow->is.backup != event->backup)
		change->type = CHANGE_CONNECTION_UPDATED; /* worth a look, but no event */
	see_subflow(model, subflow, event);
	measure_note(model, connection, subflow, &event->measure);
	subflow->is.backup = event->backup;
	subflow->is.backup_unsure = false;
	model_set_subflow_state(model, subflow, state, now_ms);
	subflow->is.found = is_found;
out:
	if (change->established && change->type != CHANGE_SUBFLOW_ESTABLISHED)
		change->type = CHANGE_CONNECTION_ESTABLISHED;
	if (change->type == CHANGE_CONNECTION_ESTABLISHED ||
	    change->type == CHANGE_CONNECTION_UPDATED) {
		connection_describe(connection, change);
	} else if (change->type == CHANGE_SUBFLOW_ESTABLISHED) {
		subflow_describe(connection, subflow, change);
	}
	return 0;
}

/* A seen subflow that the finished snapshot did not show. */
static bool is_stale(const struct subflow *subflow, uint32_t mark)
{
	return subflow_is_seen(subflow) && subflow->touched < mark;
}

bool subflow_sweep(struct model *model, struct connection *connection, uint64_t now_ms,
		   struct change *change)
{
	uint32_t mark = model->snapshot[SNAPSHOT_CONNECTIONS].mark;
	static const struct event_subflow nothing_known;

	saved_settle(model, connection);
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (!is_stale(subflow, mark))
			continue;
		close_subflow(model, connection, subflow, &nothing_known, now_ms, change);
		return true;
	}
	return false;
}
