/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "words.h"

#define FLAGS_MAX 8
/* As many as there are ids. */
#define ADDRESSES_MAX 255

/* Nodes of the lists, with room for their texts. */
struct subflow_node {
	struct mptcpctl_subflow subflow;
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE];
};

struct address_node {
	struct mptcpctl_address address;
	char text[ADDR_TEXT_SIZE];
};

struct local_node {
	struct mptcpctl_interface_address address;
	char text[ADDR_TEXT_SIZE];
};

static void *allocate(size_t n, size_t size)
{
	void *nodes = calloc(n + 1, size);

	if (!nodes)
		abort();
	return nodes;
}

static const char *text_or_null(const char *text)
{
	return *text ? text : NULL;
}

struct mptcpctl_addr record_addr(const struct mptcpd_addr *addr, char text[static ADDR_TEXT_SIZE])
{
	if (!addr->family)
		return (struct mptcpctl_addr){0};
	return (struct mptcpctl_addr){addr_format_host(addr, text), addr->port};
}

static const char *const *list_flags(uint32_t flags, const char *ret_names[static FLAGS_MAX])
{
	size_t n = 0;

	for (unsigned int bit = 0; flag_name(bit) && n + 1 < FLAGS_MAX; bit++)
		if (flags & (1u << bit))
			ret_names[n++] = flag_name(bit);
	ret_names[n] = NULL;
	return ret_names;
}

/* ---- connections ---- */

/* The application's own is bound to nothing: among several links with its address, routing decides. */
static uint32_t find_ifindex(const struct model *model, struct kernel *kernel,
			     const struct subflow *subflow)
{
	const struct local *local = model_sole_local(model, &subflow->local);
	int r;

	if (subflow->ifindex || local)
		return subflow->ifindex ? subflow->ifindex : local->interface->ifindex;
	r = kernel_ops.egress(kernel, &subflow->local, &subflow->remote, 0);
	return r > 0 && model_find_local(model, &subflow->local, (uint32_t)r) ? (uint32_t)r : 0;
}

static void fill_subflow(const struct model *model, struct kernel *kernel,
			 const struct subflow *subflow, struct subflow_node *node)
{
	uint32_t ifindex = find_ifindex(model, kernel, subflow);

	node->subflow = (struct mptcpctl_subflow){
		.local = record_addr(&subflow->local, node->local),
		.remote = record_addr(&subflow->remote, node->remote),
		.local_id = subflow->local_id,
		.remote_id = subflow->remote_id,
		.interface = text_or_null(model_interface_name(model, ifindex)),
		.state = subflow_state_name(subflow->state),
		.origin = subflow->origin_known ? origin_name(subflow->origin) : NULL,
		.initial = subflow->initial,
		.backup = subflow->backup,
		.peer_backup = subflow->peer_backup,
		.measured = subflow->measure.taken_ms != 0,
		.rtt_us = subflow->measure.rtt_us,
		.retransmits = subflow->measure.retransmits,
		.bytes_sent = subflow->measure.bytes_sent,
		.bytes_received = subflow->measure.bytes_received,
	};
}

static const struct mptcpctl_subflow *link_subflows(const struct model *model,
						    struct kernel *kernel,
						    const struct connection *connection,
						    struct subflow_node *nodes)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		if (!subflow_is_seen(&connection->subflows[i]))
			continue;
		fill_subflow(model, kernel, &connection->subflows[i], &nodes[n]);
		if (n > 0)
			nodes[n - 1].subflow.next = &nodes[n].subflow;
		n++;
	}
	return n ? &nodes[0].subflow : NULL;
}

static const struct mptcpctl_address *link_peers(const struct connection *connection,
						 struct address_node *nodes)
{
	for (size_t i = 0; i < connection->n_peers; i++) {
		nodes[i].address.addr = record_addr(&connection->peers[i].addr, nodes[i].text);
		nodes[i].address.id = connection->peers[i].id;
		if (i > 0)
			nodes[i - 1].address.next = &nodes[i].address;
	}
	return connection->n_peers ? &nodes[0].address : NULL;
}

/*
 * What the connection's own side announced. Only of a userspace path manager's connections does the
 * kernel tell, and not every kernel: see kernel_ops.own_addresses. False: not known.
 */
static bool link_announced(struct kernel *kernel, const struct connection *connection,
			   struct address_node *nodes, const struct mptcpctl_address **ret_first)
{
	struct event_endpoint known[ADDRESSES_MAX];
	int n = connection->path_manager != PATH_MANAGER_USERSPACE
			? -EOPNOTSUPP
			: kernel_ops.own_addresses(kernel, connection->token, known, ADDRESSES_MAX);
	size_t used = 0;

