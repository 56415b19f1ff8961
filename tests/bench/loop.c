// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The least that a path manager in userspace can be, as a yardstick: it sleeps in one recv(), and
 * for each connection of a client that is established it sends one SUBFLOW_CREATE an address given,
 * to the connection's own address and port. It judges nothing and looks for nothing.
 *
 *	loop ADDRESS%IFINDEX...		IPv4
 *
 * Without an address it only hears of all, every two milliseconds: so much does it cost that somebody
 * is told, whoever manages paths.
 *
 * Says "ready" when it listens; ends when it is killed. It notices no link, but is told: by SIGUSR1
 * that they went, and it withdraws and closes all joins; by SIGUSR2 that they are back, and it makes
 * again what it closed. For that it remembers its joins, in a row.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOCALS_MAX 8
#define JOINS_MAX (1 << 17)
#define QUEUE_MAX 16 /* as many as mptcpd gives in one system call */
#define COMMAND_SIZE 128
#define REST_US 2000
/* Bit 1 of MPTCP_ATTR_FLAGS since Linux 6.18, before it the attribute SERVER_SIDE. */
#define FLAG_SERVER_SIDE 2

static struct {
	struct in_addr address;
	uint32_t ifindex;
} locals[LOCALS_MAX];
static size_t n_locals;

struct join {
	uint32_t token;
	struct in_addr remote;
	uint16_t local_port, port;
	uint8_t id; /* its address is that one of the locals, from 1 */
};

/* Those that there are, and those that were closed. */
static struct join rows[2][JOINS_MAX], *joins = rows[0], *closed = rows[1];
static size_t n_joins, n_closed;

static struct family {
	uint16_t id;
	uint32_t group;
} family;

static struct mnl_socket *events, *commands;

/* Commands that are to be sent. */
static struct {
	_Alignas(struct nlmsghdr) char bytes[QUEUE_MAX * COMMAND_SIZE];
	size_t n, size;
} queue;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		fail("netlink");
	return socket;
}

static void find_group(struct nlattr *groups)
{
	struct nlattr *group, *attr;

	mnl_attr_for_each_nested (group, groups) {
		const char *name = "";
		uint32_t id = 0;

		mnl_attr_for_each_nested (attr, group) {
			if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
				name = mnl_attr_get_str(attr);
			if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
				id = mnl_attr_get_u32(attr);
		}
		if (strcmp(name, MPTCP_PM_EV_GRP_NAME) == 0)
			family.group = id;
	}
}

static void find_family(void)
{
	char buffer[8192];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	struct nlattr *attr;

	nlh->nlmsg_type = GENL_ID_CTRL;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
	if (mnl_socket_sendto(commands, nlh, nlh->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(commands, buffer, sizeof(buffer)) < 0)
		fail("family");
	mnl_attr_for_each (attr, nlh, sizeof(*genl)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			family.id = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			find_group(attr);
	}
	if (!family.group)
		fail(MPTCP_PM_EV_GRP_NAME);
}

static void put_address(struct nlmsghdr *nlh, uint16_t type, const void *address, uint16_t port,
			uint8_t id, uint32_t ifindex)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put_u16(nlh, MPTCP_PM_ADDR_ATTR_FAMILY, AF_INET);
	mnl_attr_put(nlh, MPTCP_PM_ADDR_ATTR_ADDR4, 4, address);
	if (port)
		mnl_attr_put_u16(nlh, MPTCP_PM_ADDR_ATTR_PORT, port);
	if (id)
		mnl_attr_put_u8(nlh, MPTCP_PM_ADDR_ATTR_ID, id);
	if (ifindex)
		mnl_attr_put_u32(nlh, MPTCP_PM_ADDR_ATTR_IF_IDX, ifindex);
	mnl_attr_nest_end(nlh, nest);
}

static void give(void)
{
	if (queue.n && mnl_socket_sendto(commands, queue.bytes, queue.size) < 0)
		fail("commands");
	queue.n = queue.size = 0;
}

/* Queue a command. Only what is refused is answered, and nobody reads it. */
static void add(uint8_t cmd, const struct join *join)
{
	bool is_new = cmd == MPTCP_PM_CMD_SUBFLOW_CREATE;
	struct nlmsghdr *nlh;
	struct genlmsghdr *genl;

	if (queue.n == QUEUE_MAX)
		give();
	nlh = mnl_nlmsg_put_header(queue.bytes + queue.size);
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	nlh->nlmsg_type = family.id;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	genl->cmd = cmd;
	genl->version = MPTCP_PM_VER;
	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, join->token);
	if (cmd == MPTCP_PM_CMD_REMOVE) {
		mnl_attr_put_u8(nlh, MPTCP_PM_ATTR_LOC_ID, join->id);
	} else {
		put_address(nlh, MPTCP_PM_ATTR_ADDR, &locals[join->id - 1].address,
			    is_new ? 0 : join->local_port, is_new ? join->id : 0,
			    is_new ? locals[join->id - 1].ifindex : 0);
		put_address(nlh, MPTCP_PM_ATTR_ADDR_REMOTE, &join->remote, join->port, 0, 0);
	}
	queue.size += NLMSG_ALIGN(nlh->nlmsg_len);
	queue.n++;
}

