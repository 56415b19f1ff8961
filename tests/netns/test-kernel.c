/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel room against the kernel it runs on: starting, links, routes, endpoints, settings. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "addr.h"
#include "kernel-fixture.h"
#include "sysctl.h"

static const struct kernel_reader reader = {.on_event = on_event};

/* --- starting ------------------------------------------------------------------------------- */

/* Try kernel_new() in a child that gave up its capabilities; returns its exit code. */
static int try_without_capabilities(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
		struct __user_cap_data_struct none[2] = {0};
		struct kernel *kernel = NULL;
		char why[256] = "";
		int r;

		if (syscall(SYS_capset, &head, none) < 0)
			_exit(2);
		r = kernel_new(&reader, &kernel, why);
		_exit(r == -EPERM && strstr(why, "CAP_NET_ADMIN") && !kernel ? 0 : 1);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refuses_without_capability(void)
{
	g_assert_cmpint(try_without_capabilities(), ==, 0);
}

static void opens_when_switched_off(void)
{
	struct kernel *kernel = NULL;
	char why[256] = "";

	g_assert_cmpint(sysctl_write("enabled", "0"), ==, 0);
	g_assert_cmpint(kernel_new(&reader, &kernel, why), ==, 0);
	g_assert_cmpint(sysctl_write("enabled", "1"), ==, 0);
	g_assert_nonnull(kernel);
	kernel_free(kernel);
}

static void descriptors_are_closed_on_exec(void)
{
	struct kernel *kernel;
	bool before[64];
	char why[256];
	int n = 0;

	for (int fd = 0; fd < 64; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	g_assert_cmpint(kernel_new(&reader, &kernel, why), ==, 0);
	for (int fd = 0; fd < 64; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || before[fd])
			continue;
		n++;
		g_assert_cmpint(flags & FD_CLOEXEC, !=, 0);
	}
	g_assert_cmpint(n, >, 6);
	kernel_free(kernel);
	for (int fd = 0; fd < 64; fd++)
		g_assert_cmpint(fcntl(fd, F_GETFD) >= 0, ==, before[fd]);
}

/* --- the host ------------------------------------------------------------------------------- */

static void host_snapshot_is_framed(struct fixture *f, const void *data)
{
	struct event event;

	g_assert_cmpint(kernel_ops.snapshot(f->kernel, SNAPSHOT_HOST), ==, 0);
	g_assert_cmpuint(f->events->len, ==, 0); /* no call back from an op */
	event = wait_for(f, EVENT_SNAPSHOT_BEGIN, 0);
	g_assert_cmpuint(f->seen, ==, 1);
	g_assert_cmpint(event.snapshot, ==, SNAPSHOT_HOST);
	event = wait_for(f, EVENT_LINK, 0);
	g_assert_cmpstr(event.link.name, ==, "lo");
	g_assert_cmpint(event.link.type, ==, MPTCPD_LINK_LOOPBACK);
	g_assert_true(event.link.up);
	g_assert_true(event.link.carrier);
	event = wait_for(f, EVENT_LOCAL, 0);
	assert_addr(&event.local.addr, "127.0.0.1");
	g_assert_cmpuint(event.local.prefix, ==, 8);
	g_assert_true(event.local.host_scope);
	wait_for(f, EVENT_ROUTES, 0);
	event = wait_for(f, EVENT_SNAPSHOT_END, 0);
	g_assert_cmpint(event.snapshot, ==, SNAPSHOT_HOST);
	g_assert_cmpuint(f->seen, ==, f->events->len);
}

static void asking_twice_gives_one_more(struct fixture *f, const void *data)
{
	kernel_ops.snapshot(f->kernel, SNAPSHOT_HOST);
	kernel_ops.snapshot(f->kernel, SNAPSHOT_HOST);
	wait_for(f, EVENT_SNAPSHOT_BEGIN, 0);
	kernel_ops.snapshot(f->kernel, SNAPSHOT_HOST);
	kernel_ops.snapshot(f->kernel, SNAPSHOT_HOST);
	wait_for(f, EVENT_SNAPSHOT_END, 0);
	wait_for(f, EVENT_SNAPSHOT_BEGIN, 0);
	wait_for(f, EVENT_SNAPSHOT_END, 0);
	kernel_ops.snapshot(f->kernel, SNAPSHOT_ENDPOINTS);
	g_assert_cmpint(wait_for(f, EVENT_SNAPSHOT_BEGIN, 0).snapshot, ==, SNAPSHOT_ENDPOINTS);
}

static void veth_is_told(struct fixture *f, const void *data)
{
	struct event event;
	uint32_t ifindex;

	run("ip link add va type veth peer name vb");
	do
		event = wait_for(f, EVENT_LINK, 0);
	while (strcmp(event.link.name, "va") != 0);
	ifindex = event.link.ifindex;
	g_assert_cmpuint(ifindex, ==, if_nametoindex("va"));
	g_assert_cmpint(event.link.type, ==, MPTCPD_LINK_VETH);
	g_assert_false(event.link.up);
	run("ip addr add 10.1.0.1/24 dev va");
	event = wait_for(f, EVENT_LOCAL, 0);
	assert_addr(&event.local.addr, "10.1.0.1");
	g_assert_cmpuint(event.local.ifindex, ==, ifindex);
	run("ip link set vb up");
	run("ip link set va up");
	do
		event = wait_for(f, EVENT_LINK, 0);
	while (event.link.ifindex != ifindex || !event.link.carrier);
	g_assert_true(event.link.up);
	wait_for(f, EVENT_ROUTES, 0);
	run("ip link add name vbr type bridge");
	run("ip link set vb master vbr");
	do
		event = wait_for(f, EVENT_LINK, 0);
	while (strcmp(event.link.name, "vb") != 0 || !event.link.master);
	g_assert_cmpuint(event.link.master, ==, if_nametoindex("vbr"));
	/* Leaving the bridge is told by the bridge too; the link is not gone. */
	run("ip link set vb nomaster");
	run("ip link del vbr");
	event = wait_for(f, EVENT_LINK_GONE, 0);
	g_assert_cmpuint(event.link.ifindex, !=, if_nametoindex("vb"));
	run("ip link del va");
	do
		event = wait_for(f, EVENT_LOCAL_GONE, 0);
	while (event.local.addr.family != AF_INET);
	assert_addr(&event.local.addr, "10.1.0.1");
	do
		event = wait_for(f, EVENT_LINK_GONE, 0);
	while (event.link.ifindex != ifindex);
}

static void tentative_then_not(struct fixture *f, const void *data)
{
	struct event event;

	run("ip link add va type veth peer name vb");
	run("ip link set vb up");
	run("ip link set va up");
	run("ip addr add fd00:77::1/64 dev va");
	do
		event = wait_for(f, EVENT_LOCAL, 0);
	while (!event.local.tentative || event.local.addr.ip[0] != 0xfd);
	do
		event = wait_for(f, EVENT_LOCAL, 0);
	while (event.local.addr.ip[0] != 0xfd);
	g_assert_false(event.local.tentative);
	run("ip link del va");
}

static void lost_events_are_told(struct fixture *f, const void *data)
{
	int fds[KERNEL_FDS], size = 1;

	/* Which of them is the socket of links is not said, so squeeze both. */
	kernel_fds(f->kernel, fds);
	for (size_t i = 0; i < 2; i++)
		g_assert_cmpint(setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), ==,
				0);
	for (int i = 0; i < 20; i++) {
		run("ip addr add 10.9.%d.1/24 dev lo", i);
		run("ip addr del 10.9.%d.1/24 dev lo", i);
	}
	g_assert_cmpint(wait_for(f, EVENT_LOST, 0).snapshot, ==, SNAPSHOT_HOST);
	/* And it hears what comes after. */
	run("ip addr add 10.8.0.1/24 dev lo");
	wait_for(f, EVENT_LOCAL, 0);
	run("ip addr del 10.8.0.1/24 dev lo");
}

