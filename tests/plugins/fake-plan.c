/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <mptcpd/addr.h>
#include <stdarg.h>
#include <stdlib.h>

static bool same(const struct mptcpd_addr *a, const struct mptcpd_addr *b, bool with_port)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 &&
	       (!with_port || a->port == b->port);
}

struct mptcpd_addr fake_addr(const char *text)
{
	struct mptcpd_addr addr = {0};
	g_autofree char *host = g_strdup(text);
	char *port = NULL;

	if (!*text)
		return addr;
	if (host[0] == '[') {
		port = strstr(host, "]:");
		g_assert_nonnull(port);
		*port++ = '\0';
		memmove(host, host + 1, strlen(host));
	} else if (strchr(host, '.')) {
		port = strchr(host, ':');
	}
	if (port) {
		*port = '\0';
		addr.port = (uint16_t)g_ascii_strtoull(port + 1, NULL, 10);
	}
	addr.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	g_assert_cmpint(inet_pton(addr.family, host, addr.ip), ==, 1);
	return addr;
}

static bool routable(const struct mptcpd_view *base, const struct mptcpd_local *local,
		     const struct mptcpd_addr *remote)
{
	const struct fake_view *view = (const struct fake_view *)base;

	for (size_t i = 0; i < view->n_no_routes; i++) {
		const struct fake_no_route *cut = &view->no_routes[i];

		if ((!cut->local.family || same(&cut->local, &local->addr, false)) &&
		    (!cut->remote.family || same(&cut->remote, remote, false)))
			return false;
	}
	return true;
}

static const char *link_name(const struct mptcpd_view *base, uint32_t ifindex)
{
	const struct fake_view *view = (const struct fake_view *)base;

	for (size_t i = 0; i < G_N_ELEMENTS(view->locals); i++)
		if (ifindex && view->locals[i].ifindex == ifindex)
			return view->locals[i].interface;
	return "";
}

void fake_view_init(struct fake_view *view)
{
	*view = (struct fake_view){.base = {.size = sizeof(view->base),
					    .now_ms = 1000,
					    .routable = routable,
					    .link_name = link_name}};
	view->base.locals = (struct mptcpd_list){view->locals, 0, sizeof(view->locals[0])};
}

void fake_view_add(struct fake_view *view, const char *addr, uint32_t flags)
{
	size_t i = view->base.locals.n++;

	g_assert_cmpuint(i, <, G_N_ELEMENTS(view->locals));
	view->locals[i] = (struct mptcpd_local){.addr = fake_addr(addr),
						.ifindex = (uint32_t)i + 1,
						.flags = flags,
						.prefix = 24};
	g_snprintf(view->locals[i].interface, MPTCPD_IFNAME_SIZE, "link%zu", i + 1);
}

void fake_view_cut(struct fake_view *view, const char *local, const char *remote)
{
	g_assert_cmpuint(view->n_no_routes, <, G_N_ELEMENTS(view->no_routes));
	view->no_routes[view->n_no_routes++] =
		(struct fake_no_route){fake_addr(local), fake_addr(remote)};
}

static int refuse(struct fake_plan *plan, int error)
{
	plan->n_refused++;
	return error;
}

static bool is_there(const struct fake_plan *plan, const struct mptcpd_path *path)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(plan->connection, i)); i++)
		if (same(&subflow->local, &path->local, true) &&
		    same(&subflow->remote, &path->remote, true))
			return true;
	return false;
}

static int add_path(struct mptcpd_plan *base, const struct mptcpd_path *path)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	if (!path->remote.port || (path->flags & ~(uint32_t)MPTCPD_FLAG_BACKUP))
		return refuse(plan, -EINVAL);
	if (path->local.family != path->remote.family)
		return refuse(plan, -EAFNOSUPPORT);
	if (plan->connection->deny_join_id0 &&
	    same(&path->remote, &plan->connection->remote, true) && !is_there(plan, path))
		return refuse(plan, -EPERM);
	for (size_t i = 0; i < plan->n_paths; i++)
		if (same(&plan->paths[i].local, &path->local, true) &&
		    same(&plan->paths[i].remote, &path->remote, true) &&
		    plan->paths[i].instance == path->instance &&
		    plan->paths[i].ifindex == path->ifindex)
			return -EEXIST;
	if (plan->n_paths == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC);
	plan->paths[plan->n_paths++] = *path;
	return 0;
}

static int add_announcement(struct mptcpd_plan *base, const struct mptcpd_announcement *ann)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	if (plan->n_announcements == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC);
	plan->announcements[plan->n_announcements++] = *ann;
	return 0;
}

static int forbid(struct mptcpd_plan *base, const struct mptcpd_forbidden *forbidden)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	if (plan->n_forbidden == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC);
	plan->forbidden[plan->n_forbidden++] = *forbidden;
	return 0;
}

static int drop(struct mptcpd_plan *base, const struct mptcpd_addr *local,
		const struct mptcpd_addr *remote)
{
	struct fake_plan *plan = (struct fake_plan *)base;
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(plan->connection, i)); i++)
		if (same(&subflow->local, local, true) && same(&subflow->remote, remote, true)) {
			plan->n_drops++;
			return 0;
		}
	return refuse(plan, -ENOENT);
}

static void ask_again(struct mptcpd_plan *base, uint64_t at_ms)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	plan->ask_ms = MIN(plan->ask_ms, at_ms);
}

