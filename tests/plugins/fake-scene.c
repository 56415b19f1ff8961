/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plugin that is opened, started and asked: the second part of fake-plan.h. */
#include "fake-plan.h"

#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
#include <mptcpd/addr.h>
#include <stdarg.h>
#include <stdlib.h>

const struct mptcpd_plugin *fake_plugin(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct mptcpd_plugin *plugin;

	if (!handle)
		g_error("%s", dlerror());
	plugin = dlsym(handle, MPTCPD_PLUGIN_SYMBOL);
	g_assert_nonnull(plugin);
	return plugin;
}

static uint64_t with_unit(const char *text, const char *const *units, const uint64_t *factors)
{
	char *unit;
	uint64_t number = g_ascii_strtoull(text, &unit, 10);

	for (size_t i = 0; units[i]; i++)
		if (g_str_equal(unit, units[i]))
			return number * factors[i];
	g_error("a number with a unit, not '%s'", text);
}

static uint64_t place_of(const char *text, const char *words)
{
	g_auto(GStrv) list = g_strsplit(words, " ", -1);

	for (size_t i = 0; list[i]; i++)
		if (g_str_equal(list[i], text))
			return i;
	g_error("one of '%s', not '%s'", words, text);
}

static struct mptcpd_value value_of(const struct mptcpd_setting *setting, const char *text)
{
	static const char *const durations[] = {"", "ms", "s", "min", "h", NULL};
	static const uint64_t ms[] = {1000, 1, 1000, 60000, 3600000};
	static const char *const sizes[] = {"", "K", "M", "G", NULL};
	static const uint64_t bytes[] = {1, 1 << 10, 1 << 20, 1 << 30};

	switch (setting->type) {
	case MPTCPD_SETTING_BOOL:
		return (struct mptcpd_value){.number = g_str_equal(text, "yes")};
	case MPTCPD_SETTING_NUMBER:
		return (struct mptcpd_value){.number = g_ascii_strtoull(text, NULL, 10)};
	case MPTCPD_SETTING_DURATION:
		return (struct mptcpd_value){.number = with_unit(text, durations, ms)};
	case MPTCPD_SETTING_SIZE:
		return (struct mptcpd_value){.number = with_unit(text, sizes, bytes)};
	case MPTCPD_SETTING_CHOICE:
		return (struct mptcpd_value){.number = place_of(text, setting->words),
					     .string = text};
	case MPTCPD_SETTING_STRING:
		return (struct mptcpd_value){.string = text};
	case MPTCPD_SETTING_ADDRESS:
	case MPTCPD_SETTING_PREFIX:
	case MPTCPD_SETTING_PORTS:
	case MPTCPD_SETTING_WORDS:
		break;
	}
	g_error("setting '%s' is of a type that this fake cannot read", setting->name);
}

/* What start() found fault with last. */
static char last_fault[256];

__attribute__((format(printf, 3, 4))) static void fault(const struct mptcpd_start *start,
							size_t setting, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_vsnprintf(last_fault, sizeof(last_fault), format, args);
	va_end(args);
}

static int start_with(const struct mptcpd_plugin *plugin, va_list args, void **ret_data)
{
	struct mptcpd_value values[MPTCPD_SETTINGS_MAX] = {0};
	struct mptcpd_start start = {
		.size = sizeof(start),
		.values = {values, plugin->n_settings, sizeof(values[0])},
		.fault = fault,
	};
	const char *name;

	g_assert_cmpuint(plugin->n_settings, <=, G_N_ELEMENTS(values));
	for (size_t i = 0; i < plugin->n_settings; i++)
		values[i] = value_of(&plugin->settings[i], plugin->settings[i].fallback);
	while ((name = va_arg(args, const char *))) {
		const char *text = va_arg(args, const char *);
		bool found = false;

		for (size_t i = 0; i < plugin->n_settings; i++)
			if (g_str_equal(plugin->settings[i].name, name)) {
				values[i] = value_of(&plugin->settings[i], text);
				found = true;
			}
		g_assert_true(found);
	}
	last_fault[0] = '\0';
	return plugin->start ? plugin->start(&start, ret_data) : 0;
}

void *fake_start(const struct mptcpd_plugin *plugin, ...)
{
	void *data = NULL;
	va_list args;
	int r;

	va_start(args, plugin);
	r = start_with(plugin, args, &data);
	va_end(args);
	if (r < 0 || last_fault[0])
		g_error("not started: %d %s", r, last_fault);
	return data;
}

const char *fake_fault(const struct mptcpd_plugin *plugin, ...)
{
	void *data = NULL;
	va_list args;
	int r;

	va_start(args, plugin);
	r = start_with(plugin, args, &data);
	va_end(args);
	g_assert_cmpint(r, ==, -EINVAL);
	return last_fault;
}

/* ---- a scene ---- */

