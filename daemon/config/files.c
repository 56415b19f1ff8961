/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <dirent.h>
#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "auto.h"

static const char *const directories[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib"};
#define N_DIRECTORIES (sizeof(directories) / sizeof(directories[0]))

/* A drop-in: its name decides its place, its directory whether it counts. */
struct drop_in {
	char *name;
	size_t directory;
};

/*
 * All of an open file, at most one byte more than a configuration may have. -EISDIR, -ENOTSUP: not
 * a file to read; -errno.
 */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	AUTO(l_free) char *text = NULL;
	const size_t room = INI_FILE_MAX + 1;
	struct stat st;
	size_t size = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* /dev/null is how a file is masked; anything else that is no file might never end */
	if (!S_ISREG(st.st_mode) && !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
		return -ENOTSUP;
	text = l_malloc(room);
	while (size < room) {
		ssize_t n = read(fd, text + size, room - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	*ret_text = text;
	text = NULL;
	*ret_size = size;
	return 0;
}

/* 0, or -ENOENT without a report, or another -errno with one. */
static int add_file(struct ini *ini, const char *path, bool maskable, struct faults *report)
{
	AUTO(l_free) char *text = NULL;
	size_t size = 0;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	err = fd < 0 ? -errno : read_all(fd, &text, &size);
	if (fd >= 0)
		close(fd);
	if (err < 0)
		faults_add(report, (struct where){path, 0}, "cannot be read: %s",
			   err == -ENOTSUP ? "not a regular file" : strerror(-err));
	else if (size > 0 || !maskable)
		ini_add(ini, path, text, size, report);
	return err;
}

void files_add_file(struct ini *ini, const char *path, struct faults *report)
{
	if (add_file(ini, path, false, report) == -ENOENT)
		faults_add(report, (struct where){path, 0}, "cannot be read: %s", strerror(ENOENT));
}

static int compare_drop_ins(const void *a, const void *b)
{
	const struct drop_in *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (int)left->directory - (int)right->directory;
}

static bool is_drop_in(const char *name)
{
	size_t size = strlen(name);

	return name[0] != '.' && size > 5 && strcmp(name + size - 5, ".conf") == 0;
}

/* The names in one directory, added to those that were found before. */
static void find_drop_ins(const char *path, size_t directory, struct drop_in **drop_ins, size_t *n,
			  struct faults *report)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir && errno == ENOENT)
		return;
	errno = dir ? 0 : errno;
	while (dir && (entry = readdir(dir))) {
		if (is_drop_in(entry->d_name)) {
			*drop_ins = l_realloc(*drop_ins, (*n + 1) * sizeof(**drop_ins));
			(*drop_ins)[(*n)++] = (struct drop_in){l_strdup(entry->d_name), directory};
		}
		errno = 0;
	}
	if (errno)
		faults_add(report, (struct where){path, 0}, "cannot be read: %s", strerror(errno));
	if (dir)
		closedir(dir);
}

/* Where all files are, below each of the directories. */
struct place {
	const char *root, *instance; /* NULL: none */
};

/* The caller frees it. */
static char *path_of(const struct place *place, size_t directory, const char *name)
{
	return l_strdup_printf("%s%s/mptcpd/%s%s%s", place->root, directories[directory],
			       place->instance ? place->instance : "", place->instance ? "/" : "",
			       name);
}

static void add_main(struct ini *ini, const struct place *place, struct faults *report)
{
	for (size_t i = 0; i < N_DIRECTORIES; i++) {
		AUTO(l_free) char *path = path_of(place, i, "mptcpd.conf");

		if (add_file(ini, path, true, report) != -ENOENT)
			return;
	}
}

void files_add_default(struct ini *ini, const char *root, const char *instance,
		       struct faults *report)
{
	const struct place place = {root, instance};
	struct drop_in *drop_ins = NULL;
	size_t n = 0;

	add_main(ini, &place, report);
	for (size_t i = 0; i < N_DIRECTORIES; i++) {
		AUTO(l_free) char *path = path_of(&place, i, "mptcpd.conf.d");

		find_drop_ins(path, i, &drop_ins, &n, report);
	}
	if (n > 0)
		qsort(drop_ins, n, sizeof(*drop_ins), compare_drop_ins);
	for (size_t i = 0; i < n; i++) {
		AUTO(l_free)
		char *directory = path_of(&place, drop_ins[i].directory, "mptcpd.conf.d");
		AUTO(l_free) char *path = l_strdup_printf("%s/%s", directory, drop_ins[i].name);

		/* the same name in a directory that goes before hides it */
		if (i > 0 && strcmp(drop_ins[i].name, drop_ins[i - 1].name) == 0)
			continue;
		/* a link to nowhere, or a file that has just gone */
		if (add_file(ini, path, true, report) == -ENOENT)
			faults_add(report, (struct where){path, 0}, "cannot be read: %s",
				   strerror(ENOENT));
	}
	for (size_t i = 0; i < n; i++)
		l_free(drop_ins[i].name);
	l_free(drop_ins);
}
