/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's endpoints and limits: what the engine does, and whose things it leaves alone. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "fake-kernel.h"
#include "fake-policy.h"

struct world {
	struct fake_kernel *fake;
	struct engine *engine;
	uint64_t now;
	size_t n_foreign, n_full;
	struct event_endpoint kept[255]; /* what on_host told last */
	struct engine_host host;
};

static void on_notice(void *data, const struct notice *notice)
{
	struct world *world = data;

	world->n_foreign += notice->type == NOTICE_ENDPOINT_FOREIGN;
	world->n_full += notice->type == NOTICE_ENDPOINTS_FULL;
}

static void on_host(void *data, const struct engine_host *host)
{
	struct world *world = data;

	world->host = *host;
	memcpy(world->kept, host->endpoints, host->n_endpoints * sizeof(*host->endpoints));
	world->host.endpoints = world->kept;
}

static void start_engine(struct world *world)
{
	world->engine = engine_new(&(struct engine_setup){
		.rules = &fake_rules,
		.ops = &fake_ops,
		.kernel = world->fake,
		.observer = {.on_notice = on_notice, .on_host = on_host, .data = world},
		.seed = 1,
	});
}

static uint64_t run(struct world *world)
{
	return fake_run(world->fake, world->engine, world->now);
}

static void later(struct world *world, uint64_t ms)
{
	world->now += ms;
	run(world);
}

static void plug(struct world *world, uint32_t i)
{
	g_autofree char *name = g_strdup_printf("eth%u", i);
	g_autofree char *address = g_strdup_printf("10.0.%u.1", i);

	fake_link(world->fake, i, name, true, true);
	fake_address(world->fake, i, address);
}

/* Two links, the kernel's path manager in charge, one endpoint of somebody else. */
static void set_up(struct world *world, gconstpointer data)
{
	fake_policy_reset();
	*world = (struct world){.fake = fake_new(), .now = 1000};
	world->fake->path_manager = PATH_MANAGER_KERNEL;
	world->fake->limits = (struct event_limits){2, 0};
	fake_endpoint(world->fake, 1, "192.0.2.7", MPTCPD_FLAG_SIGNAL, 0);
	plug(world, 1);
	plug(world, 2);
	start_engine(world);
	run(world);
}

static void tear_down(struct world *world, gconstpointer data)
{
	engine_free(world->engine);
	fake_free(world->fake);
}

static void assert_foreign_untouched(const struct world *world)
{
	struct event_endpoint *foreign = fake_find_endpoint(world->fake, "192.0.2.7");

	g_assert_nonnull(foreign);
	g_assert_cmpuint(foreign->id, ==, 1);
	g_assert_cmpuint(foreign->flags, ==, MPTCPD_FLAG_SIGNAL);
}

static void makes_the_planned(struct world *world, gconstpointer data)
{
	struct event_endpoint *endpoint = fake_find_endpoint(world->fake, "10.0.2.1");

	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 3);
	g_assert_cmpuint(endpoint->ifindex, ==, 2);
	g_assert_cmpuint(endpoint->flags, ==, MPTCPD_FLAG_SUBFLOW);
	g_assert_cmpuint(endpoint->id, !=, 1);
	assert_foreign_untouched(world);
	fake_forget_log(world->fake);
	for (int i = 0; i < 5; i++)
		later(world, 31000);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void follows_links_with_the_same_id(struct world *world, gconstpointer data)
{
	uint8_t id = fake_find_endpoint(world->fake, "10.0.2.1")->id;

	for (int i = 0; i < 10; i++) {
		fake_forget_log(world->fake);
		fake_link(world->fake, 2, "eth2", true, false);
		later(world, 50);
		g_assert_null(fake_find_endpoint(world->fake, "10.0.2.1"));
		fake_link(world->fake, 2, "eth2", true, true);
		later(world, 50);
		g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.2.1")->id, ==, id);
		g_assert_cmpuint(world->fake->n_commands, ==, 2);
	}
}

static void follows_routes(struct world *world, gconstpointer data)
{
	fake_route(world->fake, 2, false);
	later(world, 50);
	g_assert_null(fake_find_endpoint(world->fake, "10.0.2.1"));
	fake_route(world->fake, 2, true);
	later(world, 50);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.2.1"));
}

static void follows_a_new_index(struct world *world, gconstpointer data)
{
	fake_link_gone(world->fake, 2);
	fake_link(world->fake, 22, "eth2", true, true);
	fake_address(world->fake, 22, "10.0.2.1");
	later(world, 50);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.2.1")->ifindex, ==, 22);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 3);
}

