/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blackhole.h"

#define DOUBLINGS_MAX 6

bool blackhole_until(const struct blackhole *blackhole, uint64_t *ret_until_ms)
{
	uint64_t doublings = blackhole->times - 1;

	if (!blackhole->active || !blackhole->has_since || !blackhole->exact)
		return false;
	if (doublings > DOUBLINGS_MAX)
		doublings = DOUBLINGS_MAX;
	*ret_until_ms = blackhole->found_ms + (blackhole->last.timeout_ms << doublings);
	return true;
}

/* One that succeeds makes the kernel begin anew. If both grew, it was before: since, none asks. */
static void take_over(struct blackhole *blackhole, const struct blackhole_facts *facts,
		      uint64_t now_ms)
{
	uint64_t found = facts->found - blackhole->last.found;

	if (facts->accepted != blackhole->last.accepted) {
		blackhole->times = 0;
		blackhole->exact = true;
		blackhole->active = blackhole->has_since = false;
	}
	if (found) {
		if (!blackhole->has_since)
			blackhole->since_ms = now_ms;
		blackhole->has_since = blackhole->active = true;
		blackhole->found_ms = now_ms;
		blackhole->times += found;
	} else if (facts->spared != blackhole->last.spared &&
		   facts->accepted == blackhole->last.accepted) {
		blackhole->active = true;
	}
}

enum blackhole_news blackhole_look(struct blackhole *blackhole, const struct blackhole_facts *facts,
				   uint64_t now_ms)
{
	bool before = blackhole->active;
	uint64_t until_ms;

	if (blackhole->sampled)
		take_over(blackhole, facts, now_ms);
	else
		blackhole->exact = facts->found == 0;
	blackhole->sampled = true;
	blackhole->last = *facts;
	if (facts->timeout_ms == 0 || (blackhole_until(blackhole, &until_ms) && now_ms >= until_ms))
		blackhole->active = blackhole->has_since = false;
	if (blackhole->active == before)
		return BLACKHOLE_SAME;
	return before ? BLACKHOLE_ENDED : BLACKHOLE_BEGAN;
}
