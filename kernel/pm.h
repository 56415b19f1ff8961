/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of the generic netlink family mptcp_pm, synchronous. Errors are those of
 * struct kernel_ops; the kernel's own words on the last one are in pm->socket.text.
 */
#ifndef KERNEL_PM_H
#define KERNEL_PM_H

#include "socket.h"

struct pm {
	struct socket socket;
	struct codec_family family;
};

/* 0 or -errno; -EPROTONOSUPPORT: no MPTCP in this kernel. A failed one needs no close. */
int pm_open(struct pm *pm);
/* Accepts a zeroed one. */
void pm_close(struct pm *pm);

/* For each endpoint and address of an answer, an EVENT_ENDPOINT; for limits, an EVENT_LIMITS. */
typedef void pm_on_event(void *data, const struct event *event);

/* The endpoints; with a token (not 0) that connection's own addresses, since Linux 6.9. */
int pm_endpoints(struct pm *pm, uint32_t token, pm_on_event *on_event, void *data);
int pm_limits(struct pm *pm, pm_on_event *on_event, void *data);

int pm_endpoint_add(struct pm *pm, const struct event_endpoint *endpoint);
int pm_endpoint_delete(struct pm *pm, const struct event_endpoint *endpoint);
int pm_endpoint_flags(struct pm *pm, const struct event_endpoint *endpoint);
int pm_endpoint_flush(struct pm *pm);
int pm_limits_set(struct pm *pm, const struct event_limits *limits);

int pm_subflow_create(struct pm *pm, uint32_t token, const struct subflow_request *request);
/* Both with a port. */
int pm_subflow_destroy(struct pm *pm, uint32_t token, const struct mptcpd_addr *local,
		       const struct mptcpd_addr *remote, bool mapped);
int pm_subflow_backup(struct pm *pm, uint32_t token, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote, bool backup);
int pm_announce(struct pm *pm, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
		uint32_t ifindex);
int pm_withdraw(struct pm *pm, uint32_t token, uint8_t id);

/*
 * Is the token that of a live connection of the userspace path manager? 1: yes. 0: no: it is dead
 * or the kernel's, and pm_says_kernel() may know. Else -errno.
 */
int pm_is_userspace(struct pm *pm, uint32_t token);
/* After a 0 of pm_is_userspace(): does the kernel's answer name the path manager? */
bool pm_says_kernel(const struct pm *pm);

#endif