static void changes_flags_in_place(struct world *world, gconstpointer data)
{
	fake_forget_log(world->fake);
	fake_link(world->fake, 2, "backup2", true, true);
	later(world, 50);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.2.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	g_assert_cmpuint(world->fake->n_commands, ==, 1);
}

static void leaves_foreign_ones(struct world *world, gconstpointer data)
{
	fake_endpoint(world->fake, 9, "10.0.3.1", MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP, 3);
	later(world, 31000);
	plug(world, 3);
	later(world, 50);
	g_assert_cmpuint(world->n_foreign, ==, 1);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.3.1")->id, ==, 9);
	fake_link(world->fake, 3, "eth3", false, false);
	later(world, 50);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.3.1"));
	fake_link(world->fake, 3, "eth3", true, true);
	later(world, 50);
	fake_endpoint_gone(world->fake, 9);
	later(world, 31000);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.3.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
}

/* One that nobody knew of until the kernel said so. */
static void finds_out_about_a_foreign_one(struct world *world, gconstpointer data)
{
	fake_endpoint(world->fake, 9, "10.0.3.1", MPTCPD_FLAG_SUBFLOW, 3);
	plug(world, 3);
	later(world, 50);
	later(world, 300);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.3.1")->id, ==, 9);
	g_assert_cmpuint(world->n_foreign, ==, 1);
}

static void replaces_implicit_ones(struct world *world, gconstpointer data)
{
	fake_endpoint(world->fake, 9, "10.0.3.1", MPTCPD_FLAG_IMPLICIT, 3);
	later(world, 31000);
	plug(world, 3);
	later(world, 50);
	later(world, 300);
	g_assert_cmpuint(fake_find_endpoint(world->fake, "10.0.3.1")->flags, ==,
			 MPTCPD_FLAG_SUBFLOW);
	fake_link(world->fake, 3, "eth3", true, false);
	later(world, 50);
	g_assert_null(fake_find_endpoint(world->fake, "10.0.3.1"));
}

static void does_not_undo_what_others_did(struct world *world, gconstpointer data)
{
	struct event_endpoint *first = fake_find_endpoint(world->fake, "10.0.1.1");

	first->flags |= MPTCPD_FLAG_BACKUP;
	fake_endpoint_gone(world->fake, fake_find_endpoint(world->fake, "10.0.2.1")->id);
	fake_forget_log(world->fake);
	later(world, 31000);
	plug(world, 3);
	later(world, 31000);
	g_assert_null(fake_find_endpoint(world->fake, "10.0.2.1"));
	g_assert_cmpuint(first->flags, ==, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	/* until the address went and came back */
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 50);
	fake_link(world->fake, 2, "eth2", true, true);
	later(world, 50);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.2.1"));
}

static void keeps_the_admins(struct world *world, gconstpointer data)
{
	struct event_endpoint endpoint = {.addr = fake_addr("10.0.2.9"),
					  .flags = MPTCPD_FLAG_SUBFLOW};

	g_assert_cmpint(engine_endpoint_add(world->engine, &endpoint, world->now), ==, 0);
	later(world, 50);
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 31000);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.2.9"));
	g_assert_cmpint(engine_endpoint_delete(world->engine, &endpoint, world->now), ==, 0);
	g_assert_null(fake_find_endpoint(world->fake, "10.0.2.9"));
	g_assert_cmpint(engine_endpoint_delete(world->engine, &endpoint, world->now), ==, -ENOENT);
	endpoint = (struct event_endpoint){.addr = fake_addr("10.0.1.1")};
	g_assert_cmpint(engine_endpoint_delete(world->engine, &endpoint, world->now), ==, 0);
	later(world, 31000);
	g_assert_null(fake_find_endpoint(world->fake, "10.0.1.1"));
}

static void fills_the_table_with_the_first(struct world *world, gconstpointer data)
{
	for (uint32_t i = 3; i <= 9; i++)
		plug(world, i);
	later(world, 50);
	later(world, 300);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 8);
	assert_foreign_untouched(world);
	for (uint32_t i = 1; i <= 7; i++) {
		g_autofree char *address = g_strdup_printf("10.0.%u.1", i);

		g_assert_nonnull(fake_find_endpoint(world->fake, address));
	}
	g_assert_cmpuint(world->n_full, ==, 2);
	/* a place gets free: the next one gets it */
	fake_link(world->fake, 3, "eth3", true, false);
	later(world, 50);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.8.1"));
	fake_forget_log(world->fake);
	later(world, 31000);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void takes_a_busy_id_elsewhere(struct world *world, gconstpointer data)
{
	fake_endpoint(world->fake, 4, "192.0.2.8", MPTCPD_FLAG_SIGNAL, 0);
	plug(world, 3);
	later(world, 50);
	later(world, 300);
	later(world, 2000);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.3.1"));
	g_assert_cmpuint(fake_find_endpoint(world->fake, "192.0.2.8")->id, ==, 4);
}