static void connect_pair(struct fake_scene *scene, const char *local, const char *remote,
			 const char *other)
{
	scene->connection.local = fake_addr(local);
	scene->connection.local.port = 40000;
	scene->connection.remote = fake_addr(remote);
	fake_view_init(&scene->view);
	fake_view_add(&scene->view, local, MPTCPD_FLAG_SUBFLOW);
	fake_view_add(&scene->view, other, MPTCPD_FLAG_SUBFLOW);
	fake_plan_init(&scene->plan, &scene->connection);
}

void fake_scene_init(struct fake_scene *scene, const struct mptcpd_plugin *plugin)
{
	*scene = (struct fake_scene){
		.connection = {.size = sizeof(scene->connection),
			       .measure_size = sizeof(struct mptcpd_measure),
			       .peer_addresses = {scene->peers, 0, sizeof(scene->peers[0])},
			       .subflows = {scene->subflows, 0, sizeof(scene->subflows[0])},
			       .failures = {scene->failures, 0, sizeof(scene->failures[0])},
			       .token = 1,
			       .side = MPTCPD_SIDE_CLIENT,
			       .state = MPTCPD_CONNECTION_ESTABLISHED},
		.plugin = plugin,
	};
	connect_pair(scene, FAKE_A, FAKE_PEER, FAKE_B);
	if (plugin->memory_size)
		scene->connection.memory = g_malloc0(plugin->memory_size);
	scene->data = fake_start(plugin, NULL);
}

void fake_scene_stop(struct fake_scene *scene)
{
	if (scene->plugin->stop && scene->data)
		scene->plugin->stop(scene->data);
	scene->data = NULL;
}

void fake_scene_done(struct fake_scene *scene)
{
	fake_scene_stop(scene);
	g_free(scene->connection.memory);
}

void fake_scene_use_v6(struct fake_scene *scene)
{
	connect_pair(scene, FAKE_A6, FAKE_PEER6, FAKE_B6);
}

void fake_scene_announce(struct fake_scene *scene, const char *addr)
{
	size_t i = scene->connection.peer_addresses.n++;

	g_assert_cmpuint(i, <, G_N_ELEMENTS(scene->peers));
	scene->peers[i] =
		(struct mptcpd_peer_address){.addr = fake_addr(addr), .id = (uint8_t)(i + 1)};
}

/* The last link that has the address, 0: none. */
static uint32_t link_of(const struct fake_scene *scene, const struct mptcpd_addr *addr)
{
	for (size_t i = scene->view.base.locals.n; i-- > 0;)
		if (mptcpd_addr_equal_host(&scene->view.locals[i].addr, addr))
			return scene->view.locals[i].ifindex;
	return 0;
}

struct mptcpd_subflow *fake_scene_see(struct fake_scene *scene, const char *local,
				      const char *remote)
{
	size_t i = scene->connection.subflows.n++;
	struct mptcpd_subflow *subflow = &scene->subflows[i];

	g_assert_cmpuint(i, <, G_N_ELEMENTS(scene->subflows));
	*subflow = (struct mptcpd_subflow){.local = fake_addr(local),
					   .remote = fake_addr(remote),
					   .state = MPTCPD_SUBFLOW_ESTABLISHED};
	subflow->ifindex = link_of(scene, &subflow->local);
	return subflow;
}

void fake_scene_fail(struct fake_scene *scene, const char *local, const char *remote,
		     uint32_t attempts)
{
	size_t i = scene->connection.failures.n++;
	struct mptcpd_failure *failure = &scene->failures[i];

	g_assert_cmpuint(i, <, G_N_ELEMENTS(scene->failures));
	*failure = (struct mptcpd_failure){.local = fake_addr(local),
					   .remote = fake_addr(remote),
					   .attempts = attempts};
	failure->ifindex = link_of(scene, &failure->local);
}

void fake_scene_want(struct fake_scene *scene, const char *local, const char *remote)
{
	struct mptcpd_path path = {.local = fake_addr(local), .remote = fake_addr(remote)};

	path.ifindex = link_of(scene, &path.local);
	g_assert_cmpint(scene->plan.base.add_path(&scene->plan.base, &path), ==, 0);
}

char *fake_scene_plan(struct fake_scene *scene)
{
	scene->plugin->plan_paths(scene->data, &scene->view.base, &scene->connection,
				  &scene->plan.base);
	return fake_plan_text(&scene->plan);
}

void fake_race_init(struct fake_race *race, const struct mptcpd_plugin *plugin)
{
	struct fake_scene *scene = &race->scene;

	fake_scene_init(scene, plugin);
	fake_scene_see(scene, FAKE_A ":40000", FAKE_PEER)->initial = true;
	fake_scene_see(scene, FAKE_B ":40001", FAKE_PEER)->origin = MPTCPD_ORIGIN_POLICY;
	for (size_t i = 0; i < 2; i++) {
		race->measures[i] = (struct mptcpd_measure){.rtt_us = 10000};
		scene->subflows[i].measure = &race->measures[i];
	}
	scene->view.base.now_ms = 100000;
}
