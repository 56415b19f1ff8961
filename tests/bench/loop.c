// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The least that a path manager in userspace can be, as a yardstick: it sleeps in one recv(), and
 * for each connection of a client that is established it sends one SUBFLOW_CREATE an address given,
 * to the connection's own address and port. It remembers nothing and judges nothing.
 *
 *	loop ADDRESS%IFINDEX...		IPv4
 *
 * Says "ready" when it listens; ends at the end of its stdin, or when it is killed.
 */
#include <arpa/inet.h>
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

#define LOCALS_MAX 8
/* Bit 1 of MPTCP_ATTR_FLAGS since Linux 6.18, before it the attribute SERVER_SIDE. */
#define FLAG_SERVER_SIDE 2

static struct {
	struct in_addr address;
	uint32_t ifindex;
} locals[LOCALS_MAX];
static size_t n_locals;

struct family {
	uint16_t id;
	uint32_t group;
};

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

static void find_group(struct nlattr *groups, struct family *family)
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
			family->group = id;
	}
}

static struct family find_family(struct mnl_socket *socket)
{
	char buffer[8192];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	struct family family = {0};
	struct nlattr *attr;

	nlh->nlmsg_type = GENL_ID_CTRL;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
	if (mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(socket, buffer, sizeof(buffer)) < 0)
		fail("family");
	mnl_attr_for_each (attr, nlh, sizeof(*genl)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			family.id = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			find_group(attr, &family);
	}
	if (!family.group)
		fail(MPTCP_PM_EV_GRP_NAME);
	return family;
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

static void join(struct mnl_socket *socket, uint16_t family, uint32_t token, size_t i,
		 const void *remote, uint16_t port)
{
	char buffer[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	genl->cmd = MPTCP_PM_CMD_SUBFLOW_CREATE;
	genl->version = MPTCP_PM_VER;
	put_address(nlh, MPTCP_PM_ATTR_ADDR, &locals[i].address, 0, (uint8_t)(i + 1),
		    locals[i].ifindex);
	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_TOKEN, token);
	put_address(nlh, MPTCP_PM_ATTR_ADDR_REMOTE, remote, port, 0, 0);
	if (mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0)
		fail("SUBFLOW_CREATE");
}

static void on_event(struct nlmsghdr *nlh, struct mnl_socket *commands, uint16_t family)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct nlattr *attr, *remote = NULL;
	uint32_t token = 0;
	uint16_t port = 0;
	bool is_server = false;

	if (nlh->nlmsg_type != family || genl->cmd != MPTCP_EVENT_ESTABLISHED)
		return;
	mnl_attr_for_each (attr, nlh, sizeof(*genl)) {
		switch (mnl_attr_get_type(attr)) {
		case MPTCP_ATTR_TOKEN:
			token = mnl_attr_get_u32(attr);
			break;
		case MPTCP_ATTR_DADDR4:
			remote = attr;
			break;
		case MPTCP_ATTR_DPORT:
			port = ntohs(mnl_attr_get_u16(attr));
			break;
		case MPTCP_ATTR_SERVER_SIDE:
			is_server |= mnl_attr_get_u8(attr);
			break;
		case MPTCP_ATTR_FLAGS:
			is_server |= !!(mnl_attr_get_u16(attr) & FLAG_SERVER_SIDE);
			break;
		}
	}
	for (size_t i = 0; remote && !is_server && i < n_locals; i++)
		join(commands, family, token, i, mnl_attr_get_payload(remote), port);
}

int main(int argc, char **argv)
{
	struct mnl_socket *events = open_socket(), *commands = open_socket();
	struct family family = find_family(commands);
	static char buffer[1 << 16];

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
	setsockopt(mnl_socket_get_fd(events), SOL_SOCKET, SO_RCVBUFFORCE, &(int){4 << 20},
		   sizeof(int));
	if (mnl_socket_setsockopt(events, NETLINK_ADD_MEMBERSHIP, &family.group,
				  sizeof(family.group)) < 0)
		fail("join the group");
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(events, buffer, sizeof(buffer));
		int size = (int)n;

		if (n < 0)
			continue; /* some were lost: so is what they were about */
		for (struct nlmsghdr *nlh = (void *)buffer; mnl_nlmsg_ok(nlh, size);
		     nlh = mnl_nlmsg_next(nlh, &size))
			on_event(nlh, commands, family.id);
	}
}
