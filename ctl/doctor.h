/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mptcpctl doctor: looks for what keeps MPTCP from working on this host, and says what mends it. Each
 * file finds faults of one kind; what it finds out for the others stands in struct doctor.
 */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include <mptcpctl/examine.h>

#include "ctl.h"
#include "shell.h"

enum severity { SEVERITY_OK, SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_FAULT };
#define N_SEVERITIES 4

struct finding {
	enum severity severity;
	char *reason; /* a word for programs; owned, as are the others */
	char *text; /* one sentence */
	char *remedy; /* one command, or NULL */
};

/* An address from which packets may leave, of a link that works. */
struct doctor_address {
	char *interface, *address; /* owned */
	int family;
	bool leads_out; /* else to its neighbours alone */
};

struct doctor {
	struct ctl *ctl;
	struct finding *findings; /* owned, n_findings of them */
	size_t n_findings;

	/* kernel */
	unsigned int major, minor; /* of Linux */
	bool has_mptcp; /* sockets can be made */
	bool works; /* … and connect to each other here */
	bool in_blackhole; /* the kernel makes plain TCP connections for a while */
	char path_manager[16]; /* of new connections, as the kernel has it; "" */

	/* daemon */
	bool is_running; /* a real one answers; else a private one, if can_ask */
	bool can_ask;
	bool reads_drop_ins; /* its configuration is the layered one */
	bool lacks_rights; /* something could not be looked at for want of them */
	char *wanted_path_manager; /* as configured; owned, NULL: not known */
	bool routes_by_source; /* source-routing is configured */
	bool denies_initial; /* deny-join-initial = yes is */

	/* host */
	struct doctor_address *addresses; /* owned, n_addresses of them */
	size_t n_addresses;
	size_t n_signals; /* endpoints that are announced */
};

/* ---- doctor-finding.c ---- */

/* Say what was found; what mends it follows with doctor_remedy(). */
void doctor_find(struct doctor *doctor, enum severity severity, const char *reason,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The one command that mends what was found last. */
void doctor_remedy(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
#define DOCTOR_PREFIX_SIZE (SHELL_WORD_SIZE + 16)
/* What a command begins with that is for its network namespace: "ip netns exec NAME ", or "". Returns `text`. */
const char *doctor_namespace(const struct doctor *doctor, char text[static DOCTOR_PREFIX_SIZE]);
#define DOCTOR_DIRECTORY_SIZE 288
/* Where its configuration is below /etc and /run: "mptcpd", "mptcpd/NAME". Returns `text`. */
const char *doctor_directory(const struct doctor *doctor, char text[static DOCTOR_DIRECTORY_SIZE]);
/* … a key of [core] in mptcpd's configuration. */
void doctor_remedy_core(struct doctor *doctor, const char *key, const char *value);
/* Was there something so severe, or worse? */
bool doctor_has(const struct doctor *doctor, enum severity severity);
/* Was this found? */
bool doctor_found(const struct doctor *doctor, const char *reason);
/* Print all, and the sum. */
void doctor_print(const struct doctor *doctor);
void doctor_done(struct doctor *doctor);

/* What a sysctl of an interface calls it: dots are slashes. Quoted. Returns `text`. */
const char *doctor_sysctl_name(const char *interface, char text[static SHELL_WORD_SIZE]);

/* ---- the checks, in their order ---- */

/* doctor-kernel.c: is MPTCP built in and on, and does it work between sockets of this host? */
void doctor_look_at_kernel(struct doctor *doctor);
/* … and once it is known what listens and is announced: may peers join? */
void doctor_look_at_joins(struct doctor *doctor);
/* doctor-daemon.c: does mptcpd run, and what does it complain of? Connects. */
void doctor_look_at_daemon(struct doctor *doctor);
/* doctor-config.c: are its files good, and does the kernel do as they say? */
void doctor_look_at_config(struct doctor *doctor);
/* doctor-link.c: each link that could be an uplink. */
void doctor_look_at_links(struct doctor *doctor);
/* How many links lead out. */
size_t doctor_count_links(const struct doctor *doctor);
/* The first address of the second of them, else of the first; NULL: none does. */
const struct doctor_address *doctor_second_link(const struct doctor *doctor);
/* doctor-endpoint.c: who owns endpoints, and whether the limits are large enough. */
void doctor_look_at_endpoints(struct doctor *doctor);
/* doctor-service.c: what listens without MPTCP while asked to. */
void doctor_look_at_services(struct doctor *doctor);
/* doctor-path.c: what the connections there are suffer from. */
void doctor_look_at_paths(struct doctor *doctor);
/* doctor-peer.c: what comes back from this peer by each link. */
void doctor_look_at_peer(struct doctor *doctor, const char *host, const char *port);

#endif
