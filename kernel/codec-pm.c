/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of mptcp_pm and the answers to them.
 *
 * Linux up to 6.6 checks strictly: nests carry NLA_F_NESTED (mnl_attr_nest_start() sets it), types
 * are exact, and nothing is sent that a command does not know. Ports are in host order.
 */
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>

#include "addr.h"
#include "codec.h"
#include "hot.h"

/* The multicast groups looked at; mptcp_pm has two. */
#define GROUPS_MAX 8

/* What the nest of one address may hold; zero is absent, but for the id. */
struct nest {
	const struct mptcpd_addr *addr; /* NULL: by id alone */
	uint32_t ifindex;
	uint32_t flags;
	uint8_t id;
	bool has_id, has_flags, mapped;
};

static struct nlmsghdr *put_header(void *buffer, uint16_t family, uint8_t command, uint8_t version)
{
	struct nlmsghdr *nlh = codec_start(buffer, family, NLM_F_ACK);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	genl->cmd = command;
	genl->version = version;
	return nlh;
}

static struct nlmsghdr *put_command(void *buffer, uint16_t family, uint8_t command)
{
	return put_header(buffer, family, command, MPTCP_PM_VER);
}

static void put_ip(struct nlmsghdr *nlh, const struct mptcpd_addr *addr, bool mapped)
{
	uint8_t ip6[16] = {[10] = 0xff, [11] = 0xff};

	if (addr->family == AF_INET && !mapped) {
		mnl_attr_put_u16(nlh, MPTCP_PM_ADDR_ATTR_FAMILY, AF_INET);
		mnl_attr_put(nlh, MPTCP_PM_ADDR_ATTR_ADDR4, 4, addr->ip);
		return;
	}
	if (addr->family == AF_INET)
		memcpy(ip6 + 12, addr->ip, 4);
	else
		memcpy(ip6, addr->ip, sizeof(ip6));
	mnl_attr_put_u16(nlh, MPTCP_PM_ADDR_ATTR_FAMILY, AF_INET6);
	mnl_attr_put(nlh, MPTCP_PM_ADDR_ATTR_ADDR6, sizeof(ip6), ip6);
}

static void put_nest(struct nlmsghdr *nlh, uint16_t type, const struct nest *nest)
{
	struct nlattr *start = mnl_attr_nest_start(nlh, type);

	if (nest->addr)
		put_ip(nlh, nest->addr, nest->mapped);
	if (nest->has_id)
		mnl_attr_put_u8(nlh, MPTCP_PM_ADDR_ATTR_ID, nest->id);
	if (nest->addr && nest->addr->port)
		mnl_attr_put_u16(nlh, MPTCP_PM_ADDR_ATTR_PORT, nest->addr->port);
	if (nest->has_flags)
		mnl_attr_put_u32(nlh, MPTCP_PM_ADDR_ATTR_FLAGS, nest->flags);
	if (nest->ifindex)
		mnl_attr_put_u32(nlh, MPTCP_PM_ADDR_ATTR_IF_IDX, nest->ifindex);
	mnl_attr_nest_end(nlh, start);
}

struct nlmsghdr *codec_get_family(void *buffer)
{
	struct nlmsghdr *nlh = put_header(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
	return nlh;
}

struct nlmsghdr *codec_add_addr(void *buffer, uint16_t family,
				const struct event_endpoint *endpoint)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_ADD_ADDR);

	put_nest(nlh, MPTCP_PM_ATTR_ADDR,
		 &(struct nest){.addr = &endpoint->addr,
				.id = endpoint->id,
				.has_id = endpoint->id != 0,
				.flags = endpoint->flags,
				.has_flags = true,
				.ifindex = endpoint->ifindex});
	return nlh;
}

struct nlmsghdr *codec_del_addr(void *buffer, uint16_t family,
				const struct event_endpoint *endpoint)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_DEL_ADDR);

	put_nest(nlh, MPTCP_PM_ATTR_ADDR,
		 &(struct nest){.addr = endpoint->addr.family ? &endpoint->addr : NULL,
				.id = endpoint->id,
				.has_id = true});
	return nlh;
}

struct nlmsghdr *codec_get_addr(void *buffer, uint16_t family, uint32_t token)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_GET_ADDR);

	nlh->nlmsg_flags |= NLM_F_DUMP;
	if (token)
		mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, token);
	return nlh;
}

struct nlmsghdr *codec_flush_addrs(void *buffer, uint16_t family)
{
	return put_command(buffer, family, MPTCP_PM_CMD_FLUSH_ADDRS);
}

