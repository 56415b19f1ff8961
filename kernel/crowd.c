/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crowd.h"

#include <errno.h>
#include <string.h>

static size_t size_of(const struct crowd *crowd)
{
	return crowd->n ? crowd->ends[crowd->n - 1] : 0;
}

bool crowd_has_room(const struct crowd *crowd)
{
	return crowd->n + SOCKET_BATCH <= CROWD_MAX &&
	       size_of(crowd) + SOCKET_BATCH * SOCKET_BATCH_SIZE <= SOCKET_BUFFER_SIZE;
}

static void mark(struct crowd *crowd, const void *message, size_t size)
{
	struct event event;

	if (codec_is_closed(message, (int)size) && codec_pm_event(message, size, &event) == 0)
		crowd->ended[event.token % CROWD_MARKS / 8] |= (uint8_t)(1 << event.token % 8);
}

bool crowd_add(struct crowd *crowd, const struct socket_batch *batch, size_t n)
{
	bool is_whole = true;

	for (size_t i = 0; i < n; i++) {
		int size = socket_batch_length(batch, i);
		size_t begin = size_of(crowd);

		is_whole &= size != -EMSGSIZE;
		if (size <= 0)
			continue;
		memcpy(crowd->bytes + begin, batch->bytes[i], (size_t)size);
		mark(crowd, batch->bytes[i], (size_t)size);
		crowd->ends[crowd->n++] = (uint16_t)(begin + NLMSG_ALIGN((size_t)size));
	}
	return is_whole;
}

const char *crowd_get(const struct crowd *crowd, size_t i, size_t *ret_size)
{
	size_t begin = i ? crowd->ends[i - 1] : 0;

	*ret_size = crowd->ends[i] - begin;
	return crowd->bytes + begin;
}

bool crowd_has_ended(const struct crowd *crowd, uint32_t token)
{
	return crowd->ended[token % CROWD_MARKS / 8] & 1 << token % 8;
}
