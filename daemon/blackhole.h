/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Has the kernel switched MPTCP off for a while? It does so when a SYN with MPTCP was lost several
 * times and one without got through at once: then new connections are plain TCP for
 * net.mptcp.blackhole_timeout, and twice as long for each such connection until one succeeds, up to
 * 2^6 times. It tells nobody, but counts (Linux 6.12). Pure: counters and time come in.
 */
#ifndef DAEMON_BLACKHOLE_H
#define DAEMON_BLACKHOLE_H

#include <stdbool.h>
#include <stdint.h>

/* The counters as the kernel says them at one time. */
struct blackhole_facts {
	uint64_t found; /* MPTcpExt Blackhole: connections that showed one */
	uint64_t accepted; /* MPCapableSYNACKRX: connections of ours that got MPTCP */
	uint64_t spared; /* MPCapableSYNTXDisabled: those that did not ask because of one */
	uint64_t timeout_ms; /* net.mptcp.blackhole_timeout; 0: the kernel looks for none */
};

struct blackhole {
	struct blackhole_facts last;
	bool sampled; /* `last` is of this life of ours */
	bool exact; /* times is known: else connections before us count too */
	bool active;
	bool has_since;
	uint64_t times; /* found since one was accepted */
	uint64_t since_ms, found_ms; /* when the first and the last of these were seen */
};

enum blackhole_news {
	BLACKHOLE_SAME,
	BLACKHOLE_BEGAN,
	BLACKHOLE_ENDED,
};

/* Look again. When it is told depends on how often that is. */
enum blackhole_news blackhole_look(struct blackhole *blackhole, const struct blackhole_facts *facts,
				   uint64_t now_ms);
/* When MPTCP will be on again. False: not off, or not known, because it began before us. */
bool blackhole_until(const struct blackhole *blackhole, uint64_t *ret_until_ms);

#endif
