/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sock_diag: MPTCP connections, and the TCP sockets that are their subflows. */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/mptcp.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include "addr.h"
#include "codec.h"
#include "uapi.h"

/* enum of <netinet/tcp.h>, which does not go with <linux/tcp.h>. */
enum tcp_state {
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT = 2,
	STATE_FIN_WAIT2 = 5,
	STATE_LISTEN = 10,
};

static struct mptcpd_addr decode_addr(uint8_t family, const __be32 *ip, __be16 port)
{
	return family == AF_INET ? addr_v4(ip, ntohs(port)) : addr_v6(ip, ntohs(port));
}

/* The part that both kinds of record share. */
static int decode_socket(const void *message, size_t size, const struct nlattr **attrs,
			 struct inet_diag_msg *ret)
{
	const struct nlmsghdr *nlh = message;

	if (codec_message(message, size, sizeof(*ret), attrs, INET_DIAG_CGROUP_ID) < 0)
		return -EBADMSG;
	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY && nlh->nlmsg_type != TCPDIAG_GETSOCK)
		return CODEC_UNKNOWN;
	memcpy(ret, (const char *)message + MNL_NLMSG_HDRLEN, sizeof(*ret));
	if (ret->idiag_family != AF_INET && ret->idiag_family != AF_INET6)
		return -EBADMSG;
	return 0;
}

static bool is_closing(uint8_t state)
{
	return state != STATE_ESTABLISHED && state != STATE_SYN_SENT;
}

/* What an older kernel does not tell is 0. */
static int decode_owner(const struct nlattr **attrs, const struct inet_diag_msg *socket,
			struct mptcpd_owner *ret)
{
	const struct nlattr *cgroup = attrs[INET_DIAG_CGROUP_ID];

	ret->uid = socket->idiag_uid;
	if (cgroup && codec_length(cgroup) < sizeof(ret->cgroup))
		return -EBADMSG;
	if (cgroup)
		memcpy(&ret->cgroup, codec_payload(cgroup), sizeof(ret->cgroup));
	return codec_u32(attrs[INET_DIAG_MARK], 0, &ret->mark);
}

static void decode_bytes(const struct nlattr *attribute, struct event_connection *ret)
{
	const char *info = codec_payload(attribute);

	ret->bytes_sent = ret->bytes_received = MPTCPD_BYTES_UNKNOWN;
	if (codec_length(attribute) < UAPI_MPTCP_INFO_SIZE_BYTES)
		return;
	memcpy(&ret->bytes_sent, info + UAPI_MPTCP_INFO_BYTES_SENT, sizeof(ret->bytes_sent));
	memcpy(&ret->bytes_received, info + UAPI_MPTCP_INFO_BYTES_RECEIVED,
	       sizeof(ret->bytes_received));
}

/* Milliseconds since it carried data, in either direction. */
static uint32_t decode_idle(const struct nlattr *attribute)
{
	const char *info = codec_payload(attribute);
	uint32_t sent, received;

	if (codec_length(attribute) < UAPI_MPTCP_INFO_SIZE_LAST)
		return UINT32_MAX;
	memcpy(&sent, info + UAPI_MPTCP_INFO_LAST_SENT, sizeof(sent));
	memcpy(&received, info + UAPI_MPTCP_INFO_LAST_RECEIVED, sizeof(received));
	return sent < received ? sent : received;
}

