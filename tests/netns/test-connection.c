/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel room against the kernel it runs on: connections, subflows, listeners. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "kernel-fixture.h"
#include "sysctl.h"

#define PORT 4711

/* --- connections ---------------------------------------------------------------------------- */

/* A client and a server on the loopback interface, both ends in this namespace. */
struct pair {
	int listener, client, server;
	uint32_t client_token, server_token;
	struct mptcpd_addr client_addr;
};

static struct sockaddr_in sockaddr_of(const char *ip, uint16_t port)
{
	struct sockaddr_in sockaddr = {.sin_family = AF_INET, .sin_port = htons(port)};

	g_assert_cmpint(inet_pton(AF_INET, ip, &sockaddr.sin_addr), ==, 1);
	return sockaddr;
}

static int listen_anywhere(void)
{
	struct sockaddr_in sockaddr = sockaddr_of("0.0.0.0", PORT);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), ==, 0);
	g_assert_cmpint(bind(fd, (const struct sockaddr *)&sockaddr, sizeof(sockaddr)), ==, 0);
	g_assert_cmpint(listen(fd, 8), ==, 0);
	return fd;
}

static void send_word(int from, int to)
{
	char word[4];

	g_assert_cmpint(send(from, "word", 4, 0), ==, 4);
	g_assert_cmpint(recv(to, word, sizeof(word), MSG_WAITALL), ==, 4);
}

/* The kernel tells of a listening socket; before 6.2 it tells of none. */
static void await_listener(struct fixture *f, enum event_type type, const char *addr)
{
	struct event event;

	if (kernel_before(6, 2))
		return;
	event = wait_for(f, type, 0);
	assert_addr(&event.listener.addr, addr);
}

static void pair_connect(struct fixture *f, struct pair *pair)
{
	struct sockaddr_in sockaddr = sockaddr_of("127.0.0.1", PORT);

	pair->listener = listen_anywhere();
	await_listener(f, EVENT_LISTENER_CREATED, "0.0.0.0:4711");
	pair->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	g_assert_cmpint(connect(pair->client, (const struct sockaddr *)&sockaddr, sizeof(sockaddr)),
			==, 0);
	pair->server = accept4(pair->listener, NULL, NULL, SOCK_CLOEXEC);
	g_assert_cmpint(pair->server, >=, 0);
	send_word(pair->client, pair->server);
	send_word(pair->server, pair->client);
}

static void pair_await(struct fixture *f, struct pair *pair)
{
	struct event event;

	pair->client_token = pair->server_token = 0;
	while (!pair->client_token || !pair->server_token) {
		event = wait_for(f, EVENT_CONNECTION_CREATED, 0);
		g_assert_false(event.connection.mapped);
		if (event.connection.side == MPTCPD_SIDE_CLIENT) {
			pair->client_token = event.token;
			pair->client_addr = event.connection.local;
			assert_addr(&event.connection.remote, "127.0.0.1:4711");
		} else {
			pair->server_token = event.token;
			assert_addr(&event.connection.local, "127.0.0.1:4711");
		}
	}
	f->seen = 0;
	wait_for(f, EVENT_CONNECTION_ESTABLISHED, pair->client_token);
	f->seen = 0;
	wait_for(f, EVENT_CONNECTION_ESTABLISHED, pair->server_token);
}

static void pair_open(struct fixture *f, struct pair *pair)
{
	pair_connect(f, pair);
	pair_await(f, pair);
}

static void pair_close(struct fixture *f, struct pair *pair)
{
	close(pair->client);
	close(pair->server);
	close(pair->listener);
	f->seen = 0;
	wait_for(f, EVENT_CONNECTION_CLOSED, pair->client_token);
	f->seen = 0;
	wait_for(f, EVENT_CONNECTION_CLOSED, pair->server_token);
	f->seen = 0;
	await_listener(f, EVENT_LISTENER_CLOSED, "0.0.0.0:4711");
}

