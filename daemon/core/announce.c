/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Announcements of one connection: wanted against made. */
#include <errno.h>

#include "addr.h"
#include "engine-private.h"

/*
 * The kernel keeps one ADD_ADDR in flight for a connection and forgets what does not fit, in
 * silence: the next one waits this long.
 */
#define PACE_MS 200
#define RETRY_MS 5000

static struct announced *find(const struct connection *connection, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < connection->n_announced; i++)
		if (addr_equal(&connection->announced[i].addr, addr))
			return &connection->announced[i];
	return NULL;
}

static void match(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_announced; i++) {
		struct announced *announced = &connection->announced[i];

		announced->wanted = announced->wanted_by == WANTED_BY_ADMIN || announced->adopted ||
				    connection->set_aside;
		if (announced->wanted && announced->saved_listening && !announced->listening)
			announced->listening = engine->ops->listen(engine->kernel, &announced->addr,
								   announced->ifindex) == 0;
		announced->saved_listening = false;
	}
	for (size_t i = 0; i < engine->plan.n_announcements; i++) {
		const struct plan_announcement *want = &engine->plan.announcements[i];
		struct announced *announced = find(connection, &want->announcement.addr);

		if (!announced) {
			uint8_t id = engine_local_id(connection, &want->announcement.addr);

			announced = id ? connection_add_announced(connection) : NULL;
			if (!announced)
				continue; /* the initial address needs no announcement */
			announced->addr = want->announcement.addr;
			announced->id = id;
			announced->due_ms = now_ms;
		}
		announced->wanted = true;
		announced->adopted = false;
		announced->ifindex = want->announcement.ifindex;
		if (announced->wanted_by != WANTED_BY_ADMIN)
			announced->wanted_by = want->wanted_by;
		if (want->announcement.listen && !announced->listening)
			announced->listening = engine->ops->listen(engine->kernel, &announced->addr,
								   announced->ifindex) == 0;
	}
}

uint64_t engine_withdraw_unwanted(struct engine *engine, struct connection *connection,
				  uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	match(engine, connection, now_ms);
	for (size_t i = connection->n_announced; i-- > 0;) {
		struct announced *announced = &connection->announced[i];
		int r = 0;

		/* What the kernel has forgotten is announced once more, to be taken back then. */
		if (announced->wanted || announced->forgotten)
			continue;
		if (announced->sent && announced->due_ms <= now_ms) {
			r = engine->ops->withdraw(engine->kernel, connection->token, announced->id);
			/* EINVAL: the kernel has forgotten the id, and so has nothing to say. */
			r = engine_command(engine, connection, "REMOVE", r == -EINVAL ? 0 : r);
			announced->sent = r < 0;
			announced->due_ms = now_ms + RETRY_MS;
		}
		if (announced->sent) {
			next = announced->due_ms < next ? announced->due_ms : next;
			continue;
		}
		if (announced->listening)
			engine->ops->unlisten(engine->kernel, &announced->addr);
		connection_remove_announced(connection, announced);
	}
	return next;
}

/* Was it refused for its id, which is another one now? An administrator's stays what it is. */
static bool is_mended(struct engine *engine, struct connection *connection,
		      const struct announced *announced, int error)
{
	return error == -EINVAL && announced->wanted_by != WANTED_BY_ADMIN &&
	       engine_correct_id(engine, connection, &announced->addr, announced->id);
}

uint64_t engine_announce_wanted(struct engine *engine, struct connection *connection,
				uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < connection->n_announced; i++) {
		struct announced *announced = &connection->announced[i];
		int r;

		if (announced->sent)
			continue;
		if (announced->due_ms > now_ms || next != UINT64_MAX) {
			uint64_t due =
				announced->due_ms > now_ms ? announced->due_ms : now_ms + PACE_MS;

			next = due < next ? due : next;
			continue;
		}
		r = engine->ops->announce(engine->kernel, connection->token, &announced->addr,
					  announced->id, announced->ifindex);
		announced->sent = engine_command(engine, connection, "ANNOUNCE", r) == 0;
		announced->forgotten &= !announced->sent;
		next = now_ms + PACE_MS;
		if (r < 0 && !is_mended(engine, connection, announced, r))
			next = now_ms + RETRY_MS;
		announced->due_ms = announced->sent ? now_ms : next;
	}
	return next;
}

void engine_announce_again(struct connection *connection, const struct mptcpd_addr *addr,
			   uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_announced; i++) {
		struct announced *announced = &connection->announced[i];

		if (announced->sent && addr_equal_host(&announced->addr, addr)) {
			announced->sent = false;
			announced->forgotten = true;
			announced->due_ms = now_ms;
		}
	}
}

void engine_withdrawn(struct connection *connection, uint8_t id, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_announced; i++) {
		struct announced *announced = &connection->announced[i];

		if (announced->id != id)
			continue;
		announced->sent = announced->forgotten = false;
		announced->due_ms = now_ms + PACE_MS;
	}
}

void engine_learn_announced(struct engine *engine, struct connection *connection)
{
	struct event_endpoint known[OWN_ADDRESSES_MAX];
	int n = engine->ops->own_addresses(engine->kernel, connection->token, known,
					   OWN_ADDRESSES_MAX);

	/* Not to be had, or not right now. */
	connection->ids_unknown = n < 0 && n != -EINVAL && n != -EOPNOTSUPP;
	for (int i = 0; i < n; i++) {
		struct announced *announced;

		if (!(known[i].flags & MPTCPD_FLAG_SIGNAL) || !known[i].id)
			continue;
		announced = find(connection, &known[i].addr);
		if (!announced) {
			announced = connection_add_announced(connection);
			if (!announced)
				return;
			announced->adopted = true;
		}
		announced->addr = known[i].addr;
		announced->ifindex = known[i].ifindex;
		announced->id = known[i].id;
		announced->sent = true;
	}
}
