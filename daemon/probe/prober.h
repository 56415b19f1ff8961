/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which targets are asked whether a link leads anywhere, when, and what their answers mean: a target
 * that leaves so many questions in a row unanswered fails; a link fails when all its targets do.
 *
 * Pure: whoever owns it tells the time and sends the questions.
 */
#ifndef DAEMON_PROBER_H
#define DAEMON_PROBER_H

#include "rules.h"

/* So many questions are under way at once, at most; others wait for their turn. */
#define PROBES_MAX 16

/* A link in one family. */
struct probe_link {
	uint32_t ifindex;
	struct mptcpd_addr local; /* whose family it is; what is asked is asked from there */
	const struct probe_rule *rule; /* copied */
	bool urgent; /* somebody waits for a verdict: do not wait for the next time */
};

struct probe_ops {
	/*
	 * Ask, and call prober_answer() for this slot when there is an answer, not before this
	 * returns. 0, or -errno: it was not asked.
	 */
	int (*ask)(void *data, size_t slot, const struct probe_link *link,
		   const struct mptcpd_addr *target);
	/* No answer of this slot is wanted any more. */
	void (*stop)(void *data, size_t slot);
	/* A target has answered, or all those of the link in a family fail, again. */
	void (*tell)(void *data, uint32_t ifindex, uint8_t family, bool ok);
	void *data;
};

struct prober;

struct prober *prober_new(const struct probe_ops *ops);
/* Stops what is under way. NULL is none. */
void prober_free(struct prober *prober);

/* These are the links to be asked by, and no others. What is known of those that stay is kept. */
void prober_set_links(struct prober *prober, const struct probe_link *links, size_t n,
		      uint64_t now_ms);
/* Ask who is due, and give up on who does not answer. Returns when to call again; UINT64_MAX: never. */
uint64_t prober_run(struct prober *prober, uint64_t now_ms);
/* An answer: 0, or -errno. The slot is free again. */
void prober_answer(struct prober *prober, size_t slot, int result, uint64_t now_ms);

#endif
