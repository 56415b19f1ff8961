/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a netlink message, for every decoder. The first byte says which, the rest is the
 * message, aligned as the kernel's are. A decoder that refuses leaves its value untouched, and an
 * event that it makes is one that the model may be given.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "event.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define NOW_MS 1000000

static void require(bool condition)
{
	if (!condition)
		abort();
}

static int on_diag_subflow(const void *message, size_t size, struct event *ret_event)
{
	return codec_diag_subflow(message, size, NOW_MS, ret_event);
}

typedef int event_decoder(const void *message, size_t size, struct event *ret_event);

static event_decoder *const event_decoders[] = {
	codec_pm_event, codec_pm_reply, codec_link_event, codec_diag_connection, on_diag_subflow,
};

#define N_EVENT_DECODERS (sizeof(event_decoders) / sizeof(event_decoders[0]))

static void check_addr(const struct mptcpd_addr *addr)
{
	require(addr->family == 0 || addr->family == AF_INET || addr->family == AF_INET6);
}

/* Families of a pair are the same, those of what has no address are 0. */
static void check_pair(const struct mptcpd_addr *local, const struct mptcpd_addr *remote)
{
	check_addr(local);
	require(local->family == remote->family);
}

static void check_event(const struct event *event)
{
	switch ((unsigned int)event->type) {
	case EVENT_SNAPSHOT_SUBFLOW:
	case EVENT_SUBFLOW_ESTABLISHED:
	case EVENT_SUBFLOW_CLOSED:
	case EVENT_SUBFLOW_PRIORITY:
		check_pair(&event->subflow.local, &event->subflow.remote);
		require(event->subflow.local.family);
		break;
	case EVENT_SNAPSHOT_CONNECTION:
	case EVENT_CONNECTION_CREATED:
	case EVENT_CONNECTION_ESTABLISHED:
		check_pair(&event->connection.local, &event->connection.remote);
		break;
	case EVENT_ADDRESS_ANNOUNCED:
		check_addr(&event->peer_address.addr);
		require(event->peer_address.addr.family);
		break;
	}
}

static void decode_event(event_decoder *decode, const void *message, size_t size)
{
	struct event event, before;
	int r;

	memset(&event, 0xa5, sizeof(event));
	before = event;
	r = decode(message, size, &event);
	require(r == 0 || r == -EBADMSG || r == CODEC_UNKNOWN || r == CODEC_IGNORED);
	if (r != 0)
		require(memcmp(&event, &before, sizeof(event)) == 0);
	else
		require(event.type != before.type);
	if (r == 0)
		check_event(&event);
}

/* Hop by hop, which comes to an end. */
static void decode_hops(const void *message, size_t size)
{
	struct event event;
	size_t hop = 0;
	int r;

	while ((r = codec_routing_event(message, size, hop, &event)) >= 0) {
		require(++hop <= size);
		if (r == 0 && event.type == EVENT_ROUTE)
			check_addr(&event.route.gateway);
		if (r == 0 && event.type == EVENT_RULE)
			check_addr(&event.rule.from);
	}
	require(r == -EBADMSG || r == -ENOENT);
}

static void decode_other(unsigned int which, const void *message, size_t size)
{
	char text[CODEC_TEXT_SIZE] = "";
	struct codec_neighbour neighbour;
	struct codec_family family;
	struct codec_route route;
	bool has_mark;
	int error = 0;

	switch (which % 6) {
	case 0:
		codec_family(message, size, &family);
		break;
	case 1:
		if (codec_ack(message, size, &error, text) == 0)
			require(error <= 0 && memchr(text, 0, sizeof(text)));
		break;
	case 2:
		if (codec_route(message, size, &route) == 0) {
			check_addr(&route.net);
			check_addr(&route.source);
			require(route.prefix <= 128);
		}
		break;
	case 3:
		codec_rule(message, size, &has_mark);
		break;
	case 4:
		if (codec_neighbour(message, size, &neighbour) == 0)
			check_addr(&neighbour.addr);
		break;
	case 5:
		decode_hops(message, size);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct nlmsghdr *message;
	size_t room;

	if (size < 1)
		return 0;
	/* Of its own, so that a byte too far is seen. */
	room = size - 1 < sizeof(*message) ? sizeof(*message) : size - 1;
	message = calloc(1, room);
	require(message);
	memcpy(message, bytes + 1, size - 1);
	/* The socket hands on whole messages alone. */
	message->nlmsg_len = (uint32_t)room;
	if (bytes[0] < N_EVENT_DECODERS)
		decode_event(event_decoders[bytes[0]], message, room);
	else
		decode_other(bytes[0], message, room);
	free(message);
	return 0;
}
