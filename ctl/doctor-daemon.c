/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpd: whether it runs, and what it complains of. Where none does, a private one answers. */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor-proc.h"
#include "lone.h"

#define UNIT_SIZE (SHELL_WORD_SIZE + 16)

static bool has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* That of another network namespace is an instance. */
static const char *unit_of(const struct doctor *doctor, char text[static UNIT_SIZE])
{
	char name[SHELL_WORD_SIZE];

	if (doctor->ctl->instance)
		snprintf(text, UNIT_SIZE, "mptcpd@%s", shell_quote(doctor->ctl->instance, name));
	else
		snprintf(text, UNIT_SIZE, "mptcpd");
	return text;
}

/* Whom new connections have for a path manager while no mptcpd runs. */
static void tell_absent(struct doctor *doctor, const char *why)
{
	bool is_fatal = strcmp(doctor->path_manager, "userspace") == 0;
	char unit[UNIT_SIZE];

	doctor_find(doctor, is_fatal ? SEVERITY_FAULT : SEVERITY_WARNING, "no-daemon", "%s%s", why,
		    is_fatal ? ", and the path manager of new connections is userspace: nobody "
			       "makes or takes further subflows"
			     : ": endpoints stay as they are when links come and go");
	if (has_systemd())
		doctor_remedy(doctor, "systemctl enable --now %s", unit_of(doctor, unit));
	else if (is_fatal)
		doctor_remedy(doctor, "sysctl net.mptcp.%s",
			      access("/proc/sys/net/mptcp/path_manager", F_OK) == 0
				      ? "path_manager=kernel"
				      : "pm_type=0");
	else if (doctor->ctl->instance)
		doctor_remedy(doctor, "mptcpd --instance %s",
			      shell_quote(doctor->ctl->instance, unit));
	else
		doctor_remedy(doctor, "mptcpd");
}

/* Facts of the kernel come from a private mptcpd then, which says on stderr why it cannot begin. */
static void ask_privately(struct doctor *doctor)
{
	doctor->can_ask = lone_connect_private(doctor->ctl, false) == EXIT_DONE;
}

/* ---- what it complains of ---- */

static void tell_asides(struct doctor *doctor, const struct mptcpctl_status *status)
{
	char whom[48];

	for (const struct mptcpctl_aside *aside = status->asides; aside; aside = aside->next) {
		if (aside->token)
			snprintf(whom, sizeof(whom), "for connection %" PRIx32, aside->token);
		else
			snprintf(whom, sizeof(whom), "for all connections");
		doctor_find(doctor, SEVERITY_FAULT, "set-aside",
			    "plugin %s crashed or hung, and is not asked any more %s",
			    aside->plugin, whom);
		doctor_remedy(doctor, "mptcpctl reload");
	}
	if (status->degraded && !status->asides) {
		doctor_find(doctor, SEVERITY_FAULT, "degraded",
			    "something is not as the configuration says");
		doctor_remedy(doctor, "mptcpctl reload");
	}
}

/* What the checks of this program find by themselves, and nearer to the point. */
static bool is_found_here(const char *reason)
{
	static const char *const reasons[] = {"mptcp-disabled", "rp-filter"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

static enum severity severity_of(const char *reason)
{
	if (strcmp(reason, "port-mismatch") == 0 || strcmp(reason, "source-routing") == 0 ||
	    strcmp(reason, "state") == 0)
		return SEVERITY_FAULT;
	return strcmp(reason, "health-looks") == 0 ? SEVERITY_NOTE : SEVERITY_WARNING;
}

static void tell_blackhole(struct doctor *doctor, const char *text)
{
	char value[16];

	if (!doctor->in_blackhole)
		return; /* it ended, and mptcpd has not seen it yet */
	doctor_find(doctor, SEVERITY_FAULT, "blackhole", "%s", text);
	if (doctor_read("/proc/sys/net/mptcp/blackhole_timeout", value))
		doctor_remedy(doctor, "sysctl net.mptcp.blackhole_timeout=%s", value);
}

static void tell_warnings(struct doctor *doctor, const struct mptcpctl_status *status)
{
	const struct mptcpctl_warning *warning = status->warnings;

	for (; warning; warning = warning->next) {
		if (strcmp(warning->reason, "blackhole") == 0) {
			tell_blackhole(doctor, warning->text);
			continue;
		}
		if (is_found_here(warning->reason))
			continue;
		doctor_find(doctor, severity_of(warning->reason), warning->reason, "%s",
			    warning->text);
		if (warning->remedy)
			doctor_remedy(doctor, "%s", warning->remedy);
	}
}

/* Else it was started with a file of its own, and reads no other. */
static bool is_layered(const struct doctor *doctor, const char *const *files)
{
	char directory[DOCTOR_DIRECTORY_SIZE], path[DOCTOR_DIRECTORY_SIZE + 32];

	snprintf(path, sizeof(path), "/%s/mptcpd.conf", doctor_directory(doctor, directory));
	return !files || !files[0] || strstr(files[0], path);
}

static int on_status(void *data, const struct mptcpctl_status *status)
{
	struct doctor *doctor = data;
	char unit[UNIT_SIZE];

	doctor->reads_drop_ins = is_layered(doctor, status->config);
	if (!doctor->is_running)
		return 0;
	doctor_find(doctor, SEVERITY_OK, "daemon", "mptcpd %s answers; the path manager is %s",
		    status->version, status->path_manager);
	if (strcmp(status->version, MPTCPD_VERSION) != 0) {
		doctor_find(doctor, SEVERITY_WARNING, "version",
			    "mptcpd %s runs, and " MPTCPD_VERSION " is installed", status->version);
		doctor_remedy(doctor, "systemctl restart %s", unit_of(doctor, unit));
	}
	if (status->events_lost)
		doctor_find(doctor, SEVERITY_NOTE, "events-lost",
			    "events of the kernel were lost %" PRIu64
			    " times since mptcpd began, and what they told was asked for again",
			    status->events_lost);
	tell_asides(doctor, status);
	tell_warnings(doctor, status);
	return 0;
}

static void tell_deaf(struct doctor *doctor, int r)
{
	char unit[UNIT_SIZE];

	doctor->is_running = false;
	doctor_find(doctor, SEVERITY_FAULT, "daemon-hangs", "mptcpd runs, and gives no answer: %s",
		    r == -ETIMEDOUT ? "it hangs" : mptcpctl_error(doctor->ctl->client));
	doctor_remedy(doctor, "systemctl restart %s", unit_of(doctor, unit));
}

void doctor_look_at_daemon(struct doctor *doctor)
{
	struct ctl *ctl = doctor->ctl;
	int r = ctl_try_connect(ctl);

	doctor->is_running = r == 0 || r == -ETIMEDOUT;
	if (r == 0)
		r = mptcpctl_get_status(ctl->client, on_status, doctor);
	doctor->can_ask = r == 0;
	if (r < 0) {
		if (doctor->is_running)
			tell_deaf(doctor, r);
		else if (r == -EACCES)
			doctor_find(doctor, SEVERITY_WARNING, "not-permitted",
				    "mptcpd may run, and does not let this user ask: %s",
				    mptcpctl_error(ctl->client));
		else
			tell_absent(doctor, mptcpctl_error(ctl->client));
		ask_privately(doctor);
		if (doctor->can_ask)
			(void)mptcpctl_get_status(ctl->client, on_status, doctor);
	}
	if (doctor->in_blackhole && !doctor_found(doctor, "blackhole"))
		tell_blackhole(doctor, "SYNs with MPTCP got lost on the way, so the kernel makes "
				       "plain TCP connections for a while");
}
