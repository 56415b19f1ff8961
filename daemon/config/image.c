/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <dirent.h>
#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "checksum.h"
#include "faults.h"

/* Linux 6.3; the C library may be older than the kernel. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* ---- the file on disk ---- */

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

/* 0, or -errno and what speaks against the file that was opened. */
static int judge_file(const struct stat *st, char **ret_reason)
{
	if (!S_ISREG(st->st_mode)) {
		*ret_reason = l_strdup("not a regular file");
		return -EPERM;
	}
	*ret_reason = distrust(st);
	if (*ret_reason)
		return -EPERM;
	if (st->st_size <= (off_t)IMAGE_SIZE_MAX)
		return 0;
	*ret_reason = l_strdup_printf("%lld bytes, at most %u are possible", (long long)st->st_size,
				      IMAGE_SIZE_MAX);
	return -EFBIG;
}

/* Open the file and look at what was opened; O_NONBLOCK: it may be a pipe. */
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
	err = judge_file(ret_st, ret_reason);
	if (err < 0) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* As many bytes as it had when it was opened; fewer: it is being written. */
static int read_all(int fd, uint8_t *bytes, size_t size, char **ret_reason)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < size && n != 0) {
		n = read(fd, bytes + done, size - done);
		if (n < 0 && errno != EINTR) {
			*ret_reason = l_strdup_printf("cannot be read: %s", strerror(errno));
			return -EIO;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	if (done == size)
		return 0;
	*ret_reason = l_strdup("changes while it is read");
	return -ENOEXEC;
}

/* ---- its bytes ---- */

/*
 * Is all there that its headers promise? The dynamic linker maps what is missing at the end, and
 * dies of it. All else that may be wrong with an object it says itself.
 */
static bool is_cut(const uint8_t *bytes, size_t size)
{
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;

	if (size < sizeof(header) || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return false;
	memcpy(&header, bytes, sizeof(header));
	if (header.e_phentsize != sizeof(segment))
		return false;
	if (header.e_phoff > size || header.e_phnum > (size - header.e_phoff) / sizeof(segment))
		return true;
	for (size_t i = 0; i < header.e_phnum; i++) {
		memcpy(&segment, bytes + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
			return true;
	}
	return false;
}

/* MFD_NOEXEC_SEAL is what a strict vm.memfd_noexec asks for; mapping code is not affected by it. */
static int new_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

static int seal(const char *name, const uint8_t *bytes, size_t size, int *ret_fd, char **ret_reason)
{
	int fd = new_memfd(name), err;
	size_t done = 0;
	ssize_t n = 0;

	while (fd >= 0 && done < size) {
		n = write(fd, bytes + done, size - done);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0 && done == size && fcntl(fd, F_ADD_SEALS, SEALS) == 0) {
		*ret_fd = fd;
		return 0;
	}
	err = -errno;
	*ret_reason = l_strdup_printf("cannot be copied into memory: %s", strerror(-err));
	if (fd >= 0)
		close(fd);
	return err;
}

/* Sets size, checksum and fd. */
static int copy_file(int directory_fd, const char *file, struct image *image, char **ret_reason)
{
	AUTO(l_free) uint8_t *bytes = NULL;
	struct stat st;
	int fd = -1, err;

	err = open_file(directory_fd, file, &fd, &st, ret_reason);
	if (err < 0)
		return err;
	image->size = (size_t)st.st_size;
	bytes = l_malloc(image->size + 1);
	err = read_all(fd, bytes, image->size, ret_reason);
	close(fd);
	if (err < 0)
		return err;
	if (is_cut(bytes, image->size)) {
		*ret_reason = l_strdup_printf("cut off after %zu bytes", image->size);
		return -ENOEXEC;
	}
	image->checksum = checksum_add(CHECKSUM_START, bytes, image->size);
	return seal(image->name, bytes, image->size, &image->fd, ret_reason);
}

/* ---- all together ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The plugins that are there, and the one whose name is most like this one, as the end of a sentence. */
static char *suggest(const char *directory, const char *name)
{
	DIR *dir = opendir(directory);
	char **names = l_strv_new();
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
	qsort(names, l_strv_length(names), sizeof(*names), compare_names);
	text = faults_expected(name, (const char *const *)names);
	l_strv_free(names);
	return text;
}

static bool is_name(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size < IMAGE_NAME_SIZE &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == size;
}

int image_read(const char *directory, const char *name, struct image *ret_image, char **ret_why)
{
	AUTO(l_free) char *reason = NULL;
	struct image image = {.fd = -1};
	int directory_fd = -1, err;
	const char *file;

	if (!is_name(name)) {
		*ret_why = l_strdup_printf(
			"'%s' is not a plugin name, expected letters a-z, digits, - and _", name);
		return -EINVAL;
	}
	err = open_directory(directory, &directory_fd, &reason);
	if (err < 0) {
		*ret_why = l_strdup_printf("%s: %s", directory, reason);
		return err;
	}
	snprintf(image.name, sizeof(image.name), "%s", name);
	image.path = l_strdup_printf("%s/%s.so", directory, name);
	file = image.path + strlen(directory) + 1;
	err = copy_file(directory_fd, file, &image, &reason);
	close(directory_fd);
	if (err < 0) {
		AUTO(l_free) char *hint = err == -ENOENT ? suggest(directory, name) : NULL;

		*ret_why = l_strdup_printf("%s: %s%s", image.path, reason, hint ? hint : "");
		l_free(image.path);
		return err;
	}
	*ret_image = image;
	return 0;
}

void image_done(struct image *image)
{
	close(image->fd);
	l_free(image->path);
}