int codec_diag_connection(const void *message, size_t size, struct event *ret_event)
{
	const struct nlattr *attrs[INET_DIAG_CGROUP_ID + 1];
	struct inet_diag_msg socket;
	struct event event;
	const char *info;
	uint32_t flags;
	int r = decode_socket(message, size, attrs, &socket);

	if (r != 0)
		return r;
	memset(&event, 0, sizeof(event));
	event.type = EVENT_SNAPSHOT_CONNECTION;
	if (decode_owner(attrs, &socket, &event.connection.owner) < 0 || !attrs[INET_DIAG_INFO] ||
	    codec_length(attrs[INET_DIAG_INFO]) < UAPI_MPTCP_INFO_SIZE_MIN)
		return -EBADMSG;
	info = codec_payload(attrs[INET_DIAG_INFO]);
	memcpy(&flags, info + UAPI_MPTCP_INFO_FLAGS, sizeof(flags));
	memcpy(&event.token, info + UAPI_MPTCP_INFO_TOKEN, sizeof(event.token));
	/* Its program closed it and the peer has it all: CLOSED was told, and the socket lasts for a minute. */
	if (event.token == 0 || (socket.idiag_inode == 0 && socket.idiag_state == STATE_FIN_WAIT2))
		return CODEC_IGNORED;
	event.connection.local =
		decode_addr(socket.idiag_family, socket.id.idiag_src, socket.id.idiag_sport);
	event.connection.remote =
		decode_addr(socket.idiag_family, socket.id.idiag_dst, socket.id.idiag_dport);
	/* No connection has these, and nothing behind here could tell what it means. */
	if (event.connection.local.family != event.connection.remote.family)
		return CODEC_IGNORED;
	event.connection.mapped =
		socket.idiag_family == AF_INET6 && event.connection.remote.family == AF_INET;
	event.connection.side = MPTCPD_SIDE_UNKNOWN;
	event.connection.orphan = socket.idiag_inode == 0;
	event.connection.fallback = flags & MPTCP_INFO_FLAG_FALLBACK;
	event.connection.key_received = flags & MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED;
	event.connection.closing = is_closing(socket.idiag_state);
	decode_bytes(attrs[INET_DIAG_INFO], &event.connection);
	event.connection.idle_ms = decode_idle(attrs[INET_DIAG_INFO]);
	*ret_event = event;
	return 0;
}

int codec_diag_listener(const void *message, size_t size, struct codec_listener *ret_listener)
{
	const struct nlattr *attrs[INET_DIAG_CGROUP_ID + 1];
	struct inet_diag_msg socket;
	uint8_t only_ipv6 = 0;
	int r = decode_socket(message, size, attrs, &socket);

	if (r != 0)
		return r;
	if (codec_u8(attrs[INET_DIAG_SKV6ONLY], 0, &only_ipv6) < 0)
		return -EBADMSG;
	*ret_listener = (struct codec_listener){
		.addr = decode_addr(socket.idiag_family, socket.id.idiag_src,
				    socket.id.idiag_sport),
		.ifindex = socket.id.idiag_if,
		.takes_ipv4 = socket.idiag_family == AF_INET6 && !only_ipv6,
	};
	return 0;
}

static void decode_flags(uint32_t flags, struct event_subflow *ret)
{
	ret->backup = flags & MPTCP_SUBFLOW_FLAG_BKUP_LOC;
	ret->peer_backup = flags & MPTCP_SUBFLOW_FLAG_BKUP_REM;
	ret->fully_established = flags & MPTCP_SUBFLOW_FLAG_FULLY_ESTABLISHED;
	/* One that came through when its SYN had no MPTCP any more is neither; servers keep none such. */
	ret->unasked = !(flags & (MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_MCAP_REM |
				  MPTCP_SUBFLOW_FLAG_JOIN_LOC | MPTCP_SUBFLOW_FLAG_JOIN_REM));
	ret->initial = ret->unasked ||
		       (flags & (MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_MCAP_REM));
	ret->joined_here = ret->unasked || (flags & (ret->initial ? MPTCP_SUBFLOW_FLAG_MCAP_LOC
								  : MPTCP_SUBFLOW_FLAG_JOIN_LOC));
	/* Answered, but not with MP_CAPABLE. */
	ret->fallback = ret->initial && (flags & MPTCP_SUBFLOW_FLAG_CONNECTED) &&
			!(flags & MPTCP_SUBFLOW_FLAG_MCAP_REM);
}

/* tcp_info grows at its end; what an older kernel does not tell is zero. */
static void decode_measure(const struct nlattr *attribute, uint64_t now_ms,
			   struct mptcpd_measure *ret)
{
	struct tcp_info info = {0};
	size_t size = codec_length(attribute);
	uint64_t loss = 0;

