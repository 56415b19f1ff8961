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

		announced->wanted = announced->wanted_by == WANTED_BY_ADMIN;
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
		announced->ifindex = want->announcement.ifindex;
		if (announced->wanted_by != WANTED_BY_ADMIN)
			announced->wanted_by = want->wanted_by;
		if (want->announcement.listen && !announced->listening)
			announced->listening = engine->ops->listen(engine->kernel, &announced->addr,
								   announced->ifindex) == 0;
	}
}

static void withdraw_unwanted(struct engine *engine, struct connection *connection)
{
	for (size_t i = connection->n_announced; i-- > 0;) {
		struct announced *announced = &connection->announced[i];
		int r;

		if (announced->wanted)
			continue;
		if (announced->sent) {
			r = engine->ops->withdraw(engine->kernel, connection->token, announced->id);
			engine_command(engine, connection, "REMOVE", r == -EINVAL ? 0 : r);
		}
		if (announced->listening)
			engine->ops->unlisten(engine->kernel, &announced->addr);
		connection_remove_announced(connection, announced);
	}
}

uint64_t engine_reconcile_announcements(struct engine *engine, struct connection *connection,
					uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	match(engine, connection, now_ms);
	withdraw_unwanted(engine, connection);
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
		announced->due_ms = now_ms + RETRY_MS;
		next = now_ms + (announced->sent ? PACE_MS : RETRY_MS);
	}
	return next;
}
