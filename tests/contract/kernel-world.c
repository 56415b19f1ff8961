/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The world of the real kernel: two network namespaces, and the peer's kernel room in the second. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "kernel-fixture.h"
#include "sysctl.h"
#include "world.h"

#define CONNECTIONS 8

/* Both ends of one, and how each kernel calls it. */
struct pair {
	uint32_t token, peer_token; /* peer_token 0: not looked for yet */
	struct event_connection connection; /* as our end was told */
	int ours, peers; /* sockets, or -1 */
};

struct world {
	struct fixture ours, peer;
	int inside, outside; /* namespaces: ours and the peer's */
	int listener, wide, peer_listener, application;
	struct pair pairs[CONNECTIONS];
	size_t n_pairs;
	world_teller *tell;
	void *data;
};

const struct kernel_ops *const world_ops = &kernel_ops;

void *world_kernel(struct world *world)
{
	return world->ours.kernel;
}

bool world_before(int major, int minor)
{
	return kernel_before(major, minor);
}

int64_t world_deadline(void)
{
	return deadline();
}

/* ---- two namespaces ---- */

static void enter(int namespace)
{
	g_assert_cmpint(setns(namespace, CLONE_NEWNET), ==, 0);
}

static int new_namespace(void)
{
	static const char *const files[] = {"/proc/sys/net/ipv4/conf/all/rp_filter",
					    "/proc/sys/net/ipv4/conf/default/rp_filter"};
	int fd;

	g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		fd = open(files[i], O_WRONLY | O_CLOEXEC);
		g_assert_cmpint(write(fd, "0", 1), ==, 1);
		close(fd);
	}
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_USERSPACE), ==, 0);
	run("ip link set lo up");
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void make_link(struct world *world, const char *name, int number)
{
	enter(world->inside);
	run("ip link add %s type veth peer name %s netns /proc/%d/fd/%d", name, name, getpid(),
	    world->outside);
	run("ip addr add 10.%d.0.1/24 dev %s", number, name);
	run("ip link set %s up", name);
	run("ip addr add fd00:%d::1/64 dev %s nodad", number, name);
	run("ip neigh add 10.%d.0.99 lladdr 02:00:00:00:00:09 dev %s", number, name);
	enter(world->outside);
	run("ip addr add 10.%d.0.2/24 dev %s", number, name);
	run("ip link set %s up", name);
	run("ip addr add fd00:%d::2/64 dev %s nodad", number, name);
	enter(world->inside);
}

/* ---- sockets ---- */

union sockaddrs {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* `wide`: an IPv4 address as a socket of IPv6 has it. */
static union sockaddrs sockaddr_of(const struct mptcpd_addr *addr, bool wide)
{
	union sockaddrs name = {0};

	if (addr->family == AF_INET && !wide) {
		name.v4.sin_family = AF_INET;
		name.v4.sin_port = htons(addr->port);
		memcpy(&name.v4.sin_addr, addr->ip, sizeof(name.v4.sin_addr));
		return name;
	}
	name.v6.sin6_family = AF_INET6;
	name.v6.sin6_port = htons(addr->port);
	if (addr->family == AF_INET6) {
		memcpy(&name.v6.sin6_addr, addr->ip, sizeof(name.v6.sin6_addr));
	} else if (!mptcpd_addr_is_any(addr)) {
		memset(&name.v6.sin6_addr.s6_addr[10], 0xff, 2);
		memcpy(&name.v6.sin6_addr.s6_addr[12], addr->ip, 4);
	}
	return name;
}

static int open_bound(const struct mptcpd_addr *addr, bool wide)
{
	union sockaddrs name = sockaddr_of(addr, wide);
	int fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), on = 1;

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), ==, 0);
	g_assert_cmpint(bind(fd, &name.any, sizeof(name)), ==, 0);
	return fd;
}

static int open_listener(const char *address)
{
	struct mptcpd_addr addr = parse(address);
	int fd = open_bound(&addr, false);

	g_assert_cmpint(listen(fd, 8), ==, 0);
	return fd;
}

