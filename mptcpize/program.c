/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PATH_USUAL "/bin:/usr/bin" /* as execvp() has it */
#define SCRIPTS_MAX 5 /* that the kernel follows, one the interpreter of the other */
#define SCRIPT_LINE 256 /* that it reads */
#define GO_MPTCP_MINOR 21 /* the first Go whose net package knows MPTCP */

/* 0, or why it cannot be executed, as execve() would say. */
static int try(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

static int search(const char *name, char *ret_path)
{
	const char *path = getenv("PATH");
	int denied = 0;

	for (path = path ? path : PATH_USUAL;; path++) {
		size_t length = strcspn(path, ":");
		int r = -ENAMETOOLONG;

		if (snprintf(ret_path, PATH_MAX, "%.*s%s%s", (int)length, path, length ? "/" : "./",
			     name) < PATH_MAX)
			r = try(ret_path);
		if (r == 0)
			return 0;
		/* What nobody may look for is not there, says the shell. */
		if ((r == -EACCES || r == -EISDIR) && access(ret_path, F_OK) == 0)
			denied = r;
		path += length;
		if (!*path)
			return denied ? denied : -ENOENT;
	}
}

/* The interpreter that a script names; false: it is none. */
static bool read_script(int fd, char *ret_interpreter)
{
	char line[SCRIPT_LINE + 1], *word;
	ssize_t n = pread(fd, line, SCRIPT_LINE, 0);

	if (n < 2 || memcmp(line, "#!", 2) != 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	word = line + 2 + strspn(line + 2, " \t");
	word[strcspn(word, " \t")] = '\0';
	if (!*word)
		return false;
	memcpy(ret_interpreter, word, strlen(word) + 1);
	return true;
}

/* Nothing is lost where nothing is gained: set-id to what we are, a mount that forbids it. */
static const char *find_privilege(const char *path)
{
	struct statvfs mount;
	struct stat status;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || stat(path, &status) < 0 ||
	    (statvfs(path, &mount) == 0 && mount.f_flag & ST_NOSUID))
		return NULL;
	if (status.st_mode & S_ISUID && status.st_uid != geteuid())
		return "setuid";
	if (status.st_mode & S_ISGID && status.st_mode & S_IXGRP && status.st_gid != getegid())
		return "setgid";
	if (geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return "given capabilities by its file";
	return NULL;
}

/* Is this the dynamic linker of glibc? Others read LD_PRELOAD, too, but may stumble over our library. */
static bool is_glibc(const char *interpreter)
{
	static const char *const names[] = {"/ld-linux", "/ld64.so.", "/ld.so.1"};
	const char *name = strrchr(interpreter, '/');

	for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static enum program_kind kind_of(const struct elf_file *elf)
{
	if (!elf->is_native)
		return PROGRAM_KIND_FOREIGN;
	if (elf->is_go)
		return PROGRAM_KIND_GO;
	return is_glibc(elf->interpreter) ? PROGRAM_KIND_DYNAMIC : PROGRAM_KIND_STATIC;
}

/*
 * Look at the file; if it is a script, at its interpreter next. A file that is neither a program nor
 * says whose script it is is one of sh: so has it execvp(). Returns whether there is a next one.
 */
static bool look(struct program *program)
{
	int fd = open(program->file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r = fd < 0 ? -errno : elf_file_read(fd, &program->elf);

	if (r == -ENOEXEC && !read_script(fd, program->file))
		strcpy(program->file, "/bin/sh");
	if (fd >= 0)
		close(fd);
	program->kind = r == 0 ? kind_of(&program->elf) : PROGRAM_KIND_UNKNOWN;
	program->privilege = find_privilege(program->file);
	return r == -ENOEXEC;
}

int program_find(struct program *program, const char *name)
{
	int r;

	memset(program, 0, sizeof(*program));
	if (!*name)
		return -ENOENT;
	if (strlen(name) >= sizeof(program->path))
		return -ENAMETOOLONG;
	strcpy(program->path, name);
	r = strchr(name, '/') ? try(name) : search(name, program->path);
	if (r < 0)
		return r;
	strcpy(program->file, program->path);
	for (int i = 0; look(program) && i < SCRIPTS_MAX; i++)
		;
	return 0;
}

bool program_is_go_with_mptcp(const struct program *program)
{
	return program->kind == PROGRAM_KIND_GO && program->elf.go_minor >= GO_MPTCP_MINOR;
}
