/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-scene.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"

/* ---- a kernel that says yes ---- */

static int take_error(struct scene *scene)
{
	int r = scene->next_error;

	scene->next_error = 0;
	return r;
}

static int on_create(void *kernel, uint32_t token, const struct subflow_request *request)
{
	struct scene *scene = kernel;

	scene->n_created++;
	return take_error(scene);
}

static int on_destroy(void *kernel, uint32_t token, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote, uint32_t ifindex, bool mapped)
{
	struct scene *scene = kernel;

	scene->n_destroyed++;
	return take_error(scene);
}

static int on_backup(void *kernel, uint32_t token, const struct mptcpd_addr *local,
		     const struct mptcpd_addr *remote, bool backup)
{
	return take_error(kernel);
}

static int on_announce(void *kernel, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
		       uint32_t ifindex)
{
	struct scene *scene = kernel;

	scene->announced = *addr;
	scene->announced_id = id;
	scene->announced_ifindex = ifindex;
	return take_error(scene);
}

static int on_withdraw(void *kernel, uint32_t token, uint8_t id)
{
	struct scene *scene = kernel;

	scene->withdrawn_id = id;
	return take_error(scene);
}

static int on_probe(void *kernel, uint32_t token)
{
	return PROBE_USERSPACE;
}

static int on_own_addresses(void *kernel, uint32_t token, struct event_endpoint *ret_endpoints,
			    size_t room)
{
	return -EOPNOTSUPP; /* as before Linux 6.9 */
}

static int on_route(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
		    const struct mptcpd_addr *remote, uint32_t mark)
{
	return ROUTE_UNICAST;
}

static int on_marks_matter(void *kernel)
{
	return 0;
}

static int note_endpoint(struct scene *scene, const char *command,
			 const struct event_endpoint *endpoint)
{
	g_strlcpy(scene->command, command, sizeof(scene->command));
	scene->endpoint = *endpoint;
	return take_error(scene);
}

static int on_endpoint_add(void *kernel, const struct event_endpoint *endpoint)
{
	return note_endpoint(kernel, "add", endpoint);
}

static int on_endpoint_delete(void *kernel, const struct event_endpoint *endpoint)
{
	return note_endpoint(kernel, "delete", endpoint);
}

static int on_endpoint_flags(void *kernel, const struct event_endpoint *endpoint)
{
	return note_endpoint(kernel, "flags", endpoint);
}

static int on_endpoint_flush(void *kernel)
{
	return note_endpoint(kernel, "flush", &(struct event_endpoint){0});
}

static int on_limits(void *kernel, const struct event_limits *limits)
{
	struct scene *scene = kernel;

	scene->limits = *limits;
	return take_error(scene);
}

static int on_listen(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	return 0;
}

static int on_listens(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex, bool again)
{
	return LISTENS_ELSEWHERE;
}

static int on_unlisten(void *kernel, const struct mptcpd_addr *addr)
{
	return 0;
}

static int on_snapshot(void *kernel, enum snapshot_kind kind)
{
	struct scene *scene = kernel;

	scene->n_snapshots += kind == SNAPSHOT_CONNECTIONS;
	return 0;
}

static int on_egress(void *kernel, const struct mptcpd_addr *local,
		     const struct mptcpd_addr *remote, uint32_t mark)
{
	return 0;
}

static int on_neighbours_seek(void *kernel, uint32_t ifindex)
{
	return 0;
}

static int on_neighbour_known(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
			      const struct mptcpd_addr *remote, bool anew)
{
	return NEIGHBOUR_KNOWN;
}

static int on_snapshot_brief(void *kernel, enum snapshot_kind kind)
{
	return 0;
}

static const char *on_error_text(void *kernel)
{
	return "the kernel's words";
}

static const struct kernel_ops ops = {
	.subflow_create = on_create,
	.subflow_destroy = on_destroy,
	.subflow_backup = on_backup,
	.announce = on_announce,
	.withdraw = on_withdraw,
	.probe = on_probe,
	.own_addresses = on_own_addresses,
	.route = on_route,
	.egress = on_egress,
	.marks_matter = on_marks_matter,
	.neighbours_seek = on_neighbours_seek,
	.neighbour_known = on_neighbour_known,
	.endpoint_add = on_endpoint_add,
	.endpoint_delete = on_endpoint_delete,
	.endpoint_flags = on_endpoint_flags,
	.endpoint_flush = on_endpoint_flush,
	.limits_set = on_limits,
	.listen = on_listen,
	.unlisten = on_unlisten,
	.listens = on_listens,
	.snapshot = on_snapshot,
	.snapshot_brief = on_snapshot_brief,
	.error_text = on_error_text,
};