	memcpy(&info, codec_payload(attribute), size < sizeof(info) ? size : sizeof(info));
	if (info.tcpi_data_segs_out)
		loss = (uint64_t)info.tcpi_total_retrans * 1000 / info.tcpi_data_segs_out;
	ret->taken_ms = now_ms;
	ret->bytes_sent = info.tcpi_bytes_sent;
	ret->bytes_received = info.tcpi_bytes_received;
	ret->rtt_us = info.tcpi_rtt;
	ret->rto_us = info.tcpi_rto;
	ret->rtt_var_us = info.tcpi_rttvar;
	ret->min_rtt_us = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt;
	ret->retransmits = info.tcpi_total_retrans;
	ret->cwnd = info.tcpi_snd_cwnd;
	ret->mss = info.tcpi_snd_mss;
	ret->delivery_rate = info.tcpi_delivery_rate;
	ret->app_limited = info.tcpi_delivery_rate_app_limited;
	ret->last_sent_age_ms = info.tcpi_last_data_sent;
	ret->last_received_age_ms = info.tcpi_last_data_recv;
	ret->loss_per_mille = loss > 1000 ? 1000 : (uint32_t)loss;
}

static int decode_ulp(const struct nlattr *ulp, struct event *event)
{
	const struct nlattr *attrs[INET_ULP_INFO_MPTCP + 1];
	const struct nlattr *subflow[MPTCP_SUBFLOW_ATTR_ID_LOC + 1];
	char name[16];
	uint32_t flags;

	if (codec_attributes(codec_payload(ulp), codec_length(ulp), attrs, INET_ULP_INFO_MPTCP) <
		    0 ||
	    codec_string(attrs[INET_ULP_INFO_NAME], name, sizeof(name)) < 0)
		return -EBADMSG;
	/* Without CAP_NET_ADMIN Linux up to 6.12 shows the name alone. */
	if (strcmp(name, "mptcp") != 0 || !attrs[INET_ULP_INFO_MPTCP])
		return CODEC_IGNORED;
	if (codec_attributes(codec_payload(attrs[INET_ULP_INFO_MPTCP]),
			     codec_length(attrs[INET_ULP_INFO_MPTCP]), subflow,
			     MPTCP_SUBFLOW_ATTR_ID_LOC) < 0 ||
	    codec_u32(subflow[MPTCP_SUBFLOW_ATTR_TOKEN_LOC], 0, &event->token) < 0 ||
	    codec_u32(subflow[MPTCP_SUBFLOW_ATTR_FLAGS], 0, &flags) < 0 ||
	    codec_u8(subflow[MPTCP_SUBFLOW_ATTR_ID_LOC], 0, &event->subflow.local_id) < 0 ||
	    codec_u8(subflow[MPTCP_SUBFLOW_ATTR_ID_REM], 0, &event->subflow.remote_id) < 0)
		return -EBADMSG;
	if (event->token == 0)
		return CODEC_IGNORED;
	decode_flags(flags, &event->subflow);
	return 0;
}

int codec_diag_subflow(const void *message, size_t size, uint64_t now_ms, struct event *ret_event)
{
	const struct nlattr *attrs[INET_DIAG_CGROUP_ID + 1];
	struct inet_diag_msg socket;
	struct event event;
	struct event_subflow *subflow = &event.subflow;
	int r = decode_socket(message, size, attrs, &socket);

	if (r != 0)
		return r;
	if (!attrs[INET_DIAG_ULP_INFO])
		return CODEC_IGNORED;
	memset(&event, 0, sizeof(event));
	event.type = EVENT_SNAPSHOT_SUBFLOW;
	r = decode_ulp(attrs[INET_DIAG_ULP_INFO], &event);
	if (r != 0)
		return r;
	subflow->local =
		decode_addr(socket.idiag_family, socket.id.idiag_src, socket.id.idiag_sport);
	subflow->remote =
		decode_addr(socket.idiag_family, socket.id.idiag_dst, socket.id.idiag_dport);
	if (subflow->local.family != subflow->remote.family)
		return CODEC_IGNORED;
	subflow->mapped = socket.idiag_family == AF_INET6 && subflow->remote.family == AF_INET;
	subflow->ifindex = socket.id.idiag_if;
	subflow->syn_sent = socket.idiag_state == STATE_SYN_SENT;
	subflow->closing = is_closing(socket.idiag_state);
	if (subflow->initial && subflow->syn_sent)
		return CODEC_IGNORED;
	if (attrs[INET_DIAG_INFO])
		decode_measure(attrs[INET_DIAG_INFO], now_ms, &subflow->measure);
	*ret_event = event;
	return 0;
}