	for (int i = 0; i < n; i++) {
		if (!(known[i].flags & MPTCPD_FLAG_SIGNAL))
			continue;
		nodes[used].address.addr = record_addr(&known[i].addr, nodes[used].text);
		nodes[used].address.id = known[i].id;
		if (used > 0)
			nodes[used - 1].address.next = &nodes[used].address;
		used++;
	}
	*ret_first = used ? &nodes[0].address : NULL;
	return n >= 0;
}

int record_connection(
	const struct model *model, struct kernel *kernel, const struct connection *connection,
	int (*on_connection)(void *data, const struct mptcpctl_connection *connection), void *data)
{
	struct subflow_node *subflows = allocate(connection->n_subflows, sizeof(*subflows));
	struct address_node *peers = allocate(connection->n_peers, sizeof(*peers));
	struct address_node *announced = allocate(ADDRESSES_MAX, sizeof(*announced));
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE];
	struct mptcpctl_connection record = {
		.token = connection->token,
		.state = connection_state_name(connection->state),
		.side = side_name(connection->side),
		.path_manager = path_manager_name(connection->path_manager),
		.fallback = connection->fallback,
		.deny_join_id0 = connection->deny_join_id0,
		.local = record_addr(&connection->local, local),
		.remote = record_addr(&connection->remote, remote),
		.subflows = link_subflows(model, kernel, connection, subflows),
		.peer_addresses = link_peers(connection, peers),
		.peer_addresses_unknown = connection->n_peers == 0, /* no kernel tells them */
	};
	int r;

	record.announced_unknown =
		!link_announced(kernel, connection, announced, &record.announced);
	r = on_connection(data, &record);
	free(subflows);
	free(peers);
	free(announced);
	return r;
}

/* ---- the host ---- */

static bool leads_out(struct kernel *kernel, const struct interface *interface, int family)
{
	const struct mptcpd_addr world = {0};

	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->addr.family == family && local->usability == USABLE &&
		    kernel_ops.route(kernel, &local->addr, interface->ifindex, &world, 0) ==
			    ROUTE_UNICAST)
			return true;
	return false;
}

int record_interface(struct kernel *kernel, const struct interface *interface,
		     const struct local *only,
		     int (*on_interface)(void *data, const struct mptcpctl_interface *interface),
		     void *data)
{
	const char *flags[FLAGS_MAX];
	struct mptcpctl_interface record = {
		.name = interface->name,
		.type = link_type_name(interface->type),
		.reason = text_or_null(usability_text(interface->usability)),
		.flags = list_flags(0, flags), /* no configuration, no flags */
		.index = interface->ifindex,
		.up = interface->up,
		.carrier = interface->carrier,
		.use = interface->usability == USABLE,
		.route_ipv4 = leads_out(kernel, interface, AF_INET),
		.route_ipv6 = leads_out(kernel, interface, AF_INET6),
		.rp_filter_strict = interface->rp_filter_strict,
	};
	const struct local *first = only ? only : interface->locals;
	struct local_node *nodes;
	size_t n = 0;
	int r;

	for (const struct local *local = first; local; local = local->next)
		n++;
	nodes = allocate(n, sizeof(*nodes));
	record.addresses = n ? &nodes[0].address : NULL;
	n = 0;
	for (const struct local *local = first; local; local = local->next, n++) {
		nodes[n].address = (struct mptcpctl_interface_address){
			.next = local->next ? &nodes[n + 1].address : NULL,
			.address = addr_format_host(&local->addr, nodes[n].text),
			.reason = text_or_null(usability_text(local->usability)),
			.prefix = local->prefix,
			.usable = local->usability == USABLE,
		};
	}
	r = on_interface(data, &record);
	free(nodes);
	return r;
}

int record_endpoint(const struct model *model, const struct endpoint *endpoint, const char *owner,
		    int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
		    void *data)
{
	const char *flags[FLAGS_MAX];
	char text[ADDR_TEXT_SIZE];
	struct mptcpctl_endpoint record = {
		.id = endpoint->id,
		.addr = record_addr(&endpoint->addr, text),
		.interface = text_or_null(model_interface_name(model, endpoint->ifindex)),
		.flags = list_flags(endpoint->flags, flags),
		.owner = owner,
	};

	return on_endpoint(data, &record);
}
