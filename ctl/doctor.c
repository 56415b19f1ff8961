/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpctl doctor: the order in which things are looked at, and the verdict. */
#include "doctor.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DEFAULT "443"

/* A peer as a person writes it. */
struct peer_name {
	char *host; /* owned; NULL: nobody is asked */
	const char *port;
};

static bool is_port(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return isdigit((unsigned char)*text) && !*end && port >= 1 && port <= 65535;
}

/* It is shown as a part of commands, so it is to be nothing else. */
static bool is_host(const char *text, size_t length)
{
	return length > 0 && length <= 253 && *text != '-' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789-_.:%") >= length;
}

/* An address of IPv6, up to what its link or a bracket begins with. */
static bool read_ipv6(const char *text, struct in6_addr *ret_ip)
{
	char address[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "%]");

	snprintf(address, sizeof(address), "%.*s", (int)length, text);
	return length < sizeof(address) && inet_pton(AF_INET6, address, ret_ip) == 1;
}

/* Names have no colon, and addresses of IPv6 two at least; behind a "%" is the link of some. */
static int check_ipv6(const char *text)
{
	size_t length = strcspn(text, "%");
	const char *link = text[length] ? text + length + 1 : NULL;
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ip;
	bool is_of_link;

	if (!read_ipv6(text, &ip))
		return cli_usage("\"%s\" is no address of IPv6, expected HOST[:PORT]", text);
	if (IN6_IS_ADDR_V4MAPPED(&ip))
		return cli_usage("\"%s\" is an address of IPv4, expected %s", text,
				 inet_ntop(AF_INET, &ip.s6_addr[12], address, sizeof(address)));
	is_of_link = IN6_IS_ADDR_LINKLOCAL(&ip) || IN6_IS_ADDR_MC_LINKLOCAL(&ip);
	if (is_of_link && !link)
		return cli_usage("\"%s\" is an address that each link may have, expected %s%%LINK",
				 text, text);
	if (!is_of_link && link)
		return cli_usage("\"%s\" is no address of one link, expected %.*s", text,
				 (int)length, text);
	if (link && if_nametoindex(link) == 0)
		return cli_usage("\"%s\": no link is called \"%s\"", text, link);
	return EXIT_DONE;
}

/* HOST, HOST:PORT, ADDRESS of IPv6, [ADDRESS]:PORT. Returns an exit code. */
static int read_peer(const char *text, struct peer_name *peer)
{
	const char *colon = strrchr(text, ':'), *end = text + strlen(text), *host = text;
	struct in6_addr ip;

	peer->port = PORT_DEFAULT;
	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return cli_usage("\"%s\" is no peer, expected HOST[:PORT]", text);
		if (!read_ipv6(host, &ip))
			return cli_usage(
				"\"%s\" is no peer: brackets hold an address of IPv6, expected "
				"HOST[:PORT] or [IPV6]:PORT",
				text);
		if (end[1])
			peer->port = end + 2;
	} else if (colon && strchr(text, ':') == colon) {
		end = colon;
		peer->port = colon + 1;
	}
	if (!is_host(host, (size_t)(end - host)))
		return cli_usage("\"%s\" is no peer, expected HOST[:PORT]", text);
	if (!is_port(peer->port))
		return cli_usage("\"%s\" is no port, expected 1 to 65535", peer->port);
	peer->host = strndup(host, (size_t)(end - host));
	if (!peer->host)
		abort();
	return strpbrk(peer->host, ":%") ? check_ipv6(peer->host) : EXIT_DONE;
}

/* What was found besides, for who wants to know more. */
static void tell_rest(struct doctor *doctor)
{
	doctor_find(doctor, SEVERITY_NOTE, "sides",
		    "a client needs programs that ask for MPTCP and a second link, a server "
		    "programs that listen with it: the client makes the further subflows");
	doctor_remedy(doctor, "man mptcpize");
	doctor_find(
		doctor, SEVERITY_NOTE, "metrics",
		"Prometheus' node_exporter leaves the kernel's counters of MPTCP out unless it is "
		"told otherwise: mptcpctl metrics has them");
	doctor_remedy(doctor, "mptcpctl metrics");
	if (!doctor->lacks_rights)
		return;
	doctor_find(doctor, SEVERITY_NOTE, "not-permitted",
		    "not all could be looked at: the configuration and other users' services need "
		    "root");
	doctor_remedy(doctor, "sudo mptcpctl doctor");
}

/* What is found here would be told of there. */
static int fail_to_enter(const struct ctl *ctl)
{
	cli_fail("the network namespace \"%s\" cannot be entered, and so not be looked at: %s",
		 ctl->instance, strerror(-ctl->entered));
	return ctl->entered == -EPERM ? EXIT_NOT_PERMITTED : EXIT_FAILED;
}

int ctl_doctor(struct ctl *ctl, int n_args, char **args)
{
	struct doctor doctor = {.ctl = ctl};
	struct peer_name peer = {0};
	int code = EXIT_DONE;

	if (n_args)
		return cli_usage("unexpected \"%s\", expected --peer HOST[:PORT]", args[0]);
	if (ctl->instance && ctl->entered < 0)
		return fail_to_enter(ctl);
	if (ctl->peer)
		code = read_peer(ctl->peer, &peer);
	if (code == EXIT_DONE) {
		doctor_look_at_kernel(&doctor);
		doctor_look_at_daemon(&doctor);
		doctor_look_at_config(&doctor);
		doctor_look_at_links(&doctor);
		doctor_look_at_endpoints(&doctor);
		doctor_look_at_services(&doctor);
		doctor_look_at_joins(&doctor);
		doctor_look_at_paths(&doctor);
		if (peer.host)
			doctor_look_at_peer(&doctor, peer.host, peer.port);
		tell_rest(&doctor);
		doctor_print(&doctor);
		code = doctor_has(&doctor, SEVERITY_FAULT) ? EXIT_FAILED : EXIT_DONE;
	}
	doctor_done(&doctor);
	free(peer.host);
	return code;
}
