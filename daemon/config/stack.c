/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stack.h"

#include <ell/ell.h>
#include <string.h>

#include "auto.h"
#include "loader.h"
#include "value.h"

/* One plugin while its group is read. */
struct member {
	const struct mptcpd_plugin *plugin;
	uint64_t id;
	struct mptcpd_value values[LOADER_SETTINGS_MAX];
	const struct ini_key *set_by[LOADER_SETTINGS_MAX]; /* NULL: its default */
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
			faults_add(stack->report, setup->where, "plugin '%s' is named twice", name);
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
	size_t size;

	while ((word = value_next_word(&cursor, &size))) {
		AUTO(l_free) char *name = l_strndup(word, size);

		load_member(stack, name);
	}
	if (stack->n_members == 0 && stack->report->n_faults == 0)
		faults_add(stack->report, stack->setup->where, "no plugin is named");
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
	names = l_new(const char *, n + stack->n_members * LOADER_SETTINGS_MAX + 1);
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
	AUTO(l_free) char *expected = NULL;

	if (member->set_by[i]) {
		faults_add(stack->report, key->where, "'%s' is the same setting as '%s' in line %u",
			   key->name, member->set_by[i]->name, member->set_by[i]->where.line);
		return;
	}
	member->set_by[i] = key;
	if (loader_parse_setting(&member->plugin->settings[i], key->value, &member->values[i],
				 &expected) < 0)
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

	for (size_t i = 0; group && i < group->n_keys; i++)
		if (!contains(stack->setup->own_keys, group->keys[i].name))
			read_setting(stack, &group->keys[i]);
	for (size_t i = 0; i < stack->n_members; i++) {
		struct member *member = &stack->members[i];

		for (size_t j = 0; j < member->plugin->n_settings; j++) {
			const struct mptcpd_setting *setting = &member->plugin->settings[j];
			char *unused = NULL;

			/* the loader has made sure that defaults can be read */
			if (!member->set_by[j])
				loader_parse_setting(setting, setting->fallback, &member->values[j],
						     &unused);
		}
	}
}

static void unload(const struct calls *calls, const struct member *member)
{
	calls_enter(calls, GUARD_STOP, member->id);
	loader_unload(member->plugin);
	calls_leave(calls);
}

static int start_member(const struct calls *calls, const struct member *member, void **ret_data)
{
	int r = 0;

	if (!member->plugin->start)
		return 0;
	calls_enter(calls, GUARD_START, member->id);
	r = member->plugin->start(member->values, ret_data);
	calls_leave(calls);
	return r < 0 ? r : -r;
}

/* Start them in order; on failure tell which, and stop those before it. */
static size_t start_members(struct stack *stack, struct policy_plugin **ret_plugins)
{
	struct policy_plugin *plugins = l_new(struct policy_plugin, stack->n_members);
	const struct calls *calls = stack->setup->calls;

	for (size_t i = 0; i < stack->n_members; i++) {
		const struct member *member = &stack->members[i];
		int err;

		plugins[i].plugin = member->plugin;
		plugins[i].id = member->id;
		err = start_member(calls, member, &plugins[i].data);
		if (err == 0)
			continue;
		faults_add(stack->report, stack->setup->where, "plugin '%s' does not start: %s",
			   member->plugin->name, strerror(-err));
		for (size_t j = i; j < stack->n_members; j++)
			unload(calls, &stack->members[j]);
		stack_stop(plugins, i, calls);
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
		calls_enter(calls, GUARD_STOP, plugins[i].id);
		if (plugins[i].plugin->stop)
			plugins[i].plugin->stop(plugins[i].data);
		loader_unload(plugins[i].plugin);
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
