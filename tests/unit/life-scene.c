/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "life-scene.h"

#include <string.h>

#include "addr.h"

static void on_notice(void *data, const struct notice *notice)
{
	struct world *world = data;

	if (notice->type != NOTICE_ENDPOINT_LEAVING)
		return;
	world->n_told++;
	world->needed_by = notice->error;
}

static void on_host(void *data, const struct engine_host *host)
{
	struct world *world = data;

	world->host = *host;
	memcpy(world->kept, host->endpoints, host->n_endpoints * sizeof(*host->endpoints));
	world->host.endpoints = world->kept;
}

void life_later(struct world *world, uint64_t ms)
{
	world->now += ms;
	fake_run(world->fake, world->engine, world->now);
}

void life_plug(struct world *world, uint32_t i)
{
	g_autofree char *name = g_strdup_printf("eth%u", i);
	g_autofree char *address = g_strdup_printf("10.0.%u.1", i);

	fake_link(world->fake, i, name, true, true);
	fake_address(world->fake, i, address);
}

static void start(struct world *world)
{
	struct engine_host host = world->host;

	world->engine = engine_new(&(struct engine_setup){
		.rules = &fake_rules,
		.ops = &fake_ops,
		.kernel = world->fake,
		.observer = {.on_notice = on_notice, .on_host = on_host, .data = world},
		.seed = 1,
	});
	engine_set_host(world->engine, &host);
}

void life_restart(struct world *world)
{
	engine_free(world->engine);
	start(world);
}

void life_set_up(struct world *world, gconstpointer data)
{
	fake_policy_reset();
	fake_rules.path_manager = PATH_MANAGER_KERNEL;
	memset(world, 0, sizeof(*world));
	world->now = 1000;
	world->fake = fake_new();
	world->fake->path_manager = PATH_MANAGER_KERNEL;
	world->fake->limits = (struct event_limits){8, 8};
	life_plug(world, 1);
	life_plug(world, 2);
	start(world);
	life_later(world, 0);
	life_later(world, 100);
	fake_forget_log(world->fake);
}

void life_tear_down(struct world *world, gconstpointer data)
{
	fake_rules.path_manager = PATH_MANAGER_USERSPACE;
	fake_rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW;
	fake_rules.mend_foreign = false;
	engine_free(world->engine);
	fake_free(world->fake);
}

void life_connect_one(struct world *world, uint32_t token, enum mptcpd_side side)
{
	fake_connect(world->fake, token, side, "10.0.1.1:1000", "10.9.0.1:80");
	fake_establish(world->fake, token);
	life_later(world, 0);
}

void life_join(struct world *world, uint32_t token, const char *local, const char *remote)
{
	struct fake_connection *fake = fake_find(world->fake, token);

	fake->subflows[1] = (struct fake_subflow){
		.used = true,
		.syn_sent = true,
		.ours = fake->side == MPTCPD_SIDE_CLIENT,
		.local = fake_addr(local),
		.remote = fake_addr(remote),
		.local_id = 5,
	};
	fake_answer(world->fake, 0);
	life_later(world, 0);
}

void life_connect_two(struct world *world, uint32_t token, enum mptcpd_side side)
{
	life_connect_one(world, token, side);
	life_join(world, token, "10.0.2.1:777", "10.9.0.1:80");
}

bool life_is_there(struct world *world, const char *address)
{
	return fake_find_endpoint(world->fake, address) != NULL;
}

struct explain_endpoint life_explain(struct world *world, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	struct endpoint *seen = model_find_endpoint(engine_model(world->engine), 0, &addr);
	struct explain_endpoint endpoint;

	g_assert_nonnull(seen);
	engine_explain_endpoint(world->engine, seen, world->now, &endpoint);
	return endpoint;
}

void life_reload(struct world *world)
{
	engine_set_rules(world->engine, &fake_rules, world->now);
	life_later(world, 50);
}
