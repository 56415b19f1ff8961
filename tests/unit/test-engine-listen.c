/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listeners of ours for announced addresses: where no application listens, and no longer. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "engine-scene.h"

#define FIRST "10.0.1.1:5000"
#define SECOND "10.0.2.1:5000"
#define EVERYWHERE "0.0.0.0:5000"
#define EVERYWHERE_6 "[::]:5000"

static void listen_at(struct scene *scene, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);

	g_assert_cmpint(fake_listen(scene->fake, &addr), ==, 0);
	scene_run(scene);
}

static void end_at(struct scene *scene, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);

	fake_listen_no_more(scene->fake, &addr);
	scene_run(scene);
}

/* What explain says of the announcement that the connection has, if it has one. */
struct told {
	size_t n;
	struct explain_announcement last;
};

static void on_announcement(void *data, const struct explain_announcement *announcement)
{
	struct told *told = data;

	told->n++;
	told->last = *announcement;
}

static struct told explain(struct scene *scene)
{
	struct told told = {0};

	g_assert_cmpint(engine_explain_announcements(scene->engine, SCENE_TOKEN, scene->now_ms,
						     on_announcement, &told),
			==, 0);
	return told;
}

/* Is a socket of ours there? */
static bool is_held(struct scene *scene, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	bool found = false;

	for (size_t i = 0; i < FAKE_LISTENERS; i++)
		found |= scene->fake->listeners[i].users &&
			 addr_equal(&scene->fake->listeners[i].addr, &addr);
	return found;
}

static void serve(struct scene *scene, uint32_t token, const char *remote)
{
	fake_connect(scene->fake, token, MPTCPD_SIDE_SERVER, FIRST, remote);
	fake_establish(scene->fake, token);
	scene_run(scene);
	scene_later(scene, 20);
}

/* A server's connection at FIRST, which announces SECOND. */
static void announcing(struct scene *scene, enum mptcpd_listen when)
{
	fake_policy.plans_nothing = true;
	fake_policy.announced = fake_addr("10.0.2.1");
	fake_policy.listen = fake_addr("10.0.2.1");
	fake_policy.listen_when = when;
	serve(scene, SCENE_TOKEN, "10.9.0.1:999");
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
}

static void beside_an_application(struct scene *scene, gconstpointer data)
{
	listen_at(scene, FIRST);
	announcing(scene, MPTCPD_LISTEN_BESIDE);
	g_assert_true(is_held(scene, SECOND));
	/* Whoever starts where that one was finds nothing in its way. */
	end_at(scene, FIRST);
	g_assert_false(is_held(scene, SECOND));
	listen_at(scene, EVERYWHERE);
	g_assert_false(is_held(scene, SECOND));
	end_at(scene, EVERYWHERE);
	listen_at(scene, EVERYWHERE_6);
	g_assert_false(is_held(scene, SECOND));
	end_at(scene, EVERYWHERE_6);
	listen_at(scene, SECOND);
	g_assert_false(is_held(scene, SECOND));
	end_at(scene, SECOND);
	/* of another port, or family, it is another application */
	listen_at(scene, "10.0.1.1:5001");
	g_assert_false(is_held(scene, SECOND));
	listen_at(scene, "10.0.3.1:5000");
	g_assert_true(is_held(scene, SECOND));
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
}

static void always_but_where_an_application_is(struct scene *scene, gconstpointer data)
{
	announcing(scene, MPTCPD_LISTEN_ALWAYS);
	g_assert_true(is_held(scene, SECOND));
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);
	g_assert_false(is_held(scene, SECOND));
	listen_at(scene, EVERYWHERE);
	serve(scene, 2, "10.9.0.1:1000");
	g_assert_false(is_held(scene, SECOND));
	end_at(scene, EVERYWHERE);
	g_assert_true(is_held(scene, SECOND));
}

static void of_many_connections(struct scene *scene, gconstpointer data)
{
	listen_at(scene, FIRST);
	announcing(scene, MPTCPD_LISTEN_BESIDE);
	serve(scene, 2, "10.9.0.1:1000");
	serve(scene, 3, "10.9.0.1:1001");
	for (uint32_t token = 2; token <= 3; token++) {
		fake_close(scene->fake, token, false);
		scene_run(scene);
		g_assert_true(is_held(scene, SECOND));
	}
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);
	g_assert_false(is_held(scene, SECOND));
}

/* What was lost is found by the snapshot after it. */
static void events_are_lost(struct scene *scene, gconstpointer data)
{
	struct mptcpd_addr first = fake_addr(FIRST), other = fake_addr("10.0.1.1:80");

	listen_at(scene, "10.0.1.1:80");
	listen_at(scene, FIRST);
	announcing(scene, MPTCPD_LISTEN_BESIDE);
	scene->fake->limit_events = 1;
	fake_listen_no_more(scene->fake, &first);
	fake_listen_no_more(scene->fake, &other);
	scene_later(scene, 1000);
	g_assert_false(is_held(scene, SECOND));
}

static int refuse_to_listen(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	return -EADDRNOTAVAIL;
}

/* What could not be had at first is asked for again when the host has changed. */
static void address_is_not_there_yet(struct scene *scene, gconstpointer data)
{
	scene->ops.listen = refuse_to_listen;
	listen_at(scene, FIRST);
	announcing(scene, MPTCPD_LISTEN_BESIDE);
	g_assert_false(is_held(scene, SECOND));
	scene->ops.listen = fake_listen_on;
	fake_address(scene->fake, 3, "10.0.3.7");
	scene_later(scene, 100);
	g_assert_true(is_held(scene, SECOND));
}

