/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a connection takes, the heap's own overhead and the state file included: counted in bytes,
 * with an engine, a policy and a state file as the daemon has them, and a kernel that keeps nothing.
 */
#include <glib.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include "addr.h"
#include "engine.h"
#include "fake-policy.h"
#include "model.h"
#include "scratch.h"
#include "state.h"

#define N 10000
#define BYTES_MAX 480

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_IS_COUNTED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_IS_COUNTED false
#endif
#endif
#ifndef HEAP_IS_COUNTED
#define HEAP_IS_COUNTED true
#endif

struct scene {
	char *directory;
	struct state *state;
	struct engine *engine;
	uint64_t now_ms;
	uint32_t joined; /* the token of the join that was asked for last */
};

/* ---- a kernel that says yes ---- */

static int subflow_create(void *kernel, uint32_t token, const struct subflow_request *request)
{
	((struct scene *)kernel)->joined = token;
	return 0;
}

static void prepare_create(void *kernel, const struct subflow_request *request,
			   struct prepared *ret_command)
{
}

static int ask(void *kernel, uint32_t token, const struct prepared *command)
{
	((struct scene *)kernel)->joined = token;
	return 1;
}

static size_t refusals(void *kernel, int *ret_numbers, size_t room)
{
	return 0;
}

static int probe(void *kernel, uint32_t token)
{
	return PROBE_USERSPACE;
}

static int route(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
		 const struct mptcpd_addr *remote, uint32_t mark)
{
	return ROUTE_UNICAST;
}

static int marks_matter(void *kernel)
{
	return 0;
}

static int snapshot(void *kernel, enum snapshot_kind kind)
{
	return 0;
}

static int snapshot_brief(void *kernel, enum snapshot_kind kind)
{
	return 0;
}

static const char *error_text(void *kernel)
{
	return "";
}

static const struct kernel_ops ops = {
	.subflow_create = subflow_create,
	.prepare_create = prepare_create,
	.ask = ask,
	.refusals = refusals,
	.probe = probe,
	.route = route,
	.marks_matter = marks_matter,
	.snapshot = snapshot,
	.snapshot_brief = snapshot_brief,
	.error_text = error_text,
};

/* ---- the scene ---- */

static void on_settled(void *data, struct connection *connection)
{
	state_save(((struct scene *)data)->state, connection);
}

static void on_forget(void *data, struct connection *connection)
{
	state_forget(((struct scene *)data)->state, connection);
}

static void feed(struct scene *scene, struct event event)
{
	engine_event(scene->engine, &event, scene->now_ms);
}

static void mark(struct scene *scene, enum event_type type, enum snapshot_kind kind, bool brief)
{
	feed(scene, (struct event){.type = type, .snapshot = kind, .brief = brief});
}

static void settle(struct scene *scene)
{
	while (engine_settle(scene->engine, scene->now_ms) <= scene->now_ms)
		;
}

static void add_link(struct scene *scene, uint32_t ifindex)
{
	struct event event = {.type = EVENT_LINK,
			      .dumped = true,
			      .link = {.ifindex = ifindex,
				       .type = MPTCPD_LINK_ETHERNET,
				       .up = true,
				       .carrier = true}};

	g_snprintf(event.link.name, sizeof(event.link.name), "eth%u", ifindex);
	feed(scene, event);
	event = (struct event){.type = EVENT_LOCAL,
			       .dumped = true,
			       .local = {.addr = {.family = AF_INET,
						  .ip = {10, 0, (uint8_t)ifindex, 1}},
					 .ifindex = ifindex,
					 .prefix = 24}};
	feed(scene, event);
}

static void set_up(struct scene *scene, gconstpointer data)
{
	struct state_identity identity = {0};

	memset(scene, 0, sizeof(*scene));
	scene->now_ms = 1000;
	scene->directory = scratch_new();
	g_assert_cmpint(state_open(scene->directory, &identity, &scene->state), ==, 0);
	fake_policy_reset();
	fake_policies[0].traits = MPTCPD_TRAIT_ADDRESSES; /* as the policy has it that is shipped */
	scene->engine = engine_new(&(struct engine_setup){
		.rules = &fake_rules,
		.ops = &ops,
		.kernel = scene,
		.observer = {.on_settled = on_settled, .on_forget = on_forget, .data = scene},
		.seed = 1,
	});
	feed(scene,
	     (struct event){.type = EVENT_PATH_MANAGER, .path_manager = PATH_MANAGER_USERSPACE});
	mark(scene, EVENT_SNAPSHOT_BEGIN, SNAPSHOT_HOST, false);
	add_link(scene, 1);
	add_link(scene, 2);
	mark(scene, EVENT_SNAPSHOT_END, SNAPSHOT_HOST, false);
	mark(scene, EVENT_SNAPSHOT_BEGIN, SNAPSHOT_CONNECTIONS, false);
	mark(scene, EVENT_SNAPSHOT_END, SNAPSHOT_CONNECTIONS, false);
	settle(scene);
}

static void tear_down(struct scene *scene, gconstpointer data)
{
	engine_free(scene->engine);
	state_close(scene->state);
	scratch_free(scene->directory);
}

/* The address at this end of the connection, or of its second subflow. */
static struct mptcpd_addr local(uint32_t i, uint8_t link)
{
	return (struct mptcpd_addr){.family = AF_INET,
				    .ip = {10, 0, link, 1},
				    .port = (uint16_t)(1024 + i % 60000)};
}