static struct join read_join(const struct nlmsghdr *nlh, bool *ret_is_ours)
{
	struct join join = {0};
	struct nlattr *attr;
	bool is_server = false;

	mnl_attr_for_each (attr, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case MPTCP_ATTR_TOKEN:
			join.token = mnl_attr_get_u32(attr);
			break;
		case MPTCP_ATTR_LOC_ID:
			join.id = mnl_attr_get_u8(attr);
			break;
		case MPTCP_ATTR_DADDR4:
			memcpy(&join.remote, mnl_attr_get_payload(attr), sizeof(join.remote));
			break;
		case MPTCP_ATTR_SPORT:
			join.local_port = ntohs(mnl_attr_get_u16(attr));
			break;
		case MPTCP_ATTR_DPORT:
			join.port = ntohs(mnl_attr_get_u16(attr));
			break;
		case MPTCP_ATTR_SERVER_SIDE:
			is_server |= mnl_attr_get_u8(attr);
			break;
		case MPTCP_ATTR_FLAGS:
			is_server |= !!(mnl_attr_get_u16(attr) & FLAG_SERVER_SIDE);
			break;
		}
	}
	*ret_is_ours = join.remote.s_addr && !is_server;
	return join;
}

static void on_event(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct join join;
	bool is_ours;

	if (genl->cmd != MPTCP_EVENT_ESTABLISHED && genl->cmd != MPTCP_EVENT_SUB_ESTABLISHED)
		return;
	join = read_join(nlh, &is_ours);
	if (genl->cmd == MPTCP_EVENT_ESTABLISHED) {
		for (join.id = 1; is_ours && join.id <= n_locals; join.id++)
			add(MPTCP_PM_CMD_SUBFLOW_CREATE, &join);
		give();
	} else if (is_ours && join.id > 0 && join.id <= n_locals && n_joins < JOINS_MAX) {
		joins[n_joins++] = join;
	}
}

/* No event is read meanwhile: what is made again is told later, and gets into the other row. */
static void on_links(bool are_up)
{
	struct join *row = joins;

	if (are_up) {
		for (size_t i = 0; i < n_closed; i++)
			add(MPTCP_PM_CMD_SUBFLOW_CREATE, &closed[i]);
		n_closed = 0;
	} else {
		for (size_t i = 0; i < n_joins; i++) {
			/* What is closed can no longer be withdrawn. */
			add(MPTCP_PM_CMD_REMOVE, &joins[i]);
			add(MPTCP_PM_CMD_SUBFLOW_DESTROY, &joins[i]);
		}
		joins = closed;
		closed = row;
		n_closed = n_joins;
		n_joins = 0;
	}
	give();
}

/* What it is told comes among the events: it is read by the recv() that they are read by. */
static void on_signal(int signal)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = mnl_socket_get_portid(events)};
	struct nlmsghdr told = {.nlmsg_len = sizeof(told),
				.nlmsg_type = NLMSG_NOOP,
				.nlmsg_seq = (uint32_t)signal};

	sendto(mnl_socket_get_fd(events), &told, sizeof(told), MSG_DONTWAIT, (void *)&to,
	       sizeof(to));
}

int main(int argc, char **argv)
{
	static char buffer[1 << 16];

	events = open_socket();
	commands = open_socket();
	find_family();
	for (int i = 1; i < argc && n_locals < LOCALS_MAX; i++, n_locals++) {
		char *index = strchr(argv[i], '%');

		if (index) {
			*index = 0;
			locals[n_locals].ifindex = (uint32_t)atoi(index + 1);
		}
		if (inet_pton(AF_INET, argv[i], &locals[n_locals].address) != 1)
			fail(argv[i]);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	setsockopt(mnl_socket_get_fd(events), SOL_SOCKET, SO_RCVBUFFORCE, &(int){16 << 20},
		   sizeof(int));
	if (mnl_socket_setsockopt(events, NETLINK_ADD_MEMBERSHIP, &family.group,
				  sizeof(family.group)) < 0)
		fail("join the group");
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(events), buffer, sizeof(buffer),
				 n_locals ? 0 : MSG_DONTWAIT);
		int size = (int)n;

		if (n < 0 && errno == EAGAIN)
			usleep(REST_US);
		if (n < 0)
			continue; /* some were lost: so is what they were about */
		for (struct nlmsghdr *nlh = (void *)buffer; mnl_nlmsg_ok(nlh, size);
		     nlh = mnl_nlmsg_next(nlh, &size))
			if (nlh->nlmsg_type == NLMSG_NOOP)
				on_links(nlh->nlmsg_seq == SIGUSR2);
			else if (nlh->nlmsg_type == family.id)
				on_event(nlh);
	}
}
