/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-plan.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
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

void fake_view_init(struct fake_view *view)
{
	*view = (struct fake_view){
		.base = {.size = sizeof(view->base), .now_ms = 1000, .routable = routable}};
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

static int add_path(struct mptcpd_plan *base, const struct mptcpd_path *path)
{
	struct fake_plan *plan = (struct fake_plan *)base;

	if (!path->remote.port || (path->flags & ~(uint32_t)MPTCPD_FLAG_BACKUP))
		return refuse(plan, -EINVAL);
	if (path->local.family != path->remote.family)
		return refuse(plan, -EAFNOSUPPORT);
	if (plan->connection->deny_join_id0 && same(&path->remote, &plan->connection->remote, true))
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
	return 0;
}

static int drop(struct mptcpd_plan *base, const struct mptcpd_addr *local,
		const struct mptcpd_addr *remote)
{
	return -ENOENT;
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

void fake_plan_init(struct fake_plan *plan, const struct mptcpd_connection *connection)
{
	*plan = (struct fake_plan){
		.base = {sizeof(plan->base), add_path, add_announcement, forbid, drop, ask_again,
			 get_path, remove_path, set_path_flags, add_endpoint, set_limits},
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

const struct mptcpd_plugin *fake_plugin(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct mptcpd_plugin *plugin;

	if (!handle)
		g_error("%s", dlerror());
	plugin = dlsym(handle, MPTCPD_PLUGIN_SYMBOL);
	g_assert_nonnull(plugin);
	return plugin;
}

static uint64_t with_unit(const char *text, const char *const *units, const uint64_t *factors)
{
	char *unit;
	uint64_t number = g_ascii_strtoull(text, &unit, 10);

	for (size_t i = 0; units[i]; i++)
		if (g_str_equal(unit, units[i]))
			return number * factors[i];
	g_error("a number with a unit, not '%s'", text);
}

static uint64_t place_of(const char *text, const char *words)
{
	g_auto(GStrv) list = g_strsplit(words, " ", -1);

	for (size_t i = 0; list[i]; i++)
		if (g_str_equal(list[i], text))
			return i;
	g_error("one of '%s', not '%s'", words, text);
}

static struct mptcpd_value value_of(const struct mptcpd_setting *setting, const char *text)
{
	static const char *const durations[] = {"", "ms", "s", "min", "h", NULL};
	static const uint64_t ms[] = {1000, 1, 1000, 60000, 3600000};
	static const char *const sizes[] = {"", "K", "M", "G", NULL};
	static const uint64_t bytes[] = {1, 1 << 10, 1 << 20, 1 << 30};

	switch (setting->type) {
	case MPTCPD_SETTING_BOOL:
		return (struct mptcpd_value){.number = g_str_equal(text, "yes")};
	case MPTCPD_SETTING_NUMBER:
		return (struct mptcpd_value){.number = g_ascii_strtoull(text, NULL, 10)};
	case MPTCPD_SETTING_DURATION:
		return (struct mptcpd_value){.number = with_unit(text, durations, ms)};
	case MPTCPD_SETTING_SIZE:
		return (struct mptcpd_value){.number = with_unit(text, sizes, bytes)};
	case MPTCPD_SETTING_CHOICE:
		return (struct mptcpd_value){.number = place_of(text, setting->words),
					     .string = text};
	case MPTCPD_SETTING_STRING:
		return (struct mptcpd_value){.string = text};
	case MPTCPD_SETTING_ADDRESS:
	case MPTCPD_SETTING_PREFIX:
	case MPTCPD_SETTING_PORTS:
	case MPTCPD_SETTING_WORDS:
		break;
	}
	g_error("setting '%s' is of a type that this fake cannot read", setting->name);
}

static void fault(const struct mptcpd_start *start, size_t setting, const char *format, ...)
{
	g_error("setting %zu %s", setting, format);
}

void *fake_start(const struct mptcpd_plugin *plugin, ...)
{
	struct mptcpd_value values[MPTCPD_SETTINGS_MAX] = {0};
	struct mptcpd_start start = {
		.size = sizeof(start),
		.values = {values, plugin->n_settings, sizeof(values[0])},
		.fault = fault,
	};
	const char *name;
	void *data = NULL;
	va_list args;

	g_assert_cmpuint(plugin->n_settings, <=, G_N_ELEMENTS(values));
	for (size_t i = 0; i < plugin->n_settings; i++)
		values[i] = value_of(&plugin->settings[i], plugin->settings[i].fallback);
	va_start(args, plugin);
	while ((name = va_arg(args, const char *))) {
		const char *text = va_arg(args, const char *);
		bool found = false;

		for (size_t i = 0; i < plugin->n_settings; i++)
			if (g_str_equal(plugin->settings[i].name, name)) {
				values[i] = value_of(&plugin->settings[i], text);
				found = true;
			}
		g_assert_true(found);
	}
	va_end(args);
	if (plugin->start)
		g_assert_cmpint(plugin->start(&start, &data), ==, 0);
	return data;
}

/* ---- a scene ---- */

static void connect_pair(struct fake_scene *scene, const char *local, const char *remote,
			 const char *other)
{
	scene->connection.local = fake_addr(local);
	scene->connection.local.port = 40000;
	scene->connection.remote = fake_addr(remote);
	fake_view_init(&scene->view);
	fake_view_add(&scene->view, local, MPTCPD_FLAG_SUBFLOW);
	fake_view_add(&scene->view, other, MPTCPD_FLAG_SUBFLOW);
	fake_plan_init(&scene->plan, &scene->connection);
}

void fake_scene_init(struct fake_scene *scene, const struct mptcpd_plugin *plugin)
{
	*scene = (struct fake_scene){
		.connection = {.size = sizeof(scene->connection),
			       .measure_size = sizeof(struct mptcpd_measure),
			       .peer_addresses = {scene->peers, 0, sizeof(scene->peers[0])},
			       .subflows = {scene->subflows, 0, sizeof(scene->subflows[0])},
			       .failures = {scene->failures, 0, sizeof(scene->failures[0])},
			       .token = 1,
			       .side = MPTCPD_SIDE_CLIENT,
			       .state = MPTCPD_CONNECTION_ESTABLISHED},
		.plugin = plugin,
	};
	connect_pair(scene, FAKE_A, FAKE_PEER, FAKE_B);
	if (plugin->memory_size)
		scene->connection.memory = g_malloc0(plugin->memory_size);
	scene->data = fake_start(plugin, NULL);
}

void fake_scene_stop(struct fake_scene *scene)
{
	if (scene->plugin->stop && scene->data)
		scene->plugin->stop(scene->data);
	scene->data = NULL;
}

void fake_scene_done(struct fake_scene *scene)
{
	fake_scene_stop(scene);
	g_free(scene->connection.memory);
}

void fake_scene_use_v6(struct fake_scene *scene)
{
	connect_pair(scene, FAKE_A6, FAKE_PEER6, FAKE_B6);
}

void fake_scene_announce(struct fake_scene *scene, const char *addr)
{
	size_t i = scene->connection.peer_addresses.n++;

	g_assert_cmpuint(i, <, G_N_ELEMENTS(scene->peers));
	scene->peers[i] =
		(struct mptcpd_peer_address){.addr = fake_addr(addr), .id = (uint8_t)(i + 1)};
}

struct mptcpd_subflow *fake_scene_see(struct fake_scene *scene, const char *local,
				      const char *remote)
{
	size_t i = scene->connection.subflows.n++;
	struct mptcpd_subflow *subflow = &scene->subflows[i];

	g_assert_cmpuint(i, <, G_N_ELEMENTS(scene->subflows));
	*subflow = (struct mptcpd_subflow){.local = fake_addr(local),
					   .remote = fake_addr(remote),
					   .state = MPTCPD_SUBFLOW_ESTABLISHED};
	for (i = 0; i < scene->view.base.locals.n; i++)
		if (same(&scene->view.locals[i].addr, &subflow->local, false))
			subflow->ifindex = scene->view.locals[i].ifindex;
	return subflow;
}

void fake_scene_want(struct fake_scene *scene, const char *local, const char *remote)
{
	struct mptcpd_path path = {.local = fake_addr(local), .remote = fake_addr(remote)};

	for (size_t i = 0; i < scene->view.base.locals.n; i++)
		if (same(&scene->view.locals[i].addr, &path.local, false))
			path.ifindex = scene->view.locals[i].ifindex;
	g_assert_cmpint(add_path(&scene->plan.base, &path), ==, 0);
}

char *fake_scene_plan(struct fake_scene *scene)
{
	scene->plugin->plan_paths(scene->data, &scene->view.base, &scene->connection,
				  &scene->plan.base);
	return fake_plan_text(&scene->plan);
}
