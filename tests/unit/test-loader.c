/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

#include "loader.h"
#include "scratch.h"

static const char *fixtures; /* where the test plugins are */

struct scene {
	char *directory;
};

static void set_up(struct scene *scene, gconstpointer unused)
{
	scene->directory = scratch_new();
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
	scratch_free(scene->directory);
}

static void install(struct scene *scene, const char *name, const char *as, mode_t mode)
{
	g_autofree char *from = g_strdup_printf("%s/%s.so", fixtures, name);
	g_autofree char *to = g_strdup_printf("%s.so", as);

	scratch_copy(scene->directory, to, from, mode);
}

static int try_load(const char *directory, const char *name,
		    const struct mptcpd_plugin **ret_plugin, char **ret_why)
{
	struct image image;
	int err = image_read(directory, name, &image, ret_why);

	return err < 0 ? err : loader_load(&image, ret_plugin, ret_why);
}

static const struct mptcpd_plugin *load(struct scene *scene, const char *name)
{
	const struct mptcpd_plugin *plugin = NULL;
	char *why = NULL;

	if (try_load(scene->directory, name, &plugin, &why) < 0)
		g_error("%s", why);
	return plugin;
}

/* It must not load, and the message is `expected` behind the path. */
static void refuse(struct scene *scene, const char *name, int error, const char *expected)
{
	g_autofree char *message =
		g_strdup_printf("%s/%s.so: %s", scene->directory, name, expected);
	const struct mptcpd_plugin *plugin = NULL;
	char *why = NULL;

	g_assert_cmpint(try_load(scene->directory, name, &plugin, &why), ==, error);
	g_assert_cmpstr(why, ==, message);
	g_assert_null(plugin);
	l_free(why);
}

/* It is the same program, of other bytes. */
static void append(struct scene *scene, const char *file)
{
	int fd = open(scratch_path(scene->directory, file), O_WRONLY | O_APPEND);

	g_assert_cmpint(write(fd, "x", 1), ==, 1);
	g_assert_cmpint(close(fd), ==, 0);
}

static void test_loads(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_plugin *first, *second;

	install(scene, "echo", "echo", 0644);
	first = load(scene, "echo");
	g_assert_cmpstr(first->name, ==, "echo");
	second = load(scene, "echo");
	g_assert_true(first == second);
	loader_unload(first);
	g_assert_cmpstr(second->name, ==, "echo");
	loader_unload(second);
	loader_unload(NULL);
}

static void test_replaced_file(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_plugin *old, *new, *other;

	/* the new file gets what the old one had before: name, and perhaps descriptor number */
	install(scene, "echo", "echo", 0644);
	old = load(scene, "echo");
	g_assert_cmpint(unlink(scratch_path(scene->directory, "echo.so")), ==, 0);
	install(scene, "echo", "echo", 0644);
	append(scene, "echo.so");
	install(scene, "twin", "twin", 0644);
	new = load(scene, "echo");
	other = load(scene, "twin");
	g_assert_true(old != new);
	g_assert_cmpstr(other->name, ==, "twin");
	loader_unload(old);
	loader_unload(other);
	other = load(scene, "twin");
	g_assert_cmpstr(other->name, ==, "twin");
	g_assert_cmpstr(new->name, ==, "echo");
	loader_unload(new);
	loader_unload(other);
}

static void test_written_over(struct scene *scene, gconstpointer unused)
{
	g_autofree char *twin = g_strdup_printf("%s/twin.so", fixtures);
	g_autofree char *bytes = NULL;
	const struct mptcpd_plugin *plugin, *again;
	const char *path;
	gsize size;
	int fd;

	install(scene, "echo", "echo", 0644);
	path = scratch_path(scene->directory, "echo.so");
	plugin = load(scene, "echo");
	/* as `cp` does it: the same inode, empty first */
	g_assert_true(g_file_get_contents(twin, &bytes, &size, NULL));
	fd = open(path, O_WRONLY | O_TRUNC);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpstr(plugin->settings[0].help, ==, "help");
	again = NULL;
	refuse(scene, "echo", -ENOEXEC, "file too short");
	g_assert_cmpint(write(fd, bytes, size / 2), ==, size / 2);
	g_assert_cmpstr(plugin->name, ==, "echo");
	g_assert_cmpint(close(fd), ==, 0);
	install(scene, "echo", "echo", 0644);
	append(scene, "echo.so");
	again = load(scene, "echo");
	g_assert_true(again != plugin);
	loader_unload(plugin);
	g_assert_cmpstr(again->name, ==, "echo");
	loader_unload(again);
}

