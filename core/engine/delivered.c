/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "delivered.h"

#include "addr.h"

/* What came so short ago tells that something comes. */
#define RECENT_MS 1000
/* What goes on coming for so long is sent by one who hears us: else a window would be full. */
#define GOES_ON_MS 1000

void delivered_note(struct far *far, uint64_t sent_ms)
{
	if (far && sent_ms > far->delivered_ms)
		far->delivered_ms = sent_ms;
}

static struct voice *find(struct far *far, const struct event_evidence *evidence)
{
	for (size_t i = 0; i < VOICES_MAX; i++)
		if (addr_equal(&far->voices[i].local, &evidence->local) &&
		    addr_equal(&far->voices[i].remote, &evidence->remote))
			return &far->voices[i];
	return NULL;
}

/* One that was free, or said nothing more. */
static struct voice *find_place(struct far *far, uint64_t now_ms)
{
	for (size_t i = 0; i < VOICES_MAX; i++) {
		struct voice *voice = &far->voices[i];

		if (!voice->local.family || now_ms - voice->heard_ms > RECENT_MS ||
		    (voice->heard_ms == voice->since_ms && now_ms > voice->since_ms))
			return voice;
	}
	return NULL;
}

/* Something came, and nothing waits in vain: does it go on, and what is it? */
static void listen_to(struct far *far, const struct event_evidence *evidence, uint64_t now_ms)
{
	struct voice *voice = find(far, evidence);

	if (!voice) {
		voice = find_place(far, now_ms);
		if (!voice)
			return;
		*voice = (struct voice){.local = evidence->local,
					.remote = evidence->remote,
					.since_ms = now_ms,
					.heard_ms = now_ms};
	} else if (voice->delivered != evidence->delivered) {
		voice->heard_ms = now_ms;
		delivered_note(far, now_ms - evidence->ack_age_ms);
	} else if (voice->received != evidence->received) {
		voice->heard_ms = now_ms;
		if (now_ms - voice->since_ms >= GOES_ON_MS)
			delivered_note(far, now_ms - evidence->received_age_ms);
	}
	voice->delivered = evidence->delivered;
	voice->received = evidence->received;
}

void delivered_take(struct far *far, const struct event_evidence *evidence, uint64_t awake_ms,
		    uint64_t now_ms)
{
	bool is_waiting = evidence->unacked || evidence->retransmits;

	/* Nothing waits: what was sent last has arrived. */
	if (!is_waiting && evidence->sent_age_ms <= awake_ms)
		delivered_note(far, now_ms - evidence->sent_age_ms);
	if ((is_waiting && evidence->retransmits) || silence_heard_age(evidence) > RECENT_MS ||
	    (!is_waiting && evidence->sent_age_ms <= RECENT_MS))
		return;
	listen_to(far, evidence, now_ms);
}

void delivered_follow(struct far *far, uint64_t pause_ms)
{
	if (far->delivered_ms - far->run_end_ms > pause_ms)
		far->run_ms = far->delivered_ms;
	far->run_end_ms = far->delivered_ms;
}

void delivered_ask(struct far *far, bool is_asked, uint64_t now_ms)
{
	if (!is_asked)
		far->asked_ms = 0;
	else if (!far->asked_ms)
		far->asked_ms = now_ms;
}

/* Does somebody speak of whom it will soon be known whether he hears us? */
static bool is_open(const struct far *far, uint64_t now_ms)
{
	for (size_t i = 0; i < VOICES_MAX; i++) {
		const struct voice *voice = &far->voices[i];

		if (voice->local.family && now_ms - voice->since_ms < GOES_ON_MS &&
		    (voice->heard_ms > voice->since_ms || now_ms - far->asked_ms < GOES_ON_MS))
			return true;
	}
	return false;
}

bool delivered_is_lost(const struct far *far, uint64_t look_ms, uint64_t now_ms)
{
	return far->asked_ms && look_ms >= far->asked_ms &&
	       look_ms >= far->delivered_ms + RECENT_MS &&
	       now_ms - far->delivered_ms >= far->after_ms / 4 * 3 && !is_open(far, now_ms);
}
