/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "clock.h"

/* Directories that one call looks into, which takes a third of a millisecond or so. */
#define SLICE 16
/* Looking takes a twentieth of the time, at most, */
#define WALK_PART 20
/* and begins so often, at most. */
#define WALK_INTERVAL_MS 100
/* Longer paths are not looked for. */
#define PATH_SIZE 1024

/* ---- lists ---- */

static struct cgroup *list_add(struct cgroup_list *list, uint64_t id, char *path)
{
	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->first = realloc(list->first, list->room * sizeof(*list->first));
		if (!list->first)
			abort();
	}
	list->first[list->n] = (struct cgroup){id, path};
	return &list->first[list->n++];
}

static void list_free(struct cgroup_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->first[i].path);
	free(list->first);
	*list = (struct cgroup_list){0};
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct cgroup *)a)->id, y = ((const struct cgroup *)b)->id;

	return x < y ? -1 : x > y;
}

static void list_sort(struct cgroup_list *list)
{
	if (list->n > 0)
		qsort(list->first, list->n, sizeof(*list->first), compare);
}

/* Of one that is sorted. NULL: it is not there. */
static const struct cgroup *list_find(const struct cgroup_list *list, uint64_t id)
{
	const struct cgroup key = {.id = id};

	return list->n > 0 ? bsearch(&key, list->first, list->n, sizeof(key), compare) : NULL;
}

static bool has_id(const struct cgroup_ids *ids, uint64_t id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->ids[i] == id)
			return true;
	return false;
}

static void add_id(struct cgroup_ids *ids, uint64_t id)
{
	if (ids->n < CGROUPS_SOUGHT && !has_id(ids, id))
		ids->ids[ids->n++] = id;
}

/* ---- the tree ---- */

