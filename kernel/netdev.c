/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netdev.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "/proc/thread-self/net/dev"

bool netdev_parse(char *line, const char **ret_name, uint64_t *ret_received, uint64_t *ret_sent)
{
	/* A name has neither a colon nor a blank. */
	char *name = line + strspn(line, " "), *colon = strchr(name, ':');

	if (!colon || sscanf(colon + 1, "%" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64,
			     ret_received, ret_sent) != 2)
		return false;
	*colon = '\0';
	*ret_name = name;
	return true;
}

int netdev_each(netdev_func *each, void *each_data)
{
	FILE *file = fopen(FILE_NAME, "re");
	char line[512];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		uint64_t received, sent;
		const char *name;

		if (netdev_parse(line, &name, &received, &sent))
			each(each_data, name, received, sent);
	}
	fclose(file);
	return 0;
}
