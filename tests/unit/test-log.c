/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What logging takes of descriptors. Each test is a process of its own: the log is one for all of it. */
#include "log.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define MOST 256

static size_t n_told;

/* As libsystemd: its socket is opened by the first message, and kept. */
int sd_journal_sendv(const struct iovec *fields, int n)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	n_told++;
	return 0;
}

static size_t count_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < MOST; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Is this the process of its own? In the other one, which started it, all is judged by then. */
static bool is_apart(void)
{
	if (g_test_subprocess())
		return true;
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
	g_test_trap_assert_passed();
	return false;
}

static void same_number(void)
{
	size_t n;

	if (!is_apart())
		return;
	log_to(LOG_PLACE_JOURNAL);
	n = count_descriptors();
	for (size_t i = 1; i <= 3; i++) {
		l_warn("one more");
		g_assert_cmpuint(n_told, ==, i);
		g_assert_cmpuint(count_descriptors(), ==, n);
	}
}

static void none_left(void)
{
	struct rlimit limit, before;
	int next;

	if (!is_apart())
		return;
	log_to(LOG_PLACE_JOURNAL);
	next = dup(STDERR_FILENO);
	g_assert_no_errno(next);
	close(next);
	g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &before));
	limit = before;
	limit.rlim_cur = (rlim_t)next;
	g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &limit));
	g_assert_cmpint(dup(STDERR_FILENO), ==, -1);
	l_warn("no descriptor is left");
	g_assert_cmpuint(n_told, ==, 1);
	/* What a sanitizer does at the end takes some. */
	g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &before));
}

static void while_starting(void)
{
	size_t n;

	if (!is_apart())
		return;
	log_to(LOG_PLACE_STREAM);
	log_about(L_LOG_WARNING, &(struct log_about){.token = 1}, "it starts");
	g_assert_cmpuint(n_told, ==, 1);
	n = count_descriptors();
	log_to(LOG_PLACE_JOURNAL);
	log_to(LOG_PLACE_JOURNAL);
	l_warn("it runs");
	g_assert_cmpuint(n_told, ==, 2);
	g_assert_cmpuint(count_descriptors(), ==, n);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log/journal/the-first-message-takes-no-descriptor-more", same_number);
	g_test_add_func("/log/journal/that-no-descriptor-is-left-is-told", none_left);
	g_test_add_func("/log/journal/what-a-start-has-opened-is-used", while_starting);
	return g_test_run();
}
