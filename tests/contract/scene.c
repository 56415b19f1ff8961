/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <string.h>

#include "addr.h"

/* Ports from here on are chosen by the kernel. */
#define EPHEMERAL 32768

struct heard {
	struct event event;
	bool taken;
};

static void on_event(void *data, const struct event *event)
{
	struct scene *scene = data;
	struct heard heard = {.event = *event};

	g_array_append_val(scene->events, heard);
}

void scene_set_up(struct scene *scene, gconstpointer data)
{
	(void)data;
	scene->events = g_array_new(FALSE, FALSE, sizeof(struct heard));
	scene->world = world_new(on_event, scene);
}

void scene_tear_down(struct scene *scene, gconstpointer data)
{
	(void)data;
	world_free(scene->world);
	g_array_unref(scene->events);
}

struct mptcpd_addr addr_of(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

/* ---- events as text ---- */

static void put_addr(GString *text, const struct mptcpd_addr *addr)
{
	char host[ADDR_TEXT_SIZE];
	bool is_v6 = strchr(addr_format_host(addr, host), ':') != NULL;

	if (!addr->port)
		g_string_append(text, host);
	else if (addr->port >= EPHEMERAL)
		g_string_append_printf(text, is_v6 ? "[%s]:*" : "%s:*", host);
	else
		g_string_append_printf(text, is_v6 ? "[%s]:%u" : "%s:%u", host, addr->port);
}

static void put_pair(GString *text, const struct mptcpd_addr *local,
		     const struct mptcpd_addr *remote)
{
	put_addr(text, local);
	g_string_append(text, " > ");
	put_addr(text, remote);
}

static void put_word(GString *text, bool holds, const char *word)
{
	if (holds)
		g_string_append_printf(text, " %s", word);
}

static void put_link(struct scene *scene, GString *text, uint32_t ifindex)
{
	const char *name = "another";

	if (!ifindex)
		return;
	if (ifindex == world_link(scene->world, "va"))
		name = "va";
	else if (ifindex == world_link(scene->world, "vb"))
		name = "vb";
	g_string_append_printf(text, " on %s", name);
}

static void put_connection(struct scene *scene, GString *text, const struct event *event)
{
	static const char *const sides[] = {
		[MPTCPD_SIDE_UNKNOWN] = "",
		[MPTCPD_SIDE_CLIENT] = "client ",
		[MPTCPD_SIDE_SERVER] = "server ",
	};
	const struct event_connection *connection = &event->connection;

	(void)scene;
	g_string_append(text, sides[connection->side]);
	put_pair(text, &connection->local, &connection->remote);
	put_word(text, connection->deny_join_id0, "deny-join-id0");
	put_word(text, connection->mapped, "mapped");
	put_word(text, connection->fallback, "fallback");
	put_word(text, connection->closing, "closing");
}

static void put_subflow(struct scene *scene, GString *text, const struct event *event)
{
	const struct event_subflow *subflow = &event->subflow;

	put_pair(text, &subflow->local, &subflow->remote);
	g_string_append_printf(text, " ids %u/%u", subflow->local_id, subflow->remote_id);
	put_link(scene, text, subflow->ifindex);
	put_word(text, subflow->initial, "initial");
	put_word(text, subflow->joined_here, "ours");
	put_word(text, subflow->backup, "backup");
	put_word(text, subflow->peer_backup, "peer-backup");
	put_word(text, subflow->syn_sent, "syn-sent");
	put_word(text, subflow->mapped, "mapped");
	put_word(text, subflow->fallback, "fallback");
	if (subflow->error)
		g_string_append_printf(text, " error %s", g_strerror(subflow->error));
}

static void put_announced(struct scene *scene, GString *text, const struct event *event)
{
	(void)scene;
	g_string_append_printf(text, "%u ", event->peer_address.id);
	put_addr(text, &event->peer_address.addr);
}

static void put_removed(struct scene *scene, GString *text, const struct event *event)
{
	(void)scene;
	g_string_append_printf(text, "%u", event->peer_address.id);
}

static void put_listener(struct scene *scene, GString *text, const struct event *event)
{
	(void)scene;
	put_addr(text, &event->listener.addr);
}

static void put_link_state(struct scene *scene, GString *text, const struct event *event)
{
	(void)scene;
	g_string_append(text, event->link.name);
	put_word(text, event->link.up, "up");
	put_word(text, event->link.carrier, "carrier");
}

static void put_local(struct scene *scene, GString *text, const struct event *event)
{
	put_addr(text, &event->local.addr);
	put_link(scene, text, event->local.ifindex);
}

static void put_endpoint(struct scene *scene, GString *text, const struct event *event)
{
	const struct event_endpoint *endpoint = &event->endpoint;

	g_string_append_printf(text, "%u ", endpoint->id);
	put_addr(text, &endpoint->addr);
	put_link(scene, text, endpoint->ifindex);
	put_word(text, endpoint->flags & MPTCPD_FLAG_SIGNAL, "signal");
	put_word(text, endpoint->flags & MPTCPD_FLAG_SUBFLOW, "subflow");
	put_word(text, endpoint->flags & MPTCPD_FLAG_BACKUP, "backup");
	put_word(text, endpoint->flags & MPTCPD_FLAG_FULLMESH, "fullmesh");
}

static void put_limits(struct scene *scene, GString *text, const struct event *event)
{
	(void)scene;
	g_string_append_printf(text, "%u %u", event->limits.subflows,
			       event->limits.add_addr_accepted);
}

static void put_path_manager(struct scene *scene, GString *text, const struct event *event)
{
	(void)scene;
	g_string_append(text,
			event->path_manager == PATH_MANAGER_USERSPACE ? "userspace" : "kernel");
}

static void put_lost(struct scene *scene, GString *text, const struct event *event)
{
	static const char *const kinds[] = {
		[SNAPSHOT_CONNECTIONS] = "connections",
		[SNAPSHOT_HOST] = "host",
		[SNAPSHOT_ENDPOINTS] = "endpoints",
	};

	(void)scene;
	g_string_append(text, kinds[event->snapshot]);
}

static void put_rule(struct scene *scene, GString *text, const struct event *event)
{
	char from[ADDR_TEXT_SIZE];

	g_string_append_printf(text, "%u from %s/%u", event->rule.priority,
			       addr_format_host(&event->rule.from, from), event->rule.from_prefix);
	g_string_append_printf(text, " table %u", event->rule.table);
	if (event->rule.no_default)
		g_string_append(text, " no-default");
}

static void put_route(struct scene *scene, GString *text, const struct event *event)
{
	const struct event_route *route = &event->route;
	char gateway[ADDR_TEXT_SIZE];

	g_string_append_printf(text, "ipv%u metric %u", route->family == AF_INET ? 4 : 6,
			       route->metric);
	g_string_append_printf(text, " table %u", route->table);
	if (route->gateway.family)
		g_string_append_printf(text, " via %s", addr_format_host(&route->gateway, gateway));
	if (route->ifindex)
		put_link(scene, text, route->ifindex);
	if (route->unreachable)
		g_string_append(text, " unreachable");
}

/* How each kind is written; one that is not here is no part of a contract. */
static const struct {
	const char *word;
	void (*put)(struct scene *scene, GString *text, const struct event *event);
} forms[] = {
	[EVENT_CONNECTION_CREATED] = {"created ", put_connection},
	[EVENT_CONNECTION_ESTABLISHED] = {"established ", put_connection},
	[EVENT_CONNECTION_CLOSED] = {"closed", NULL},
	[EVENT_SUBFLOW_ESTABLISHED] = {"subflow ", put_subflow},
	[EVENT_SUBFLOW_CLOSED] = {"subflow-closed ", put_subflow},
	[EVENT_SUBFLOW_PRIORITY] = {"priority ", put_subflow},
	[EVENT_ADDRESS_ANNOUNCED] = {"announced ", put_announced},
	[EVENT_ADDRESS_REMOVED] = {"removed ", put_removed},
	[EVENT_LISTENER_CREATED] = {"listener ", put_listener},
	[EVENT_LISTENER_CLOSED] = {"listener-closed ", put_listener},
	[EVENT_LINK] = {"link ", put_link_state},
	[EVENT_LOCAL] = {"local ", put_local},
	[EVENT_LOCAL_GONE] = {"local-gone ", put_local},
	[EVENT_ROUTES] = {"routes", NULL},
	[EVENT_ENDPOINT] = {"endpoint ", put_endpoint},
	[EVENT_LIMITS] = {"limits ", put_limits},
	[EVENT_PATH_MANAGER] = {"path-manager ", put_path_manager},
	[EVENT_ROUTE] = {"route ", put_route},
	[EVENT_RULE] = {"rule ", put_rule},
	[EVENT_SNAPSHOT_CONNECTION] = {"connection ", put_connection},
	[EVENT_SNAPSHOT_SUBFLOW] = {"subflow ", put_subflow},
	[EVENT_LOST] = {"lost ", put_lost},
};

/* To be freed. */
static char *text_of(struct scene *scene, const struct event *event)
{
	GString *text = g_string_new(NULL);

	if (event->type < G_N_ELEMENTS(forms) && forms[event->type].word)
		g_string_append(text, forms[event->type].word);
	if (event->type < G_N_ELEMENTS(forms) && forms[event->type].put)
		forms[event->type].put(scene, text, event);
	return g_string_free(text, FALSE);
}

/* ---- what is expected ---- */

static bool is_of_snapshot(const struct event *event)
{
	return event->dumped || event->type == EVENT_SNAPSHOT_CONNECTION ||
	       event->type == EVENT_SNAPSHOT_SUBFLOW || event->type == EVENT_ROUTE ||
	       event->type == EVENT_RULE || event->type == EVENT_SNAPSHOT_BEGIN ||
	       event->type == EVENT_SNAPSHOT_END || event->type == EVENT_PATH_MANAGER;
}

/* The first one that was not looked at, of a connection or (token 0) of the host. */
static struct heard *next(struct scene *scene, uint32_t token)
{
	for (guint i = 0; i < scene->events->len; i++) {
		struct heard *heard = &g_array_index(scene->events, struct heard, i);

		if (!heard->taken && heard->event.token == token && !is_of_snapshot(&heard->event))
			return heard;
	}
	return NULL;
}

static struct heard *await_next(struct scene *scene, uint32_t token, const char *awaited)
{
	struct heard *heard;

	while (!(heard = next(scene, token)))
		if (!world_turn(scene->world))
			g_error("nothing more comes, but what is awaited is: %s", awaited);
	heard->taken = true;
	return heard;
}

struct event expect(struct scene *scene, uint32_t token, const char *text)
{
	struct event event = await_next(scene, token, text)->event;
	g_autofree char *is = text_of(scene, &event);

	g_assert_cmpstr(is, ==, text);
	return event;
}

void expect_host(struct scene *scene, const char *text)
{
	for (;;) {
		struct event event = await_next(scene, 0, text)->event;
		g_autofree char *is = text_of(scene, &event);

		g_test_message("%s", is);
		if (strcmp(is, text) == 0)
			return;
	}
}

void expect_no_more(struct scene *scene, uint32_t token)
{
	/* What comes after it comes later: the world's own end of a snapshot is one. */
	expect_brief_snapshot(scene, NULL);
	if (next(scene, token)) {
		g_autofree char *is = text_of(scene, &next(scene, token)->event);

		g_error("nothing more was expected, and there is: %s", is);
	}
}

/* ---- snapshots ---- */

static bool is_end(const struct scene *scene, guint i, enum snapshot_kind kind)
{
	const struct event *event = &g_array_index(scene->events, struct heard, i).event;

	g_assert_cmpint(event->type, !=, EVENT_SNAPSHOT_FAILED);
	return event->type == EVENT_SNAPSHOT_END && event->snapshot == kind;
}

static int compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_record(struct scene *scene, guint i, GPtrArray *lines)
{
	const struct event *event = &g_array_index(scene->events, struct heard, i).event;

	/* What ends may still be there, or not. */
	if (event->type == EVENT_SNAPSHOT_SUBFLOW && event->subflow.closing)
		return;
	/* The rules that every kernel has. */
	if (event->type == EVENT_RULE && event->rule.protocol != ROUTING_PROTOCOL)
		return;
	if (is_of_snapshot(event) && event->type != EVENT_SNAPSHOT_BEGIN)
		g_ptr_array_add(lines, text_of(scene, event));
}

/* What was told from its first event to its end, as text; to be freed. */
static char *collect(struct scene *scene, guint first, enum snapshot_kind kind)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

	for (guint i = first;; i++) {
		while (i >= scene->events->len)
			if (!world_turn(scene->world))
				g_error("a snapshot does not end");
		if (is_end(scene, i, kind))
			break;
		add_record(scene, i, lines);
	}
	g_ptr_array_sort(lines, compare);
	g_ptr_array_add(lines, g_strdup(""));
	g_ptr_array_add(lines, NULL);
	return g_strjoinv("\n", (char **)lines->pdata);
}

