/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel: what /proc says of its MPTCP, and whether two sockets of this host speak it together. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <mptcp/socket.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor-proc.h"

/* A connection of this host to itself takes no time. */
#define LOOPBACK_MS 500

/* What later kernels do that matters here. */
static const struct {
	unsigned int major, minor;
	const char *what;
} news[] = {
	{6, 12, "binds each subflow to its link"},
	{6, 12, "makes backup subflows at once"},
	{6, 12, "notices what drops SYNs with MPTCP"},
};

static bool is_before(const struct doctor *doctor, unsigned int major, unsigned int minor)
{
	return doctor->major < major || (doctor->major == major && doctor->minor < minor);
}

static void tell_age(struct doctor *doctor)
{
	char text[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(news) / sizeof(*news); i++)
		if (is_before(doctor, news[i].major, news[i].minor))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
					      news[i].what);
	if (is_before(doctor, 6, 1))
		doctor_find(doctor, SEVERITY_WARNING, "old-kernel",
			    "Linux %u.%u is too old for mptcpd, which needs 6.1", doctor->major,
			    doctor->minor);
	else if (n > 0)
		doctor_find(doctor, SEVERITY_NOTE, "old-kernel",
			    "Linux 6.12 %s; this is %u.%u, and does not", text, doctor->major,
			    doctor->minor);
}

/* ---- two sockets ---- */

/* A socket that listens on the loopback interface, and its address; or -errno. */
static int listen_here(struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, DOCTOR_MPTCP);
	int r = 0;

	if (fd < 0)
		return -errno;
	*ret_address =
		(struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	if (bind(fd, (const struct sockaddr *)ret_address, sizeof(*ret_address)) < 0 ||
	    listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)ret_address, &size) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* 1: they speak MPTCP, 0: TCP; or -errno. Both ends are closed in order, so that mptcpd is told. */
static int connect_here(int listener, const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, DOCTOR_MPTCP);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int r, server;

	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	if (r < 0 && errno == EINPROGRESS)
		r = poll(&ready, 1, LOOPBACK_MS) == 1 ? 0 : -ETIMEDOUT;
	else if (r < 0)
		r = -errno;
	if (r == 0)
		r = mptcp_is_used(fd);
	ready = (struct pollfd){.fd = listener, .events = POLLIN};
	server = r >= 0 && poll(&ready, 1, LOOPBACK_MS) == 1 ? accept(listener, NULL, NULL) : -1;
	close(fd);
	if (server >= 0)
		close(server);
	return r;
}

static int try_here(void)
{
	struct sockaddr_in address;
	int listener = listen_here(&address), r;

	if (listener < 0)
		return listener;
	r = connect_here(listener, &address);
	close(listener);
	return r;
}

static void tell_stripped(struct doctor *doctor, uint64_t n_spared)
{
	doctor->in_blackhole = n_spared > 0;
	if (doctor->in_blackhole)
		return; /* mptcpd may know since when */
	doctor_find(doctor, SEVERITY_FAULT, "stripped",
		    "a firewall of this host takes MPTCP out of packets, on the loopback "
		    "interface, too");
	doctor_remedy(doctor, "nft list ruleset");
}

static void try_sockets(struct doctor *doctor)
{
	uint64_t spared = doctor_counter("MPCapableSYNTXDisabled");
	int r = try_here();

	doctor->works = r == 1;
	if (r == 1) {
		doctor_find(doctor, SEVERITY_OK, "kernel",
			    "Linux %u.%u: sockets of this host connect by MPTCP", doctor->major,
			    doctor->minor);
	} else if (r == 0) {
		tell_stripped(doctor, doctor_counter("MPCapableSYNTXDisabled") - spared);
	} else if (r == -ENETUNREACH || r == -EADDRNOTAVAIL) {
		doctor_find(doctor, SEVERITY_WARNING, "link-down",
			    "the loopback interface is down, so that MPTCP could not be tried");
		doctor_remedy(doctor, "ip link set lo up");
	} else {
		doctor_find(doctor, SEVERITY_WARNING, "loopback",
			    "two sockets of this host could not connect by MPTCP: %s",
			    strerror(-r));
		doctor_remedy(doctor, "nft list ruleset");
	}
}

/* ---- is it there? ---- */

static void tell_missing(struct doctor *doctor)
{
	char value[16];

	if (!doctor_read("/proc/sys/net/mptcp/enabled", value)) {
		doctor_find(doctor, SEVERITY_FAULT, "not-built", "%s", mptcp_unsupported_reason());
	} else if (strcmp(value, "0") == 0) {
		doctor_find(doctor, SEVERITY_FAULT, "mptcp-disabled",
			    "MPTCP is switched off here: applications get no MPTCP sockets");
		doctor_remedy(doctor, "sysctl net.mptcp.enabled=1");
	} else {
		doctor_find(doctor, SEVERITY_FAULT, "mptcp-refused", "%s",
			    mptcp_unsupported_reason());
	}
}

static void read_path_manager(struct doctor *doctor)
{
	char value[16];

	if (doctor_read("/proc/sys/net/mptcp/path_manager", value))
		snprintf(doctor->path_manager, sizeof(doctor->path_manager), "%s", value);
	else if (doctor_read("/proc/sys/net/mptcp/pm_type", value))
		snprintf(doctor->path_manager, sizeof(doctor->path_manager), "%s",
			 strcmp(value, "1") == 0 ? "userspace" : "kernel");
	else
		snprintf(doctor->path_manager, sizeof(doctor->path_manager), "kernel");
}

void doctor_look_at_kernel(struct doctor *doctor)
{
	struct utsname name;

	if (uname(&name) == 0 && sscanf(name.release, "%u.%u", &doctor->major, &doctor->minor) != 2)
		doctor->major = doctor->minor = 0;
	doctor->has_mptcp = mptcp_supported() == 1;
	read_path_manager(doctor);
	if (doctor->has_mptcp)
		try_sockets(doctor);
	else
		tell_missing(doctor);
	tell_age(doctor);
}

void doctor_look_at_joins(struct doctor *doctor)
{
	char value[16];

	if (!doctor_read("/proc/sys/net/mptcp/allow_join_initial_addr_port", value) ||
	    strcmp(value, "0") != 0 || doctor->denies_initial || doctor->n_signals)
		return;
	doctor_find(doctor, SEVERITY_FAULT, "deny-join-id0",
		    "peers are told that nobody is to join the address they are connected to (C "
		    "flag), and no other one is announced to them");
	doctor_remedy(doctor, "sysctl net.mptcp.allow_join_initial_addr_port=1");
}
