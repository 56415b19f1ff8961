/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine-scene.h"

#include <string.h>

static void on_change(void *data, const struct change *change)
{
	((struct scene *)data)->n_changes[change->type]++;
}

static void on_notice(void *data, const struct notice *notice)
{
	struct scene *scene = data;

	scene->n_failures += notice->type == NOTICE_COMMAND_FAILED;
	scene->n_disbelieved += notice->type == NOTICE_ANNOUNCEMENT_REFUSED;
	scene->n_slow += notice->type == NOTICE_PLAN_SLOW && notice->ms == 11;
	if (notice->type != NOTICE_PLAN_REFUSED)
		return;
	scene->n_refusals++;
	g_assert_cmpstr(notice->plugin, ==, "mesh");
}

void scene_start(struct scene *scene)
{
	engine_free(scene->engine);
	scene->engine = engine_new(&(struct engine_setup){
		.rules = &fake_rules,
		.ops = &scene->ops,
		.kernel = scene->fake,
		.clock = fake_clock,
		.clock_data = scene->fake,
		.observer = {.on_change = on_change, .on_notice = on_notice, .data = scene},
		.guard = &scene->guard,
		.seed = 1,
		.passive = scene->passive,
	});
}

void scene_set_up(struct scene *scene, gconstpointer unused)
{
	fake_policy_reset();
	memset(scene, 0, sizeof(*scene));
	scene->fake = fake_new();
	scene->ops = fake_ops;
	scene->now_ms = 1000;
	for (uint32_t i = 1; i <= 3; i++) {
		g_autofree char *name = g_strdup_printf("eth%u", i);
		g_autofree char *address = g_strdup_printf("10.0.%u.1", i);

		fake_link(scene->fake, i, name, true, true);
		fake_address(scene->fake, i, address);
	}
	scene_start(scene);
	scene_run(scene);
	fake_forget_log(scene->fake);
}

void scene_tear_down(struct scene *scene, gconstpointer unused)
{
	engine_free(scene->engine);
	fake_free(scene->fake);
}

uint64_t scene_run(struct scene *scene)
{
	return fake_run(scene->fake, scene->engine, scene->now_ms);
}

uint64_t scene_later(struct scene *scene, uint64_t ms)
{
	scene->now_ms += ms;
	return scene_run(scene);
}

void scene_ask(struct scene *scene)
{
	/* of a family in which nothing can be planned */
	g_autofree char *remote = g_strdup_printf("[2001:db8::9]:%u", ++scene->n_asked);

	fake_announced(scene->fake, SCENE_TOKEN, 1, remote);
	scene_run(scene);
}

struct fake_connection *scene_client(struct scene *scene)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	return fake;
}

struct fake_connection *scene_meshed(struct scene *scene)
{
	struct fake_connection *fake = scene_client(scene);

	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 3);
	fake_forget_log(scene->fake);
	return fake;
}

void scene_clients(struct scene *scene, uint32_t n)
{
	for (uint32_t token = 1; token <= n; token++) {
		g_autofree char *local = g_strdup_printf("10.0.1.1:%u", 2000 + token);

		fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, local, SCENE_SERVER);
		fake_establish(scene->fake, token);
	}
}

const struct connection *scene_connection(const struct scene *scene)
{
	return model_find_connection(engine_model(scene->engine), SCENE_TOKEN);
}

const struct fake_record *scene_record(const struct scene *scene, enum fake_command command,
				       size_t n)
{
	for (size_t i = 0; i < scene->fake->n_log; i++)
		if (scene->fake->log[i].command == command && n-- == 0)
			return &scene->fake->log[i];
	g_assert_not_reached();
}
