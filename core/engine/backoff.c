/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When what failed is tried again. */
#include "engine-private.h"
#include "failure.h"

#define BACK_OFF_FIRST_MS 1000
#define BACK_OFF_MAX_MS 60000
/* A peer that refuses is asked once more soon, then rarely. */
#define REFUSED_FIRST_MS 2000
/* One that closes what it accepted, again and again, more and more rarely. */
#define TURNED_AWAY_MAX_MS 3600000

/* splitmix64: small, and the same everywhere for the same seed. */
static uint64_t next_random(struct engine *engine)
{
	uint64_t z = engine->random += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static uint64_t jitter(struct engine *engine, uint64_t ms)
{
	return ms - ms / 5 + next_random(engine) % (2 * ms / 5 + 1);
}

void backoff_path(struct engine *engine, struct subflow *subflow, uint64_t now_ms)
{
	uint64_t delay = BACK_OFF_MAX_MS;

	subflow->failed = false;
	subflow->refused =
		subflow->turned_away ||
		failure_is_refusal(subflow->error, subflow->has_reset, subflow->reset_reason);
	if (subflow->attempts < UINT8_MAX)
		subflow->attempts++;
	if (subflow->refused && subflow->attempts == 1)
		delay = REFUSED_FIRST_MS;
	else if (subflow->turned_away && subflow->attempts <= 8)
		delay = (uint64_t)BACK_OFF_MAX_MS << (subflow->attempts - 2);
	else if (subflow->turned_away)
		delay = TURNED_AWAY_MAX_MS;
	else if (!subflow->refused && subflow->attempts <= 6)
		delay = (uint64_t)BACK_OFF_FIRST_MS << (subflow->attempts - 1);
	if (delay > TURNED_AWAY_MAX_MS)
		delay = TURNED_AWAY_MAX_MS;
	subflow->due_ms = now_ms + jitter(engine, delay);
}

void backoff_ask(struct connection *connection, uint64_t now_ms)
{
	if (connection->ask_ms > now_ms + RETRY_MIN_MS)
		connection->ask_ms = now_ms + RETRY_MIN_MS;
}
