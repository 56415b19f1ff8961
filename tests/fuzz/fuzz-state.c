/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as what an earlier life saved of a connection, and of the host. What is refused tells
 * nothing, and what is told is what the model may be given.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define TOKEN 7

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_addr(const struct mptcpd_addr *addr)
{
	require(addr->family == AF_INET || addr->family == AF_INET6);
}

static void on_event(void *data, const struct event *event)
{
	size_t *n = data;

	require(event->token == TOKEN);
	require((*n == 0) == (event->type == EVENT_SAVED_CONNECTION));
	++*n;
	if (event->type == EVENT_SAVED_SUBFLOW) {
		check_addr(&event->saved_subflow.local);
		require(event->saved_subflow.local.family == event->saved_subflow.remote.family);
	} else if (event->type == EVENT_SAVED_ANNOUNCED) {
		check_addr(&event->saved_announced.addr);
		require(event->saved_announced.id > 0);
	} else if (event->type == EVENT_SAVED_MEMORY) {
		require(event->saved_memory.offset + event->saved_memory.n <=
			event->saved_memory.size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct state_host host, before;
	uint8_t again[RECORD_HOST_MAX];
	size_t n = 0;
	int r;

	if (size > RECORD_MAX)
		return 0;
	r = record_decode(bytes, size, TOKEN, 1, on_event, &n);
	require(r == 0 || r == -EBADMSG);
	require((n > 0) == (r == 0));

	memset(&host, 0x5a, sizeof(host));
	before = host;
	r = record_decode_host(bytes, size, &host);
	require(r == 0 || r == -EBADMSG);
	if (r == 0)
		require(record_encode_host(&host, again) == size &&
			memcmp(again, bytes, size) == 0);
	else
		require(memcmp(&host, &before, sizeof(host)) == 0);
	return 0;
}
