/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the codecs of all netlink families share: attributes, and how a request ended. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "addr.h"
#include "codec.h"
#include "hot.h"

HOT int codec_attributes(const void *bytes, size_t size, const struct nlattr **ret_attributes,
			 uint16_t max)
{
	const char *at = bytes;

	memset(ret_attributes, 0, (max + 1u) * sizeof(*ret_attributes));
	while (size > 0) {
		const struct nlattr *attribute = (const void *)at;
		size_t step;

		if (size < sizeof(*attribute) || attribute->nla_len < sizeof(*attribute) ||
		    attribute->nla_len > size)
			return -EBADMSG;
		if (codec_type(attribute) <= max)
			ret_attributes[codec_type(attribute)] = attribute;
		/* The padding after the last one may be missing. */
		step = MNL_ALIGN(attribute->nla_len);
		if (step > size)
			step = size;
		at += step;
		size -= step;
	}
	return 0;
}

HOT int codec_message(const void *message, size_t size, size_t header,
		      const struct nlattr **ret_attributes, uint16_t max)
{
	const struct nlmsghdr *nlh = message;
	size_t start = MNL_NLMSG_HDRLEN + MNL_ALIGN(header);

	if (size < sizeof(*nlh) || nlh->nlmsg_len > size || nlh->nlmsg_len < start)
		return -EBADMSG;
	return codec_attributes((const char *)message + start, nlh->nlmsg_len - start,
				ret_attributes, max);
}

HOT static int copy_exactly(const struct nlattr *attribute, void *ret_value, size_t size)
{
	if (codec_length(attribute) != size)
		return -EBADMSG;
	memcpy(ret_value, codec_payload(attribute), size);
	return 0;
}

HOT int codec_u8(const struct nlattr *attribute, uint8_t fallback, uint8_t *ret_value)
{
	if (attribute)
		return copy_exactly(attribute, ret_value, sizeof(*ret_value));
	*ret_value = fallback;
	return 0;
}

HOT int codec_u16(const struct nlattr *attribute, uint16_t fallback, uint16_t *ret_value)
{
	if (attribute)
		return copy_exactly(attribute, ret_value, sizeof(*ret_value));
	*ret_value = fallback;
	return 0;
}

HOT int codec_u32(const struct nlattr *attribute, uint32_t fallback, uint32_t *ret_value)
{
	if (attribute)
		return copy_exactly(attribute, ret_value, sizeof(*ret_value));
	*ret_value = fallback;
	return 0;
}

int codec_ifindex(const struct nlattr *attribute, uint32_t *ret_ifindex)
{
	uint32_t ifindex;

	if (codec_u32(attribute, 0, &ifindex) < 0 || ifindex > INT32_MAX)
		return -EBADMSG;
	*ret_ifindex = ifindex;
	return 0;
}

HOT int codec_addr(const struct nlattr *ip4, const struct nlattr *ip6, uint16_t port,
		   struct mptcpd_addr *ret_addr, bool *ret_mapped)
{
	uint8_t ip[16];

	if (ip4) {
		if (copy_exactly(ip4, ip, 4) < 0)
			return -EBADMSG;
		*ret_addr = addr_v4(ip, port);
	} else if (ip6) {
		if (copy_exactly(ip6, ip, 16) < 0)
			return -EBADMSG;
		*ret_addr = addr_v6(ip, port);
		if (ret_addr->family == AF_INET)
			*ret_mapped = true;
	} else {
		*ret_addr = (struct mptcpd_addr){0};
	}
	return 0;
}

int codec_string(const struct nlattr *attribute, char *ret_text, size_t size)
{
	size_t length;

	ret_text[0] = '\0';
	if (!attribute)
		return 0;
	length = codec_length(attribute);
	if (length == 0)
		return -EBADMSG;
	length = strnlen(codec_payload(attribute), length);
	if (length >= size)
		length = size - 1;
	memcpy(ret_text, codec_payload(attribute), length);
	ret_text[length] = '\0';
	return 0;
}

struct nlmsghdr *codec_start(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(buffer, 0, CODEC_COMMAND_SIZE);
	nlh = mnl_nlmsg_put_header(buffer);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

/* The extended part of an error is a courtesy: what cannot be read of it is left out. */
static void read_text(const char *bytes, size_t size, char ret_text[CODEC_TEXT_SIZE])
{
	const struct nlattr *attributes[NLMSGERR_ATTR_MISS_TYPE + 1];
	uint32_t missing;

	if (codec_attributes(bytes, size, attributes, NLMSGERR_ATTR_MISS_TYPE) < 0)
		return;
	if (attributes[NLMSGERR_ATTR_MSG])
		(void)codec_string(attributes[NLMSGERR_ATTR_MSG], ret_text, CODEC_TEXT_SIZE);
	else if (attributes[NLMSGERR_ATTR_MISS_TYPE] &&
		 codec_u32(attributes[NLMSGERR_ATTR_MISS_TYPE], 0, &missing) == 0)
		snprintf(ret_text, CODEC_TEXT_SIZE, "attribute %u is missing", missing);
}

int codec_ack(const void *message, size_t size, int *ret_error, char ret_text[CODEC_TEXT_SIZE])
{
	const struct nlmsghdr *nlh = message;
	const char *payload = (const char *)message + MNL_NLMSG_HDRLEN;
	size_t left, skip = sizeof(int);
	int error;

	if (size < sizeof(*nlh) || nlh->nlmsg_len > size || nlh->nlmsg_len < MNL_NLMSG_HDRLEN)
		return -EBADMSG;
	left = nlh->nlmsg_len - MNL_NLMSG_HDRLEN;
	if (left < sizeof(error))
		return -EBADMSG;
	memcpy(&error, payload, sizeof(error));
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		struct nlmsgerr head;

		if (left < sizeof(head))
			return -EBADMSG;
		memcpy(&head, payload, sizeof(head));
		skip = sizeof(head);
		/* Without NETLINK_CAP_ACK the whole request is in between. */
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && head.msg.nlmsg_len > sizeof(head.msg))
			skip += MNL_ALIGN((size_t)head.msg.nlmsg_len - sizeof(head.msg));
	}
	/* The count of a dump is positive, errors are negative; nothing is as low as INT_MIN. */
	if (error < -4095)
		return -EBADMSG;
	*ret_error = error < 0 ? error : 0;
	ret_text[0] = '\0';
	if ((nlh->nlmsg_flags & NLM_F_ACK_TLVS) && skip < left)
		read_text(payload + skip, left - skip, ret_text);
	return 0;
}
