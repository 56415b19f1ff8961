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

static int start(const struct mptcpd_value *values, void **data)
{
	struct fixture *fixture;

	if (FIXTURE_START_ERROR)
		return FIXTURE_START_ERROR;
	fixture = calloc(1, sizeof(*fixture));
	if (!fixture)
		return -ENOMEM;
	memcpy(fixture->values, values, sizeof(fixture->values));
	*data = fixture;
	count(FIXTURE_STARTS);
	return 0;
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
};