struct nlmsghdr *codec_set_limits(void *buffer, uint16_t family, const struct event_limits *limits)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_SET_LIMITS);

	if (limits->add_addr_accepted != UINT32_MAX)
		mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_RCV_ADD_ADDRS, limits->add_addr_accepted);
	if (limits->subflows != UINT32_MAX)
		mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_SUBFLOWS, limits->subflows);
	return nlh;
}

struct nlmsghdr *codec_get_limits(void *buffer, uint16_t family)
{
	return put_command(buffer, family, MPTCP_PM_CMD_GET_LIMITS);
}

struct nlmsghdr *codec_set_flags(void *buffer, uint16_t family,
				 const struct event_endpoint *endpoint)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_SET_FLAGS);

	/* An address in the message would be looked up first, and an id then not at all. */
	put_nest(nlh, MPTCP_PM_ATTR_ADDR,
		 &(struct nest){.addr = endpoint->id ? NULL : &endpoint->addr,
				.id = endpoint->id,
				.has_id = endpoint->id != 0,
				.flags = endpoint->flags,
				.has_flags = true});
	return nlh;
}

struct nlmsghdr *codec_set_backup(void *buffer, uint16_t family, uint32_t token,
				  const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
				  bool backup)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_SET_FLAGS);

	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, token);
	put_nest(nlh, MPTCP_PM_ATTR_ADDR,
		 &(struct nest){.addr = local,
				.flags = backup ? MPTCP_PM_ADDR_FLAG_BACKUP : 0,
				.has_flags = true});
	put_nest(nlh, MPTCP_PM_ATTR_ADDR_REMOTE, &(struct nest){.addr = remote});
	return nlh;
}

struct nlmsghdr *codec_announce(void *buffer, uint16_t family, uint32_t token,
				const struct mptcpd_addr *addr, uint8_t id, uint32_t ifindex)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_ANNOUNCE);

	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, token);
	put_nest(nlh, MPTCP_PM_ATTR_ADDR,
		 &(struct nest){.addr = addr,
				.id = id,
				.has_id = true,
				.flags = MPTCP_PM_ADDR_FLAG_SIGNAL,
				.has_flags = true,
				.ifindex = ifindex});
	return nlh;
}

struct nlmsghdr *codec_remove(void *buffer, uint16_t family, uint32_t token, uint8_t id)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_REMOVE);

	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, token);
	mnl_attr_put_u8(nlh, MPTCP_PM_ATTR_LOC_ID, id);
	return nlh;
}

struct nlmsghdr *codec_subflow_create(void *buffer, uint16_t family, uint32_t token,
				      const struct subflow_request *request)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_SUBFLOW_CREATE);

	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, token);
	put_nest(nlh, MPTCP_PM_ATTR_ADDR,
		 &(struct nest){.addr = &request->local,
				.id = request->local_id,
				.has_id = true,
				.flags = request->flags,
				.has_flags = request->flags != 0,
				.ifindex = request->ifindex});
	put_nest(nlh, MPTCP_PM_ATTR_ADDR_REMOTE,
		 &(struct nest){.addr = &request->remote,
				.id = request->remote_id,
				.has_id = request->remote_id != 0});
	return nlh;
}

HOT void codec_set_token(struct nlmsghdr *command, uint32_t token)
{
	/* It is the first attribute. */
	char *first = (char *)command + MNL_NLMSG_HDRLEN + sizeof(struct genlmsghdr);

	memcpy(first + NLA_HDRLEN, &token, sizeof(token));
}

HOT bool codec_is_create(const struct nlmsghdr *command)
{
	const struct genlmsghdr *genl = (const void *)((const char *)command + MNL_NLMSG_HDRLEN);

	return genl->cmd == MPTCP_PM_CMD_SUBFLOW_CREATE;
}

struct nlmsghdr *codec_subflow_destroy(void *buffer, uint16_t family, uint32_t token,
				       const struct mptcpd_addr *local,
				       const struct mptcpd_addr *remote, bool mapped)
{
	struct nlmsghdr *nlh = put_command(buffer, family, MPTCP_PM_CMD_SUBFLOW_DESTROY);

	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, token);
	put_nest(nlh, MPTCP_PM_ATTR_ADDR, &(struct nest){.addr = local, .mapped = mapped});
	put_nest(nlh, MPTCP_PM_ATTR_ADDR_REMOTE, &(struct nest){.addr = remote, .mapped = mapped});
	return nlh;
}

