/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A subflow from each address of this host to each address of the peer, as far as routes lead.
 *
 * The pair of the initial subflow comes first, so that it is made again when its link returns.
 * Then each of our addresses gets its first path before any gets a second one, and they begin with
 * different addresses of the peer: what a limit leaves over uses as many links as possible. What is
 * established goes before what is not, what was not tried before what failed, the pair that failed
 * least often first, and what does not answer comes last: TCP goes on with its SYN all the same.
 *
 * By a link whose far side is silent no path begins, unless nothing else works either; those that are
 * there stay. They, and others that are silent, do not count for the limit: they carry nothing.
 */
#include "mesh.h"

#include <mptcpd/addr.h>
#include <string.h>

/* More addresses, of either side, than this are not looked at: no plan has more paths. */
#define ADDRESSES_MAX MPTCPD_PLAN_MAX

/* A SYN is sent again after 1 s and after 3 s: one that has no answer by then waits for nobody. */
#define PATIENCE_MS 4000

/* How a pair has done, the better the lower; from RANK_FAILED on by the number of failures. */
enum rank {
	RANK_ESTABLISHED,
	RANK_SILENT, /* established, and dead */
	RANK_ASKED, /* a moment ago */
	RANK_UNTRIED,
	RANK_FAILED,
	RANK_LAST = 253,
	RANK_DEAD, /* established, and dead, or without an answer: all else goes before it */
	RANK_UNKNOWN, /* while they are collected */
};

/* An address of ours, and how its pairs have done. */
struct source {
	const struct mptcpd_local *local;
	size_t first; /* the address of the peer it begins with */
	size_t n_paths;
	bool is_silent; /* its link is */
	bool is_kept; /* a silent subflow of its is: that tells when the link is well */
	uint8_t ranks[ADDRESSES_MAX]; /* of the pairs with each of mesh.remotes */
	bool is_done[ADDRESSES_MAX]; /* planned, or cannot be */
	bool is_left_out[ADDRESSES_MAX]; /* one that is planned stands for it */
};

struct mesh {
	const struct mptcpd_view *view;
	struct mptcpd_plan *plan;
	enum mesh_pairing pairing;
	struct source sources[ADDRESSES_MAX];
	size_t n_sources;
	struct mptcpd_addr remotes[ADDRESSES_MAX];
	size_t n_remotes;
	size_t n_paths, max_paths; /* of the plan, those of other plugins included */
	bool has_any; /* a pair is established and works */
	bool awaits; /* one that is planned is not established */
	uint64_t patience_ms; /* when the first of those asked a moment ago is so no more */
};

static void add_remote(struct mesh *mesh, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < mesh->n_remotes; i++)
		if (mptcpd_addr_equal(&mesh->remotes[i], addr))
			return;
	if (mesh->n_remotes < ADDRESSES_MAX)
		mesh->remotes[mesh->n_remotes++] = *addr;
}

/* The initial address first, unless the peer does not want it; then what it announced. */
static void collect_remotes(struct mesh *mesh, const struct mptcpd_connection *connection)
{
	const struct mptcpd_peer_address *peer;

	if (!connection->deny_join_id0 && !connection->remote_removed)
		add_remote(mesh, &connection->remote);
	for (size_t i = 0; (peer = mptcpd_get_peer_address(connection, i)); i++)
		/* RFC 8684 section 3.1: the C flag speaks of this address and port */
		if (!connection->deny_join_id0 ||
		    !mptcpd_addr_equal(&peer->addr, &connection->remote))
			add_remote(mesh, &peer->addr);
}

static void add_source(struct mesh *mesh, const struct mptcpd_local *local)
{
	struct source *source = &mesh->sources[mesh->n_sources];
	size_t rank = 0;

	if (mesh->n_sources == ADDRESSES_MAX)
		return;
	for (size_t i = 0; i < mesh->n_sources; i++)
		rank += mesh->sources[i].local->addr.family == local->addr.family;
	*source = (struct source){.local = local,
				  .first = rank,
				  .is_silent = local->health == MPTCPD_HEALTH_SILENT};
	memset(source->ranks, RANK_UNKNOWN, sizeof(source->ranks));
	mesh->n_sources++;
}

/* Is it the address of the initial subflow, and on its link, if others have the same? */
static bool is_start(const struct mptcpd_connection *connection, const struct mptcpd_local *local)
{
	const struct mptcpd_subflow *subflow;

	if (!mptcpd_addr_equal_host(&local->addr, &connection->local))
		return false;
	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (subflow->initial && subflow->ifindex)
			return subflow->ifindex == local->ifindex;
	return true;
}

