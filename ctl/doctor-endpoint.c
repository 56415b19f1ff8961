/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Endpoints and limits of the kernel's path manager: whose they are, and whether they are of use. */
#include "doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct endpoints {
	struct doctor *doctor;
	size_t n_others, n_own;
	size_t n_sources[2]; /* of IPv4 and IPv6: subflows begin there */
	char others[128]; /* "10.0.1.1, …" */
	char stale[128]; /* a command that makes room, "" */
};

static bool has(const struct mptcpctl_endpoint *endpoint, const char *flag)
{
	for (size_t i = 0; endpoint->flags && endpoint->flags[i]; i++)
		if (strcmp(endpoint->flags[i], flag) == 0)
			return true;
	return false;
}

static bool state_is(const struct mptcpctl_endpoint *endpoint, const char *state)
{
	return endpoint->state && strcmp(endpoint->state, state) == 0;
}

/* False also where it cannot be found out. */
static bool is_foreign_address(const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool is_v6 = strchr(address, ':');
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return false;
	inet_pton(is_v6 ? AF_INET6 : AF_INET, address,
		  is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
	r = bind(fd, is_v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4,
		 is_v6 ? sizeof(v6) : sizeof(v4));
	r = r < 0 ? errno : 0;
	close(fd);
	return r == EADDRNOTAVAIL;
}

static const struct doctor_address *find_address(const struct doctor *doctor, const char *address)
{
	for (size_t i = 0; i < doctor->n_addresses; i++)
		if (strcmp(doctor->addresses[i].address, address) == 0)
			return &doctor->addresses[i];
	return NULL;
}

/* ---- those of others ---- */

static void tell_other(struct endpoints *endpoints, const struct mptcpctl_endpoint *endpoint)
{
	struct doctor *doctor = endpoints->doctor;
	const char *address = endpoint->addr.address;
	const struct doctor_address *local = find_address(doctor, address);

	/* A public address that a NAT leads here is none of ours, and is announced all the same. */
	if (has(endpoint, "subflow") && !has(endpoint, "signal") && is_foreign_address(address)) {
		doctor_find(doctor, SEVERITY_WARNING, "stale-endpoint",
			    "endpoint %u is %s, which is no address of this host any more: it "
			    "takes a place for nothing",
			    endpoint->id, address);
		snprintf(endpoints->stale, sizeof(endpoints->stale),
			 "mptcpctl endpoint delete id %u %s", endpoint->id, address);
	} else if (local && doctor->is_running && !has(endpoint, "subflow")) {
		doctor_find(doctor, SEVERITY_FAULT, "foreign-endpoint",
			    "endpoint %u has %s, the address of %s, somebody else made it, and it "
			    "lacks the flag subflow: no path begins there",
			    endpoint->id, address, local->interface);
	} else {
		return;
	}
	doctor_remedy(doctor, "mptcpctl endpoint delete id %u %s", endpoint->id, address);
}

/* ---- those of mptcpd that are not as they should be ---- */

static void tell_own(const struct endpoints *endpoints, const struct mptcpctl_endpoint *endpoint)
{
	struct doctor *doctor = endpoints->doctor;
	const char *address = endpoint->addr.address;
	const struct doctor_address *local = find_address(doctor, address);
	char name[SHELL_WORD_SIZE];

	if (state_is(endpoint, "waiting")) {
		doctor_find(doctor, SEVERITY_FAULT,
			    endpoint->reason ? endpoint->reason : "no-place",
			    "%s is to be an endpoint and is none: %s", address,
			    endpoint->text ? endpoint->text : "the kernel has no place for it");
		doctor_remedy(doctor, "%s",
			      *endpoints->stale ? endpoints->stale : "mptcpctl endpoint");
	} else if (state_is(endpoint, "held-off")) {
		doctor_find(doctor, SEVERITY_WARNING, "held",
			    "somebody deleted the endpoint of %s, and it stays so until its "
			    "address went and came back: no path begins there",
			    address);
		if (local)
			doctor_remedy(doctor, "mptcpctl endpoint add %s dev %s subflow", address,
				      shell_quote(local->interface, name));
	}
}

static int on_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	struct endpoints *endpoints = data;
	const char *address = endpoint->addr.address;
	size_t n = strlen(endpoints->others);

	if (!address)
		return 0;
	if (endpoint->id && has(endpoint, "subflow"))
		endpoints->n_sources[strchr(address, ':') != NULL]++;
	endpoints->doctor->n_signals += has(endpoint, "signal");
	if (endpoint->owner && strcmp(endpoint->owner, "mptcpd") == 0) {
		endpoints->n_own++;
		tell_own(endpoints, endpoint);
		return 0;
	}
	if (has(endpoint, "implicit"))
		return 0;
	endpoints->n_others++;
	snprintf(endpoints->others + n, sizeof(endpoints->others) - n, "%s%s", n ? ", " : "",
		 address);
	tell_other(endpoints, endpoint);
	return 0;
}

