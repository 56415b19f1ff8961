/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "figures.h"

#include <string.h>

/* Where the kernel has it, and where we do; of the same width. */
struct field {
	size_t from, width, to;
};

#define FIELD(structure, from, member)                                                             \
	{                                                                                          \
		from, sizeof(((struct structure *)0)->member), offsetof(struct structure, member)  \
	}
#define INFO(from, member) FIELD(mptcp_socket_info, from, member)
#define TCP(from, member) FIELD(mptcp_socket_subflow, from, member)

/* struct mptcp_info: 48 bytes since Linux 5.16, 80 since 6.5, 88 since 6.8, 96 since 6.10. */
static const struct field info_fields[] = {
	INFO(0, extra_subflows),
	INFO(1, add_addr_signaled),
	INFO(2, add_addr_accepted),
	INFO(3, extra_subflows_max),
	INFO(4, add_addr_signal_max),
	INFO(5, add_addr_accepted_max),
	INFO(12, token),
	INFO(16, write_seq),
	INFO(24, snd_una),
	INFO(32, rcv_nxt),
	INFO(40, local_addr_used),
	INFO(41, local_addr_max),
	INFO(44, retransmits),
	INFO(48, bytes_retrans),
	INFO(56, bytes_sent),
	INFO(64, bytes_received),
	INFO(72, bytes_acked),
	INFO(80, subflows_total),
	INFO(84, last_data_sent_ms),
	INFO(88, last_data_recv_ms),
	INFO(92, last_ack_recv_ms),
};
enum {
	INFO_CHECKSUM = 42,
	INFO_FIGURES_END = 48,
	INFO_BYTES_END = 80,
	INFO_TOTAL_END = 81,
	INFO_TIMES_END = 96
};

/* struct tcp_info */
static const struct field tcp_fields[] = {
	TCP(0, tcp_state),	    TCP(8, rto_us),
	TCP(16, snd_mss),	    TCP(20, rcv_mss),
	TCP(24, unacked),	    TCP(32, lost),
	TCP(36, retrans),	    TCP(44, last_data_sent_ms),
	TCP(52, last_data_recv_ms), TCP(68, rtt_us),
	TCP(72, rttvar_us),	    TCP(80, snd_cwnd),
	TCP(100, total_retrans),    TCP(104, pacing_rate),
	TCP(120, bytes_acked),	    TCP(128, bytes_received),
	TCP(136, segs_out),	    TCP(140, segs_in),
	TCP(144, notsent_bytes),    TCP(148, min_rtt_us),
	TCP(160, delivery_rate),    TCP(200, bytes_sent),
	TCP(208, bytes_retrans),
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void copy_fields(const struct field *fields, size_t n, const void *bytes, size_t size,
			void *ret)
{
	for (size_t i = 0; i < n; i++)
		if (fields[i].from + fields[i].width <= size)
			memcpy((char *)ret + fields[i].to, (const char *)bytes + fields[i].from,
			       fields[i].width);
}

void mptcp_read_figures(const void *bytes, size_t size, struct mptcp_socket_info *info)
{
	copy_fields(info_fields, COUNT(info_fields), bytes, size, info);
	if (size >= INFO_FIGURES_END) {
		info->checksum = ((const unsigned char *)bytes)[INFO_CHECKSUM];
		info->known |= MPTCP_KNOWN_FIGURES;
	}
	if (size >= INFO_BYTES_END)
		info->known |= MPTCP_KNOWN_BYTES;
	if (size >= INFO_TOTAL_END)
		info->known |= MPTCP_KNOWN_TOTAL;
	if (size >= INFO_TIMES_END)
		info->known |= MPTCP_KNOWN_TIMES;
}

void mptcp_read_tcp_figures(const void *bytes, size_t size, struct mptcp_socket_subflow *subflow)
{
	copy_fields(tcp_fields, COUNT(tcp_fields), bytes, size, subflow);
	if (size > 0)
		subflow->known |= MPTCP_KNOWN_TCP;
}
