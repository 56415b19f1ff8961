/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The events of mptcp_pm. Ports are in network order here, unlike those of its commands. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>

#include "codec.h"
#include "uapi.h"
#include "hot.h"

#define ATTR_MAX MPTCP_ATTR_SERVER_SIDE

/* Both ends of a subflow, of one family; family 0 if absent, but then both. */
HOT static int decode_pair(const struct nlattr *const *attrs, struct mptcpd_addr *ret_local,
			   struct mptcpd_addr *ret_remote, bool *ret_mapped)
{
	uint16_t family, sport, dport;
	bool ip6 = attrs[MPTCP_ATTR_SADDR6] || attrs[MPTCP_ATTR_DADDR6];
	bool ip4 = attrs[MPTCP_ATTR_SADDR4] || attrs[MPTCP_ATTR_DADDR4];

	if (codec_u16(attrs[MPTCP_ATTR_FAMILY], ip6 ? AF_INET6 : AF_INET, &family) < 0 ||
	    codec_u16(attrs[MPTCP_ATTR_SPORT], 0, &sport) < 0 ||
	    codec_u16(attrs[MPTCP_ATTR_DPORT], 0, &dport) < 0)
		return -EBADMSG;
	if ((ip4 && ip6) || (ip4 && family != AF_INET) || (ip6 && family != AF_INET6))
		return -EBADMSG;
	if (codec_addr(attrs[MPTCP_ATTR_SADDR4], attrs[MPTCP_ATTR_SADDR6], ntohs(sport), ret_local,
		       ret_mapped) < 0 ||
	    codec_addr(attrs[MPTCP_ATTR_DADDR4], attrs[MPTCP_ATTR_DADDR6], ntohs(dport), ret_remote,
		       ret_mapped) < 0)
		return -EBADMSG;
	return ret_local->family == ret_remote->family ? 0 : -EBADMSG;
}

HOT static int decode_connection(const struct nlattr *const *attrs, struct event_connection *ret)
{
	uint8_t server;
	uint16_t flags;

	if (decode_pair(attrs, &ret->local, &ret->remote, &ret->mapped) < 0 ||
	    codec_u8(attrs[MPTCP_ATTR_SERVER_SIDE], 0, &server) < 0 ||
	    codec_u16(attrs[MPTCP_ATTR_FLAGS], 0, &flags) < 0)
		return -EBADMSG;
	ret->side = server == 1 || (flags & UAPI_EVENT_FLAG_SERVER_SIDE) ? MPTCPD_SIDE_SERVER
									 : MPTCPD_SIDE_CLIENT;
	ret->deny_join_id0 = flags & MPTCP_PM_EV_FLAG_DENY_JOIN_ID0;
	return 0;
}

static int decode_subflow(const struct nlattr *const *attrs, struct event_subflow *ret)
{
	uint8_t backup;
	uint32_t reason;

	if (decode_pair(attrs, &ret->local, &ret->remote, &ret->mapped) < 0 ||
	    codec_u8(attrs[MPTCP_ATTR_LOC_ID], 0, &ret->local_id) < 0 ||
	    codec_u8(attrs[MPTCP_ATTR_REM_ID], 0, &ret->remote_id) < 0 ||
	    codec_u8(attrs[MPTCP_ATTR_BACKUP], 0, &backup) < 0 ||
	    codec_u8(attrs[MPTCP_ATTR_ERROR], 0, &ret->error) < 0 ||
	    codec_u32(attrs[MPTCP_ATTR_RESET_REASON], 0, &reason) < 0 ||
	    codec_ifindex(attrs[MPTCP_ATTR_IF_IDX], &ret->ifindex) < 0)
		return -EBADMSG;
	/* Its addresses are what a subflow is known by. */
	if (ret->local.family == 0)
		return -EBADMSG;
	ret->peer_backup = backup != 0;
	/* Four bits on the wire, RFC 8684 section 3.6. */
	ret->reset = attrs[MPTCP_ATTR_RESET_REASON] ? 1 + (reason & 0xf) : 0;
	return 0;
}

static int decode_peer_address(const struct nlattr *const *attrs, bool with_addr,
			       struct event_peer_address *ret)
{
	uint16_t port;
	bool mapped;

