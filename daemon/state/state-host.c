/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of the host, in the format of the first build, so that each reads that of any other.
 * What more a build may want to keep of the host goes behind these bytes, where no earlier one looks.
 */
#include <errno.h>

#include "bytes.h"
#include "engine.h"
#include "state-record.h"

static void put_limits(struct writer *writer, const struct event_limits *limits)
{
	put_u32(writer, limits->subflows);
	put_u32(writer, limits->add_addr_accepted);
}

static struct event_limits take_limits(struct reader *reader)
{
	struct event_limits limits;

	limits.subflows = take_u32(reader);
	limits.add_addr_accepted = take_u32(reader);
	return limits;
}

size_t record_encode_host(const struct state_host *host, uint8_t bytes[static RECORD_HOST_MAX])
{
	struct writer writer = {bytes, bytes + RECORD_HOST_MAX};

	put_u8(&writer, host->path_manager);
	put_u8(&writer, host->has_limits);
	put_limits(&writer, &host->limits_before);
	put_limits(&writer, &host->limits_set);
	put_u16(&writer, (unsigned int)host->n_endpoints);
	for (size_t i = 0; i < host->n_endpoints; i++) {
		const struct event_endpoint *endpoint = &host->endpoints[i];

		put_addr(&writer, &endpoint->addr);
		put_u32(&writer, endpoint->flags);
		put_u32(&writer, endpoint->ifindex);
		put_u8(&writer, endpoint->id);
	}
	return (size_t)(writer.at - bytes);
}

int record_decode_host(const uint8_t *bytes, size_t size, struct state_host *ret_host)
{
	struct reader reader = {bytes, bytes + size, false};
	struct state_host host = {0};

	host.path_manager = take_u8(&reader, PATH_MANAGER_USERSPACE);
	host.has_limits = take_u8(&reader, 1);
	host.limits_before = take_limits(&reader);
	host.limits_set = take_limits(&reader);
	host.n_endpoints = take_u16(&reader, RECORD_ENDPOINTS_MAX);
	for (size_t i = 0; i < host.n_endpoints && !reader.bad; i++) {
		host.endpoints[i].addr = take_addr(&reader);
		host.endpoints[i].flags = take_u32(&reader);
		host.endpoints[i].ifindex = take_u32(&reader);
		host.endpoints[i].id = take_u8(&reader, UINT8_MAX);
	}
	if (reader.bad || reader.at != reader.end)
		return -EBADMSG;
	*ret_host = host;
	return 0;
}

size_t record_encode_host_more(const struct state_host *host,
			       uint8_t bytes[static RECORD_HOST_MORE_MAX])
{
	struct writer writer = {bytes, bytes + RECORD_HOST_MORE_MAX};

	put_u8(&writer, host->deny_join);
	put_u8(&writer, host->limits_held);
	return (size_t)(writer.at - bytes);
}

void record_decode_host_more(const uint8_t *bytes, size_t size, struct state_host *host)
{
	struct reader reader = {bytes, bytes + size, false};

	host->deny_join = take_u8(&reader, DENY_JOIN_YES);
	host->limits_held = take_u8(&reader, ENGINE_LIMIT_ALL);
}
