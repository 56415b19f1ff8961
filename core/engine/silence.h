/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the evidence of one socket says about its peer. Pure. Part of the engine. */
#ifndef CORE_SILENCE_H
#define CORE_SILENCE_H

#include "event.h"

enum silence {
	SILENCE_NONE, /* nothing is unanswered */
	SILENCE_DOUBT, /* something is, as happens */
	SILENCE_NEARLY, /* for so long that it is worth asking */
	SILENCE_FULL, /* the peer does not answer by this way */
};

/*
 * Judge it: `after_ms` is how long an acknowledgement may be awaited, of a round trip that is not
 * very long; `awake_ms` since when this host has been running, which bounds what it can have missed.
 * A window that is closed is not silence, nor is one who sends nothing.
 */
enum silence silence_judge(const struct event_evidence *evidence, uint64_t after_ms,
			   uint64_t awake_ms);
/*
 * How long what is unanswered has been waiting. One who was idle before it was sent had heard nothing
 * for long, so the age of the last acknowledgement alone says nothing.
 */
uint64_t silence_waited(const struct event_evidence *evidence);
/* How long ago it was sent again last. UINT32_MAX: it was not, or nobody knows. */
uint32_t silence_tried_age(const struct event_evidence *evidence);
/* How long that may take to be answered. */
uint32_t silence_answer_ms(uint32_t rtt_ms);
/* How long ago the peer was heard. UINT32_MAX: not known. */
uint32_t silence_heard_age(const struct event_evidence *evidence);

#endif
