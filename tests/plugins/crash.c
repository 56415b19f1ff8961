/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy that plans as it should, until it crashes where and how its settings say. */
#include <mptcpd/plugin.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef CRASH_NAME
#define CRASH_NAME "crash"
#endif

enum { IN, HOW, PORT, COUNTER, AFTER, SETTINGS };

static const struct mptcpd_setting settings[SETTINGS] = {
	[IN] = {"in", MPTCPD_SETTING_STRING, "", "start, stop, plan_paths, plan_endpoints; none"},
	[HOW] = {"how", MPTCPD_SETTING_STRING, "segv",
		 "segv, abort, hang, exit, vanish, garbage, stack, eat"},
	[PORT] = {"port", MPTCPD_SETTING_NUMBER, "0", "of connections to crash on; 0: of all", 0,
		  65535},
	[COUNTER] = {"counter", MPTCPD_SETTING_STRING, "", "a file that grows by a byte a call"},
	[AFTER] = {"after", MPTCPD_SETTING_NUMBER, "0", "calls that go well, by the counter"},
};

static struct mptcpd_value values[SETTINGS];

static int dig(volatile char *above)
{
	volatile char here[4096];

	here[0] = above ? above[0] : 0;
	return here[0] ? 0 : dig(here) + here[0];
}

/* The calls before this one. */
static uint64_t count(void)
{
	int fd = open(values[COUNTER].string, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct stat st = {0};

	if (fd < 0)
		return UINT64_MAX;
	if (fstat(fd, &st) == 0 && write(fd, "x", 1) != 1)
		st.st_size = 0;
	close(fd);
	return (uint64_t)st.st_size;
}

/* Keeps everybody waiting for twice as long as is told of. */
static void be_slow(void)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += 20000000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

static void crash(const char *in, struct mptcpd_plan *plan)
{
	const char *how = values[HOW].string;
	volatile uintptr_t nowhere = 8;

	if (strcmp(values[IN].string, in) != 0)
		return;
	if (*values[COUNTER].string && count() < values[AFTER].number)
		return;
	if (strcmp(how, "segv") == 0)
		*(volatile int *)nowhere = 1;
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "exit") == 0)
		exit(0);
	if (strcmp(how, "vanish") == 0)
		_exit(0);
	if (strcmp(how, "garbage") == 0 && plan)
		plan->add_path(plan, (const struct mptcpd_path *)nowhere);
	while (strcmp(how, "eat") == 0) {
		char *food = malloc(1 << 20);

		if (!food)
			abort();
		memset(food, 1, 1 << 20);
	}
	if (strcmp(how, "slow") == 0)
		be_slow();
	if (strcmp(how, "stack") == 0)
		dig(NULL);
	while (strcmp(how, "hang") == 0)
		pause();
}

static int start(const struct mptcpd_start *given, void **data)
{
	for (size_t i = 0; i < SETTINGS; i++)
		values[i] = *mptcpd_get_value(given, i);
	crash("start", NULL);
	return 0;
}

static void stop(void *data)
{
	crash("stop", NULL);
}

static void plan_endpoints(void *data, const struct mptcpd_view *view, struct mptcpd_plan *plan)
{
	const struct mptcpd_local *local;

	crash("plan_endpoints", plan);
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++) {
		struct mptcpd_endpoint endpoint = {.addr = local->addr,
						   .flags = MPTCPD_FLAG_SUBFLOW,
						   .ifindex = local->ifindex};

		plan->add_endpoint(plan, &endpoint);
	}
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_local *local;

	if (!values[PORT].number || values[PORT].number == connection->remote.port ||
	    values[PORT].number == connection->local.port)
		crash("plan_paths", plan);
	if (connection->side != MPTCPD_SIDE_CLIENT)
		return;
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++) {
		struct mptcpd_path path = {.local = local->addr,
					   .remote = connection->remote,
					   .ifindex = local->ifindex};

		if (path.local.family == path.remote.family &&
		    view->routable(view, local, &path.remote))
			plan->add_path(plan, &path);
	}
}

#ifdef CRASH_LOAD
__attribute__((constructor)) static void crash_at_once(void)
{
	abort();
}
#endif

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
#ifdef CRASH_NAMELESS
	.name = (const char *)8,
#else
	.name = CRASH_NAME,
#endif
	.summary = "for tests",
	.settings = settings,
	.n_settings = SETTINGS,
	.start = start,
	.stop = stop,
	.plan_endpoints = plan_endpoints,
	.plan_paths = plan_paths,
};
