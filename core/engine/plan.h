/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plan under construction: what plugins ask for, checked like any other input. Reused from
 * connection to connection; allocates nothing.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include <mptcpd/plugin.h>

#include "model.h"

struct plan_path {
	struct mptcpd_path path; /* its ifindex is set */
	uint8_t wanted_by; /* index in the stack */
};

struct plan_announcement {
	struct mptcpd_announcement announcement; /* if it listens, link and port are set */
	uint8_t wanted_by;
};

/* Pairs that no subflow is to have. */
struct plan_forbidden {
	struct mptcpd_forbidden pairs;
	uint8_t plugin; /* index in the stack */
};

/* A subflow that is to go. */
struct plan_drop {
	struct mptcpd_addr local, remote;
	uint8_t plugin; /* index in the stack */
};

/* A pair of addresses that a plugin does not want, and why: where somebody asks. */
struct plan_left_out {
	struct mptcpd_path path;
	uint8_t plugin; /* index in the stack */
	uint8_t why; /* enum mptcpd_left */
	char words[96];
};

/* An entry that was not accepted. */
struct plan_refusal {
	uint8_t plugin; /* index in the stack */
	int error;
	struct mptcpd_addr local, remote;
};

/* No limit is asked for. */
#define PLAN_NO_LIMIT UINT32_MAX

struct plan {
	struct mptcpd_plan base; /* what the plugin sees; first member */
	const struct model *model;
	const struct connection *connection;
	uint8_t plugin; /* index of the one that is asked now */
	size_t n_paths, n_announcements, n_forbidden, n_drops, n_refusals;
	size_t n_endpoints, n_left_out;
	uint64_t ask_ms;
	struct event_limits limits; /* PLAN_NO_LIMIT: not said */
	char *words; /* what plugins say of it for people: "PLUGIN: WORDS; …". NULL: nobody asks */
	size_t words_size;
	struct plan_path paths[MPTCPD_PLAN_MAX];
	struct plan_announcement announcements[MPTCPD_PLAN_MAX];
	struct plan_forbidden forbidden[MPTCPD_PLAN_MAX];
	struct mptcpd_endpoint endpoints[MPTCPD_PLAN_MAX]; /* the most important ones first */
	struct plan_left_out left_out[MPTCPD_PLAN_MAX];
	struct plan_drop drops[MPTCPD_PLAN_MAX];
	struct plan_refusal refusals[MPTCPD_PLAN_MAX]; /* the first ones; n_refusals counts all */
};

/* Empty it, for this connection; NULL: for the host's endpoints. */
void plan_init(struct plan *plan, const struct model *model, const struct connection *connection);
/* Let plugins explain it, until the next plan_init(). */
void plan_let_explain(struct plan *plan, char *ret_words, size_t size);
/* Report this entry of that plugin as one that was not accepted. */
void plan_refuse(struct plan *plan, uint8_t plugin, int error, const struct mptcpd_addr *local,
		 const struct mptcpd_addr *remote);
/* The entry that forbids this pair, NULL: none does. ifindex: of the local address, 0 unknown. */
const struct plan_forbidden *plan_forbids(const struct plan *plan, const struct mptcpd_addr *local,
					  const struct mptcpd_addr *remote, uint32_t ifindex);

#endif