/* ---- limits ---- */

static int on_limits(void *data, const struct mptcpctl_limits *limits)
{
	const struct endpoints *endpoints = data;
	const size_t *n = endpoints->n_sources;
	struct doctor *doctor = endpoints->doctor;
	size_t most = n[0] > n[1] ? n[0] : n[1];

	if (most > limits->subflows + 1u) {
		doctor_find(doctor, SEVERITY_FAULT, "own-limit",
			    "a connection gets at most %" PRIu32
			    " more subflow%s, and there are %zu endpoints to begin them from",
			    limits->subflows, limits->subflows == 1 ? "" : "s", most);
		doctor_remedy(doctor, "mptcpctl limits set subflows %zu", most - 1);
	}
	if (limits->add_addr_accepted == 0 && most > 0) {
		doctor_find(doctor, endpoints->n_own ? SEVERITY_FAULT : SEVERITY_NOTE, "own-limit",
			    "addresses that peers announce are not joined: the limit "
			    "add_addr_accepted is 0");
		doctor_remedy(doctor, "mptcpctl limits set add_addr_accepted %zu",
			      most > 1 ? most - 1 : 1);
	}
	return 0;
}

/* ---- the sum ---- */

static bool has_network_manager(void)
{
	return access("/run/NetworkManager", F_OK) == 0;
}

static void tell_owners(const struct endpoints *endpoints)
{
	struct doctor *doctor = endpoints->doctor;
	bool is_kernels = strcmp(doctor->path_manager, "kernel") == 0;

	if (endpoints->n_own)
		doctor_find(doctor, SEVERITY_OK, "owner", "mptcpd keeps %zu endpoint%s",
			    endpoints->n_own, endpoints->n_own == 1 ? "" : "s");
	if (endpoints->n_others)
		doctor_find(doctor, SEVERITY_NOTE, "owner",
			    "others made endpoints (%s), and chose their flags: %s",
			    has_network_manager() ? "NetworkManager runs here"
						  : "NetworkManager, or somebody by hand",
			    endpoints->others);
	if (endpoints->n_others && has_network_manager())
		doctor_remedy(doctor,
			      "cp " DOC_DIR "/neighbours/NetworkManager/50-mptcpd-endpoints.conf "
			      "/etc/NetworkManager/conf.d/");
	if (!is_kernels && endpoints->n_sources[0] + endpoints->n_sources[1])
		doctor_find(doctor, SEVERITY_NOTE, "path-manager",
			    "there are endpoints, which new connections do not regard: their path "
			    "manager is userspace");
}

/* Nobody makes a second path: the kernel's path manager has nothing to begin it from. */
static void tell_none(const struct endpoints *endpoints)
{
	struct doctor *doctor = endpoints->doctor;
	const struct doctor_address *second = doctor_second_link(doctor);
	char name[SHELL_WORD_SIZE];

	if (strcmp(doctor->path_manager, "kernel") != 0 || doctor->is_running ||
	    endpoints->n_sources[0] + endpoints->n_sources[1] + doctor->n_signals ||
	    doctor_count_links(doctor) < 2)
		return;
	doctor_find(doctor, SEVERITY_WARNING, "no-endpoint",
		    "%zu links lead out, and no endpoint says that connections may use them: each "
		    "stays on one",
		    doctor_count_links(doctor));
	doctor_remedy(doctor, "mptcpctl endpoint add %s dev %s subflow", second->address,
		      shell_quote(second->interface, name));
}

void doctor_look_at_endpoints(struct doctor *doctor)
{
	struct endpoints endpoints = {.doctor = doctor};
	struct mptcpctl *client = doctor->ctl->client;

	if (!doctor->can_ask || !doctor->has_mptcp)
		return;
	if (mptcpctl_list_endpoints(client, on_endpoint, &endpoints) < 0)
		return;
	tell_owners(&endpoints);
	tell_none(&endpoints);
	if (strcmp(doctor->path_manager, "kernel") == 0)
		(void)mptcpctl_get_limits(client, on_limits, &endpoints);
}
