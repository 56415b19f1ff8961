/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-scene.h"

const char *scene_sample, *scene_shipped, *scene_fixtures;

void scene_init(int argc, char **argv)
{
	g_assert_cmpint(argc, ==, 4);
	scene_fixtures = argv[1];
	scene_sample = argv[2];
	scene_shipped = argv[3];
}

void scene_install(struct scene *scene, const char *directory, const char *name)
{
	g_autofree char *from = g_strdup_printf("%s/%s.so", directory, name);
	g_autofree char *to = g_strdup_printf("plugins/%s.so", name);

	scratch_copy(scene->root, to, from, 0644);
}

void scene_set_up(struct scene *scene, gconstpointer unused)
{
	*scene = (struct scene){.root = scratch_new()};
	unsetenv(FIXTURE_STARTS);
	unsetenv(FIXTURE_STOPS);
	scene_install(scene, scene_fixtures, "echo");
	scene_install(scene, scene_fixtures, "twin");
	scene_install(scene, scene_fixtures, "points");
	scene_install(scene, scene_fixtures, "failing");
	scene_install(scene, scene_shipped, "endpoints");
	scene->plugin_directory = g_build_filename(scene->root, "plugins", NULL);
	g_assert_cmpint(chmod(scene->plugin_directory, 0755), ==, 0);
}

static void unload(struct scene *scene)
{
	g_clear_pointer(&scene->config, config_free);
	g_clear_pointer(&scene->faults, l_free);
}

void scene_tear_down(struct scene *scene, gconstpointer unused)
{
	unload(scene);
	/* whatever was started is stopped in the end */
	g_assert_cmpstr(getenv(FIXTURE_STARTS), ==, getenv(FIXTURE_STOPS));
	g_free(scene->plugin_directory);
	scratch_free(scene->root);
}

int load_file(struct scene *scene, const char *file)
{
	struct config_setup setup = {file, scene->plugin_directory, scene->root,
				     .can_ping = scene->can_ping};

	unload(scene);
	return config_load(&setup, &scene->config, &scene->faults);
}

const struct rules *load_default(struct scene *scene)
{
	if (load_file(scene, NULL) < 0)
		g_error("%s", scene->faults);
	return &scene->config->rules;
}

const struct rules *load(struct scene *scene, const char *text)
{
	if (load_file(scene, scratch_write(scene->root, "f", text)) < 0)
		g_error("%s", scene->faults);
	return &scene->config->rules;
}

void refuse(struct scene *scene, const char *text, const char *expected)
{
	const char *file = scratch_write(scene->root, "f", text);
	g_auto(GStrv) by_file = g_strsplit(expected, "%s", -1);
	g_autofree char *filled = g_strjoinv(file, by_file);
	g_auto(GStrv) by_root = g_strsplit(filled, "@", -1);
	g_autofree char *all = g_strjoinv(scene->root, by_root);

	g_assert_cmpint(load_file(scene, file), ==, -EINVAL);
	g_assert_cmpstr(scene->faults, ==, all);
	g_assert_null(scene->config);
}