/* Take a snapshot and leave what it holds to be looked at. */
static void snapshot_connections(struct fixture *f)
{
	guint begin;

	f->seen = f->events->len;
	g_assert_cmpint(kernel_ops.snapshot(f->kernel, SNAPSHOT_CONNECTIONS), ==, 0);
	wait_for(f, EVENT_SNAPSHOT_BEGIN, 0);
	begin = f->seen;
	g_assert_cmpint(wait_for(f, EVENT_SNAPSHOT_END, 0).snapshot, ==, SNAPSHOT_CONNECTIONS);
	f->seen = begin;
}

static struct subflow_request join_from(const char *local)
{
	return (struct subflow_request){
		.local = parse(local),
		.remote = parse("127.0.0.1:4711"),
		.local_id = 7,
		.flags = MPTCPD_FLAG_BACKUP,
		.ifindex = if_nametoindex("lo"),
	};
}

/* Of the subflow's snapshot records of this connection, the initial one or the other. */
static struct event snapshot_subflow(struct fixture *f, uint32_t token, bool initial)
{
	struct event event;

	snapshot_connections(f);
	do
		event = wait_for(f, EVENT_SNAPSHOT_SUBFLOW, token);
	while (event.subflow.initial != initial);
	return event;
}

/* Does SUBFLOW_CREATE regard flags and interface? Known of 6.12 and later, and not of 6.6. */
static bool create_regards_all(void)
{
	return !kernel_before(6, 12);
}

/* Both sides of a subflow with id 7 that the client made. */
static void check_snapshot(struct fixture *f, const struct pair *pair,
			   const struct mptcpd_addr *local)
{
	struct event event;

	snapshot_connections(f);
	event = wait_for(f, EVENT_SNAPSHOT_CONNECTION, pair->client_token);
	g_assert_true(addr_equal(&event.connection.local, &pair->client_addr));
	g_assert_false(event.connection.fallback);
	g_assert_false(event.connection.closing);
	event = snapshot_subflow(f, pair->client_token, false);
	g_assert_true(addr_equal(&event.subflow.local, local));
	g_assert_cmpuint(event.subflow.local_id, ==, 7);
	g_assert_true(event.subflow.joined_here);
	g_assert_cmpint(event.subflow.backup, ==, create_regards_all());
	g_assert_false(event.subflow.syn_sent);
	g_assert_cmpuint(event.subflow.measure.taken_ms, >, 0);
	g_assert_cmpuint(event.subflow.measure.rtt_us, >, 0);
	event = snapshot_subflow(f, pair->server_token, false);
	g_assert_false(event.subflow.joined_here);
	g_assert_cmpint(event.subflow.peer_backup, ==, create_regards_all());
	g_assert_cmpuint(event.subflow.remote_id, ==, 7);
	event = snapshot_subflow(f, pair->client_token, true);
	g_assert_true(event.subflow.joined_here);
	g_assert_cmpuint(event.subflow.measure.bytes_sent, >=, 4);
	g_assert_cmpuint(event.subflow.measure.bytes_received, >=, 4);
}

static void subflow_lives_and_dies(struct fixture *f, const void *data)
{
	const struct kernel_ops *ops = &kernel_ops;
	struct subflow_request request = join_from("127.0.0.2");
	struct mptcpd_addr local, remote;
	struct event event;
	struct pair pair;

	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_USERSPACE), ==, 0);
	pair_open(f, &pair);
	g_assert_cmpint(ops->probe(f->kernel, pair.client_token), ==, PROBE_USERSPACE);
	g_assert_cmpint(ops->subflow_create(f->kernel, pair.client_token, &request), ==, 0);
	event = wait_for(f, EVENT_SUBFLOW_ESTABLISHED, pair.client_token);
	g_assert_cmpuint(event.subflow.local_id, ==, 7);
	g_assert_cmpuint(event.subflow.remote_id, ==, 0);
	g_assert_cmpuint(event.subflow.ifindex, ==, create_regards_all() ? request.ifindex : 0);
	g_assert_true(addr_equal_host(&event.subflow.local, &request.local));
	g_assert_true(addr_equal(&event.subflow.remote, &request.remote));
	local = event.subflow.local;
	remote = event.subflow.remote;
	check_snapshot(f, &pair, &local);
	g_assert_cmpint(ops->subflow_backup(f->kernel, pair.client_token, &local, &remote,
					    !create_regards_all()),
			==, 0);
	event = wait_for(f, EVENT_SUBFLOW_PRIORITY, pair.server_token);
	g_assert_cmpint(event.subflow.peer_backup, ==, !create_regards_all());
	g_assert_cmpint(ops->subflow_destroy(f->kernel, pair.client_token, &local, &remote, 0,
					     true),
			==, -ESRCH);
	g_assert_cmpint(ops->subflow_destroy(f->kernel, pair.client_token, &local, &remote, 0,
					     false),
			==, 0);
	event = wait_for(f, EVENT_SUBFLOW_CLOSED, pair.client_token);
	g_assert_true(addr_equal(&event.subflow.local, &local));
	pair_close(f, &pair);
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_KERNEL), ==, 0);
}

