/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration: its faults, and whether the kernel is as it says. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lone.h"

/* So many faults are told one by one. */
#define FAULTS_MAX 8

/* "FILE:LINE: what is wrong", as editors read it; else there is nothing to open. */
static void tell_line(struct doctor *doctor, enum severity severity, const char *line,
		      size_t length)
{
	char text[512], file[256], quoted[SHELL_WORD_SIZE];
	unsigned int number;

	snprintf(text, sizeof(text), "%.*s", (int)length, line);
	doctor_find(doctor, severity, "config", "%s", text);
	if (sscanf(text, "%255[^:]:%u:", file, &number) == 2)
		doctor_remedy(doctor, "${EDITOR:-vi} +%u %s", number, shell_quote(file, quoted));
}

static void tell_lines(struct doctor *doctor, enum severity severity, const char *text)
{
	size_t n = 0;

	for (; *text && n < FAULTS_MAX; n++) {
		size_t length = strcspn(text, "\n");

		if (length > 0)
			tell_line(doctor, severity, text, length);
		text += length + (text[length] == '\n');
	}
}

/* ---- asked of mptcpd ---- */

static int on_checked(void *data, bool good, const char *text)
{
	struct doctor *doctor = data;

	if (good)
		doctor_find(doctor, SEVERITY_OK, "config", "the configuration files are good");
	tell_lines(doctor, good ? SEVERITY_WARNING : SEVERITY_FAULT, text);
	return 0;
}

static void check_by_daemon(struct doctor *doctor)
{
	/* Over the system bus a person would be asked for a password. */
	bool may = geteuid() == 0 || (ctl_is_socket_named(doctor->ctl) && !doctor->ctl->system_bus);
	int r = may ? mptcpctl_check_config(doctor->ctl->client, on_checked, doctor) : -EACCES;

	if (r == -EACCES)
		doctor->lacks_rights = true;
	else if (r < 0)
		doctor_find(doctor, SEVERITY_WARNING, "config",
			    "the configuration could not be checked: %s",
			    mptcpctl_error(doctor->ctl->client));
}

/* ---- where none runs ---- */

/* Has the administrator written any? Else there is nothing to be wrong. */
static bool is_configured(void)
{
	glob_t found;
	size_t n;

	glob("/etc/mptcpd/mptcpd.conf", 0, NULL, &found);
	glob("/etc/mptcpd/mptcpd.conf.d/*.conf", GLOB_APPEND, NULL, &found);
	glob("/run/mptcpd/mptcpd.conf", GLOB_APPEND, NULL, &found);
	glob("/run/mptcpd/mptcpd.conf.d/*.conf", GLOB_APPEND, NULL, &found);
	n = found.gl_pathc;
	globfree(&found);
	return n > 0;
}

static void check_by_program(struct doctor *doctor)
{
	char beside[PATH_MAX], text[8192];
	size_t n = 0;
	ssize_t got = 1;
	int fds[2];
	pid_t pid;

	if (!is_configured() || pipe2(fds, O_CLOEXEC) < 0)
		return;
	if (lone_start_check(lone_find_program(beside), NULL, NULL, fds[1], &pid) != 0) {
		close(fds[0]);
		close(fds[1]);
		return;
	}
	close(fds[1]);
	while (got > 0 && n < sizeof(text) - 1) {
		got = read(fds[0], text + n, sizeof(text) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	text[n] = '\0';
	close(fds[0]);
	on_checked(doctor, lone_wait(pid) == 0, text);
}

/* ---- is the kernel as it says? ---- */

static int on_config(void *data, const struct mptcpctl_config *config)
{
	struct doctor *doctor = data;

	if (strcmp(config->group, "core") != 0)
		return 0;
	if (strcmp(config->key, "path-manager") == 0) {
		free(doctor->wanted_path_manager);
		doctor->wanted_path_manager = strdup(config->value);
	} else if (strcmp(config->key, "source-routing") == 0) {
		doctor->routes_by_source = strcmp(config->value, "no") != 0;
	} else if (strcmp(config->key, "deny-join-initial") == 0) {
		doctor->denies_initial = strcmp(config->value, "yes") == 0;
	}
	return 0;
}

static void compare_path_manager(struct doctor *doctor)
{
	const char *wanted = doctor->wanted_path_manager;

	if (!wanted || strcmp(wanted, "unmanaged") == 0 ||
	    strcmp(wanted, doctor->path_manager) == 0 || !doctor->has_mptcp)
		return;
	doctor_find(doctor, SEVERITY_FAULT, "path-manager",
		    "path-manager = %s in [core], and somebody has set that of new connections to "
		    "%s",
		    wanted, doctor->path_manager);
	if (access("/proc/sys/net/mptcp/path_manager", F_OK) == 0)
		doctor_remedy(doctor, "sysctl net.mptcp.path_manager=%s", wanted);
	else
		doctor_remedy(doctor, "sysctl net.mptcp.pm_type=%d",
			      strcmp(wanted, "userspace") == 0);
}

void doctor_look_at_config(struct doctor *doctor)
{
	if (!doctor->is_running) {
		check_by_program(doctor);
		return;
	}
	check_by_daemon(doctor);
	(void)mptcpctl_list_config(doctor->ctl->client, on_config, doctor);
	compare_path_manager(doctor);
}
