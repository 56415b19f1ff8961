/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network of the fake kernel: links, addresses, what leads where, and who listens. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "fake-kernel.h"

/* ---- links and addresses ---- */

struct event_link *fake_find_link(struct fake_kernel *fake, uint32_t ifindex)
{
	for (size_t i = 0; i < FAKE_LINKS; i++)
		if (fake->links[i].ifindex == ifindex)
			return &fake->links[i];
	return NULL;
}

static void lose_local(struct fake_kernel *fake, struct event_local *local)
{
	fake_queue(fake, &(struct event){.type = EVENT_LOCAL_GONE, .local = *local});
	*local = (struct event_local){0};
}

void fake_typed_link(struct fake_kernel *fake, uint32_t ifindex, const char *name,
		     enum mptcpd_link_type type, bool up, bool carrier)
{
	struct event_link *link = fake_find_link(fake, ifindex);

	if (!link) {
		link = fake_find_link(fake, 0);
		g_assert_nonnull(link);
		fake->routes[link - fake->links] = ROUTE_UNICAST;
	}
	*link = (struct event_link){.ifindex = ifindex,
				    .type = type,
				    .prefers_temporary = link->prefers_temporary,
				    .point_to_point = link->point_to_point,
				    .up = up,
				    .carrier = carrier};
	g_strlcpy(link->name, name, sizeof(link->name));
	fake_queue(fake, &(struct event){.type = EVENT_LINK, .link = *link});
	for (size_t i = 0; i < FAKE_ROUTING && !up; i++)
		if (fake->ways[i].family && fake->ways[i].ifindex == ifindex)
			fake->ways[i] = (struct event_route){0}; /* nobody is told */
	for (size_t i = 0; i < FAKE_LOCALS && !up; i++)
		if (fake->locals[i].ifindex == ifindex && fake->locals[i].addr.family == AF_INET6)
			lose_local(fake, &fake->locals[i]);
}

void fake_link(struct fake_kernel *fake, uint32_t ifindex, const char *name, bool up, bool carrier)
{
	fake_typed_link(fake, ifindex, name, MPTCPD_LINK_ETHERNET, up, carrier);
}

void fake_link_gone(struct fake_kernel *fake, uint32_t ifindex)
{
	struct event_link *link = fake_find_link(fake, ifindex);

	g_assert_nonnull(link);
	for (size_t i = 0; i < FAKE_LOCALS; i++)
		if (fake->locals[i].ifindex == ifindex)
			lose_local(fake, &fake->locals[i]);
	*link = (struct event_link){0};
	fake_queue(fake, &(struct event){.type = EVENT_LINK_GONE, .link.ifindex = ifindex});
}

struct event_local *fake_find_local(struct fake_kernel *fake, uint32_t ifindex,
				    const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < FAKE_LOCALS; i++) {
		struct event_local *local = &fake->locals[i];

		if (ifindex ? local->ifindex == ifindex : local->addr.family != 0)
			if (addr_equal_host(&local->addr, addr))
				return local;
	}
	return NULL;
}

void fake_address(struct fake_kernel *fake, uint32_t ifindex, const char *address)
{
	struct event_local local = {.addr = fake_addr(address), .ifindex = ifindex};

	local.prefix = local.addr.family == AF_INET ? 24 : 64;
	for (size_t i = 0; i < FAKE_LOCALS; i++) {
		if (fake->locals[i].ifindex)
			continue;
		fake->locals[i] = local;
		fake_queue(fake, &(struct event){.type = EVENT_LOCAL, .local = local});
		return;
	}
	g_assert_not_reached();
}

void fake_temporary(struct fake_kernel *fake, uint32_t ifindex, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	struct event_local *local = fake_find_local(fake, ifindex, &addr);
	bool is_there = local != NULL;

	if (!is_there) {
		fake_address(fake, ifindex, address);
		fake->n_events--;
		local = fake_find_local(fake, ifindex, &addr);
	}
	g_assert(local);
	local->temporary = true;
	local->deprecated = is_there;
	fake_queue(fake, &(struct event){.type = EVENT_LOCAL, .local = *local});
}

