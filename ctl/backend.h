/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who answers: mptcpd through libmptcpctl, or, for what works without one, the kernel itself. The
 * calls are those of libmptcpctl; ctl_result() has the words of their errors.
 */
#ifndef CTL_BACKEND_H
#define CTL_BACKEND_H

#include "ctl.h"

/*
 * Connect to mptcpd; if there is none and no socket was named, to the kernel. `with_events` is for
 * backend_monitor(). Returns an exit code.
 */
int backend_connect(struct ctl *ctl, bool with_events);

int backend_list_connections(struct ctl *ctl,
			     int (*on_connection)(void *data,
						  const struct mptcpctl_connection *connection),
			     void *data);
int backend_get_connection(struct ctl *ctl, uint32_t token,
			   int (*on_connection)(void *data,
						const struct mptcpctl_connection *connection),
			   void *data);
int backend_list_endpoints(struct ctl *ctl,
			   int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
			   void *data);
int backend_get_limits(struct ctl *ctl,
		       int (*on_limits)(void *data, const struct mptcpctl_limits *limits),
		       void *data);

int backend_subflow_add(struct ctl *ctl, uint32_t token,
			const struct mptcpctl_subflow_request *request);
int backend_subflow_delete(struct ctl *ctl, uint32_t token, const struct mptcpctl_addr *local,
			   const struct mptcpctl_addr *remote);
int backend_subflow_change(struct ctl *ctl, uint32_t token, const struct mptcpctl_addr *local,
			   const struct mptcpctl_addr *remote, bool backup);
int backend_announce(struct ctl *ctl, uint32_t token, const struct mptcpctl_addr *addr, uint8_t id,
		     const char *interface);
int backend_withdraw(struct ctl *ctl, uint32_t token, uint8_t id);
int backend_endpoint_add(struct ctl *ctl, const struct mptcpctl_endpoint_request *request);
int backend_endpoint_change(struct ctl *ctl, uint8_t id, const struct mptcpctl_addr *addr,
			    const char *const *set, const char *const *clear);
int backend_endpoint_delete(struct ctl *ctl, uint8_t id, const struct mptcpctl_addr *addr);
int backend_endpoint_delete_initial(struct ctl *ctl, const struct mptcpctl_addr *addr);
int backend_endpoint_flush(struct ctl *ctl);
int backend_limits_set(struct ctl *ctl, const struct mptcpctl_limits *limits);

/* Until `on_event` returns other than 0; -EPIPE: the reader of `reader_fd` has gone. */
int backend_monitor(struct ctl *ctl,
		    int (*on_event)(void *data, const struct mptcpctl_event *event), void *data,
		    int reader_fd);

#endif
