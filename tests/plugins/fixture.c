/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One source of many small plugins, good and bad ones: meson.build says by FIXTURE_… what is
 * unusual about each.
 */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef FIXTURE_ABI
#define FIXTURE_ABI MPTCPD_PLUGIN_ABI
#endif
#ifndef FIXTURE_BYTES
#define FIXTURE_BYTES sizeof(struct mptcpd_plugin)
#endif
#ifndef FIXTURE_SYMBOL
#define FIXTURE_SYMBOL mptcpd_plugin
#endif
#ifndef FIXTURE_MEMORY
#define FIXTURE_MEMORY 0
#endif
#ifndef FIXTURE_FALLBACK
#define FIXTURE_FALLBACK "4"
#endif
#ifndef FIXTURE_FIRST
#define FIXTURE_FIRST "number"
#endif
#ifndef FIXTURE_CHOICES
#define FIXTURE_CHOICES "full one-to-one"
#endif
#ifndef FIXTURE_CHOICE_FALLBACK
#define FIXTURE_CHOICE_FALLBACK "full"
#endif
#ifndef FIXTURE_RESERVED
#define FIXTURE_RESERVED 0
#endif
#ifndef FIXTURE_NEEDS
#define FIXTURE_NEEDS 0
#endif
#ifndef FIXTURE_START_ERROR
#define FIXTURE_START_ERROR 0
#endif
#ifndef FIXTURE_PATHS
#define FIXTURE_PATHS plan_paths
#endif
#ifndef FIXTURE_ENDPOINTS
#define FIXTURE_ENDPOINTS NULL
#endif

static const struct mptcpd_setting settings[FIXTURE_SETTINGS] = {
	[FIXTURE_NUMBER] = {FIXTURE_FIRST, MPTCPD_SETTING_NUMBER, FIXTURE_FALLBACK, "help", 2, 9},
	[FIXTURE_BOOL] = {"bool", MPTCPD_SETTING_BOOL, "no", "help"},
	[FIXTURE_DURATION] = {"duration", MPTCPD_SETTING_DURATION, "1500ms", "help", 1000},
	[FIXTURE_SIZE] = {"size", MPTCPD_SETTING_SIZE, "64K", "help"},
	[FIXTURE_STRING] = {"string", MPTCPD_SETTING_STRING, "", "help"},
	[FIXTURE_ADDRESS] = {"address", MPTCPD_SETTING_ADDRESS, "", "help"},
	[FIXTURE_PREFIX] = {"prefix", MPTCPD_SETTING_PREFIX, "fd00::/8", "help"},
	[FIXTURE_PORTS] = {"ports", MPTCPD_SETTING_PORTS, "", "help"},
	[FIXTURE_WORDS] = {"words", MPTCPD_SETTING_WORDS, "one two", "help", 1, 3},
	[FIXTURE_COLOURS] = {"colours", MPTCPD_SETTING_WORDS, "", "help", .words = "red green"},
	[FIXTURE_CHOICE] = {"choice", MPTCPD_SETTING_CHOICE, FIXTURE_CHOICE_FALLBACK, "help",
			    .words = FIXTURE_CHOICES, .reserved = {FIXTURE_RESERVED}},
};

static void count(const char *name)
{
	const char *old = getenv(name);
	char text[64] = "";

	if (old && strlen(old) < sizeof(text) - 2)
		strcpy(text, old);
	strcat(text, "x");
	setenv(name, text, 1);
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct fixture *fixture;

	if (FIXTURE_START_ERROR)
		return FIXTURE_START_ERROR;
	fixture = calloc(1, sizeof(*fixture));
	if (!fixture)
		return -ENOMEM;
	for (size_t i = 0; i < FIXTURE_SETTINGS; i++)
		fixture->values[i] = *mptcpd_get_value(start, i);
	*data = fixture;
	count(FIXTURE_STARTS);
	if (fixture->values[FIXTURE_NUMBER].number == FIXTURE_BAD_NUMBER)
		start->fault(start, FIXTURE_NUMBER, "is %d, expected anything else\033[31m",
			     FIXTURE_BAD_NUMBER);
	if (fixture->values[FIXTURE_NUMBER].number == FIXTURE_BAD_ALL)
		start->fault(start, SIZE_MAX, "does not like %1000s", "this");
	return 0; /* mptcpd stops it all the same, if there was a fault */
}

static void stop(void *data)
{
	free(data);
	count(FIXTURE_STOPS);
}

__attribute__((unused)) static void plan_paths(void *data, const struct mptcpd_view *view,
					       const struct mptcpd_connection *connection,
					       struct mptcpd_plan *plan)
{
}

__attribute__((unused)) static void plan_endpoints(void *data, const struct mptcpd_view *view,
						   struct mptcpd_plan *plan)
{
#ifdef FIXTURE_UNDEFINED
	extern void mptcpd_nowhere_defined(void);

	mptcpd_nowhere_defined();
#endif
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin FIXTURE_SYMBOL = {
	.abi = FIXTURE_ABI,
	.size = FIXTURE_BYTES,
	.name = FIXTURE_NAME,
	.summary = "for tests",
	.settings = settings,
	.n_settings = FIXTURE_SETTINGS,
	.memory_size = FIXTURE_MEMORY,
	.start = start,
	.stop = stop,
	.plan_paths = FIXTURE_PATHS,
	.plan_endpoints = FIXTURE_ENDPOINTS,
	.needs = FIXTURE_NEEDS,
};
