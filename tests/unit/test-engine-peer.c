/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine believes of what a peer says of its addresses. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

/* ---- which address it announces ---- */

static bool is_tried(const struct scene *scene, const char *remote)
{
	struct mptcpd_addr addr = fake_addr(remote);

	for (size_t i = 0; i < scene->fake->n_log; i++)
		if (scene->fake->log[i].command == FAKE_CREATE &&
		    addr_equal(&scene->fake->log[i].remote, &addr))
			return true;
	return false;
}

static void refuses(struct scene *scene, const char *const *addresses, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t refused = engine_counters(scene->engine)->announcements_refused;

		g_test_message("%s", addresses[i]);
		fake_announced(scene->fake, SCENE_TOKEN, 9, addresses[i]);
		scene_later(scene, 5000);
		g_assert_false(is_tried(scene, addresses[i]));
		/* it is sent again until the kernel's echo arrives */
		fake_announced(scene->fake, SCENE_TOKEN, 9, addresses[i]);
		scene_later(scene, 5000);
		g_assert_false(is_tried(scene, addresses[i]));
		g_assert_cmpuint(engine_counters(scene->engine)->announcements_refused, ==,
				 refused + 1);
		g_assert_cmpuint(scene->n_disbelieved, ==, refused + 1);
	}
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

static void refuses_ipv4(struct scene *scene, gconstpointer data)
{
	static const char *const addresses[] = {
		"127.0.0.1:22",	      "127.8.8.8:5000",	 "0.0.0.0:5000",       "0.1.2.3:5000",
		"169.254.1.1:5000",   "224.0.0.1:5000",	 "239.255.255.250:80", "240.0.0.1:5000",
		"255.255.255.255:80", "10.0.1.255:5000", "10.0.2.1:22",	       "10.0.1.1:5000",
	};

	scene_meshed(scene);
	refuses(scene, addresses, G_N_ELEMENTS(addresses));
}

static void refuses_ipv6(struct scene *scene, gconstpointer data)
{
	static const char *const addresses[] = {
		"[::]:5000",	"[::1]:22",	  "[::127.0.0.1]:22",	"[::ffff:127.0.0.1]:22",
		"[fe80::1]:80", "[febf::1]:5000", "[ff02::1]:5000",	"[2001:db8:2::1]:22",
		"[ff0e::5]:80", "[::5]:5000",	  "[::ffff:0.0.0.0]:1", "[::ffff:10.0.3.1]:22",
	};

	fake_address(scene->fake, 2, "2001:db8:2::1");
	scene_run(scene);
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "[2001:db8:2::1]:1000",
		     "[2001:db8:9::1]:5000");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	fake_forget_log(scene->fake);
	refuses(scene, addresses, G_N_ELEMENTS(addresses));
}

static void uses_what_may_be_the_peers(struct scene *scene, gconstpointer data)
{
	static const char *const addresses[] = {
		"10.0.1.2:5000",   "192.168.1.1:5000", "100.64.0.1:5000", "1.0.0.1:5000",
		"223.255.255.1:1", "10.9.0.255:5000",  "10.9.0.1:5001",
	};

	scene_meshed(scene);
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		fake_announced(scene->fake, SCENE_TOKEN, 9, addresses[i]);
		scene_run(scene);
		g_assert_true(is_tried(scene, addresses[i]));
	}
	g_assert_cmpuint(engine_counters(scene->engine)->announcements_refused, ==, 0);
}

static void uses_our_own_where_both_ends_are_ours(struct scene *scene, gconstpointer data)
{
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000",
		     "10.0.2.1:5000");
	fake_establish(scene->fake, SCENE_TOKEN);
	fake_announced(scene->fake, SCENE_TOKEN, 9, "10.0.3.1:5000");
	scene_run(scene);
	g_assert_true(is_tried(scene, "10.0.3.1:5000"));
	fake_announced(scene->fake, SCENE_TOKEN, 9, "127.0.0.1:5000");
	scene_run(scene);
	g_assert_false(is_tried(scene, "127.0.0.1:5000"));
}

static void uses_no_address_that_becomes_ours(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_announced(scene->fake, SCENE_TOKEN, 9, "10.7.0.1:5000");
	scene_run(scene);
	fake_answer(scene->fake, ETIMEDOUT);
	scene_run(scene);
	fake_forget_log(scene->fake);
	fake_address(scene->fake, 3, "10.7.0.1");
	scene_later(scene, 100000);
	g_assert_false(is_tried(scene, "10.7.0.1:5000"));
	fake_answer(scene->fake, 0);
	scene_run(scene);
	/* as the source of one to the initial address it does */
	g_assert_cmpuint(fake_count_subflows(fake), ==, 4);
}

/* ---- the initial address, id 0 ---- */

static void withdraws_the_initial_as_often_as_told(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	for (int i = 0; i < 3; i++) {
		fake_removed(scene->fake, SCENE_TOKEN, 0);
		scene_later(scene, 100000);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
		g_assert_true(scene_connection(scene)->remote_removed);
		fake_announced(scene->fake, SCENE_TOKEN, 0, SCENE_SERVER);
		scene_run(scene);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
		fake_answer(scene->fake, 0);
		scene_run(scene);
		fake_forget_log(scene->fake);
	}
	g_assert_cmpuint(scene->n_changes[CHANGE_ADDRESS_REMOVED], ==, 3);
	g_assert_cmpuint(scene->n_changes[CHANGE_ADDRESS_ANNOUNCED], ==, 3);
	g_assert_cmpuint(scene_connection(scene)->more->n_peers, ==, 0);
}