static int asked[3];

/* The second one's address is nobody's. */
static void ask_for_three(struct fixture *f, const struct event *event)
{
	static const char *const locals[] = {"127.0.0.2", "192.0.2.7", "127.0.0.3"};

	if (event->connection.side != MPTCPD_SIDE_CLIENT)
		return;
	g_assert_cmpint(event->type, ==, EVENT_CONNECTION_ESTABLISHED);
	for (size_t i = 0; i < G_N_ELEMENTS(locals); i++) {
		struct subflow_request request = join_from(locals[i]);
		struct prepared command;

		request.local_id = (uint8_t)(7 + i);
		kernel_ops.prepare_create(f->kernel, &request, &command);
		g_assert_cmpint(asked[i], ==, 0);
		asked[i] = kernel_ops.ask(f->kernel, event->token, &command);
		g_assert_cmpint(asked[i], >, 0);
	}
}

static void asked_early_without_waiting(struct fixture *f, const void *data)
{
	gint64 until = deadline();
	bool is_up[2] = {false};
	struct pair pair;

	memset(asked, 0, sizeof(asked));
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_USERSPACE), ==, 0);
	f->on_early = ask_for_three;
	pair_open(f, &pair);
	f->seen = 0;
	while (!is_up[0] || !is_up[1]) {
		struct event event = wait_for(f, EVENT_SUBFLOW_ESTABLISHED, pair.client_token);

		g_assert_true(event.subflow.local_id == 7 || event.subflow.local_id == 9);
		is_up[event.subflow.local_id == 9] = true;
	}
	while (f->refused->len == 0)
		pump(f, until);
	g_assert_cmpuint(f->refused->len, ==, 1);
	g_assert_cmpint(g_array_index(f->refused, int, 0), ==, asked[1]);
	pair_close(f, &pair);
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_KERNEL), ==, 0);
}

static bool has_seen(const struct fixture *f, enum event_type type)
{
	for (size_t i = 0; i < f->events->len; i++)
		if (g_array_index(f->events, struct event, i).type == type)
			return true;
	return false;
}

/* Without a round trip the join is answered before its command returns: mostly, not always. */
static void an_answer_that_is_there_is_read_at_once(struct fixture *f, const void *data)
{
	bool is_read = false;

	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_USERSPACE), ==, 0);
	f->on_early = ask_for_three;
	for (size_t n = 0; n < 64 && !is_read; n++) {
		struct pair pair;

		memset(asked, 0, sizeof(asked));
		g_array_set_size(f->events, 0);
		f->seen = 0;
		pair_connect(f, &pair);
		while (!asked[0])
			pump(f, deadline());
		is_read = has_seen(f, EVENT_SUBFLOW_ESTABLISHED);
		pair_await(f, &pair);
		pair_close(f, &pair);
	}
	g_assert_true(is_read);
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_KERNEL), ==, 0);
}

static int destroy(struct fixture *f, uint32_t token, const struct subflow_request *request)
{
	return kernel_ops.subflow_destroy(f->kernel, token, &request->local, &request->remote,
					  request->ifindex, false);
}

/* Until the next look at the SYNs in flight is due. */
static int destroy_in_time(struct fixture *f, uint32_t token, const struct subflow_request *request)
{
	int r;

	do
		r = destroy(f, token, request);
	while (r == -EAGAIN);
	return r;
}