/* ---- the world ---- */

struct world *world_new(world_teller *tell, void *data)
{
	struct world *world = g_new0(struct world, 1);

	world->tell = tell;
	world->data = data;
	world->application = -1;
	world->outside = new_namespace();
	world->peer_listener = open_listener("[::]:4711");
	set_up(&world->peer, NULL);
	world->inside = new_namespace();
	make_link(world, "va", 1);
	make_link(world, "vb", 2);
	world->listener = open_listener("0.0.0.0:4711");
	world->wide = open_listener("[::]:4712");
	set_up(&world->ours, NULL);
	return world;
}

void world_free(struct world *world)
{
	for (size_t i = 0; i < world->n_pairs; i++) {
		close(world->pairs[i].ours);
		close(world->pairs[i].peers);
	}
	tear_down(&world->ours, NULL);
	tear_down(&world->peer, NULL);
	close(world->listener);
	close(world->wide);
	close(world->peer_listener);
	close(world->application);
	close(world->inside);
	close(world->outside);
	g_free(world);
}

bool world_turn(struct world *world)
{
	struct fixture *ours = &world->ours;
	gint64 until = deadline();

	while (ours->seen == ours->events->len && g_get_monotonic_time() + 10000 < until)
		pump(ours, until);
	if (ours->seen == ours->events->len)
		return false;
	while (ours->seen < ours->events->len)
		world->tell(world->data, &g_array_index(ours->events, struct event, ours->seen++));
	return true;
}

/* ---- links ---- */

uint32_t world_link(struct world *world, const char *name)
{
	(void)world;
	return if_nametoindex(name);
}

void world_link_set(struct world *world, const char *name, bool up)
{
	(void)world;
	run("ip link set %s %s", name, up ? "up" : "down");
}

void world_carrier(struct world *world, const char *name, bool carrier)
{
	enter(world->outside);
	run("ip link set %s %s", name, carrier ? "up" : "down");
	enter(world->inside);
}

void world_address(struct world *world, const char *link, const char *address)
{
	(void)world;
	run("ip addr add %s/24 dev %s", address, link);
}

void world_address_gone(struct world *world, const char *link, const char *address)
{
	(void)world;
	run("ip addr del %s/24 dev %s", address, link);
}

void world_route(struct world *world, const char *link, bool routed)
{
	const char *way = strcmp(link, "va") == 0 ? "10.1.0.2" : "10.2.0.2";

	(void)world;
	run("ip route %s default via %s", routed ? "add" : "del", way);
}

void world_squeeze(struct world *world, bool small)
{
	int fds[KERNEL_FDS], size = small ? 1 : 1 << 20;

	/* The first two are those of events. */
	kernel_fds(world->ours.kernel, fds);
	for (size_t i = 0; i < 2; i++)
		g_assert_cmpint(setsockopt(fds[i], SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)),
				==, 0);
}

/* ---- connections ---- */

static struct pair *find(struct world *world, uint32_t token)
{
	for (size_t i = 0; i < world->n_pairs; i++)
		if (world->pairs[i].token == token)
			return &world->pairs[i];
	g_assert_not_reached();
}

static int connect_to(const struct mptcpd_addr *local, const struct mptcpd_addr *remote, bool wide)
{
	union sockaddrs name = sockaddr_of(remote, wide);
	int fd = open_bound(local, wide);

	g_assert_cmpint(connect(fd, &name.any, sizeof(name)), ==, 0);
	return fd;
}

/* Our own first event of it, which the scenario is told as well. */
static void await_created(struct world *world, struct pair *pair, enum mptcpd_side side)
{
	guint seen = world->ours.seen;
	struct event event;

	do
		event = wait_for(&world->ours, EVENT_CONNECTION_CREATED, 0);
	while (event.connection.side != side);
	pair->token = event.token;
	pair->connection = event.connection;
	world->ours.seen = seen;
}

