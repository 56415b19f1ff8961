/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "history-commands.h"

#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "history-others.h"

static bool carries(const struct fake_subflow *subflow)
{
	const struct event_local *local = fake_find_local(world->fake, 0, &subflow->local);
	const struct event_link *link = local ? fake_find_link(world->fake, local->ifindex) : NULL;

	return link && link->up && link->carrier &&
	       world->fake->routes[link - world->fake->links] != ROUTE_NONE;
}

static void check_closing(const struct fake_connection *connection, const struct mptcpd_addr *addr)
{
	size_t n_closed = 0, n_others = 0;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		const struct fake_subflow *subflow = &connection->subflows[i];

		if (!subflow->used || subflow->syn_sent)
			continue;
		if (addr_equal_host(&subflow->local, addr))
			n_closed++;
		else
			n_others += carries(subflow);
	}
	if (n_closed && !n_others)
		tell("closes the last of", connection->token, addr->ip[2]);
	g_assert_true(n_closed == 0 || n_others > 0);
}

static void check_command(uint8_t id)
{
	const struct event_endpoint *there = NULL;

	for (size_t i = 0; i < FAKE_ENDPOINTS; i++)
		if (id && world->fake->endpoints[i].id == id)
			there = &world->fake->endpoints[i];
	if (!there || world->by_hand)
		return;
	g_assert_cmpuint(id, !=, FOREIGN_ID);
	for (size_t c = 0; c < FAKE_CONNECTIONS; c++)
		if (world->fake->connections[c].used &&
		    world->fake->connections[c].path_manager == PATH_MANAGER_KERNEL)
			check_closing(&world->fake->connections[c], &there->addr);
}

static int endpoint_delete(void *kernel, const struct event_endpoint *endpoint)
{
	if (!world->fake->fail[FAKE_ENDPOINT_DELETE])
		check_command(endpoint->id);
	return fake_endpoint_delete(kernel, endpoint);
}

static int endpoint_add(void *kernel, const struct event_endpoint *endpoint)
{
	struct event_endpoint *other = find_other(&endpoint->addr);
	int r = fake_endpoint_add(kernel, endpoint);

	/* It was deleted and cannot be made again: so it is lost to him. */
	if (r < 0 && r != -EBUSY && other && !find_id(&endpoint->addr))
		*other = (struct event_endpoint){0};
	return r;
}

static int endpoint_flags(void *kernel, const struct event_endpoint *endpoint)
{
	for (size_t i = 0; i < FAKE_ENDPOINTS; i++)
		if (world->fake->endpoints[i].id == endpoint->id &&
		    (world->fake->endpoints[i].flags ^ endpoint->flags) & MPTCPD_FLAG_FULLMESH &&
		    !world->fake->fail[FAKE_ENDPOINT_FLAGS])
			check_command(endpoint->id);
	return fake_endpoint_flags(kernel, endpoint);
}

struct kernel_ops judged_ops(void)
{
	struct kernel_ops ops = fake_ops;

	ops.endpoint_add = endpoint_add;
	ops.endpoint_delete = endpoint_delete;
	ops.endpoint_flags = endpoint_flags;
	return ops;
}
