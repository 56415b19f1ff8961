/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the connections that there are suffer from: the reasons of explain, counted. */
#include "doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor-proc.h"

/* Of so many connections the paths are asked for: the others are no different. */
#define CONNECTIONS_MAX 500
#define REASONS_MAX 32

struct ailing {
	char reason[32], text[256]; /* the latter of the first one */
	size_t n;
};

struct paths {
	struct doctor *doctor;
	size_t n_connections, n_multi, n_fallen;
	struct ailing list[REASONS_MAX];
	size_t n;
};

/*
 * What keeps a path away that somebody wants. All else waits for something, was decided so, or is said
 * of the link already.
 */
static bool is_ailing(const char *reason)
{
	static const char *const reasons[] = {"deny-join-id0",	 "not-joined", "no-listener",
					      "port-translated", "unanswered", "endpoint-refused",
					      "refused",	 "own-limit",  "same-address"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

/* What stays on this host has one way, and may be what this program tried itself. */
static bool is_inside(const struct mptcpctl_addr *addr)
{
	return addr->address &&
	       (strncmp(addr->address, "127.", 4) == 0 || strcmp(addr->address, "::1") == 0);
}

static void count(struct paths *paths, const struct mptcpctl_path *path)
{
	struct ailing *ailing = paths->list;

	if (!path->reason || !is_ailing(path->reason))
		return;
	while (ailing < paths->list + paths->n && strcmp(ailing->reason, path->reason) != 0)
		ailing++;
	if (ailing == paths->list + REASONS_MAX)
		return;
	if (ailing == paths->list + paths->n) {
		paths->n++;
		snprintf(ailing->reason, sizeof(ailing->reason), "%s", path->reason);
		snprintf(ailing->text, sizeof(ailing->text), "%s", path->text ? path->text : "");
	}
	ailing->n++;
}

static bool is_fallen(const struct mptcpctl_path *path)
{
	return path->reason &&
	       (strcmp(path->reason, "no-mptcp") == 0 || strcmp(path->reason, "fallback") == 0 ||
		strcmp(path->reason, "blackhole") == 0);
}

static int on_explanation(void *data, const struct mptcpctl_explanation *explanation)
{
	struct paths *paths = data;
	size_t n_there = 0;
	bool fell = false;

	if (explanation->paths && is_inside(&explanation->paths->remote))
		return 0;
	for (const struct mptcpctl_path *path = explanation->paths; path; path = path->next) {
		n_there += strcmp(path->state, "established") == 0;
		fell |= is_fallen(path);
		count(paths, path);
	}
	paths->n_multi += !fell && n_there > 1;
	paths->n_fallen += fell;
	return ++paths->n_connections == CONNECTIONS_MAX;
}

static int on_connection(void *data, const struct mptcpctl_connection *connection)
{
	struct paths *paths = data;
	size_t n_there = 0;

	if (is_inside(&connection->remote) || strcmp(connection->state, "closing") == 0)
		return 0;
	for (const struct mptcpctl_subflow *subflow = connection->subflows; subflow;
	     subflow = subflow->next)
		n_there += strcmp(subflow->state, "established") == 0;
	paths->n_multi += !connection->fallback && n_there > 1;
	paths->n_fallen += connection->fallback;
	return ++paths->n_connections == CONNECTIONS_MAX;
}

static void tell(struct doctor *doctor, const struct ailing *ailing)
{
	if (doctor_found(doctor, ailing->reason))
		return;
	doctor_find(doctor, SEVERITY_WARNING, ailing->reason,
		    "%zu path%s that could be %s not, for instance because: %s", ailing->n,
		    ailing->n == 1 ? "" : "s", ailing->n == 1 ? "is" : "are", ailing->text);
	doctor_remedy(doctor, "mptcpctl explain");
}

static void tell_connections(const struct paths *paths)
{
	struct doctor *doctor = paths->doctor;

	if (paths->n_connections == 0) {
		doctor_find(doctor, SEVERITY_NOTE, "no-connection",
			    "no program here speaks MPTCP now: each has to ask for it, and so has "
			    "the server that it connects to");
		doctor_remedy(doctor, "mptcpize run PROGRAM");
		return;
	}
	doctor_find(doctor, SEVERITY_OK, "connection",
		    "of %s%zu connection%s %zu %s more than one path, and %zu fell back to TCP: "
		    "mptcpctl connection shows them",
		    paths->n_connections == CONNECTIONS_MAX ? "the first " : "",
		    paths->n_connections, paths->n_connections == 1 ? "" : "s", paths->n_multi,
		    paths->n_multi == 1 ? "has" : "have", paths->n_fallen);
}

/* What damages options or data on the way leaves its mark in the counters. */
static void tell_damage(struct doctor *doctor)
{
	static const char *const names[] = {"MPFailRx", "MPFailTx", "DSSCorruptionFallback",
					    "DSSCorruptionReset", "DataCsumErr"};
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		n += doctor_counter(names[i]);
	if (n == 0)
		return;
	doctor_find(doctor, SEVERITY_WARNING, "damaged",
		    "something on the way changes data of MPTCP connections: the kernel noticed it "
		    "%" PRIu64 " times",
		    n);
	doctor_remedy(doctor, "nstat -az 'MPTcpExt*'");
}

void doctor_look_at_paths(struct doctor *doctor)
{
	struct paths paths = {.doctor = doctor};
	int r;

	if (!doctor->can_ask || !doctor->has_mptcp)
		return;
	r = doctor->is_running
		    ? mptcpctl_list_explanations(doctor->ctl->client, on_explanation, &paths)
		    : mptcpctl_list_connections(doctor->ctl->client, on_connection, &paths);
	if (r < 0)
		return;
	for (size_t i = 0; i < paths.n; i++)
		tell(doctor, &paths.list[i]);
	tell_damage(doctor);
	tell_connections(&paths);
}
