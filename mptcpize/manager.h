/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The systemd that runs here, or the user's own. Functions that return an exit code have said on
 * stderr what was wrong.
 */
#ifndef MPTCPIZE_MANAGER_H
#define MPTCPIZE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct manager {
	struct sd_bus *bus; /* owned; NULL: closed */
	bool user;
};

/* A unit as systemd has loaded it. */
struct manager_unit {
	char *path; /* on the bus; owned */
	char *id; /* its real name, where it was asked for by another one; owned */
	const char *interface; /* of what only units of its type have */
};

enum manager_scope {
	MANAGER_SELF, /* of systemd itself; no unit is needed */
	MANAGER_UNIT, /* of every unit */
	MANAGER_TYPE, /* of a service or a socket */
};

/* Does one answer? Nothing is said. */
bool manager_open(struct manager *manager, bool user);
/* Say that none does. Returns EXIT_NO_SYSTEMD. */
int manager_absent(bool user);
/* Accepts a zeroed one. */
void manager_close(struct manager *manager);
/* Load a unit, or an instance of it that nobody starts if it is a template. Returns an exit code. */
int manager_load(struct manager *manager, const char *name, struct manager_unit *ret_unit);
void manager_unit_done(struct manager_unit *unit);
/* Read all unit files again. Returns an exit code. */
int manager_reload(struct manager *manager);

/*
 * Properties; what an older systemd does not have is empty, or `fallback`. Strings and lists are to
 * be freed by the caller, who aborts for want of memory.
 */
char *manager_get(struct manager *manager, const struct manager_unit *unit,
		  enum manager_scope scope, const char *name);
char **manager_get_list(struct manager *manager, const struct manager_unit *unit,
			enum manager_scope scope, const char *name);
uint64_t manager_get_number(struct manager *manager, const struct manager_unit *unit,
			    enum manager_scope scope, const char *name, uint64_t fallback);
/*
 * A string of each of an array of structures, the first or, of a(ss), the second: the path of each
 * of EnvironmentFiles.
 */
char **manager_get_firsts(struct manager *manager, const struct manager_unit *unit,
			  const char *name, const char *type);
char **manager_get_seconds(struct manager *manager, const struct manager_unit *unit,
			   const char *name);
/* Which system calls a service may not make: is this one of them? */
bool manager_forbids_call(struct manager *manager, const struct manager_unit *unit,
			  const char *call);
void manager_free_list(char **list);

bool manager_is_socket(const struct manager_unit *unit);
/* The process that answers here; 0: it is not told. */
pid_t manager_pid(struct manager *manager);
/* Each process of the unit. Returns an exit code. */
int manager_processes(struct manager *manager, const struct manager_unit *unit,
		      void (*on_process)(void *data, pid_t pid), void *data);

#endif
