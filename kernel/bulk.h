/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that nobody waits for: made ready, given, and which of them were refused. */
#ifndef KERNEL_BULK_H
#define KERNEL_BULK_H

#include "ops.h"

/* As of struct kernel_ops. */
void bulk_prepare_create(void *kernel, const struct subflow_request *request,
			 struct prepared *ret_command);
void bulk_prepare_destroy(void *kernel, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, bool mapped,
			  struct prepared *ret_command);
void bulk_prepare_withdraw(void *kernel, uint8_t id, struct prepared *ret_command);
int bulk_ask(void *kernel, uint32_t token, const struct prepared *command);
size_t bulk_refusals(void *kernel, int *ret_numbers, size_t room);

#endif