/* Its other id is withdrawn as any other. */
static void knows_the_initial_by_another_id(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_removed(scene->fake, SCENE_TOKEN, 0);
	fake_announced(scene->fake, SCENE_TOKEN, 4, SCENE_SERVER);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	fake_forget_log(scene->fake);
	fake_removed(scene->fake, SCENE_TOKEN, 4);
	/* Our kernel has them under id 0 and leaves them; the peer does not. */
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (fake->subflows[i].used)
			fake_reset(scene->fake, fake, i, 0);
	scene_later(scene, 100000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

/* A kernel says id 0 of whatever joined its initial address. */
static void forgets_the_initial_by_all_its_ids(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_announced(scene->fake, SCENE_TOKEN, 4, SCENE_SERVER);
	scene_run(scene);
	fake_removed(scene->fake, SCENE_TOKEN, 0);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	fake_removed(scene->fake, SCENE_TOKEN, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->n_changes[CHANGE_ADDRESS_REMOVED], ==, 2);
	fake_announced(scene->fake, SCENE_TOKEN, 4, SCENE_SERVER);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
}

static void lets_id_0_be_no_other_address(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_announced(scene->fake, SCENE_TOKEN, 0, "10.9.0.7:5000");
	fake_announced(scene->fake, SCENE_TOKEN, 0, "10.9.0.1:5001");
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpuint(engine_counters(scene->engine)->announcements_refused, ==, 2);
	g_assert_cmpuint(scene->n_disbelieved, ==, 2);
	fake_removed(scene->fake, SCENE_TOKEN, 0);
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

/* ---- a peer that takes what it does not keep ---- */

static void asks_who_turns_it_away_ever_more_rarely(struct scene *scene, gconstpointer data)
{
	static const uint64_t waits_s[] = {2, 60, 120, 240, 480, 960, 1920, 3600, 3600};
	struct fake_connection *fake = scene_meshed(scene);

	for (size_t i = 0; i < G_N_ELEMENTS(waits_s); i++) {
		fake_forget_log(scene->fake);
		fake_reset(scene->fake, fake, 1, 0);
		scene_run(scene);
		scene_later(scene, waits_s[i] * 800 - 1);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
		scene_later(scene, waits_s[i] * 400 + 2);
		g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
		fake_answer(scene->fake, 0);
		scene_run(scene);
	}
	/* what is announced anew is tried anew */
	fake_forget_log(scene->fake);
	fake_reset(scene->fake, fake, 1, 0);
	fake_announced(scene->fake, SCENE_TOKEN, 5, SCENE_SERVER);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	/* by one more id it is what it was */
	fake_answer(scene->fake, 0);
	scene_run(scene);
	fake_reset(scene->fake, fake, 1, 0);
	fake_announced(scene->fake, SCENE_TOKEN, 6, SCENE_SERVER);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
}

/* ---- which id ours has ---- */

/*
 * A DESTROY makes the kernel forget the address, whoever else uses it; the next peer that comes
 * there has it known by another id.
 */
static void joins_by_the_id_that_the_kernel_gave(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct mptcpd_addr local, remote;
	uint8_t first = fake->subflows[1].local_id;

	fake_announced(scene->fake, SCENE_TOKEN, 9, "10.9.0.2:5000");
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 6);
	local = fake->subflows[1].local;
	remote = fake->subflows[1].remote;
	g_assert_cmpint(engine_subflow_delete(scene->engine, SCENE_TOKEN, &local, &remote,
					      scene->now_ms),
			==, 0);
	scene_run(scene);
	fake_join(scene->fake, SCENE_TOKEN, "10.0.2.1:4000", "10.9.0.3:1000");
	scene_run(scene);
	g_assert_cmpuint(fake->subflows[1].local_id, !=, first);
	fake_forget_log(scene->fake);
	fake_announced(scene->fake, SCENE_TOKEN, 10, "10.9.0.4:5000");
	scene_later(scene, 2000);
	fake_answer(scene->fake, 0);
	scene_later(scene, 2000);
	g_assert_cmpuint(scene->n_failures, ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 9);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("peer/announces-what-cannot-be-its-own-ipv4", refuses_ipv4);
	ADD("peer/announces-what-cannot-be-its-own-ipv6", refuses_ipv6);
	ADD("peer/announces-what-may-be-its-own", uses_what_may_be_the_peers);
	ADD("peer/announces-ours-where-both-ends-are-ours", uses_our_own_where_both_ends_are_ours);
	ADD("peer/announces-what-becomes-ours", uses_no_address_that_becomes_ours);
	ADD("peer/withdraws-the-initial-as-often-as-it-likes",
	    withdraws_the_initial_as_often_as_told);
	ADD("peer/gives-the-initial-another-id", knows_the_initial_by_another_id);
	ADD("peer/withdraws-the-initial-by-all-its-ids", forgets_the_initial_by_all_its_ids);
	ADD("peer/gives-id-0-to-another-address", lets_id_0_be_no_other_address);
	ADD("peer/turns-away-what-it-accepted", asks_who_turns_it_away_ever_more_rarely);
	ADD("peer/joins-by-the-id-that-the-kernel-gave", joins_by_the_id_that_the_kernel_gave);
	return g_test_run();
}
