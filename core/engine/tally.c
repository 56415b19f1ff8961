/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is counted as it happens, for who draws it over time. It takes no memory and asks nobody. */
#include "engine-private.h"

void tally_joined(struct engine *engine, const struct connection *connection, uint32_t ms)
{
	static const uint32_t bounds[ENGINE_JOIN_BOUNDS] = ENGINE_JOIN_BOUNDS_MS;
	size_t i = 0;

	if (!connection || connection->path_manager != PATH_MANAGER_USERSPACE)
		return;
	while (i < ENGINE_JOIN_BOUNDS && ms > bounds[i])
		i++;
	engine->counters.joins[i]++;
	engine->counters.joins_ms += ms;
}

void tally_closed(struct engine *engine, const struct change *change)
{
	enum reason reason = reason_of_end(change->error, change->reset, true);

	engine->counters.failures[reason] += reason != REASON_NONE;
}