static struct pair *open_pair(struct world *world, enum mptcpd_side side, const char *local,
			      const char *remote, bool wide)
{
	struct pair *pair = &world->pairs[world->n_pairs++];
	struct mptcpd_addr from = parse(local), to = parse(remote);

	g_assert_cmpuint(world->n_pairs, <=, CONNECTIONS);
	if (side == MPTCPD_SIDE_CLIENT) {
		pair->ours = connect_to(&from, &to, wide);
		pair->peers = accept4(world->peer_listener, NULL, NULL, SOCK_CLOEXEC);
	} else {
		enter(world->outside);
		pair->peers = connect_to(&to, &from, false);
		enter(world->inside);
		pair->ours =
			accept4(wide ? world->wide : world->listener, NULL, NULL, SOCK_CLOEXEC);
	}
	g_assert_cmpint(pair->ours, >=, 0);
	g_assert_cmpint(pair->peers, >=, 0);
	return pair;
}

uint32_t world_connect(struct world *world, enum mptcpd_side side, const char *local,
		       const char *remote, bool wide)
{
	struct pair *pair = open_pair(world, side, local, remote, wide);

	await_created(world, pair, side);
	return pair->token;
}

void world_connect_unheard(struct world *world)
{
	open_pair(world, MPTCPD_SIDE_CLIENT, "10.1.0.1", "10.1.0.2:4711", false);
}

static void send_word(int from, int to)
{
	char word[4];

	g_assert_cmpint(send(from, "word", 4, 0), ==, 4);
	g_assert_cmpint(recv(to, word, sizeof(word), MSG_WAITALL), ==, 4);
}

void world_establish(struct world *world, uint32_t token)
{
	struct pair *pair = find(world, token);
	struct event event;

	send_word(pair->ours, pair->peers);
	send_word(pair->peers, pair->ours);
	do
		event = wait_for(&world->peer, EVENT_CONNECTION_ESTABLISHED, 0);
	while (!addr_equal(&event.connection.remote, &pair->connection.local));
	pair->peer_token = event.token;
}

void world_close(struct world *world, uint32_t token)
{
	struct pair *pair = find(world, token);

	close(pair->ours);
	pair->ours = -1;
}

void world_end_in_silence(struct world *world, uint32_t token)
{
	struct pair *pair = find(world, token);
	struct linger at_once = {.l_onoff = 1};

	g_assert_cmpint(setsockopt(pair->peers, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
			==, 0);
	close(pair->peers);
	pair->peers = -1;
}

void world_listen(struct world *world, const char *address)
{
	world->application = open_listener(address);
}

void world_unlisten(struct world *world, const char *address)
{
	(void)address;
	close(world->application);
	world->application = -1;
}

/* ---- the peer ---- */

void world_peer_joins(struct world *world, uint32_t token, const char *from, const char *to)
{
	struct subflow_request request = {
		.local = parse(from),
		.remote = parse(to),
		.local_id = 77,
	};

	g_assert_cmpint(kernel_ops.subflow_create(world->peer.kernel,
						  find(world, token)->peer_token, &request),
			==, 0);
}

void world_peer_announces(struct world *world, uint32_t token, uint8_t id, const char *address)
{
	struct mptcpd_addr addr = parse(address);

	g_assert_cmpint(kernel_ops.announce(world->peer.kernel, find(world, token)->peer_token,
					    &addr, id, 0),
			==, 0);
}

void world_peer_withdraws(struct world *world, uint32_t token, uint8_t id)
{
	g_assert_cmpint(kernel_ops.withdraw(world->peer.kernel, find(world, token)->peer_token, id),
			==, 0);
}

void world_peer_backup(struct world *world, uint32_t token, const struct mptcpd_addr *local,
		       const struct mptcpd_addr *remote, bool backup)
{
	g_assert_cmpint(kernel_ops.subflow_backup(world->peer.kernel,
						  find(world, token)->peer_token, remote, local,
						  backup),
			==, 0);
}
