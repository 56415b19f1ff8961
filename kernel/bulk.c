/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bulk.h"

#include <errno.h>

#include "hot.h"
#include "kernel-private.h"

static uint16_t family(const void *data)
{
	const struct kernel *kernel = data;

	return kernel->pm.family.id;
}

void bulk_prepare_create(void *data, const struct subflow_request *request,
			 struct prepared *ret_command)
{
	union codec_command buffer;

	asking_prepare(codec_subflow_create(&buffer, family(data), 0, request), ret_command);
}

void bulk_prepare_destroy(void *data, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, bool mapped,
			  struct prepared *ret_command)
{
	union codec_command buffer;

	asking_prepare(codec_subflow_destroy(&buffer, family(data), 0, local, remote, mapped),
		       ret_command);
}

void bulk_prepare_withdraw(void *data, uint8_t id, struct prepared *ret_command)
{
	union codec_command buffer;

	asking_prepare(codec_remove(&buffer, family(data), 0, id), ret_command);
}

HOT int bulk_ask(void *data, uint32_t token, const struct prepared *command)
{
	struct kernel *kernel = data;

	if (codec_is_create((const void *)command->bytes))
		pending_outdate(&kernel->pending);
	return asking_add(&kernel->asking, token, command);
}

/* Where numbers are collected. */
struct refused {
	int *numbers;
	size_t n, room;
};

static void on_refused(void *data, int number)
{
	struct refused *refused = data;

	if (refused->n < refused->room)
		refused->numbers[refused->n++] = number;
}

/* Of what was refused and not told, a snapshot will show nothing. What was told is still to be read. */
static void on_lost(struct kernel *kernel, struct refused *refused)
{
	on_refused(refused, REFUSALS_LOST);
	snapshot_ask(&kernel->snapshots[SNAPSHOT_CONNECTIONS], false);
	kernel_wake_up(kernel);
}

size_t bulk_refusals(void *data, int *ret_numbers, size_t room)
{
	struct kernel *kernel = data;
	struct refused refused = {ret_numbers, 0, room};
	int r;

	kernel->asking.on_refused = on_refused;
	kernel->asking.data = &refused;
	asking_send(&kernel->asking);
	do {
		r = asking_dispatch(&kernel->asking, &kernel->batch);
		if (r == -ENOBUFS)
			on_lost(kernel, &refused);
	} while ((r == SOCKET_BATCH || r == -ENOBUFS) && refused.n + SOCKET_BATCH <= room);
	kernel->asking.on_refused = kernel->sink.reader.on_refused;
	kernel->asking.data = kernel->sink.reader.data;
	return refused.n;
}
