/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the counters say of a black hole, and the counters themselves. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "blackhole.h"
#include "netstat.h"

#define HOUR 3600000U

static struct blackhole hole;
static struct blackhole_facts facts;
static uint64_t now_ms;

static enum blackhole_news look(void)
{
	return blackhole_look(&hole, &facts, now_ms);
}

/* A life that begins with so many found before it. */
static void begin(uint64_t found)
{
	hole = (struct blackhole){0};
	facts = (struct blackhole_facts){.found = found, .timeout_ms = HOUR};
	now_ms = 1000;
	g_assert_cmpint(look(), ==, BLACKHOLE_SAME);
}

static void assert_until(uint64_t wanted_ms)
{
	uint64_t until_ms = 0;

	g_assert_true(hole.active);
	g_assert_true(blackhole_until(&hole, &until_ms));
	g_assert_cmpuint(until_ms, ==, wanted_ms);
}

static void one(void)
{
	uint64_t until_ms;

	begin(0);
	g_assert_false(hole.active || blackhole_until(&hole, &until_ms));
	now_ms = 5000;
	facts.found++;
	g_assert_cmpint(look(), ==, BLACKHOLE_BEGAN);
	g_assert_cmpuint(hole.since_ms, ==, 5000);
	assert_until(5000 + HOUR);
	now_ms += HOUR - 1;
	facts.spared += 3;
	g_assert_cmpint(look(), ==, BLACKHOLE_SAME);
	now_ms++;
	g_assert_cmpint(look(), ==, BLACKHOLE_ENDED);
	g_assert_false(hole.active || hole.has_since);
	g_assert_cmpint(look(), ==, BLACKHOLE_SAME);
}

static void several(void)
{
	begin(0);
	facts.found = 3; /* three applications at once */
	g_assert_cmpint(look(), ==, BLACKHOLE_BEGAN);
	assert_until(1000 + 4 * HOUR);
	now_ms += 4 * HOUR;
	g_assert_cmpint(look(), ==, BLACKHOLE_ENDED);
	facts.found++;
	now_ms += 7;
	g_assert_cmpint(look(), ==, BLACKHOLE_BEGAN);
	g_assert_cmpuint(hole.since_ms, ==, now_ms);
	assert_until(now_ms + 8 * HOUR);
	facts.found += 100;
	now_ms += 1000;
	look();
	g_assert_cmpuint(hole.since_ms, ==, now_ms - 1000);
	assert_until(now_ms + 64 * HOUR);
}

static void anew(void)
{
	begin(0);
	facts.found = 2;
	look();
	now_ms += 2 * HOUR;
	look();
	facts.accepted++;
	g_assert_cmpint(look(), ==, BLACKHOLE_SAME);
	facts.found++;
	look();
	assert_until(now_ms + HOUR);
	/* one that was on its way gets through: it is on again at once */
	facts.accepted++;
	g_assert_cmpint(look(), ==, BLACKHOLE_ENDED);
	/* both between two looks */
	facts.accepted += 50;
	facts.spared += 2;
	facts.found++;
	g_assert_cmpint(look(), ==, BLACKHOLE_BEGAN);
	assert_until(now_ms + HOUR);
	/* it ends, and others were spared before */
	facts.spared++;
	facts.accepted++;
	g_assert_cmpint(look(), ==, BLACKHOLE_ENDED);
}

static void before_us(void)
{
	uint64_t until_ms;

	begin(4);
	g_assert_false(hole.active);
	facts.spared++;
	g_assert_cmpint(look(), ==, BLACKHOLE_BEGAN);
	g_assert_true(hole.active && !hole.has_since && !blackhole_until(&hole, &until_ms));
	/* another one: since then surely, but how many there were before nobody knows */
	facts.found++;
	g_assert_cmpint(look(), ==, BLACKHOLE_SAME);
	g_assert_true(hole.active && hole.has_since && !blackhole_until(&hole, &until_ms));
	facts.accepted++;
	g_assert_cmpint(look(), ==, BLACKHOLE_ENDED);
	facts.found++;
	look();
	assert_until(now_ms + HOUR);
}

static void settings(void)
{
	begin(0);
	facts.found++;
	look();
	facts.timeout_ms = 60000; /* the kernel counts anew from when it was found */
	look();
	assert_until(1000 + 60000);
	facts.timeout_ms = 0;
	g_assert_cmpint(look(), ==, BLACKHOLE_ENDED);
	facts.found++;
	g_assert_cmpint(look(), ==, BLACKHOLE_SAME);
}

static void counters(void)
{
	static const char *const names[] = {"Blackhole", "MPCapableSYNACKRX", "NoSuchOne"};
	static const struct {
		const char *text;
		int result;
	} bad[] = {
		{"", -EBADMSG},
		{"MPTcpExt: Blackhole", -EBADMSG},
		{"MPTcpExt: Blackhole\nTcpExt: 1", -EBADMSG},
		{"MPTcpExt: X Blackhole\nMPTcpExt: 1\n", -EBADMSG},
		{"MPTcpExt: Blackhole\nMPTcpExt: many\n", -EBADMSG},
		{"MPTcpExt: Blackhole\nMPTcpExt: 1x\n", -EBADMSG},
	};
	uint64_t values[3] = {9, 9, 9};
	char text[] = "TcpExt: SyncookiesSent\nTcpExt: 7\n"
		      "MPTcpExt: MPCapableSYNRX MPCapableSYNACKRX Blackhole\nMPTcpExt: 1 22 333\n";

	g_assert_cmpint(netstat_parse(text, names, values, 3), ==, 0);
	g_assert_cmpuint(values[0], ==, 333);
	g_assert_cmpuint(values[1], ==, 22);
	g_assert_cmpuint(values[2], ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *copy = g_strdup(bad[i].text);

		g_test_message("%s", bad[i].text);
		g_assert_cmpint(netstat_parse(copy, names, values, 3), ==, bad[i].result);
	}
}

/* A file that can be written anew while it is open. */
static int scratch_file(const char *text)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("mptcpd-XXXXXX", &path, NULL);

	g_assert_cmpint(fd, >=, 0);
	unlink(path);
	g_assert_cmpint(pwrite(fd, text, strlen(text), 0), ==, strlen(text));
	return fd;
}

static void answers(void)
{
	struct netstat_answers files = {
		.segments_fd = scratch_file("Ip: A\nIp: 1\nTcp: InSegs RetransSegs\nTcp: 5 2\n"),
		.fd = scratch_file("TcpExt: TCPTimeouts X TCPSynRetrans\nTcpExt: 3 9 4\n"),
	};
	uint64_t missed, heard;

	g_assert_cmpint(netstat_answers(&files, &missed, &heard), ==, 0);
	g_assert_cmpuint(missed, ==, 7);
	g_assert_cmpuint(heard, ==, 5);
	g_assert_cmpint(ftruncate(files.fd, 0), ==, 0);
	g_assert_cmpint(netstat_answers(&files, &missed, &heard), ==, -EBADMSG);
	netstat_answers_close(&files);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/blackhole/answers-are-counted", answers);
	g_test_add_func("/blackhole/lasts-as-long-as-the-kernel-says", one);
	g_test_add_func("/blackhole/doubles-with-each", several);
	g_test_add_func("/blackhole/begins-anew-after-a-success", anew);
	g_test_add_func("/blackhole/before-a-start-is-not-known", before_us);
	g_test_add_func("/blackhole/follows-the-setting", settings);
	g_test_add_func("/blackhole/counters-are-found-by-name", counters);
	return g_test_run();
}
