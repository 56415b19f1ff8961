/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One daemon a runtime directory. */
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "claim.h"

static void test_claim(void)
{
	g_autofree char *directory = g_dir_make_tmp("mptcpd-XXXXXX", NULL);
	g_autofree char *lock = g_strdup_printf("%s/lock", directory);
	int in[2], out[2], fd, status;
	pid_t child, other = 0;
	char byte = 0;

	g_assert_no_errno(pipe(in));
	g_assert_no_errno(pipe(out));
	child = fork();
	if (child == 0) {
		byte = claim_directory(directory, &other) >= 0 ? 'y' : 'n';
		if (write(out[1], &byte, 1) != 1 || read(in[0], &byte, 1) != 1)
			_exit(1);
		_exit(0);
	}
	g_assert_cmpint(read(out[0], &byte, 1), ==, 1);
	g_assert_cmpint(byte, ==, 'y');
	g_assert_cmpint(claim_directory(directory, &other), ==, -EBUSY);
	g_assert_cmpint(other, ==, child);
	g_assert_cmpint(write(in[1], "", 1), ==, 1);
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	fd = claim_directory(directory, &other);
	g_assert_cmpint(fd, >=, 0);
	close(fd);
	g_unlink(lock);
	g_rmdir(directory);
	for (size_t i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

/* What is no file has no lock, and must not keep us waiting. */
static void test_claim_of_a_pipe(void)
{
	g_autofree char *directory = g_dir_make_tmp("mptcpd-XXXXXX", NULL);
	g_autofree char *lock = g_strdup_printf("%s/lock", directory);
	pid_t other;

	g_assert_no_errno(mkfifo(lock, 0600));
	g_assert_cmpint(claim_directory(directory, &other), ==, -ENOTSUP);
	g_unlink(lock);
	g_rmdir(directory);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/claim/second-is-refused-with-the-first-ones-pid", test_claim);
	g_test_add_func("/claim/what-is-no-file-is-told", test_claim_of_a_pipe);
	return g_test_run();
}
