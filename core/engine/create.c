/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A subflow that the kernel is asked for: what it is asked, and what is known when it was. */
#include "addr.h"
#include "engine-private.h"

struct subflow_request create_request(const struct connection *connection,
				      const struct subflow *subflow)
{
	struct mptcpd_addr local = subflow->local;

	local.port = subflow->want.port;
	return (struct subflow_request){
		.local = local,
		.remote = subflow->remote,
		.local_id = subflow->want.fixed_id ? subflow->is.local_id
						   : ids_local(connection, &local),
		.remote_id = ids_remote(connection, &subflow->remote),
		.flags = subflow->want.backup ? MPTCPD_FLAG_BACKUP : 0,
		.ifindex = subflow->ifindex,
	};
}

void create_asked(struct engine *engine, struct connection *connection, struct subflow *subflow,
		  const struct subflow_request *request, uint64_t now_ms)
{
	connection->path_manager = PATH_MANAGER_USERSPACE;
	connection->local_removed &= request->local_id != 0;
	subflow->local = request->local;
	subflow->is.local_id = request->local_id;
	subflow->is.remote_id = request->remote_id;
	subflow->is.backup = subflow->want.backup;
	subflow->is.backup_unsure = false;
	subflow->is.backup_asked = subflow->want.backup && !engine->create_keeps_backup;
	subflow->is.origin =
		(subflow->want.by == WANTED_BY_ADMIN ? MPTCPD_ORIGIN_ADMIN : MPTCPD_ORIGIN_POLICY) &
		7;
	subflow->is.origin_known = true;
	subflow->try.failed = subflow->is.stale = false;
	subflow->is.bound = true;
	model_set_subflow_state(&engine->model, subflow, SUBFLOW_PENDING, now_ms);
}

struct subflow *create_find(struct connection *connection, const struct subflow_request *request,
			    enum subflow_state state)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		/* Of several that were asked for alike, the one that was asked to be that. */
		if (state == SUBFLOW_PENDING &&
		    subflow->is.backup != ((request->flags & MPTCPD_FLAG_BACKUP) != 0))
			continue;
		if (subflow->is.state == state && subflow->ifindex == request->ifindex &&
		    subflow->want.port == request->local.port &&
		    addr_equal_host(&subflow->local, &request->local) &&
		    addr_equal(&subflow->remote, &request->remote))
			return subflow;
	}
	return NULL;
}

/* The settle asks again, and is told why not. */
void create_refused(struct engine *engine, struct connection *connection,
		    const struct subflow_request *request, uint64_t now_ms)
{
	struct subflow *subflow = create_find(connection, request, SUBFLOW_PENDING);

	/* With some errors, which nobody knows here, the kernel forgets the address. */
	ids_forgotten(connection, &request->local, now_ms);
	if (!subflow)
		return;
	model_set_subflow_state(&engine->model, subflow, SUBFLOW_ABSENT, now_ms);
	subflow->is.local_id = 0;
	subflow->try.due_ms = now_ms;
	connection->path_manager = PATH_MANAGER_UNKNOWN;
	engine_mark_dirty(engine, connection);
}
