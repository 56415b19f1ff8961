/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stack.h"

#include <ell/ell.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "loader.h"
#include "setting.h"
#include "value.h"

/* The most bytes of what a plugin says is wrong. */
#define FAULT_MAX 200

/* One plugin while its group is read. */
struct member {
	const struct mptcpd_plugin *plugin;
	uint64_t id;
	struct mptcpd_value values[MPTCPD_SETTINGS_MAX];
	const struct ini_key *set_by[MPTCPD_SETTINGS_MAX]; /* NULL: its default */
};

struct stack {
	const struct stack_setup *setup;
	struct faults *report;
	struct member members[STACK_MAX];
	size_t n_members;
	bool has_aside; /* a stand-in is among them, of whose settings nothing is known */
};

/* Does it have the function that this stack is for? */
static void check_kind(struct stack *stack, const struct mptcpd_plugin *plugin)
{
	const struct stack_setup *setup = stack->setup;

	if (setup->kind == STACK_PATHS && !plugin->plan_paths)
		faults_add(stack->report, setup->where,
			   "plugin '%s' plans no paths, expected one for [policy:…]", plugin->name);
	if (setup->kind == STACK_ENDPOINTS && !plugin->plan_endpoints)
		faults_add(stack->report, setup->where,
			   "plugin '%s' plans no endpoints, expected one for [endpoints]",
			   plugin->name);
}

/* Takes the image over. */
static void load_image(struct stack *stack, struct image *image)
{
	const struct stack_setup *setup = stack->setup;
	struct member *member = &stack->members[stack->n_members];
	AUTO(l_free) char *why = NULL;
	int err;

	member->id = calls_add(setup->calls, setup->group, setup->where, image);
	if (calls_is_aside(setup->calls, member->id)) {
		member->plugin = loader_stand_in(image);
		stack->has_aside = true;
		stack->n_members++;
		return;
	}
	calls_enter(setup->calls, GUARD_LOAD, member->id);
	err = loader_load(image, &member->plugin, &why);
	calls_leave(setup->calls);
	if (err < 0) {
		faults_add(stack->report, setup->where, "%s", why);
		return;
	}
	stack->n_members++;
	check_kind(stack, member->plugin);
}

static void load_member(struct stack *stack, const char *name)
{
	const struct stack_setup *setup = stack->setup;
	AUTO(l_free) char *why = NULL;
	struct image image;

	for (size_t i = 0; i < stack->n_members; i++)
		if (strcmp(stack->members[i].plugin->name, name) == 0) {
			faults_add(stack->report, setup->where,
				   "plugin '%s' is named twice, expected it once", name);
			return;
		}
	if (stack->n_members == STACK_MAX) {
		faults_add(stack->report, setup->where, "more than %d plugins", STACK_MAX);
		return;
	}
	if (image_read(setup->directory, name, &image, &why) < 0)
		faults_add(stack->report, setup->where, "%s", why);
	else
		load_image(stack, &image);
}

static void load_members(struct stack *stack)
{
	const char *cursor = stack->setup->plugins, *word;
	unsigned int n_before = stack->report->n_faults;
	size_t size;

	while ((word = value_next_word(&cursor, &size))) {
		AUTO(l_free) char *name = l_strndup(word, size);

		load_member(stack, name);
	}
	if (stack->n_members == 0 && stack->report->n_faults == n_before)
		faults_add(stack->report, stack->setup->where,
			   "no plugin is named, expected a list of names");
}

static size_t find_setting(const struct mptcpd_plugin *plugin, const char *name)
{
	size_t i = 0;

	while (i < plugin->n_settings && strcmp(plugin->settings[i].name, name) != 0)
		i++;
	return i;
}