static void test_cut_off(struct scene *scene, gconstpointer unused)
{
	const char *path;
	struct stat st;

	install(scene, "echo", "echo", 0644);
	path = scratch_path(scene->directory, "echo.so");
	g_assert_cmpint(stat(path, &st), ==, 0);
	/* every length is refused with words, or loads as what it is without its section headers */
	for (off_t size = st.st_size - 1; size >= 0; size -= 1 + size / 64) {
		const struct mptcpd_plugin *plugin = NULL;
		char *why = NULL;

		g_assert_cmpint(truncate(path, size), ==, 0);
		if (try_load(scene->directory, "echo", &plugin, &why) == 0)
			loader_unload(plugin);
		else
			g_assert_nonnull(strstr(why, "echo.so: "));
		l_free(why);
	}
	install(scene, "echo", "echo", 0644);
	g_assert_cmpint(truncate(path, 4096), ==, 0);
	refuse(scene, "echo", -ENOEXEC, "cut off after 4096 bytes");
}

static void test_too_long(struct scene *scene, gconstpointer unused)
{
	install(scene, "echo", "echo", 0644);
	g_assert_cmpint(truncate(scratch_path(scene->directory, "echo.so"), 1 << 30), ==, 0);
	refuse(scene, "echo", -EFBIG, "1073741824 bytes, at most 16777216 are possible");
}

/* What runs cannot be changed, by whoever finds the descriptor. */
static void test_sealed(struct scene *scene, gconstpointer unused)
{
	struct image image;
	char *why = NULL;

	install(scene, "echo", "echo", 0644);
	g_assert_cmpint(image_read(scene->directory, "echo", &image, &why), ==, 0);
	g_assert_cmpint(write(image.fd, "x", 1), ==, -1);
	g_assert_cmpint(errno, ==, EPERM);
	g_assert_cmpint(ftruncate(image.fd, 0), ==, -1);
	g_assert_cmpint(errno, ==, EPERM);
	image_done(&image);
}

static void test_missing(struct scene *scene, gconstpointer unused)
{
	refuse(scene, "echo", -ENOENT, "no such plugin");
}

static void test_bad_names(struct scene *scene, gconstpointer unused)
{
	static const char *const names[] = {"", "../echo", "a/b", "Echo", "echo.so", "e\xc3\xa4"};
	const struct mptcpd_plugin *plugin = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *expected =
			g_strdup_printf("'%s' is not a plugin name, expected letters a-z, digits, "
					"- and _",
					names[i]);
		char *why = NULL;

		g_assert_cmpint(try_load(scene->directory, names[i], &plugin, &why), ==, -EINVAL);
		g_assert_cmpstr(why, ==, expected);
		l_free(why);
	}
}

static void test_writable(struct scene *scene, gconstpointer unused)
{
	install(scene, "echo", "echo", 0666);
	refuse(scene, "echo", -EPERM, "writable by others (mode 0666)");
	install(scene, "echo", "echo", 0664);
	refuse(scene, "echo", -EPERM, "writable by others (mode 0664)");
}

static void test_owner(struct scene *scene, gconstpointer unused)
{
	if (geteuid() != 0) {
		g_test_skip("only root can give a file away");
		return;
	}
	install(scene, "echo", "echo", 0644);
	if (chown(scratch_path(scene->directory, "echo.so"), 1, 1) < 0) {
		g_test_skip("this user namespace has no second user");
		return;
	}
	refuse(scene, "echo", -EPERM, "belongs to user 1, expected root or user 0");
}

static void test_writable_directory(struct scene *scene, gconstpointer unused)
{
	g_autofree char *expected =
		g_strdup_printf("%s: writable by others (mode 0777)", scene->directory);
	const struct mptcpd_plugin *plugin = NULL;
	char *why = NULL;

	install(scene, "echo", "echo", 0644);
	g_assert_cmpint(chmod(scene->directory, 0777), ==, 0);
	g_assert_cmpint(try_load(scene->directory, "echo", &plugin, &why), ==, -EPERM);
	g_assert_cmpstr(why, ==, expected);
	l_free(why);
}

static void test_missing_directory(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_plugin *plugin = NULL;
	char *why = NULL;

	g_assert_cmpint(try_load("/nonexistent", "echo", &plugin, &why), ==, -ENOENT);
	g_assert_cmpstr(why, ==, "/nonexistent: cannot be opened: No such file or directory");
	l_free(why);
}

static void test_kinds_of_file(struct scene *scene, gconstpointer unused)
{
	install(scene, "echo", "real", 0644);
	g_assert_cmpint(symlink("real.so", scratch_path(scene->directory, "echo.so")), ==, 0);
	refuse(scene, "echo", -ELOOP, "a symbolic link, expected a regular file");
	g_assert_cmpint(mkdir(scratch_path(scene->directory, "dir.so"), 0755), ==, 0);
	refuse(scene, "dir", -EPERM, "not a regular file");
	g_assert_cmpint(mkfifo(scratch_path(scene->directory, "fifo.so"), 0644), ==, 0);
	refuse(scene, "fifo", -EPERM, "not a regular file");
}

static void test_not_elf(struct scene *scene, gconstpointer unused)
{
	scratch_write(scene->directory, "text.so",
		      "not an object, but long enough to be read as "
		      "the header of one, which it is not\n");
	refuse(scene, "text", -ENOEXEC, "invalid ELF header");
	scratch_write(scene->directory, "empty.so", "");
	refuse(scene, "empty", -ENOEXEC, "file too short");
}

