/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detail.h"

#include <errno.h>

#include "clock.h"
#include "kernel-private.h"

struct answer {
	union {
		struct connection_detail connection;
		struct subflow_detail subflow;
	};
	bool came;
};

static int on_connection(void *data, const void *message, size_t size)
{
	struct answer *answer = data;
	int r = codec_detail_connection(message, size, &answer->connection);

	answer->came |= r == 0;
	return r < 0 ? r : 0;
}

int detail_connection(void *data, uint32_t token, struct connection_detail *ret_detail)
{
	struct kernel *kernel = data;
	struct answer answer = {.came = false};
	union codec_command command;
	int r = socket_request(&kernel->diag, codec_get_connection(&command, token), on_connection,
			       &answer);

	if (r < 0)
		return r;
	if (!answer.came)
		return -ENOENT;
	*ret_detail = answer.connection;
	return 0;
}

static int on_subflow(void *data, const void *message, size_t size)
{
	struct answer *answer = data;
	int r = codec_detail_subflow(message, size, clock_boot_ms(), &answer->subflow);

	answer->came |= r == 0;
	return r < 0 ? r : 0;
}

int detail_subflow(void *data, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		   uint32_t ifindex, struct subflow_detail *ret_detail)
{
	struct kernel *kernel = data;
	struct answer answer = {.came = false};
	union codec_command command;
	int r = socket_request(&kernel->diag,
			       codec_get_subflow_detail(&command, local, remote, ifindex),
			       on_subflow, &answer);

	if (r < 0)
		return r;
	if (!answer.came)
		return -ENOENT;
	*ret_detail = answer.subflow;
	return 0;
}
