/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What comes back from a peer by each link: a connection by MPTCP and one by TCP from each address, all
 * at once. What differs between the two is done to MPTCP, what differs between links on the way.
 *
 * They end before the second retransmission of a SYN: later the kernel would send one without MPTCP,
 * take the answer for the sign of a black hole, and make no MPTCP connections for an hour.
 */
#include "doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mptcp/socket.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "doctor-lookup.h"
#include "doctor-proc.h"

/* SYNs are sent at 0 and 1 s, and by TCP's own times again at 2 s or 3 s. */
#define PATIENCE_MS 1900
#define PATIENCE_SHORT_MS 900
#define PROBES_MAX 64

enum outcome {
	OUTCOME_PENDING, /* in the end: silence */
	OUTCOME_CONNECTED,
	OUTCOME_FALLEN, /* connected, and the answer had no MPTCP */
	OUTCOME_REFUSED, /* RST */
	OUTCOME_FAILED, /* by an error of this host, or one that a router told */
};

struct attempt {
	enum outcome outcome;
	int fd; /* -1: there is none any more */
	int error;
};

/* From one address of ours. */
struct probe {
	const struct doctor_address *from;
	const struct sockaddr_storage *peer;
	struct attempt mptcp, tcp;
};

struct asking {
	struct doctor *doctor;
	const char *host, *port;
	struct probe probes[PROBES_MAX];
	size_t n;
	bool is_capable; /* MPTCP came back by one link at least */
	bool is_there; /* anything did */
};

/* ---- the sockets ---- */

static socklen_t size_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in);
}

static int bind_to(int fd, const struct doctor_address *from)
{
	struct sockaddr_storage local = {.ss_family = (sa_family_t)from->family};
	void *ip = from->family == AF_INET6 ? (void *)&((struct sockaddr_in6 *)&local)->sin6_addr
					    : (void *)&((struct sockaddr_in *)&local)->sin_addr;

	if (!from->address)
		return 0;
	/* Some kernels and containers do not let everybody; the address is bound in any case. */
	(void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, from->interface,
			 (socklen_t)strlen(from->interface));
	inet_pton(from->family, from->address, ip);
	return bind(fd, (const struct sockaddr *)&local, size_of(&local)) < 0 ? -errno : 0;
}

static void fail(struct attempt *attempt, int error)
{
	attempt->error = error;
	attempt->outcome = error == -ECONNREFUSED || error == -ECONNRESET ? OUTCOME_REFUSED
			   : error == -ETIMEDOUT			  ? OUTCOME_PENDING
									  : OUTCOME_FAILED;
}

static void start(struct attempt *attempt, const struct probe *probe, int protocol)
{
	int r;

	attempt->fd = socket(probe->peer->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			     protocol);
	if (attempt->fd < 0) {
		fail(attempt, -errno);
		return;
	}
	r = bind_to(attempt->fd, probe->from);
	if (r == 0 &&
	    connect(attempt->fd, (const struct sockaddr *)probe->peer, size_of(probe->peer)) < 0 &&
	    errno != EINPROGRESS)
		r = -errno;
	if (r < 0)
		fail(attempt, r);
}

static void look(struct attempt *attempt, bool is_mptcp)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error)
		fail(attempt, -error);
	else if (is_mptcp && mptcp_has_fallen_back(attempt->fd) != 0)
		attempt->outcome = OUTCOME_FALLEN;
	else
		attempt->outcome = OUTCOME_CONNECTED;
}

static struct attempt *attempt_of(struct asking *asking, size_t i)
{
	struct probe *probe = &asking->probes[i / 2];

	return i % 2 ? &probe->tcp : &probe->mptcp;
}

static void close_attempt(struct attempt *attempt)
{
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
}

