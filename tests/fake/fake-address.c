/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake's list of a connection's own addresses, with their ids: joins add to it, announcements too. */
#include "fake-kernel.h"

#include <errno.h>
#include <glib.h>

#include "addr.h"

/* ---- the connection's own addresses ---- */

static struct fake_address *find_address(struct fake_connection *connection,
					 const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < FAKE_ADDRESSES; i++)
		if (connection->addresses[i].addr.family &&
		    addr_equal_host(&connection->addresses[i].addr, addr))
			return &connection->addresses[i];
	return NULL;
}

static struct fake_address *find_address_id(struct fake_connection *connection, uint8_t id)
{
	for (size_t i = 0; i < FAKE_ADDRESSES; i++)
		if (connection->addresses[i].addr.family && connection->addresses[i].id == id)
			return &connection->addresses[i];
	return NULL;
}

/* An address has one id, and an id one address. What is known already stays as it is. */
int fake_append_address(struct fake_connection *connection, const struct mptcpd_addr *addr,
			uint8_t id, uint32_t flags, uint32_t ifindex)
{
	struct fake_address *room = NULL;

	for (size_t i = 0; i < FAKE_ADDRESSES; i++) {
		struct fake_address *entry = &connection->addresses[i];

		if (!entry->addr.family)
			room = entry;
		else if (addr_equal(&entry->addr, addr) && entry->id == id)
			return 0;
		else if (addr_equal(&entry->addr, addr) || entry->id == id)
			return -EINVAL;
	}
	if (!room)
		return -ENOMEM; /* more than the fake can keep */
	*room = (struct fake_address){
		.addr = *addr,
		.id = id,
		.flags = flags,
		.ifindex = ifindex,
	};
	return 0;
}

uint8_t fake_own_id(struct fake_connection *connection, const struct mptcpd_addr *local)
{
	struct mptcpd_addr addr = addr_host(local);
	struct fake_address *entry = find_address(connection, local);
	uint8_t id = 1;

	if (addr_equal_host(&connection->local, local))
		return 0;
	if (entry)
		return entry->id;
	while (find_address_id(connection, id))
		id++;
	g_assert_cmpint(fake_append_address(connection, &addr, id, 0, 0), ==, 0);
	return id;
}

/* The first entry of the address, whatever port it is for, and whoever else uses it. */
void fake_forget_address(struct fake_connection *connection, const struct mptcpd_addr *addr)
{
	struct fake_address *entry = find_address(connection, addr);

	if (entry)
		*entry = (struct fake_address){0};
}

int fake_own_addresses(void *kernel, uint32_t token, struct event_endpoint *ret_endpoints,
		       size_t room)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_IDS, .token = token};
	struct fake_connection *connection = fake_find(fake, token);
	int r = fake_answer_command(fake, &record,
				    token && fake_check(fake, token) < 0 ? -EINVAL : 0),
	    n = 0;

	if (r == 0 && !token)
		return fake_list_endpoints(fake, ret_endpoints, room);
	for (size_t i = 0; r == 0 && i < FAKE_ADDRESSES && (size_t)n < room; i++) {
		const struct fake_address *entry = &connection->addresses[i];

		if (entry->addr.family)
			ret_endpoints[n++] = (struct event_endpoint){.addr = entry->addr,
								     .id = entry->id,
								     .flags = entry->flags,
								     .ifindex = entry->ifindex};
	}
	return r < 0 ? r : n;
}

/* ---- announcements ---- */

int fake_announce(void *kernel, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
		  uint32_t ifindex)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_ANNOUNCE,
				     .token = token,
				     .ifindex = ifindex,
				     .local = *addr,
				     .id = id};
	struct fake_connection *connection = fake_find(fake, token);
	int r = fake_answer_command(fake, &record, id ? fake_check(fake, token) : -EINVAL);

	if (r == 0)
		r = fake_append_address(connection, addr, id, MPTCPD_FLAG_SIGNAL, ifindex);
	if (r == 0)
		connection->told[id] = *addr;
	return r;
}

/* The peer will close every subflow of the id it is told to forget. */
int fake_withdraw(void *kernel, uint32_t token, uint8_t id)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_WITHDRAW, .token = token, .id = id};
	struct fake_connection *connection = fake_find(fake, token);
	struct fake_address *entry = NULL;
	int r = fake_check(fake, token) < 0 ? -EINVAL : 0;

	if (r == 0) {
		entry = find_address_id(connection, id);
		/* The initial subflow's socket is there as long as the connection is. */
		r = entry || !id ? 0 : -EINVAL;
	}
	r = fake_answer_command(fake, &record, r);
	if (r < 0)
		return r;
	if (entry)
		*entry = (struct fake_address){0};
	connection->told[id] = (struct mptcpd_addr){0};
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (connection->subflows[i].used && !connection->subflows[i].syn_sent &&
		    connection->subflows[i].local_id == id)
			connection->subflows[i].doomed = true;
	return 0;
}
