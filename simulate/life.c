/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lives of mptcpd on a host: it is killed, and another one begins with what the file says. */
#include "life.h"

#include <glib/gstdio.h>
#include <string.h>

/* So long nobody is there at most; TCP goes on. */
#define AWAY_MS 3000
#define STEP_MS 50

static void on_settled(void *data, struct connection *connection)
{
	state_save(((struct world *)data)->state, connection);
}

static void on_forget(void *data, struct connection *connection)
{
	state_forget(((struct world *)data)->state, connection);
}

static void on_event(void *data, const struct event *event)
{
	struct world *world = data;

	engine_event(world->engine, event, world->now_ms);
}

static void begin(struct world *world)
{
	static const struct state_identity identity = {.boot_id = "simulated", .netns = 1};

	if (state_open(world->directory, &identity, &world->state) < 0)
		g_error("%s: no file for what a restart must not lose", world->directory);
	world->engine = engine_new(&(struct engine_setup){
		.rules = world->rules,
		.ops = &world->ops,
		.kernel = world->fake,
		.observer = {.on_change = world->on_change,
			     .on_notice = world->on_notice,
			     .on_settled = on_settled,
			     .on_forget = on_forget,
			     .data = world},
		.seed = world->seed,
	});
	state_load(world->state, on_event, world);
}

void life_begin(struct world *world)
{
	g_autofree char *path = g_build_filename(world->directory, "state", NULL);

	g_unlink(path); /* another host's */
	begin(world);
}

void life_end(struct world *world)
{
	engine_free(world->engine);
	state_close(world->state);
	world->engine = NULL;
}

/* What was under way to the one that was killed, and what it had. */
static void forget_readers(struct fake_kernel *fake)
{
	fake->n_events = fake->n_refused = 0;
	fake->looks = false;
	memset(fake->lost, 0, sizeof(fake->lost));
	memset(fake->snapshot_wanted, 0, sizeof(fake->snapshot_wanted));
	memset(fake->brief_wanted, 0, sizeof(fake->brief_wanted));
	for (size_t i = 0; i < FAKE_LISTENERS; i++)
		if (fake->listeners[i].users)
			fake->listeners[i] = (struct fake_listener){0};
}

void life_restart(struct world *world)
{
	uint64_t end_ms = world->now_ms + world_dice(world, AWAY_MS);

	world_tell(world, "mptcpd is killed");
	life_end(world);
	history_step(world);
	for (; world->now_ms < end_ms; world->now_ms += STEP_MS)
		traffic_settle(world);
	forget_readers(world->fake);
	world_tell(world, "mptcpd begins");
	begin(world);
}
