/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What listens: mptcpd tells which sockets do and by which protocol, /proc whose they are and whether
 * these were asked to speak MPTCP.
 */
#include "doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor-proc.h"
#include "text.h"

#define DROP_IN "50-mptcpize.conf"
#define SOCKET "socket:["
/* So many of those that nobody asked are named. */
#define NAMED_MAX 3

struct listener {
	uint64_t inode;
	char address[TEXT_ADDR_SIZE];
	bool is_mptcp, is_held; /* by a process that we may look into */
};

struct services {
	struct doctor *doctor;
	struct listener *list; /* owned, by inode */
	size_t n, n_plain, n_mptcp;
	char plain[160], mptcp[160]; /* names of the first of them */
	char unit[128]; /* of a plain one that nobody asked */
	bool is_hidden; /* some processes are not ours to look into */
};

/* A process while it is looked at. */
struct process {
	int pid;
	char name[64], unit[128]; /* unit: "" for none */
	bool is_asked;
};

static int on_listener(void *data, const struct mptcpctl_listener *listener)
{
	struct services *services = data;
	struct listener *next;

	services->list = reallocarray(services->list, services->n + 1, sizeof(*next));
	if (!services->list)
		abort();
	next = &services->list[services->n++];
	*next = (struct listener){.inode = listener->inode,
				  .is_mptcp = strcmp(listener->protocol, "mptcp") == 0};
	text_addr(&listener->local, next->address);
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct listener *)a)->inode, y = ((const struct listener *)b)->inode;

	return (x > y) - (x < y);
}

static struct listener *find(const struct services *services, uint64_t inode)
{
	const struct listener key = {.inode = inode};

	return services->n ? bsearch(&key, services->list, services->n, sizeof(key), compare)
			   : NULL;
}

/* ---- whose it is ---- */

/* "nginx.service" of "0::/system.slice/nginx.service", the innermost; also of a user's own manager. */
static void read_unit(int pid, char ret_unit[static 128])
{
	char path[64], text[4096];
	const char *end;

	*ret_unit = '\0';
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	doctor_slurp(path, text, sizeof(text));
	for (const char *at = text; (end = strstr(at, ".service")); at = end + 1) {
		const char *begin = end;
		size_t length;

		while (begin > text && begin[-1] != '/' && begin[-1] != '\n')
			begin--;
		length = (size_t)(end - begin) + strlen(".service");
		/* "user@1000.service" holds the units of a user's manager. */
		if (length < 128 && begin > text && begin[-1] == '/' &&
		    strncmp(begin, "user@", 5) != 0 && strcspn(end, "/\n") == strlen(".service"))
			snprintf(ret_unit, 128, "%.*s", (int)length, begin);
	}
}