/* ---- sockets of processes ---- */

static int decode_open(const void *message, size_t size, const struct nlattr **attrs,
		       struct codec_socket *ret)
{
	struct inet_diag_msg socket;
	int r = decode_socket(message, size, attrs, &socket);

	if (r != 0)
		return r;
	*ret = (struct codec_socket){
		.inode = socket.idiag_inode,
		.listens = socket.idiag_state == STATE_LISTEN,
		.local = decode_addr(socket.idiag_family, socket.id.idiag_src,
				     socket.id.idiag_sport),
		.remote = decode_addr(socket.idiag_family, socket.id.idiag_dst,
				      socket.id.idiag_dport),
	};
	return 0;
}

int codec_diag_mptcp_socket(const void *message, size_t size, struct codec_socket *ret_socket)
{
	const struct nlattr *attrs[INET_DIAG_CGROUP_ID + 1], *info;
	struct codec_socket socket;
	uint32_t flags = 0;
	int r = decode_open(message, size, attrs, &socket);

	if (r != 0)
		return r;
	info = attrs[INET_DIAG_INFO];
	if (info && codec_length(info) < UAPI_MPTCP_INFO_SIZE_MIN)
		return -EBADMSG;
	if (info)
		memcpy(&flags, (const char *)codec_payload(info) + UAPI_MPTCP_INFO_FLAGS,
		       sizeof(flags));
	socket.is_mptcp = true;
	socket.fallen_back = flags & MPTCP_INFO_FLAG_FALLBACK;
	*ret_socket = socket;
	return 0;
}

int codec_diag_tcp_socket(const void *message, size_t size, struct codec_socket *ret_socket)
{
	const struct nlattr *attrs[INET_DIAG_CGROUP_ID + 1], *ulp[INET_ULP_INFO_MPTCP + 1] = {0};
	struct codec_socket socket;
	struct event event = {0};
	char name[16] = "";
	int r = decode_open(message, size, attrs, &socket);

	if (r != 0)
		return r;
	if (attrs[INET_DIAG_ULP_INFO] &&
	    (codec_attributes(codec_payload(attrs[INET_DIAG_ULP_INFO]),
			      codec_length(attrs[INET_DIAG_ULP_INFO]), ulp,
			      INET_ULP_INFO_MPTCP) < 0 ||
	     codec_string(ulp[INET_ULP_INFO_NAME], name, sizeof(name)) < 0))
		return -EBADMSG;
	socket.is_mptcp = strcmp(name, "mptcp") == 0;
	if (socket.is_mptcp && decode_ulp(attrs[INET_DIAG_ULP_INFO], &event) == 0)
		socket.fallen_back = event.subflow.fallback;
	*ret_socket = socket;
	return 0;
}

/* ---- evidence ---- */

/* Whose idiag_timer it is: enum of the kernel's inet_diag.c, which no header has. */
enum timer {
	TIMER_RETRANSMIT = 1,
};

static void decode_silence(const struct nlattr *attribute, struct event_evidence *ret)
{
	struct tcp_info info = {0};
	size_t size = codec_length(attribute);

	memcpy(&info, codec_payload(attribute), size < sizeof(info) ? size : sizeof(info));
	ret->measured = true;
	ret->retransmits = info.tcpi_retransmits;
	ret->backoff = info.tcpi_backoff;
	ret->probes = info.tcpi_probes;
	ret->unacked = info.tcpi_unacked;
	ret->rto_ms = info.tcpi_rto / 1000;
	ret->rtt_ms = info.tcpi_rtt / 1000;
	ret->ack_age_ms = info.tcpi_last_ack_recv;
	/* One that was just made tells its age. */
	ret->received_age_ms = info.tcpi_bytes_received ? info.tcpi_last_data_recv : UINT32_MAX;
	ret->sent_age_ms = info.tcpi_last_data_sent;
	ret->delivered = info.tcpi_delivered;
	ret->received = info.tcpi_bytes_received;
	ret->is_full =
		size >= offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(info.tcpi_snd_wnd) &&
		info.tcpi_snd_wnd == 0;
}

