/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader.h"

#include <dlfcn.h>
#include <ell/ell.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "value.h"

/* Up to its last member of ABI 2: what is never missing. */
#define SIZE_MIN (offsetof(struct mptcpd_plugin, plan_paths) + sizeof(void (*)(void)))

struct loaded {
	struct loaded *next;
	const struct mptcpd_plugin *plugin;
	void *handle; /* NULL: a stand-in */
	/*
	 * Its descriptor is kept open: the dynamic linker knows the object as /proc/self/fd/N and
	 * would hand it out again for another file under the same number.
	 */
	struct image image;
	struct mptcpd_plugin stand_in;
	unsigned int n_users;
};

static struct loaded *all_loaded;

int loader_parse_setting(const struct mptcpd_setting *setting, const char *text,
			 struct mptcpd_value *ret_value, char **ret_expected)
{
	static const char *const forms[] = {
		[MPTCPD_SETTING_BOOL] = "yes or no",
		[MPTCPD_SETTING_NUMBER] = "a number",
		[MPTCPD_SETTING_DURATION] = "a duration like 500ms, 30s, 5min or 1h",
		[MPTCPD_SETTING_SIZE] = "a size like 4096, 64K, 2M or 1G",
	};
	const char *unit = setting->type == MPTCPD_SETTING_DURATION ? "ms" : "";
	uint64_t number = 0;
	bool yes = false;
	int err = 0;

	switch (setting->type) {
	case MPTCPD_SETTING_STRING:
		*ret_value = (struct mptcpd_value){.string = text};
		return 0;
	case MPTCPD_SETTING_BOOL:
		err = value_bool(text, &yes);
		number = yes;
		break;
	case MPTCPD_SETTING_NUMBER:
		err = value_number(text, &number);
		break;
	case MPTCPD_SETTING_DURATION:
		err = value_duration(text, &number);
		break;
	case MPTCPD_SETTING_SIZE:
		err = value_size(text, &number);
		break;
	}
	if (err == 0 && setting->type != MPTCPD_SETTING_BOOL &&
	    (number < setting->min || (setting->max && number > setting->max)))
		err = -ERANGE;
	if (err == -EINVAL || (err == -ERANGE && !setting->min && !setting->max)) {
		*ret_expected = l_strdup(forms[setting->type]);
		return -EINVAL;
	}
	if (err == -ERANGE) {
		*ret_expected =
			setting->max
				? l_strdup_printf("%" PRIu64 "%s to %" PRIu64 "%s", setting->min,
						  unit, setting->max, unit)
				: l_strdup_printf("at least %" PRIu64 "%s", setting->min, unit);
		return -EINVAL;
	}
	*ret_value = (struct mptcpd_value){.number = number};
	return 0;
}