static struct mptcpd_addr remote(uint32_t i)
{
	return (struct mptcpd_addr){.family = AF_INET,
				    .ip = {10, 9, (uint8_t)(i / 60000), 1},
				    .port = 443};
}

/* What the kernel gives is random, and never 0. */
static uint32_t token(uint32_t i)
{
	return i * 0x9e3779b1U | 1U << (i % 2 ? 0 : 31);
}

static void open_one(struct scene *scene, uint32_t i)
{
	struct event event = {.type = EVENT_CONNECTION_CREATED,
			      .token = token(i),
			      .connection = {.local = local(i, 1),
					     .remote = remote(i),
					     .side = MPTCPD_SIDE_CLIENT}};

	feed(scene, event);
	event.type = EVENT_CONNECTION_ESTABLISHED;
	engine_early(scene->engine, &event);
	feed(scene, event);
	settle(scene);
	g_assert_cmpuint(scene->joined, ==, token(i));
	feed(scene, (struct event){.type = EVENT_SUBFLOW_ESTABLISHED,
				   .token = token(i),
				   .subflow = {.local = local(i, 2),
					       .remote = remote(i),
					       .local_id = 1,
					       .ifindex = 2}});
	settle(scene);
}

static void close_one(struct scene *scene, uint32_t i)
{
	feed(scene, (struct event){.type = EVENT_CONNECTION_CLOSED, .token = token(i)});
	settle(scene);
}

/* The kernel shows all of them, with all it has measured. */
static void show_all(struct scene *scene, bool brief)
{
	mark(scene, EVENT_SNAPSHOT_BEGIN, SNAPSHOT_CONNECTIONS, brief);
	for (uint32_t i = 1; i <= N; i++) {
		feed(scene, (struct event){.type = EVENT_SNAPSHOT_CONNECTION,
					   .token = token(i),
					   .connection = {.local = local(i, 1),
							  .remote = remote(i),
							  .owner = {.cgroup = i, .uid = 1000},
							  .bytes_sent = i,
							  .bytes_received = i}});
		for (uint8_t link = 1; link <= 2 && !brief; link++)
			feed(scene,
			     (struct event){.type = EVENT_SNAPSHOT_SUBFLOW,
					    .token = token(i),
					    .subflow = {.local = local(i, link),
							.remote = remote(i),
							.local_id = link - 1,
							.ifindex = link == 2 ? 2 : 0,
							.initial = link == 1,
							.joined_here = true,
							.fully_established = true,
							.measure = {.taken_ms = scene->now_ms}}});
	}
	mark(scene, EVENT_SNAPSHOT_END, SNAPSHOT_CONNECTIONS, brief);
	settle(scene);
}

static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static size_t file(const struct scene *scene)
{
	struct stat st;

	g_assert_cmpint(stat(scratch_path(scene->directory, "state"), &st), ==, 0);
	return (size_t)st.st_blocks * 512;
}

/* ---- the tests ---- */

static void check(const struct scene *scene, size_t heap_before, size_t file_before,
		  const char *when)
{
	const struct model *model = engine_model(scene->engine);
	double of_heap = (double)(heap() - heap_before) / N;
	double of_file = (double)(file(scene) - file_before) / N;

	g_assert_cmpuint(table_count(&model->connections), ==, N);
	g_assert_cmpuint(model->n_subflows, ==, 2 * N);
	g_test_message("%s: %.1f bytes of the heap and %.1f of the file", when, of_heap, of_file);
	g_assert_cmpfloat(of_heap + of_file, <=, BYTES_MAX);
}

static void is_small(struct scene *scene, gconstpointer data)
{
	size_t heap_before, file_before;

	if (!HEAP_IS_COUNTED) {
		g_test_skip("AddressSanitizer has a heap of its own");
		return;
	}
	open_one(scene, N + 1); /* what is made once, however many there are */
	close_one(scene, N + 1);
	heap_before = heap();
	file_before = file(scene);
	for (uint32_t i = 1; i <= N; i++)
		open_one(scene, i);
	check(scene, heap_before, file_before, "new");
	show_all(scene, true);
	show_all(scene, false);
	check(scene, heap_before, file_before, "once shown");
	/* somebody reads what is measured, and goes */
	engine_measure(scene->engine, scene->now_ms);
	show_all(scene, false);
	g_assert_cmpuint(heap() - heap_before, >, BYTES_MAX * N);
	scene->now_ms += 100000;
	show_all(scene, true);
	check(scene, heap_before, file_before, "once read");
}

static void stays_flat(struct scene *scene, gconstpointer data)
{
	enum { ALIVE = 100, TOTAL = 1000000, FIRST = 1000 };
	size_t heap_before = 0, file_before = 0;

	for (uint32_t i = 1; i <= TOTAL; i++) {
		open_one(scene, i);
		if (i > ALIVE)
			close_one(scene, i - ALIVE);
		if (i == FIRST) {
			heap_before = heap();
			file_before = file(scene);
		}
	}
	g_assert_cmpuint(table_count(&engine_model(scene->engine)->connections), ==, ALIVE);
	g_assert_cmpuint(file(scene), ==, file_before);
	g_assert_cmpuint(heap(), <=, heap_before + 4096);
}

#define ADD(name, func) g_test_add("/memory/" name, struct scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("480-bytes-a-connection", is_small);
	ADD("flat-over-a-million", stays_flat);
	return g_test_run();
}
