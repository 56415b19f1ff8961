/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths of cgroups, in a tree of directories that need not be one of cgroups. */
#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "cgroup.h"
#include "scratch.h"

struct scene {
	char *root;
	struct cgroups cgroups;
};

static void set_up(struct scene *scene, gconstpointer unused)
{
	scene->root = scratch_new();
	scene->cgroups = (struct cgroups){.root = scene->root};
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
	cgroups_done(&scene->cgroups);
	scratch_free(scene->root);
}

/* Returns its id. */
static uint64_t make(struct scene *scene, const char *path)
{
	g_autofree char *full = g_build_filename(scene->root, path, NULL);
	struct stat info;

	g_assert_cmpint(g_mkdir_with_parents(full, 0755), ==, 0);
	g_assert_cmpint(stat(full, &info), ==, 0);
	return info.st_ino;
}

/* The answer, whenever it comes; the path, or NULL. */
static const char *find(struct scene *scene, uint64_t id)
{
	static char path[256];
	int r;

	do {
		r = cgroups_find(&scene->cgroups, id, path, sizeof(path));
		scene->cgroups.due_ms = 0; /* nobody waits */
	} while (r == -EAGAIN || r == -EBUSY);
	g_assert_true(r == 0 || r == -ENOENT);
	return r == 0 ? path : NULL;
}

static void finds_all_levels(struct scene *scene, gconstpointer unused)
{
	uint64_t root = make(scene, "."), slice = make(scene, "user.slice"),
		 session = make(scene, "user.slice/user-1000.slice/session-1.scope");

	scratch_write(scene->root, "cgroup.procs", "");
	g_assert_cmpstr(find(scene, session), ==, "/user.slice/user-1000.slice/session-1.scope");
	g_assert_cmpstr(find(scene, slice), ==, "/user.slice");
	g_assert_cmpstr(find(scene, root), ==, "/");
	g_assert_null(find(scene, UINT64_MAX));
	g_assert_cmpint(cgroups_find(&scene->cgroups, slice, (char[4]){0}, 4), ==, -ENOENT);
}

/* The next walk finds it; what ended stays known, and there is nothing to be found of the rest. */
static void new_ones_are_looked_for(struct scene *scene, gconstpointer unused)
{
	uint64_t old = make(scene, "old"), later;
	g_autofree char *path = g_build_filename(scene->root, "old", NULL);

	g_assert_cmpstr(find(scene, old), ==, "/old");
	g_assert_cmpint(g_rmdir(path), ==, 0);
	later = make(scene, "later/below");
	g_assert_cmpstr(find(scene, later), ==, "/later/below");
	g_assert_cmpstr(find(scene, old), ==, "/old");
}

/* Each call looks into a few directories, and the walks are apart. */
static void one_call_takes_little(struct scene *scene, gconstpointer unused)
{
	size_t n = 0;
	char path[64];
	uint64_t last = 0;

	for (int i = 0; i < 200; i++) {
		g_snprintf(path, sizeof(path), "slice-%d/inner", i);
		last = make(scene, path);
	}
	while (cgroups_find(&scene->cgroups, last, path, sizeof(path)) == -EAGAIN)
		n++;
	g_assert_cmpuint(n, >=, 20);
	g_assert_true(g_str_has_prefix(path, "/slice-"));
	/* what is not there, after a look that began after it was asked for */
	g_assert_cmpint(cgroups_find(&scene->cgroups, 1, path, sizeof(path)), ==, -EBUSY);
	g_assert_null(find(scene, 1));
	/* is not looked for again and again, */
	g_assert_cmpint(cgroups_find(&scene->cgroups, 1, path, sizeof(path)), ==, -ENOENT);
	/* but when all are looked at anew */
	g_assert_cmpint(cgroups_find(&scene->cgroups, 0, path, sizeof(path)), ==, -EAGAIN);
	g_assert_null(find(scene, 0));
	g_assert_cmpint(cgroups_find(&scene->cgroups, 1, path, sizeof(path)), ==, -EAGAIN);
}