/* There is room for a few refusals: those are told, and that there were others. */
static void lost_refusals_are_told(struct fixture *f, const void *data)
{
	int fds[KERNEL_FDS], size = 1, refused[64];
	struct prepared command;
	size_t n_fds = kernel_fds(f->kernel, fds), n, n_lost = 0;

	for (size_t i = 0; i < n_fds; i++)
		(void)setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	kernel_ops.prepare_withdraw(f->kernel, 1, &command);
	for (uint32_t token = 1; token <= 30; token++)
		g_assert_cmpint(kernel_ops.ask(f->kernel, token, &command), >, REFUSALS_LOST);
	n = kernel_ops.refusals(f->kernel, refused, G_N_ELEMENTS(refused));
	for (size_t i = 0; i < n; i++)
		n_lost += refused[i] == REFUSALS_LOST;
	g_assert_cmpuint(n_lost, ==, 1);
	g_assert_cmpuint(n, >, 1);
	g_assert_cmpuint(n, <, 30);
	g_assert_cmpuint(kernel_ops.refusals(f->kernel, refused, G_N_ELEMENTS(refused)), ==, 0);
	g_assert_cmpint(wait_for(f, EVENT_SNAPSHOT_BEGIN, 0).snapshot, ==, SNAPSHOT_CONNECTIONS);
}