static bool contains(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* With every key the group might have held. */
static void report_unknown_key(struct stack *stack, const struct ini_key *key)
{
	AUTO(l_free) const char **names = NULL;
	size_t n = 0;

	while (stack->setup->own_keys[n])
		n++;
	names = l_new(const char *, n + stack->n_members * MPTCPD_SETTINGS_MAX + 1);
	memcpy(names, stack->setup->own_keys, n * sizeof(*names));
	for (size_t i = 0; i < stack->n_members; i++) {
		const struct mptcpd_plugin *plugin = stack->members[i].plugin;

		for (size_t j = 0; j < plugin->n_settings; j++)
			if (!contains(names, plugin->settings[j].name))
				names[n++] = plugin->settings[j].name;
	}
	faults_add_unknown(stack->report, key->where, "key", key->name, names);
}

static void set(struct stack *stack, struct member *member, size_t i, const struct ini_key *key)
{
	const struct ini_key *before = member->set_by[i];
	AUTO(l_free) char *expected = NULL;

	if (before) {
		AUTO(l_free) char *line = faults_line(before->where, key->where);

		faults_add(stack->report, key->where,
			   "'%s' is the same setting as '%s' in %s, expected one of them",
			   key->name, before->name, line);
		return;
	}
	member->set_by[i] = key;
	if (setting_parse(&member->plugin->settings[i], key->value, &member->values[i], &expected) <
	    0)
		faults_add(stack->report, key->where, "bad value '%s' of '%s', expected %s",
			   key->value, key->name, expected);
}

/* "PLUGIN.key", or a key that exactly one of them knows. */
static void read_setting(struct stack *stack, const struct ini_key *key)
{
	const char *dot = strchr(key->name, '.'), *name = dot ? dot + 1 : key->name;
	struct member *found = NULL;
	size_t place = 0;

	for (size_t i = 0; i < stack->n_members; i++) {
		struct member *member = &stack->members[i];
		size_t j = find_setting(member->plugin, name);

		if (j == member->plugin->n_settings)
			continue;
		if (dot && (strncmp(key->name, member->plugin->name, (size_t)(dot - key->name)) ||
			    member->plugin->name[dot - key->name]))
			continue;
		if (found) {
			faults_add(stack->report, key->where,
				   "'%s' is a setting of both %s and %s, expected %s.%s or %s.%s",
				   name, found->plugin->name, member->plugin->name,
				   found->plugin->name, name, member->plugin->name, name);
			return;
		}
		found = member;
		place = j;
	}
	if (found)
		set(stack, found, place, key);
	else if (!stack->has_aside) /* it may be one of theirs */
		report_unknown_key(stack, key);
}

static void read_settings(struct stack *stack)
{
	const struct ini_group *group = stack->setup->group;

	for (size_t i = 0; group && i < group->n_keys; i++) {
		const char *name = group->keys[i].name;

		/* key_read_own() has reported what is reserved and not of the group */
		if (!contains(stack->setup->own_keys, name) && !setting_is_reserved(name))
			read_setting(stack, &group->keys[i]);
	}
	for (size_t i = 0; i < stack->n_members; i++) {
		struct member *member = &stack->members[i];

		for (size_t j = 0; j < member->plugin->n_settings; j++) {
			const struct mptcpd_setting *setting = &member->plugin->settings[j];
			char *unused = NULL;

			/* the loader has made sure that defaults can be read */
			if (!member->set_by[j])
				setting_parse(setting, setting->fallback, &member->values[j],
					      &unused);
		}
	}
}

/* ---- starting ---- */

static void free_values(struct mptcpd_value *values, size_t n_values)
{
	for (size_t i = 0; i < n_values; i++)
		setting_value_done(&values[i]);
}

static void unload(const struct calls *calls, struct member *member)
{
	free_values(member->values, member->plugin->n_settings);
	calls_enter(calls, GUARD_STOP, member->id);
	loader_unload(member->plugin);
	calls_leave(calls);
}

/* A plugin that is being started. */
struct starting {
	struct mptcpd_start base; /* what it sees; first member */
	struct stack *stack;
	const struct member *member;
	bool has_fault;
};

/* What a plugin says is wrong gets the place of the setting, or of the line that names the plugin. */
__attribute__((format(printf, 3, 4))) static void on_fault(const struct mptcpd_start *base,
							   size_t i, const char *format, ...)
{
	struct starting *starting = (struct starting *)(uintptr_t)base;
	const struct member *member = starting->member;
	const struct mptcpd_plugin *plugin = member->plugin;
	const struct ini_key *key = i < plugin->n_settings ? member->set_by[i] : NULL;
	struct where where = key ? key->where : starting->stack->setup->where;
	char text[FAULT_MAX + 1] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	starting->has_fault = true;
	if (i >= plugin->n_settings)
		faults_add(starting->stack->report, where, "plugin '%s' %s", plugin->name, text);
	else
		faults_add(starting->stack->report, where, "plugin '%s': %s '%s' of '%s' %s",
			   plugin->name, key ? "value" : "default",
			   key ? key->value : plugin->settings[i].fallback,
			   plugin->settings[i].name, text);
}

static void call_stop(const struct calls *calls, const struct mptcpd_plugin *plugin, uint64_t id,
		      void *data)
{
	calls_enter(calls, GUARD_STOP, id);
	if (plugin->stop)
		plugin->stop(data);
	calls_leave(calls);
}

/* False: it does not start, which was reported. `values` are those of the member, for good. */
static bool start_member(struct stack *stack, const struct member *member,
			 const struct mptcpd_value *values, void **ret_data)
{
	const struct mptcpd_plugin *plugin = member->plugin;
	const struct calls *calls = stack->setup->calls;
	struct starting starting = {
		.base = {.size = sizeof(starting.base),
			 .values = {values, plugin->n_settings, sizeof(*values)},
			 .fault = on_fault},
		.stack = stack,
		.member = member,
	};
	int r;

	if (!plugin->start)
		return true;
	calls_enter(calls, GUARD_START, member->id);
	r = plugin->start(&starting.base, ret_data);
	calls_leave(calls);
	if (r == 0 && starting.has_fault)
		call_stop(calls, plugin, member->id, *ret_data);
	if (r != 0 && !starting.has_fault)
		faults_add(stack->report, stack->setup->where, "plugin '%s' does not start: %s",
			   plugin->name, strerror(r < 0 ? -r : r));
	return r == 0 && !starting.has_fault;
}

/* Start them in order; on failure stop those before it. */
static size_t start_members(struct stack *stack, struct policy_plugin **ret_plugins)
{
	struct policy_plugin *plugins = l_new(struct policy_plugin, stack->n_members);

	for (size_t i = 0; i < stack->n_members; i++) {
		struct member *member = &stack->members[i];
		size_t n = member->plugin->n_settings;

		plugins[i].plugin = member->plugin;
		plugins[i].id = member->id;
		plugins[i].values = l_memdup(member->values, n * sizeof(member->values[0]));
		if (start_member(stack, member, plugins[i].values, &plugins[i].data))
			continue;
		l_free(plugins[i].values);
		for (size_t j = i; j < stack->n_members; j++)
			unload(stack->setup->calls, &stack->members[j]);
		stack_stop(plugins, i, stack->setup->calls);
		return 0;
	}
	*ret_plugins = plugins;
	return stack->n_members;
}

size_t stack_start(const struct stack_setup *setup, struct policy_plugin **ret_plugins,
		   struct faults *report)
{
	AUTO(l_free) struct stack *stack = l_new(struct stack, 1);
	unsigned int n_before = report->n_faults;

	stack->setup = setup;
	stack->report = report;
	load_members(stack);
	/* without all of them nobody can tell whose the keys are */
	if (report->n_faults == n_before)
		read_settings(stack);
	if (report->n_faults == 0)
		return start_members(stack, ret_plugins);
	for (size_t i = 0; i < stack->n_members; i++)
		unload(setup->calls, &stack->members[i]);
	return 0;
}

void stack_stop(struct policy_plugin *plugins, size_t n_plugins, const struct calls *calls)
{
	for (size_t i = 0; i < n_plugins; i++) {
		const struct mptcpd_plugin *plugin = plugins[i].plugin;

		call_stop(calls, plugin, plugins[i].id, plugins[i].data);
		free_values(plugins[i].values, plugin->n_settings);
		l_free(plugins[i].values);
		calls_enter(calls, GUARD_STOP, plugins[i].id);
		loader_unload(plugin);
		calls_leave(calls);
	}
	l_free(plugins);
}

size_t stack_lay_out(struct policy_plugin *plugins, size_t n_plugins)
{
	size_t size = 0;

	for (size_t i = 0; i < n_plugins; i++) {
		plugins[i].memory_offset = size;
		size += (plugins[i].plugin->memory_size + 7) & ~(size_t)7;
	}
	return size;
}