/* ---- rules ---- */

static const struct mptcpd_plugin plugin = {.abi = MPTCPD_PLUGIN_ABI,
					    .size = sizeof(plugin),
					    .name = "idle",
					    .summary = "wants nothing"};

static struct policy_plugin stack[] = {{.plugin = &plugin}};
static char web_name[] = "web", rest_name[] = "rest";
static const struct mptcpd_ports web_ports[] = {{80, 89}};
static struct policy policies[] = {
	{.name = web_name,
	 .match = {.side = MPTCPD_SIDE_CLIENT,
		   .remote_ports = {web_ports, 1, sizeof(web_ports[0])}},
	 .plugins = stack,
	 .n_plugins = 1},
	{.name = rest_name, .plugins = stack, .n_plugins = 1},
};
static const struct rules rules = {.policies = policies,
				   .n_policies = 2,
				   .endpoint_flags = MPTCPD_FLAG_SUBFLOW};

/* ---- the scene ---- */

static void on_change(void *data, const struct change *change)
{
	struct scene *scene = data;

	if (scene->bus)
		bus_on_change(scene->bus, change);
}

static void on_reload(void *data, bus_done_func on_done, void *done_data)
{
	struct scene *scene = data;

	scene->n_reloads++;
	on_done(done_data, take_error(scene), "mptcpd.conf:3: \377 is no number");
}

/* The answer takes its time. */
static void answer_check(void *data)
{
	struct scene *scene = data;

	scene->on_checked(scene->checked_data, take_error(scene), "mptcpd.conf:7: no such key\n");
	scene->on_checked = NULL;
}

static void on_check_config(void *data, bus_done_func on_done, void *done_data)
{
	struct scene *scene = data;

	g_assert_null(scene->on_checked);
	scene->n_checks++;
	scene->on_checked = on_done;
	scene->checked_data = done_data;
	scene->answer = (struct loop_timer){.on_due = answer_check, .data = scene};
	loop_set_timer(&scene->loop, &scene->answer, loop_now_ms() + 5);
}

static void on_set_aside(void *data, bus_aside_func each, void *each_data)
{
	struct scene *scene = data;

	if (!scene->is_degraded)
		return;
	each(each_data, "idle", 1, 0);
	each(each_data, "other", 0, 5000);
}

static void on_mptcp(void *data, struct bus_mptcp *ret_mptcp)
{
	struct scene *scene = data;
	uint64_t now_ms = loop_now_ms();

	*ret_mptcp = (struct bus_mptcp){.enabled = true};
	if (scene->has_warnings)
		*ret_mptcp = (struct bus_mptcp){true, true, true, now_ms, now_ms + 3600000};
}

static void on_warnings(void *data, bus_warning_func each, void *each_data)
{
	struct scene *scene = data;

	if (!scene->has_warnings)
		return;
	each(each_data, "blackhole", "it is lost", "look for it");
	each(each_data, "other", "nothing helps", "");
}

static void on_config(void *data, bus_config_func each, void *each_data)
{
	each(each_data, "core", "path-manager", "userspace", "/etc/mptcpd/mptcpd.conf", 2);
	each(each_data, "policy:web", "plugin", "idle", "/etc/mptcpd/mptcpd.conf.d/a.conf", 5);
}

static void on_refresh(void *data)
{
	struct scene *scene = data;

	scene->n_refreshes++;
}

static const char *on_error(void *data)
{
	return on_error_text(data);
}

static void on_settle(void *data)
{
	struct scene *scene = data;

	if (scene->on_settle)
		scene->on_settle(scene);
}

static void on_matches(void *data, const struct policy *policy, bus_setting_func each,
		       void *each_data)
{
	if (policy != &policies[0])
		return;
	each(each_data, "side", "client");
	each(each_data, "remote-port", "80-89");
}

static void on_settings(void *data, const struct policy *policy, bus_setting_func each,
			void *each_data)
{
	if (policy == &policies[0])
		each(each_data, "subflows", "4");
}

/* Inodes are 10, 20, … */
static int on_listeners(void *data, bus_listener_func each, void *each_data)
{
	struct scene *scene = data;
	int r = take_error(scene);

	scene->n_looks++;
	for (uint32_t i = 1; r == 0 && i <= scene->n_listeners; i++)
		each(each_data, &(struct bus_listener){.inode = 10 * i, .is_mptcp = i % 2});
	return r;
}

static const char *on_config_file(void *data, size_t i)
{
	return i == 0 ? "/etc/mptcpd/mptcpd.conf" : NULL;
}

/* Policies are looked for once the host is known. */
static void scene_snapshot(struct scene *scene, enum event_type type)
{
	engine_event(scene->engine, &(struct event){.type = type, .snapshot = SNAPSHOT_HOST},
		     scene->now_ms);
}

