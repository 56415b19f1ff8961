/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of the configuration share: a root directory of their own with test plugins in
 * it, and the configuration that was loaded from there last.
 */
#ifndef TESTS_CONFIG_SCENE_H
#define TESTS_CONFIG_SCENE_H

#include <ell/ell.h>
#include <glib.h>
#include <stdlib.h>

#include "config.h"
#include "fixture.h"
#include "scratch.h"

struct scene {
	char *root;
	char *plugin_directory; /* holds echo, twin, points, failing, endpoints */
	struct config *config;
	char *faults;
	bool (*can_ping)(void); /* NULL: it is not asked */
};

/* From argv: where the test plugins are; the file and the plugins that are shipped. */
extern const char *scene_sample, *scene_shipped, *scene_fixtures;
void scene_init(int argc, char **argv);

void scene_set_up(struct scene *scene, gconstpointer unused);
/* Whatever was started must have been stopped by then. */
void scene_tear_down(struct scene *scene, gconstpointer unused);
/* Add a plugin from another directory. */
void scene_install(struct scene *scene, const char *directory, const char *name);

/* `file` NULL: the layered default, below the scene's root. */
int load_file(struct scene *scene, const char *file);
/* The same and of a file with this text; they must be good. */
const struct rules *load_default(struct scene *scene);
const struct rules *load(struct scene *scene, const char *text);
/* `text` must be refused with exactly these lines, in which %s stands for the file, @ for the root. */
void refuse(struct scene *scene, const char *text, const char *expected);

#define ADD(name, func)                                                                            \
	g_test_add("/config/" name, struct scene, NULL, scene_set_up, func, scene_tear_down)

#endif
