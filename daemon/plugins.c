/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugins.h"

#include <dirent.h>
#include <dlfcn.h>
#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "report.h"
#include "value.h"

/* Up to its last member of ABI 2: what is never missing. */
#define SIZE_MIN (offsetof(struct mptcpd_plugin, plan_paths) + sizeof(void (*)(void)))
#define NAME_SIZE 64

struct loaded {
	struct loaded *next;
	const struct mptcpd_plugin *plugin;
	void *handle;
	dev_t device;
	ino_t inode;
	/*
	 * Kept open: the dynamic linker knows the object as /proc/self/fd/N and would hand it out
	 * again for another file under the same number.
	 */
	int fd;
	unsigned int n_users;
};

static struct loaded *all_loaded;

static bool is_name(const char *name, const char *letters)
{
	size_t size = strlen(name);

	return size > 0 && size < NAME_SIZE && strspn(name, letters) == size;
}

/* NULL: only root or this user can change it; else what speaks against it. */
static char *distrust(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return l_strdup_printf("belongs to user %u, expected root or user %u",
				       (unsigned int)st->st_uid, (unsigned int)geteuid());
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return l_strdup_printf("writable by others (mode %04o)",
				       (unsigned int)st->st_mode & 07777);
	return NULL;
}

static int open_directory(const char *path, int *ret_fd, char **ret_reason)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), err;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err = -errno;
		*ret_reason = l_strdup_printf("cannot be opened: %s", strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	*ret_reason = distrust(&st);
	if (*ret_reason) {
		close(fd);
		return -EPERM;
	}
	*ret_fd = fd;
	return 0;
}

