/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plugin's file, read once into memory and sealed. What was checked is what is loaded, and
 * whatever becomes of the file on disk later, the program that runs does not change under it.
 */
#ifndef DAEMON_IMAGE_H
#define DAEMON_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Room for a plugin's name. */
#define IMAGE_NAME_SIZE 64
/* The most bytes of a file. */
#define IMAGE_SIZE_MAX (16u << 20)

struct image {
	char name[IMAGE_NAME_SIZE]; /* of the plugin */
	char *path; /* of the file; owned */
	size_t size;
	uint64_t checksum; /* of the bytes */
	int fd; /* owned; of a sealed memfd */
};

/*
 * Read DIRECTORY/NAME.so. Only a regular file is taken, in a directory and of an owner whom the
 * daemon trusts. Returns 0, or -errno and one line that names the file and what is wrong with it,
 * to be freed with l_free(): -EINVAL not a name, -ENOENT there is none, -EPERM it may be changed by
 * others, -EFBIG too long, -ENOEXEC not all of an object.
 */
int image_read(const char *directory, const char *name, struct image *ret_image, char **ret_why);
void image_done(struct image *image);

#endif
