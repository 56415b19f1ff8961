/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Somebody like NetworkManager, who makes endpoints too, in the histories of test-history.c. */
#ifndef TESTS_HISTORY_OTHERS_H
#define TESTS_HISTORY_OTHERS_H

#include "fake-kernel.h"

#define LINKS 4

struct world {
	struct fake_kernel *fake;
	struct kernel_ops ops;
	struct engine *engine;
	uint64_t now;
	uint32_t next_token;
	struct event_endpoint kept[UINT8_MAX]; /* what on_host told last */
	struct engine_host host;
	/* What somebody like NetworkManager made, by link and family; id 0: nothing. */
	struct event_endpoint others[LINKS + 1][2];
	/*
	 * When the engine last looked at one that he made in the place of its own, which it takes for
	 * the same as far as it then looks the same; 0: that was decided. No command is counted as wrong
	 * until then, and none after it, where it does.
	 */
	uint32_t looked[LINKS + 1][2];
	bool by_hand; /* a person acts, and means it */
	bool tells;
};

extern struct world *world;

void tell(const char *what, uint32_t a, uint32_t b);
/* Each link has one of either family. Freed by the caller. */
char *address_of(uint32_t i, uint32_t family);

/* Makes one, whatever its address is good for, or deletes it. */
void step_other(void);
/* His endpoints are as he made them, whoever was at work meanwhile. */
void check_others(void);
/* A person changed something: what is there now is what he finds. */
void see_others(void);
/* Recorded as the engine's before it was made, and then somebody else was faster: that looks alike. */
void mistake_others(void);
void remove_others(void);
/* His endpoint with that address. NULL: he has none. */
struct event_endpoint *find_other(const struct mptcpd_addr *addr);
/* Of the kernel's endpoint with that address, 0: there is none. */
uint8_t find_id(const struct mptcpd_addr *addr);

#endif
