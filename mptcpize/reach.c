/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reach.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "program.h"

/* Where systemd looks for a program that is no path. */
static const char *const directories[] = {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/",
					  "/usr/bin/",	      "/sbin/",		 "/bin/"};

/* The path that systemd will execute. */
static const char *find(const char *path, char room[static PATH_MAX])
{
	for (size_t i = 0; *path != '/' && i < sizeof(directories) / sizeof(*directories); i++)
		if (snprintf(room, PATH_MAX, "%s%s", directories[i], path) < PATH_MAX &&
		    access(room, X_OK) == 0)
			return room;
	return path;
}

/*
 * The dynamic linker takes no library for a program that changes its user or group when it starts, or
 * gets capabilities that root has anyway.
 */
static enum reach limit(const char *file, bool as_root)
{
	struct stat is;
	bool changes, gains;

	if (stat(file, &is) < 0)
		return REACH_RUN;
	changes = ((is.st_mode & S_ISUID) && is.st_uid != 0) || (is.st_mode & S_ISGID);
	gains = (is.st_mode & S_ISUID) || getxattr(file, "security.capability", NULL, 0) > 0;
	if (as_root)
		return changes ? REACH_RUN : REACH_ENVIRONMENT;
	return changes || gains ? REACH_NEVER : REACH_ENVIRONMENT;
}

enum reach reach_of(const char *path, bool as_root)
{
	char room[PATH_MAX];
	struct program program;
	enum reach reach;

	path = find(path, room);
	if (*path != '/' || program_find(&program, path) < 0)
		return REACH_RUN;
	reach = limit(program.file, as_root);
	if (reach == REACH_ENVIRONMENT && program.kind != PROGRAM_KIND_DYNAMIC &&
	    !program_is_go_with_mptcp(&program))
		reach = REACH_RUN;
	return reach;
}
