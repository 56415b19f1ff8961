/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of one connection, one subflow, one link, for who looks at it. */
#ifndef KERNEL_DETAIL_H
#define KERNEL_DETAIL_H

#include "ops.h"

/* As of struct kernel_ops. */
int detail_connection(void *kernel, uint32_t token, struct connection_detail *ret_detail);
int detail_subflow(void *kernel, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		   uint32_t ifindex, struct subflow_detail *ret_detail);

#endif