void fake_prefer_temporary(struct fake_kernel *fake, uint32_t ifindex, bool prefer)
{
	struct event_link *link = fake_find_link(fake, ifindex);

	g_assert(link);
	link->prefers_temporary = prefer;
}

void fake_address_gone(struct fake_kernel *fake, uint32_t ifindex, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	struct event_local *local = fake_find_local(fake, ifindex, &addr);

	g_assert_nonnull(local);
	lose_local(fake, local);
}

/* ---- routes ---- */

void fake_route(struct fake_kernel *fake, uint32_t ifindex, bool routed)
{
	fake->routes[fake_find_link(fake, ifindex) - fake->links] =
		routed ? ROUTE_UNICAST : ROUTE_NONE;
	fake_queue(fake, &(struct event){.type = EVENT_ROUTES});
}

void fake_site(struct fake_kernel *fake, uint32_t ifindex)
{
	fake->routes[fake_find_link(fake, ifindex) - fake->links] = ROUTE_SITE;
	fake_queue(fake, &(struct event){.type = EVENT_ROUTES});
}

/* A link that is up has its own networks, and those that its routes lead to. */
static bool is_neighbour(const struct fake_kernel *fake, uint32_t ifindex,
			 const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < FAKE_LOCALS; i++)
		if (fake->locals[i].ifindex == ifindex &&
		    mptcpd_addr_in_prefix(remote, &fake->locals[i].addr, fake->locals[i].prefix))
			return true;
	return false;
}

/* The world and the site are beyond the link. */
enum route fake_find_way(struct fake_kernel *fake, const struct event_link *link,
			 const struct mptcpd_addr *remote)
{
	enum route route = fake->routes[link - fake->links];

	if (!link->up)
		return ROUTE_NONE;
	if (route != ROUTE_NONE || !remote->family)
		return route == ROUTE_SITE && remote->family ? ROUTE_UNICAST : route;
	if (is_neighbour(fake, link->ifindex, remote))
		return ROUTE_UNICAST;
	for (size_t i = 0; i < FAKE_LINKS && remote->family == AF_INET; i++)
		if (fake->links[i].up && is_neighbour(fake, fake->links[i].ifindex, remote))
			return ROUTE_ON_LINK;
	return ROUTE_NONE;
}

int fake_ask_route(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
		   const struct mptcpd_addr *remote, uint32_t mark)
{
	struct fake_kernel *fake = kernel;
	struct event_link *link = fake_find_link(fake, ifindex);

	(void)local;
	fake->counts[FAKE_ROUTE]++;
	if (!link ||
	    (fake->marked_rule && mark != fake->marked_rule && ifindex == fake->marked_link))
		return ROUTE_NONE;
	return fake_find_way(fake, link, remote);
}

static bool can_leave(struct fake_kernel *fake, size_t i, const struct mptcpd_addr *local)
{
	const struct event_link *link = &fake->links[i];

	return link->ifindex && link->up && fake->routes[i] != ROUTE_NONE &&
	       fake_find_local(fake, link->ifindex, local);
}

/* A link that is up, has routes and the address; it need not have a carrier. */
int fake_egress(void *kernel, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		uint32_t mark)
{
	struct fake_kernel *fake = kernel;
	uint32_t found = 0;

	(void)remote;
	(void)mark;
	fake->counts[FAKE_EGRESS]++;
	for (size_t i = 0; i < FAKE_LINKS; i++) {
		if (!can_leave(fake, i, local))
			continue;
		if (!found || fake->links[i].ifindex == fake->egress)
			found = fake->links[i].ifindex;
	}
	return (int)found;
}

/* ---- listening sockets ---- */