/* What the peer sends is not read: it closes the socket that something came for. */
static void await(struct asking *asking, int patience_ms)
{
	uint64_t end_ns = clock_work_ns() + (uint64_t)patience_ms * 1000000;
	struct pollfd ready[2 * PROBES_MAX];
	size_t n_pending = 1;

	while (n_pending > 0) {
		uint64_t now_ns = clock_work_ns();

		n_pending = 0;
		for (size_t i = 0; i < 2 * asking->n; i++) {
			struct attempt *attempt = attempt_of(asking, i);
			bool waits = attempt->outcome == OUTCOME_PENDING && attempt->fd >= 0;

			ready[i] =
				(struct pollfd){.fd = waits ? attempt->fd : -1, .events = POLLOUT};
			n_pending += waits;
		}
		if (n_pending == 0 || now_ns >= end_ns ||
		    poll(ready, 2 * asking->n, (int)((end_ns - now_ns) / 1000000) + 1) <= 0)
			break;
		for (size_t i = 0; i < 2 * asking->n; i++)
			if (ready[i].fd >= 0 && ready[i].revents) {
				look(attempt_of(asking, i), i % 2 == 0);
				close_attempt(attempt_of(asking, i));
			}
	}
	for (size_t i = 0; i < 2 * asking->n; i++)
		close_attempt(attempt_of(asking, i));
}

/* A namespace may drop MPTCP earlier than by default. */
static int find_patience(void)
{
	char value[16];
	bool is_short = doctor_read("/proc/sys/net/mptcp/syn_retrans_before_tcp_fallback", value) &&
			strcmp(value, "0") == 0;

	return is_short ? PATIENCE_SHORT_MS : PATIENCE_MS;
}

/* ---- words ---- */

static bool is_heard(const struct attempt *attempt)
{
	return attempt->outcome == OUTCOME_CONNECTED || attempt->outcome == OUTCOME_FALLEN ||
	       attempt->outcome == OUTCOME_REFUSED;
}

static const struct in6_addr *ipv6_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? &((const struct sockaddr_in6 *)address)->sin6_addr
					      : NULL;
}

/* What commands are given: a name may have more than one, and of another family. */
static const char *peer_address(const struct probe *probe, char text[static INET6_ADDRSTRLEN])
{
	const struct in6_addr *v6 = ipv6_of(probe->peer);

	return inet_ntop(probe->peer->ss_family,
			 v6 ? (const void *)v6
			    : &((const struct sockaddr_in *)probe->peer)->sin_addr,
			 text, INET6_ADDRSTRLEN);
}

static const char *family_name(const struct probe *probe)
{
	return probe->from->family == AF_INET6 ? "IPv6" : "IPv4";
}

static const char *link_name(const struct probe *probe)
{
	return probe->from->interface ? probe->from->interface : "any link";
}

/* TCP came through, and MPTCP did not. */
static void tell_meddling(struct asking *asking, const struct probe *probe)
{
	struct doctor *doctor = asking->doctor;
	const char *link = link_name(probe);
	bool is_refused = probe->mptcp.outcome == OUTCOME_REFUSED;

	switch (probe->mptcp.outcome) {
	case OUTCOME_FALLEN:
		if (asking->is_capable)
			doctor_find(doctor, SEVERITY_FAULT, "stripped",
				    "something on the way by %s takes MPTCP out: the answer of %s "
				    "had none there, and by another link it had (%s)",
				    link, asking->host, family_name(probe));
		else
			doctor_find(doctor, SEVERITY_FAULT, "no-mptcp",
				    "by %s plain TCP came back: %s does not speak MPTCP on port "
				    "%s, or something on the way took it out (%s)",
				    link, asking->host, asking->port, family_name(probe));
		break;
	case OUTCOME_REFUSED:
	case OUTCOME_PENDING:
		doctor_find(doctor, SEVERITY_FAULT, is_refused ? "rejected" : "blackhole",
			    "a firewall on the way by %s, or at %s, %s, and lets TCP through (%s)",
			    link, asking->host,
			    is_refused ? "answers SYNs with MPTCP by RST" : "drops SYNs with MPTCP",
			    family_name(probe));
		break;
	case OUTCOME_FAILED:
	case OUTCOME_CONNECTED:
		doctor_find(doctor, SEVERITY_FAULT, "firewall",
			    "by %s no MPTCP gets out, and TCP does: %s (%s)", link,
			    strerror(-probe->mptcp.error), family_name(probe));
		break;
	}
	if (probe->mptcp.outcome == OUTCOME_FALLEN && !asking->is_capable)
		doctor_remedy(doctor, "at the peer: sysctl net.mptcp.enabled=1 && mptcpize enable "
				      "UNIT");
	else
		doctor_remedy(doctor, "nft list ruleset");
}

