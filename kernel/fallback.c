/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fallback.h"

#include <inttypes.h>
#include <stdio.h>

#include "netstat.h"

#define COUNTERS_MAX 8

static const char *const counters[][COUNTERS_MAX] = {
	[FALLBACK_SYN] = {"MPCapableSYNTXDrop", "MPCapableSYNTXDisabled", "Blackhole"},
	[FALLBACK_ANSWER] = {"MPCapableFallbackSYNACK", "MD5SigFallback", "SimultConnectFallback"},
	[FALLBACK_LATER] = {"MPCapableDataFallback", "DssFallback", "DSSCorruptionFallback",
			    "DataCsumErr", "InfiniteMapTx", "InfiniteMapRx", "MPFailTx",
			    "MPFailRx"},
};

int fallback_count(enum fallback when, char *ret_text, size_t size)
{
	const char *const *names = counters[when];
	uint64_t values[COUNTERS_MAX];
	size_t n = 0, length = 0;
	int r;

	while (n < COUNTERS_MAX && names[n])
		n++;
	r = netstat_read(names, values, n);
	if (r < 0)
		return r;
	*ret_text = '\0';
	for (size_t i = 0; i < n; i++)
		if (values[i] && length < size)
			length +=
				(size_t)snprintf(ret_text + length, size - length, "%s%s %" PRIu64,
						 length ? ", " : "", names[i], values[i]);
	return 0;
}
