/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look at one connection, for a passive engine, which does not find out by itself. */
#include "announce.h"
#include "engine-private.h"

bool engine_look_at(struct engine *engine, uint32_t token)
{
	struct connection *connection = model_find_connection(&engine->model, token);
	int r;

	if (!connection)
		return false;
	r = engine->ops->probe(engine->kernel, token);
	/* Left unknown where the kernel does not let us ask. */
	if (r == PROBE_USERSPACE || r == PROBE_KERNEL)
		connection->path_manager =
			r == PROBE_USERSPACE ? PATH_MANAGER_USERSPACE : PATH_MANAGER_KERNEL;
	engine_place(engine, connection);
	return connection->path_manager == PATH_MANAGER_USERSPACE &&
	       engine_learn_announced(engine, connection);
}