static void backs_off(struct world *world, gconstpointer data)
{
	world->fake->fail_always[FAKE_ENDPOINT_ADD] = -ENOMEM;
	fake_forget_log(world->fake);
	plug(world, 3);
	for (int i = 0; i < 100; i++)
		later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_ADD], >=, 3);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_ADD], <=, 5);
	world->fake->fail_always[FAKE_ENDPOINT_ADD] = 0;
	later(world, 60000);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.3.1"));
}

/* ---- limits ---- */

static void raises_limits(struct world *world, gconstpointer data)
{
	g_assert_cmpuint(world->fake->limits.subflows, ==, 2);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 2);
	plug(world, 3);
	later(world, 50);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 3);
	g_assert_true(world->host.has_limits);
	g_assert_cmpuint(world->host.limits_before.subflows, ==, 2);
	g_assert_cmpuint(world->host.limits_before.add_addr_accepted, ==, 0);
	for (uint32_t i = 4; i <= 12; i++)
		plug(world, i);
	later(world, 50);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 8);
}

static void puts_back_the_other_limit(struct world *world, gconstpointer data)
{
	world->fake->limits.subflows = 5;
	later(world, 31000);
	engine_leave(world->engine, world->now);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 5);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 0);
}

static void leaves_the_admins_limits(struct world *world, gconstpointer data)
{
	world->fake->limits = (struct event_limits){5, 1};
	later(world, 31000);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 5);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 1);
	plug(world, 3);
	later(world, 50);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 5);
	engine_leave(world->engine, world->now);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 5);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 1);
}

/* ---- coming and going ---- */

static void leaves_the_host_as_it_was(struct world *world, gconstpointer data)
{
	engine_leave(world->engine, world->now);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 1);
	assert_foreign_untouched(world);
	g_assert_cmpuint(world->fake->limits.subflows, ==, 2);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 0);
	g_assert_false(world->host.has_limits);
	g_assert_cmpuint(world->host.n_endpoints, ==, 0);
}

static void leaves_what_connections_use(struct world *world, gconstpointer data)
{
	fake_connect(world->fake, 77, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", "10.9.0.1:80");
	fake_establish(world->fake, 77);
	run(world);
	engine_leave(world->engine, world->now);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.1.1"));
	g_assert_null(fake_find_endpoint(world->fake, "10.0.2.1"));
	g_assert_cmpuint(world->host.n_endpoints, ==, 1);
}

static void knows_its_own_after_a_crash(struct world *world, gconstpointer data)
{
	engine_free(world->engine);
	start_engine(world);
	engine_set_host(world->engine, &world->host);
	fake_forget_log(world->fake);
	later(world, 1000);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	g_assert_cmpuint(world->n_foreign, ==, 0);
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 50);
	g_assert_null(fake_find_endpoint(world->fake, "10.0.2.1"));
	engine_leave(world->engine, world->now);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 1);
	g_assert_cmpuint(world->fake->limits.add_addr_accepted, ==, 0);
}

static void takes_others_for_others_after_a_crash(struct world *world, gconstpointer data)
{
	engine_free(world->engine);
	start_engine(world);
	fake_forget_log(world->fake);
	later(world, 1000);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_ADD], ==, 0);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 0);
	g_assert_cmpuint(world->n_foreign, ==, 2);
}

/* ---- subflows that die ---- */

