/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysctl.h"

/* What a setting may be as text; long lists are cut. */
#define VALUE_SIZE 64

static int read_file(const char *path, char *ret_value, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret_value, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	ret_value[n] = '\0';
	ret_value[strcspn(ret_value, "\n")] = '\0';
	return 0;
}

static int write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int mptcp_path(const char *name, char *ret_path, size_t size)
{
	int n = snprintf(ret_path, size, "/proc/sys/net/mptcp/%s", name);

	return n < (int)size && !strchr(name, '/') ? 0 : -EINVAL;
}

int sysctl_read(const char *name, char *ret_value, size_t size)
{
	char path[128];
	int r = mptcp_path(name, path, sizeof(path));

	return r < 0 ? r : read_file(path, ret_value, size);
}

int sysctl_write(const char *name, const char *value)
{
	char path[128];
	int r = mptcp_path(name, path, sizeof(path));

	return r < 0 ? r : write_file(path, value);
}

int sysctl_enabled(void)
{
	char value[VALUE_SIZE];
	int r = sysctl_read("enabled", value, sizeof(value));

	return r < 0 ? r : strcmp(value, "0") != 0;
}

enum path_manager sysctl_path_manager(void)
{
	char value[VALUE_SIZE];

	if (sysctl_read("path_manager", value, sizeof(value)) < 0 &&
	    sysctl_read("pm_type", value, sizeof(value)) < 0)
		return PATH_MANAGER_UNKNOWN;
	if (strcmp(value, "kernel") == 0 || strcmp(value, "0") == 0)
		return PATH_MANAGER_KERNEL;
	if (strcmp(value, "userspace") == 0 || strcmp(value, "1") == 0)
		return PATH_MANAGER_USERSPACE;
	return PATH_MANAGER_UNKNOWN;
}

int sysctl_set_path_manager(enum path_manager path_manager)
{
	bool userspace = path_manager == PATH_MANAGER_USERSPACE;
	int r;

	if (path_manager == PATH_MANAGER_UNKNOWN)
		return -EINVAL;
	r = sysctl_write("path_manager", userspace ? "userspace" : "kernel");
	if (r == -ENOENT)
		r = sysctl_write("pm_type", userspace ? "1" : "0");
	return r == -ENOENT ? -EOPNOTSUPP : r;
}

int sysctl_allow_join_initial(void)
{
	char value[VALUE_SIZE];
	int r = sysctl_read("allow_join_initial_addr_port", value, sizeof(value));

	return r < 0 ? r : strcmp(value, "0") != 0;
}

int sysctl_set_allow_join_initial(bool allow)
{
	return sysctl_write("allow_join_initial_addr_port", allow ? "1" : "0");
}

#define RP_FILTER_PATH_SIZE (64 + MPTCPD_IFNAME_SIZE)

/* False: the name would lead elsewhere. */
static bool rp_filter_path(const char *interface, char path[static RP_FILTER_PATH_SIZE])
{
	snprintf(path, RP_FILTER_PATH_SIZE, "/proc/sys/net/ipv4/conf/%.15s/rp_filter", interface);
	return *interface && *interface != '.' && !strchr(interface, '/');
}

int sysctl_rp_filter(const char *interface)
{
	char path[RP_FILTER_PATH_SIZE], value[VALUE_SIZE];
	int r;

	if (!rp_filter_path(interface, path))
		return -EINVAL;
	r = read_file(path, value, sizeof(value));
	return r < 0 ? r : (int)strtol(value, NULL, 10);
}

int sysctl_set_rp_filter(const char *interface, int value)
{
	char path[RP_FILTER_PATH_SIZE], text[VALUE_SIZE];

	if (!rp_filter_path(interface, path))
		return -EINVAL;
	snprintf(text, sizeof(text), "%d", value);
	return write_file(path, text);
}

bool sysctl_rp_filter_strict(const char *interface)
{
	int all = sysctl_rp_filter("all"), own = sysctl_rp_filter(interface);

	/* The kernel takes the larger one; 2 is loose. */
	return (all > own ? all : own) == 1;
}