/* The port of one that is gone is never taken for that of the next; one look serves two. */
static void check_next_ones(struct fixture *f, uint32_t token, struct subflow_request *request)
{
	struct subflow_request other = *request;

	other.local = parse("10.1.0.2");
	other.local_id = request->local_id + 1;
	for (int round = 0; round < 3; round++) {
		g_assert_cmpint(kernel_ops.subflow_create(f->kernel, token, request), ==, 0);
		g_assert_cmpint(kernel_ops.subflow_create(f->kernel, token, &other), ==, 0);
		g_assert_cmpint(destroy_in_time(f, token, request), ==, 0);
		g_assert_cmpint(destroy(f, token, &other), ==, 0);
	}
	/* Destroyed by somebody else, who knows its port: a second look finds the new one. */
	g_assert_cmpint(kernel_ops.subflow_create(f->kernel, token, request), ==, 0);
	g_assert_cmpint(kernel_ops.subflow_create(f->kernel, token, &other), ==, 0);
	g_assert_cmpint(destroy_in_time(f, token, &other), ==, 0); /* both were seen */
	run("ss -K -t dst 10.1.0.9");
	g_assert_cmpint(kernel_ops.subflow_create(f->kernel, token, request), ==, 0);
	g_assert_cmpint(destroy_in_time(f, token, request), ==, 0);
	g_assert_cmpint(destroy_in_time(f, token, request), ==, -ESRCH);
	g_assert_cmpint(destroy_in_time(f, token, &other), ==, -ESRCH);
}

static void waiting_subflow_can_be_destroyed(struct fixture *f, const void *data)
{
	struct pair pair;
	struct event event;
	struct subflow_request request = join_from("10.1.0.1");
	uint32_t index;

	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_USERSPACE), ==, 0);
	run("ip link add va type veth peer name vb");
	run("ip link set vb up");
	run("ip link set va up");
	run("ip addr add 10.1.0.1/24 dev va");
	run("ip addr add 10.1.0.2/24 dev va");
	/* A neighbour that swallows all packets. */
	run("ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev va");
	index = if_nametoindex("va");
	pair_open(f, &pair);
	request.remote = parse("10.1.0.9:4711");
	request.ifindex = index;
	g_assert_cmpint(kernel_ops.subflow_create(f->kernel, pair.client_token, &request), ==, 0);
	event = snapshot_subflow(f, pair.client_token, false);
	g_assert_true(event.subflow.syn_sent);
	g_assert_cmpuint(event.subflow.ifindex, ==, create_regards_all() ? index : 0);
	g_assert_cmpuint(request.local.port, ==, 0);
	g_assert_cmpint(destroy(f, pair.client_token, &request), ==, 0);
	g_assert_cmpint(destroy(f, pair.client_token, &request), ==, -ESRCH);
	check_next_ones(f, pair.client_token, &request);
	pair_close(f, &pair);
	run("ip link del va");
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_KERNEL), ==, 0);
}

static void address_is_announced(struct fixture *f, const void *data)
{
	struct pair pair;
	struct event event;
	struct mptcpd_addr addr = parse("127.0.0.3");

	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_USERSPACE), ==, 0);
	pair_open(f, &pair);
	g_assert_cmpint(kernel_ops.announce(f->kernel, pair.server_token, &addr, 9, 0), ==, 0);
	event = wait_for(f, EVENT_ADDRESS_ANNOUNCED, pair.client_token);
	g_assert_cmpuint(event.peer_address.id, ==, 9);
	assert_addr(&event.peer_address.addr, "127.0.0.3:4711");
	g_assert_cmpint(kernel_ops.withdraw(f->kernel, pair.server_token, 9), ==, 0);
	event = wait_for(f, EVENT_ADDRESS_REMOVED, pair.client_token);
	g_assert_cmpuint(event.peer_address.id, ==, 9);
	g_assert_cmpint(kernel_ops.withdraw(f->kernel, pair.server_token, 9), ==, -EINVAL);
	g_assert_cmpstr(kernel_ops.error_text(f->kernel), !=, "");
	pair_close(f, &pair);
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_KERNEL), ==, 0);
}

