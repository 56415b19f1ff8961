/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rtnetlink: neighbours (ARP, NDP). */
#include <errno.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "addr.h"
#include "codec.h"

#define SOUGHT_IN_VAIN (NUD_INCOMPLETE | NUD_FAILED)

int codec_neighbour(const void *message, size_t size, struct codec_neighbour *ret_neighbour)
{
	const struct nlattr *attrs[NDA_DST + 1];
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	struct codec_neighbour neighbour = {0};

	if (codec_message(message, size, sizeof(*info), attrs, NDA_DST) < 0)
		return -EBADMSG;
	if (((const struct nlmsghdr *)message)->nlmsg_type != RTM_NEWNEIGH)
		return CODEC_UNKNOWN;
	if (!attrs[NDA_DST] || info->ndm_ifindex <= 0)
		return CODEC_IGNORED;
	neighbour.ifindex = (uint32_t)info->ndm_ifindex;
	neighbour.unknown = info->ndm_state == NUD_NONE || (info->ndm_state & SOUGHT_IN_VAIN);
	neighbour.sought = info->ndm_state & NUD_INCOMPLETE;
	if (info->ndm_family == AF_INET && codec_length(attrs[NDA_DST]) == 4)
		neighbour.addr = addr_v4(codec_payload(attrs[NDA_DST]), 0);
	else if (info->ndm_family == AF_INET6 && codec_length(attrs[NDA_DST]) == 16)
		neighbour.addr = addr_v6(codec_payload(attrs[NDA_DST]), 0);
	else
		return CODEC_IGNORED;
	*ret_neighbour = neighbour;
	return 0;
}

static struct nlmsghdr *put_header(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = codec_start(buffer, type, flags);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg));
	return nlh;
}

static struct nlmsghdr *put_neighbour(void *buffer, uint16_t type, uint16_t flags, uint8_t use,
				      const struct codec_neighbour *neighbour)
{
	struct nlmsghdr *nlh = put_header(buffer, type, NLM_F_ACK | flags);
	struct ndmsg *info = mnl_nlmsg_get_payload(nlh);

	info->ndm_family = neighbour->addr.family;
	info->ndm_ifindex = (int)neighbour->ifindex;
	info->ndm_flags = use;
	mnl_attr_put(nlh, NDA_DST, neighbour->addr.family == AF_INET ? 4 : 16, neighbour->addr.ip);
	return nlh;
}

struct nlmsghdr *codec_get_neighbours(void *buffer, uint32_t ifindex)
{
	struct nlmsghdr *nlh = put_header(buffer, RTM_GETNEIGH, NLM_F_DUMP);

	mnl_attr_put_u32(nlh, NDA_IFINDEX, ifindex);
	return nlh;
}

struct nlmsghdr *codec_get_neighbour(void *buffer, const struct codec_neighbour *neighbour)
{
	return put_neighbour(buffer, RTM_GETNEIGH, 0, 0, neighbour);
}

struct nlmsghdr *codec_seek_neighbour(void *buffer, const struct codec_neighbour *neighbour)
{
	return put_neighbour(buffer, RTM_NEWNEIGH, NLM_F_CREATE, NTF_USE, neighbour);
}

struct nlmsghdr *codec_reset_neighbour(void *buffer, const struct codec_neighbour *neighbour)
{
	return put_neighbour(buffer, RTM_NEWNEIGH, NLM_F_REPLACE, 0, neighbour);
}