/* --- routes --------------------------------------------------------------------------------- */

static int ask_route(struct fixture *f, const char *local, const char *link, const char *remote)
{
	struct mptcpd_addr from = parse(local), to = {0};

	if (remote)
		to = parse(remote);
	return kernel_ops.route(f->kernel, &from, if_nametoindex(link), &to, 0);
}

static void make_links(void)
{
	run("ip link add va type veth peer name va1");
	run("ip link add vb type veth peer name vb1");
	run("ip link add name br0 type bridge");
	for (const char *const *link = (const char *const[]){"va", "va1", "vb", "vb1", "br0", NULL};
	     *link; link++)
		run("ip link set %s up", *link);
	run("ip addr add 10.1.0.2/24 dev va");
	run("ip addr add 10.2.0.2/24 dev vb");
	run("ip addr add 10.3.0.1/16 dev br0");
	run("ip addr add fd00:1::2/64 dev va nodad");
	run("ip addr add fd00:2::2/64 dev vb nodad");
	run("ip addr add fd00:3::1/64 dev br0 nodad");
}

static void delete_links(void)
{
	run("ip link del va");
	run("ip link del vb");
	run("ip link del br0");
}

static void route_v4(struct fixture *f, const void *data)
{
	static const char *const dead_ends[] = {"blackhole", "unreachable", "prohibit", "throw"};

	make_links();
	g_assert_cmpint(ask_route(f, "10.1.0.2", "va", NULL), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(f, "10.1.0.2", "va", "10.1.0.9"), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "10.2.0.2", "vb", "10.1.0.9"), ==, ROUTE_ON_LINK);
	run("ip route add default via 10.1.0.1");
	g_assert_cmpint(ask_route(f, "10.1.0.2", "va", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "10.2.0.2", "vb", NULL), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(f, "10.3.0.1", "br0", NULL), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(f, "10.2.0.2", "vb", "10.1.0.9"), ==, ROUTE_ON_LINK);
	/* Source routing, the way of every multi-homed host. */
	run("ip route add default via 10.2.0.1 table 7");
	run("ip rule add from 10.2.0.2 table 7");
	g_assert_cmpint(ask_route(f, "10.2.0.2", "vb", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "10.3.0.1", "br0", NULL), ==, ROUTE_NONE);
	run("ip rule del from 10.2.0.2 table 7");
	run("ip route flush table 7");
	/* A second default route that loses by its metric is still one. */
	run("ip route add default via 10.2.0.1 metric 500");
	g_assert_cmpint(ask_route(f, "10.2.0.2", "vb", NULL), ==, ROUTE_UNICAST);
	for (size_t i = 0; i < G_N_ELEMENTS(dead_ends); i++) {
		run("ip route add %s default table 8", dead_ends[i]);
		run("ip route add %s 198.51.100.0/24", dead_ends[i]);
		run("ip rule add from 10.1.0.2 table 8");
		g_assert_cmpint(ask_route(f, "10.1.0.2", "va", NULL), ==,
				strcmp(dead_ends[i], "throw") == 0 ? ROUTE_UNICAST : ROUTE_NONE);
		g_assert_cmpint(ask_route(f, "10.2.0.2", "vb", "198.51.100.1"), ==, ROUTE_NONE);
		run("ip rule del from 10.1.0.2 table 8");
		run("ip route flush table 8");
		run("ip route del %s 198.51.100.0/24", dead_ends[i]);
	}
	run("ip route del default via 10.2.0.1 metric 500");
	run("ip route replace default nexthop via 10.1.0.1 nexthop via 10.2.0.1");
	g_assert_cmpint(ask_route(f, "10.1.0.2", "va", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "10.2.0.2", "vb", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "10.3.0.1", "br0", NULL), ==, ROUTE_NONE);
	delete_links();
}

