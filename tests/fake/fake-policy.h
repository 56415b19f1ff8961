/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules with one policy for all: every usable address to every routable address of the peer. */
#ifndef FAKE_POLICY_H
#define FAKE_POLICY_H

#include "rules.h"

/* What the policy does beside the mesh; reset it before each test. */
struct fake_policy {
	bool plans_nothing;
	const char *words; /* that it says to explain it; NULL: none */
	bool plans_peers; /* each subflow that a peer made */
	bool parallel; /* two instances of each path, */
	bool second_is_backup; /* the second a backup */
	bool names_no_link; /* in its paths */
	bool refuses_rules; /* asks for what must be refused */
	uint64_t *work_ns; /* a clock that goes on by takes_ns with each plan; or NULL */
	uint64_t takes_ns;
	struct mptcpd_addr forbidden; /* family 0: nothing is */
	struct mptcpd_addr forbidden_remote; /* likewise, whatever our address is */
	bool forbids_all; /* every pair */
	struct mptcpd_addr announced, announced_too; /* family 0: nothing is */
	uint32_t announced_ifindex; /* of both */
	struct mptcpd_addr listen; /* for that; family 0: nothing does */
	enum mptcpd_listen listen_when;
	struct mptcpd_addr dropped_local, dropped_remote; /* once */
	bool drops_all; /* once: every subflow that there is */
	bool only_peers; /* as soon as one is announced, nothing but announced addresses */
	uint64_t ask_ms;
	uint64_t ask_after_ms; /* again, so long after each time; 0: not */
	size_t n_asked;
	/* What it was shown last; and of the first subflow that was measured: */
	struct mptcpd_connection seen;
	struct mptcpd_measure measure; /* taken_ms 0: none was */
	struct mptcpd_owner owner;
	void (*on_asked)(void *data); /* NULL: nothing is done then */
	void *on_asked_data;
};

/* By which it is known to struct guard. */
#define FAKE_POLICY_ID 0x1234u

extern struct fake_policy fake_policy;
extern struct rules fake_rules;
extern struct policy fake_policies[1]; /* of them */
/*
 * Interface "backup*" has the backup flag, "never*" is not used, of "both*" stable addresses are used
 * though the kernel prefers temporary ones.
 */
void fake_policy_reset(void);

#endif