int codec_diag_evidence(const void *message, size_t size, struct event *ret_event)
{
	const struct nlattr *attrs[INET_DIAG_CGROUP_ID + 1];
	struct event event = {.type = EVENT_EVIDENCE}, subflow;
	struct event_evidence *evidence = &event.evidence;
	struct inet_diag_msg socket;
	int r = decode_socket(message, size, attrs, &socket);

	if (r != 0)
		return r;
	evidence->local =
		decode_addr(socket.idiag_family, socket.id.idiag_src, socket.id.idiag_sport);
	evidence->remote =
		decode_addr(socket.idiag_family, socket.id.idiag_dst, socket.id.idiag_dport);
	if (evidence->local.family != evidence->remote.family)
		return CODEC_IGNORED;
	evidence->ifindex = socket.id.idiag_if;
	evidence->syn_sent = socket.idiag_state == STATE_SYN_SENT;
	if (socket.idiag_timer == TIMER_RETRANSMIT) {
		evidence->retransmits = socket.idiag_retrans;
		evidence->next_ms = socket.idiag_expires;
	}
	if (attrs[INET_DIAG_INFO])
		decode_silence(attrs[INET_DIAG_INFO], evidence);
	memset(&subflow, 0, sizeof(subflow));
	if (attrs[INET_DIAG_ULP_INFO] && decode_ulp(attrs[INET_DIAG_ULP_INFO], &subflow) == 0)
		evidence->token = subflow.token;
	*ret_event = event;
	return 0;
}

/* ---- requests ---- */

static struct nlmsghdr *put_request(void *buffer, uint8_t family, uint16_t flags)
{
	struct nlmsghdr *nlh = codec_start(buffer, SOCK_DIAG_BY_FAMILY, flags);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(nlh, sizeof(*request));

	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	return nlh;
}

/* The protocol number does not fit the field that was made for it. */
static void put_mptcp(struct nlmsghdr *nlh)
{
	mnl_attr_put_u32(nlh, INET_DIAG_REQ_PROTOCOL, IPPROTO_MPTCP);
}

struct nlmsghdr *codec_get_connections(void *buffer, uint32_t states)
{
	struct nlmsghdr *nlh = codec_get_subflows(buffer, states);

	put_mptcp(nlh);
	return nlh;
}

struct nlmsghdr *codec_get_sockets(void *buffer, uint32_t states)
{
	struct nlmsghdr *nlh = codec_get_subflows(buffer, states);
	struct inet_diag_req *request = mnl_nlmsg_get_payload(nlh);

	request->idiag_ext = 0;
	return nlh;
}

struct nlmsghdr *codec_get_subflows(void *buffer, uint32_t states)
{
	struct nlmsghdr *nlh = codec_start(buffer, TCPDIAG_GETSOCK, NLM_F_DUMP);
	struct inet_diag_req *request = mnl_nlmsg_put_extra_header(nlh, sizeof(*request));

	request->idiag_family = AF_UNSPEC;
	request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	request->idiag_states = states;
	return nlh;
}

struct nlmsghdr *codec_get_subflow(void *buffer, const struct mptcpd_addr *local,
				   const struct mptcpd_addr *remote, uint32_t ifindex)
{
	struct nlmsghdr *nlh = put_request(buffer, local->family, 0);
	struct inet_diag_req_v2 *request = mnl_nlmsg_get_payload(nlh);
	size_t size = local->family == AF_INET ? 4 : 16;

	request->id.idiag_sport = htons(local->port);
	request->id.idiag_dport = htons(remote->port);
	memcpy(request->id.idiag_src, local->ip, size);
	memcpy(request->id.idiag_dst, remote->ip, size);
	request->id.idiag_if = ifindex;
	request->id.idiag_cookie[0] = request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return nlh;
}

struct nlmsghdr *codec_get_connection(void *buffer, uint32_t token)
{
	struct nlmsghdr *nlh = put_request(buffer, AF_INET, NLM_F_ACK);
	struct inet_diag_req_v2 *request = mnl_nlmsg_get_payload(nlh);

	request->id.idiag_cookie[0] = token;
	put_mptcp(nlh);
	return nlh;
}
