/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpize check: which sockets of running processes are MPTCP, TCP, or fell back to it. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "holders.h"
#include "json.h"
#include "mptcpize.h"
#include "print.h"
#include "sockets.h"
#include "unit.h"

static const char *const speeches[] = {
	[SOCKETS_TCP] = "tcp",
	[SOCKETS_MPTCP] = "mptcp",
	[SOCKETS_FALLEN_BACK] = "fallen-back",
};

struct check {
	enum check_form form;
	char **types, **listening; /* of a socket unit: these alone of what systemd has open */
	struct holders holders;
	size_t n_printed;
	int code;
};

/* ---- words ---- */

static void print_json_socket(struct check *check, const struct sockets_entry *socket)
{
	print(check->n_printed ? ",{" : "{");
	json_member("protocol", speeches[socket->speech]);
	print(",\"listening\":%s,", socket->listens ? "true" : "false");
	json_addr("local", &socket->local);
	print(",");
	if (socket->listens)
		print("\"remote\":null");
	else
		json_addr("remote", &socket->remote);
	print("}");
}

static void print_socket(struct check *check, const struct sockets_entry *socket)
{
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE];

	if (check->form == CHECK_JSON)
		print_json_socket(check, socket);
	else
		print_line("%s%s %s -> %s", check->form == CHECK_INDENTED ? "  " : "",
			   speeches[socket->speech], addr_format(&socket->local, local),
			   socket->listens ? "*" : addr_format(&socket->remote, remote));
	check->n_printed++;
}

/* ---- what they have ---- */

/* Is it one of these, as systemd writes them: "[fe80::1]:80%eth0"? */
static bool listens_there(const struct check *check, const struct sockets_entry *socket)
{
	for (size_t i = 0; socket->listens && check->types[i] && check->listening[i]; i++) {
		struct mptcpd_addr addr;
		char text[ADDR_TEXT_SIZE];

		snprintf(text, sizeof(text), "%.*s", (int)strcspn(check->listening[i], "%"),
			 check->listening[i]);
		if (strcmp(check->types[i], "Stream") == 0 && addr_parse(text, &addr) == 0 &&
		    addr_equal(&addr, &socket->local))
			return true;
	}
	return false;
}

static bool is_meant(const struct check *check, const struct holders_space *space,
		     const struct sockets_entry *socket)
{
	return holders_have(space, socket->inode) &&
	       (!check->listening || listens_there(check, socket));
}

static int print_space(struct check *check, const struct holders_space *space)
{
	struct sockets_entry *list;
	size_t n;
	int r = sockets_list(&list, &n);

	if (r < 0)
		return cli_fail("the kernel does not list its sockets: %s", strerror(-r));
	for (int listens = 1; listens >= 0; listens--)
		for (size_t i = 0; i < n; i++)
			if (list[i].listens == (listens == 1) && is_meant(check, space, &list[i]))
				print_socket(check, &list[i]);
	free(list);
	return EXIT_DONE;
}

static int print_all(struct check *check)
{
	int code = EXIT_DONE;

	holders_sort(&check->holders);
	if (check->form == CHECK_JSON)
		print("{\"sockets\":[");
	for (size_t i = 0; i < check->holders.n && code == EXIT_DONE; i++) {
		const struct holders_space *space = &check->holders.spaces[i];

		if (space->n == 0)
			continue;
		if (holders_enter(space) < 0) {
			cli_fail("it is in another network namespace, which only root may enter");
			code = EXIT_NOT_PERMITTED;
		} else {
			code = print_space(check, space);
		}
	}
	if (check->form == CHECK_JSON)
		print_line("]}");
	else if (code == EXIT_DONE && check->n_printed == 0 && check->form == CHECK_LINES)
		cli_fail("no TCP or MPTCP socket is open that listens or has a peer");
	return code;
}

/* ---- whom to ask for ---- */

/* Says why. Returns an exit code. */
static int cannot_see(pid_t pid, int error)
{
	if (error != EACCES)
		return cli_fail("process %d: its sockets cannot be listed: %s", (int)pid,
				strerror(error));
	if (geteuid() == 0)
		cli_fail("process %d: this root may not see its sockets: it has no CAP_SYS_PTRACE "
			 "there",
			 (int)pid);
	else
		cli_fail("process %d: its sockets may only be seen by root and by its own user",
			 (int)pid);
	return EXIT_NOT_PERMITTED;
}

static void on_process(void *data, pid_t pid)
{
	struct check *check = data;
	int r = holders_add(&check->holders, pid);

	/* One that ended meanwhile has none. */
	if (r < 0 && r != -ESRCH && check->code == EXIT_DONE)
		check->code = cannot_see(pid, -r);
}

int check_unit(struct manager *manager, const struct manager_unit *unit, enum check_form form)
{
	struct check check = {.form = form};
	int code = EXIT_DONE;

	if (manager_is_socket(unit)) {
		check.types = manager_get_firsts(manager, unit, "Listen", "a(ss)");
		check.listening = manager_get_seconds(manager, unit, "Listen");
		on_process(&check, manager_pid(manager));
	} else {
		code = manager_processes(manager, unit, on_process, &check);
	}
	if (code == EXIT_DONE)
		code = check.code;
	if (code == EXIT_DONE)
		code = print_all(&check);
	holders_done(&check.holders);
	manager_free_list(check.types);
	manager_free_list(check.listening);
	return code;
}

static int check_process(pid_t pid, enum check_form form)
{
	struct check check = {.form = form};
	int r = holders_add(&check.holders, pid), code;

	if (r == -ESRCH)
		code = cli_fail("there is no process %d", (int)pid);
	else
		code = r < 0 ? cannot_see(pid, -r) : print_all(&check);
	holders_done(&check.holders);
	return code;
}

/* A number is a process, and no unit. 0: it is none; -1: there is none of such a number. */
static pid_t read_pid(const char *text)
{
	size_t length = strlen(text);
	long pid;

	if (strspn(text, "0123456789") != length)
		return 0;
	pid = length < 10 ? strtol(text, NULL, 10) : 0;
	return pid > 0 ? (pid_t)pid : -1;
}

static int check(int n_args, char **args)
{
	struct unit unit = {0};
	enum check_form form;
	pid_t pid;
	int code = unit_options(&unit, n_args, args, true);

	form = unit.json ? CHECK_JSON : CHECK_LINES;
	if (code != EXIT_DONE)
		return code;
	if (!unit.asked)
		return cli_usage("PID or UNIT is missing");
	pid = read_pid(unit.asked);
	if (pid != 0)
		return pid > 0 ? check_process(pid, form)
			       : cli_fail("there is no process %s", unit.asked);
	code = unit_load(&unit);
	if (code == EXIT_DONE)
		code = check_unit(&unit.manager, &unit.loaded, form);
	unit_done(&unit);
	return code;
}

const struct verb check_verb = {
	"check", "[--user] [--json] PID|UNIT",
	"tell which sockets of a process, or of a unit's processes, speak MPTCP",
	"Prints a line for each socket that listens or has a peer:\n"
	"  mptcp LOCAL -> REMOTE        both sides speak MPTCP\n"
	"  tcp LOCAL -> REMOTE          an ordinary TCP socket\n"
	"  fallen-back LOCAL -> REMOTE  made for MPTCP, but the other side or the way has only "
	"TCP\n"
	"REMOTE is * where it listens. Those of a .socket unit are the ones that systemd has open\n"
	"for it.",
	check};