static void route_v6(struct fixture *f, const void *data)
{
	static const char *const dead_ends[] = {"blackhole", "unreachable", "prohibit"};

	make_links();
	g_assert_cmpint(ask_route(f, "fd00:1::2", "va", NULL), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(f, "fd00:1::2", "va", "fd00:1::9"), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "fd00:2::2", "vb", "fd00:1::9"), ==, ROUTE_NONE);
	for (size_t i = 0; i < G_N_ELEMENTS(dead_ends); i++) {
		run("ip -6 route add %s default", dead_ends[i]);
		g_assert_cmpint(ask_route(f, "fd00:1::2", "va", NULL), ==, ROUTE_NONE);
		run("ip -6 route del %s default", dead_ends[i]);
	}
	run("ip -6 route add default via fd00:1::1");
	g_assert_cmpint(ask_route(f, "fd00:1::2", "va", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "fd00:2::2", "vb", NULL), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(f, "fd00:3::1", "br0", NULL), ==, ROUTE_NONE);
	run("ip -6 route add default via fd00:2::1 table 7");
	run("ip -6 rule add from fd00:2::2 table 7");
	g_assert_cmpint(ask_route(f, "fd00:2::2", "vb", NULL), ==, ROUTE_UNICAST);
	run("ip -6 rule del from fd00:2::2 table 7");
	g_assert_cmpint(ask_route(f, "fd00:2::2", "vb", NULL), ==, ROUTE_NONE);
	run("ip -6 route add default via fd00:2::1 metric 5000");
	g_assert_cmpint(ask_route(f, "fd00:2::2", "vb", NULL), ==, ROUTE_UNICAST);
	run("ip -6 route del default via fd00:2::1");
	run("ip -6 route append default via fd00:2::1");
	g_assert_cmpint(ask_route(f, "fd00:1::2", "va", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "fd00:2::2", "vb", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(f, "fd00:3::1", "br0", NULL), ==, ROUTE_NONE);
	delete_links();
	/* An interface that is gone is an answer, not an error. */
	{
		struct mptcpd_addr from = parse("fd00:1::2"), from4 = parse("10.1.0.2"), to = {0};

		g_assert_cmpint(kernel_ops.route(f->kernel, &from, 4000, &to, 0), ==, ROUTE_NONE);
		g_assert_cmpint(kernel_ops.route(f->kernel, &from4, 4000, &to, 0), ==, ROUTE_NONE);
	}
}

/* --- endpoints and settings ----------------------------------------------------------------- */

static void endpoints_come_and_go(struct fixture *f, const void *data)
{
	struct event_endpoint endpoint = {
		.addr = parse("127.0.0.7"),
		.flags = MPTCPD_FLAG_SUBFLOW,
		.ifindex = if_nametoindex("lo"),
		.id = 3,
	};
	struct event event;

	g_assert_cmpint(kernel_ops.endpoint_add(f->kernel, &endpoint), ==, 0);
	g_assert_cmpint(kernel_ops.endpoint_add(f->kernel, &endpoint), ==, -EBUSY);
	endpoint.flags |= MPTCPD_FLAG_BACKUP;
	g_assert_cmpint(kernel_ops.endpoint_flags(f->kernel, &endpoint), ==, 0);
	g_assert_cmpint(kernel_ops.limits_set(f->kernel, &(struct event_limits){.subflows = 4}), ==,
			0);
	g_assert_cmpint(kernel_ops.limits_set(f->kernel,
					      &(struct event_limits){.subflows = UINT32_MAX,
								     .add_addr_accepted = 1}),
			==, 0);
	g_assert_cmpint(kernel_ops.snapshot(f->kernel, SNAPSHOT_ENDPOINTS), ==, 0);
	event = wait_for(f, EVENT_ENDPOINT, 0);
	g_assert_cmpuint(event.endpoint.id, ==, 3);
	g_assert_cmpuint(event.endpoint.flags, ==, endpoint.flags);
	g_assert_cmpuint(event.endpoint.ifindex, ==, endpoint.ifindex);
	assert_addr(&event.endpoint.addr, "127.0.0.7");
	event = wait_for(f, EVENT_LIMITS, 0);
	g_assert_cmpuint(event.limits.subflows, ==, 4);
	g_assert_cmpuint(event.limits.add_addr_accepted, ==, 1);
	event = wait_for(f, EVENT_PATH_MANAGER, 0);
	g_assert_cmpint(event.path_manager, ==, PATH_MANAGER_KERNEL);
	wait_for(f, EVENT_SNAPSHOT_END, 0);
	g_assert_cmpint(kernel_ops.endpoint_delete(f->kernel, &endpoint), ==, 0);
	g_assert_cmpint(kernel_ops.endpoint_delete(f->kernel, &endpoint), ==, -EINVAL);
	kernel_ops.snapshot(f->kernel, SNAPSHOT_ENDPOINTS);
	for (;;) {
		pump(f, deadline());
		event = g_array_index(f->events, struct event, f->events->len - 1);
		if (event.type == EVENT_SNAPSHOT_END && f->seen < f->events->len)
			break;
	}
	while (f->seen < f->events->len)
		g_assert_cmpint(g_array_index(f->events, struct event, f->seen++).type, !=,
				EVENT_ENDPOINT);
}