static int open_mounted(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd >= 0 && (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A mount of our own, in no directory: where /sys is another one, as under `ip netns exec`. */
static int mount_tree(void)
{
	int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC), fd = -1;

	if (fs < 0)
		return -1;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	close(fs);
	return fd;
}

static int open_root(const struct cgroups *cgroups)
{
	int fd;

	if (cgroups->root)
		return open(cgroups->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = open_mounted("/sys/fs/cgroup");
	if (fd < 0)
		fd = open_mounted("/sys/fs/cgroup/unified");
	return fd < 0 ? mount_tree() : fd;
}

/* The path of one below another; NULL: it is too long. */
static char *path_below(const char *parent, const char *name)
{
	size_t length = strcmp(parent, "/") == 0 ? 0 : strlen(parent);
	size_t size = strlen(name) + 1;
	char *path;

	if (length + 1 + size > PATH_SIZE)
		return NULL;
	path = malloc(length + 1 + size);
	if (!path)
		abort();
	memcpy(path, parent, length);
	path[length] = '/';
	memcpy(path + length + 1, name, size);
	return path;
}

/* Whose directory it is; NULL: root's. */
static struct cgroups_user *find_user(struct cgroups *cgroups, int fd)
{
	struct stat info;
	size_t i = 0;

	if (fstat(fd, &info) < 0 || info.st_uid == 0)
		return NULL;
	while (i < cgroups->n_users && cgroups->users[i].uid != info.st_uid)
		i++;
	if (i == CGROUPS_USERS)
		return &cgroups->users[CGROUPS_USERS - 1];
	if (i == cgroups->n_users)
		cgroups->users[cgroups->n_users++] = (struct cgroups_user){.uid = info.st_uid};
	return &cgroups->users[i];
}

static bool has_room(const struct cgroups *cgroups, const struct cgroups_user *user)
{
	size_t left = CGROUPS_MAX - cgroups->found.n;

	return left > 0 && (!user || user->n < left / CGROUPS_USER_PART);
}

/* Find what is below it; one that ended meanwhile has nothing there. */
static void read_children(struct cgroups *cgroups, const char *parent)
{
	int fd = openat(cgroups->fd, parent[1] ? parent + 1 : ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct cgroups_user *user;
	const struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	user = find_user(cgroups, fd);
	while (has_room(cgroups, user) && (entry = readdir(dir))) {
		char *path;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		path = path_below(parent, entry->d_name);
		if (!path)
			continue;
		list_add(&cgroups->found, entry->d_ino, path);
		if (user)
			user->n++;
	}
	closedir(dir);
}

/* ---- the walk ---- */

/* What was told to be nothing may be there by now. */
static void forget_absent(struct cgroup_list *known)
{
	size_t n = 0;

	for (size_t i = 0; i < known->n; i++)
		if (known->first[i].path)
			known->first[n++] = known->first[i];
	known->n = n;
}

static void begin(struct cgroups *cgroups)
{
	struct stat root;

	cgroups->sought = cgroups->waiting;
	cgroups->waiting.n = 0;
	if (has_id(&cgroups->sought, 0))
		forget_absent(&cgroups->known);
	cgroups->walking = true;
	cgroups->n_read = 0;
	cgroups->n_users = 0;
	cgroups->work_ns = 0;
	cgroups->fd = open_root(cgroups);
	if (cgroups->fd >= 0 && fstat(cgroups->fd, &root) == 0)
		list_add(&cgroups->found, root.st_ino, path_below("/", ""));
}

/* What it was for and did not find is nothing. */
static void note_absent(struct cgroup_list *known, const struct cgroup_ids *sought)
{
	const size_t n_known = known->n;

	for (size_t i = 0; i < sought->n; i++) {
		const struct cgroup_list sorted = {known->first, n_known, 0};

		if (sought->ids[i] && !list_find(&sorted, sought->ids[i]))
			list_add(known, sought->ids[i], NULL);
	}
	if (known->n > n_known)
		list_sort(known);
}

/* What was known before, and is not there any more, stays known while there is room. */
static void end(struct cgroups *cgroups)
{
	struct cgroup_list *found = &cgroups->found, *known = &cgroups->known;
	size_t n_found;

	list_sort(found);
	n_found = found->n;
	for (size_t i = 0; i < known->n; i++) {
		const struct cgroup_list sorted = {found->first, n_found, 0};

		if (found->n >= CGROUPS_MAX || list_find(&sorted, known->first[i].id))
			continue;
		list_add(found, known->first[i].id, known->first[i].path);
		known->first[i].path = NULL;
	}
	if (found->n > n_found)
		list_sort(found);
	list_free(known);
	*known = *found;
	*found = (struct cgroup_list){0};
	note_absent(known, &cgroups->sought);
	if (cgroups->fd >= 0)
		close(cgroups->fd);
	cgroups->walking = false;
}

static void pause_walks(struct cgroups *cgroups, uint64_t now_ms)
{
	uint64_t pause_ms = WALK_PART * cgroups->work_ns / 1000000;

	cgroups->due_ms = now_ms + (pause_ms > WALK_INTERVAL_MS ? pause_ms : WALK_INTERVAL_MS);
}

static void walk_on(struct cgroups *cgroups, uint64_t now_ms)
{
	uint64_t begin_ns = clock_work_ns();

	for (size_t i = 0; i < SLICE && cgroups->n_read < cgroups->found.n; i++) {
		/* a copy: the list may move */
		const char *parent = cgroups->found.first[cgroups->n_read++].path;

		read_children(cgroups, parent);
	}
	if (cgroups->n_read == cgroups->found.n)
		end(cgroups);
	cgroups->work_ns += clock_work_ns() - begin_ns;
	if (!cgroups->walking)
		pause_walks(cgroups, now_ms);
}

/* Is a walk for it under way, or going to be? */
static bool is_awaited(const struct cgroups *cgroups, uint64_t id)
{
	return has_id(&cgroups->waiting, id) || (cgroups->walking && has_id(&cgroups->sought, id));
}

/* -EAGAIN: it is not known. */
static int tell(const struct cgroups *cgroups, uint64_t id, char *ret_path, size_t size)
{
	const struct cgroup *cgroup = list_find(&cgroups->known, id);

	if (!cgroup)
		return id || is_awaited(cgroups, id) ? -EAGAIN : -ENOENT;
	if (!cgroup->path || strlen(cgroup->path) >= size)
		return -ENOENT;
	memcpy(ret_path, cgroup->path, strlen(cgroup->path) + 1);
	return 0;
}

int cgroups_find(struct cgroups *cgroups, uint64_t id, char *ret_path, size_t size)
{
	uint64_t now_ms = clock_boot_ms();
	int r = id ? tell(cgroups, id, ret_path, size) : -EAGAIN;

	if (r != -EAGAIN)
		return r;
	if (!is_awaited(cgroups, id))
		add_id(&cgroups->waiting, id);
	if (!cgroups->walking && now_ms < cgroups->due_ms)
		return -EBUSY;
	if (!cgroups->walking)
		begin(cgroups);
	walk_on(cgroups, now_ms);
	return tell(cgroups, id, ret_path, size);
}

void cgroups_done(struct cgroups *cgroups)
{
	if (cgroups->walking && cgroups->fd >= 0)
		close(cgroups->fd);
	list_free(&cgroups->known);
	list_free(&cgroups->found);
	*cgroups = (struct cgroups){.root = cgroups->root};
}
