/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "unit-name.h"

#define SYSTEM "/etc/systemd/system"
#define BELOW_HOME "/.config"
#define USER "/systemd/user"
#define NEW_NAME ".mptcpize.new"
#define DIRECTORY_END ".d"
#define TEXT_MAX (1 << 20)

int place_find(struct place *place, bool user)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n;

	if (!user)
		n = snprintf(place->directory, PATH_MAX, SYSTEM);
	else if (config && *config == '/')
		n = snprintf(place->directory, PATH_MAX, "%s" USER, config);
	else if (home && *home == '/')
		n = snprintf(place->directory, PATH_MAX, "%s" BELOW_HOME USER, home);
	else
		return -ENOENT;
	/* With room for what comes behind it. */
	return n < PATH_MAX - 2 * UNIT_NAME_SIZE ? 0 : -ENAMETOOLONG;
}

const char *place_path(const struct place *place, const char *unit, char ret_path[static PATH_MAX])
{
	int n = snprintf(ret_path, PATH_MAX, "%s/%s" DIRECTORY_END "/" DROP_IN_NAME,
			 place->directory, unit);

	return n < PATH_MAX ? ret_path : place->directory;
}

/* ---- reading ---- */

static int read_all(int fd, char **ret_text)
{
	char *text = NULL;
	size_t n = 0, room = 0;
	ssize_t got = 1;

	while (got > 0 && n < TEXT_MAX) {
		if (room - n < 2) {
			char *more = realloc(text, room += 8192);

			if (!more)
				break;
			text = more;
		}
		got = read(fd, text + n, room - n - 1);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got != 0 || !text) {
		free(text);
		return got < 0 ? -errno : n >= TEXT_MAX ? -EFBIG : -ENOMEM;
	}
	text[n] = '\0';
	*ret_text = text;
	return 0;
}

static int read_at(int directory, const char *path, int flags, char **ret_text,
		   struct timespec *ret_written)
{
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags), r = 0;
	struct stat is;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &is) < 0 || !S_ISREG(is.st_mode))
		r = -EEXIST;
	else
		r = read_all(fd, ret_text);
	close(fd);
	if (r == 0 && ret_written)
		*ret_written = is.st_mtim;
	return r;
}

int place_slurp(const char *path, char **ret_text, struct timespec *ret_written)
{
	return read_at(AT_FDCWD, path, 0, ret_text, ret_written);
}

int place_read(const struct place *place, const char *unit, struct place_file *ret_file)
{
	struct place_file file;
	char path[PATH_MAX];
	int r = read_at(AT_FDCWD, place_path(place, unit, path), O_NOFOLLOW, &file.text,
			&file.written);

	if (r < 0)
		return r == -ELOOP ? -EEXIST : r == -ENOTDIR ? -ENOENT : r;
	if (!drop_in_is_ours(file.text, &file.way)) {
		free(file.text);
		return -EEXIST;
	}
	*ret_file = file;
	return 0;
}

/* ---- writing ---- */

/* All of a path, for everybody to read. */
static int make_directories(const char *path)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	for (char *slash = copy; slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (slash)
			*slash = '/';
	}
	return 0;
}

static int write_all(int fd, const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int replace(int directory, const char *text)
{
	int fd, r;

	/* What was left by one that was killed. */
	unlinkat(directory, NEW_NAME, 0);
	fd = openat(directory, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	close(fd);
	if (r == 0 && renameat(directory, NEW_NAME, directory, DROP_IN_NAME) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(directory, NEW_NAME, 0);
	return r;
}

static void unit_directory(const struct place *place, const char *unit,
			   char ret_path[static PATH_MAX])
{
	*strrchr(strcpy(ret_path, place_path(place, unit, ret_path)), '/') = '\0';
}

int place_write(const struct place *place, const char *unit, const char *text)
{
	mode_t mask = umask(022);
	char path[PATH_MAX];
	int directory, r;

	unit_directory(place, unit, path);
	r = make_directories(path);
	umask(mask);
	if (r < 0)
		return r;
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* One at a time: they would write the same new file. */
	r = directory < 0 || flock(directory, LOCK_EX) < 0 ? -errno : replace(directory, text);
	if (directory >= 0)
		close(directory);
	if (r < 0)
		rmdir(path);
	return r;
}

int place_remove(const struct place *place, const char *unit)
{
	struct place_file file;
	char path[PATH_MAX];
	int r = place_read(place, unit, &file);

	if (r < 0)
		return r;
	free(file.text);
	if (unlink(place_path(place, unit, path)) < 0)
		return -errno;
	unit_directory(place, unit, path);
	rmdir(path);
	return 0;
}

/* ---- all of them ---- */

/* The unit that this directory is for. */
static bool is_unit_directory(const char *name, char ret_unit[static UNIT_NAME_SIZE])
{
	size_t length = strlen(name), end = strlen(DIRECTORY_END);
	enum unit_type type;
	char unit[NAME_MAX + 1];

	if (length <= end || length > NAME_MAX || strcmp(name + length - end, DIRECTORY_END) != 0)
		return false;
	memcpy(unit, name, length - end);
	unit[length - end] = '\0';
	return unit_name_complete(unit, ret_unit, &type) == 0 && strcmp(unit, ret_unit) == 0;
}

static int on_directory(const struct place *place, const char *name,
			int (*on_unit)(void *data, const char *unit), void *data)
{
	char unit[UNIT_NAME_SIZE];
	struct place_file file;

	if (!is_unit_directory(name, unit) || place_read(place, unit, &file) < 0)
		return 0;
	free(file.text);
	return on_unit(data, unit);
}

int place_list(const struct place *place, int (*on_unit)(void *data, const char *unit), void *data)
{
	struct dirent **entries;
	int n = scandir(place->directory, &entries, NULL, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = on_directory(place, entries[i]->d_name, on_unit, data);
		free(entries[i]);
	}
	free(entries);
	return r;
}