static const struct mptcpd_path *get_path(struct mptcpd_plan *base, size_t i)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	return i < plan->n_paths ? &plan->paths[i] : NULL;
}

static int remove_path(struct mptcpd_plan *base, size_t i)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	if (i >= plan->n_paths)
		return -ENOENT;
	plan->n_paths--;
	memmove(&plan->paths[i], &plan->paths[i + 1], (plan->n_paths - i) * sizeof(plan->paths[0]));
	return 0;
}

static const struct mptcpd_announcement *get_announcement(struct mptcpd_plan *base, size_t i)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	return i < plan->n_announcements ? &plan->announcements[i] : NULL;
}

static int remove_announcement(struct mptcpd_plan *base, size_t i)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	if (i >= plan->n_announcements)
		return -ENOENT;
	plan->n_announcements--;
	memmove(&plan->announcements[i], &plan->announcements[i + 1],
		(plan->n_announcements - i) * sizeof(plan->announcements[0]));
	return 0;
}

static int set_path_flags(struct mptcpd_plan *base, size_t i, uint32_t flags)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	if (i >= plan->n_paths)
		return -ENOENT;
	plan->paths[i].flags = flags;
	return 0;
}

static int add_endpoint(struct mptcpd_plan *base, const struct mptcpd_endpoint *endpoint)
{
	struct fake_plan *plan = (struct fake_plan *)base;
	bool signal = endpoint->flags & MPTCPD_FLAG_SIGNAL;

	if (signal ? (endpoint->flags & MPTCPD_FLAG_FULLMESH) ||
			     (endpoint->addr.port && endpoint->flags != MPTCPD_FLAG_SIGNAL)
		   : endpoint->addr.port != 0)
		return refuse(plan, -EINVAL);
	for (size_t i = 0; i < plan->n_endpoints; i++)
		if (same(&plan->endpoints[i].addr, &endpoint->addr, true))
			return -EEXIST;
	if (plan->n_endpoints == MPTCPD_PLAN_MAX)
		return refuse(plan, -ENOSPC);
	plan->endpoints[plan->n_endpoints++] = *endpoint;
	return 0;
}

static int set_limits(struct mptcpd_plan *base, uint32_t subflows, uint32_t add_addr_accepted)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	plan->limit_subflows = subflows;
	plan->limit_accepted = add_addr_accepted;
	return 0;
}

__attribute__((format(printf, 2, 3))) static void explain(struct mptcpd_plan *base,
							  const char *format, ...)
{
	struct fake_plan *plan = (struct fake_plan *)base;
	va_list args;

	va_start(args, format);
	g_vsnprintf(plan->words, sizeof(plan->words), format, args);
	va_end(args);
}

void fake_plan_init(struct fake_plan *plan, const struct mptcpd_connection *connection)
{
	*plan = (struct fake_plan){
		.base = {sizeof(plan->base), add_path, add_announcement, forbid, drop, ask_again,
			 get_path, remove_path, set_path_flags, add_endpoint, set_limits,
			 get_announcement, remove_announcement, explain},
		.connection = connection,
		.limit_subflows = UINT32_MAX,
		.limit_accepted = UINT32_MAX,
		.ask_ms = UINT64_MAX,
	};
}

static void append_addr(GString *text, const struct mptcpd_addr *addr)
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(addr->family, addr->ip, host, sizeof(host));
	if (!addr->port)
		g_string_append(text, host);
	else
		g_string_append_printf(text, addr->family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
				       addr->port);
}

static bool is_forbidden(const struct fake_plan *plan, const struct mptcpd_path *path)
{
	for (size_t i = 0; i < plan->n_forbidden; i++) {
		const struct mptcpd_forbidden *f = &plan->forbidden[i];

		if ((!f->ifindex || f->ifindex == path->ifindex) &&
		    (!f->local.family ||
		     mptcpd_addr_in_prefix(&path->local, &f->local, f->local_prefix)) &&
		    (!f->remote.family ||
		     mptcpd_addr_in_prefix(&path->remote, &f->remote, f->remote_prefix)) &&
		    (!f->remote.port || f->remote.port == path->remote.port))
			return true;
	}
	return false;
}

char *fake_plan_text(const struct fake_plan *plan)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < plan->n_paths; i++) {
		if (i > 0)
			g_string_append_c(text, ' ');
		append_addr(text, &plan->paths[i].local);
		g_string_append_c(text, '>');
		append_addr(text, &plan->paths[i].remote);
		if (plan->paths[i].flags & MPTCPD_FLAG_BACKUP)
			g_string_append(text, "/backup");
		if (is_forbidden(plan, &plan->paths[i]))
			g_string_append(text, "/forbidden");
	}
	return g_string_free(text, FALSE);
}

char *fake_plan_endpoints_text(const struct fake_plan *plan)
{
	static const char *const names[] = {"signal",	"subflow",  "backup",
					    "fullmesh", "implicit", "laminar"};
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < plan->n_endpoints; i++) {
		const struct mptcpd_endpoint *endpoint = &plan->endpoints[i];
		char separator = '/';

		if (i > 0)
			g_string_append_c(text, ' ');
		append_addr(text, &endpoint->addr);
		g_string_append_printf(text, "%%%u", endpoint->ifindex);
		for (size_t bit = 0; bit < G_N_ELEMENTS(names); bit++)
			if (endpoint->flags & (1U << bit)) {
				g_string_append_printf(text, "%c%s", separator, names[bit]);
				separator = ',';
			}
	}
	return g_string_free(text, FALSE);
}
