/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "walk.h"

#include "engine-private.h"

/* A walk over so many takes a while. */
#define LONG 200
/* So long it waits for the snapshot at most. */
#define WAIT_MS 100
/* The host may change very often: snapshots take this part of the time, at most. */
#define SEEK_PART 5
/* So long it keeps others from looking at very many sockets. */
#define BUSY_MS 1000

static bool is_long(const struct engine *engine)
{
	return table_count(&engine->model.connections) >= LONG;
}

/* From here on, those that carry data have their turn before the others. */
static void begin_with_busy(struct engine *engine)
{
	engine->walk.first = is_long(engine) ? model_next_connection(&engine->model, 0) : NULL;
}

void walk_start(struct engine *engine, uint64_t now_ms)
{
	struct walk *walk = &engine->walk;

	begin_with_busy(engine);
	walk->again = walk->next;
	if (walk->again)
		return;
	walk->next = model_next_connection(&engine->model, 0);
	walk->since_ms = now_ms;
}

void walk_seek(struct engine *engine, uint64_t now_ms)
{
	struct walk *walk = &engine->walk;

	if (engine->passive || !is_long(engine) || walk->sought_ms || now_ms < walk->seek_ms ||
	    resync_brief(engine) < 0)
		return;
	walk->sought_ms = now_ms;
	walk->until_ms = now_ms + WAIT_MS;
}

void walk_informed(struct engine *engine, uint64_t now_ms)
{
	struct walk *walk = &engine->walk;

	if (walk->sought_ms)
		walk->seek_ms = now_ms + SEEK_PART * (now_ms - walk->sought_ms);
	walk->sought_ms = walk->until_ms = 0;
	if (walk->next)
		begin_with_busy(engine);
}

bool walk_is_busy(const struct walk *walk, uint64_t now_ms)
{
	return walk->next && now_ms - walk->since_ms < BUSY_MS;
}

void walk_forget(struct walk *walk, const struct connection *connection)
{
	if (walk->next == connection)
		walk->next = connection_next(connection);
	if (walk->first == connection)
		walk->first = connection_next(connection);
}

bool walk_is_on(struct engine *engine, uint64_t now_ms)
{
	struct walk *walk = &engine->walk;

	if (now_ms < walk->until_ms)
		return false;
	walk->until_ms = 0;
	if (!walk->next && walk->again)
		walk_start(engine, now_ms);
	return walk->next;
}

struct connection *walk_step(struct walk *walk)
{
	struct connection **place = walk->first ? &walk->first : &walk->next;
	struct connection *connection = *place;
	bool is_its_turn = place == &walk->next || connection->busy;

	*place = connection_next(connection);
	return is_its_turn ? connection : NULL;
}

uint64_t walk_next(const struct walk *walk)
{
	return walk->next && walk->until_ms ? walk->until_ms : ENGINE_NEVER;
}
