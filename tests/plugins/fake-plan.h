/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a plugin sees of mptcpd, made by hand: a view, a connection and a plan that only records.
 * It knows the rules of plugin.h and nothing of the daemon.
 */
#ifndef TESTS_FAKE_PLAN_H
#define TESTS_FAKE_PLAN_H

#include <mptcpd/plugin.h>

struct fake_plan {
	struct mptcpd_plan base; /* first member */
	const struct mptcpd_connection *connection;
	struct mptcpd_path paths[MPTCPD_PLAN_MAX];
	size_t n_paths;
	struct mptcpd_endpoint endpoints[MPTCPD_PLAN_MAX];
	size_t n_endpoints;
	uint32_t limit_subflows, limit_accepted;
	struct mptcpd_announcement announcements[MPTCPD_PLAN_MAX];
	size_t n_announcements;
	unsigned int n_refused; /* entries a real plan would report */
	uint64_t ask_ms;
};

/* One direction that leads nowhere; an absent address is any. */
struct fake_no_route {
	struct mptcpd_addr local, remote;
};

struct fake_view {
	struct mptcpd_view base; /* first member */
	struct mptcpd_local locals[MPTCPD_PLAN_MAX];
	struct fake_no_route no_routes[8];
	size_t n_no_routes;
};

/* "10.0.0.1", "10.0.0.1:80", "::1", "[::1]:80", or "" for none; anything else aborts. */
struct mptcpd_addr fake_addr(const char *text);

void fake_view_init(struct fake_view *view);
void fake_view_add(struct fake_view *view, const char *addr, uint32_t flags);
void fake_view_cut(struct fake_view *view, const char *local, const char *remote);

void fake_plan_init(struct fake_plan *plan, const struct mptcpd_connection *connection);
/* "LOCAL>REMOTE" a path, with "/backup" where asked for, joined by a blank. For g_free(). */
char *fake_plan_text(const struct fake_plan *plan);
/* "ADDRESS%IFINDEX/FLAG,FLAG" an endpoint, joined by a blank. For g_free(). */
char *fake_plan_endpoints_text(const struct fake_plan *plan);

/* The plugin at this path, which stays open for the process. Aborts if there is none. */
const struct mptcpd_plugin *fake_plugin(const char *path);
/*
 * Start it with the defaults of its settings, but for pairs of name and value; NULL ends them.
 * Numbers and booleans only.
 */
void *fake_start(const struct mptcpd_plugin *plugin, ...) __attribute__((sentinel));

#endif
