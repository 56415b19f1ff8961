/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scratch.h"

#include <ftw.h>
#include <glib/gstdio.h>
#include <unistd.h>

static GStringChunk *paths;

char *scratch_new(void)
{
	/* In memory where there is such a place: what is tested is not the disk. */
	char *scratch = g_mkdtemp(g_strdup("/dev/shm/mptcpd-test-XXXXXX"));

	if (!scratch)
		scratch = g_dir_make_tmp("mptcpd-test-XXXXXX", NULL);
	g_assert_nonnull(scratch);
	g_assert_null(paths);
	paths = g_string_chunk_new(256);
	return scratch;
}

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void scratch_free(char *scratch)
{
	g_assert_cmpint(nftw(scratch, on_entry, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
	g_clear_pointer(&paths, g_string_chunk_free);
	g_free(scratch);
}

const char *scratch_path(const char *scratch, const char *name)
{
	g_autofree char *path = g_build_filename(scratch, name, NULL);

	return g_string_chunk_insert(paths, path);
}

static const char *write_bytes(const char *scratch, const char *name, const char *bytes, gsize size,
			       mode_t mode)
{
	const char *path = scratch_path(scratch, name);
	g_autofree char *directory = g_path_get_dirname(path);

	g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
	g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
	g_assert_cmpint(g_chmod(path, mode), ==, 0);
	return path;
}

const char *scratch_write(const char *scratch, const char *name, const char *text)
{
	return write_bytes(scratch, name, text, strlen(text), 0644);
}

const char *scratch_copy(const char *scratch, const char *name, const char *from, mode_t mode)
{
	g_autofree char *bytes = NULL;
	gsize size = 0;

	g_assert_true(g_file_get_contents(from, &bytes, &size, NULL));
	return write_bytes(scratch, name, bytes, size, mode);
}
