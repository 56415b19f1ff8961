/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "beside.h"

#include <string.h>
#include <unistd.h>

const char *beside_find(const char *path, const char *installed, char room[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", room, PATH_MAX);

	while (n > 0 && room[n - 1] != '/')
		n--;
	if (n <= 0 || (size_t)n + strlen(path) >= PATH_MAX)
		return installed;
	strcpy(room + n, path);
	return access(room, R_OK) == 0 ? room : installed;
}