/* Neither came through. */
static void tell_trouble(struct asking *asking, const struct probe *probe)
{
	struct doctor *doctor = asking->doctor;
	const char *link = link_name(probe);
	const struct attempt *attempt = &probe->tcp;
	char name[SHELL_WORD_SIZE], address[INET6_ADDRSTRLEN];

	if (attempt->outcome == OUTCOME_REFUSED) {
		doctor_find(
			doctor, SEVERITY_FAULT, "refused",
			"%s refuses connections to port %s by %s (RST): nobody listens there, or "
			"a firewall answers (%s)",
			asking->host, asking->port, link, family_name(probe));
		doctor_remedy(doctor, "at the peer: ss -tlnp");
	} else if (attempt->outcome == OUTCOME_PENDING) {
		doctor_find(doctor, SEVERITY_FAULT, "unanswered",
			    "%s does not answer by %s, neither MPTCP nor TCP, and %s (%s)",
			    asking->host, link,
			    asking->is_there ? "does by another link" : "not by any other link",
			    family_name(probe));
		doctor_remedy(doctor, "ping -c 3%s%s %s", probe->from->interface ? " -I " : "",
			      probe->from->interface ? shell_quote(link, name) : "",
			      peer_address(probe, address));
	} else {
		bool is_barred = attempt->error == -EPERM || attempt->error == -EACCES;

		doctor_find(doctor, SEVERITY_FAULT, is_barred ? "firewall" : "no-route",
			    "%s cannot be reached by %s: %s", asking->host, link,
			    strerror(-attempt->error));
		if (is_barred)
			doctor_remedy(doctor, "nft list ruleset");
		else if (probe->from->address)
			doctor_remedy(doctor, "ip route get %s from %s oif %s",
				      peer_address(probe, address), probe->from->address,
				      shell_quote(link, name));
	}
}

static void tell_probe(struct asking *asking, const struct probe *probe)
{
	struct doctor *doctor = asking->doctor;

	/* It leads to neighbours alone, and this peer is none of them. */
	if (!probe->from->leads_out && asking->is_there && !is_heard(&probe->tcp))
		return;
	if (probe->mptcp.outcome == OUTCOME_CONNECTED)
		doctor_find(doctor, SEVERITY_OK, "peer", "%s answers by %s with MPTCP (%s)",
			    asking->host, link_name(probe), family_name(probe));
	else if (probe->mptcp.outcome == OUTCOME_FALLEN || probe->tcp.outcome == OUTCOME_CONNECTED)
		tell_meddling(asking, probe);
	else
		tell_trouble(asking, probe);
}

/* While the kernel makes plain TCP of all, nothing can be said of the way. */
static void tell_reach(struct asking *asking, const struct probe *probe)
{
	if (probe->tcp.outcome == OUTCOME_CONNECTED)
		doctor_find(asking->doctor, SEVERITY_NOTE, "peer",
			    "%s answers by %s with TCP; MPTCP was not asked for, as it is off here "
			    "(%s)",
			    asking->host, link_name(probe), family_name(probe));
	else
		tell_trouble(asking, probe);
}

/* ---- who is asked, and by which links ---- */

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct in6_addr *v6 = ipv6_of(a), *other = ipv6_of(b);

	if (v6 && other)
		return IN6_ARE_ADDR_EQUAL(v6, other);
	return !v6 && !other &&
	       ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* No link leads to this host itself: what goes there comes from the same address. */