	if (!attrs[MPTCP_ATTR_REM_ID] || codec_u8(attrs[MPTCP_ATTR_REM_ID], 0, &ret->id) < 0)
		return -EBADMSG;
	if (!with_addr)
		return 0;
	/* There is no FAMILY here. */
	if (codec_u16(attrs[MPTCP_ATTR_DPORT], 0, &port) < 0 ||
	    codec_addr(attrs[MPTCP_ATTR_DADDR4], attrs[MPTCP_ATTR_DADDR6], ntohs(port), &ret->addr,
		       &mapped) < 0)
		return -EBADMSG;
	return ret->addr.family ? 0 : -EBADMSG;
}

static int decode_listener(const struct nlattr *const *attrs, struct event_listener *ret)
{
	uint16_t port;
	bool mapped;

	if (codec_u16(attrs[MPTCP_ATTR_SPORT], 0, &port) < 0 ||
	    codec_addr(attrs[MPTCP_ATTR_SADDR4], attrs[MPTCP_ATTR_SADDR6], ntohs(port), &ret->addr,
		       &mapped) < 0)
		return -EBADMSG;
	return ret->addr.family && port ? 0 : -EBADMSG;
}

/* The event's own type, or CODEC_UNKNOWN as a negative: -1 is no event type. */
HOT static int event_type(uint8_t command)
{
	switch (command) {
	case MPTCP_EVENT_CREATED:
		return EVENT_CONNECTION_CREATED;
	case MPTCP_EVENT_ESTABLISHED:
		return EVENT_CONNECTION_ESTABLISHED;
	case MPTCP_EVENT_CLOSED:
		return EVENT_CONNECTION_CLOSED;
	case MPTCP_EVENT_ANNOUNCED:
		return EVENT_ADDRESS_ANNOUNCED;
	case MPTCP_EVENT_REMOVED:
		return EVENT_ADDRESS_REMOVED;
	case MPTCP_EVENT_SUB_ESTABLISHED:
		return EVENT_SUBFLOW_ESTABLISHED;
	case MPTCP_EVENT_SUB_CLOSED:
		return EVENT_SUBFLOW_CLOSED;
	case MPTCP_EVENT_SUB_PRIORITY:
		return EVENT_SUBFLOW_PRIORITY;
	case UAPI_EVENT_LISTENER_CREATED:
		return EVENT_LISTENER_CREATED;
	case UAPI_EVENT_LISTENER_CLOSED:
		return EVENT_LISTENER_CLOSED;
	}
	return -1;
}

HOT static int decode_body(const struct nlattr *const *attrs, struct event *event)
{
	/* All event types that event_type() does not make are of other families. */
	if (event->type == EVENT_LISTENER_CREATED || event->type == EVENT_LISTENER_CLOSED)
		return decode_listener(attrs, &event->listener);
	if (codec_u32(attrs[MPTCP_ATTR_TOKEN], 0, &event->token) < 0 || event->token == 0)
		return -EBADMSG;
	if (event->type == EVENT_CONNECTION_CLOSED)
		return 0;
	if (event->type == EVENT_CONNECTION_CREATED || event->type == EVENT_CONNECTION_ESTABLISHED)
		return decode_connection(attrs, &event->connection);
	if (event->type == EVENT_ADDRESS_ANNOUNCED || event->type == EVENT_ADDRESS_REMOVED)
		return decode_peer_address(attrs, event->type == EVENT_ADDRESS_ANNOUNCED,
					   &event->peer_address);
	return decode_subflow(attrs, &event->subflow);
}

HOT static bool is_event(const void *message, int size, uint8_t command)
{
	const struct genlmsghdr *genl = (const void *)((const char *)message + MNL_NLMSG_HDRLEN);

	return size >= (int)(MNL_NLMSG_HDRLEN + sizeof(*genl)) && genl->cmd == command;
}

HOT bool codec_is_established(const void *message, int size)
{
	return is_event(message, size, MPTCP_EVENT_ESTABLISHED);
}

bool codec_is_closed(const void *message, int size)
{
	return is_event(message, size, MPTCP_EVENT_CLOSED);
}

HOT int codec_pm_event(const void *message, size_t size, struct event *ret_event)
{
	const struct nlattr *attrs[ATTR_MAX + 1];
	const struct genlmsghdr *genl = (const void *)((const char *)message + MNL_NLMSG_HDRLEN);
	struct event event;
	int type;

	if (codec_message(message, size, sizeof(*genl), attrs, ATTR_MAX) < 0)
		return -EBADMSG;
	type = event_type(genl->cmd);
	if (type < 0)
		return CODEC_UNKNOWN;
	memset(&event, 0, sizeof(event));
	event.type = (enum event_type)type;
	if (decode_body(attrs, &event) < 0)
		return -EBADMSG;
	*ret_event = event;
	return 0;
}