static void compare_snapshot(struct scene *scene, enum snapshot_kind kind, bool brief,
			     const char *text)
{
	guint first = scene->events->len;
	void *kernel = world_kernel(scene->world);
	int r = brief ? world_ops->snapshot_brief(kernel, kind) : world_ops->snapshot(kernel, kind);
	g_autofree char *is = NULL;

	g_assert_cmpint(r, ==, 0);
	is = collect(scene, first, kind);
	if (text)
		g_assert_cmpstr(is, ==, text);
}

void expect_snapshot(struct scene *scene, enum snapshot_kind kind, const char *text)
{
	compare_snapshot(scene, kind, false, text);
}

void expect_brief_snapshot(struct scene *scene, const char *text)
{
	compare_snapshot(scene, SNAPSHOT_CONNECTIONS, true, text);
}

void expect_own_routing(struct scene *scene, const char *text)
{
	compare_snapshot(scene, SNAPSHOT_ROUTING, true, text);
}

uint32_t connect_client(struct scene *scene)
{
	uint32_t token =
		world_connect(scene->world, MPTCPD_SIDE_CLIENT, "10.1.0.1", "10.1.0.2:4711", false);

	expect(scene, token, "created client 10.1.0.1:* > 10.1.0.2:4711");
	world_establish(scene->world, token);
	expect(scene, token, "established client 10.1.0.1:* > 10.1.0.2:4711");
	return token;
}
