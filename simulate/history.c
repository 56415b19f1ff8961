/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to a host: to its links, to what lies behind them, to its connections. */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "life.h"

static const struct {
	const char *name;
	enum mptcpd_link_type type;
} kinds[UPLINKS_MAX] = {
	{"eth0", MPTCPD_LINK_ETHERNET},
	{"wlan0", MPTCPD_LINK_WIFI},
	{"wwan0", MPTCPD_LINK_WWAN},
	{"eth1", MPTCPD_LINK_ETHERNET},
};

/* ---- links ---- */

/* As the kernel does: its addresses of IPv6 go with it, and are there anew. */
static void tell_link(struct world *world, struct uplink *uplink)
{
	size_t i = (size_t)(uplink - world->uplinks);
	g_autofree char *address = g_strdup_printf("2001:db8:%zu::1", i + 1);
	struct mptcpd_addr addr = fake_addr(address);

	fake_typed_link(world->fake, uplink->ifindex, uplink->name, uplink->type, uplink->up,
			uplink->carrier);
	if (uplink->up && uplink->has_v6 && !fake_find_local(world->fake, uplink->ifindex, &addr))
		fake_address(world->fake, uplink->ifindex, address);
}

static void plug(struct world *world, struct uplink *uplink)
{
	size_t i = (size_t)(uplink - world->uplinks);
	g_autofree char *address = g_strdup_printf("10.0.%zu.1", i + 1);

	uplink->ifindex += 10;
	uplink->is_there = uplink->up = uplink->carrier = uplink->routed = true;
	tell_link(world, uplink);
	fake_address(world->fake, uplink->ifindex, address);
}

static void unplug(struct world *world, struct uplink *uplink)
{
	uplink->is_there = false;
	fake_link_gone(world->fake, uplink->ifindex);
}

static void change_link(struct world *world, struct uplink *uplink)
{
	if (!uplink->is_there) {
		world_tell(world, "%s is plugged in", uplink->name);
		plug(world, uplink);
		return;
	}
	switch (world_dice(world, 10)) {
	case 0:
		world_tell(world, "%s is unplugged", uplink->name);
		unplug(world, uplink);
		break;
	case 1:
		uplink->up = !uplink->up;
		world_tell(world, "%s goes %s", uplink->name, uplink->up ? "up" : "down");
		tell_link(world, uplink);
		break;
	case 2:
	case 3:
		uplink->carrier = !uplink->carrier;
		world_tell(world, "%s %s its carrier", uplink->name,
			   uplink->carrier ? "has" : "loses");
		tell_link(world, uplink);
		break;
	case 4:
		uplink->routed = !uplink->routed;
		world_tell(world, "%s %s its route", uplink->name,
			   uplink->routed ? "has" : "loses");
		fake_route(world->fake, uplink->ifindex, uplink->routed);
		break;
	case 5:
		uplink->rtt_ms = 1 + world_dice(world, 200);
		world_tell(world, "%s has a round-trip time of %u ms", uplink->name,
			   uplink->rtt_ms);
		break;
	case 6:
		uplink->eats_joins = !uplink->eats_joins;
		world_tell(world, "%s %s", uplink->name,
			   uplink->eats_joins ? "drops joins" : "lets joins through");
		break;
	default:
		uplink->silent = !uplink->silent;
		world_tell(world, "%s %s", uplink->name,
			   uplink->silent ? "falls silent" : "answers again");
	}
}

/* Such as a host has when it is mended. */
static void mend_all(struct world *world)
{
	world_tell(world, "all links are well again");
	for (size_t i = 0; i < world->n_uplinks; i++) {
		struct uplink *uplink = &world->uplinks[i];

		uplink->silent = uplink->eats_joins = false;
		if (!uplink->is_there)
			plug(world, uplink);
		uplink->up = uplink->carrier = true;
		tell_link(world, uplink);
		if (!uplink->routed)
			fake_route(world->fake, uplink->ifindex, true);
		uplink->routed = true;
	}
}

/* ---- connections ---- */

static void tell_talk(const struct world *world, const struct talk *talk, const char *what)
{
	static const char *const habits[HABITS] = {"is idle", "sends", "receives"};

	world_tell(world, "connection %x %s, %s", talk->token, what, habits[talk->habit]);
}

static struct talk *free_talk(struct world *world)
{
	for (size_t i = 0; i < TALKS_MAX; i++)
		if (!world->talks[i].token)
			return &world->talks[i];
	return NULL;
}

/* By a link that works, as an application's packets find it. */
static void connect_somebody(struct world *world)
{
	struct uplink *uplink = &world->uplinks[world_dice(world, (uint32_t)world->n_uplinks)];
	size_t i = (size_t)(uplink - world->uplinks) + 1;
	struct talk *talk = free_talk(world);
	uint32_t token = world->next_token, port = 20000 + token;
	bool v6 = uplink->has_v6 && world_dice(world, 3) == 0;
	enum mptcpd_side side = world_dice(world, 5) ? MPTCPD_SIDE_CLIENT : MPTCPD_SIDE_SERVER;
	g_autofree char *local = g_strdup_printf(v6 ? "[2001:db8:%zu::1]:%u" : "10.0.%zu.1:%u", i,
						 side == MPTCPD_SIDE_SERVER ? 5000 : port);
	g_autofree char *remote = g_strdup_printf(v6 ? "[2001:db8:9::%u]:%u" : "10.9.0.%u:%u",
						  4 * (1 + world_dice(world, 3)),
						  side == MPTCPD_SIDE_SERVER ? port : 5000);
	struct mptcpd_addr from = fake_addr(local), to = fake_addr(remote);
	struct fake_connection *connection;

	if (!talk || !world_reaches(world, &from, &to))
		return;
	world->next_token++;
	*talk = (struct talk){.token = token,
			      .habit = (enum habit)world_dice(world, HABITS),
			      .begin_ms = world->now_ms};
	world->fake->wide = v6;
	connection = fake_connect(world->fake, token, side, local, remote);
	connection->deny_join_id0 = world_dice(world, 8) == 0;
	tell_talk(world, talk, side == MPTCPD_SIDE_CLIENT ? "begins" : "is accepted");
}