static void probe_tells_whose_it_is(struct fixture *f, const void *data)
{
	gint64 until = deadline();
	struct pair pair;

	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_KERNEL), ==, 0);
	pair_open(f, &pair);
	g_assert_cmpint(kernel_ops.probe(f->kernel, pair.client_token), ==, PROBE_KERNEL);
	g_assert_cmpint(kernel_ops.probe(f->kernel, pair.server_token), ==, PROBE_KERNEL);
	pair_close(f, &pair);
	/* CLOSED tells of the application's close(); the last FINs may still be on their way. */
	while (kernel_ops.probe(f->kernel, pair.client_token) != PROBE_GONE)
		g_assert_cmpint(g_get_monotonic_time(), <, until);
}

static void mapped_addresses_are_ipv4(struct fixture *f, const void *data)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT + 1)};
	struct sockaddr_in to = sockaddr_of("127.0.0.1", PORT + 1);
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), server;
	struct event event;

	g_assert_cmpint(bind(listener, (const struct sockaddr *)&any, sizeof(any)), ==, 0);
	g_assert_cmpint(listen(listener, 1), ==, 0);
	await_listener(f, EVENT_LISTENER_CREATED, "[::]:4712");
	g_assert_cmpint(connect(client, (const struct sockaddr *)&to, sizeof(to)), ==, 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	do
		event = wait_for(f, EVENT_CONNECTION_CREATED, 0);
	while (event.connection.side != MPTCPD_SIDE_SERVER);
	g_assert_true(event.connection.mapped);
	assert_addr(&event.connection.local, "127.0.0.1:4712");
	snapshot_connections(f);
	event = wait_for(f, EVENT_SNAPSHOT_SUBFLOW, event.token);
	g_assert_true(event.subflow.mapped);
	assert_addr(&event.subflow.local, "127.0.0.1:4712");
	close(client);
	close(server);
	close(listener);
}

static void listener_takes_no_strangers(struct fixture *f, const void *data)
{
	struct mptcpd_addr addr = parse("127.0.0.5:4800");
	struct sockaddr_in sockaddr = sockaddr_of("127.0.0.5", 4800);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	struct pollfd polled = {.fd = client, .events = POLLIN};
	gint64 until = deadline();
	char byte;

	g_assert_cmpint(kernel_ops.unlisten(f->kernel, &addr), ==, -ENOENT);
	g_assert_cmpint(kernel_ops.listen(f->kernel, &addr, if_nametoindex("lo")), ==, 0);
	g_assert_cmpint(kernel_ops.listen(f->kernel, &addr, if_nametoindex("lo")), ==, 0);
	await_listener(f, EVENT_LISTENER_CREATED, "127.0.0.5:4800");
	g_assert_cmpint(kernel_ops.unlisten(f->kernel, &addr), ==, 0);
	connect(client, (const struct sockaddr *)&sockaddr, sizeof(sockaddr));
	while (poll(&polled, 1, 0) == 0)
		pump(f, until);
	g_assert_cmpint(recv(client, &byte, 1, 0), <=, 0);
	g_assert_cmpint(kernel_ops.unlisten(f->kernel, &addr), ==, 0);
	await_listener(f, EVENT_LISTENER_CLOSED, "127.0.0.5:4800");
	close(client);
}

#define ADD(name, function)                                                                        \
	g_test_add("/kernel/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!enter_namespace())
		return 0;
	ADD("connection/subflow-lives-and-dies", subflow_lives_and_dies);
	ADD("connection/asked-early-without-waiting", asked_early_without_waiting);
	ADD("connection/an-answer-that-is-there-is-read-at-once",
	    an_answer_that_is_there_is_read_at_once);
	ADD("connection/waiting-subflow-can-be-destroyed", waiting_subflow_can_be_destroyed);
	ADD("connection/address-is-announced", address_is_announced);
	ADD("connection/probe-tells-whose-it-is", probe_tells_whose_it_is);
	ADD("connection/mapped-addresses-are-ipv4", mapped_addresses_are_ipv4);
	ADD("listener/takes-no-strangers", listener_takes_no_strangers);
	return g_test_run();
}