static void a_large_tree_is_cut(struct scene *scene, gconstpointer unused)
{
	char path[64];

	for (int i = 0; i < CGROUPS_MAX; i++) {
		g_snprintf(path, sizeof(path), "%d", i);
		make(scene, path);
	}
	g_assert_null(find(scene, UINT64_MAX));
	g_assert_cmpuint(scene->cgroups.known.n, ==, CGROUPS_MAX + 1);
}

/* The longest of its calls, the quickest of some times: others use the processor, too. */
static gint64 longest_call_us(struct scene *scene, uint64_t first_id)
{
	gint64 least = G_MAXINT64;
	char path[256];

	for (int i = 0; i < 3; i++) {
		gint64 longest = 0;
		bool more = true;

		for (size_t j = 0; j < CGROUPS_SOUGHT; j++)
			cgroups_find(&scene->cgroups, first_id + j, path, sizeof(path));
		scene->cgroups.due_ms = 0;
		while (more) {
			gint64 begin = g_get_monotonic_time();
			int r = cgroups_find(&scene->cgroups, first_id, path, sizeof(path));

			longest = MAX(longest, g_get_monotonic_time() - begin);
			scene->cgroups.due_ms = 0;
			more = r == -EAGAIN || r == -EBUSY;
		}
		least = MIN(least, longest);
		first_id += CGROUPS_SOUGHT;
	}
	return least;
}

/* Whoever may make cgroups may make as many as there is room for, and ask for as many that are none. */
static void a_large_tree_keeps_nobody(struct scene *scene, gconstpointer unused)
{
	char path[64];

	for (int i = 0; i < CGROUPS_MAX; i++) {
		g_snprintf(path, sizeof(path), "a/%d", i);
		make(scene, path);
	}
	longest_call_us(scene, UINT64_C(1) << 60); /* all that there is known of */
	g_assert_cmpint(longest_call_us(scene, UINT64_C(1) << 61), <=, 10000);
}

static void give(struct scene *scene, const char *path, uid_t uid)
{
	g_autofree char *full = g_build_filename(scene->root, path, NULL);

	g_assert_cmpint(chown(full, uid, (gid_t)-1), ==, 0);
}

/* Whoever was given a part of the tree hides nothing of others, neither root's nor another user's. */
static void who_makes_many_hides_nothing(struct scene *scene, gconstpointer unused)
{
	uint64_t roots, others;
	char path[64];

	if (geteuid() != 0) {
		g_test_skip("not root: nothing can be given to another user");
		return;
	}
	for (int i = 0; i < CGROUPS_MAX; i++) {
		g_snprintf(path, sizeof(path), "user/1000/%d", i);
		make(scene, path);
	}
	give(scene, "user/1000", 1000);
	roots = make(scene, "pods/burst/pod-7/scope-1");
	others = make(scene, "user/1001/app/x/y");
	give(scene, "user/1001", 1001);
	give(scene, "user/1001/app", 1001);
	give(scene, "user/1001/app/x", 1001);
	g_assert_cmpstr(find(scene, roots), ==, "/pods/burst/pod-7/scope-1");
	g_assert_cmpstr(find(scene, others), ==, "/user/1001/app/x/y");
	g_assert_cmpuint(scene->cgroups.known.n, >, CGROUPS_MAX / 8);
}

static void no_tree_has_no_cgroups(struct scene *scene, gconstpointer unused)
{
	scene->cgroups.root = scratch_path(scene->root, "missing");
	g_assert_null(find(scene, 7));
	g_assert_null(find(scene, 0));
	g_assert_null(find(scene, 7));
}

#define ADD(name, func) g_test_add("/cgroup/" name, struct scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("finds-all-levels", finds_all_levels);
	ADD("new-ones-are-looked-for-and-old-ones-stay-known", new_ones_are_looked_for);
	ADD("one-call-takes-little", one_call_takes_little);
	ADD("a-large-tree-is-cut", a_large_tree_is_cut);
	ADD("a-large-tree-keeps-nobody-waiting", a_large_tree_keeps_nobody);
	ADD("who-makes-many-hides-nothing", who_makes_many_hides_nothing);
	ADD("no-tree-has-no-cgroups", no_tree_has_no_cgroups);
	return g_test_run();
}