/* Those that may be a source; that of the initial subflow first. */
static void collect_sources(struct mesh *mesh, const struct mptcpd_connection *connection)
{
	const struct mptcpd_local *local;

	for (int initial = 1; initial >= 0; initial--)
		for (size_t i = 0; (local = mptcpd_get_local(mesh->view, i)); i++)
			if ((local->flags & MPTCPD_FLAG_SUBFLOW) &&
			    mptcpd_can_have(connection, local->addr.family) &&
			    is_start(connection, local) == initial)
				add_source(mesh, local);
}

/* ---- how pairs have done ---- */

/* What is known of a pair, and more of it. What has no answer says nothing of what is there beside it. */
static uint8_t join_ranks(uint8_t before, uint8_t rank)
{
	uint8_t better = rank < before ? rank : before, worse = rank < before ? before : rank;

	return worse == RANK_DEAD && better > RANK_SILENT ? RANK_DEAD : better;
}

static void rank_pair(struct mesh *mesh, const struct mptcpd_addr *local, uint32_t ifindex,
		      const struct mptcpd_addr *remote, uint8_t rank)
{
	for (size_t i = 0; i < mesh->n_sources; i++) {
		struct source *source = &mesh->sources[i];

		if (!mptcpd_addr_equal_host(&source->local->addr, local) ||
		    (ifindex && source->local->ifindex != ifindex))
			continue;
		for (size_t j = 0; j < mesh->n_remotes; j++)
			if (mptcpd_addr_equal(&mesh->remotes[j], remote))
				source->ranks[j] = join_ranks(source->ranks[j], rank);
		mesh->has_any |= rank == RANK_ESTABLISHED;
	}
}

/*
 * One that is dead while its link is well is replaced by mptcpd. Where a link or an address has but
 * one pair, another one goes before it: two would be too many.
 */
static uint8_t rank_of_silent(const struct mesh *mesh, const struct mptcpd_subflow *subflow)
{
	const struct mptcpd_local *local =
		mesh_find_local(mesh->view, &subflow->local, subflow->ifindex);

	return mesh->pairing == PAIRING_FULL || !local || local->health == MPTCPD_HEALTH_SILENT
		       ? RANK_SILENT
		       : RANK_DEAD;
}

static uint8_t rank_of(struct mesh *mesh, const struct mptcpd_subflow *subflow)
{
	uint64_t end_ms = subflow->since_ms + PATIENCE_MS;

	if (subflow->state == MPTCPD_SUBFLOW_ESTABLISHED)
		return subflow->health == MPTCPD_HEALTH_SILENT ? rank_of_silent(mesh, subflow)
							       : RANK_ESTABLISHED;
	if (subflow->state == MPTCPD_SUBFLOW_CLOSING)
		return RANK_UNTRIED;
	/* TCP goes on with its SYN; the place that it would keep is for all that may do better. */
	if (end_ms <= mesh->view->now_ms)
		return RANK_DEAD;
	if (end_ms < mesh->patience_ms)
		mesh->patience_ms = end_ms;
	return RANK_ASKED;
}

static void rank_pairs(struct mesh *mesh, const struct mptcpd_connection *connection)
{
	const struct mptcpd_subflow *subflow;
	const struct mptcpd_failure *failure;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		rank_pair(mesh, &subflow->local, subflow->ifindex, &subflow->remote,
			  rank_of(mesh, subflow));
	for (size_t i = 0; (failure = mptcpd_get_failure(connection, i)); i++) {
		uint32_t rank = RANK_FAILED + failure->attempts;

		rank_pair(mesh, &failure->local, failure->ifindex, &failure->remote,
			  rank < RANK_LAST ? (uint8_t)rank : RANK_LAST);
	}
	for (size_t i = 0; i < mesh->n_sources; i++)
		for (size_t j = 0; j < mesh->n_remotes; j++)
			if (mesh->sources[i].ranks[j] == RANK_UNKNOWN)
				mesh->sources[i].ranks[j] = RANK_UNTRIED;
}

/* ---- the order ---- */

static size_t count_remotes(const struct mesh *mesh, uint8_t family)
{
	size_t n = 0;

	for (size_t i = 0; i < mesh->n_remotes; i++)
		n += mesh->remotes[i].family == family;
	return n;
}

/*
 * The best pair of this source that is left, none worse than `worst`: of those that are equal the
 * one that comes first after where the source begins. ADDRESSES_MAX: there is none.
 */
static size_t find_best(const struct mesh *mesh, const struct source *source, uint8_t worst)
{
	uint8_t family = source->local->addr.family;
	size_t n = count_remotes(mesh, family), best = ADDRESSES_MAX, best_place = 0, place = 0;

	for (size_t i = 0; i < mesh->n_remotes; i++) {
		size_t from_first;

		if (mesh->remotes[i].family != family)
			continue;
		from_first = (place++ + n - source->first % n) % n;
		if (source->is_done[i] || source->is_left_out[i] || source->ranks[i] > worst ||
		    (best < ADDRESSES_MAX &&
		     (source->ranks[i] > source->ranks[best] ||
		      (source->ranks[i] == source->ranks[best] && from_first > best_place))))
			continue;
		best = i;
		best_place = from_first;
	}
	return best;
}

