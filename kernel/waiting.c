/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "waiting.h"

#include <errno.h>

#include "clock.h"

int waiting_open(struct waiting *waiting, struct sink *sink)
{
	*waiting = (struct waiting){.sink = sink};
	netstat_answers_open(&waiting->answers);
	return socket_open(&waiting->socket, NETLINK_SOCK_DIAG, SOCKET_STREAM);
}

void waiting_close(struct waiting *waiting)
{
	socket_close(&waiting->socket);
	netstat_answers_close(&waiting->answers);
}

int waiting_count(const struct waiting *waiting, uint64_t *ret_missed, uint64_t *ret_heard)
{
	return netstat_answers(&waiting->answers, ret_missed, ret_heard);
}

int waiting_ask(struct waiting *waiting, bool measured)
{
	uint64_t begin_ns = clock_cpu_ns();
	union codec_command command;
	int r;

	if (waiting->busy)
		return -EBUSY;
	/* What is being closed has said all that it has to say, and may wait for its peer. */
	r = socket_send(&waiting->socket,
			measured ? codec_get_subflows(&command, CODEC_SENDING)
				 : codec_get_sockets(&command, CODEC_SENDING | CODEC_SYN_SENT));
	waiting->busy = r == 0;
	waiting->measured = measured;
	waiting->cost_ns = clock_cpu_ns() - begin_ns;
	return r;
}

static void end(struct waiting *waiting, const struct nlmsghdr *nlh)
{
	struct event event = {.type = EVENT_EVIDENCE_END};
	char text[CODEC_TEXT_SIZE];
	int error;

	if (codec_ack(nlh, nlh->nlmsg_len, &error, text) < 0)
		error = -EBADMSG;
	event.error = (uint8_t)-error;
	event.evidence_end.cost_us =
		(uint32_t)((waiting->cost_ns + clock_cpu_ns() - waiting->read_ns) / 1000);
	waiting->busy = false;
	sink_take(waiting->sink, 0, &event);
}

/* Sockets that wait for nothing tell nothing, unless all are asked for. */
static void take(struct waiting *waiting, const struct nlmsghdr *nlh)
{
	struct event event;
	int r = codec_diag_evidence(nlh, nlh->nlmsg_len, &event);

	if (r != 0 || waiting->measured || event.evidence.retransmits)
		sink_take(waiting->sink, r, &event);
}

static size_t read_records(struct waiting *waiting, const char *bytes, size_t size)
{
	const struct nlmsghdr *nlh;
	size_t n = 0;

	while ((nlh = socket_next(&bytes, &size))) {
		n++;
		if (nlh->nlmsg_seq != waiting->socket.seq || !waiting->busy)
			continue;
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE)
			end(waiting, nlh);
		else
			take(waiting, nlh);
	}
	if (size > 0)
		waiting->sink->counters.malformed++;
	return n;
}

int waiting_dispatch(struct waiting *waiting, char buffer[static SOCKET_BUFFER_SIZE], size_t slice)
{
	size_t n = 0;

	waiting->read_ns = clock_cpu_ns();
	while (n < slice) {
		int r = socket_receive(&waiting->socket, buffer);

		if (r == 0)
			break;
		/* Records that are missing are found by the next look. */
		if (r == -ENOBUFS || r == -EMSGSIZE)
			n++;
		else if (r < 0)
			return r;
		else
			n += read_records(waiting, buffer, (size_t)r);
	}
	waiting->cost_ns += clock_cpu_ns() - waiting->read_ns;
	return n >= slice;
}
