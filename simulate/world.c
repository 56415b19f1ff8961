/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "life.h"
#include "words.h"

/* A history has so many parts: a time in which much happens, and one in which nothing does. */
#define PARTS 2
#define STEPS 30
/* What happened is answered within that: back-off ends at a minute, a SYN is given up after two. */
#define ANSWERED_MS 200000
#define STILL_MS 120000

uint32_t world_dice(struct world *world, uint32_t sides)
{
	return (uint32_t)g_rand_int_range(world->chance, 0, (gint32)sides);
}

void world_tell(const struct world *world, const char *format, ...)
{
	va_list args;

	if (!world->tells)
		return;
	printf("%10.3f  ", (double)world->now_ms / 1000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* ---- what is told ---- */

static void tell_command(struct world *world, const struct fake_record *record, int result)
{
	static const char *const names[] = {"create", "destroy", "priority", "announce",
					    "withdraw"};
	char local[ADDR_TEXT_SIZE] = "", remote[ADDR_TEXT_SIZE] = "";

	if (!world->tells || record->command >= G_N_ELEMENTS(names) ||
	    judge_is_question(world, record))
		return;
	if (record->local.family)
		addr_format(&record->local, local);
	if (record->remote.family)
		addr_format(&record->remote, remote);
	world_tell(world, "    %s %x %s %s id %u%s%s%s", names[record->command], record->token,
		   local, remote, record->id, record->flags & MPTCPD_FLAG_BACKUP ? " backup" : "",
		   record->command == FAKE_BACKUP && record->flags ? " backup" : "",
		   result < 0 ? ", refused" : "");
}

static void on_command(void *data, const struct fake_record *record, int result)
{
	tell_command(data, record, result);
	judge_command(data, record, result);
}

static void on_change(void *data, const struct change *change)
{
	struct world *world = data;
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE];
	const char *what = change->type == CHANGE_SUBFLOW_ESTABLISHED ? "is established"
			   : change->type == CHANGE_SUBFLOW_CLOSED    ? "is closed"
								      : NULL;

	if (!world->tells)
		return;
	if (what && change->local.family && change->remote.family)
		world_tell(world, "    %x %s -> %s %s", change->token,
			   addr_format(&change->local, local), addr_format(&change->remote, remote),
			   what);
	if (change->health)
		world_tell(world, "    %s%s is taken for %s, because %s",
			   model_changed_interface(engine_model(world->engine), change),
			   change->token ? ", a subflow" : "", health_name(change->health),
			   health_reason_text(change->health_reason));
}

static void on_notice(void *data, const struct notice *notice)
{
	char local[ADDR_TEXT_SIZE] = "", remote[ADDR_TEXT_SIZE] = "";

	if (notice->local.family)
		addr_format(&notice->local, local);
	if (notice->remote.family)
		addr_format(&notice->remote, remote);
	if (notice->type == NOTICE_PLAN_REFUSED)
		world_tell(data, "    plugin %s: %s -> %s is refused: %s", notice->plugin, local,
			   remote, strerror(-notice->error));
}

/* ---- what is where ---- */

/* 10.0.I.1 and 2001:db8:I::1 are those of the I-th. */
struct uplink *world_find_uplink(struct world *world, const struct mptcpd_addr *local)
{
	size_t i = (size_t)local->ip[local->family == AF_INET ? 2 : 5] - 1;
	struct uplink *uplink = i < world->n_uplinks ? &world->uplinks[i] : NULL;

	return uplink && uplink->is_there && fake_find_local(world->fake, uplink->ifindex, local)
		       ? uplink
		       : NULL;
}

/* Announced addresses end with a number, and every third of them is nobody's. */
bool world_is_alive(const struct mptcpd_addr *remote)
{
	return remote->ip[remote->family == AF_INET ? 3 : 15] % 4 != 2;
}

bool world_refuses(const struct mptcpd_addr *remote)
{
	return remote->ip[remote->family == AF_INET ? 3 : 15] % 4 == 3;
}

bool world_reaches(struct world *world, const struct mptcpd_addr *local,
		   const struct mptcpd_addr *remote)
{
	const struct uplink *uplink = world_find_uplink(world, local);

	return uplink && uplink->up && uplink->carrier && uplink->routed && !uplink->silent &&
	       world_is_alive(remote);
}

struct talk *world_find_talk(struct world *world, uint32_t token)
{
	for (size_t i = 0; i < TALKS_MAX; i++)
		if (world->talks[i].token && world->talks[i].token == token)
			return &world->talks[i];
	return NULL;
}

/* ---- time ---- */

/* Until then, or until fault is found. */
static void live_until(struct world *world, uint64_t end_ms)
{
	while (!world->judge.text[0]) {
		uint64_t traffic_ms, engine_ms, next_ms;

		traffic_settle(world);
		judge_look(world);
		engine_ms = fake_run(world->fake, world->engine, world->now_ms);
		traffic_ms = traffic_settle(world);
		judge_look(world);
		if (world->now_ms >= end_ms)
			return;
		next_ms = MIN(MIN(engine_ms, traffic_ms), end_ms);
		world->now_ms = MAX(next_ms, world->now_ms + 1);
	}
}

/* Things happen in bursts. */
static uint64_t pause_ms(struct world *world)
{
	static const uint32_t most_ms[] = {20, 1000, 5000, 40000};

	return world_dice(world, most_ms[world_dice(world, G_N_ELEMENTS(most_ms))]) + 1;
}

static void live_part(struct world *world)
{
	judge_still(world, false);
	for (int i = 0; i < STEPS && !world->judge.text[0]; i++) {
		history_step(world);
		world->changed_ms = world->now_ms;
		live_until(world, world->now_ms + pause_ms(world));
		world->fake->limit_events = 0;
		memset(world->fake->fail_always, 0, sizeof(world->fake->fail_always));
	}
	world_tell(world, "nothing happens any more");
	live_until(world, world->now_ms + ANSWERED_MS);
	judge_still(world, true);
	live_until(world, world->now_ms + STILL_MS);
}

bool world_live(struct world *world, const struct world_setup *setup)
{
	*world = (struct world){
		.rules = setup->rules,
		.directory = setup->directory,
		.seed = setup->seed,
		.fake = fake_new(),
		.ops = fake_ops,
		.on_change = on_change,
		.on_notice = on_notice,
		.chance = g_rand_new_with_seed(setup->seed),
		.now_ms = 1000,
		.next_token = 1,
		.tells = setup->tells,
		.judge.bounds = setup->bounds,
	};
	world->fake->hook_data = world;
	world->fake->on_command = on_command;
	world->fake->measure = traffic_measure;
	world->ops.answers = fake_answers;
	life_begin(world);
	history_begin(world);
	for (int i = 0; i < PARTS && !world->judge.text[0]; i++)
		live_part(world);
	life_end(world);
	fake_free(world->fake);
	g_rand_free(world->chance);
	return !world->judge.text[0];
}
