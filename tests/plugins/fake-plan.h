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
	struct mptcpd_forbidden forbidden[MPTCPD_PLAN_MAX];
	size_t n_forbidden;
	size_t n_drops;
	unsigned int n_refused; /* entries a real plan would report */
	char words[512]; /* what the plugin said last to explain it */
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
/* On the next link: "link1", of index 1, and so on. */
void fake_view_add(struct fake_view *view, const char *addr, uint32_t flags);
void fake_view_cut(struct fake_view *view, const char *local, const char *remote);

void fake_plan_init(struct fake_plan *plan, const struct mptcpd_connection *connection);
/*
 * "LOCAL>REMOTE" a path, with "/backup" where asked for, and "/forbidden" where the plan forbids it,
 * joined by a blank. For g_free().
 */
char *fake_plan_text(const struct fake_plan *plan);
/* "ADDRESS%IFINDEX/FLAG,FLAG" an endpoint, joined by a blank. For g_free(). */
char *fake_plan_endpoints_text(const struct fake_plan *plan);

/*
 * A client's established connection from 10.0.1.1:40000 to 10.0.9.1:80, of a host with that address
 * and 10.0.2.1, on the links 1 and 2.
 */
struct fake_scene {
	struct fake_view view;
	struct fake_plan plan;
	struct mptcpd_connection connection;
	struct mptcpd_peer_address peers[8];
	struct mptcpd_subflow subflows[8];
	struct mptcpd_failure failures[8];
	const struct mptcpd_plugin *plugin;
	void *data;
};

#define FAKE_A "10.0.1.1"
#define FAKE_B "10.0.2.1"
#define FAKE_PEER "10.0.9.1:80"
#define FAKE_A6 "2001:db8:1::1"
#define FAKE_B6 "2001:db8:2::1"
#define FAKE_PEER6 "[2001:db8:9::1]:80"

/* The plugin is started with its defaults, unless it was started before. */
void fake_scene_init(struct fake_scene *scene, const struct mptcpd_plugin *plugin);
void fake_scene_done(struct fake_scene *scene);
/* The same between the addresses of IPv6. */
void fake_scene_use_v6(struct fake_scene *scene);
/* Start it anew, with pairs of name and value as of fake_start(). */
#define fake_scene_start(scene, ...)                                                               \
	do {                                                                                       \
		fake_scene_stop(scene);                                                            \
		(scene)->data = fake_start((scene)->plugin, __VA_ARGS__, NULL);                    \
	} while (0)
void fake_scene_stop(struct fake_scene *scene);
void fake_scene_announce(struct fake_scene *scene, const char *addr);
/* Established since ever, on the link of its address. */
struct mptcpd_subflow *fake_scene_see(struct fake_scene *scene, const char *local,
				      const char *remote);
/* So many attempts in a row failed there, by the link of its address. */
void fake_scene_fail(struct fake_scene *scene, const char *local, const char *remote,
		     uint32_t attempts);
/* As if a plugin before it had planned this. */
void fake_scene_want(struct fake_scene *scene, const char *local, const char *remote);
/* Ask the plugin, with what others planned before; the plan's paths as text, for g_free(). */
char *fake_scene_plan(struct fake_scene *scene);
/* Ask it, with nothing planned before. */
#define assert_plan(scene, expected)                                                               \
	do {                                                                                       \
		g_autofree char *text_ = NULL;                                                     \
                                                                                                   \
		fake_plan_init(&(scene)->plan, &(scene)->connection);                              \
		text_ = fake_scene_plan(scene);                                                    \
		g_assert_cmpstr(text_, ==, expected);                                              \
		g_assert_cmpuint((scene)->plan.n_refused, ==, 0);                                  \
	} while (0)

/* A client whose two links have a measured subflow each, that of FAKE_A the initial one. */
struct fake_race {
	struct fake_scene scene;
	struct mptcpd_measure measures[2];
};

void fake_race_init(struct fake_race *race, const struct mptcpd_plugin *plugin);

/* The plugin at this path, which stays open for the process. Aborts if there is none. */
const struct mptcpd_plugin *fake_plugin(const char *path);
/*
 * Start it with the defaults of its settings, but for pairs of name and value; NULL ends them.
 * No addresses, ports and words.
 */
void *fake_start(const struct mptcpd_plugin *plugin, ...) __attribute__((sentinel));
/* The same for one that does not start: what it found fault with last, until the next start. */
const char *fake_fault(const struct mptcpd_plugin *plugin, ...) __attribute__((sentinel));

#endif
