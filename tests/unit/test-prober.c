/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "prober.h"

/* What was asked and told, as text, and who is under way. */
struct scene {
	struct prober *prober;
	GString *text;
	bool busy[PROBES_MAX];
	int refusal; /* of whoever is asked */
	struct probe_rule rule;
	struct probe_link link;
	uint64_t next_ms;
};

static struct mptcpd_addr address(const char *text)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	return addr;
}

static int ask(void *data, size_t slot, const struct probe_link *link,
	       const struct mptcpd_addr *target)
{
	struct scene *scene = data;
	char text[ADDR_TEXT_SIZE];

	g_assert_cmpuint(slot, <, PROBES_MAX);
	g_assert_false(scene->busy[slot]);
	g_string_append_printf(scene->text, "ask%u %s;", link->ifindex, addr_format(target, text));
	if (scene->refusal)
		return scene->refusal;
	scene->busy[slot] = true;
	return 0;
}

static void stop(void *data, size_t slot)
{
	struct scene *scene = data;

	g_assert_true(scene->busy[slot]);
	scene->busy[slot] = false;
	g_string_append(scene->text, "stop;");
}

static void tell(void *data, uint32_t ifindex, uint8_t family, bool ok)
{
	struct scene *scene = data;

	g_string_append_printf(scene->text, "%s%u.%d;", ok ? "ok" : "fails", ifindex,
			       family == AF_INET ? 4 : 6);
}

static void set_up(struct scene *scene, gconstpointer unused)
{
	const struct probe_ops ops = {ask, stop, tell, scene};

	*scene = (struct scene){
		.text = g_string_new(NULL),
		.rule = {.targets = {address("192.0.2.1")},
			 .n_targets = 1,
			 .interval_ms = 5000,
			 .timeout_ms = 1000,
			 .failures = 3},
		.link = {.ifindex = 2, .local = address("10.0.1.1")},
	};
	scene->link.rule = &scene->rule;
	scene->prober = prober_new(&ops);
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
	prober_free(scene->prober);
	for (size_t i = 0; i < PROBES_MAX; i++)
		g_assert_false(scene->busy[i]);
	g_string_free(scene->text, TRUE);
}

static void expect(struct scene *scene, const char *text)
{
	g_assert_cmpstr(scene->text->str, ==, text);
	g_string_truncate(scene->text, 0);
}

static void run(struct scene *scene, uint64_t now_ms, const char *text)
{
	scene->next_ms = prober_run(scene->prober, now_ms);
	expect(scene, text);
}

static void answer(struct scene *scene, size_t slot, int result, uint64_t now_ms, const char *text)
{
	g_assert_true(scene->busy[slot]);
	scene->busy[slot] = false;
	prober_answer(scene->prober, slot, result, now_ms);
	expect(scene, text);
}

static void begin(struct scene *scene)
{
	prober_set_links(scene->prober, &scene->link, 1, 10000);
	run(scene, 10000, "ask2 192.0.2.1;");
	g_assert_cmpuint(scene->next_ms, ==, 11000);
}

static void test_interval(struct scene *scene, gconstpointer unused)
{
	g_assert_cmpuint(prober_run(scene->prober, 10000), ==, UINT64_MAX);
	begin(scene);
	answer(scene, 0, 0, 10050, "ok2.4;");
	run(scene, 10050, "");
	g_assert_cmpuint(scene->next_ms, ==, 15000);
	run(scene, 14999, "");
	run(scene, 15000, "ask2 192.0.2.1;");
	answer(scene, 0, 0, 15050, "ok2.4;");
}

static void test_failures(struct scene *scene, gconstpointer unused)
{
	begin(scene);
	run(scene, 11000, "stop;ask2 192.0.2.1;");
	run(scene, 12000, "stop;ask2 192.0.2.1;");
	run(scene, 13000, "stop;fails2.4;ask2 192.0.2.1;");
	/* it is told each time: who was told before may have forgotten */
	run(scene, 14000, "stop;fails2.4;ask2 192.0.2.1;");
	answer(scene, 0, 0, 14020, "ok2.4;");
	run(scene, 14020, "");
	g_assert_cmpuint(scene->next_ms, ==, 19000);
	/* and from then on so many in a row are needed again */
	run(scene, 19000, "ask2 192.0.2.1;");
	run(scene, 20000, "stop;ask2 192.0.2.1;");
	run(scene, 21000, "stop;ask2 192.0.2.1;");
	answer(scene, 0, 0, 21900, "ok2.4;");
	run(scene, 21900, "");
	g_assert_cmpuint(scene->next_ms, ==, 26000);
}

