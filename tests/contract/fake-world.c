/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The world of the fake kernel. What the peer does it does in world_turn(). */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "fake-kernel.h"
#include "world.h"

struct world {
	struct fake_kernel *fake;
	world_teller *tell;
	void *data;
	uint32_t last_token;
	bool told; /* something, in this turn */
};

static const char *const links[] = {NULL, "va", "vb"};

const struct kernel_ops *const world_ops = &fake_ops;

void *world_kernel(struct world *world)
{
	return world->fake;
}

bool world_before(int major, int minor)
{
	(void)major;
	(void)minor;
	return false;
}

int64_t world_deadline(void)
{
	return 0; /* it has happened */
}

static void hear(void *data, const struct event *event)
{
	struct world *world = data;

	world->told = true;
	world->tell(world->data, event);
}

struct world *world_new(world_teller *tell, void *data)
{
	struct world *world = g_new0(struct world, 1);

	*world = (struct world){.fake = fake_new(), .tell = tell, .data = data, .last_token = 70};
	for (uint32_t i = 1; i < G_N_ELEMENTS(links); i++) {
		g_autofree char *v4 = g_strdup_printf("10.%u.0.1", i);
		g_autofree char *v6 = g_strdup_printf("fd00:%u::1", i);

		fake_link(world->fake, i, links[i], true, true);
		fake_address(world->fake, i, v4);
		fake_address(world->fake, i, v6);
		fake_route(world->fake, i, false);
	}
	world_listen(world, "0.0.0.0:4711");
	world_listen(world, "[::]:4712");
	world->fake->n_events = 0;
	return world;
}

void world_free(struct world *world)
{
	fake_free(world->fake);
	g_free(world);
}

/* Is it among some addresses, whatever its port is? */
static bool is_among(const struct mptcpd_addr *addr, const char *const *list)
{
	for (; *list; list++) {
		struct mptcpd_addr other = fake_addr(*list);

		if (addr_equal_host(addr, &other))
			return true;
	}
	return false;
}

/* The peer answers what reaches it and what it knows the way back to. */
static void answer(struct world *world, struct fake_connection *connection, size_t i)
{
	static const char *const peers[] = {"10.1.0.2", "10.2.0.2", "fd00:1::2", "fd00:2::2", NULL},
				 *const ours[] = {"10.1.0.1", "10.2.0.1", "fd00:1::1", "fd00:2::1",
						  NULL};
	const struct fake_subflow *subflow = &connection->subflows[i];

	if (is_among(&subflow->remote, peers) && is_among(&subflow->local, ours))
		fake_answer_subflow(world->fake, connection, i,
				    subflow->remote.port == WORLD_PORT ? 0 : ECONNREFUSED);
}

bool world_turn(struct world *world)
{
	struct fake_kernel *fake = world->fake;

	world->told = false;
	for (size_t c = 0; c < FAKE_CONNECTIONS; c++) {
		struct fake_connection *connection = &fake->connections[c];

		for (size_t i = 0; connection->used && i < FAKE_SUBFLOWS; i++) {
			if (connection->subflows[i].used && connection->subflows[i].doomed)
				fake_reset(fake, connection, i, 0);
			if (connection->subflows[i].used && connection->subflows[i].syn_sent)
				answer(world, connection, i);
		}
	}
	fake_tell(fake, hear, world);
	return world->told;
}

/* ---- links ---- */

uint32_t world_link(struct world *world, const char *name)
{
	(void)world;
	return strcmp(name, "va") == 0 ? 1 : 2;
}

void world_link_set(struct world *world, const char *name, bool up)
{
	fake_link(world->fake, world_link(world, name), name, up, up);
}

void world_carrier(struct world *world, const char *name, bool carrier)
{
	fake_link(world->fake, world_link(world, name), name, true, carrier);
}

void world_address(struct world *world, const char *link, const char *address)
{
	fake_address(world->fake, world_link(world, link), address);
}

void world_address_gone(struct world *world, const char *link, const char *address)
{
	fake_address_gone(world->fake, world_link(world, link), address);
}

void world_route(struct world *world, const char *link, bool routed)
{
	fake_route(world->fake, world_link(world, link), routed);
}

void world_squeeze(struct world *world, bool small)
{
	world->fake->limit_events = small ? 4 : 0;
}

/* ---- connections ---- */

/* The end that has no port gets one. To be freed. */
static char *with_port(const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	char text[ADDR_TEXT_SIZE];

	if (!addr.port)
		addr.port = 40000;
	return g_strdup(addr_format(&addr, text));
}

uint32_t world_connect(struct world *world, enum mptcpd_side side, const char *local,
		       const char *remote, bool wide)
{
	g_autofree char *from = with_port(local);
	g_autofree char *to = with_port(remote);

	world->fake->wide = wide;
	world->last_token += 2; /* the peer has the other one */
	fake_connect(world->fake, world->last_token, side, from, to);
	return world->last_token;
}

void world_connect_unheard(struct world *world)
{
	world_connect(world, MPTCPD_SIDE_CLIENT, "10.1.0.1", "10.1.0.2:4711", false);
}

void world_establish(struct world *world, uint32_t token)
{
	fake_establish(world->fake, token);
}

void world_close(struct world *world, uint32_t token)
{
	fake_close(world->fake, token, false);
}

void world_end_in_silence(struct world *world, uint32_t token)
{
	fake_close(world->fake, token, true);
}

void world_listen(struct world *world, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);

	g_assert_cmpint(fake_listen(world->fake, &addr), ==, 0);
}

void world_unlisten(struct world *world, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);

	fake_listen_no_more(world->fake, &addr);
}

/* ---- the peer ---- */

void world_peer_joins(struct world *world, uint32_t token, const char *from, const char *to)
{
	g_autofree char *remote = with_port(from);

	fake_find(world->fake, token)->peers[77] = fake_addr(from);
	fake_join(world->fake, token, to, remote);
}

void world_peer_announces(struct world *world, uint32_t token, uint8_t id, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);
	char text[ADDR_TEXT_SIZE];

	if (!addr.port)
		addr.port = WORLD_PORT;
	fake_announced(world->fake, token, id, addr_format(&addr, text));
}

void world_peer_withdraws(struct world *world, uint32_t token, uint8_t id)
{
	fake_removed(world->fake, token, id);
}

void world_peer_backup(struct world *world, uint32_t token, const struct mptcpd_addr *local,
		       const struct mptcpd_addr *remote, bool backup)
{
	struct fake_connection *connection = fake_find(world->fake, token);

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		const struct fake_subflow *subflow = &connection->subflows[i];

		if (subflow->used && addr_equal(&subflow->local, local) &&
		    addr_equal(&subflow->remote, remote))
			fake_priority(world->fake, connection, i, backup);
	}
}