/* Has mptcpize written a drop-in for the unit, or for the template that it is of? */
static bool is_unit_enabled(const char *unit)
{
	static const char *const directories[] = {"/etc/systemd/system", "/run/systemd/system",
						  "/etc/systemd/user"};
	char name[128], path[PATH_MAX];
	const char *at = strchr(unit, '@');

	snprintf(name, sizeof(name), "%.*s.service", at ? (int)(at - unit + 1) : 0, unit);
	for (size_t i = 0; *unit && i < sizeof(directories) / sizeof(*directories); i++) {
		snprintf(path, sizeof(path), "%s/%s.d/" DROP_IN, directories[i], unit);
		if (access(path, F_OK) == 0)
			return true;
		snprintf(path, sizeof(path), "%s/%s.d/" DROP_IN, directories[i], name);
		if (at && access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* Was it started by mptcpize, or is it a Go program that was told so? Variables end in NUL. */
static bool has_wish(int pid)
{
	char path[64], text[65536];
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	n = doctor_slurp(path, text, sizeof(text));
	for (size_t i = 0; i < n; i += strlen(text + i) + 1)
		if ((strncmp(text + i, "LD_PRELOAD=", 11) == 0 &&
		     strstr(text + i, "libmptcpize-preload")) ||
		    (strncmp(text + i, "GODEBUG=", 8) == 0 && strstr(text + i, "multipathtcp=1")))
			return true;
	return false;
}

static void identify(int pid, struct process *process)
{
	char path[64];

	process->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (!doctor_read(path, process->name))
		snprintf(process->name, sizeof(process->name), "process %d", pid);
	read_unit(pid, process->unit);
	process->is_asked = is_unit_enabled(process->unit) || has_wish(pid);
}

/* ---- what is wrong with it ---- */

/* So long commands are told as they are. */
#define COMMAND_MAX 300

/* The words of its command, for a shell. False: it is longer than that, or cannot be shown. */
static bool read_command(int pid, char ret_command[static SHELL_WORD_SIZE])
{
	char path[64], text[COMMAND_MAX + 1], word[SHELL_WORD_SIZE];
	size_t n, used = 0;
	bool is_shown = true;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	n = doctor_slurp(path, text, sizeof(text));
	for (size_t i = 0; i < n; i += strlen(text + i) + 1) {
		used += (size_t)snprintf(ret_command + used, SHELL_WORD_SIZE - used, " %s",
					 shell_quote(text + i, word));
		for (const char *at = text + i; *at; at++)
			is_shown &= *at >= ' ' && *at <= '~';
	}
	return n > 0 && n < COMMAND_MAX && is_shown;
}

static void tell_disobedient(struct doctor *doctor, const struct process *process,
			     const struct listener *listener)
{
	char command[SHELL_WORD_SIZE], unit[SHELL_WORD_SIZE], prefix[DOCTOR_PREFIX_SIZE];

	doctor_find(doctor, SEVERITY_FAULT, "plain-listener",
		    "%s was asked to speak MPTCP, and listens on %s by TCP alone",
		    *process->unit ? process->unit : process->name, listener->address);
	if (*process->unit)
		doctor_remedy(doctor, "systemctl restart %s", shell_quote(process->unit, unit));
	else if (read_command(process->pid, command))
		doctor_remedy(doctor, "kill %d && tail -f /dev/null --pid=%d && %smptcpize run%s",
			      process->pid, process->pid, doctor_namespace(doctor, prefix),
			      command);
	else
		doctor_remedy(doctor,
			      "xargs -0 -a /proc/%d/cmdline sh -c 'kill %d && tail -f /dev/null "
			      "--pid=%d && exec mptcpize run \"$@\"' sh",
			      process->pid, process->pid, process->pid);
}

static void name(char *names, size_t size, size_t n, const struct process *process,
		 const struct listener *listener)
{
	size_t used = strlen(names);

	if (n < NAMED_MAX)
		snprintf(names + used, size - used, "%s%s (%s)", used ? ", " : "", process->name,
			 listener->address);
	else if (n == NAMED_MAX)
		snprintf(names + used, size - used, " …");
}

static void judge(struct services *services, struct process *process, int pid,
		  struct listener *listener)
{
	if (listener->is_held)
		return;
	listener->is_held = true;
	if (!process->pid)
		identify(pid, process);
	if (listener->is_mptcp) {
		name(services->mptcp, sizeof(services->mptcp), services->n_mptcp++, process,
		     listener);
	} else if (process->is_asked) {
		tell_disobedient(services->doctor, process, listener);
	} else {
		name(services->plain, sizeof(services->plain), services->n_plain++, process,
		     listener);
		if (!*services->unit)
			snprintf(services->unit, sizeof(services->unit), "%s", process->unit);
	}
}

/* ---- all of them ---- */

static void look_into(struct services *services, int pid)
{
	struct process process = {0};
	char path[64], target[64];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	directory = opendir(path);
	services->is_hidden |= !directory && errno == EACCES;
	while (directory && (entry = readdir(directory))) {
		ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		struct listener *listener;

		if (n <= (ssize_t)strlen(SOCKET))
			continue;
		target[n] = '\0';
		if (strncmp(target, SOCKET, strlen(SOCKET)) != 0)
			continue;
		listener = find(services, strtoull(target + strlen(SOCKET), NULL, 10));
		if (listener)
			judge(services, &process, pid, listener);
	}
	if (directory)
		closedir(directory);
}

static void look_into_all(struct services *services)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (isdigit((unsigned char)*entry->d_name))
			look_into(services, (int)strtol(entry->d_name, NULL, 10));
	if (directory)
		closedir(directory);
}

static bool is_any_unheld(const struct services *services)
{
	for (size_t i = 0; i < services->n; i++)
		if (!services->list[i].is_held)
			return true;
	return false;
}

static void tell_sum(const struct services *services)
{
	struct doctor *doctor = services->doctor;
	char unit[SHELL_WORD_SIZE];

	if (services->n_mptcp)
		doctor_find(doctor, SEVERITY_OK, "listener", "MPTCP is listened for by %s",
			    services->mptcp);
	if (services->n_plain == 0)
		return;
	doctor_find(doctor, SEVERITY_NOTE, "tcp-listener",
		    "nobody asked %s to speak MPTCP: peers get TCP there", services->plain);
	if (*services->unit)
		doctor_remedy(doctor, "mptcpize enable %s", shell_quote(services->unit, unit));
}

void doctor_look_at_services(struct doctor *doctor)
{
	struct services services = {.doctor = doctor};

	if (!doctor->can_ask)
		return;
	if (mptcpctl_list_listeners(doctor->ctl->client, on_listener, &services) == 0 &&
	    services.n > 0) {
		look_into_all(&services);
		tell_sum(&services);
		doctor->lacks_rights |= services.is_hidden && is_any_unheld(&services);
	}
	free(services.list);
}