/* Open the file and look at what was opened. */
static int open_file(int directory_fd, const char *file, int *ret_fd, struct stat *ret_st,
		     char **ret_reason)
{
	int fd = openat(directory_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0 || fstat(fd, ret_st) < 0) {
		err = -errno;
		*ret_reason = err == -ELOOP ? l_strdup("a symbolic link, expected a regular file")
			      : err == -ENOENT
				      ? l_strdup("no such plugin")
				      : l_strdup_printf("cannot be opened: %s", strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (!S_ISREG(ret_st->st_mode)) {
		*ret_reason = l_strdup("not a regular file");
		close(fd);
		return -EPERM;
	}
	*ret_reason = distrust(ret_st);
	if (*ret_reason) {
		close(fd);
		return -EPERM;
	}
	*ret_fd = fd;
	return 0;
}

int plugins_parse_setting(const struct mptcpd_setting *setting, const char *text,
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

/* NULL: the table makes sense; else what does not. */
static char *distrust_settings(const struct mptcpd_plugin *plugin)
{
	if (plugin->n_settings > PLUGINS_SETTINGS_MAX || (plugin->n_settings && !plugin->settings))
		return l_strdup_printf("declares %zu settings, at most %d are possible",
				       plugin->n_settings, PLUGINS_SETTINGS_MAX);
	for (size_t i = 0; i < plugin->n_settings; i++) {
		const struct mptcpd_setting *setting = &plugin->settings[i];
		AUTO(l_free) char *expected = NULL;
		struct mptcpd_value value;

		if (!setting->name ||
		    !is_name(setting->name, "abcdefghijklmnopqrstuvwxyz0123456789-"))
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
		    plugins_parse_setting(setting, setting->fallback, &value, &expected) < 0)
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
	if (plugin->memory_size > PLUGINS_MEMORY_MAX)
		return l_strdup_printf("wants %zu bytes of memory a connection, at most %d are "
				       "possible",
				       plugin->memory_size, PLUGINS_MEMORY_MAX);
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

/* Takes the descriptor over if it succeeds. */
static int load(int fd, const struct stat *st, const char *name, struct loaded **ret_loaded,
		char **ret_reason)
{
	const struct mptcpd_plugin *plugin;
	struct loaded *loaded;
	char proc_path[32];
	void *handle;

	snprintf(proc_path, sizeof(proc_path), "/proc/self/fd/%d", fd);
	handle = dlopen(proc_path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		*ret_reason = linker_message(proc_path);
		return -ENOEXEC;
	}
	plugin = dlsym(handle, MPTCPD_PLUGIN_SYMBOL);
	*ret_reason = distrust_plugin(plugin, name);
	if (*ret_reason) {
		dlclose(handle);
		return -ENOEXEC;
	}
	loaded = l_new(struct loaded, 1);
	*loaded = (struct loaded){
		.next = all_loaded,
		.plugin = plugin,
		.handle = handle,
		.device = st->st_dev,
		.inode = st->st_ino,
		.fd = fd,
	};
	all_loaded = loaded;
	*ret_loaded = loaded;
	return 0;
}

static struct loaded *find_loaded(const struct stat *st)
{
	for (struct loaded *loaded = all_loaded; loaded; loaded = loaded->next)
		if (loaded->device == st->st_dev && loaded->inode == st->st_ino)
			return loaded;
	return NULL;
}

static int load_file(int directory_fd, const char *file, const char *name,
		     struct loaded **ret_loaded, char **ret_reason)
{
	struct loaded *loaded;
	struct stat st;
	int fd = -1, err;

	err = open_file(directory_fd, file, &fd, &st, ret_reason);
	if (err < 0)
		return err;
	loaded = find_loaded(&st);
	if (!loaded) {
		err = load(fd, &st, name, ret_loaded, ret_reason);
		if (err < 0)
			close(fd);
		return err;
	}
	close(fd);
	/* one file under two names */
	*ret_reason = distrust_plugin(loaded->plugin, name);
	if (*ret_reason)
		return -ENOEXEC;
	*ret_loaded = loaded;
	return 0;
}

/* The plugin there whose name is most like this one, as the end of a sentence; "" if none is. */
static char *suggest(const char *directory, const char *name)
{
	DIR *dir = opendir(directory);
	char **names = l_strv_new();
	const char *nearest;
	const struct dirent *entry;
	char *text;

	while (dir && (entry = readdir(dir))) {
		AUTO(l_free) char *stem = l_strdup(entry->d_name);

		if (!l_str_has_suffix(stem, ".so"))
			continue;
		stem[strlen(stem) - 3] = '\0';
		names = l_strv_append(names, stem);
	}
	if (dir)
		closedir(dir);
	nearest = report_nearest(name, (const char *const *)names);
	text = nearest ? l_strdup_printf("; did you mean '%s'?", nearest) : l_strdup("");
	l_strv_free(names);
	return text;
}

int plugins_load(const char *directory, const char *name, const struct mptcpd_plugin **ret_plugin,
		 char **ret_why)
{
	AUTO(l_free) char *reason = NULL;
	struct loaded *loaded = NULL;
	int directory_fd = -1, err;
	char file[NAME_SIZE + 3];

	if (!is_name(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")) {
		*ret_why = l_strdup_printf(
			"'%s' is not a plugin name, expected letters a-z, digits, - and _", name);
		return -EINVAL;
	}
	err = open_directory(directory, &directory_fd, &reason);
	if (err < 0) {
		*ret_why = l_strdup_printf("%s: %s", directory, reason);
		return err;
	}
	snprintf(file, sizeof(file), "%s.so", name);
	err = load_file(directory_fd, file, name, &loaded, &reason);
	close(directory_fd);
	if (err < 0) {
		AUTO(l_free) char *hint = err == -ENOENT ? suggest(directory, name) : NULL;

		*ret_why =
			l_strdup_printf("%s/%s: %s%s", directory, file, reason, hint ? hint : "");
		return err;
	}
	loaded->n_users++;
	*ret_plugin = loaded->plugin;
	return 0;
}

void plugins_unload(const struct mptcpd_plugin *plugin)
{
	for (struct loaded **link = &all_loaded; *link; link = &(*link)->next) {
		struct loaded *loaded = *link;

		if (loaded->plugin != plugin)
			continue;
		if (--loaded->n_users > 0)
			return;
		*link = loaded->next;
		dlclose(loaded->handle);
		close(loaded->fd);
		l_free(loaded);
		return;
	}
}