static struct fake_connection *connect_two(struct world *world, uint32_t token)
{
	struct fake_connection *fake = fake_connect(world->fake, token, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", "10.9.0.1:80");

	fake_establish(world->fake, token);
	fake->subflows[1] = (struct fake_subflow){
		.used = true,
		.syn_sent = true,
		.ours = true,
		.local = fake_addr("10.0.2.1:777"),
		.remote = fake_addr("10.9.0.1:80"),
		.local_id = 5,
	};
	fake_answer(world->fake, 0);
	run(world);
	return fake;
}

static void on_path(void *data, const struct explain_path *path)
{
	size_t *n = data;

	if (path->state == EXPLAIN_WAITING) {
		g_assert_cmpstr(path->wanted_by, ==, "endpoint");
		++*n;
	}
}

static size_t count_waiting(struct world *world, uint32_t token)
{
	char words[ENGINE_WORDS_SIZE];
	size_t n = 0;

	g_assert_cmpint(engine_explain(world->engine, token, world->now, on_path, &n, words), ==,
			0);
	return n;
}

static void renews_when_none_is_healthy(struct world *world, gconstpointer data)
{
	struct fake_connection *one = connect_two(world, 71), *two = connect_two(world, 72);

	fake_forget_log(world->fake);
	fake_reset(world->fake, one, 1, ECONNRESET);
	later(world, 5000);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	g_assert_cmpuint(count_waiting(world, 71), ==, 1);
	fake_reset(world->fake, two, 1, ECONNRESET);
	run(world);
	later(world, 1500);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 1);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_ADD], ==, 1);
	later(world, 100000);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_ADD], ==, 1);
}

static void renews_eagerly_where_told(struct world *world, gconstpointer data)
{
	struct fake_connection *one = connect_two(world, 71);

	connect_two(world, 72);
	fake_rules.rejoin_eager = true;
	fake_forget_log(world->fake);
	fake_reset(world->fake, one, 1, ECONNRESET);
	run(world);
	later(world, 1500);
	fake_rules.rejoin_eager = false;
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_DELETE], ==, 1);
	g_assert_cmpuint(world->fake->counts[FAKE_ENDPOINT_ADD], ==, 1);
}

/* Nobody has read yet that the kernel refused: the connection is its own path manager's. */
static void stays_while_a_refusal_is_unread(struct world *world, gconstpointer data)
{
	fake_connect(world->fake, 81, MPTCPD_SIDE_CLIENT, "10.0.2.1:81", "10.9.0.1:80");
	world->fake->path_manager = PATH_MANAGER_USERSPACE;
	engine_free(world->engine);
	start_engine(world);
	engine_set_host(world->engine, &world->host);
	later(world, 0);
	fake_establish(world->fake, 81);
	later(world, 1000);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], >, 0);
	g_assert_nonnull(fake_find_endpoint(world->fake, "10.0.2.1"));
}

#define ADD(path, function) g_test_add(path, struct world, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/endpoint/makes-the-planned-and-touches-them-no-more", makes_the_planned);
	ADD("/endpoint/follows-links-with-the-same-id", follows_links_with_the_same_id);
	ADD("/endpoint/follows-routes", follows_routes);
	ADD("/endpoint/follows-a-new-index", follows_a_new_index);
	ADD("/endpoint/changes-flags-in-place", changes_flags_in_place);
	ADD("/endpoint/foreign/leaves-them", leaves_foreign_ones);
	ADD("/endpoint/foreign/finds-out-from-the-kernel", finds_out_about_a_foreign_one);
	ADD("/endpoint/foreign/replaces-implicit-ones", replaces_implicit_ones);
	ADD("/endpoint/foreign/does-not-undo-what-others-did", does_not_undo_what_others_did);
	ADD("/endpoint/foreign/keeps-the-admins", keeps_the_admins);
	ADD("/endpoint/foreign/takes-a-busy-id-elsewhere", takes_a_busy_id_elsewhere);
	ADD("/endpoint/full/fills-the-table-with-the-first", fills_the_table_with_the_first);
	ADD("/endpoint/backs-off", backs_off);
	ADD("/endpoint/limits/raises-them", raises_limits);
	ADD("/endpoint/limits/puts-back-the-other-one", puts_back_the_other_limit);
	ADD("/endpoint/limits/leaves-the-admins", leaves_the_admins_limits);
	ADD("/endpoint/leave/puts-all-back", leaves_the_host_as_it_was);
	ADD("/endpoint/leave/keeps-what-connections-use", leaves_what_connections_use);
	ADD("/endpoint/crash/knows-its-own", knows_its_own_after_a_crash);
	ADD("/endpoint/crash/takes-others-for-others", takes_others_for_others_after_a_crash);
	ADD("/endpoint/rejoin/renews-when-none-is-healthy", renews_when_none_is_healthy);
	ADD("/endpoint/rejoin/renews-eagerly-where-told", renews_eagerly_where_told);
	ADD("/endpoint/stays-while-a-refusal-is-unread", stays_while_a_refusal_is_unread);
	return g_test_run();
}