static struct fake_listener *find_listener(struct fake_kernel *fake, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < FAKE_LISTENERS; i++)
		if (addr_equal(&fake->listeners[i].addr, addr))
			return &fake->listeners[i];
	return NULL;
}

int fake_check_listen(struct fake_kernel *fake, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < FAKE_LISTENERS; i++) {
		const struct mptcpd_addr *taken = &fake->listeners[i].addr;

		if (taken->port == addr->port && taken->family == addr->family &&
		    (mptcpd_addr_is_any(taken) || mptcpd_addr_is_any(addr) ||
		     addr_equal_host(taken, addr)))
			return -EADDRINUSE;
	}
	return mptcpd_addr_is_any(addr) || fake_find_local(fake, 0, addr) ? 0 : -EADDRNOTAVAIL;
}

static int open_listener(struct fake_kernel *fake, const struct mptcpd_addr *addr,
			 unsigned int users)
{
	static const struct mptcpd_addr unused;
	struct fake_listener *listener = find_listener(fake, &unused);
	int r = fake_check_listen(fake, addr);

	g_assert_nonnull(listener);
	if (r < 0)
		return r;
	*listener = (struct fake_listener){.addr = *addr, .users = users};
	fake_queue(fake, &(struct event){.type = EVENT_LISTENER_CREATED, .listener.addr = *addr});
	return 0;
}

int fake_listen(struct fake_kernel *fake, const struct mptcpd_addr *addr)
{
	return open_listener(fake, addr, 0);
}

void fake_listen_no_more(struct fake_kernel *fake, const struct mptcpd_addr *addr)
{
	struct fake_listener *listener = find_listener(fake, addr);

	g_assert(listener);
	*listener = (struct fake_listener){0};
	fake_queue(fake, &(struct event){.type = EVENT_LISTENER_CLOSED, .listener.addr = *addr});
}

int fake_listen_on(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	struct fake_kernel *fake = kernel;
	struct fake_listener *listener = find_listener(fake, addr);

	if (!addr->port)
		return -EINVAL;
	if (listener && listener->users) {
		listener->users++;
		return 0;
	}
	if (ifindex && !fake_find_link(fake, ifindex))
		return -ENODEV;
	return open_listener(fake, addr, 1);
}

int fake_unlisten(void *kernel, const struct mptcpd_addr *addr)
{
	struct fake_kernel *fake = kernel;
	struct fake_listener *listener = find_listener(fake, addr);

	if (!listener || !listener->users)
		return -ENOENT;
	if (--listener->users == 0)
		fake_listen_no_more(fake, addr);
	return 0;
}

int fake_listens(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex, bool again)
{
	struct fake_kernel *fake = kernel;
	int found = LISTENS_NOBODY;

	(void)ifindex;
	(void)again;
	for (size_t i = 0; i < FAKE_LISTENERS; i++) {
		const struct fake_listener *listener = &fake->listeners[i];
		const struct mptcpd_addr *taken = &listener->addr;

		if (!taken->family || listener->users || taken->port != addr->port)
			continue;
		/* a socket of IPv6 takes IPv4 too */
		if (addr_equal(taken, addr) ||
		    (mptcpd_addr_is_any(taken) &&
		     (taken->family == addr->family || taken->family == AF_INET6)))
			return LISTENS_HERE;
		found = LISTENS_ELSEWHERE;
	}
	return found;
}

/* ---- neighbours ---- */

int fake_neighbours_seek(void *kernel, uint32_t ifindex)
{
	struct fake_kernel *fake = kernel;

	fake->n_returned += fake_find_link(fake, ifindex) != NULL;
	return fake->neighbours_many ? SEEK_SOME : 0;
}

int fake_neighbour_known(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
			 const struct mptcpd_addr *remote, bool anew)
{
	struct fake_kernel *fake = kernel;

	fake->n_sought++;
	fake->n_anew += fake->neighbours_unknown && anew;
	return fake->neighbours_unknown ? NEIGHBOUR_SOUGHT : NEIGHBOUR_KNOWN;
}
