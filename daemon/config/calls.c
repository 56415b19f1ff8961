/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calls.h"

#include <ell/ell.h>
#include <stdio.h>
#include <string.h>

#include "checksum.h"
#include "clock.h"

static uint64_t add_text(uint64_t sum, const char *text)
{
	return checksum_add(sum, text ? text : "", text ? strlen(text) + 1 : 1);
}

static uint64_t identify(const struct ini_group *group, const struct image *image)
{
	uint64_t sum = add_text(add_text(CHECKSUM_START, group->kind), group->name);

	for (size_t i = 0; i < group->n_keys; i++)
		sum = add_text(add_text(sum, group->keys[i].name), group->keys[i].value);
	sum = checksum_add(add_text(sum, image->name), &image->checksum, sizeof(image->checksum));
	return sum ? sum : 1;
}

uint64_t calls_add(struct calls *calls, const struct ini_group *group, struct where where,
		   const struct image *image)
{
	struct calls_plugin *plugin;

	calls->plugins = l_realloc(calls->plugins, (calls->n_plugins + 1) * sizeof(*plugin));
	plugin = &calls->plugins[calls->n_plugins++];
	*plugin =
		(struct calls_plugin){.id = identify(group, image), .group = group, .where = where};
	snprintf(plugin->name, sizeof(plugin->name), "%s", image->name);
	return plugin->id;
}

void calls_done(struct calls *calls)
{
	l_free(calls->plugins);
}

const struct calls_plugin *calls_find(const struct calls *calls, uint64_t id)
{
	for (size_t i = 0; i < calls->n_plugins; i++)
		if (calls->plugins[i].id == id)
			return &calls->plugins[i];
	return NULL;
}

bool calls_is_aside(const struct calls *calls, uint64_t id)
{
	return calls->guard && !calls->retry && guard_is_aside(calls->guard, id, 0);
}

static void tell_place(const struct calls *calls, uint64_t id)
{
	const struct calls_plugin *plugin = calls_find(calls, id);
	char line[16] = "";

	if (!plugin)
		return;
	if (plugin->where.line)
		snprintf(line, sizeof(line), ":%u", plugin->where.line);
	snprintf(calls->place, CALLS_PLACE_SIZE, "%.400s%s: plugin '%s'", plugin->where.file, line,
		 plugin->name);
}

void calls_enter(const struct calls *calls, enum guard_function function, uint64_t id)
{
	if (calls->place)
		tell_place(calls, id);
	if (!calls->guard)
		return;
	guard_enter(calls->guard, function, id, 0, clock_boot_ms());
}

void calls_leave(const struct calls *calls)
{
	if (calls->guard)
		guard_leave(calls->guard);
}
