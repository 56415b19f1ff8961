/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a path is not there, or is not as it should be: the words for programs. They are promised in man
 * mptcpctl(1): the list only grows, and no word changes its meaning.
 */
#ifndef CORE_REASON_H
#define CORE_REASON_H

#include <stdbool.h>
#include <stdint.h>

enum reason {
	REASON_NONE,
	/* of the connection */
	REASON_NOT_ESTABLISHED, /* the client has sent nothing yet, or was not answered */
	REASON_NO_MPTCP, /* the peer does not speak it, or something on the way took it out */
	REASON_FALLBACK, /* it was MPTCP, and went on as TCP */
	REASON_BLACKHOLE, /* SYNs with MPTCP get lost on the way, and one without came through */
	REASON_SET_ASIDE, /* its policy crashed or hung, and is not asked */
	/* what was decided, here or by the peer */
	REASON_DENY_JOIN_ID0, /* the peer's C flag */
	REASON_WITHDRAWN, /* the peer took its address back */
	REASON_OWN_LIMIT,
	REASON_POLICY, /* the configuration: a plugin, or a setting */
	REASON_HELD, /* a person deleted it, and it stays so */
	REASON_PLANNED, /* it is about to be made */
	REASON_NOT_JOINED, /* the peer was told of it, and did not join */
	REASON_NO_LISTENER, /* … where a join would be refused, because nobody listens */
	REASON_PORT_TRANSLATED, /* … by a port that a NAT has to lead to another one */
	REASON_IPV4_ONLY, /* it is of IPv6, and the connection of IPv4 alone */
	/* of the address and its link */
	REASON_LINK_DOWN,
	REASON_NO_CARRIER,
	REASON_NO_ADDRESS, /* the link has none, or not this one any more */
	REASON_TENTATIVE, /* duplicate address detection is not done, or failed */
	REASON_TEMPORARY, /* another address of its link is used in its place */
	REASON_NO_ROUTE,
	REASON_WRONG_LINK, /* its packets leave by another link */
	REASON_UNBOUND, /* … because this kernel binds no subflow to its link */
	REASON_RP_FILTER, /* answers are dropped here, by the strict filter */
	REASON_SILENT, /* the far side of the link, or of the subflow, does not answer */
	/* of the kernel's endpoints */
	REASON_FOREIGN_ENDPOINT, /* somebody else's has the address */
	REASON_SAME_ADDRESS, /* that of another link has it */
	REASON_NO_PLACE, /* their table is full */
	REASON_ENDPOINT_REFUSED, /* the kernel did not take it */
	REASON_LEAVING, /* it is to go */
	/* how attempts went */
	REASON_UNANSWERED,
	REASON_REFUSED,
	REASON_UNKNOWN, /* nobody here can know */
	REASONS,
};

/* NULL for REASON_NONE. */
const char *reason_name(enum reason reason);
/* Is a path made by itself when that is over? */
bool reason_passes(enum reason reason);
/*
 * Of a subflow that ended with this errno, or with this reason of a reset, as of struct event_subflow.
 * NONE: it went without either.
 */
enum reason reason_of_end(uint8_t error, uint8_t reset, bool has_route);
/* Did something go wrong? Else it only waits, or was decided so. */
bool reason_is_fault(enum reason reason);

#endif