static void announce_something(struct world *world, uint32_t token)
{
	bool v6 = world_dice(world, 3) == 0;
	uint32_t i = world_dice(world, 6);
	g_autofree char *remote =
		g_strdup_printf(v6 ? "[2001:db8:9:1::%u]:5000" : "10.9.1.%u:5000", 4 + i);

	world_tell(world, "the peer of %x announces %s", token, remote);
	fake_announced(world->fake, token, (uint8_t)(v6 ? 20 + i : 10 + i), remote);
}

static void reset_something(struct world *world, struct fake_connection *connection)
{
	uint32_t i = world_dice(world, 4);

	if (!connection->subflows[i].used || connection->subflows[i].initial)
		return;
	world_tell(world, "a subflow of %x is reset", connection->token);
	fake_reset(world->fake, connection, i, ECONNRESET);
}

/* The peer accepts invitations, or makes subflows unasked. */
static void join_something(struct world *world, struct fake_connection *connection)
{
	struct uplink *uplink = &world->uplinks[world_dice(world, (uint32_t)world->n_uplinks)];
	g_autofree char *local =
		g_strdup_printf("10.0.%zu.1:5000", (size_t)(uplink - world->uplinks) + 1);
	g_autofree char *remote = g_strdup_printf("10.9.2.4:%u", 30000 + world_dice(world, 10000));
	struct mptcpd_addr from = fake_addr(local), to = fake_addr(remote);

	if (connection->side != MPTCPD_SIDE_SERVER || connection->mapped ||
	    fake_count_subflows(connection) > 6 || !world_reaches(world, &from, &to))
		return;
	world_tell(world, "the peer of %x joins at %s", connection->token, uplink->name);
	fake_join(world->fake, connection->token, local, remote);
}

static void change_connection(struct world *world)
{
	struct talk *talk = &world->talks[world_dice(world, TALKS_MAX)];
	struct fake_connection *connection =
		talk->token ? fake_find(world->fake, talk->token) : NULL;
	uint32_t action = world_dice(world, 10);

	if (!connection || !connection->established) {
		connect_somebody(world);
	} else if (action == 0) {
		tell_talk(world, talk, "ends");
		fake_close(world->fake, talk->token, world_dice(world, 4) == 0);
		talk->token = 0;
	} else if (action < 3) {
		announce_something(world, talk->token);
	} else if (action == 3) {
		world_tell(world, "the peer of %x takes an address back", talk->token);
		fake_removed(world->fake, talk->token, (uint8_t)(10 + world_dice(world, 6)));
	} else if (action == 4) {
		reset_something(world, connection);
	} else if (action < 7) {
		join_something(world, connection);
	} else {
		talk->habit = (enum habit)world_dice(world, HABITS);
		tell_talk(world, talk, "goes on");
	}
}

/* ---- all together ---- */

/* It has no memory for some of what it is told and asked, until something else happens. */
static void starve_kernel(struct world *world)
{
	static const int errors[] = {ENOBUFS, ENOMEM, EAGAIN};
	int error = errors[world_dice(world, G_N_ELEMENTS(errors))];

	world_tell(world, "the kernel says %s", strerror(error));
	for (size_t i = 0; i < FAKE_ENDPOINT_ADD; i++)
		if (world_dice(world, 2))
			world->fake->fail_always[i] = -error;
}

/* It reads its configuration again, is killed and comes back, or is too slow for its events. */
static void change_mptcpd(struct world *world)
{
	switch (world_dice(world, 4)) {
	case 0:
		engine_set_rules(world->engine, world->rules, world->now_ms);
		break;
	case 1:
		life_restart(world);
		break;
	case 2:
		starve_kernel(world);
		break;
	default:
		world_tell(world, "events may be lost");
		world->fake->limit_events = 1 + world_dice(world, 2);
		break;
	}
}

void history_step(struct world *world)
{
	uint32_t what = world_dice(world, 20);

	if (what == 0)
		mend_all(world);
	else if (what == 1 && world->engine)
		change_mptcpd(world);
	else if (what < 9)
		change_connection(world);
	else
		change_link(world, &world->uplinks[world_dice(world, (uint32_t)world->n_uplinks)]);
}

void history_begin(struct world *world)
{
	world->n_uplinks = 2 + world_dice(world, UPLINKS_MAX - 1);
	for (size_t i = 0; i < world->n_uplinks; i++) {
		struct uplink *uplink = &world->uplinks[i];

		uplink->name = kinds[i].name;
		uplink->type = kinds[i].type;
		uplink->ifindex = (uint32_t)i + 1;
		uplink->has_v6 = world_dice(world, 2);
		uplink->rtt_ms = 1 + world_dice(world, 100);
		plug(world, uplink);
	}
	for (int i = 0; i < 2; i++)
		connect_somebody(world);
}
