/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "silence.h"

/* Timeouts of one segment, one after the other: the first may be a matter of bad luck, unless it is
 * so long ago. Where round trips varied much the second one may be seconds away. */
#define BACKOFF_MIN 2
#define TRIED_MS 500
/* Round trips, and a second more, that an acknowledgement may take. */
#define ROUND_TRIPS 3
#define ALLOWANCE_MS 1000
/* Before the first timeout TCP tries once by itself, which delays it so much. */
#define PROBED_MS 200

uint64_t silence_waited(const struct event_evidence *evidence)
{
	uint64_t rto_ms = evidence->rto_ms, first_ms = rto_ms >> evidence->backoff;
	uint64_t waited_ms = rto_ms - first_ms;

	if (evidence->next_ms < rto_ms)
		waited_ms += rto_ms - evidence->next_ms;
	waited_ms += 2 * (uint64_t)evidence->rtt_ms + PROBED_MS;
	return evidence->ack_age_ms < waited_ms ? evidence->ack_age_ms : waited_ms;
}

uint32_t silence_tried_age(const struct event_evidence *evidence)
{
	return evidence->retransmits && evidence->next_ms <= evidence->rto_ms
		       ? evidence->rto_ms - evidence->next_ms
		       : UINT32_MAX;
}

uint32_t silence_answer_ms(uint32_t rtt_ms)
{
	return TRIED_MS + ROUND_TRIPS * rtt_ms;
}

/* Were segments sent again, and should that have been answered? */
static bool is_tried(const struct event_evidence *evidence)
{
	return evidence->backoff >= BACKOFF_MIN ||
	       (uint64_t)evidence->next_ms + silence_answer_ms(evidence->rtt_ms) <=
		       evidence->rto_ms;
}

enum silence silence_judge(const struct event_evidence *evidence, uint64_t after_ms,
			   uint64_t awake_ms)
{
	uint64_t limit_ms = ROUND_TRIPS * (uint64_t)evidence->rtt_ms + ALLOWANCE_MS;
	uint64_t silence_ms = silence_waited(evidence);

	if (!evidence->measured || !evidence->unacked || !evidence->retransmits || evidence->probes)
		return SILENCE_NONE;
	if (limit_ms < after_ms)
		limit_ms = after_ms;
	if (awake_ms < silence_ms)
		silence_ms = awake_ms;
	if (!evidence->backoff || silence_ms < limit_ms / 4 * 3)
		return SILENCE_DOUBT;
	return silence_ms < limit_ms || !is_tried(evidence) ? SILENCE_NEARLY : SILENCE_FULL;
}

uint32_t silence_heard_age(const struct event_evidence *evidence)
{
	if (!evidence->measured || evidence->syn_sent)
		return UINT32_MAX;
	return evidence->ack_age_ms < evidence->received_age_ms ? evidence->ack_age_ms
								: evidence->received_age_ms;
}
