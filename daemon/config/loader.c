/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader.h"

#include <dlfcn.h>
#include <ell/ell.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "setting.h"

/* Up to the last member of the first version of this ABI: what is never missing. */
#define SIZE_MIN (offsetof(struct mptcpd_plugin, traits) + sizeof(uint32_t))
/* All that a plugin may need. */
#define NEEDS (MPTCPD_NEED_MEASURES | MPTCPD_NEED_OWNER)
/* The most bytes of a summary. */
#define SUMMARY_MAX 200

struct loaded {
	struct loaded *next;
	struct mptcpd_plugin
		plugin; /* a copy, see copy_plugin(); of a stand-in, without functions */
	void *handle; /* NULL: a stand-in */
	/*
	 * Its descriptor is kept open: the dynamic linker knows the object as /proc/self/fd/N and
	 * would hand it out again for another file under the same number.
	 */
	struct image image;
	unsigned int n_users;
};

static struct loaded *all_loaded;

/* NULL: the table makes sense; else what does not. */
static char *distrust_settings(const struct mptcpd_plugin *plugin)
{
	if (plugin->n_settings > MPTCPD_SETTINGS_MAX || (plugin->n_settings && !plugin->settings))
		return l_strdup_printf("declares %zu settings, at most %d are possible",
				       plugin->n_settings, MPTCPD_SETTINGS_MAX);
	for (size_t i = 0; i < plugin->n_settings; i++) {
		const struct mptcpd_setting *setting = &plugin->settings[i];
		AUTO(l_free) char *why = setting_distrust(setting);

		if (why && strstr(why, "no proper name"))
			return l_strdup_printf("its setting number %zu %s", i + 1, why);
		if (why)
			return l_strdup_printf("its setting '%s' %s", setting->name, why);
		for (size_t j = 0; j < i; j++)
			if (strcmp(plugin->settings[j].name, setting->name) == 0)
				return l_strdup_printf("declares its setting '%s' twice",
						       setting->name);
	}
	return NULL;
}

/* Is what it says of its size and of what it needs known here? */
static char *distrust_version(const struct mptcpd_plugin *plugin)
{
	if (plugin->needs & ~(uint32_t)NEEDS)
		return l_strdup_printf("needs what this mptcpd has not (needs 0x%x)",
				       plugin->needs & ~(uint32_t)NEEDS);
	if (plugin->traits & ~(uint32_t)MPTCPD_TRAIT_ADDRESSES)
		return l_strdup_printf("has traits that this mptcpd does not know (traits 0x%x)",
				       plugin->traits & ~(uint32_t)MPTCPD_TRAIT_ADDRESSES);
	return NULL;
}

/* NULL: a plugin we can call; else what speaks against it. */
static char *distrust_plugin(const struct mptcpd_plugin *plugin, const char *name)
{
	char *why;

	if (!plugin->name || strncmp(plugin->name, name, IMAGE_NAME_SIZE) != 0)
		return l_strdup_printf("calls itself '%.64s', expected '%s'",
				       plugin->name ? plugin->name : "", name);
	if (!plugin->summary)
		return l_strdup("has no summary");
	if (strnlen(plugin->summary, SUMMARY_MAX + 1) > SUMMARY_MAX)
		return l_strdup_printf("has a summary of more than %d bytes", SUMMARY_MAX);
	if (plugin->memory_size > MPTCPD_MEMORY_MAX)
		return l_strdup_printf("wants %zu bytes of memory a connection, at most %d are "
				       "possible",
				       plugin->memory_size, MPTCPD_MEMORY_MAX);
	if (!plugin->plan_paths && !plugin->plan_endpoints)
		return l_strdup("plans neither paths nor endpoints");
	why = distrust_version(plugin);
	return why ? why : distrust_settings(plugin);
}

/*
 * Copy what it exports, as far as both it and we know the structure; members that it has not are
 * zero. NULL: it is in *ret_plugin.
 */
static char *copy_plugin(const void *symbol, struct mptcpd_plugin *ret_plugin)
{
	uint32_t abi, size;

	if (!symbol)
		return l_strdup("not a plugin: no symbol " MPTCPD_PLUGIN_SYMBOL);
	memcpy(&abi, symbol, sizeof(abi));
	if (abi != MPTCPD_PLUGIN_ABI)
		return l_strdup_printf("built for plugin ABI %u, this mptcpd has %u: it has to be "
				       "built again with its <mptcpd/plugin.h>",
				       abi, MPTCPD_PLUGIN_ABI);
	memcpy(&size, (const char *)symbol + offsetof(struct mptcpd_plugin, size), sizeof(size));
	if (size < SIZE_MIN)
		return l_strdup_printf("struct mptcpd_plugin of %u bytes, expected at least %zu: "
				       "it has to be built again with mptcpd's "
				       "<mptcpd/plugin.h>",
				       size, SIZE_MIN);
	memset(ret_plugin, 0, sizeof(*ret_plugin));
	memcpy(ret_plugin, symbol, size < sizeof(*ret_plugin) ? size : sizeof(*ret_plugin));
	return NULL;
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
		       struct mptcpd_plugin *ret_plugin, char **ret_reason)
{
	struct mptcpd_plugin plugin;
	char proc_path[32];
	void *handle;

	snprintf(proc_path, sizeof(proc_path), "/proc/self/fd/%d", image->fd);
	handle = dlopen(proc_path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		*ret_reason = linker_message(proc_path);
		return -ENOEXEC;
	}
	*ret_reason = copy_plugin(dlsym(handle, MPTCPD_PLUGIN_SYMBOL), &plugin);
	if (!*ret_reason)
		*ret_reason = distrust_plugin(&plugin, image->name);
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
	struct mptcpd_plugin plugin;
	AUTO(l_free) char *reason = NULL;
	void *handle = NULL;
	int err;

	if (loaded) {
		image_done(image);
		loaded->n_users++;
		*ret_plugin = &loaded->plugin;
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
	*ret_plugin = &loaded->plugin;
	return 0;
}

const struct mptcpd_plugin *loader_stand_in(struct image *image)
{
	struct loaded *loaded = add_loaded();

	loaded->image = *image;
	loaded->plugin.name = loaded->image.name;
	loaded->plugin.summary = "";
	return &loaded->plugin;
}

void loader_unload(const struct mptcpd_plugin *plugin)
{
	for (struct loaded **link = &all_loaded; *link; link = &(*link)->next) {
		struct loaded *loaded = *link;

		if (&loaded->plugin != plugin)
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