static bool is_setting_name(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size < IMAGE_NAME_SIZE &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* NULL: the table makes sense; else what does not. */
static char *distrust_settings(const struct mptcpd_plugin *plugin)
{
	if (plugin->n_settings > LOADER_SETTINGS_MAX || (plugin->n_settings && !plugin->settings))
		return l_strdup_printf("declares %zu settings, at most %d are possible",
				       plugin->n_settings, LOADER_SETTINGS_MAX);
	for (size_t i = 0; i < plugin->n_settings; i++) {
		const struct mptcpd_setting *setting = &plugin->settings[i];
		AUTO(l_free) char *expected = NULL;
		struct mptcpd_value value;

		if (!setting->name || !is_setting_name(setting->name))
			return l_strdup_printf("its setting number %zu has no proper name", i + 1);
		for (size_t j = 0; j < i; j++)
			if (strcmp(plugin->settings[j].name, setting->name) == 0)
				return l_strdup_printf("declares its setting '%s' twice",
						       setting->name);
		/* what a group knows by itself would never reach the plugin */
		if (strcmp(setting->name, "plugin") == 0 || strcmp(setting->name, "plugins") == 0 ||
		    strcmp(setting->name, "flags") == 0 || strncmp(setting->name, "match-", 6) == 0)
			return l_strdup_printf("its setting '%s' has a reserved name",
					       setting->name);
		if ((unsigned int)setting->type > MPTCPD_SETTING_STRING)
			return l_strdup_printf("its setting '%s' is of an unknown type",
					       setting->name);
		if (!setting->help || !setting->fallback ||
		    loader_parse_setting(setting, setting->fallback, &value, &expected) < 0)
			return l_strdup_printf("its setting '%s' has no proper default or help",
					       setting->name);
	}
	return NULL;
}

/* NULL: a plugin we can call; else what speaks against it. */
static char *distrust_plugin(const struct mptcpd_plugin *plugin, const char *name)
{
	if (!plugin)
		return l_strdup("not a plugin: no symbol " MPTCPD_PLUGIN_SYMBOL);
	if (plugin->abi != MPTCPD_PLUGIN_ABI)
		return l_strdup_printf("built for plugin ABI %u, this mptcpd has %u", plugin->abi,
				       MPTCPD_PLUGIN_ABI);
	if (plugin->size < SIZE_MIN)
		return l_strdup_printf("struct mptcpd_plugin of %u bytes, expected at least %zu",
				       plugin->size, SIZE_MIN);
	if (!plugin->name || strcmp(plugin->name, name) != 0)
		return l_strdup_printf("calls itself '%.64s', expected '%s'",
				       plugin->name ? plugin->name : "", name);
	if (!plugin->summary)
		return l_strdup("has no summary");
	if (plugin->memory_size > LOADER_MEMORY_MAX)
		return l_strdup_printf("wants %zu bytes of memory a connection, at most %d are "
				       "possible",
				       plugin->memory_size, LOADER_MEMORY_MAX);
	if (!plugin->plan_paths && !plugin->plan_endpoints)
		return l_strdup("plans neither paths nor endpoints");
	return distrust_settings(plugin);
}

/* The path that dlopen() was given means nothing to people, and stands in its message. */
static char *linker_message(const char *proc_path)
{
	const char *text = dlerror();
	size_t size = strlen(proc_path);

	if (!text)
		text = "cannot be loaded";
	if (strncmp(text, proc_path, size) == 0 && text[size] == ':')
		text += size + 1 + strspn(text + size + 1, " ");
	return l_strdup(text);
}

/* 0, or -ENOEXEC and the reason. */
static int open_object(const struct image *image, void **ret_handle,
		       const struct mptcpd_plugin **ret_plugin, char **ret_reason)
{
	const struct mptcpd_plugin *plugin;
	char proc_path[32];
	void *handle;

	snprintf(proc_path, sizeof(proc_path), "/proc/self/fd/%d", image->fd);
	handle = dlopen(proc_path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		*ret_reason = linker_message(proc_path);
		return -ENOEXEC;
	}
	plugin = dlsym(handle, MPTCPD_PLUGIN_SYMBOL);
	*ret_reason = distrust_plugin(plugin, image->name);
	if (*ret_reason) {
		dlclose(handle);
		return -ENOEXEC;
	}
	*ret_handle = handle;
	*ret_plugin = plugin;
	return 0;
}

static struct loaded *find_loaded(const struct image *image)
{
	for (struct loaded *loaded = all_loaded; loaded; loaded = loaded->next)
		if (loaded->handle && loaded->image.checksum == image->checksum &&
		    loaded->image.size == image->size &&
		    strcmp(loaded->image.name, image->name) == 0)
			return loaded;
	return NULL;
}

static struct loaded *add_loaded(void)
{
	struct loaded *loaded = l_new(struct loaded, 1);

	loaded->next = all_loaded;
	loaded->n_users = 1;
	all_loaded = loaded;
	return loaded;
}

int loader_load(struct image *image, const struct mptcpd_plugin **ret_plugin, char **ret_why)
{
	struct loaded *loaded = find_loaded(image);
	const struct mptcpd_plugin *plugin = NULL;
	AUTO(l_free) char *reason = NULL;
	void *handle = NULL;
	int err;

	if (loaded) {
		image_done(image);
		loaded->n_users++;
		*ret_plugin = loaded->plugin;
		return 0;
	}
	err = open_object(image, &handle, &plugin, &reason);
	if (err < 0) {
		*ret_why = l_strdup_printf("%s: %s", image->path, reason);
		image_done(image);
		return err;
	}
	loaded = add_loaded();
	loaded->plugin = plugin;
	loaded->handle = handle;
	loaded->image = *image;
	*ret_plugin = plugin;
	return 0;
}

const struct mptcpd_plugin *loader_stand_in(struct image *image)
{
	struct loaded *loaded = add_loaded();

	loaded->image = *image;
	loaded->stand_in.name = loaded->image.name;
	loaded->stand_in.summary = "";
	loaded->plugin = &loaded->stand_in;
	return loaded->plugin;
}

void loader_unload(const struct mptcpd_plugin *plugin)
{
	for (struct loaded **link = &all_loaded; *link; link = &(*link)->next) {
		struct loaded *loaded = *link;

		if (loaded->plugin != plugin)
			continue;
		if (--loaded->n_users > 0)
			return;
		*link = loaded->next;
		if (loaded->handle)
			dlclose(loaded->handle);
		image_done(&loaded->image);
		l_free(loaded);
		return;
	}
}