static void test_not_ours(struct scene *scene, gconstpointer unused)
{
	static const struct {
		const char *name, *expected;
	} cases[] = {
		{"wrong-abi", "built for plugin ABI 1, this mptcpd has 2: it has to be built again "
			      "with its <mptcpd/plugin.h>"},
		{"needy", "needs what this mptcpd has not (needs 0x4)"},
		{"bad-choice", "its setting 'choice' has no proper default or help"},
		{"choiceless", "its setting 'choice' has no proper words"},
		{"later-setting", "its setting 'choice' asks for what this mptcpd does not know"},
		{"misnamed", "calls itself 'other', expected 'misnamed'"},
		{"symbolless", "not a plugin: no symbol mptcpd_plugin"},
		{"greedy", "wants 257 bytes of memory a connection, at most 256 are possible"},
		{"bad-default", "its setting 'number' has no proper default or help"},
		{"bad-setting", "its setting 'match-side' has a reserved name"},
		{"same-setting", "declares its setting 'bool' twice"},
		{"planless", "plans neither paths nor endpoints"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		install(scene, cases[i].name, cases[i].name, 0644);
		refuse(scene, cases[i].name, -ENOEXEC, cases[i].expected);
	}
}

/* One of a few bytes, and one of before this ABI was what it is, though its number is the same. */
static void test_short(struct scene *scene, gconstpointer unused)
{
	static const struct {
		const char *name;
		size_t size;
	} cases[] = {{"short", 16}, {"before", offsetof(struct mptcpd_plugin, needs)}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *expected = g_strdup_printf(
			"struct mptcpd_plugin of %zu bytes, expected at least %zu: it has to be "
			"built again with mptcpd's <mptcpd/plugin.h>",
			cases[i].size, sizeof(struct mptcpd_plugin));

		install(scene, cases[i].name, cases[i].name, 0644);
		refuse(scene, cases[i].name, -ENOEXEC, expected);
	}
}

static void test_undefined(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_plugin *plugin = NULL;
	char *why = NULL;

	install(scene, "undefined", "undefined", 0644);
	g_assert_cmpint(try_load(scene->directory, "undefined", &plugin, &why), ==, -ENOEXEC);
	g_assert_nonnull(strstr(why, "undefined.so: undefined symbol: mptcpd_nowhere_defined"));
	l_free(why);
}

static void test_hard_link(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_plugin *plugin;

	install(scene, "echo", "echo", 0644);
	plugin = load(scene, "echo");
	g_assert_cmpint(link(scratch_path(scene->directory, "echo.so"),
			     scratch_path(scene->directory, "alias.so")),
			==, 0);
	refuse(scene, "alias", -ENOEXEC, "calls itself 'echo', expected 'alias'");
	loader_unload(plugin);
}

/* What is behind the structure of the plugin, nobody looks at. */
static void test_first(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_plugin *plugin;

	install(scene, "first", "first", 0644);
	plugin = load(scene, "first");
	g_assert_cmpuint(plugin->needs, ==, MPTCPD_NEED_MEASURES);
	g_assert_nonnull(plugin->plan_paths);
	loader_unload(plugin);
}

static void test_later(struct scene *scene, gconstpointer unused)
{
	const struct mptcpd_plugin *plugin;

	install(scene, "later", "later", 0644);
	plugin = load(scene, "later");
	g_assert_cmpuint(plugin->size, >, sizeof(*plugin));
	g_assert_cmpuint(plugin->needs, ==, MPTCPD_NEED_MEASURES);
	g_assert_nonnull(plugin->plan_paths);
	loader_unload(plugin);
}

#define ADD(name, func) g_test_add("/loader/" name, struct scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	fixtures = argv[1];
	ADD("loads-and-counts", test_loads);
	ADD("replaced-file-is-loaded-anew", test_replaced_file);
	ADD("file-written-over-in-place-changes-nothing-loaded", test_written_over);
	ADD("cut-off-file-is-refused", test_cut_off);
	ADD("too-long-file-is-refused", test_too_long);
	ADD("what-is-loaded-is-sealed", test_sealed);
	ADD("missing-is-refused", test_missing);
	ADD("names-that-are-paths-are-refused", test_bad_names);
	ADD("writable-by-others-is-refused", test_writable);
	ADD("owned-by-others-is-refused", test_owner);
	ADD("directory-writable-by-others-is-refused", test_writable_directory);
	ADD("missing-directory-is-told", test_missing_directory);
	ADD("links-directories-and-pipes-are-refused", test_kinds_of_file);
	ADD("what-is-no-object-is-refused", test_not_elf);
	ADD("what-is-not-for-us-is-refused", test_not_ours);
	ADD("short-structure-is-refused", test_short);
	ADD("structure-of-the-first-version-is-taken", test_first);
	ADD("structure-of-a-later-version-is-taken", test_later);
	ADD("unresolved-symbol-is-refused", test_undefined);
	ADD("one-file-under-two-names-is-refused", test_hard_link);
	return g_test_run();
}
