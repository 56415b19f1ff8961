/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions of an administrator on one connection, kept against every policy. */
#include <errno.h>

#include "addr.h"
#include "announce.h"
#include "engine-private.h"

static int find_connection(struct engine *engine, uint32_t token,
			   struct connection **ret_connection)
{
	struct connection *connection = model_find_connection(&engine->model, token);

	if (!connection)
		return -ESRCH;
	if (connection->fallback)
		return -EOPNOTSUPP;
	if (!command_probe(engine, connection))
		return -ESRCH;
	if (connection->path_manager != PATH_MANAGER_USERSPACE)
		return -EPERM;
	*ret_connection = connection;
	return 0;
}

/* The record of this pair: seen ones first. Ports that are 0 match any. */
static struct subflow *find_subflow(struct connection *connection, const struct mptcpd_addr *local,
				    const struct mptcpd_addr *remote)
{
	struct subflow *found = NULL;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (!addr_equal_host(&subflow->local, local) ||
		    !addr_equal_host(&subflow->remote, remote))
			continue;
		if ((local->port && local->port != subflow->local.port) ||
		    (remote->port && remote->port != subflow->remote.port))
			continue;
		if (subflow_is_seen(subflow))
			return subflow;
		found = subflow;
	}
	return found;
}

/*
 * A wish the administrator banned before is lifted, one that exists beside is another instance. The
 * same pair on another link is another path.
 */
static struct subflow *find_or_add(const struct model *model, struct connection *connection,
				   const struct subflow_request *request, uint32_t ifindex)
{
	struct subflow *subflow;
	uint8_t instance = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		subflow = &connection->subflows[i];
		if (subflow->want.port != request->local.port ||
		    !addr_equal_host(&subflow->local, &request->local) ||
		    !addr_equal(&subflow->remote, &request->remote) ||
		    (subflow->ifindex != ifindex &&
		     model_find_local(model, &subflow->local, subflow->ifindex)))
			continue;
		if (!subflow_is_seen(subflow))
			return subflow;
		if (subflow->want.instance >= instance)
			instance = (uint8_t)(subflow->want.instance + 1);
	}
	subflow = connection_add_subflow(connection);
	if (subflow)
		subflow->want.instance = instance;
	return subflow;
}

/* The subflow was not made: the record is a wish or a ban again, as before. */
static void undo_add(struct connection *connection, struct subflow *subflow,
		     const struct subflow *before)
{
	if (before->local.family)
		*subflow = *before;
	else
		connection_remove_subflow(connection, subflow);
}

int engine_subflow_add(struct engine *engine, uint32_t token, const struct subflow_request *request,
		       uint64_t now_ms)
{
	const struct local *local;
	struct connection *connection;
	struct subflow *subflow, before;
	int r = find_connection(engine, token, &connection);

	if (r < 0)
		return r;
	if (request->local.family != request->remote.family || !request->remote.port)
		return -EINVAL;
	/* Without a link it is made where an unbound one would be. */
	local = request->ifindex
			? model_find_local(&engine->model, &request->local, request->ifindex)
			: engine_find_link(engine, &request->local, &request->remote, 0);
	if (!local)
		return -EADDRNOTAVAIL;
	subflow = find_or_add(&engine->model, connection, request, local->interface->is.ifindex);
	if (!subflow)
		return -ENOSPC;
	before = *subflow;
	subflow->local = request->local;
	subflow->remote = request->remote;
	subflow->want.port = request->local.port;
	subflow->ifindex = local->interface->is.ifindex;
	subflow->want.fixed_id = request->fixed_id || request->local_id != 0;
	if (subflow->want.fixed_id)
		subflow->is.local_id = request->local_id;
	subflow->want.backup = request->flags & MPTCPD_FLAG_BACKUP;
	subflow->want.pinned = true;
	subflow->want.banned = false;
	subflow->want.by = WANTED_BY_ADMIN;
	r = command_create(engine, connection, subflow, now_ms);
	/* The kernel knew the address by another id, or another one by this: now we do, too. */
	if (r == -EINVAL && !subflow->want.fixed_id && subflow->is.local_id)
		r = command_create(engine, connection, subflow, now_ms);
	if (r < 0)
		undo_add(connection, subflow, &before); /* the person was told */
	else
		engine_mark_dirty(engine, connection);
	engine_settled(engine, connection);
	return r;
}

