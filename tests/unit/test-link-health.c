/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The health of links in the model: per family, and forgotten with the carrier. */
#include "health-scene.h"

#include "words.h"

static void a_link_has_a_health_per_family(struct scene *scene, gconstpointer data)
{
	const struct interface *interface = health_link(scene, 1);
	char text[160];

	g_assert_cmpint(interface_health(interface), ==, MPTCPD_HEALTH_UNKNOWN);
	health_tell(scene, 1, AF_INET6, MPTCPD_HEALTH_SILENT);
	g_assert_cmpint(interface->health[0].state, ==, MPTCPD_HEALTH_UNKNOWN);
	g_assert_cmpint(interface->health[1].state, ==, MPTCPD_HEALTH_SILENT);
	g_assert_cmpuint(interface->health[1].since_ms, ==, scene->now_ms);
	g_assert_cmpint(interface_health(interface), ==, MPTCPD_HEALTH_SILENT);
	g_assert_cmpuint(scene->n_changes[CHANGE_INTERFACE_HEALTH], ==, 1);
	health_tell(scene, 1, AF_INET6, MPTCPD_HEALTH_SILENT);
	g_assert_cmpuint(scene->n_changes[CHANGE_INTERFACE_HEALTH], ==, 1);
	g_assert_cmpstr(health_text(&interface->health[1], scene->now_ms + 12345, text,
				    sizeof(text)),
			==, "silent since 12 s, because probes are not answered");
}

static void a_link_that_comes_back_has_none(struct scene *scene, gconstpointer data)
{
	health_tell(scene, 1, AF_INET, MPTCPD_HEALTH_SILENT);
	fake_link(scene->fake, 1, "eth1", true, false);
	scene_run(scene);
	fake_link(scene->fake, 1, "eth1", true, true);
	scene_run(scene);
	g_assert_cmpint(interface_health(health_link(scene, 1)), ==, MPTCPD_HEALTH_UNKNOWN);
}

static void a_subflow_is_as_silent_as_its_link(struct scene *scene, gconstpointer data)
{
	const struct model *model = engine_model(scene->engine);
	const struct connection *connection;

	scene_meshed(scene);
	connection = scene_connection(scene);
	health_tell(scene, 2, AF_INET, MPTCPD_HEALTH_SILENT);
	for (size_t i = 0; i < connection->n_subflows; i++)
		g_assert_cmpint(subflow_health(model, &connection->subflows[i]), ==,
				connection->subflows[i].ifindex == 2 ? MPTCPD_HEALTH_SILENT
								     : MPTCPD_HEALTH_UNKNOWN);
	/* nothing is taken down for it */
	g_assert_cmpuint(scene->fake->n_log, ==, 0);
}

static void what_makes_no_sense_is_refused(struct scene *scene, gconstpointer data)
{
	health_tell(scene, 1, 77, MPTCPD_HEALTH_SILENT);
	g_assert_cmpuint(engine_counters(scene->engine)->events_bad, ==, 1);
	health_tell(scene, 99, AF_INET, MPTCPD_HEALTH_SILENT);
	g_assert_cmpuint(scene->n_changes[CHANGE_INTERFACE_HEALTH], ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("health/a-link-has-one-per-family", a_link_has_a_health_per_family);
	ADD("health/a-link-that-comes-back-has-none", a_link_that_comes_back_has_none);
	ADD("health/a-subflow-is-as-silent-as-its-link", a_subflow_is_as_silent_as_its_link);
	ADD("health/what-makes-no-sense-is-refused", what_makes_no_sense_is_refused);
	return g_test_run();
}