static void operator_decides(struct scene *scene, gconstpointer data)
{
	static char match[] = "eth2";
	struct interface_rule rule = {.match = match,
				      .flags = MPTCPD_FLAG_SIGNAL,
				      .has_flags = true,
				      .listen = LISTEN_NO};
	struct rules rules = fake_rules;

	rules.interfaces = &rule;
	rules.n_interfaces = 1;
	announcing(scene, MPTCPD_LISTEN_BESIDE);
	g_assert_false(is_held(scene, SECOND));
	rule.listen = LISTEN_YES;
	engine_set_rules(scene->engine, &rules, scene->now_ms);
	scene_run(scene);
	g_assert_true(is_held(scene, SECOND));
	rule.listen = LISTEN_NO;
	fake_policy.listen_when = MPTCPD_LISTEN_ALWAYS;
	engine_set_rules(scene->engine, &rules, scene->now_ms);
	scene_run(scene);
	g_assert_false(is_held(scene, SECOND));
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
}

/* ---- and what explain says ---- */

static void said(struct scene *scene, const char *reason, const char *text, const char *remedy)
{
	struct told told = explain(scene);

	g_assert_cmpuint(told.n, ==, 1);
	g_assert_cmpstr(reason_name(told.last.reason), ==, reason);
	g_assert_cmpstr(told.last.text, ==, text);
	g_assert_cmpstr(told.last.remedy, ==, remedy);
}

#define ACCEPTS_NONE "at the peer: ip mptcp limits set add_addr_accepted 4"

static void what_came_of_it(struct scene *scene, gconstpointer data)
{
	listen_at(scene, EVERYWHERE);
	announcing(scene, MPTCPD_LISTEN_BESIDE);
	said(scene, NULL, "told 0 s ago, no join so far", "");
	scene_later(scene, 10001);
	said(scene, "not-joined",
	     "told 10 s ago, and no join came: the peer accepts no addresses, or cannot reach it",
	     ACCEPTS_NONE);
	end_at(scene, EVERYWHERE);
	said(scene, "no-listener", "nobody listens on 10.0.2.1:5000: peers are refused",
	     "have the application listen there");
	listen_at(scene, FIRST);
	g_assert_true(explain(scene).last.listening);
	fake_join(scene->fake, SCENE_TOKEN, SECOND, "10.9.0.1:1000");
	scene_run(scene);
	said(scene, NULL, "", "");
	g_assert_true(explain(scene).last.joined);
	fake_policy.listen = (struct mptcpd_addr){0};
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_later(scene, 2000);
	said(scene, "link-down", "its address or its link is gone", "");
	g_assert_cmpint(engine_explain_announcements(scene->engine, 7, scene->now_ms,
						     on_announcement, NULL),
			==, -ESRCH);
}

static void a_port_behind_a_nat(struct scene *scene, gconstpointer data)
{
	fake_policy.plans_nothing = true;
	fake_policy.announced = fake_addr("203.0.113.9:8443");
	serve(scene, SCENE_TOKEN, "10.9.0.1:999");
	said(scene, "port-translated",
	     "told 0 s ago, no join so far; port 8443 must be translated to port 5000 of this "
	     "host, or peers will be refused (MismatchPortSynRx)",
	     "");
	scene_later(scene, 12000);
	said(scene, "port-translated",
	     "told 12 s ago, and no join came: the peer accepts no addresses, or cannot reach it; "
	     "port 8443 must be translated to port 5000 of this host, or peers will be refused "
	     "(MismatchPortSynRx)",
	     ACCEPTS_NONE);
}

static void ipv6_of_a_connection_of_ipv4(struct scene *scene, gconstpointer data)
{
	static char match[] = "eth2";
	struct interface_rule rule = {.match = match,
				      .flags = MPTCPD_FLAG_SIGNAL,
				      .has_flags = true};
	struct rules rules = fake_rules;

	rules.interfaces = &rule;
	rules.n_interfaces = 1;
	engine_set_rules(scene->engine, &rules, scene->now_ms);
	fake_address(scene->fake, 2, "2001:db8:2::1");
	fake_policy.plans_nothing = true;
	serve(scene, SCENE_TOKEN, "10.9.0.1:999");
	said(scene, "ipv4-only",
	     "not announced: the connection is of IPv4 alone, and can have no subflow of IPv6",
	     "an application that listens on an IPv6 socket");
	scene->fake->wide = true;
	serve(scene, 2, "10.9.0.1:1000");
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_run(scene);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("listen/beside-an-application", beside_an_application);
	ADD("listen/always-but-where-an-application-is", always_but_where_an_application_is);
	ADD("listen/one-of-many-connections", of_many_connections);
	ADD("listen/lost-events", events_are_lost);
	ADD("listen/an-address-that-is-not-there-yet", address_is_not_there_yet);
	ADD("listen/the-operator-decides", operator_decides);
	ADD("announced/explain/what-came-of-it", what_came_of_it);
	ADD("announced/explain/a-port-behind-a-nat", a_port_behind_a_nat);
	ADD("announced/explain/ipv6-of-a-connection-of-ipv4", ipv6_of_a_connection_of_ipv4);
	return g_test_run();
}