static void test_one_of_two(struct scene *scene, gconstpointer unused)
{
	scene->rule.failures = 1;
	scene->rule.n_targets = 2;
	scene->rule.targets[1] = address("192.0.2.2:53");
	prober_set_links(scene->prober, &scene->link, 1, 10000);
	run(scene, 10000, "ask2 192.0.2.1;ask2 192.0.2.2:53;");
	answer(scene, 1, 0, 10010, "ok2.4;");
	run(scene, 11000, "stop;ask2 192.0.2.1;");
	run(scene, 12000, "stop;ask2 192.0.2.1;");
	run(scene, 13000, "stop;ask2 192.0.2.1;");
	run(scene, 14000, "stop;ask2 192.0.2.1;");
	run(scene, 15000, "stop;ask2 192.0.2.1;ask2 192.0.2.2:53;");
	run(scene, 16000, "stop;ask2 192.0.2.1;stop;fails2.4;ask2 192.0.2.2:53;");
}

static void test_family(struct scene *scene, gconstpointer unused)
{
	scene->rule.n_targets = 2;
	scene->rule.targets[1] = address("2001:db8::1");
	scene->link.local = address("2001:db8:1::1");
	prober_set_links(scene->prober, &scene->link, 1, 10000);
	run(scene, 10000, "ask2 2001:db8::1;");
	answer(scene, 0, 0, 10010, "ok2.6;");
}

static void test_no_route(struct scene *scene, gconstpointer unused)
{
	scene->refusal = -ENETUNREACH;
	prober_set_links(scene->prober, &scene->link, 1, 10000);
	run(scene, 10000, "ask2 192.0.2.1;");
	g_assert_cmpuint(scene->next_ms, ==, 11000);
	run(scene, 11000, "ask2 192.0.2.1;");
	run(scene, 12000, "ask2 192.0.2.1;fails2.4;");
}

static void test_own_fault(struct scene *scene, gconstpointer unused)
{
	static const int faults[] = {EACCES, EPERM, EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL};

	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		scene->refusal = -faults[i];
		scene->link.ifindex = (uint32_t)i + 1;
		prober_set_links(scene->prober, &scene->link, 1, 10000);
		for (uint64_t now = 10000; now < 60000; now += 5000)
			prober_run(scene->prober, now);
		g_assert_null(strstr(scene->text->str, "fails"));
	}
	g_string_truncate(scene->text, 0);
	/* nor does it hide that others fail */
	scene->rule.failures = 1;
	scene->rule.n_targets = 2;
	scene->rule.targets[1] = address("192.0.2.2:53");
	prober_set_links(scene->prober, &scene->link, 1, 60000);
	run(scene, 60000, "ask7 192.0.2.1;ask7 192.0.2.2:53;");
	scene->refusal = 0;
	run(scene, 65000, "ask7 192.0.2.1;ask7 192.0.2.2:53;");
	answer(scene, 0, -EACCES, 65001, "");
	run(scene, 66000, "stop;fails7.4;ask7 192.0.2.2:53;");
}

static void test_urgent(struct scene *scene, gconstpointer unused)
{
	begin(scene);
	answer(scene, 0, 0, 10050, "ok2.4;");
	scene->link.urgent = true;
	prober_set_links(scene->prober, &scene->link, 1, 12000);
	run(scene, 12000, "ask2 192.0.2.1;");
	answer(scene, 0, 0, 12050, "ok2.4;");
	/* said again it is no reason to ask again at once, */
	prober_set_links(scene->prober, &scene->link, 1, 12100);
	run(scene, 12100, "");
	g_assert_cmpuint(scene->next_ms, ==, 13000);
	run(scene, 13000, "ask2 192.0.2.1;");
	answer(scene, 0, 0, 13050, "ok2.4;");
	/* and afterwards there is time */
	scene->link.urgent = false;
	prober_set_links(scene->prober, &scene->link, 1, 13100);
	run(scene, 14000, "ask2 192.0.2.1;");
	answer(scene, 0, 0, 14050, "ok2.4;");
	run(scene, 14050, "");
	g_assert_cmpuint(scene->next_ms, ==, 19000);
}

