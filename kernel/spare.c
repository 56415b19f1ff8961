/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The routes by which new connections are spared a silent link, as a life that died has left them. */
#include <errno.h>

#include "kernel.h"
#include "socket.h"

/* One of each family is wanted. */
#define ROUTES_MAX 16

struct found {
	struct event_route routes[ROUTES_MAX];
	size_t n;
};

static int on_route(void *data, const void *message, size_t size)
{
	struct found *found = data;
	struct event event;

	if (found->n < ROUTES_MAX && codec_routing_event(message, size, 0, &event) == 0 &&
	    event.type == EVENT_ROUTE && event.route.protocol == ROUTING_PROTOCOL &&
	    event.route.table == ROUTING_TABLE_MAIN)
		found->routes[found->n++] = event.route;
	return 0;
}

static int find(struct socket *socket, struct found *ret_found)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	union codec_command command;
	int r = socket_filter(socket);

	ret_found->n = 0;
	for (size_t i = 0; i < sizeof(families) && r == 0; i++) {
		r = socket_request(socket, codec_get_all_routes(&command, families[i], true),
				   on_route, ret_found);
		if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
			r = 0; /* the kernel was built without that family */
	}
	return r;
}

int kernel_drop_spare_routes(void)
{
	struct socket socket = {0};
	union codec_command command;
	struct found found;
	int n = 0, r = socket_open(&socket, NETLINK_ROUTE, SOCKET_REQUESTS);

	if (r < 0)
		return r;
	r = find(&socket, &found);
	for (size_t i = 0; i < found.n && r == 0; i++) {
		r = socket_request(&socket, codec_delete_route(&command, &found.routes[i]), NULL,
				   NULL);
		n += r == 0;
		if (r == -ESRCH)
			r = 0;
	}
	socket_close(&socket);
	return r < 0 ? r : n;
}
