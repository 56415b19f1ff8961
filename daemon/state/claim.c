/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One mptcpd a runtime directory: a record lock on a file in it, which the kernel gives back. */
#include "claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"
/* How often to try when the holder goes while we ask who it is. */
#define TRIES 10

/* The file's content is for people, and for us when the holder is in another pid namespace. */
static int write_pid(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0)
		return -errno;
	return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -EIO;
}

static pid_t read_pid(int fd)
{
	char text[16] = "";
	int pid = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || sscanf(text, "%d", &pid) != 1)
		return 0;
	return pid > 0 ? pid : 0;
}

static int try_claim(int fd, pid_t *ret_other)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return write_pid(fd);
	if (errno != EACCES && errno != EAGAIN)
		return -errno;
	if (fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	if (lock.l_type == F_UNLCK)
		return -EAGAIN;
	*ret_other = lock.l_pid > 0 ? lock.l_pid : read_pid(fd);
	return -EBUSY;
}

int claim_directory(const char *runtime_directory, pid_t *ret_other)
{
	int directory, fd, r;

	if (mkdir(runtime_directory, 0755) < 0 && errno != EEXIST)
		return -errno;
	directory = open(runtime_directory, O_DIRECTORY | O_PATH | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	fd = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
		    0600); /* a reader could lock us out */
	r = fd < 0 ? -errno : -EAGAIN;
	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = try_claim(fd, ret_other);
	close(directory);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}
