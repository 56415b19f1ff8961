/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration is tried where nothing that its plugins do can hurt. */
#include "trial.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "config-scene.h"

static char *crashing;

/* Try a configuration with this one line more in its policy; the text of the trial is to be freed. */
static struct trial try(struct scene *scene, const struct config_setup *more, const char *plugin,
			const char *lines)
{
	g_autofree char *text = g_strdup_printf("[core]\npath-manager = userspace\n\n"
						"[policy:a]\nplugin = %s\n%s",
						plugin, lines);
	struct config_setup setup = *more;
	struct trial trial;

	setup.file = scratch_write(scene->root, "f", text);
	setup.plugin_directory = scene->plugin_directory;
	g_assert_cmpint(trial_run(&setup, &trial), ==, 0);
	return trial;
}

static void expect(struct scene *scene, const char *plugin, const char *lines,
		   enum trial_outcome outcome, const char *expected)
{
	g_autofree char *text =
		*expected ? g_strdup_printf("%s/f:%s\n", scene->root, expected) : g_strdup("");
	struct trial trial = try(scene, &(struct config_setup){0}, plugin, lines);

	g_assert_cmpstr(trial.text, ==, text);
	g_assert_cmpint(trial.outcome, ==, outcome);
	g_assert_true(!trial.call.id == (outcome != TRIAL_DIED));
	l_free(trial.text);
}

static void install(struct scene *scene)
{
	scene_install(scene, crashing, "crash");
	scene_install(scene, crashing, "crash-load");
	scene_install(scene, crashing, "crash-nameless");
}

static void test_good(struct scene *scene, gconstpointer unused)
{
	expect(scene, "echo", "", TRIAL_GOOD, "");
	expect(scene, "echo", "[policy:b]\nplugin = twin\n", TRIAL_GOOD,
	       "6: [policy:b] is never reached: [policy:a] in line 4 matches every connection");
	/* it was another process that started them */
	g_assert_null(getenv(FIXTURE_STARTS));
}

static void test_bad(struct scene *scene, gconstpointer unused)
{
	expect(scene, "echo", "number = 17\n", TRIAL_BAD,
	       "6: bad value '17' of 'number', expected 2 to 9");
	expect(scene, "failing", "", TRIAL_BAD,
	       "5: plugin 'failing' does not start: Operation not permitted");
}

static void test_crashes(struct scene *scene, gconstpointer unused)
{
	install(scene);
	expect(scene, "crash", "in = start\n", TRIAL_DIED,
	       "5: plugin 'crash' crashes in start: Segmentation fault");
	expect(scene, "crash", "in = start\nhow = abort\n", TRIAL_DIED,
	       "5: plugin 'crash' crashes in start: Aborted");
	expect(scene, "crash", "in = start\nhow = stack\n", TRIAL_DIED,
	       "5: plugin 'crash' crashes in start: Segmentation fault");
	expect(scene, "crash", "in = stop\n", TRIAL_DIED,
	       "5: plugin 'crash' crashes in stop: Segmentation fault");
	expect(scene, "crash-load", "", TRIAL_DIED,
	       "5: plugin 'crash-load' crashes in load: Aborted");
	expect(scene, "crash-nameless", "", TRIAL_DIED,
	       "5: plugin 'crash-nameless' crashes in load: Segmentation fault");
	/* exit status 0 is not yet a good end */
	expect(scene, "crash", "in = start\nhow = exit\n", TRIAL_DIED,
	       "5: plugin 'crash' ends the process in start");
	expect(scene, "crash", "in = stop\nhow = exit\n", TRIAL_DIED,
	       "5: plugin 'crash' ends the process in stop");
}

static void test_hangs(struct scene *scene, gconstpointer unused)
{
	install(scene);
	expect(scene, "crash", "in = start\nhow = hang\n", TRIAL_DIED,
	       "5: plugin 'crash' does not return within 5 s from start");
}

