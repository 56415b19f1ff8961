/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about one subflow, each with its bookkeeping: ids, state, back-off. */
#include <errno.h>

#include "addr.h"
#include "engine-private.h"
#include "failure.h"
#include "subflow.h"

#define BACK_OFF_FIRST_MS 1000
#define BACK_OFF_MAX_MS 60000
/* A peer that refuses is asked once more soon, then rarely. */
#define REFUSED_FIRST_MS 2000
/* One that closes what it accepted, again and again, more and more rarely. */
#define TURNED_AWAY_MAX_MS 3600000

/* ---- address ids ---- */

/* Does the kernel know an address by the id of this record? */
static bool holds_id(const struct subflow *subflow)
{
	return subflow_is_seen(subflow) || (subflow->has_id && !subflow->gone);
}

static bool is_id_free(const struct connection *connection, uint8_t id)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (holds_id(&connection->subflows[i]) && connection->subflows[i].local_id == id)
			return false;
	for (size_t i = 0; i < connection->n_announced; i++)
		if (connection->announced[i].id == id)
			return false;
	return true;
}

/*
 * Ids that the kernel gives by itself (to addresses the peer joins) count up from 1: ours come
 * from the other end, the same for the same address where possible.
 */
static uint8_t preferred_id(const struct mptcpd_addr *local)
{
	uint32_t h = local->port;

	for (size_t i = 0; i < sizeof(local->ip); i++)
		h = h * 31 + local->ip[i];
	return (uint8_t)(128 + h % 127);
}

static bool same_local(const struct subflow *subflow, const struct mptcpd_addr *local)
{
	return addr_equal_host(&subflow->local, local) && subflow->asked_port == local->port;
}

static bool is_initial(const struct connection *connection, const struct mptcpd_addr *local)
{
	return addr_equal_host(local, &connection->local) && !local->port;
}

/* An id for what is known by none, or only as the initial address. */
static uint8_t find_id(const struct connection *connection, const struct mptcpd_addr *local)
{
	uint8_t id = preferred_id(local);

	/* The kernel refuses another id as long as it knows the address by this one. */
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (holds_id(&connection->subflows[i]) && connection->subflows[i].local_id &&
		    same_local(&connection->subflows[i], local))
			return connection->subflows[i].local_id;
	for (size_t tries = 0; tries < 254 && !is_id_free(connection, id); tries++)
		id = id == 1 ? 254 : id - 1;
	return id;
}

uint8_t engine_local_id(const struct connection *connection, const struct mptcpd_addr *local)
{
	for (size_t i = 0; i < connection->n_announced; i++)
		if (addr_equal(&connection->announced[i].addr, local))
			return connection->announced[i].id;
	return is_initial(connection, local) ? 0 : find_id(connection, local);
}

uint8_t engine_announced_id(const struct connection *connection, const struct mptcpd_addr *local)
{
	if (is_initial(connection, local))
		return connection->local_removed ? find_id(connection, local) : 0;
	return engine_local_id(connection, local);
}

uint8_t engine_remote_id(const struct connection *connection, const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < connection->n_peers; i++)
		if (addr_equal(&connection->peers[i].addr, remote))
			return connection->peers[i].id;
	return 0;
}

static bool is_taken(const struct event_endpoint *known, int n, uint8_t id)
{
	for (int i = 0; i < n; i++)
		if (known[i].id == id)
			return true;
	return false;
}

/* The id by which the kernel knows the address, or one that it has no address for. */
static uint8_t choose_id(const struct connection *connection, const struct event_endpoint *known,
			 int n, const struct mptcpd_addr *addr, uint8_t id)
{
	for (int i = 0; i < n; i++)
		if (known[i].id && addr_equal(&known[i].addr, addr))
			return known[i].id;
	if (!is_taken(known, n, id))
		return id; /* it was refused for something else */
	for (size_t tries = 0; tries < 254; tries++) {
		if (!is_taken(known, n, id) && is_id_free(connection, id))
			return id;
		id = id == 1 ? 254 : id - 1;
	}
	return id;
}

bool engine_correct_id(struct engine *engine, struct connection *connection,
		       const struct mptcpd_addr *addr, uint8_t refused)
{
	struct event_endpoint known[OWN_ADDRESSES_MAX];
	uint8_t id;
	int n;

	if (refused == 0)
		return false; /* the initial address has no other */
	n = engine->ops->own_addresses(engine->kernel, connection->token, known, OWN_ADDRESSES_MAX);
	id = n > 0 ? choose_id(connection, known, n, addr, refused) : refused;
	if (id == refused)
		return false;
	for (size_t i = 0; i < connection->n_announced; i++) {
		struct announced *announced = &connection->announced[i];

		if (!announced->sent && addr_equal(&announced->addr, addr))
			announced->id = id;
	}
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->state == SUBFLOW_WANTED && !subflow->fixed_id &&
		    same_local(subflow, addr)) {
			subflow->local_id = id;
			subflow->has_id = true;
		}
	}
	return true;
}

/* ---- back-off ---- */