struct scene *scene_new(bool system_bus)
{
	struct scene *scene = g_new0(struct scene, 1);
	struct bus_setup setup = {
		.version = "1.2.3",
		.system_bus = system_bus,
		.data = scene,
		.reload = on_reload,
		.check_config = on_check_config,
		.set_aside = on_set_aside,
		.mptcp = on_mptcp,
		.warnings = on_warnings,
		.config = on_config,
		.refresh = on_refresh,
		.settle = on_settle,
		.error_text = on_error,
		.settings = on_settings,
		.matches = on_matches,
		.config_file = on_config_file,
		.listeners = on_listeners,
	};

	scene->directory = g_dir_make_tmp("mptcpd-XXXXXX", NULL);
	g_assert_nonnull(scene->directory);
	g_assert_no_errno(chmod(scene->directory, 0755));
	scene->socket = g_strdup_printf("%s/control", scene->directory);
	scene->now_ms = 1000;
	scene->engine = engine_new(
		&(struct engine_setup){.rules = &rules,
				       .ops = &ops,
				       .kernel = scene,
				       .observer = {.on_change = on_change, .data = scene},
				       .seed = 1});
	g_assert_cmpint(loop_init(&scene->loop), ==, 0);
	setup.loop = &scene->loop;
	setup.engine = scene->engine;
	setup.runtime_directory = scene->directory;
	g_assert_cmpint(bus_new(&setup, &scene->bus), ==, 0);
	scene_snapshot(scene, EVENT_SNAPSHOT_BEGIN);
	scene_snapshot(scene, EVENT_SNAPSHOT_END);
	scene_link(scene, 1, "eth1");
	scene_local(scene, 1, "10.0.0.1");
	scene_link(scene, 2, "eth2");
	scene_local(scene, 2, "10.0.1.1");
	while (engine_settle(scene->engine, scene->now_ms) == scene->now_ms)
		;
	return scene;
}

void scene_free(struct scene *scene)
{
	bus_free(scene->bus);
	g_assert_false(g_file_test(scene->socket, G_FILE_TEST_EXISTS));
	engine_free(scene->engine);
	loop_done(&scene->loop);
	g_assert_no_errno(g_rmdir(scene->directory));
	g_free(scene->directory);
	g_free(scene->socket);
	g_free(scene);
}

/* ---- two threads ---- */

struct work {
	void (*action)(struct scene *scene, uint32_t number);
	uint32_t number;
};

static struct {
	struct scene *scene;
	void (*client)(struct scene *scene);
	struct work work;
	int asked, done; /* eventfds */
	bool ended;
} threads;

static gpointer run_client(gpointer data)
{
	uint64_t one = 1;

	threads.client(threads.scene);
	threads.work = (struct work){0};
	g_assert_cmpint(write(threads.asked, &one, sizeof(one)), ==, sizeof(one));
	return NULL;
}

static void on_asked(void *data, int fd, uint32_t events)
{
	uint64_t n;

	g_assert_cmpint(read(threads.asked, &n, sizeof(n)), ==, sizeof(n));
	if (!threads.work.action) {
		threads.ended = true;
		return;
	}
	threads.work.action(threads.scene, threads.work.number);
	n = 1;
	g_assert_cmpint(write(threads.done, &n, sizeof(n)), ==, sizeof(n));
}

void scene_do(struct scene *scene, void (*action)(struct scene *scene, uint32_t number),
	      uint32_t number)
{
	uint64_t n = 1;

	threads.work = (struct work){action, number};
	g_assert_cmpint(write(threads.asked, &n, sizeof(n)), ==, sizeof(n));
	g_assert_cmpint(read(threads.done, &n, sizeof(n)), ==, sizeof(n));
}

void scene_run(struct scene *scene, void (*client)(struct scene *scene))
{
	struct loop_source source = {.on_ready = on_asked};
	GThread *thread;

	threads.scene = scene;
	threads.client = client;
	threads.ended = false;
	threads.asked = eventfd(0, EFD_CLOEXEC);
	threads.done = eventfd(0, EFD_CLOEXEC);
	source.fd = threads.asked;
	g_assert_cmpint(loop_watch(&scene->loop, &source, LOOP_REST, EPOLLIN), ==, 0);
	thread = g_thread_new("client", run_client, NULL);
	while (!threads.ended) {
		g_assert_cmpint(loop_turn(&scene->loop), ==, 0);
		g_atomic_int_inc(&scene->n_turns);
	}
	g_thread_join(thread);
	loop_unwatch(&source);
	close(threads.asked);
	close(threads.done);
}