/* One group in CTRL_ATTR_MCAST_GROUPS. */
static int decode_group(const struct nlattr *group, uint32_t *event_group)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GRP_MAX + 1];
	char name[GENL_NAMSIZ];
	uint32_t id;

	if (codec_attributes(codec_payload(group), codec_length(group), attrs,
			     CTRL_ATTR_MCAST_GRP_MAX) < 0 ||
	    codec_string(attrs[CTRL_ATTR_MCAST_GRP_NAME], name, sizeof(name)) < 0 ||
	    codec_u32(attrs[CTRL_ATTR_MCAST_GRP_ID], 0, &id) < 0)
		return -EBADMSG;
	if (strcmp(name, MPTCP_PM_EV_GRP_NAME) == 0)
		*event_group = id;
	return 0;
}

int codec_family(const void *message, size_t size, struct codec_family *ret_family)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GROUPS + 1];
	const struct nlattr *groups[GROUPS_MAX + 1] = {0};
	const struct nlattr *list;
	struct codec_family family = {0};

	if (codec_message(message, size, sizeof(struct genlmsghdr), attrs, CTRL_ATTR_MCAST_GROUPS) <
		    0 ||
	    codec_u16(attrs[CTRL_ATTR_FAMILY_ID], 0, &family.id) < 0 || family.id == 0)
		return -EBADMSG;
	list = attrs[CTRL_ATTR_MCAST_GROUPS];
	if (list &&
	    codec_attributes(codec_payload(list), codec_length(list), groups, GROUPS_MAX) < 0)
		return -EBADMSG;
	/* A list is a nest whose types count from 1. */
	for (size_t i = 1; i <= GROUPS_MAX; i++) {
		if (groups[i] && decode_group(groups[i], &family.event_group) < 0)
			return -EBADMSG;
	}
	*ret_family = family;
	return 0;
}

static int decode_endpoint(const struct nlattr *nest, struct event_endpoint *ret)
{
	const struct nlattr *attrs[MPTCP_PM_ADDR_ATTR_IF_IDX + 1];
	uint16_t port;
	bool mapped;

	if (codec_attributes(codec_payload(nest), codec_length(nest), attrs,
			     MPTCP_PM_ADDR_ATTR_IF_IDX) < 0 ||
	    codec_u16(attrs[MPTCP_PM_ADDR_ATTR_PORT], 0, &port) < 0 ||
	    codec_u8(attrs[MPTCP_PM_ADDR_ATTR_ID], 0, &ret->id) < 0 ||
	    codec_u32(attrs[MPTCP_PM_ADDR_ATTR_FLAGS], 0, &ret->flags) < 0 ||
	    codec_ifindex(attrs[MPTCP_PM_ADDR_ATTR_IF_IDX], &ret->ifindex) < 0 ||
	    codec_addr(attrs[MPTCP_PM_ADDR_ATTR_ADDR4], attrs[MPTCP_PM_ADDR_ATTR_ADDR6], port,
		       &ret->addr, &mapped) < 0)
		return -EBADMSG;
	return ret->addr.family ? 0 : -EBADMSG;
}

int codec_pm_reply(const void *message, size_t size, struct event *ret_event)
{
	const struct nlattr *attrs[MPTCP_PM_ATTR_ADDR_REMOTE + 1];
	const struct genlmsghdr *genl = (const void *)((const char *)message + MNL_NLMSG_HDRLEN);
	struct event event;

	if (codec_message(message, size, sizeof(*genl), attrs, MPTCP_PM_ATTR_ADDR_REMOTE) < 0)
		return -EBADMSG;
	memset(&event, 0, sizeof(event));
	if (genl->cmd == MPTCP_PM_CMD_GET_ADDR) {
		event.type = EVENT_ENDPOINT;
		if (!attrs[MPTCP_PM_ATTR_ADDR] ||
		    decode_endpoint(attrs[MPTCP_PM_ATTR_ADDR], &event.endpoint) < 0)
			return -EBADMSG;
	} else if (genl->cmd == MPTCP_PM_CMD_GET_LIMITS) {
		event.type = EVENT_LIMITS;
		if (!attrs[MPTCP_PM_ATTR_SUBFLOWS] || !attrs[MPTCP_PM_ATTR_RCV_ADD_ADDRS] ||
		    codec_u32(attrs[MPTCP_PM_ATTR_SUBFLOWS], 0, &event.limits.subflows) < 0 ||
		    codec_u32(attrs[MPTCP_PM_ATTR_RCV_ADD_ADDRS], 0,
			      &event.limits.add_addr_accepted) < 0)
			return -EBADMSG;
	} else {
		return CODEC_UNKNOWN;
	}
	*ret_event = event;
	return 0;
}