/* splitmix64: small, and the same everywhere for the same seed. */
static uint64_t next_random(struct engine *engine)
{
	uint64_t z = engine->random += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static uint64_t jitter(struct engine *engine, uint64_t ms)
{
	return ms - ms / 5 + next_random(engine) % (2 * ms / 5 + 1);
}

void engine_back_off(struct engine *engine, struct subflow *subflow, uint64_t now_ms)
{
	uint64_t delay = BACK_OFF_MAX_MS;

	subflow->failed = false;
	subflow->refused =
		subflow->turned_away ||
		failure_is_refusal(subflow->error, subflow->has_reset, subflow->reset_reason);
	if (subflow->attempts < UINT8_MAX)
		subflow->attempts++;
	if (subflow->refused && subflow->attempts == 1)
		delay = REFUSED_FIRST_MS;
	else if (subflow->turned_away && subflow->attempts <= 8)
		delay = (uint64_t)BACK_OFF_MAX_MS << (subflow->attempts - 2);
	else if (subflow->turned_away)
		delay = TURNED_AWAY_MAX_MS;
	else if (!subflow->refused && subflow->attempts <= 6)
		delay = (uint64_t)BACK_OFF_FIRST_MS << (subflow->attempts - 1);
	if (delay > TURNED_AWAY_MAX_MS)
		delay = TURNED_AWAY_MAX_MS;
	subflow->due_ms = now_ms + jitter(engine, delay);
}

/* ---- commands ---- */

int engine_create(struct engine *engine, struct connection *connection, struct subflow *subflow,
		  uint64_t now_ms)
{
	struct mptcpd_addr local = subflow->local;
	struct subflow_request request;
	int r;

	local.port = subflow->asked_port;
	request = (struct subflow_request){
		.local = local,
		.remote = subflow->remote,
		.local_id =
			subflow->fixed_id ? subflow->local_id : engine_local_id(connection, &local),
		.remote_id = engine_remote_id(connection, &subflow->remote),
		.flags = subflow->want_backup ? MPTCPD_FLAG_BACKUP : 0,
		.ifindex = subflow->ifindex,
	};
	r = engine_command(engine, connection, "SUBFLOW_CREATE",
			   engine->ops->subflow_create(engine->kernel, connection->token,
						       &request));
	if (r < 0) {
		subflow->error = (uint8_t)-r;
		subflow->by_command = true;
		subflow->has_reset = false;
		subflow->since_ms = now_ms;
		engine_back_off(engine, subflow, now_ms);
		if (r == -EINVAL)
			engine_correct_id(engine, connection, &local, request.local_id);
		else
			engine_announce_again(connection, &local, now_ms);
		return r;
	}
	connection->path_manager = PATH_MANAGER_USERSPACE;
	subflow->local = local;
	subflow->local_id = request.local_id;
	subflow->remote_id = request.remote_id;
	subflow->has_id = true;
	connection->local_removed &= request.local_id != 0;
	subflow->backup = subflow->want_backup;
	subflow->backup_asked = subflow->want_backup && !engine->create_keeps_backup;
	subflow->origin = (subflow->wanted_by == WANTED_BY_ADMIN ? MPTCPD_ORIGIN_ADMIN
								 : MPTCPD_ORIGIN_POLICY) &
			  7;
	subflow->origin_known = true;
	subflow->failed = subflow->stale = false;
	subflow->bound = true;
	model_set_subflow_state(&engine->model, subflow, SUBFLOW_PENDING, now_ms);
	return 0;
}

int engine_destroy(struct engine *engine, struct connection *connection, struct subflow *subflow,
		   uint64_t now_ms)
{
	int r = engine->ops->subflow_destroy(engine->kernel, connection->token, &subflow->local,
					     &subflow->remote, subflow->ifindex, subflow->mapped);

	if (r == -ESRCH) {
		/* It went by itself meanwhile, which is what was wanted. No event need follow. */
		engine_command(engine, connection, "SUBFLOW_DESTROY", 0);
		model_set_subflow_state(&engine->model, subflow, SUBFLOW_WANTED, now_ms);
		subflow->wanted_by = WANTED_BY_NONE;
		if (subflow->initial)
			subflow->asked_port = 0;
		subflow->initial = false;
		subflow->gone = connection->has_gone = true;
		return 0;
	}
	if (r == -EAGAIN)
		return r; /* nothing was asked of the kernel yet */
	r = engine_command(engine, connection, "SUBFLOW_DESTROY", r);
	if (r == 0) {
		model_set_subflow_state(&engine->model, subflow, SUBFLOW_CLOSING, now_ms);
		engine_announce_again(connection, &subflow->local, now_ms);
	}
	return r;
}

void engine_look_at_backup(struct engine *engine, const struct connection *connection,
			   struct subflow *subflow)
{
	int r = engine->ops->subflow_is_backup(engine->kernel, connection->token, &subflow->local,
					       &subflow->remote, subflow->ifindex);

	if (r < 0)
		return;
	subflow->backup = r;
	subflow->backup_asked = subflow->backup != subflow->want_backup;
	engine->create_keeps_backup |= subflow->backup;
}

int engine_set_backup(struct engine *engine, struct connection *connection, struct subflow *subflow,
		      bool backup)
{
	int r = engine_command(engine, connection, "SET_FLAGS",
			       engine->ops->subflow_backup(engine->kernel, connection->token,
							   &subflow->local, &subflow->remote,
							   backup));

	if (r == 0)
		subflow->backup_asked = false; /* what is there from now on is not CREATE's doing */
	if (r == 0 && subflow->backup != backup) {
		struct change change = {.type = CHANGE_SUBFLOW_PRIORITY};

		subflow->backup = backup;
		subflow_describe(&engine->model, connection, subflow, &change);
		engine_tell(engine, &change);
	}
	return r;
}
