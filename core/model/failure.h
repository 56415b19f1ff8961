/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joins that failed and that the engine did not ask for: the kernel's path manager did, or a person
 * with another tool. Nobody here tries them again; they are kept so that `explain` can tell. Those
 * the engine asked for are subflows in SUBFLOW_ABSENT.
 */
#ifndef CORE_FAILURE_H
#define CORE_FAILURE_H

#include "model.h"

/* So many a connection remembers, the latest of each pair of addresses. */
#define FAILURES_MAX 8

struct failure {
	struct mptcpd_addr local, remote; /* local.port 0 */
	uint32_t ifindex;
	uint32_t endpoint; /* the serial of the one of its address then, 0: none was known */
	/* Both 0: the peer closed it soon after it had accepted it. */
	uint8_t error, reset, attempts;
};

/* Does a subflow that ended so mean that the peer wants no such subflow? As of an event. */
bool failure_refuses(uint8_t error, uint8_t reset);
/* Did the last attempt end in such a way? */
bool tries_refused(const struct subflow_tries *tries);
/* A subflow that never was established ended with this event, or one that the peer turned away. */
void failure_note(const struct model *model, struct connection *connection,
		  const struct event_subflow *event, uint32_t ifindex);
/* One between these addresses is established. */
void failure_forget(struct connection *connection, const struct mptcpd_addr *local,
		    const struct mptcpd_addr *remote);

#endif