static bool is_inside(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct in6_addr *v6 = ipv6_of(peer);
	struct sockaddr_storage from = {0};
	socklen_t size = sizeof(from);
	bool is_own;
	int fd;

	if (v6 ? IN6_IS_ADDR_LOOPBACK(v6) || IN6_IS_ADDR_UNSPECIFIED(v6)
	       : ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET ||
			    v4->sin_addr.s_addr == htonl(INADDR_ANY))
		return true;
	fd = socket(peer->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	is_own = fd >= 0 && connect(fd, (const struct sockaddr *)peer, size_of(peer)) == 0 &&
		 getsockname(fd, (struct sockaddr *)&from, &size) == 0 && same_host(&from, peer);
	if (fd >= 0)
		close(fd);
	return is_own;
}

/* The index of the one link that it is on; 0: it is not of one alone, or it does not say which. */
static unsigned int link_of(const struct sockaddr_storage *peer)
{
	return ipv6_of(peer) ? ((const struct sockaddr_in6 *)peer)->sin6_scope_id : 0;
}

/* One address of each family speaks for its link. */
static bool is_asked_by(const struct asking *asking, const struct doctor_address *from)
{
	for (size_t i = 0; i < asking->n; i++)
		if (asking->probes[i].from->family == from->family &&
		    strcmp(asking->probes[i].from->interface, from->interface) == 0)
			return true;
	return false;
}

static void add_probe(struct asking *asking, const struct doctor_address *from,
		      const struct sockaddr_storage *peer)
{
	if (asking->n == PROBES_MAX)
		return;
	asking->probes[asking->n++] =
		(struct probe){.from = from, .peer = peer, .mptcp.fd = -1, .tcp.fd = -1};
}

/* By each link that may lead there. */
static void add_probes(struct asking *asking, const struct sockaddr_storage *peer)
{
	const struct doctor *doctor = asking->doctor;

	for (size_t i = 0; i < doctor->n_addresses; i++) {
		const struct doctor_address *from = &doctor->addresses[i];

		if (from->family == peer->ss_family && !is_asked_by(asking, from) &&
		    (!link_of(peer) || link_of(peer) == if_nametoindex(from->interface)))
			add_probe(asking, from, peer);
	}
}

static void ask(struct asking *asking)
{
	bool asks_mptcp = asking->doctor->has_mptcp && !asking->doctor->in_blackhole;

	for (size_t i = 0; i < asking->n; i++) {
		if (asks_mptcp)
			start(&asking->probes[i].mptcp, &asking->probes[i], DOCTOR_MPTCP);
		start(&asking->probes[i].tcp, &asking->probes[i], IPPROTO_TCP);
	}
	await(asking, find_patience());
	for (size_t i = 0; i < asking->n; i++) {
		const struct probe *probe = &asking->probes[i];

		asking->is_capable |= probe->mptcp.outcome == OUTCOME_CONNECTED;
		asking->is_there |= is_heard(&probe->mptcp) || is_heard(&probe->tcp);
	}
	for (size_t i = 0; i < asking->n; i++) {
		if (asks_mptcp)
			tell_probe(asking, &asking->probes[i]);
		else
			tell_reach(asking, &asking->probes[i]);
	}
}

void doctor_look_at_peer(struct doctor *doctor, const char *host, const char *port)
{
	struct asking asking = {.doctor = doctor, .host = host, .port = port};
	struct doctor_address any[2];
	char names[2][IF_NAMESIZE];
	struct sockaddr_storage peers[2];
	int n = doctor_look_up(host, port, peers);
	char name[SHELL_WORD_SIZE];

	if (n <= 0) {
		doctor_find(doctor, SEVERITY_FAULT, "no-host", "no address of %s is known: %s",
			    host,
			    n == -ETIMEDOUT ? "the name servers do not answer"
			    : n < 0	    ? strerror(-n)
					    : "there is none of that name");
		doctor_remedy(doctor, "getent ahosts %s", shell_quote(host, name));
		return;
	}
	for (size_t i = 0; i < (size_t)n; i++) {
		size_t n_before = asking.n;
		bool is_here = is_inside(&peers[i]);

		if (!is_here)
			add_probes(&asking, &peers[i]);
		/* Routing chooses where links could not be looked at, or it is told which one it is. */
		any[i] = (struct doctor_address){.interface = if_indextoname(link_of(&peers[i]),
									     names[i]),
						 .family = peers[i].ss_family,
						 .leads_out = true};
		if (is_here || !doctor->n_addresses || (link_of(&peers[i]) && asking.n == n_before))
			add_probe(&asking, &any[i], &peers[i]);
	}
	if (asking.n > 0)
		ask(&asking);
	else
		doctor_find(doctor, SEVERITY_FAULT, "no-route",
			    "no link that leads out has an address of a family that %s has", host);
}