/* The best pair, as above, that a route leads to. */
static size_t next_routable(struct mesh *mesh, struct source *source, uint8_t worst)
{
	size_t i;

	while ((i = find_best(mesh, source, worst)) < ADDRESSES_MAX) {
		if (mesh->view->routable(mesh->view, source->local, &mesh->remotes[i]))
			break;
		source->is_done[i] = true;
	}
	return i;
}

/* This pair is planned: those that may not be beside it are not. */
static void leave_out(struct mesh *mesh, const struct source *planned, size_t remote)
{
	uint32_t ifindex = planned->local->ifindex;

	for (size_t i = 0; i < mesh->n_sources && mesh->pairing != PAIRING_FULL; i++) {
		struct source *source = &mesh->sources[i];
		bool all = mesh->pairing == PAIRING_PER_INTERFACE
				   ? source->local->ifindex == ifindex
				   : source == planned;

		if (all)
			memset(source->is_left_out, true, sizeof(source->is_left_out));
		else if (mesh->pairing == PAIRING_ONE_TO_ONE)
			source->is_left_out[remote] = true;
	}
}

/* Plan the next path from this source, none worse than that. False: it has no more. */
static bool plan_next(struct mesh *mesh, struct source *source, uint8_t worst)
{
	struct mptcpd_path path = {
		.local = source->local->addr,
		.flags = source->local->flags & MPTCPD_FLAG_BACKUP,
		.ifindex = source->local->ifindex,
	};
	size_t i;

	while (mesh->n_paths < mesh->max_paths &&
	       (i = next_routable(mesh, source, worst)) < ADDRESSES_MAX) {
		source->is_done[i] = true;
		path.remote = mesh->remotes[i];
		if (mesh->plan->add_path(mesh->plan, &path) < 0)
			continue;
		mesh->n_paths++;
		source->n_paths++;
		mesh->awaits |= source->ranks[i] != RANK_ESTABLISHED;
		leave_out(mesh, source, i);
		return true;
	}
	return false;
}

static const char *pairing_name(enum mesh_pairing pairing)
{
	return pairing == PAIRING_ONE_TO_ONE ? "one-to-one" : "per-interface";
}

/* For people: which setting leaves the others out. */
static void tell_left_out(struct mesh *mesh)
{
	bool is_full = mesh->n_paths >= mesh->max_paths;

	for (size_t i = 0; i < mesh->n_sources && mptcpd_leaves_out(mesh->plan); i++)
		for (size_t j = 0; j < mesh->n_remotes; j++) {
			const struct source *source = &mesh->sources[i];
			const struct mptcpd_path path = {.local = source->local->addr,
							 .remote = mesh->remotes[j],
							 .ifindex = source->local->ifindex};

			if (source->is_done[j] || path.local.family != path.remote.family)
				continue;
			if (source->is_left_out[j])
				mesh->plan->leave_out(mesh->plan, &path, MPTCPD_LEFT_BY_CHOICE,
						      "pairing = %s", pairing_name(mesh->pairing));
			else if (is_full)
				mesh->plan->leave_out(mesh->plan, &path, MPTCPD_LEFT_BY_LIMIT,
						      "max-subflows = %zu", mesh->max_paths);
		}
}

/* They stay, and take no place: closing them helps nothing, and they may come back. */
static void keep_silent(struct mesh *mesh)
{
	for (size_t i = 0; i < mesh->n_sources; i++)
		for (size_t j = 0; j < mesh->n_remotes; j++) {
			const struct mptcpd_local *local = mesh->sources[i].local;
			struct mptcpd_path path = {
				.local = local->addr,
				.remote = mesh->remotes[j],
				.flags = local->flags & MPTCPD_FLAG_BACKUP,
				.ifindex = local->ifindex,
			};

			if (mesh->sources[i].ranks[j] != RANK_SILENT)
				continue;
			mesh->sources[i].is_done[j] = mesh->sources[i].is_kept = true;
			mesh->plan->add_path(mesh->plan, &path);
		}
}

/* The worst pair that may be planned from there. */
static uint8_t limit(const struct mesh *mesh, const struct source *source, uint8_t worst)
{
	return source->is_silent && (mesh->has_any || source->is_kept) && worst > RANK_ASKED
		       ? RANK_ASKED
		       : worst;
}

/*
 * The place of one that was asked a moment ago, or will be now, is waited for by those that were not
 * tried, or failed.
 */
