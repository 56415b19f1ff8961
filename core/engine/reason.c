/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reason.h"

#include <errno.h>

enum {
	PASSES = 1 << 0,
	IS_NO_FAULT = 1 << 1,
};

static const struct {
	const char *name;
	unsigned int is;
} reasons[] = {
	[REASON_NONE] = {0, PASSES | IS_NO_FAULT},
	[REASON_NOT_ESTABLISHED] = {"not-established", PASSES | IS_NO_FAULT},
	[REASON_NO_MPTCP] = {"no-mptcp", IS_NO_FAULT},
	[REASON_FALLBACK] = {"fallback", IS_NO_FAULT},
	[REASON_BLACKHOLE] = {"blackhole", IS_NO_FAULT},
	[REASON_SET_ASIDE] = {"set-aside", IS_NO_FAULT},
	[REASON_DENY_JOIN_ID0] = {"deny-join-id0"},
	[REASON_WITHDRAWN] = {"withdrawn"},
	[REASON_OWN_LIMIT] = {"own-limit"},
	[REASON_POLICY] = {"policy", IS_NO_FAULT},
	[REASON_HELD] = {"held", IS_NO_FAULT},
	[REASON_PLANNED] = {"planned", PASSES | IS_NO_FAULT},
	[REASON_NOT_JOINED] = {"not-joined"},
	[REASON_NO_LISTENER] = {"no-listener"},
	[REASON_PORT_TRANSLATED] = {"port-translated"},
	[REASON_IPV4_ONLY] = {"ipv4-only"},
	[REASON_LINK_DOWN] = {"link-down", PASSES},
	[REASON_NO_CARRIER] = {"no-carrier", PASSES},
	[REASON_NO_ADDRESS] = {"no-address", PASSES},
	[REASON_TENTATIVE] = {"tentative", PASSES},
	[REASON_TEMPORARY] = {"temporary"},
	[REASON_NO_ROUTE] = {"no-route", PASSES},
	[REASON_WRONG_LINK] = {"wrong-link"},
	[REASON_UNBOUND] = {"unbound"},
	[REASON_RP_FILTER] = {"rp-filter"},
	[REASON_SILENT] = {"silent", PASSES},
	[REASON_FOREIGN_ENDPOINT] = {"foreign-endpoint"},
	[REASON_SAME_ADDRESS] = {"same-address"},
	[REASON_NO_PLACE] = {"no-place", PASSES},
	[REASON_ENDPOINT_REFUSED] = {"endpoint-refused", PASSES},
	[REASON_LEAVING] = {"leaving"},
	[REASON_UNANSWERED] = {"unanswered", PASSES},
	[REASON_REFUSED] = {"refused"},
	[REASON_UNKNOWN] = {"unknown"},
};

const char *reason_name(enum reason reason)
{
	return reasons[reason].name;
}

bool reason_passes(enum reason reason)
{
	return reasons[reason].is & PASSES;
}

bool reason_is_fault(enum reason reason)
{
	return !(reasons[reason].is & IS_NO_FAULT);
}

enum reason reason_of_end(uint8_t error, uint8_t reset, bool has_route)
{
	if (reset)
		return REASON_REFUSED;
	switch (error) {
	case 0:
		return REASON_NONE;
	case ECONNREFUSED:
	case ECONNRESET:
		return REASON_REFUSED;
	case ETIMEDOUT:
		return REASON_UNANSWERED;
	case EHOSTUNREACH: /* with a route: the next hop does not answer */
		return has_route ? REASON_UNANSWERED : REASON_NO_ROUTE;
	case ENETUNREACH:
		return REASON_NO_ROUTE;
	case EADDRNOTAVAIL:
		return REASON_NO_ADDRESS;
	case ENODEV:
		return REASON_LINK_DOWN;
	case ENOTCONN:
		return REASON_NOT_ESTABLISHED;
	default:
		return REASON_UNKNOWN;
	}
}
