/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sock_diag: what is asked of one connection or subflow, beside what dumps tell of all. */
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>

#include "codec.h"
#include "uapi.h"

static const struct nlattr *find(const void *message, size_t size, uint16_t type)
{
	const struct nlattr *attrs[INET_DIAG_CGROUP_ID + 1];

	if (codec_message(message, size, sizeof(struct inet_diag_msg), attrs, INET_DIAG_CGROUP_ID) <
	    0)
		return NULL;
	return attrs[type];
}

int codec_detail_connection(const void *message, size_t size, struct connection_detail *ret_detail)
{
	struct connection_detail detail = {0};
	uint64_t written, acknowledged;
	const struct nlattr *attribute;
	const char *info;
	struct event event;
	int r = codec_diag_connection(message, size, &event);

	if (r != 0)
		return r;
	attribute = find(message, size, INET_DIAG_INFO);
	if (!attribute)
		return -EBADMSG;
	info = codec_payload(attribute);
	/* Of one that fell back they are not kept up. */
	if (codec_length(attribute) >= UAPI_MPTCP_INFO_SIZE_SEQ && !event.connection.fallback) {
		memcpy(&written, info + UAPI_MPTCP_INFO_WRITE_SEQ, sizeof(written));
		memcpy(&acknowledged, info + UAPI_MPTCP_INFO_SND_UNA, sizeof(acknowledged));
		detail.has_unacked = written >= acknowledged;
		detail.unacked = written - acknowledged;
	}
	detail.counts = event.connection.bytes_sent != MPTCPD_BYTES_UNKNOWN;
	if (detail.counts) {
		detail.bytes_sent = event.connection.bytes_sent;
		detail.bytes_received = event.connection.bytes_received;
		memcpy(&detail.reinjections, info + UAPI_MPTCP_INFO_RETRANSMITS,
		       sizeof(detail.reinjections));
		memcpy(&detail.reinjected, info + UAPI_MPTCP_INFO_BYTES_RETRANS,
		       sizeof(detail.reinjected));
	}
	*ret_detail = detail;
	return 0;
}

int codec_detail_subflow(const void *message, size_t size, uint64_t now_ms,
			 struct subflow_detail *ret_detail)
{
	struct subflow_detail detail = {0};
	const struct nlattr *info, *congestion;
	struct tcp_info tcp = {0};
	struct event event;
	int r = codec_diag_subflow(message, size, now_ms, &event);

	if (r != 0)
		return r;
	detail.measure = event.subflow.measure;
	congestion = find(message, size, INET_DIAG_CONG);
	if (congestion && codec_string(congestion, detail.congestion_control,
				       sizeof(detail.congestion_control)) < 0)
		return -EBADMSG;
	info = find(message, size, INET_DIAG_INFO);
	if (info)
		memcpy(&tcp, codec_payload(info),
		       codec_length(info) < sizeof(tcp) ? codec_length(info) : sizeof(tcp));
	detail.unsent = tcp.tcpi_notsent_bytes;
	*ret_detail = detail;
	return 0;
}

struct nlmsghdr *codec_get_subflow_detail(void *buffer, const struct mptcpd_addr *local,
					  const struct mptcpd_addr *remote, uint32_t ifindex)
{
	struct nlmsghdr *nlh = codec_get_subflow(buffer, local, remote, ifindex);
	struct inet_diag_req_v2 *request = mnl_nlmsg_get_payload(nlh);

	request->idiag_ext |= 1 << (INET_DIAG_CONG - 1);
	return nlh;
}
