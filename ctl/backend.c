/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"

#include <errno.h>
#include <poll.h>

#include "direct.h"

int backend_connect(struct ctl *ctl, bool with_events)
{
	int r = mptcpctl_connect(ctl->client, ctl->socket);

	if (r == -ENOTCONN && !ctl_is_socket_named(ctl))
		r = direct_new(with_events, &ctl->direct);
	return ctl_result(ctl, r);
}

/* ---- listings ---- */

int backend_list_connections(struct ctl *ctl,
			     int (*on_connection)(void *data,
						  const struct mptcpctl_connection *connection),
			     void *data)
{
	return ctl->direct ? direct_list_connections(ctl->direct, on_connection, data)
			   : mptcpctl_list_connections(ctl->client, on_connection, data);
}

int backend_get_connection(struct ctl *ctl, uint32_t token,
			   int (*on_connection)(void *data,
						const struct mptcpctl_connection *connection),
			   void *data)
{
	return ctl->direct ? direct_get_connection(ctl->direct, token, on_connection, data)
			   : mptcpctl_get_connection(ctl->client, token, on_connection, data);
}

int backend_list_endpoints(struct ctl *ctl,
			   int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
			   void *data)
{
	return ctl->direct ? direct_list_endpoints(ctl->direct, on_endpoint, data)
			   : mptcpctl_list_endpoints(ctl->client, on_endpoint, data);
}

int backend_get_limits(struct ctl *ctl,
		       int (*on_limits)(void *data, const struct mptcpctl_limits *limits),
		       void *data)
{
	return ctl->direct ? direct_get_limits(ctl->direct, on_limits, data)
			   : mptcpctl_get_limits(ctl->client, on_limits, data);
}

/* ---- actions ---- */

int backend_subflow_add(struct ctl *ctl, uint32_t token,
			const struct mptcpctl_subflow_request *request)
{
	return ctl->direct ? direct_subflow_add(ctl->direct, token, request)
			   : mptcpctl_subflow_add(ctl->client, token, request);
}

int backend_subflow_delete(struct ctl *ctl, uint32_t token, const struct mptcpctl_addr *local,
			   const struct mptcpctl_addr *remote)
{
	return ctl->direct ? direct_subflow_delete(ctl->direct, token, local, remote)
			   : mptcpctl_subflow_delete(ctl->client, token, local, remote);
}

int backend_subflow_change(struct ctl *ctl, uint32_t token, const struct mptcpctl_addr *local,
			   const struct mptcpctl_addr *remote, bool backup)
{
	return ctl->direct ? direct_subflow_change(ctl->direct, token, local, remote, backup)
			   : mptcpctl_subflow_change(ctl->client, token, local, remote, backup);
}

int backend_announce(struct ctl *ctl, uint32_t token, const struct mptcpctl_addr *addr, uint8_t id,
		     const char *interface)
{
	return ctl->direct ? direct_announce(ctl->direct, token, addr, id, interface)
			   : mptcpctl_announce(ctl->client, token, addr, id, interface);
}

int backend_withdraw(struct ctl *ctl, uint32_t token, uint8_t id)
{
	return ctl->direct ? direct_withdraw(ctl->direct, token, id)
			   : mptcpctl_withdraw(ctl->client, token, id);
}

int backend_endpoint_add(struct ctl *ctl, const struct mptcpctl_endpoint_request *request)
{
	return ctl->direct ? direct_endpoint_add(ctl->direct, request)
			   : mptcpctl_endpoint_add(ctl->client, request);
}

int backend_endpoint_change(struct ctl *ctl, uint8_t id, const struct mptcpctl_addr *addr,
			    const char *const *set, const char *const *clear)
{
	return ctl->direct ? direct_endpoint_change(ctl->direct, id, addr, set, clear)
			   : mptcpctl_endpoint_change(ctl->client, id, addr, set, clear);
}

int backend_endpoint_delete(struct ctl *ctl, uint8_t id, const struct mptcpctl_addr *addr)
{
	return ctl->direct ? direct_endpoint_delete(ctl->direct, id, addr)
			   : mptcpctl_endpoint_delete(ctl->client, id, addr);
}

int backend_endpoint_delete_initial(struct ctl *ctl, const struct mptcpctl_addr *addr)
{
	return ctl->direct ? direct_endpoint_delete_initial(ctl->direct, addr)
			   : mptcpctl_endpoint_delete_initial(ctl->client, addr);
}

int backend_endpoint_flush(struct ctl *ctl)
{
	return ctl->direct ? direct_endpoint_flush(ctl->direct)
			   : mptcpctl_endpoint_flush(ctl->client);
}

int backend_limits_set(struct ctl *ctl, const struct mptcpctl_limits *limits)
{
	return ctl->direct ? direct_limits_set(ctl->direct, limits)
			   : mptcpctl_limits_set(ctl->client, limits);
}

/* ---- monitoring ---- */

/*
 * Wait for mptcpd to say something, or for our reader to go: it may do so while there is nothing
 * to write to it.
 */
static int wait_for_more(struct ctl *ctl, int reader_fd)
{
	struct pollfd fds[] = {
		{.fd = mptcpctl_fd(ctl->client),
		 .events = (short)mptcpctl_poll_events(ctl->client)},
		{.fd = reader_fd},
	};

	if (poll(fds, 2, mptcpctl_timeout_ms(ctl->client)) < 0 && errno != EINTR)
		return -errno;
	return fds[1].revents & (POLLERR | POLLHUP) ? -EPIPE : 0;
}

int backend_monitor(struct ctl *ctl,
		    int (*on_event)(void *data, const struct mptcpctl_event *event), void *data,
		    int reader_fd)
{
	int r;

	if (ctl->direct)
		return direct_monitor(ctl->direct, on_event, data, reader_fd);
	r = mptcpctl_monitor(ctl->client, on_event, data);
	while (r >= 0) {
		r = mptcpctl_dispatch(ctl->client);
		if (r == 0)
			r = wait_for_more(ctl, reader_fd);
	}
	return r;
}
