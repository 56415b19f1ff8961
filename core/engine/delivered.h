/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether what leaves by a link arrives. Where that way alone is dead the far side goes on sending, and
 * so it is heard: but it acknowledges nothing of ours. Pure. Part of the engine.
 */
#ifndef CORE_DELIVERED_H
#define CORE_DELIVERED_H

#include "health.h"

/* What was sent by it then has arrived. Accepts NULL. */
void delivered_note(struct far *far, uint64_t sent_ms);
/* What a socket of the link says, one of all there are; nothing it tells is older than `awake_ms`. */
void delivered_take(struct far *far, const struct event_evidence *evidence, uint64_t awake_ms,
		    uint64_t now_ms);
/* Once a tick: since when does the link deliver without a pause as long as that? */
void delivered_follow(struct far *far, uint64_t pause_ms);
/* Is it asked, whether anything arrives? Then since when. */
void delivered_ask(struct far *far, bool is_asked, uint64_t now_ms);
/*
 * Has nothing arrived for so long that it should have been acknowledged? As of a look at all sockets
 * that began then, and no longer ago than that counts.
 */
bool delivered_is_lost(const struct far *far, uint64_t look_ms, uint64_t now_ms);

#endif