static void ask_again(struct mesh *mesh)
{
	uint64_t at_ms = mesh->view->now_ms + PATIENCE_MS;

	if (mesh->patience_ms < at_ms)
		at_ms = mesh->patience_ms;
	for (size_t i = 0; i < mesh->n_sources && mesh->awaits; i++) {
		struct source *source = &mesh->sources[i];

		memset(source->is_left_out, false, sizeof(source->is_left_out));
		if (next_routable(mesh, source, limit(mesh, source, RANK_LAST)) < ADDRESSES_MAX) {
			mesh->plan->ask_again(mesh->plan, at_ms);
			return;
		}
	}
}

/* One more path from each source; or one only from those that have none. */
static bool plan_round(struct mesh *mesh, uint8_t worst, bool first_only)
{
	bool more = false;

	for (size_t i = 0; i < mesh->n_sources; i++) {
		struct source *source = &mesh->sources[i];

		if (!first_only || source->n_paths == 0)
			more |= plan_next(mesh, source, limit(mesh, source, worst));
	}
	return more;
}

static void plan_mesh(struct mesh *mesh, const struct mptcpd_connection *connection)
{
	static const uint8_t worst[] = {RANK_ESTABLISHED, RANK_UNTRIED, RANK_LAST};

	rank_pairs(mesh, connection);
	keep_silent(mesh);
	if (mesh->n_sources && is_start(connection, mesh->sources[0].local))
		plan_next(mesh, &mesh->sources[0], limit(mesh, &mesh->sources[0], RANK_UNTRIED));
	for (size_t i = 0; i < sizeof(worst); i++)
		plan_round(mesh, worst[i], true);
	for (size_t i = 0; i < sizeof(worst); i++)
		while (plan_round(mesh, worst[i], false))
			;
	plan_round(mesh, RANK_DEAD, true);
	while (plan_round(mesh, RANK_DEAD, false))
		;
	tell_left_out(mesh);
	ask_again(mesh);
}

/*
 * A plugin before may have announced this address of ours. Once is enough: with the port that was
 * asked for here, unless that one asked for another. False: it stays as it is.
 */
static bool take_place(struct mptcpd_plan *plan, const struct mptcpd_addr *addr)
{
	const struct mptcpd_announcement *before;

	for (size_t i = 0; (before = plan->get_announcement(plan, i)); i++)
		if (mptcpd_addr_equal_host(&before->addr, addr))
			return !before->addr.port && addr->port &&
			       plan->remove_announcement(plan, i) == 0;
	return true;
}

static void announce(const struct mptcpd_local *local, uint16_t port,
		     const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	struct mptcpd_announcement announcement = {
		.addr = local->announce.family ? local->announce : local->addr,
		.listen = local->addr,
		.listen_when = MPTCPD_LISTEN_BESIDE,
		.ifindex = local->ifindex,
	};
	struct mptcpd_addr *addr = &announcement.addr;
	bool is_own = mptcpd_addr_equal_host(addr, &local->addr);

	if (is_own && !addr->port)
		addr->port = port;
	/* A NAT in front of us leads to the connection's own port, whichever is announced. */
	if (!is_own)
		announcement.listen.port = connection->local.port;
	/* No application is there that would come again: the operator named the port. */
	else if (addr->port && addr->port != connection->local.port)
		announcement.listen_when = MPTCPD_LISTEN_ALWAYS;
	if (mptcpd_can_have(connection, addr->family) &&
	    !mptcpd_addr_equal_host(addr, &connection->local) &&
	    (!is_own || take_place(plan, addr)))
		plan->add_announcement(plan, &announcement);
}

void mesh_announce(uint16_t port, const struct mptcpd_view *view,
		   const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_local *local;

	if (connection->side != MPTCPD_SIDE_SERVER)
		return;
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++)
		if (local->flags & MPTCPD_FLAG_SIGNAL)
			announce(local, port, connection, plan);
}

void mesh_plan(const struct mesh_rules *rules, const struct mptcpd_view *view,
	       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	struct mesh mesh; /* most of it is room, and stays as it is */

	mesh_announce(0, view, connection, plan);
	if (connection->side == MPTCPD_SIDE_UNKNOWN ||
	    (connection->side == MPTCPD_SIDE_SERVER && !rules->server_side))
		return;
	mesh.view = view;
	mesh.plan = plan;
	mesh.pairing = rules->pairing;
	mesh.max_paths = rules->max_subflows;
	mesh.patience_ms = UINT64_MAX;
	mesh.has_any = mesh.awaits = false;
	mesh.n_sources = mesh.n_remotes = mesh.n_paths = 0;
	while (plan->get_path(plan, mesh.n_paths))
		mesh.n_paths++;
	collect_remotes(&mesh, connection);
	collect_sources(&mesh, connection);
	plan_mesh(&mesh, connection);
}