/* Nothing is left open: what began is said to have failed, and another one can be asked for. */
static void a_refresh_that_fails_is_told(struct fixture *f, const void *data)
{
	int fds[KERNEL_FDS], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t n_fds = kernel_fds(f->kernel, fds);
	struct event event;

	g_assert_cmpint(kernel_ops.snapshot(f->kernel, SNAPSHOT_ENDPOINTS), ==, 0);
	wait_for(f, EVENT_SNAPSHOT_BEGIN, 0);
	/* The sockets of commands are those that nobody waits for. */
	for (int fd = 0; fd < 64; fd++) {
		int domain = 0;
		bool is_waited_for = false;

		for (size_t i = 0; i < n_fds; i++)
			is_waited_for |= fds[i] == fd;
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof(domain)});
		if (domain == AF_NETLINK && !is_waited_for)
			g_assert_cmpint(dup3(null, fd, O_CLOEXEC), ==, fd);
	}
	close(null);
	g_assert_cmpint(kernel_refresh_endpoints(f->kernel), ==, -ENOTSOCK);
	wait_for(f, EVENT_SNAPSHOT_BEGIN, 0);
	event = wait_for(f, EVENT_SNAPSHOT_FAILED, 0);
	g_assert_cmpint(event.snapshot, ==, SNAPSHOT_ENDPOINTS);
	g_assert_cmpint(event.error, ==, ENOTSOCK);
}

static void path_manager_is_set_and_restored(void)
{
	char value[64];

	g_assert_cmpint(sysctl_path_manager(), ==, PATH_MANAGER_KERNEL);
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_USERSPACE), ==, 0);
	g_assert_cmpint(sysctl_path_manager(), ==, PATH_MANAGER_USERSPACE);
	g_assert_cmpint(sysctl_read("pm_type", value, sizeof(value)), ==, 0);
	g_assert_cmpstr(value, ==, "1");
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_KERNEL), ==, 0);
	g_assert_cmpint(sysctl_path_manager(), ==, PATH_MANAGER_KERNEL);
	g_assert_cmpint(sysctl_set_path_manager(PATH_MANAGER_UNKNOWN), ==, -EINVAL);
	g_assert_cmpint(sysctl_read("no_such", value, sizeof(value)), ==, -ENOENT);
	g_assert_cmpint(sysctl_read("../ipv4/ip_forward", value, sizeof(value)), ==, -EINVAL);
}

#define ADD(name, function)                                                                        \
	g_test_add("/kernel/" name, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!enter_namespace())
		return 0;
	g_test_add_func("/kernel/new/refuses-without-capability", refuses_without_capability);
	g_test_add_func("/kernel/new/opens-when-switched-off", opens_when_switched_off);
	g_test_add_func("/kernel/new/descriptors-are-closed-on-exec",
			descriptors_are_closed_on_exec);
	ADD("host/snapshot-is-framed", host_snapshot_is_framed);
	ADD("host/asking-twice-gives-one-more", asking_twice_gives_one_more);
	ADD("host/veth-is-told", veth_is_told);
	ADD("host/tentative-then-not", tentative_then_not);
	ADD("host/lost-events-are-told", lost_events_are_told);
	ADD("lost-refusals-are-told", lost_refusals_are_told);
	ADD("route/ipv4", route_v4);
	ADD("route/ipv6", route_v6);
	ADD("endpoint/come-and-go", endpoints_come_and_go);
	ADD("endpoint/a-refresh-that-fails-is-told", a_refresh_that_fails_is_told);
	g_test_add_func("/kernel/sysctl/path-manager-is-set-and-restored",
			path_manager_is_set_and_restored);
	return g_test_run();
}
