/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose a connection is: its user, its mark and its cgroup. That takes a request for each
 * connection, so only those are asked about for which it decides something, once, and never between
 * an event and the commands for others: when their own turn has come.
 */
#include <errno.h>

#include "engine-private.h"

/* Asking again, while nobody can say it: after this, at most. */
#define ASK_AGAIN_MS 1000
/* While the cgroup is being looked for, and before it can be. */
#define CGROUP_LOOK_MS 1
#define CGROUP_WAIT_MS 20
/*
 * A uid of 0 that nobody has yet is asked for again after 2, 4, 8 ms and so on; then it is believed.
 * A later snapshot knows better.
 */
#define UID_DOUBTS_MAX 10

/* It costs a request a connection. 0 or -errno. */
static int ask(struct engine *engine, struct connection *connection)
{
	struct connection_more *more;
	struct mptcpd_owner owner;
	int r = engine->ops->owner(engine->kernel, connection->token, &owner);

	if (r < 0)
		return r;
	more = connection_more(connection);
	more->owner = owner;
	more->is_orphan = r == OWNER_ORPHAN;
	more->has_owner = true;
	return 0;
}

bool owner_know(struct engine *engine, struct connection *connection)
{
	return connection->more->has_owner || ask(engine, connection) == 0;
}

uint32_t engine_mark(struct engine *engine, struct connection *connection)
{
	return engine->marks_matter && owner_know(engine, connection) ? connection->more->owner.mark
								      : 0;
}

/* Whoever accepts it has another uid, on kernels that know none before. */
static bool is_doubtful(const struct connection *connection)
{
	const struct connection_more *more = connection->more;

	return more->is_orphan && more->owner.uid == 0 && more->n_uid_doubts < UID_DOUBTS_MAX;
}

void owner_describe(const struct connection *connection, struct subject *subject)
{
	const struct connection_more *more = connection->more;

	subject->unknown = FACT_UID | FACT_MARK | FACT_CGROUP;
	subject->cgroup = "";
	if (!more->has_owner)
		return;
	subject->uid = more->owner.uid;
	subject->mark = more->owner.mark;
	subject->unknown = is_doubtful(connection) ? FACT_UID | FACT_CGROUP : FACT_CGROUP;
}

uint64_t owner_find_cgroup(struct engine *engine, const struct connection *connection,
			   char path[static CGROUP_PATH_SIZE])
{
	uint64_t id = connection->more->owner.cgroup;
	int r = id ? engine->ops->cgroup(engine->kernel, id, path, CGROUP_PATH_SIZE) : -ENOENT;

	if (r == -EAGAIN)
		return CGROUP_LOOK_MS;
	if (r == -EBUSY)
		return CGROUP_WAIT_MS;
	if (r < 0)
		*path = '\0';
	return 0;
}

uint64_t owner_find(struct engine *engine, struct connection *connection, uint32_t missing)
{
	if (ask(engine, connection) < 0)
		return ASK_AGAIN_MS;
	if (!(missing & FACT_UID) || !is_doubtful(connection))
		return 0;
	return UINT64_C(2) << connection_more(connection)->n_uid_doubts++;
}

void owner_settle(struct engine *engine, uint64_t now_ms)
{
	char path[CGROUP_PATH_SIZE];
	int r;

	if (engine->cgroups_due_ms > now_ms)
		return;
	r = engine->ops->cgroup(engine->kernel, 0, path, sizeof(path));
	engine->cgroups_due_ms = r == -EAGAIN  ? now_ms + CGROUP_LOOK_MS
				 : r == -EBUSY ? now_ms + CGROUP_WAIT_MS
					       : ENGINE_NEVER;
}

void owner_rules_changed(struct engine *engine)
{
	engine->cgroups_due_ms = rules_ask(engine->rules, FACT_CGROUP) ? 0 : ENGINE_NEVER;
}