/* It gets no more memory than it is given. */
static void test_eats(struct scene *scene, gconstpointer unused)
{
	struct rusage usage;

#if defined(__SANITIZE_ADDRESS__)
	g_test_skip("the sanitizer ends the process in its own way");
	return;
#endif
	install(scene);
	expect(scene, "crash", "in = start\nhow = eat\n", TRIAL_DIED,
	       "5: plugin 'crash' crashes in start: Aborted");
	g_assert_cmpint(getrusage(RUSAGE_CHILDREN, &usage), ==, 0);
	g_assert_cmpint(usage.ru_maxrss, <, 320 << 10);
}

/* It is in nobody's way once it is set aside, and of its settings nothing can be said. */
static void test_set_aside(struct scene *scene, gconstpointer unused)
{
	static const char lines[] = "in = start\n";
	struct guard guard = {0};
	struct config_setup setup = {.guard = &guard};
	struct trial trial;

	install(scene);
	trial = try(scene, &setup, "crash", lines);
	g_assert_cmpint(trial.outcome, ==, TRIAL_DIED);
	g_assert_cmpuint(guard.call.id, ==, 0);
	l_free(trial.text);
	guard_set_aside(&guard, &(struct guard_aside){.id = trial.call.id});
	trial = try(scene, &setup, "crash", lines);
	g_assert_cmpint(trial.outcome, ==, TRIAL_GOOD);
	l_free(trial.text);
	/* another group, or another file, is another plugin */
	trial = try(scene, &setup, "crash", "in = start\nafter = 0\n");
	g_assert_cmpint(trial.outcome, ==, TRIAL_DIED);
	l_free(trial.text);
	scratch_copy(scene->root, "plugins/crash.so",
		     scratch_path(scene->root, "plugins/crash-load.so"), 0644);
	trial = try(scene, &setup, "crash", lines);
	g_assert_cmpint(trial.outcome, ==, TRIAL_DIED);
	g_assert_cmpuint(trial.call.function, ==, GUARD_LOAD);
	l_free(trial.text);
	setup.retry = true;
	trial = try(scene, &setup, "crash", lines);
	g_assert_cmpint(trial.outcome, ==, TRIAL_DIED);
	l_free(trial.text);
}

/* What is set aside for all stands in the rules by its name, and has no function. */
static void test_stands_in(struct scene *scene, gconstpointer unused)
{
	struct guard guard = {0};
	struct config_setup setup = {.guard = &guard};
	struct trial trial;
	char *faults = NULL;

	install(scene);
	trial = try(scene, &setup, "crash", "in = start\n");
	l_free(trial.text);
	guard_set_aside(&guard, &(struct guard_aside){.id = trial.call.id});
	setup.file = scratch_path(scene->root, "f");
	setup.plugin_directory = scene->plugin_directory;
	g_assert_cmpint(config_load(&setup, &scene->config, &faults), ==, 0);
	g_assert_cmpuint(scene->config->rules.policies[0].n_plugins, ==, 1);
	g_assert_cmpstr(scene->config->rules.policies[0].plugins[0].plugin->name, ==, "crash");
	g_assert_null(scene->config->rules.policies[0].plugins[0].plugin->plan_paths);
	g_assert_cmphex(scene->config->rules.policies[0].plugins[0].id, ==, trial.call.id);
	g_assert_cmpuint(guard.call.id, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	crashing = argv[1];
	scene_init(argc, argv);
#undef ADD
#define ADD(name, func)                                                                            \
	g_test_add("/trial/" name, struct scene, NULL, scene_set_up, func, scene_tear_down)
	ADD("good-configuration-and-its-warnings", test_good);
	ADD("faults-with-their-lines", test_bad);
	ADD("plugin-that-crashes-is-named-with-its-line", test_crashes);
	ADD("plugin-that-hangs-is-named-with-its-line", test_hangs);
	ADD("plugin-that-eats-memory-is-named-with-its-line", test_eats);
	ADD("what-is-set-aside-is-left-out", test_set_aside);
	ADD("what-is-set-aside-has-a-stand-in", test_stands_in);
	return g_test_run();
}