int engine_subflow_delete(struct engine *engine, uint32_t token, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, uint64_t now_ms)
{
	struct connection *connection;
	struct subflow *subflow;
	int r = find_connection(engine, token, &connection);

	if (r < 0)
		return r;
	subflow = find_subflow(connection, local, remote);
	if (!subflow || subflow->is.state == SUBFLOW_CLOSING ||
	    (subflow->want.banned && !subflow_is_seen(subflow)))
		return -ENOENT;
	if (subflow_is_seen(subflow)) {
		r = engine_take_back(engine, connection, subflow, true);
		if (r == 0)
			r = command_destroy(engine, connection, subflow, now_ms);
		if (r < 0)
			return r;
	}
	subflow->want.by = WANTED_BY_NONE;
	subflow->want.banned = true;
	engine_mark_dirty(engine, connection);
	engine_settled(engine, connection);
	return 0;
}

int engine_subflow_change(struct engine *engine, uint32_t token, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, bool backup, uint64_t now_ms)
{
	struct connection *connection;
	struct subflow *subflow;
	int r = find_connection(engine, token, &connection);

	if (r < 0)
		return r;
	subflow = find_subflow(connection, local, remote);
	if (!subflow || subflow->is.state != SUBFLOW_ESTABLISHED)
		return -ENOENT;
	r = command_set_backup(engine, connection, subflow, backup);
	if (r == 0) {
		subflow->want.pinned = true;
		subflow->want.backup = backup;
		engine_settled(engine, connection);
	}
	return r;
}

/* An address announced anew invites the peer to where its subflows were deleted. */
static void lift_bans(struct connection *connection, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (!subflow_is_seen(&connection->subflows[i]) &&
		    addr_equal_host(&connection->subflows[i].local, addr))
			connection->subflows[i].want.banned = false;
}

int engine_announce(struct engine *engine, uint32_t token, const struct mptcpd_addr *addr,
		    uint8_t id, uint32_t ifindex, uint64_t now_ms)
{
	struct connection *connection;
	struct announced *announced = NULL;
	int r = find_connection(engine, token, &connection);

	if (r < 0)
		return r;
	if (id == 0 || !addr->family)
		return -EINVAL;
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *other = &connection->more->announced[i];

		if (other->id == id || addr_equal(&other->addr, addr)) {
			if (other->id != id || !addr_equal(&other->addr, addr))
				return -EEXIST;
			announced = other;
		}
	}
	if (!announced)
		announced = connection_add_announced(connection);
	if (!announced)
		return -ENOSPC;
	/* The peer will join there: with a port of its own, somebody must listen before it does. */
	if (addr->port && !announced->is.listening && !engine->passive &&
	    model_find_local(&engine->model, addr, 0))
		engine_listen(engine, announced, addr, ifindex, MPTCPD_LISTEN_ALWAYS);
	r = engine_command(engine, connection, "ANNOUNCE",
			   engine->ops->announce(engine->kernel, token, addr, id, ifindex));
	if (r < 0 && !announced->is.sent) {
		engine_unlisten(engine, announced);
		connection_remove_announced(connection, announced);
	}
	if (r < 0)
		return r;
	announced->addr = *addr;
	announced->id = id;
	announced->ifindex = ifindex;
	announced->want.by = WANTED_BY_ADMIN;
	announced->is.sent = true;
	announced->try.told_ms = now_ms;
	announced->want.banned = announced->want.held = announced->is.forgotten = false;
	announced->is.local = model_find_local(&engine->model, addr, 0);
	lift_bans(connection, addr);
	engine_mark_dirty(engine, connection);
	engine_settled(engine, connection);
	return 0;
}

/* The peer closes what uses the address; no plan makes that again. */
static void ban_subflows(struct connection *connection, uint8_t id)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		bool is_of_id =
			subflow_is_seen(subflow)
				? subflow->is.local_id == id
				: id == 0 && addr_equal_host(&subflow->local, &connection->local);

		if (is_of_id && subflow->is.origin != MPTCPD_ORIGIN_PEER)
			subflow->want.banned = true;
	}
}

int engine_withdraw(struct engine *engine, uint32_t token, uint8_t id, uint64_t now_ms)
{
	struct connection *connection;
	int r = find_connection(engine, token, &connection);

	if (r < 0)
		return r;
	r = engine_command(engine, connection, "REMOVE",
			   engine->ops->withdraw(engine->kernel, token, id));
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	for (size_t i = connection->more->n_announced; i-- > 0;)
		if (connection->more->announced[i].id == id)
			engine_ban_announced(engine, connection, &connection->more->announced[i]);
	ban_subflows(connection, id);
	engine_mark_dirty(engine, connection);
	engine_settled(engine, connection);
	return 0;
}
