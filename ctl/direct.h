/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The same calls as libmptcpctl, answered by the kernel of this network namespace, for where no
 * mptcpd runs. Errors are those of libmptcpctl, with words in direct_error(): -EACCES CAP_NET_ADMIN
 * is missing, -ENOENT no such thing, others what the kernel answered.
 */
#ifndef CTL_DIRECT_H
#define CTL_DIRECT_H

#include <mptcpctl/client.h>

struct direct;

/* `with_events` is for direct_monitor(). On failure `ret_direct` holds the words alone, or NULL. */
int direct_new(bool with_events, struct direct **ret_direct);
void direct_free(struct direct *direct);
const char *direct_error(const struct direct *direct);

int direct_list_connections(struct direct *direct,
			    int (*on_connection)(void *data,
						 const struct mptcpctl_connection *connection),
			    void *data);
int direct_get_connection(struct direct *direct, uint32_t token,
			  int (*on_connection)(void *data,
					       const struct mptcpctl_connection *connection),
			  void *data);
int direct_list_endpoints(struct direct *direct,
			  int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
			  void *data);
int direct_get_limits(struct direct *direct,
		      int (*on_limits)(void *data, const struct mptcpctl_limits *limits),
		      void *data);

int direct_subflow_add(struct direct *direct, uint32_t token,
		       const struct mptcpctl_subflow_request *request);
int direct_subflow_delete(struct direct *direct, uint32_t token, const struct mptcpctl_addr *local,
			  const struct mptcpctl_addr *remote);
int direct_subflow_change(struct direct *direct, uint32_t token, const struct mptcpctl_addr *local,
			  const struct mptcpctl_addr *remote, bool backup);
int direct_announce(struct direct *direct, uint32_t token, const struct mptcpctl_addr *addr,
		    uint8_t id, const char *interface);
int direct_withdraw(struct direct *direct, uint32_t token, uint8_t id);
int direct_endpoint_add(struct direct *direct, const struct mptcpctl_endpoint_request *request);
int direct_endpoint_change(struct direct *direct, uint8_t id, const struct mptcpctl_addr *addr,
			   const char *const *set, const char *const *clear);
int direct_endpoint_delete(struct direct *direct, uint8_t id, const struct mptcpctl_addr *addr);
int direct_endpoint_delete_initial(struct direct *direct, const struct mptcpctl_addr *addr);
int direct_endpoint_flush(struct direct *direct);
int direct_limits_set(struct direct *direct, const struct mptcpctl_limits *limits);

/*
 * Tell the present state, MPTCPCTL_SYNCHRONIZED, then changes, until `on_event` returns other than
 * 0, which is then returned; -EPIPE: whoever reads from `reader_fd` has gone.
 */
int direct_monitor(struct direct *direct,
		   int (*on_event)(void *data, const struct mptcpctl_event *event), void *data,
		   int reader_fd);

#endif