static void test_short_interval(struct scene *scene, gconstpointer unused)
{
	scene->rule.interval_ms = 300;
	scene->rule.timeout_ms = 100;
	prober_set_links(scene->prober, &scene->link, 1, 10000);
	run(scene, 10000, "ask2 192.0.2.1;");
	run(scene, 10100, "stop;");
	g_assert_cmpuint(scene->next_ms, ==, 10300);
	run(scene, 10300, "ask2 192.0.2.1;");
}

static void test_links_change(struct scene *scene, gconstpointer unused)
{
	begin(scene);
	/* the same link: its question is still under way */
	prober_set_links(scene->prober, &scene->link, 1, 10100);
	run(scene, 10100, "");
	answer(scene, 0, 0, 10200, "ok2.4;");
	run(scene, 15000, "ask2 192.0.2.1;");
	/* another address, another rule, none at all */
	scene->link.local = address("10.0.1.7");
	prober_set_links(scene->prober, &scene->link, 1, 15100);
	expect(scene, "stop;");
	run(scene, 15100, "ask2 192.0.2.1;");
	scene->rule.targets[0] = address("192.0.2.9");
	prober_set_links(scene->prober, &scene->link, 1, 15200);
	expect(scene, "stop;");
	run(scene, 15200, "ask2 192.0.2.9;");
	prober_set_links(scene->prober, NULL, 0, 15300);
	expect(scene, "stop;");
	run(scene, 15300, "");
	g_assert_cmpuint(scene->next_ms, ==, UINT64_MAX);
}

static void test_asleep(struct scene *scene, gconstpointer unused)
{
	begin(scene);
	run(scene, 11000, "stop;ask2 192.0.2.1;");
	run(scene, 12000, "stop;ask2 192.0.2.1;");
	/* the third is not counted, nor are those before it */
	run(scene, 60000, "stop;ask2 192.0.2.1;");
	run(scene, 61000, "stop;ask2 192.0.2.1;");
	run(scene, 62000, "stop;ask2 192.0.2.1;");
	run(scene, 63000, "stop;fails2.4;ask2 192.0.2.1;");
}

static void test_bounded(struct scene *scene, gconstpointer unused)
{
	struct probe_link links[PROBES_MAX + 8];
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
		links[i] = scene->link;
		links[i].ifindex = (uint32_t)i + 1;
	}
	prober_set_links(scene->prober, links, G_N_ELEMENTS(links), 10000);
	g_assert_cmpuint(prober_run(scene->prober, 10000), ==, 11000);
	for (size_t i = 0; i < PROBES_MAX; i++)
		n += scene->busy[i];
	g_assert_cmpuint(n, ==, PROBES_MAX);
	g_string_truncate(scene->text, 0);
	answer(scene, 3, 0, 10100, "ok21.4;");
	run(scene, 10100, "ask8 192.0.2.1;"); /* who waited has its turn */
}

#define ADD(name, func) g_test_add("/prober/" name, struct scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("who-answers-is-asked-each-interval", test_interval);
	ADD("so-many-failures-in-a-row-are-told", test_failures);
	ADD("one-answer-of-several-targets-is-enough", test_one_of_two);
	ADD("targets-of-the-other-family-are-left-out", test_family);
	ADD("no-way-out-is-a-failure", test_no_route);
	ADD("what-this-host-cannot-ask-is-none", test_own_fault);
	ADD("a-link-in-doubt-is-asked-at-once-and-often", test_urgent);
	ADD("doubt-does-not-slow-down", test_short_interval);
	ADD("links-that-stay-keep-what-is-known", test_links_change);
	ADD("a-sleep-is-no-failure", test_asleep);
	ADD("so-many-at-once-and-no-more", test_bounded);
	return g_test_run();
}
