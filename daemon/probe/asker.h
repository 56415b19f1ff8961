/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks one target by one link, from one address: an echo request (ICMP) where the target has no
 * port, else the beginning of a TCP connection, which any answer, a refusal too, proves the way by
 * and which is taken back at once. Waits for nothing: the loop says when there is an answer.
 */
#ifndef DAEMON_ASKER_H
#define DAEMON_ASKER_H

#include "loop.h"
#include "prober.h"

struct asker;

struct asker *asker_new(struct loop *loop);
/* Closes all it has open. NULL is none. */
void asker_free(struct asker *asker);
/* Who is told, with the slot and 0 or -errno. */
void asker_set_reader(struct asker *asker, void (*on_answer)(void *data, size_t slot, int result),
		      void *data);
/* As ask() and stop() of struct probe_ops. */
int asker_ask(struct asker *asker, size_t slot, const struct probe_link *link,
	      const struct mptcpd_addr *target);
void asker_stop(struct asker *asker, size_t slot);

/* May this process send echo requests? The sysctl net.ipv4.ping_group_range says who may. */
bool asker_can_ping(void);

#endif
